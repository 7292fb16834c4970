"""Event time row by row, in plain Python: which rows of a stream are late, and when the others are let through."""

from __future__ import annotations

import math
from functools import cmp_to_key
from typing import Any, NamedTuple

__all__ = ["Arrival", "EventReference", "OrderBy", "compare", "in_order"]


class OrderBy(NamedTuple):
    """How a key orders: DuckDB's rules, where NaN is the greatest number."""

    descending: bool = False
    nulls_first: bool = False


class Arrival(NamedTuple):
    """A row: its keys of ORDER BY, its partition, and anything else."""

    keys: tuple[Any, ...]
    partition: Any
    number: int


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def compare(one: Any, other: Any, by: OrderBy) -> int:
    """Compare two values of a key."""
    if one is None or other is None:
        if one is other:
            return 0
        return (-1 if one is None else 1) * (1 if by.nulls_first else -1)
    has_nan = _is_nan(one) or _is_nan(other)
    found = _is_nan(one) - _is_nan(other) if has_nan else (one > other) - (one < other)
    return -found if by.descending else found


def in_order(rows: list[Arrival], order_by: list[OrderBy]) -> list[Arrival]:
    """Sort rows, stably."""

    def compared(one: Arrival, other: Arrival) -> int:
        return next((found for a, b, by in zip(one.keys, other.keys, order_by) if (found := compare(a, b, by))), 0)

    return sorted(rows, key=cmp_to_key(compared))


class EventReference:
    """The watermark of several sources, and the rows that wait for it.

    Attributes:
        waiting: rows that were not let through, as they arrived.
        late: rows that were late.
    """

    def __init__(self, order_by: list[OrderBy], lateness: float | None) -> None:
        """Begin without rows."""
        self.waiting: list[Arrival] = []
        self.late: list[Arrival] = []
        self.watermark: float | None = None
        self._order_by = order_by
        self._lateness = lateness
        self._bounds: dict[str, float] = {}
        self._highest: dict[str, float] = {}
        self._idle: set[str] = set()
        self._all = -math.inf
        self._so_far: list[Arrival] = []

    def _time(self, row: Arrival) -> Any:
        time = row.keys[0]
        if time is None or _is_nan(time):
            return None
        return -time if self._order_by[0].descending else time

    def _bound(self, source: str) -> float:
        """Return the time below which the next row of a source is late."""
        if self._lateness is None:
            own = max(self._highest.values(), default=-math.inf)
        else:
            own = self._highest.get(source, -math.inf) - self._lateness
        return max(own, self._bounds[source], self._all)

    def push(self, rows: list[Arrival], source: str) -> list[Arrival]:
        """Take rows; return those that are let through, in order."""
        if source not in self._bounds or source in self._idle:
            known = self._bounds.get(source, -math.inf)
            self._bounds[source] = max(known, -math.inf if self.watermark is None else self.watermark)
            self._idle.discard(source)
        through = []
        for row in rows:
            time = self._time(row)
            if time is None or time < self._bound(source) or (self._lateness is None and self._falls(row)):
                self.late.append(row)
                continue
            self._highest[source] = max(self._highest.get(source, -math.inf), time)
            if self._lateness is None:
                self._so_far.append(row)
                through.append(row)
            else:
                self.waiting.append(row)
        return through + self._released()

    def advance(self, time: float, source: str | None) -> list[Arrival]:
        """Take a promise."""
        if source is None:
            self._all = max(self._all, time)
        else:
            self.push([], source)
            self._bounds[source] = max(self._bounds[source], time)
        return self._released()

    def mark_idle(self, source: str) -> list[Arrival]:
        """Wait no longer for a source."""
        self._idle.add(source)
        return self._released()

    def finish(self) -> list[Arrival]:
        """Let all rows through."""
        found, self.waiting = self.waiting, []
        return in_order(found, self._order_by)

    def _falls(self, row: Arrival) -> bool:
        before = [each for each in self._so_far if each.partition == row.partition]
        return any(in_order([each, row], self._order_by)[0] is row for each in before)

    def _released(self) -> list[Arrival]:
        bounds = [self._bound(source) for source in self._bounds if source not in self._idle]
        floor = min(bounds) if bounds else self._all
        if self._lateness is None:
            floor = max(floor, max(self._highest.values(), default=-math.inf))
        if floor > -math.inf and (self.watermark is None or floor > self.watermark):
            self.watermark = floor
        if self.watermark is None:
            return []
        found = [row for row in self.waiting if self._time(row) < self.watermark]
        self.waiting = [row for row in self.waiting if self._time(row) >= self.watermark]
        return in_order(found, self._order_by)
