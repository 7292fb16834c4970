"""Methods that only the cache object of the pure-Python system has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from rowpattern.cache.process import ProcessCache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern.cache.statistics import CompatibleStatistics

__all__ = ["CompatibleCache"]


def _whole(size_bytes: float) -> int:
    try:
        return int(size_bytes)
    except OverflowError:
        raise ValueError(f"size_bytes must be a number of bytes, not {size_bytes}") from None


class CompatibleCache(ProcessCache):
    """The process's cache, with `get_stats`, `get_statistics`, `resize_cache`, `clear_cache` and `config` too.

    That object's levels (L1, L2, L3) do not exist here; one store keeps one set of limits.
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
        kind: str = "object",
    ) -> bool:
        """Keep an object under a key, as `ProcessCache.put` does.

        Args:
            key: as there.
            value: as there.
            size_hint: taken and not used: the pure-Python system guesses here (64 KB for each state of an automaton),
                and the memory limit is kept by what objects really weigh.
            metadata: `{"size_bytes": n}` and `{"compilation_time": seconds}` say what the two arguments below say.
            size_bytes: as there.
            compilation_time: as there.
            kind: as there.

        Returns:
            as there.
        """
        stated = metadata if isinstance(metadata, dict) else {}
        if size_bytes is None and "size_bytes" in stated:
            size_bytes = _whole(stated["size_bytes"])
        seconds = compilation_time or stated.get("compilation_time", 0.0)
        return super().put(key, value, size_bytes=size_bytes, compilation_time=seconds, kind=kind)

    def statistics(self) -> CompatibleStatistics:
        """Return the statistics, also under the names that the pure-Python system's queries and reports read."""
        figures = super().statistics()
        return {
            **figures,
            "hit_rate_percent": figures["cache_efficiency"],
            "cache_efficiency_score": figures["cache_efficiency"],
            "total_requests": figures["hits"] + figures["misses"],
            "entries_count": figures["size"],
            "size_mb": figures["memory_used_mb"],
            "max_size_mb": figures["max_memory_used_mb"],
            "utilization_percent": 100.0 * figures["size"] / figures["max_size"] if figures["max_size"] else 0.0,
            "memory_pressure_events": figures["evictions_memory"] + figures["evictions_shed"],
            "total_compilation_time_saved": figures["compilation_time_saved"],
        }

    def get_stats(self) -> CompatibleStatistics:
        """Return the same as `statistics`."""
        return self.statistics()

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
