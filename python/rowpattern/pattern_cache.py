"""The process-wide pattern cache, under the names that deployments of the pure-Python system use.

`rowpattern.compile` keeps what it compiles here; `cache_pattern` keeps any Python objects here, under a key of the
caller's. Limits come from the `MR_` variables at first use, or from `rowpattern.production_config.set_config`.

Cached objects are held by reference. The cache takes no part in garbage collection: an object that reaches the cache
itself stays until its entry leaves, which its time to live bounds.

`get_cached_pattern`, `cache_pattern` and `get_cache_key` are functions of the extension. What is here for the
pure-Python system's sake comes from `rowpattern.compat`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rowpattern._core import PatternCache, _process_cache, cache_pattern, get_cache_key, get_cached_pattern
from rowpattern.compat.failures import log_failure
from rowpattern.compat.replacement import follow_replacement
from rowpattern.process_cache import ProcessCache
from rowpattern.production_config import get_config, on_set_config
from rowpattern.warming import dump, load, warm

if TYPE_CHECKING:
    from rowpattern.production_config import MatchRecognizeConfig

__all__ = [
    "CACHE_STATS",
    "cache_condition",
    "cache_entries",
    "cache_pattern",
    "cache_tokenization",
    "clear_pattern_cache",
    "dump",
    "enable_smart_caching_features",
    "get_all_cache_stats",
    "get_cache_key",
    "get_cache_stats",
    "get_cached_condition",
    "get_cached_pattern",
    "get_cached_tokens",
    "get_pattern_cache",
    "get_smart_cache_instance",
    "invalidate",
    "is_caching_enabled",
    "load",
    "optimize_for_pattern",
    "resize_cache",
    "set_cache_ttl",
    "set_caching_enabled",
    "warm",
]

#: The statistics as they were at the last `get_cache_stats()`: one dict, updated in place.
CACHE_STATS: dict[str, Any] = {}


def _configured_cache() -> PatternCache:
    """Make the process-wide cache; called by the extension at first use."""
    performance = get_config().performance
    cache = ProcessCache(
        performance.cache_size_limit,
        performance.cache_memory_limit_mb,
        performance.cache_ttl_seconds,
        policy=performance.cache_policy,
    )
    cache.set_enabled(performance.enable_caching)
    return cache


def _follow(config: MatchRecognizeConfig) -> None:
    """Bring the cache to new settings."""
    cache, performance = _process_cache(), config.performance
    cache.resize(
        performance.cache_size_limit,
        max_memory_mb=performance.cache_memory_limit_mb,
        policy=performance.cache_policy,
    )
    cache.set_ttl(performance.cache_ttl_seconds)
    cache.set_enabled(performance.enable_caching)


on_set_config(_follow)


def get_pattern_cache() -> ProcessCache:
    """Return the process-wide cache, made at first use.

    Raises:
        ConfigurationError: an `MR_` variable cannot be read.
    """
    cache = _process_cache()
    assert isinstance(cache, ProcessCache)  # noqa: S101 - `_configured_cache` made it
    return cache


def get_cache_stats() -> dict[str, Any]:
    """Return the statistics, and update `CACHE_STATS` with them.

    Keys: hits, misses, evictions, size (entries), max_size, memory_used_mb, max_memory_used_mb (the limit),
    cache_efficiency (hits in percent of look-ups, 0 to 100), compilation_time_saved (seconds), cache_age_seconds,
    last_reset (seconds since the epoch), and insertions, expirations, replacements, invalidations, oversize,
    evictions_size, evictions_memory and evictions_shed (evictions by cause), evicted_misses (misses of keys that the
    entry limit had evicted not long before), rejections (values that the policy did not admit), policy, ttl_seconds,
    enabled; and what the pure-Python system's own queries read. Takes time linear in the entries that have expired.
    """
    statistics = get_pattern_cache().get_statistics()
    CACHE_STATS.update(statistics)
    return statistics


def cache_entries(limit: int | None = None, order: str = "recent") -> list[dict[str, Any]]:
    """Return what is in the cache, one dict an entry.

    Args:
        limit: so many entries at most; all by default.
        order: what comes first: `"recent"` (used last), `"bytes"` (heaviest), `"hits"` (most), `"age"` (oldest) or
            `"compilation_time"` (longest).

    Returns:
        dicts of key (text), kind (`"pattern"`, from `compile`; `"object"`, `"condition"` or `"tokens"`, from a caller;
        `"query"` or `"clause"`, of `match_recognize`), pattern (its text, None for others), size_bytes, hits,
        age_seconds, seconds_left (None: for ever), compilation_time (seconds).

    Raises:
        ValueError: there is no such order.

    Takes O(n log n) for n entries.
    """
    if limit is not None and limit < 0:
        raise ValueError(f"limit must be at least 0, not {limit}")
    return get_pattern_cache().entries(limit=limit, order=order)  # type: ignore[arg-type]


def invalidate(key: str) -> bool:
    """Remove what has a key, as `cache_entries` shows it: a pattern's text, or an object's key.

    Returns:
        whether there was any.
    """
    return get_pattern_cache().invalidate(key)


def clear_pattern_cache() -> None:
    """Remove all entries, set the counts to zero, and give what was freed back to the system."""
    cache = get_pattern_cache()
    cache.clear()
    cache.reset_statistics()


def resize_cache(
    new_size: int | None = None,
    *,
    max_memory_mb: float | None = None,
    policy: str | None = None,
) -> bool:
    """Change the limits that are given; the entries used most recently stay, with their remaining life.

    Args:
        new_size: the most entries.
        max_memory_mb: the most memory, in MB of 2**20 bytes.
        policy: which entries stay when there are too many: `"lru"`, those used most recently, or `"tinylfu"`, where the
            entry used longest ago makes room only for a key that was asked for more often than it lately.

    Returns:
        True; False when a limit cannot be read, which is logged, and nothing has changed.
    """
    try:
        if isinstance(new_size, int) and new_size < 0:
            raise ValueError(f"new_size must be at least 0, not {new_size}")  # noqa: TRY301 - one way to refuse
        get_pattern_cache().resize(new_size, max_memory_mb=max_memory_mb, policy=policy)
    except (ValueError, TypeError) as error:
        log_failure("resize to", new_size if max_memory_mb is None else (new_size, max_memory_mb), error)
        return False
    return True


def set_cache_ttl(ttl_seconds: float | None) -> None:
    """Set how long entries put in from now on live, in seconds; None is for ever.

    Raises:
        ValueError: it is not above 0.
    """
    get_pattern_cache().set_ttl(ttl_seconds)


def is_caching_enabled() -> bool:
    """Return whether patterns are cached."""
    return get_pattern_cache().enabled


def set_caching_enabled(enabled: bool) -> None:
    """Turn caching on or off, for every caller; entries stay."""
    get_pattern_cache().set_enabled(enabled)


# They import this module, so they come when it is whole.
from rowpattern.compat.names import (  # noqa: E402
    cache_condition,
    cache_tokenization,
    enable_smart_caching_features,
    get_all_cache_stats,
    get_cached_condition,
    get_cached_tokens,
    get_smart_cache_instance,
    optimize_for_pattern,
)

follow_replacement(sys.modules[__name__])
