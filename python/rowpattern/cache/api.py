"""The functions of the process's cache, which `rowpattern.pattern_cache` has under its documented names.

Each looks `get_pattern_cache` up when it is called.
"""

from __future__ import annotations

from typing import Any, Literal

from rowpattern._core import _process_cache
from rowpattern.cache.plans import clear_plan_cache, get_plan_cache
from rowpattern.cache.process import ProcessCache
from rowpattern.cache.statistics import CacheEntry, CacheStatistics

__all__ = [
    "CACHE_STATS",
    "CacheEntry",
    "CacheStatistics",
    "cache_entries",
    "clear_pattern_cache",
    "get_cache_stats",
    "get_pattern_cache",
    "invalidate",
    "is_caching_enabled",
    "set_cache_ttl",
    "set_caching_enabled",
]

#: The statistics as they were at the last `get_cache_stats()`: one dict, updated in place.
CACHE_STATS: dict[str, Any] = {}


def get_pattern_cache() -> ProcessCache:
    """Return the process-wide cache, made at first use.

    Raises:
        ConfigurationError: an `MR_` variable cannot be read.

    Examples:
        >>> import rowpattern
        >>> from rowpattern import pattern_cache
        >>> isinstance(pattern_cache.get_pattern_cache(), rowpattern.PatternCache)
        True
    """
    cache = _process_cache()
    assert isinstance(cache, ProcessCache)  # noqa: S101 - `configured_cache` made it
    return cache


def get_cache_stats() -> CacheStatistics:
    """Return the statistics, and update `CACHE_STATS` with them.

    Keys: hits, misses, evictions, size (entries), max_size, memory_used_mb, max_memory_used_mb (the limit),
    cache_efficiency (hits in percent of look-ups, 0 to 100), compilation_time_saved (seconds), cache_age_seconds,
    last_reset (seconds since the epoch), and insertions, expirations, replacements, invalidations, oversize,
    evictions_size, evictions_memory and evictions_shed (evictions by cause), evicted_misses (misses of keys that the
    entry limit had evicted not long before), rejections (values that the policy did not admit), policy, ttl_seconds,
    enabled. Takes time linear in the entries that have expired.

    Examples:
        >>> import rowpattern
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.clear_pattern_cache()
        >>> pattern, again = rowpattern.compile("A B+"), rowpattern.compile("A B+")
        >>> statistics = pattern_cache.get_cache_stats()
        >>> statistics["hits"], statistics["misses"], statistics["size"], statistics["cache_efficiency"]
        (1, 1, 1, 50.0)
    """
    statistics = get_pattern_cache().get_statistics()
    CACHE_STATS.update(statistics)
    return statistics


def cache_entries(
    limit: int | None = None, order: Literal["recent", "bytes", "hits", "age", "compilation_time"] = "recent"
) -> list[CacheEntry]:
    """Return what is in the cache, one dict an entry.

    Args:
        limit: the most entries; all by default.
        order: what comes first: `"recent"` (used last), `"bytes"` (heaviest), `"hits"` (most), `"age"` (oldest) or
            `"compilation_time"` (longest).

    Returns:
        dicts of key (text), kind (`"pattern"`, from `compile`; `"object"`, `"condition"` or `"tokens"`, from a caller;
        `"query"` or `"clause"`, of `match_recognize`), pattern (its text, None for others), size_bytes, hits,
        age_seconds, seconds_left (None: for ever), compilation_time (seconds).

    Raises:
        ValueError: there is no such order.

    Takes O(n log n) for n entries.

    Examples:
        >>> import rowpattern
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.clear_pattern_cache()
        >>> patterns = [rowpattern.compile(text) for text in ("A", "B", "A")]
        >>> [(entry["pattern"], entry["hits"]) for entry in pattern_cache.cache_entries(order="hits")]
        [('A', 1), ('B', 0)]
    """
    if limit is not None and limit < 0:
        raise ValueError(f"limit must be at least 0, not {limit}")
    return get_pattern_cache().entries(limit=limit, order=order)


def invalidate(key: str) -> bool:
    """Remove what has a key, as `cache_entries` shows it: a pattern's text, or an object's key.

    Returns:
        whether there was any.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.cache_pattern("my key", "dfa", "nfa")
        True
        >>> pattern_cache.invalidate("my key"), pattern_cache.invalidate("my key")
        (True, False)
    """
    return get_pattern_cache().invalidate(key)


def clear_pattern_cache() -> None:
    """Remove all entries, and plans of queries; set counts to zero, and give what was freed back to the system.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.cache_pattern("my key", "dfa", "nfa")
        True
        >>> pattern_cache.clear_pattern_cache()
        >>> pattern_cache.get_cache_stats()["size"]
        0
    """
    clear_plan_cache()
    cache = get_pattern_cache()
    cache.clear()
    cache.reset_statistics()


def set_cache_ttl(ttl_seconds: float | None) -> None:
    """Set how long entries inserted from now on live, in seconds; None is for ever.

    Raises:
        ValueError: it is not above 0.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.set_cache_ttl(600)
        >>> pattern_cache.get_cache_stats()["ttl_seconds"]
        600.0
        >>> pattern_cache.set_cache_ttl(3600)
    """
    get_pattern_cache().set_ttl(ttl_seconds)


def is_caching_enabled() -> bool:
    """Return whether patterns are cached.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.is_caching_enabled()
        True
    """
    return get_pattern_cache().enabled


def set_caching_enabled(enabled: bool) -> None:
    """Turn caching on or off, of patterns and of plans, for every caller; entries stay.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.set_caching_enabled(False)
        >>> pattern_cache.cache_pattern("my key", "dfa", "nfa")
        False
        >>> pattern_cache.set_caching_enabled(True)
    """
    get_pattern_cache().set_enabled(enabled)
    get_plan_cache().set_enabled(enabled)
