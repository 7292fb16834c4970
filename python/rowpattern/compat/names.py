"""Functions of the pure-Python system's `pattern_cache` module that this package has no other use for.

They call `rowpattern.cache.api.get_pattern_cache`, which a caller may have replaced (`rowpattern.compat.replacement`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from rowpattern._core import PatternCache, get_cache_key
from rowpattern.cache import api
from rowpattern.cache.weighing import weigh
from rowpattern.compat.failures import answered, log_failure
from rowpattern.compat.replacement import put_into_replacement
from rowpattern.events import log_event

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "cache_condition",
    "cache_tokenization",
    "enable_smart_caching_features",
    "get_all_cache_stats",
    "get_cached_condition",
    "get_cached_tokens",
    "get_smart_cache_instance",
    "optimize_for_pattern",
    "resize_cache",
]


def get_smart_cache_instance() -> Any:
    """Return the same as `get_pattern_cache`.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.get_smart_cache_instance() is pattern_cache.get_pattern_cache()
        True
    """
    return api.get_pattern_cache()


def get_cached_condition(key: str) -> Any:
    """Return what `cache_condition` inserted under a key, or None.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.cache_condition("price > 10", [True, False]), pattern_cache.get_cached_condition("price > 10")
        (True, [True, False])
    """
    return _get("condition", key)


def cache_condition(key: str, condition_result: Any) -> bool:
    """Keep an object under a key of its own kind; True when it is cached.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.cache_condition("price > 10", [True, False]), pattern_cache.get_cached_condition("price > 10")
        (True, [True, False])
    """
    return _put("condition", key, condition_result)


def get_cached_tokens(pattern: str) -> Any:
    """Return what `cache_tokenization` inserted for a pattern, or None.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.cache_tokenization("A B+", ["A", "B", "+"]), pattern_cache.get_cached_tokens("A B+")
        (True, ['A', 'B', '+'])
    """
    return _get("tokens", pattern)


def cache_tokenization(pattern: str, tokens: Any) -> bool:
    """Keep a pattern's tokens; True when they are cached.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.cache_tokenization("A B+", ["A", "B", "+"]), pattern_cache.get_cached_tokens("A B+")
        (True, ['A', 'B', '+'])
    """
    return _put("tokens", pattern, tokens)


def _get(kind: str, key: str) -> Any:
    def get() -> Any:
        cache = api.get_pattern_cache()
        # A cache of a caller's has one space of keys.
        return cache.get(key, kind=kind) if isinstance(cache, PatternCache) else cache.get(f"{kind}_{key}")

    return answered("look up", key, get, None)


def _put(kind: str, key: str, value: object) -> bool:
    def put() -> bool:
        cache = api.get_pattern_cache()
        if isinstance(cache, PatternCache):
            return PatternCache.put(cache, key, value, size_bytes=weigh(value), kind=kind)
        return put_into_replacement(cache, f"{kind}_{key}", value)

    return answered("cache", key, put, otherwise=False)


def get_all_cache_stats() -> dict[str, Any]:
    """Return `{"pattern_cache": statistics, "summary": {...}}`, the statistics and a digest of them.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> sorted(pattern_cache.get_all_cache_stats())
        ['pattern_cache', 'summary']
    """
    statistics = api.get_cache_stats()
    return {
        "pattern_cache": statistics,
        "summary": {
            "total_hit_rate": statistics.get("hit_rate_percent", 0.0),
            "total_entries": statistics.get("entries_count", 0),
            "total_size_mb": statistics.get("size_mb", 0.0),
            "cache_efficiency_score": statistics.get("cache_efficiency_score", 0.0),
            "optimizations_enabled": [],
        },
    }


def optimize_for_pattern(
    pattern: str,
    define_conditions: Mapping[str, str] | None = None,
    data_characteristics: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the key for a pattern over such data, in the pure-Python system's form.

    There are no levels and no predictions here, so nothing is recommended and nothing is done.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> found = pattern_cache.optimize_for_pattern("A B+")
        >>> found["optimized_cache_key"] == pattern_cache.get_cache_key("A B+")
        True
    """
    return {
        "optimized_cache_key": get_cache_key(pattern, define_conditions, None, data_characteristics),
        "optimizations_applied": [],
        "cache_level_recommendation": None,
        "predicted_patterns": [],
    }


def enable_smart_caching_features(**features: bool) -> bool:
    """Take the pure-Python system's switches and return True: what they stand for has no switch here.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.enable_smart_caching_features(predictive=True)
        True
    """
    log_event("cache", logging.DEBUG, "features", "no such switches here: %(features)s", features=sorted(features))
    return True


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
            entry used longest ago is evicted only for a key that was asked for more often lately.

    Returns:
        True; False when a limit cannot be read, which is logged, and nothing has changed.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.resize_cache(500, max_memory_mb=64), pattern_cache.resize_cache(-1)
        (True, False)
        >>> statistics = pattern_cache.get_cache_stats()
        >>> statistics["max_size"], statistics["max_memory_used_mb"]
        (500, 64.0)
        >>> pattern_cache.resize_cache(10_000, max_memory_mb=500)
        True
    """
    try:
        if isinstance(new_size, int) and new_size < 0:
            raise ValueError(f"new_size must be at least 0, not {new_size}")  # noqa: TRY301 - one way to refuse
        api.get_pattern_cache().resize(new_size, max_memory_mb=max_memory_mb, policy=policy)
    except (ValueError, TypeError) as error:
        log_failure("resize to", new_size if max_memory_mb is None else (new_size, max_memory_mb), error)
        return False
    return True
