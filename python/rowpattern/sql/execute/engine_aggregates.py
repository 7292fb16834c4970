"""Aggregates over rows of matches that the engine computes, as it keeps them while matching."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.execute.engine_columns import engine_column, query_column
from rowpattern.sql.expression import typed
from rowpattern.sql.expression.typed import INSTANTS, engine_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.bind.references import Aggregate, Reference
    from rowpattern.sql.execute.items import Items
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.typed_clause import TypedClause
    from rowpattern.sql.execute.typed_records import TypedAggregate

__all__ = ["engine_aggregates", "is_by_engine"]


class _Argument(NamedTuple):
    """What an aggregate takes of a row.

    Attributes:
        column: the table's.
        type: DuckDB's, as which its values are read.
    """

    column: str
    type: str


def engine_aggregates(
    aggregates: Mapping[str, Aggregate], together: TypedClause, rows: OrderedPartitions, items: Items
) -> dict[Reference, Array]:
    """Compute the aggregates that the engine can; others are left out, and all of them where a value has an error.

    Args:
        aggregates: by the names of their references.
        together: the clause's expressions with types.
        rows: the table.
        items: what gets the values.
    """
    calls: list[tuple[str, int | None, tuple[str, ...] | None, bool, str]] = []
    columns: dict[tuple[str, str], tuple[str, pa.ChunkedArray, bool]] = {}
    known: list[tuple[Aggregate, TypedAggregate]] = []
    for name, item in aggregates.items():
        found = together.aggregates.get(name)
        argument = None if found is None else _argument(item, found)
        if found is None or item.of_rows is None or not is_by_engine(item, found):
            continue
        number = None
        if argument is not None:
            placed = rows.placed(argument.column)
            kind = engine_type(argument.type) or argument.type
            columns.setdefault(argument, (kind, engine_column(placed.values, argument.type), placed.through_order))
            number = list(columns).index(argument)
        calls.append(
            (found.function or "", number, item.of_rows.variables, not item.final, engine_type(found.type) or "")
        )
        known.append((item, found))
    if not calls:
        return {}
    try:
        values = items.aggregate(calls, list(columns.values()))
    except QueryLimitError:
        raise
    except (QueryError, pa.ArrowInvalid):
        # DuckDB says what is wrong with a value, or has room for it.
        return {}
    return {
        item: query_column(
            column, found.type or "", together.labels.get(found.type or "", ()), found.whole.named or found.whole.zone
        )
        for (item, found), column in zip(known, values)
    }


def is_by_engine(item: Aggregate, found: TypedAggregate) -> bool:
    """Say whether the engine computes an aggregate of a measure."""
    if item.of_rows is None or found.function is None or engine_type(found.type) is None:
        return False
    if found.key is not None or found.separator is not None or found.distinct:
        # Measures are read by single columns, and texts of many matches are DuckDB's to keep.
        return False
    # What timestamps of several zones are called is for DuckDB's way to say.
    if found.type in INSTANTS and found.whole.named is None:
        return False
    return found.argument is None or _argument(item, found) is not None


def _argument(item: Aggregate, found: TypedAggregate) -> _Argument | None:
    """Return what an aggregate takes of a row, where that is the value of a column."""
    node = None if found.argument is None else found.argument.native
    if (
        isinstance(node, typed.Call)
        and node.name == "cast"
        and (node.type, node.arguments[0].type) == ("DOUBLE", "FLOAT")
    ):
        # The engine adds them as doubles.
        node = node.arguments[0]
    if not isinstance(node, typed.Reference) or item.of_rows is None:
        return None
    column = item.of_rows.columns.get(node.name)
    return None if column is None else _Argument(column, node.type)
