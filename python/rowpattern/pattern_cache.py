"""The process-wide pattern cache, under the names that deployments of the pure-Python system use.

`rowpattern.compile` keeps what it compiles here; `cache_pattern` keeps any Python objects here, under a key of the
caller's. Limits come from the `MR_` variables at first use, or from `rowpattern.production_config.set_config`.

Cached objects are held by reference. The cache takes no part in garbage collection: an object that reaches the cache
itself stays until its entry leaves, which its time to live bounds.

The functions that this module has from the pure-Python system answer failures as they do there, with False or None,
and log what was wrong; they go through this module's `get_pattern_cache`, which callers may replace.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

from rowpattern._core import PatternCache, _process_cache, get_cached_pattern
from rowpattern.events import log_event
from rowpattern.process_cache import ProcessCache
from rowpattern.production_config import get_config, on_set_config
from rowpattern.warming import dump, load, warm
from rowpattern.weighing import weigh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    )
    cache.set_enabled(performance.enable_caching)
    return cache


def _follow(config: MatchRecognizeConfig) -> None:
    """Bring the cache to new settings."""
    cache, performance = _process_cache(), config.performance
    cache.resize(performance.cache_size_limit, max_memory_mb=performance.cache_memory_limit_mb)
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


# By this `get_cached_pattern` knows whether somebody has put another function in its place.
_original_door = get_pattern_cache


def get_smart_cache_instance() -> ProcessCache:
    """Return the same as `get_pattern_cache`."""
    return get_pattern_cache()


def get_cache_key(
    pattern_text: str,
    define: Mapping[str, str] | None = None,
    subsets: Mapping[str, Iterable[str]] | None = None,
    data_characteristics: Mapping[str, Any] | None = None,
) -> str:
    """Return a key for a pattern and its options: 64 hexadecimal digits.

    The order of mappings and of a subset's members does not matter; different inputs have different keys (up to
    collisions of SHA-256); a key is the same in every process. Time is linear in the texts.

    Raises:
        TypeError: an option is no mapping, or holds what JSON cannot say.
        ValueError: an option contains itself, or nests too deeply.
    """
    parts = [
        pattern_text,
        sorted(_items("define", define)),
        sorted((name, sorted(set(members))) for name, members in _items("subsets", subsets)),
        sorted(_items("data_characteristics", data_characteristics)),
    ]
    # JSON in ASCII keeps lone surrogates, and its quotes keep texts apart.
    try:
        text = json.dumps(parts, separators=(",", ":"), sort_keys=True)
    except RecursionError:
        raise ValueError("the options of a pattern nest too deeply for a key") from None
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _items(name: str, mapping: Mapping[str, Any] | None) -> Iterable[tuple[str, Any]]:
    if not mapping:
        return ()
    try:
        items = mapping.items
    except AttributeError:
        raise TypeError(f"{name} is a mapping, not {type(mapping).__name__}") from None
    return items()


def cache_pattern(
    key: str,
    dfa: Any,
    nfa: Any,
    compilation_time: float = 0.0,
    pattern_metadata: Mapping[str, Any] | None = None,
) -> bool:
    """Keep two objects under a key, to be returned as `(dfa, nfa, compilation_time)`.

    Args:
        key: any text; see `get_cache_key`.
        dfa: any object, held by reference.
        nfa: any object, held by reference.
        compilation_time: what a hit saves, in seconds.
        pattern_metadata: `{"size_bytes": n}` says what the objects weigh; otherwise they are weighed by following
            references, which takes time linear in the objects that they reach, 20,000 at most.

    Returns:
        True when it is cached; False when caching is disabled, it is heavier than the memory limit, or it cannot be
        cached, which is logged.
    """
    return _put(key, (dfa, nfa, compilation_time), compilation_time, pattern_metadata)


def _put(
    key: str, value: object, compilation_time: float, metadata: Mapping[str, Any] | None, prefix: str = ""
) -> bool:
    try:
        cache = get_pattern_cache()
        # Whatever the key is, making a text of it may fail.
        key = f"{prefix}{key}" if prefix else key
        if isinstance(cache, ProcessCache):
            return cache.put(key, value, metadata=metadata, compilation_time=compilation_time)
        # Somebody's own: it is asked as the pure-Python system asks.
        return bool(cache.put(key, value, size_hint=weigh(value) / 2**20, metadata=metadata))
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller goes on without a cache
        _log_failure("cache", key, error)
        return False


def _get(prefix: str, key: str) -> Any:
    try:
        return get_cached_pattern(f"{prefix}{key}")
    except Exception as error:  # noqa: BLE001 - as above
        _log_failure("look up", key, error)
        return None


def _log_failure(what: str, key: object, error: Exception) -> None:
    log_event(
        "cache",
        logging.ERROR,
        "failure",
        "cannot %(what)s %(key)r: %(error)s",
        what=what,
        key=key,
        error=f"{type(error).__name__}: {error}",
    )


def get_cached_condition(key: str) -> Any:
    """Return what `cache_condition` put in under a key, or None."""
    return _get("condition_", key)


def cache_condition(key: str, condition_result: Any) -> bool:
    """Keep an object under a key of its own kind; True when it is cached."""
    return _put(key, condition_result, 0.0, None, "condition_")


def get_cached_tokens(pattern: str) -> Any:
    """Return what `cache_tokenization` put in for a pattern, or None."""
    return _get("tokens_", pattern)


def cache_tokenization(pattern: str, tokens: Any) -> bool:
    """Keep a pattern's tokens; True when they are cached."""
    return _put(pattern, tokens, 0.0, None, "tokens_")


def get_cache_stats() -> dict[str, Any]:
    """Return the statistics, and update `CACHE_STATS` with them.

    Keys: hits, misses, evictions, size (entries), max_size, memory_used_mb, max_memory_used_mb (the limit),
    cache_efficiency (hits in percent of look-ups, 0 to 100), compilation_time_saved (seconds), cache_age_seconds,
    last_reset (seconds since the epoch), and insertions, expirations, replacements, invalidations, oversize,
    evictions_size, evictions_memory and evictions_shed (evictions by cause), evicted_misses (misses of keys that the
    entry limit had evicted not long before), ttl_seconds, enabled; and what the pure-Python system's own queries read.
    Takes time linear in the entries that have expired.
    """
    statistics = get_pattern_cache().get_statistics()
    CACHE_STATS.update(statistics)
    return statistics


def get_all_cache_stats() -> dict[str, Any]:
    """Return `{"pattern_cache": statistics, "summary": {...}}`, the statistics and a digest of them."""
    statistics = get_cache_stats()
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


def cache_entries(limit: int | None = None, order: str = "recent") -> list[dict[str, Any]]:
    """Return what is in the cache, one dict an entry.

    Args:
        limit: so many entries at most; all by default.
        order: what comes first: `"recent"` (used last), `"bytes"` (heaviest), `"hits"` (most), `"age"` (oldest) or
            `"compilation_time"` (longest).

    Returns:
        dicts of key (text), kind (`"pattern"`, from `compile`, or `"object"`, from a caller), pattern (its text, None
        for objects), size_bytes, hits, age_seconds, seconds_left (None: for ever), compilation_time (seconds).

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
    """Remove all entries and set the counts to zero."""
    cache = get_pattern_cache()
    cache.clear()
    cache.reset_statistics()


def resize_cache(new_size: int | None = None, *, max_memory_mb: float | None = None) -> bool:
    """Change the limits that are given; the entries used most recently stay, with their remaining life.

    Args:
        new_size: the most entries.
        max_memory_mb: the most memory, in MB of 2**20 bytes.

    Returns:
        True; False when a limit cannot be read, which is logged, and nothing has changed.
    """
    try:
        if new_size is not None and new_size < 0:
            raise ValueError(f"new_size must be at least 0, not {new_size}")  # noqa: TRY301 - one way to refuse
        get_pattern_cache().resize(new_size, max_memory_mb=max_memory_mb)
    except (ValueError, TypeError) as error:
        _log_failure("resize to", new_size if max_memory_mb is None else (new_size, max_memory_mb), error)
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


def optimize_for_pattern(
    pattern: str,
    define_conditions: Mapping[str, str] | None = None,
    data_characteristics: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the key for a pattern over such data, in the pure-Python system's form.

    There are no levels and no predictions here, so nothing is recommended and nothing is done.
    """
    return {
        "optimized_cache_key": get_cache_key(pattern, define_conditions, None, data_characteristics),
        "optimizations_applied": [],
        "cache_level_recommendation": None,
        "predicted_patterns": [],
    }


def enable_smart_caching_features(**features: bool) -> bool:
    """Take the pure-Python system's switches and return True: what they stand for has no switch here."""
    log_event("cache", logging.DEBUG, "features", "no such switches here: %(features)s", features=sorted(features))
    return True
