"""What statistics of a cache and descriptions of its entries hold, for type checkers and readers."""

from __future__ import annotations

from typing import Literal, TypedDict

__all__ = ["CacheEntry", "CacheStatistics", "CompatibleStatistics", "IntervalStatistics"]


class CacheStatistics(TypedDict):
    """The statistics of a cache. Counts are of the time since they were last reset.

    Attributes:
        hits: look-ups that found a value.
        misses: look-ups that found none.
        evictions: entries that left because of a limit; the sum of the three kinds below.
        size: entries now.
        max_size: the limit of entries.
        memory_used_mb: memory of the entries, in MB of 2**20 bytes.
        max_memory_used_mb: the limit of memory, in MB of 2**20 bytes.
        cache_efficiency: hits in percent of look-ups, 0 to 100; 0 before the first look-up.
        compilation_time_saved: the time in seconds that compiling took for what hits have found.
        cache_age_seconds: the time since the cache was made, in seconds.
        last_reset: when counts were last reset, in seconds since the epoch.
        evictions_size: entries evicted because of the limit of entries.
        evictions_memory: entries evicted because of the limit of memory.
        evictions_shed: entries evicted by `shed`, which a monitor calls above its threshold.
        evicted_misses: misses of keys that the limit of entries had evicted not long before.
        insertions: values that were put in.
        expirations: entries whose time to live had passed.
        replacements: entries whose key was put in again.
        invalidations: entries removed by key or by `clear`.
        oversize: values that were not kept, as they are heavier than the limit of memory.
        rejections: values that the policy did not admit.
        policy: which entries stay when there are too many.
        ttl_seconds: how long a new entry lives, in seconds; None is for ever.
        enabled: whether look-ups and puts do anything.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> statistics: pattern_cache.CacheStatistics = pattern_cache.get_cache_stats()
        >>> statistics["evictions"] == statistics["evictions_size"] + statistics["evictions_memory"]
        True
    """

    hits: int
    misses: int
    evictions: int
    size: int
    max_size: int
    memory_used_mb: float
    max_memory_used_mb: float
    cache_efficiency: float
    compilation_time_saved: float
    cache_age_seconds: float
    last_reset: float
    evictions_size: int
    evictions_memory: int
    evictions_shed: int
    evicted_misses: int
    insertions: int
    expirations: int
    replacements: int
    invalidations: int
    oversize: int
    rejections: int
    policy: Literal["lru", "tinylfu"]
    ttl_seconds: float | None
    enabled: bool


class CompatibleStatistics(CacheStatistics):
    """The statistics of the process's cache: also under the names that pandas-match-recognize has for them.

    Attributes:
        hit_rate_percent: `cache_efficiency`.
        cache_efficiency_score: `cache_efficiency`.
        total_requests: look-ups.
        entries_count: `size`.
        size_mb: `memory_used_mb`.
        max_size_mb: `max_memory_used_mb`.
        utilization_percent: entries in percent of their limit.
        memory_pressure_events: entries evicted because of memory, by the limit or a monitor.
        total_compilation_time_saved: `compilation_time_saved`.
    """

    hit_rate_percent: float
    cache_efficiency_score: float
    total_requests: int
    entries_count: int
    size_mb: float
    max_size_mb: float
    utilization_percent: float
    memory_pressure_events: int
    total_compilation_time_saved: float


class IntervalStatistics(CacheStatistics):
    """What efficiency callbacks of a monitor get: the statistics, and counts since the monitor's last check.

    Attributes:
        interval_hits: look-ups that found a value.
        interval_misses: look-ups that found none.
        interval_efficiency: hits in percent of look-ups.
    """

    interval_hits: int
    interval_misses: int
    interval_efficiency: float


class CacheEntry(TypedDict):
    """An entry of the cache, as `cache_entries` describes it.

    Attributes:
        key: the key, as `invalidate` takes it.
        kind: `"pattern"`, from `compile`; `"object"`, `"condition"` or `"tokens"`, from a caller.
        pattern: the row pattern's text; None for others.
        size_bytes: what it weighs.
        hits: look-ups that found it.
        age_seconds: the time since it was put in.
        seconds_left: the time until it expires; None is for ever.
        compilation_time: what making it took, in seconds.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.clear_pattern_cache()
        >>> pattern_cache.cache_pattern("my key", "dfa", "nfa")
        True
        >>> entry: pattern_cache.CacheEntry = pattern_cache.cache_entries()[0]
        >>> entry["key"], entry["kind"], entry["pattern"]
        ('my key', 'object', None)
    """

    key: str
    kind: str
    pattern: str | None
    size_bytes: int
    hits: int
    age_seconds: float
    seconds_left: float | None
    compilation_time: float
