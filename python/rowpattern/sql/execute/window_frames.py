"""Frames of a window, each matched as a partition of its own.

So a row pattern sees nothing outside of its frame, whatever its conditions and measures read. It takes time in
proportion to the rows of all frames. Some frames are matched at a time, so that memory is bounded; those of rows that a
match before them skips are left out of the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern.errors import SkipError
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.chunks import take_values
from rowpattern.sql.execute.items import Items, Shown
from rowpattern.sql.execute.matching import find_matches
from rowpattern.sql.execute.measures import measure
from rowpattern.sql.execute.sort import OrderedPartitions
from rowpattern.sql.execute.values_away import compute_values_away
from rowpattern.sql.execute.within import latest_ends
from rowpattern.sql.records import replace
from rowpattern.sql.tables.table import Table

if TYPE_CHECKING:
    from rowpattern._core import Matches
    from rowpattern.sql.arrow.arrays import Array, Integers
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.bind.window import BoundWindow
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["FramedMatches", "matches_of_frames"]

# The rows of frames that are matched together: some megabytes for each column that is read.
_ROWS_TOGETHER = 1 << 20
_MATCHES_BETWEEN_LOOKS = 4096

_HUGE = pa.decimal128(38, 0)


class FramedMatches(NamedTuple):
    """The matches of a window's rows, all in the order of partitions.

    Attributes:
        rows: those that have a match, in ascending order.
        match: for each of these the number of its match; None where it is the row's own number among them.
        start: for each match its first row.
        end: for each match the row behind its last.
        measures: for each match the values of the measures, by their names.
    """

    rows: Integers
    match: Integers | None
    start: Integers
    end: Integers
    measures: dict[str, Array]


def matches_of_frames(
    window: BoundWindow, rows: OrderedPartitions, last: Integers, database: Database, context: ExecutionContext
) -> FramedMatches:
    """Match the frame of each row that no match before it skips.

    Args:
        window: with its names looked up.
        rows: the table's rows in order.
        last: the last row of each row's frame.
        database: the query's connection.
        context: the limits of the query.

    Raises:
        What `window_columns` raises.
    """
    return _Frames(window, rows, last, database, context).found()


class _Frames:
    def __init__(
        self,
        window: BoundWindow,
        rows: OrderedPartitions,
        last: Integers,
        database: Database,
        context: ExecutionContext,
    ) -> None:
        bound = window.bound
        # A match begins at the frame's first row; with SEEK the first match of the frame counts.
        pattern = bound.pattern if window.seek else f"^ ({bound.pattern}\n)"
        self._bound: BoundClause = replace(bound, pattern=pattern, skip=("past last row", ""), within=None)
        self._skip = bound.skip
        # WITHIN is looked at once, in the rows as they are.
        self._ends = latest_ends(bound, rows, database, context)
        self._rows = rows
        self._last = last
        self._database = database
        self._context = context
        self._reads = _columns_read(bound) or rows.table.names[:1]
        self._matched_rows: list[Integers] = []
        self._match_starts: list[Integers] = []
        self._match_ends: list[Integers] = []
        self._measures: list[list[Array]] = []

    def found(self) -> FramedMatches:
        """Match all frames."""
        rows = self._rows.count
        begin = 0
        while begin < rows:
            self._context.check()
            begin = self._matched(begin, self._together(begin))
        if not self._measures:
            self._matched(0, 0)
        names = [each.name for each in self._bound.measures]
        measures = {name: _joined([some[at] for some in self._measures]) for at, name in enumerate(names)}
        nothing = [np.zeros(0, dtype=np.int64)]
        matched, start, end = (
            np.concatenate(each or nothing) for each in (self._matched_rows, self._match_starts, self._match_ends)
        )
        return FramedMatches(matched, None, start, end, measures)

    def _together(self, begin: int) -> int:
        """Return the row behind the last of those whose frames are matched together with that of `begin`."""
        most = min(self._rows.count, begin + _ROWS_TOGETHER)
        sizes = self._last[begin:most] - np.arange(begin, most) + 1
        return begin + max(1, int(np.searchsorted(np.cumsum(sizes), _ROWS_TOGETHER, side="right")))

    def _matched(self, begin: int, behind: int) -> int:
        """Match the frames of some rows; return the first row behind them that is not skipped."""
        context = self._context
        first = np.arange(begin, behind, dtype=np.int64)
        sizes = self._last[begin:behind] - first + 1
        starts = np.cumsum(sizes) - sizes
        total = int(sizes.sum())
        held = context.held_bytes
        context.hold(4 * 8 * total)
        order = np.arange(total, dtype=np.int64) + np.repeat(first - begin - starts, sizes)
        reach = int(self._last[begin:behind].max()) + 1 if behind > begin else begin
        columns = {name: self._rows.column(name).slice(begin, reach - begin) for name in self._reads}
        # One frame after another: a row is in several of them.
        frames = OrderedPartitions(Table(pa.table(columns)), context, order, starts)
        if self._bound.away:
            # A row has other values before it in each frame that it is in, so that it has to be there as often.
            taken = {name: take_values(context, values, from_numpy(order)) for name, values in columns.items()}
            context.hold(sum(values.nbytes for values in taken.values()))
            frames = OrderedPartitions(Table(pa.table(taken)), context, None, starts)
            compute_values_away(self._bound, frames, self._database, context)
        ends = None
        if self._ends is not None:
            here, there = np.arange(total, dtype=np.int64), order + begin
            behind_frame = np.repeat(self._last[begin:behind] + 1, sizes)
            ends = here + np.minimum(self._ends[there], behind_frame) - there
        matches = find_matches(self._bound, frames, self._database, context, ends=ends)
        items = Items(matches, Shown(per_row=False), frames, context)
        with context.step("measures", items.count):
            measures = measure(self._bound, frames, items, self._database, context)
        following = self._chosen(begin, behind, matches, starts, measures)
        kept = sum(values.nbytes for values in (*3 * [self._match_starts[-1]], *self._measures[-1]))
        # The rest is free again.
        context.release(max(0, context.held_bytes - held - kept))
        return following

    def _chosen(self, begin: int, behind: int, matches: Matches, starts: Integers, measures: list[Array]) -> int:
        """Note the first match of each frame whose row is not skipped."""
        frame, number = np.unique(np.asarray(matches.partition).astype(np.int64), return_index=True)
        rows = begin + frame
        move = rows - starts[frame]
        start = np.asarray(matches.start).astype(np.int64)[number] + move
        end = np.asarray(matches.end).astype(np.int64)[number] + move
        chosen, skipped = self._unskipped(rows, start, end, number, move, matches)
        self._matched_rows.append(rows[chosen])
        self._match_starts.append(start[chosen])
        self._match_ends.append(end[chosen])
        if len(chosen) < len(matches) or not len(matches):
            places = from_numpy(number[chosen].astype(np.int64))
            measures = [take_values(self._context, values, places) for values in measures]
        self._measures.append(measures)
        return max(behind, skipped + 1)

    def _unskipped(  # noqa: PLR0917 - used once
        self, rows: Integers, start: Integers, end: Integers, number: Integers, move: Integers, matches: Matches
    ) -> tuple[Integers, int]:
        """Return which of some rows with a match are not skipped, and the last row that is."""
        mode, variable = self._skip
        every = np.arange(len(rows), dtype=np.int64)
        if mode == "to next row":
            return every, -1
        target = None
        if variable:
            members = self._bound.subset.get(variable, (variable,))
            options: Any = {"first": mode == "to first"}
            places = np.asarray(pa.array(matches.navigate(members, **options)).fill_null(-1)).astype(np.int64)[number]
            target = np.where(places < 0, -1, places + move).tolist()
        skipped = -1
        chosen: list[int] = []
        for at, (row, begins, ends) in enumerate(zip(rows.tolist(), start.tolist(), end.tolist())):
            if not at % _MATCHES_BETWEEN_LOOKS:
                self._context.check()
            if row <= skipped:
                continue
            chosen.append(at)
            if begins == ends:
                skipped = row
            elif target is None:
                skipped = ends - 1
            else:
                skipped = self._target(target[at], begins) - 1
        return np.array(chosen, dtype=np.int64), skipped

    def _target(self, row: int, begins: int) -> int:
        if row < 0:
            problem = "no row of the match is mapped to it"
        elif row == begins:
            problem = "it is at the first row of the match, which would be found again for ever"
        else:
            return row
        raise SkipError(f"AFTER MATCH SKIP has nowhere to go to {self._skip[1]}: {problem}")


def _columns_read(bound: BoundClause) -> list[str]:
    """Return the columns that conditions and measures read."""
    return replace(bound, partition_by=(), order_by=()).reads()


def _joined(parts: list[Array]) -> Array:
    """Return the values of all frames as one column."""
    chunks = [chunk for part in parts for chunk in (part.chunks if isinstance(part, pa.ChunkedArray) else [part])]
    kinds = {part.type for part in parts}
    if kinds == {_HUGE, pa.int64()}:
        # Sums fit into 64 bits in some frames only.
        chunks = [chunk.cast(_HUGE) for chunk in chunks]
        return pa.chunked_array(chunks, _HUGE)
    return pa.chunked_array(chunks, parts[0].type)
