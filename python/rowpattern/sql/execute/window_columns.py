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
from rowpattern.sql.execute.window_frames import FramedMatches, matches_of_frames
from rowpattern.sql.records import replace
from rowpattern.sql.tables.inputs import Table
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rowpattern._core import Matches
    from rowpattern.sql.arrow.arrays import Array, Integers
    from rowpattern.sql.bind.references import Reference
    from rowpattern.sql.bind.window import BoundWindow
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["WindowColumns", "window_columns"]


class WindowColumns(NamedTuple):
    """Columns in the table's order.

    Attributes:
        measures: by their names; NULL where a row has no match.
        partition: the number of each row's partition.
        position: the number of each row in the order of partitions.
        first: how many rows behind each row its match begins, and more than `last` where the match has no rows, or
            there is none.
        last: how many rows behind each row its match has its last row.
        seen: the table that the window's expressions read.
        was_sorted: whether its rows had to be sorted.
        frame_rows: how many rows all frames have together, where each is matched by itself; None where matches are
            found in the rows as they are.
    """

    measures: dict[str, Array]
    partition: pa.Array
    position: pa.Array
    first: pa.Array
    last: pa.Array
    seen: Table
    was_sorted: bool
    frame_rows: int | None


def window_columns(
    window: BoundWindow, table: Table, measures: Sequence[str], database: Database, context: ExecutionContext
) -> WindowColumns:
    """Compute what a window gives.

    Args:
        window: with its names looked up.
        table: the rows that it sees.
        measures: which of its measures are called; the others are not computed.
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
    context.hold(6 * 8 * rows.count)
    frame_rows = None
    if window.in_place:
        rows = _with_positions(rows, context)
        found = _in_place(window, rows, database, context)
    else:
        last = _last_rows(window, rows, database)
        frame_rows = int((last - np.arange(rows.count) + 1).sum())
        found = matches_of_frames(window, rows, last, database, context)
    with context.step("output", rows.count):
        return _spread(found, rows, context)._replace(frame_rows=frame_rows)


def _with_positions(rows: OrderedPartitions, context: ExecutionContext) -> OrderedPartitions:
    """Return the rows with a column of their numbers, which conditions may read that see a frame alone."""
    position = np.arange(rows.count, dtype=np.int64)
    if rows.order is not None:
        position = np.empty(rows.count, dtype=np.int64)
        position[rows.order] = np.arange(rows.count, dtype=np.int64)
    columns = {name: rows.table.column(name) for name in rows.table.names}
    return OrderedPartitions(
        Table(pa.table({**columns, POSITION: from_numpy(position)})), context, rows.order, rows.starts
    )


class _ItemsInFrames(Items):
    """Matches of which each is seen from a frame that begins at the match's first row."""

    def read(self, wanted: Iterable[Reference]) -> dict[Reference, Array]:
        """Read references; what is before the frame is NULL."""
        found = super().read(wanted)
        for item in list(found):
            if isinstance(item, (Value, RowExists)) and item.at.rows < 0:
                found[item] = self._within(item, found[item])
        return found

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
    if window.in_layers is not None:
        pattern = bound.compiled()
        layers = pattern._layered(window.layers)  # noqa: SLF001 - the extension's, for this
        found = find_matches(window.in_layers, rows, database, context, layers)
        matches = found._of_layers(pattern)  # noqa: SLF001 - the same
    else:
        matches = find_matches(bound, rows, database, context)
    items = _ItemsInFrames(matches, Shown(per_row=False), rows, context)
    start, end = np.asarray(matches.start).astype(np.int64), np.asarray(matches.end).astype(np.int64)
    match = np.full(rows.count, -1, dtype=np.int64)
    if window.seek:
        _seek(window, rows, matches, match)
    else:
        match[start] = np.arange(len(start), dtype=np.int64)
    with context.step("measures", items.count):
        measures = measure(bound, rows, items, database, context)
    return FramedMatches(match, start, end, dict(zip((each.name for each in bound.measures), measures)))


def _seek(window: BoundWindow, rows: OrderedPartitions, matches: Matches, match: Integers) -> None:
    """Note for each row from which a match is sought and found the number of that match."""
    mode, variable = window.bound.skip
    start, end = np.asarray(matches.start).astype(np.int64), np.asarray(matches.end).astype(np.int64)
    if not len(start):
        return
    partition = np.asarray(matches.partition).astype(np.int64)
    if mode == "to next row":
        every = np.arange(rows.count, dtype=np.int64)
        # The first match that begins at the row or behind it.
        found = np.searchsorted(start, every)
        there = found < len(start)
        found[~there] = 0
        there &= start[found] < rows.ends[np.searchsorted(rows.starts, every, side="right") - 1]
        match[there] = found[there]
        return
    begins = rows.starts[partition].astype(np.int64)
    behind = np.where(end > start, end, start + 1)
    if variable:
        members = window.bound.subset.get(variable, (variable,))
        options: Any = {"first": mode == "to first"}
        target = pa.array(matches.navigate(members, **options)).fill_null(0)
        behind = np.where(end > start, np.asarray(target).astype(np.int64), behind)
    follows = partition[1:] == partition[:-1]
    begins[1:][follows] = behind[:-1][follows]
    match[begins] = np.arange(len(start), dtype=np.int64)


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


def _spread(found: FramedMatches, rows: OrderedPartitions, context: ExecutionContext) -> WindowColumns:
    """Give each row of the table what its match has."""
    here = np.arange(rows.count, dtype=np.int64)
    number = np.searchsorted(rows.starts, here, side="right") - 1
    matched = found.match >= 0
    of_row = found.match[matched]
    first, last = np.ones(rows.count, dtype=np.int64), np.zeros(rows.count, dtype=np.int64)
    full = np.zeros(rows.count, dtype=bool)
    full[matched] = found.end[of_row] > found.start[of_row]
    of_full = found.match[full]
    first[full] = found.start[of_full] - here[full]
    last[full] = found.end[of_full] - 1 - here[full]

    def in_table(values: Integers) -> Integers:
        if rows.order is None:
            return values
        moved = np.empty_like(values)
        moved[rows.order] = values
        return moved

    match = in_table(found.match)
    places = from_numpy(match, match < 0)
    measures: dict[str, Array] = {name: take_values(context, values, places) for name, values in found.measures.items()}
    return WindowColumns(
        measures,
        partition=from_numpy(in_table(number)),
        position=from_numpy(in_table(here)),
        first=from_numpy(in_table(first)),
        last=from_numpy(in_table(last)),
        seen=rows.table,
        was_sorted=rows.order is not None,
        frame_rows=None,
    )
