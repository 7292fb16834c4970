"""What goes between tables and DuckDB: names and types that it is given, answers and messages that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.categories import is_ordered
from rowpattern.sql.duckdb.arrow_types import duckdb_type
from rowpattern.sql.duckdb.beyond_arrow import in_arrows_range
from rowpattern.sql.duckdb.call_types import call_types_error
from rowpattern.sql.duckdb.names import lowered, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    import pyarrow as pa

__all__ = ["casts_to", "check_column_names", "message_of", "relation_reader"]


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

    One about the types of a call is told in short.
    """
    # Nor the settings that it could have, which are locked.
    for behind in ("\nLINE ", "\n\nStack Trace:", '\n\nUse "SET '):
        text = text.split(behind, maxsplit=1)[0]
    kind, _, rest = text.partition(": ")
    message = (rest if kind.endswith("Error") else text).strip()
    return call_types_error(message) or message
