"""The answer of a clause: which rows it has, and its columns (ISO/IEC 19075-5, section 4.17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.execute.few_rows import MOST_FEW_ROWS, answer_few_rows
from rowpattern.sql.execute.given_columns import compute_given
from rowpattern.sql.execute.items import Items, Shown
from rowpattern.sql.execute.matching import find_matches
from rowpattern.sql.execute.measures import measure
from rowpattern.sql.execute.pipelined import answer_by_pipeline
from rowpattern.sql.execute.row_symbols import carried_in_order
from rowpattern.sql.execute.sort import sort_partitions
from rowpattern.sql.execute.values_away import compute_values_away
from rowpattern.sql.tables.answers import Answer, AnswerColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.patterns import Matches
    from rowpattern.sql.arrow.arrays import Array, Integers
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.sort import OrderedPartitions, PlacedColumn
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["answer_clause", "answer_of_matches"]


def answer_clause(
    bound: BoundClause, table: Table, database: Database, context: ExecutionContext
) -> tuple[Answer, bool]:
    """Answer one clause over a table; say too whether its rows had to be sorted.

    Takes time linear in the rows (O(n log n) where they have to be sorted) and in what the answer has.

    Raises:
        QueryError: an expression cannot be computed.
        QueryLimitError: a limit was passed.
        SkipError: AFTER MATCH SKIP has nowhere to go.
    """
    if table.rows <= MOST_FEW_ROWS and (found := answer_few_rows(bound, table, database, context)) is not None:
        return found
    if (answer := answer_by_pipeline(bound, table, database, context)) is not None:
        return answer, False
    with context.step("order", table.rows):
        carried = carried_in_order(bound, table, database, context)
        rows = sort_partitions(table, bound.partition_by, bound.order_by, database, context, carried)
    compute_given(bound, rows, context)
    compute_values_away(bound, rows, database, context)
    matches = find_matches(bound, rows, database, context)
    answer, _ = answer_of_matches(bound, rows, matches, database, context)
    return answer, rows.order is not None


def answer_of_matches(
    bound: BoundClause, rows: OrderedPartitions, matches: Matches, database: Database, context: ExecutionContext
) -> tuple[Answer, Items]:
    """Return a clause's answer where its matches are known, and the items of which it is made.

    Raises:
        QueryError: a measure cannot be computed.
        QueryLimitError: a limit was passed.
    """
    items = Items(matches, _shown(bound), rows, context)
    with context.step("measures", items.count):
        measures = measure(bound, rows, items, database, context)
    with context.step("output", items.count):
        return Answer(_columns(bound, rows, items, measures)), items


def _shown(bound: BoundClause) -> Shown:
    return Shown(
        per_row=bound.rows_shown != "one row",
        empty=bound.rows_shown != "all rows omit empty",
        unmatched=bound.rows_shown == "all rows with unmatched",
    )


def _columns(
    bound: BoundClause, rows: OrderedPartitions, items: Items, measures: Sequence[Array]
) -> list[AnswerColumn]:
    of_rows = items.shown.per_row
    keys = list(bound.partition_by)
    if of_rows:
        seen = {key.column for key in keys}
        for key in bound.order_by:
            if key.column is not None and key.column not in seen:
                seen.add(key.column)
                keys.append(key)
    rest = _Rest(rows, items, bound.rest if of_rows else ())
    placed = [*(rows.placed_key(key) for key in keys), *rest.placed]
    taken = _own_values(rows, items, placed, len(bound.partition_by))
    return [
        *(AnswerColumn(key.name, values, key.column, items.has_made(values)) for key, values in zip(keys, taken)),
        *(
            AnswerColumn(each.name, values, each.expression.origin, items.has_made(values))
            for each, values in zip(bound.measures, measures)
        ),
        *rest.columns(taken[len(keys) :]),
    ]


def _own_values(
    rows: OrderedPartitions, items: Items, columns: Sequence[PlacedColumn], partition_keys: int
) -> list[Array]:
    """Return the values of columns at the items' own rows."""
    first = items.first_row
    # What pandas has can be changed, and so the answer has values of its own.
    if first is not None and rows.table.kind != "pandas":
        return [column.values.slice(first, items.count) for column in columns]
    return items.own_values(columns, partition_keys)


class _Rest:
    """Columns that are only shown.

    Attributes:
        placed: those that are read as Arrow's.
    """

    def __init__(self, rows: OrderedPartitions, items: Items, names: Sequence[str]) -> None:
        self._items = items
        self._table_rows: Integers | None = None
        self._names = names
        native = {name: rows.table.native(name, self._rows_of_table) for name in names}
        self._native = {name: values for name, values in native.items() if values is not None}
        self.placed = [rows.shown(name) for name in names if name not in self._native]

    def _rows_of_table(self) -> Integers:
        # Of Python's objects, too, a row has an address.
        if self._table_rows is None:
            self._table_rows = self._items.table_rows()
        return self._table_rows

    def columns(self, taken: Sequence[Array]) -> list[AnswerColumn]:
        """Return all of them, with the values of those that were read as Arrow's."""
        read = iter(taken)
        columns = []
        for name in self._names:
            native = self._native.get(name)
            values = next(read) if native is None else native
            is_own = native is None and self._items.has_made(values)
            columns.append(AnswerColumn(name, values, name, is_own))
        return columns
