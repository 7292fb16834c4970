"""The class of the process's cache: `PatternCache`, with the methods of the pure-Python system's cache object."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from rowpattern._core import PatternCache
from rowpattern.events import log_event
from rowpattern.weighing import weigh

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ProcessCache"]


def _whole(size_bytes: float) -> int:
    try:
        return int(size_bytes)
    except OverflowError:
        raise ValueError(f"size_bytes must be a number of bytes, not {size_bytes}") from None


class ProcessCache(PatternCache):
    """The cache of the process.

    It weighs what it is given, logs changes of its limits under `rowpattern.cache`, and answers to the names that the
    pure-Python system's cache object has: `put(key, value, size_hint, metadata)`, `get_stats`, `get_statistics`,
    `resize_cache`, `clear_cache`, `config`. That object's levels (L1, L2, L3) do not exist here; one store keeps one
    set of limits.
    """

    def put(
        self,
        key: str,
        value: object,
        size_hint: float | None = None,  # noqa: ARG002 - see the docstring
        metadata: Mapping[str, Any] | None = None,
        *,
        size_bytes: int | None = None,
        compilation_time: float = 0.0,
    ) -> bool:
        """Keep an object under a key.

        Args:
            key: any text.
            value: any object, held by reference.
            size_hint: taken and not used: the pure-Python system guesses here (64 KB for each state of an automaton),
                and the memory limit is kept by what objects really weigh.
            metadata: `{"size_bytes": n}` and `{"compilation_time": seconds}` say what the two arguments below say.
            size_bytes: what the object weighs; left out, it is weighed (see `rowpattern.weighing.weigh`).
            compilation_time: what a hit saves, in seconds.

        Returns:
            True when it is cached; False when caching is disabled or it is heavier than the memory limit.
        """
        if not self.enabled:
            return False
        stated = metadata if isinstance(metadata, dict) else {}
        if size_bytes is None:
            size_bytes = stated.get("size_bytes")
        return super().put(
            key,
            value,
            size_bytes=weigh(value) if size_bytes is None else _whole(size_bytes),
            compilation_time=compilation_time or stated.get("compilation_time", 0.0),
        )

    def statistics(self) -> dict[str, Any]:
        """Return the statistics of `rowpattern.pattern_cache.get_cache_stats`. O(entries that have expired)."""
        figures = super().statistics()
        look_ups = figures["hits"] + figures["misses"]
        # What the pure-Python system's queries and reports read.
        figures["hit_rate_percent"] = figures["cache_efficiency_score"] = figures["cache_efficiency"]
        figures["total_requests"] = look_ups
        figures["entries_count"] = figures["size"]
        figures["size_mb"] = figures["memory_used_mb"]
        figures["max_size_mb"] = figures["max_memory_used_mb"]
        figures["utilization_percent"] = 100.0 * figures["size"] / figures["max_size"] if figures["max_size"] else 0.0
        figures["memory_pressure_events"] = figures["evictions_memory"] + figures["evictions_shed"]
        figures["total_compilation_time_saved"] = figures["compilation_time_saved"]
        return figures

    def get_statistics(self) -> dict[str, Any]:
        """Return the same as `statistics`."""
        return self.statistics()

    def get_stats(self) -> dict[str, Any]:
        """Return the same as `statistics`."""
        return self.statistics()

    def resize(self, max_size: int | None = None, *, max_memory_mb: float | None = None) -> None:
        """Change the limits that are given; what stays keeps its recency and its remaining life."""
        before = super().statistics()
        super().resize(max_size, max_memory_mb=max_memory_mb)
        after = super().statistics()
        log_event(
            "cache",
            logging.INFO,
            "resize",
            "cache limits changed from %(old_max_size)s entries and %(old_max_memory_mb)s MB to %(max_size)s and "
            "%(max_memory_mb)s MB; %(evicted)s entries evicted",
            old_max_size=before["max_size"],
            old_max_memory_mb=before["max_memory_used_mb"],
            max_size=after["max_size"],
            max_memory_mb=after["max_memory_used_mb"],
            evicted=after["evictions"] - before["evictions"],
        )

    def resize_cache(  # noqa: PLR0917 - as it was
        self,
        l1_size_mb: float | None = None,
        l2_size_mb: float | None = None,
        l3_size_mb: float | None = None,
        l1_entries: int | None = None,
        l2_entries: int | None = None,
        l3_entries: int | None = None,
    ) -> None:
        """Change the limits to the sums of what is given for the three levels of the pure-Python system."""
        megabytes = [size for size in (l1_size_mb, l2_size_mb, l3_size_mb) if size is not None]
        entries = [count for count in (l1_entries, l2_entries, l3_entries) if count is not None]
        self.resize(sum(entries) if entries else None, max_memory_mb=sum(megabytes) if megabytes else None)

    def set_ttl(self, ttl_seconds: float | None) -> None:
        """Set how long entries put in from now on live, in seconds; None is for ever."""
        super().set_ttl(ttl_seconds)
        log_event(
            "cache", logging.INFO, "ttl", "new entries live %(ttl_seconds)s s (None: for ever)", ttl_seconds=ttl_seconds
        )

    def set_enabled(self, enabled: bool) -> None:
        """Turn look-ups and puts on or off; entries stay."""
        changes = self.enabled != bool(enabled)
        super().set_enabled(bool(enabled))
        if changes:
            event = "enable" if enabled else "disable"
            log_event("cache", logging.INFO, event, f"caching {event}d")

    def clear_cache(self, level: str = "all") -> None:  # noqa: ARG002 - there are no levels
        """Remove all entries."""
        self.clear()

    @property
    def config(self) -> SimpleNamespace:
        """The limits, as `max_entries`, `max_size_mb` and `ttl_seconds`; none of them while caching is disabled."""
        figures = super().statistics()
        on = figures["enabled"]
        return SimpleNamespace(
            max_entries=figures["max_size"] if on else 0,
            max_size_mb=figures["max_memory_used_mb"] if on else 0.0,
            ttl_seconds=figures["ttl_seconds"],
        )
