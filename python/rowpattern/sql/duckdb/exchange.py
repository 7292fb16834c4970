"""What goes between tables and DuckDB: names and types that it is given, answers and messages that it gives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rowpattern.counted import counted
from rowpattern.errors import QueryError
from rowpattern.sql.arrow.categories import is_ordered
from rowpattern.sql.duckdb.arrow_types import duckdb_type
from rowpattern.sql.duckdb.beyond_arrow import in_arrows_range
from rowpattern.sql.duckdb.names import lowered, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    import pyarrow as pa

__all__ = ["casts_to", "check_column_names", "message_of", "relation_reader"]

# That a message names.
_MOST_CANDIDATES = 6
_NO_SUCH_CALL = re.compile(r"No function matches the given name and argument types '(\w+)\(.*'(?=\. You might need)")
# Functions that take other arguments elsewhere, and what to write here.
_INSTEAD_OF_CALL = {
    "array_extract": "PREV(x) for the row before, or NEXT(x) for the one behind",
    "date_diff": "date_diff('day', x, y), with the unit in single quotes",
    "date_trunc": "date_trunc('day', x), with the unit in single quotes",
    "datediff": "date_diff('day', x, y), with the unit in single quotes",
    "decode": "CASE x WHEN y THEN z ELSE w END",
}


def relation_reader(relation: duckdb.DuckDBPyRelation, batch_rows: int) -> pa.RecordBatchReader:
    """Return a reader of what a relation gives; DuckDB computes it as it is read."""
    return in_arrows_range(relation).to_arrow_reader(batch_rows)


def check_column_names(names: Sequence[str]) -> None:
    """Refuse columns of which DuckDB would read one for two.

    Raises:
        QueryError: two names differ in the case of letters only.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(lowered(name), name)
        if other != name:
            both = (
                f"the columns {other!r} and {name!r} differ in the case of letters only, and DuckDB takes one for both"
            )
            raise QueryError(f"{both}; give one another name, to read them in SQL around a clause or as a stream")


def casts_to(table: pa.Table, types: Mapping[str, str]) -> str | None:
    """Return what to select from a table so that columns have these types; None where they have them."""
    lost = {
        field.name: types[field.name]
        for field in table.schema
        if field.name in types and not is_ordered(field.type) and duckdb_type(field.type) != types[field.name]
    }
    if not lost:
        return None
    return ", ".join(
        f"CAST({quoted(name)} AS {lost[name]}) AS {quoted(name)}" if name in lost else quoted(name)
        for name in table.column_names
    )


def message_of(text: str) -> str:
    """Return DuckDB's message without its excerpt, of a text that the caller did not write, and its stack trace.

    Of the functions that could be meant the first few are named: `+` has dozens. Where another one is
    meant, only that one is named.
    """
    text = text.split("\nLINE ", maxsplit=1)[0].split("\n\nStack Trace:", maxsplit=1)[0]
    kind, _, rest = text.partition(": ")
    message = (rest if kind.endswith("Error") else text).strip()
    found = _NO_SUCH_CALL.match(message)
    if found is not None and found[1] in _INSTEAD_OF_CALL:
        return f"{found[0]}; write {_INSTEAD_OF_CALL[found[1]]}"
    before, words, listed = message.partition("\tCandidate functions:\n")
    candidates = listed.split("\n")
    if len(candidates) <= _MOST_CANDIDATES:
        return message
    left = counted(len(candidates) - _MOST_CANDIDATES, "other")
    return "\n".join([before + words.rstrip("\n"), *candidates[:_MOST_CANDIDATES], f"\tand {left}"])
