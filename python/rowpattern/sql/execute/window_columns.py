"""What a window with a row pattern gives for each row: its measures, and where its match begins and ends.

Where conditions allow it (`BoundWindow.in_place`) matches are found in the rows as they are, by the two passes that
MATCH_RECOGNIZE takes, in time linear in the rows. Otherwise each frame is matched by itself (`window_frames.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.chunks import take_values
from rowpattern.sql.bind.frame import POSITION
from rowpattern.sql.bind.references import RowExists, Value
from rowpattern.sql.execute.items import Items, Shown
from rowpattern.sql.execute.matching import find_matches
from rowpattern.sql.execute.measures import measure
from rowpattern.sql.execute.sort import OrderedPartitions, key_values, sort_partitions
from rowpattern.sql.execute.values_away import compute_values_away
from rowpattern.sql.execute.window_frames import FramedMatches, matches_of_frames
from rowpattern.sql.records import replace
from rowpattern.sql.tables.table import Table
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern._core import Matches
    from rowpattern.sql.arrow.arrays import Array, Integers
    from rowpattern.sql.bind.references import Reference
    from rowpattern.sql.bind.window import BoundWindow
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["FrameColumns", "WindowColumns", "window_columns"]

# Types of numpy in which values of so many bits are moved.
_INTEGERS: dict[int, Any] = {8: np.dtype("i1"), 16: np.dtype("i2"), 32: np.dtype("i4"), 64: np.dtype("i8")}


class FrameColumns(NamedTuple):
    """What functions over a window's matches need of each row, in the table's order.

    Attributes:
        partition: the number of its partition.
        position: its number in the order of partitions.
        first: how many rows behind it its match begins, and more than `last` where the match has no rows, or there is
            none.
        last: how many rows behind it its match has its last row.
    """

    partition: pa.Array
    position: pa.Array
    first: pa.Array
    last: pa.Array


class WindowColumns(NamedTuple):
    """What a window gives.

    Attributes:
        measures: columns in the table's order, by their names; NULL where a row has no match.
        frames: for functions; None where they are not asked for.
        seen: the table that the window's expressions read.
        was_sorted: whether its rows had to be sorted.
        frame_rows: how many rows all frames have together, where each is matched by itself; None where matches are
            found in the rows as they are.
    """

    measures: dict[str, Array]
    frames: FrameColumns | None
    seen: Table
    was_sorted: bool
    frame_rows: int | None


def window_columns(
    window: BoundWindow,
    table: Table,
    measures: Sequence[str],
    database: Database,
    context: ExecutionContext,
    *,
    framed: bool,
) -> WindowColumns:
    """Compute what a window gives.

    Args:
        window: with its names looked up.
        table: the rows that it sees.
        measures: which of its measures are called; the others are not computed.
        framed: whether functions are called over its matches.
        database: the query's connection.
        context: the limits of the query.

    Raises:
        QueryError: an expression cannot be computed, or a frame has no number of rows.
        QueryLimitError: a limit was passed.
        SkipError: AFTER MATCH SKIP has nowhere to go.
    """
    called = tuple(each for each in window.bound.measures if each.name in measures)
    window = replace(window, bound=replace(window.bound, measures=called))
    bound = window.bound
    with context.step("order", table.rows):
        rows = sort_partitions(table, bound.partition_by, bound.order_by, database, context)
    frame_rows = None
    if window.in_place:
        if POSITION in bound.reads():
            rows = _with_positions(rows, context)
        found = _in_place(window, rows, database, context)
    else:
        last = _last_rows(window, rows, database)
        frame_rows = int((last - np.arange(rows.count) + 1).sum())
        found = matches_of_frames(window, rows, last, database, context)
    with context.step("output", rows.count):
        return _spread(found, rows, context, framed=framed)._replace(frame_rows=frame_rows)


def _with_positions(rows: OrderedPartitions, context: ExecutionContext) -> OrderedPartitions:
    """Return the rows with a column of their numbers, which conditions may read that see a frame alone."""
    context.hold(2 * 8 * rows.count)
    position = _in_table(np.arange(rows.count, dtype=np.int64), rows)
    columns = {name: rows.table.column(name) for name in rows.table.names}
    return OrderedPartitions(
        Table(pa.table({**columns, POSITION: from_numpy(position)})), context, rows.order, rows.starts
    )


class _ItemsInFrames(Items):
    """Matches of which each is seen from a frame that begins at the match's first row."""

    def read_each(self, items: Sequence[Reference]) -> list[Array]:
        """Read references; what is before the frame is NULL."""
        return [
            self._within(item, values) if isinstance(item, (Value, RowExists)) and item.at.rows < 0 else values
            for item, values in zip(items, super().read_each(items))
        ]

    def _within(self, item: Value | RowExists, values: Array) -> Array:
        at = item.at
        (rows,) = self.read_numbers(("row", (at.variables, at.first, at.offset, at.rows, not at.final), False))
        begins = np.asarray(self.matches.start)
        inside = np.asarray(rows.fill_null(-1)) >= begins
        if inside.all():
            return values
        if isinstance(item, RowExists):
            return from_numpy(inside)
        # Taken by their places, as no kernel of Arrow's has a value or NULL for values of every type.
        places = from_numpy(np.arange(len(values), dtype=np.int64), ~inside)
        return take_values(self._context, values, places)


def _in_place(
    window: BoundWindow, rows: OrderedPartitions, database: Database, context: ExecutionContext
) -> FramedMatches:
    """Find matches in the rows as they are."""
    bound = window.bound
    compute_values_away(bound, rows, database, context)
    if window.in_layers is not None:
        pattern = bound.compiled()
        layers = pattern._layered(window.layers)  # noqa: SLF001 - the extension's, for this
        found = find_matches(window.in_layers, rows, database, context, layers)
        matches = found._of_layers(pattern)  # noqa: SLF001 - the same
    else:
        matches = find_matches(bound, rows, database, context)
    items = _ItemsInFrames(matches, Shown(per_row=False), rows, context)
    start, end = np.asarray(matches.start).astype(np.int64), np.asarray(matches.end).astype(np.int64)
    at, number = _sought(window, rows, matches, start, end) if window.seek else (start, None)
    with context.step("measures", items.count):
        measures = measure(bound, rows, items, database, context)
    return FramedMatches(at, number, start, end, dict(zip((each.name for each in bound.measures), measures)))


def _sought(
    window: BoundWindow, rows: OrderedPartitions, matches: Matches, start: Integers, end: Integers
) -> tuple[Integers, Integers | None]:
    """Return the rows from which a match is sought and found, and which that is, as `FramedMatches` has it."""
    mode, variable = window.bound.skip
    if not len(start):
        return start, None
    if mode == "to next row":
        every = np.arange(rows.count, dtype=np.int64)
        # The first match that begins at the row or behind it.
        found = np.searchsorted(start, every)
        there = found < len(start)
        found[~there] = 0
        there &= start[found] < rows.ends[np.searchsorted(rows.starts, every, side="right") - 1]
        return every[there], found[there]
    partition = np.asarray(matches.partition).astype(np.int64)
    begins: Integers = rows.starts[partition].astype(np.int64)
    behind = np.where(end > start, end, start + 1)
    if variable:
        members = window.bound.subset.get(variable, (variable,))
        options: Any = {"first": mode == "to first"}
        target = pa.array(matches.navigate(members, **options)).fill_null(0)
        behind = np.where(end > start, np.asarray(target).astype(np.int64), behind)
    follows = partition[1:] == partition[:-1]
    begins[1:][follows] = behind[:-1][follows]
    return begins, None


def _last_rows(window: BoundWindow, rows: OrderedPartitions, database: Database) -> Integers:
    """Return the last row of each row's frame, in the order of partitions.

    Raises:
        QueryError: the number of rows behind one is not a whole number from 0 on.
    """
    here = np.arange(rows.count, dtype=np.int64)
    last = np.repeat(rows.ends - 1, rows.ends - rows.starts)
    if not window.bounded:
        return last
    if window.following is None:
        near: Integers = np.minimum(here + min(window.rows_following, rows.count), last)
        return near
    key = window.following
    values = (
        rows.table.column(key.column) if key.column is not None else key_values(rows.table, [key], database)[key.sql]
    )
    if not pa.types.is_integer(values.type):
        message = f"the frame's number of rows is of the type {values.type}; it must be a whole number"
        raise error_at(message, key.location, QueryError)
    if values.null_count:
        raise error_at("the frame's number of rows is NULL in some row", key.location, QueryError)
    counts = values.to_numpy()
    if len(counts) and counts.min() < 0:
        raise error_at("the frame's number of rows is below 0 in some row", key.location, QueryError)
    counts = np.minimum(counts, rows.count).astype(np.int64)
    found: Integers = np.minimum(here + (counts if rows.order is None else counts[rows.order]), last)
    return found


def _spread(found: FramedMatches, rows: OrderedPartitions, context: ExecutionContext, *, framed: bool) -> WindowColumns:
    """Give each row of the table what its match has; what is about frames only where it is asked for."""
    at = found.rows if rows.order is None else rows.order[found.rows].astype(np.int64)
    measures: dict[str, Array] = {}
    for name, values in found.measures.items():
        own = values if found.match is None else take_values(context, values, from_numpy(found.match))
        measures[name] = _placed(own, at, rows.count, context)
    frames = None
    if framed:
        context.hold(4 * 8 * rows.count)
        here = np.arange(rows.count, dtype=np.int64)
        number = np.repeat(np.arange(len(rows.starts), dtype=np.int64), rows.ends - rows.starts)
        first, last = np.ones(rows.count, dtype=np.int64), np.zeros(rows.count, dtype=np.int64)
        start, end = (each if found.match is None else each[found.match] for each in (found.start, found.end))
        full = end > start
        first[found.rows[full]] = (start - found.rows)[full]
        last[found.rows[full]] = (end - 1 - found.rows)[full]
        frames = FrameColumns(*(from_numpy(_in_table(each, rows)) for each in (number, here, first, last)))
    return WindowColumns(measures, frames, rows.table, rows.order is not None, None)


def _in_table(values: Integers, rows: OrderedPartitions) -> Integers:
    """Return values of rows in order in the table's order."""
    if rows.order is None:
        return values
    moved = np.empty_like(values)
    moved[rows.order] = values
    return moved


def _placed(values: Array, at: Integers, count: int, context: ExecutionContext) -> Array:
    """Return a column of so many rows with values at some of them, and NULL elsewhere."""
    kind = values.type
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind)
    if not (is_number and isinstance(whole, pa.Array) and len(whole) and kind.bit_width in _INTEGERS):
        places, nowhere = np.zeros(count, dtype=np.int64), np.ones(count, dtype=bool)
        places[at] = np.arange(len(at), dtype=np.int64)
        nowhere[at] = False
        return take_values(context, values, from_numpy(places, nowhere))
    stored = _INTEGERS[kind.bit_width]
    context.hold(count * (kind.bit_width // 8) + count)
    numbers = np.frombuffer(whole.buffers()[1], dtype=stored)[whole.offset : whole.offset + len(whole)]
    column, nulls = np.zeros(count, dtype=stored), np.ones(count, dtype=bool)
    column[at] = numbers
    nulls[at] = np.asarray(whole.is_null())
    return from_numpy(column, nulls).view(kind)
