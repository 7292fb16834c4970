"""What the continuous queries of this process hold open, added up, for metrics."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import Any, NamedTuple, Protocol

__all__ = ["ContinuousFigures", "continuous_figures", "watch"]

_logger = logging.getLogger(__name__)


class ContinuousFigures(NamedTuple):
    """Figures of one continuous query, or of all of them: sums, but for the two that are the greatest of all.

    Attributes:
        queries: how many queries there are.
        partitions: of which something is kept.
        rows: that are kept: those of matches that may still come, and of those around them that are read.
        unreleased_rows: rows that wait for the watermark.
        size_bytes: the bytes of all these rows.
        rows_in: rows that were pushed.
        rows_out: rows of the answers.
        matches: that were given.
        late_rows: rows that were late.
        expired: partitions that ended as they had no rows for as long as `idle` says.
        lag_seconds: how far the watermark is behind the greatest time of a row; the greatest of all queries.
        behind_seconds: how far the watermark is behind the clock on the wall; the greatest. 0 where it is not known.
    """

    queries: int = 0
    partitions: int = 0
    rows: int = 0
    unreleased_rows: int = 0
    size_bytes: int = 0
    rows_in: int = 0
    rows_out: int = 0
    matches: int = 0
    late_rows: int = 0
    expired: int = 0
    lag_seconds: float = 0.0
    behind_seconds: float = 0.0


_COUNTERS = ("rows_in", "rows_out", "matches", "late_rows", "expired")
_GREATEST = ("lag_seconds", "behind_seconds")


class _Watched(Protocol):
    def _figures(self) -> ContinuousFigures: ...


class _Process:
    """The queries of this process, by weak references."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # With the figures that each had when it was last looked at.
        self._queries: list[tuple[weakref.ref[_Watched], ContinuousFigures]] = []
        # Counters of queries that are gone: a counter never falls.
        self._gone = ContinuousFigures()

    def watch(self, query: _Watched) -> None:
        with self._lock:
            self._queries.append((weakref.ref(query), ContinuousFigures()))

    def figures(self) -> ContinuousFigures:
        with self._lock:
            watched = []
            for reference, last in self._queries:
                query = reference()
                if query is None:
                    self._gone = _sum(
                        self._gone, ContinuousFigures(**{name: getattr(last, name) for name in _COUNTERS})
                    )
                else:
                    watched.append((reference, _read(query, last)))
            self._queries = watched
            total = self._gone
            for _, each in watched:
                total = _sum(total, each)
            return total


def _read(query: _Watched, last: ContinuousFigures) -> ContinuousFigures:
    """Return a query's figures; those of before where they cannot be read, so that those of others can be."""
    try:
        return query._figures()._replace(queries=1)  # noqa: SLF001 - ours
    except Exception:
        _logger.warning("figures of a continuous query cannot be read", exc_info=True)
        return last._replace(queries=1)


def _sum(one: ContinuousFigures, other: ContinuousFigures) -> ContinuousFigures:
    pairs = zip(ContinuousFigures._fields, one, other)
    found: dict[str, Any] = {name: max(a, b) if name in _GREATEST else a + b for name, a, b in pairs}
    return ContinuousFigures(**found)


_process = _Process()


def watch(query: _Watched) -> None:
    """Count a query's figures in, until it is gone.

    Args:
        query: has a method `_figures()`, which any thread may call and which takes no lock for long.
    """
    _process.watch(query)


def continuous_figures() -> ContinuousFigures:
    """Return the figures of all continuous queries of this process.

    Counters never fall; those of a query that is gone are as they were when they were last read.
    """
    return _process.figures()
