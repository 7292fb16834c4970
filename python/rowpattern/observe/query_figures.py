"""Figures of the queries of this process, added up as they end: what metrics and health show.

Adding starts with `add_up_queries`, which whatever shows them calls, and takes some microseconds a query from then on.
The text of a query is in none of them.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from rowpattern.sql.runtime.reports import FAILURES, observe_queries

if TYPE_CHECKING:
    from rowpattern.sql.runtime.reports import QueryReport

__all__ = ["BOUNDS", "Histogram", "QueryTotals", "add_up_queries", "recent_queries"]

#: Upper bounds of the buckets of histograms, in seconds; one more bucket has none.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

# Recent is what has ended in so many pieces of so many seconds.
_PIECES = 30
_PIECE_SECONDS = 10.0


class Histogram:
    """Durations by size."""

    def __init__(self) -> None:
        """Begin without any."""
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def buckets(self) -> list[tuple[float, int]]:
        """Return the upper bound of each bucket, with how many are as long or shorter."""
        total = 0
        found = []
        for bound, count in zip((*BOUNDS, float("inf")), self.counts):
            total += count
            found.append((bound, total))
        return found


class _Recent(NamedTuple):
    """Queries that have ended in a piece of time.

    Attributes:
        piece: which.
        queries: how many.
        timeouts: how many of them had their time over, or waited in vain.
    """

    piece: int
    queries: int
    timeouts: int


class QueryTotals:
    """What was added up since it was asked for.

    Attributes:
        whole: how long queries took.
        waits: how long they had no place.
        steps: how long steps took, by name.
        rows_in: rows of tables.
        rows_out: rows of answers.
        failures: how many failed, by cause.
        most_bytes: the most memory that was counted for one.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = threading.Lock()
        self.whole, self.waits = Histogram(), Histogram()
        self.steps: dict[str, Histogram] = {}
        self.rows_in = self.rows_out = self.most_bytes = 0
        self.failures = dict.fromkeys(FAILURES, 0)
        self._recent: deque[_Recent] = deque(maxlen=_PIECES)

    def add(self, report: QueryReport) -> None:
        """Add a query that has ended."""
        with self._lock:
            self.whole.add(report.seconds)
            self.waits.add(report.waited_seconds)
            for step in report.steps:
                found = self.steps.get(step.name)
                if found is None:
                    found = self.steps[step.name] = Histogram()
                found.add(step.seconds)
            self.rows_in += report.rows_in
            self.rows_out += report.rows_out
            self.most_bytes = max(self.most_bytes, report.most_bytes)
            if report.failure is not None:
                self.failures[report.failure] += 1
            piece = int(time.monotonic() / _PIECE_SECONDS)
            timed_out = report.failure in {"time", "busy"}
            if self._recent and self._recent[-1].piece == piece:
                last = self._recent.pop()
                self._recent.append(_Recent(piece, last.queries + 1, last.timeouts + timed_out))
            else:
                self._recent.append(_Recent(piece, 1, int(timed_out)))

    def recent(self) -> tuple[int, int]:
        """Return how many queries have ended in the last five minutes, and how many of them as their time was over."""
        least = int(time.monotonic() / _PIECE_SECONDS) - _PIECES
        with self._lock:
            pieces = [each for each in self._recent if each.piece > least]
        return sum(each.queries for each in pieces), sum(each.timeouts for each in pieces)


_totals = QueryTotals()


def _add(report: QueryReport) -> None:
    _totals.add(report)


def add_up_queries() -> QueryTotals:
    """Add queries up from now on, where that was not begun before; return what there is."""
    observe_queries(_add)
    return _totals


def recent_queries() -> tuple[int, int]:
    """Return how many queries have ended in the last five minutes, and how many of them as their time was over."""
    return add_up_queries().recent()


def _forget() -> None:
    # A child has its own, and another thread of its parent may have held the lock.
    global _totals  # noqa: PLW0603 - one for the process
    _totals = QueryTotals()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
