"""The answer of a clause: which rows it has, and its columns (ISO/IEC 19075-5, section 4.17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.chunks import take_numbers, take_values
from rowpattern.sql.execute.matching import find_matches
from rowpattern.sql.execute.measures import Items, measure
from rowpattern.sql.execute.sort import sort_partitions
from rowpattern.sql.records import Record
from rowpattern.sql.runtime.threads import in_threads
from rowpattern.sql.tables.answers import Answer, AnswerColumn

if TYPE_CHECKING:
    import pyarrow as pa

    from rowpattern.sql.arrow.arrays import Array, Integers
    from rowpattern.sql.bind.bound import BoundClause, Key
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.inputs import Table
    from rowpattern.sql.tables.pandas_values import PandasValues

__all__ = ["answer_clause"]


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
    with context.step("order", table.rows):
        rows = sort_partitions(table, bound.partition_by, bound.order_by, database, context)
    matched = find_matches(bound, rows, database, context)
    per_row = bound.rows_shown != "one row"
    items = Items(matched, context, per_row=per_row)
    with context.step("measures", items.count):
        measures = measure(bound, rows, items, database, context)
    with context.step("output", items.count):
        columns = (
            _all_rows(bound, rows, items, measures, context)
            if per_row
            else _one_row(bound, rows, matched.start, measures)
        )
        answer = Answer(in_threads(context.threads, lambda column: column.take(context), columns, items.count))
    return answer, rows.order is not None


class _Column(Record):
    """A column of the answer before its rows are taken.

    Attributes:
        values: what they are taken from.
        at: which; None for all, in order.
    """

    name: str
    values: Array | PandasValues
    at: pa.Array | None
    origin: str | None

    def take(self, context: ExecutionContext) -> AnswerColumn:
        values = self.values if self.at is None else take_values(context, self.values, self.at)
        return AnswerColumn(self.name, values, self.origin)


def _key_column(key: Key, rows: OrderedPartitions, at: pa.Array) -> _Column:
    return _Column(key.name, rows.key(key), at, key.column)


def _one_row(bound: BoundClause, rows: OrderedPartitions, start: Integers, measures: list[Array]) -> list[_Column]:
    at = from_numpy(start)
    return [_key_column(key, rows, at) for key in bound.partition_by] + _measure_columns(bound, measures, None)


def _measure_columns(bound: BoundClause, measures: list[Array], shown: pa.Array | None) -> list[_Column]:
    return [_Column(each.name, values, shown, each.expression.origin) for each, values in zip(bound.measures, measures)]


def _all_rows(
    bound: BoundClause, rows: OrderedPartitions, items: Items, measures: list[Array], context: ExecutionContext
) -> list[_Column]:
    shown, row, without = _shown(bound, rows, items, context)
    run_rows = from_numpy(row)
    at = None if shown is None else from_numpy(shown, shown < 0) if without else from_numpy(shown)
    columns = [_key_column(key, rows, run_rows) for key in bound.partition_by]
    seen = {key.column for key in bound.partition_by}
    for key in bound.order_by:
        if key.column is not None and key.column not in seen:
            seen.add(key.column)
            columns.append(_key_column(key, rows, run_rows))
    columns += _measure_columns(bound, measures, at)
    return columns + [_rest_column(name, rows, row, context) for name in bound.rest]


def _rest_column(name: str, rows: OrderedPartitions, at: Integers, context: ExecutionContext) -> _Column:
    def places() -> Integers:
        # Of Python's objects, too, a row has an address.
        context.check()
        context.hold(8 * len(at))
        return at if rows.order is None else rows.order[at]

    native = rows.table.native(name, places)
    if native is not None:
        return _Column(name, native, None, name)
    return _Column(name, rows.column(name), from_numpy(at), name)


def _shown(
    bound: BoundClause, rows: OrderedPartitions, items: Items, context: ExecutionContext
) -> tuple[Integers | None, Integers, bool]:
    """Say which items are shown, in order.

    Returns:
        the items (-1 for a row of no match; None for all, in order), the input's row of each, and whether there are
        rows of no match. Both are held.
    """
    matched = items.matched
    row = items.row()
    matched_rows = matched.row_count
    excludes = bound.compiled().has_exclusion
    plain = bound.rows_shown == "all rows" or (bound.rows_shown == "all rows omit empty" and not len(items.empty))
    if plain and not len(items.empty) and not excludes:
        return None, row, False
    context.hold(9 * items.count)
    kept = np.ones(items.count, dtype=bool)
    if bound.rows_shown == "all rows omit empty":
        kept[matched_rows:] = False
    if excludes:
        kept[:matched_rows] &= ~np.asarray(matched.matches.rows.excluded)
    shown = np.flatnonzero(kept)
    unmatched: Integers = np.zeros(0, dtype=np.int64)
    if bound.rows_shown == "all rows with unmatched":
        context.hold(9 * rows.count)
        free = np.ones(rows.count, dtype=bool)
        free[row] = False
        unmatched = np.flatnonzero(free)
    empty_shown = bool(kept[matched_rows:].any())
    if not empty_shown and not len(unmatched):
        context.check()
        return (None if len(shown) == items.count else shown), take_numbers(context, row, shown), False
    # Matches come in the order of their first rows; a row of no match, and an empty match, at its own row.
    context.hold(3 * 8 * (len(shown) + len(unmatched)))
    begins = np.concatenate(
        [take_numbers(context, matched.start, take_numbers(context, items.match, shown)), unmatched]
    )
    context.check()
    order = np.argsort(begins, kind="stable")
    every = take_numbers(context, np.concatenate([shown, np.full(len(unmatched), -1, dtype=np.int64)]), order)
    return (
        every,
        take_numbers(context, np.concatenate([take_numbers(context, row, shown), unmatched]), order),
        bool(len(unmatched)),
    )
