"""Rows that wait for the watermark, in runs that are sorted by the first key of ORDER BY.

A push is one run. A heap finds the runs that have rows below a watermark without looking at others; of these runs,
those of about the same size are merged where there are many, so that each row is copied a logarithmic number of times,
and rows that come in order are never merged. Nothing changes before `commit`.
"""

from __future__ import annotations

import contextlib
import heapq
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern.continuous_query.row_batches import batch_bytes
from rowpattern.errors import QueryLimitError
from rowpattern.sql.arrow.arrays import from_numpy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rowpattern.continuous_query.event_keys import KeyNumbers
    from rowpattern.sql.arrow.arrays import Booleans, Integers

__all__ = ["ReleasedRows", "SortedRun", "UnreleasedRows", "sorted_run"]

# Runs of a size class that a release goes through before they become one.
_MOST_RUNS_OF_A_SIZE = 8
# A run of which less than this part is left is copied, so that what was released is freed.
_LEAST_LIVE_PART = 4


class SortedRun(NamedTuple):
    """Rows in the order of their keys, those of one key as they arrived.

    Attributes:
        keys: their numbers (`EventKey.numbers`), rising.
        arrivals: their numbers among all rows that were taken.
        rows: the rows.
        row_bytes: how many bytes a row has, on average over the push that it came with.
    """

    keys: KeyNumbers
    arrivals: Integers
    rows: pa.RecordBatch
    row_bytes: float

    def sliced(self, begin: int, end: int) -> SortedRun:
        """Return some of the rows, which are not copied."""
        return self._replace(
            keys=self.keys[begin:end], arrivals=self.arrivals[begin:end], rows=self.rows.slice(begin, end - begin)
        )

    def taken(self, places: Integers) -> SortedRun:
        """Return rows at these places, copied."""
        rows = self.rows.take(from_numpy(places))
        return SortedRun(self.keys[places], self.arrivals[places], rows, self.row_bytes)

    @property
    def size_bytes(self) -> float:
        """How many bytes the rows have, about."""
        return self.row_bytes * len(self.keys)


class ReleasedRows(NamedTuple):
    """What is released: the rows, and what stays of each run that they are taken from."""

    rows: SortedRun | None
    left: list[SortedRun]


def sorted_run(keys: KeyNumbers, arrivals: Integers, rows: pa.RecordBatch, *, in_order: bool) -> SortedRun:
    """Make a run of rows as they arrived; they are copied.

    Args:
        keys: their numbers.
        arrivals: their numbers among all rows, rising.
        rows: the rows.
        in_order: whether the keys rise.
    """
    run = SortedRun(keys, arrivals, rows, batch_bytes(rows) / max(1, len(keys)))
    return run.taken(np.arange(len(keys)) if in_order else np.argsort(keys, kind="stable"))


class UnreleasedRows:
    """Runs of rows that wait.

    Attributes:
        count: how many rows there are.
    """

    def __init__(self, schema: pa.Schema) -> None:
        """Begin without rows."""
        self.count = 0
        self._size_bytes = 0.0
        self._schema = schema
        # The first key of each run, a number that tells equal ones apart, and the run.
        self._heap: list[tuple[Any, int, SortedRun]] = []
        self._made = 0

    @property
    def size_bytes(self) -> int:
        """How many bytes the rows have, about."""
        return max(0, int(self._size_bytes))

    def below(self, bound: float | None, added: SortedRun | None) -> ReleasedRows:
        """Find the rows whose keys are below a bound, among those that wait and a run that is to be added.

        Args:
            bound: None for all rows.
            added: the run; it is not added yet.

        Takes time in proportion to the rows found and the logarithms of the runs that have some.
        """
        runs = self._runs_below(bound)
        if added is not None and len(added.keys):
            runs.append(added)
        parts: list[SortedRun] = []
        left: list[SortedRun] = []
        for run in runs:
            end = len(run.keys) if bound is None else int(np.searchsorted(run.keys, bound))
            if end:
                parts.append(run.sliced(0, end))
            if end < len(run.keys):
                left.append(run.sliced(end, len(run.keys)) if end else run)
        return ReleasedRows(_merged(parts, self._schema), _fewer_runs(left, self._schema))

    def size_bytes_after(self, bound: float | None, found: ReleasedRows) -> int:
        """Return how many bytes there are behind `commit`."""
        if not self._heap and not found.left:
            return 0
        gone = sum(run.size_bytes for run in self._runs_below(bound))
        return max(0, int(self._size_bytes - gone + sum(run.size_bytes for run in found.left)))

    def commit(self, bound: float | None, found: ReleasedRows) -> None:
        """Let go of rows that `below` has found for this bound, and take the run that was to be added."""
        while self._heap and (bound is None or self._heap[0][0] < bound):
            self._forget(heapq.heappop(self._heap)[2])
        for run in found.left:
            self._add(run)

    def where(self, chosen: Callable[[pa.RecordBatch], Booleans]) -> ReleasedRows:
        """Find the rows that a function chooses; `commit` with None as the bound lets go of them."""
        parts: list[SortedRun] = []
        left: list[SortedRun] = []
        for _, _, run in sorted(self._heap, key=lambda each: each[:2]):
            flags = chosen(run.rows)
            for rows, places in ((parts, np.flatnonzero(flags)), (left, np.flatnonzero(~flags))):
                if len(places):
                    rows.append(run.taken(places))
        return ReleasedRows(_merged(parts, self._schema), _fewer_runs(left, self._schema))

    def by_arrival(self) -> SortedRun | None:
        """Return all rows in the order in which they arrived; None where there are none."""
        found = _joined([run for _, _, run in self._heap], self._schema)
        return None if found is None else found.taken(np.argsort(found.arrivals, kind="stable"))

    def _runs_below(self, bound: float | None) -> list[SortedRun]:
        if bound is None:
            return [run for _, _, run in self._heap]
        found = []
        heap, places = self._heap, [0]
        while places:
            at = places.pop()
            if at < len(heap) and heap[at][0] < bound:
                found.append(heap[at][2])
                places += (2 * at + 1, 2 * at + 2)
        return found

    def _add(self, run: SortedRun) -> None:
        self._made += 1
        heapq.heappush(self._heap, (run.keys[0].item(), self._made, run))
        self.count += len(run.keys)
        self._size_bytes += run.size_bytes

    def _forget(self, run: SortedRun) -> None:
        self.count -= len(run.keys)
        self._size_bytes -= run.size_bytes


def _joined(runs: Sequence[SortedRun], schema: pa.Schema) -> SortedRun | None:
    """Return the rows of several runs in one, one run after another."""
    if not runs:
        return None
    if len(runs) == 1:
        return runs[0]
    rows = pa.Table.from_batches([run.rows for run in runs], schema).combine_chunks().to_batches()
    if len(rows) > 1:
        # An array of the type string has 2 GiB of text at most.
        message = "rows that wait for the watermark have more than 2 GiB of text in a column"
        raise QueryLimitError(f"{message}; call advance() more often, or cast the column to large_string")
    keys = np.concatenate([run.keys for run in runs])
    row_bytes = sum(run.size_bytes for run in runs) / len(keys)
    return SortedRun(keys, np.concatenate([run.arrivals for run in runs]), rows[0], row_bytes)


def _merged(runs: Sequence[SortedRun], schema: pa.Schema) -> SortedRun | None:
    found = _joined(runs, schema)
    if found is None or len(runs) == 1:
        return found
    return found.taken(np.lexsort((found.arrivals, found.keys)))


def _fewer_runs(runs: Sequence[SortedRun], schema: pa.Schema) -> list[SortedRun]:
    """Merge runs of which there are many of about the same size, and copy what is a small part of its memory."""
    by_size: dict[int, list[SortedRun]] = {}
    for run in runs:
        by_size.setdefault(len(run.keys).bit_length() // 3, []).append(run)
    found: list[SortedRun] = []
    for size in sorted(by_size):
        same = by_size[size]
        merged = None
        if len(same) > _MOST_RUNS_OF_A_SIZE:
            # Runs that are too large to be one stay apart.
            with contextlib.suppress(QueryLimitError):
                merged = _merged(same, schema)
        if merged is None:
            found += [_compact(run) for run in same]
        else:
            found.append(merged)
    return found


def _compact(run: SortedRun) -> SortedRun:
    base = run.keys.base
    whole = len(base) if isinstance(base, np.ndarray) else len(run.keys)
    return run.taken(np.arange(len(run.keys))) if len(run.keys) * _LEAST_LIVE_PART < whole else run
