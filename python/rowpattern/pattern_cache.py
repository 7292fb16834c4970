"""The process-wide pattern cache, under the names that deployments of the pure-Python system use.

`rowpattern.compile` keeps what it compiles here; `cache_pattern` keeps any Python objects here, under a key of the
caller's. Limits come from the `MR_` variables at first use (`rowpattern.production_config`).

Cached objects are held by reference. The cache takes no part in garbage collection: an object that reaches the cache
itself stays until its entry leaves, which its time to live bounds.
"""

from __future__ import annotations

import gc
import hashlib
import json
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from rowpattern._core import PatternCache, _process_cache, get_cached_pattern
from rowpattern.production_config import MatchRecognizeConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rowpattern.production_config import PerformanceConfig

__all__ = [
    "CACHE_STATS",
    "cache_pattern",
    "clear_pattern_cache",
    "get_cache_key",
    "get_cache_stats",
    "get_cached_pattern",
    "get_pattern_cache",
    "is_caching_enabled",
    "resize_cache",
    "set_caching_enabled",
]

#: The statistics as they were at the last `get_cache_stats()`: one dict, updated in place.
CACHE_STATS: dict[str, Any] = {}

# An object graph is followed so far when it is weighed; what is larger weighs in proportion.
_MOST_OBJECTS_WEIGHED = 20_000


def _configured_cache() -> PatternCache:
    """Make the process-wide cache; called by the extension at first use."""
    performance: PerformanceConfig = MatchRecognizeConfig.from_env().performance
    cache = PatternCache(
        performance.cache_size_limit,
        performance.cache_memory_limit_mb,
        performance.cache_ttl_seconds,
    )
    cache.set_enabled(performance.enable_caching)
    return cache


def get_pattern_cache() -> PatternCache:
    """Return the process-wide cache, made at first use.

    Raises:
        ConfigurationError: an `MR_` variable cannot be read.
    """
    return _process_cache()


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
        TypeError: `data_characteristics` holds what JSON cannot say.
    """
    parts = [
        pattern_text,
        sorted((define or {}).items()),
        sorted((name, sorted(set(members))) for name, members in (subsets or {}).items()),
        sorted((data_characteristics or {}).items()),
    ]
    # JSON in ASCII keeps lone surrogates, and its quotes keep texts apart.
    text = json.dumps(parts, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


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
        True when it is cached; False when caching is disabled or it is heavier than the memory limit.
    """
    cache = get_pattern_cache()
    if not cache.enabled:
        return False
    value = (dfa, nfa, compilation_time)
    stated = (pattern_metadata or {}).get("size_bytes")
    size_bytes = _weigh(value) if stated is None else int(stated)
    return cache.put(key, value, size_bytes=size_bytes, compilation_time=compilation_time)


def _weigh(value: object) -> int:
    """Add up the sizes of all objects that a value reaches; not of modules, classes and functions, which are shared."""
    seen = {id(value)}
    waiting = [value]
    total = weighed = 0
    while waiting and weighed < _MOST_OBJECTS_WEIGHED:
        item = waiting.pop()
        weighed += 1
        total += sys.getsizeof(item, 64)
        # Array libraries know what they hold outside of Python's heap.
        outside = getattr(item, "nbytes", None)
        if isinstance(outside, int) and not isinstance(item, type):
            total = max(total, outside)
        for referent in gc.get_referents(item):
            shared = isinstance(referent, (type, ModuleType, FunctionType, BuiltinFunctionType))
            if not shared and id(referent) not in seen:
                seen.add(id(referent))
                waiting.append(referent)
    return total * (weighed + len(waiting)) // weighed


def get_cache_stats() -> dict[str, Any]:
    """Return the statistics, and update `CACHE_STATS` with them.

    Keys: hits, misses, evictions, size (entries), max_size, memory_used_mb, max_memory_used_mb (the limit),
    cache_efficiency (hits in percent of look-ups, 0 to 100), compilation_time_saved (seconds), cache_age_seconds,
    last_reset (seconds since the epoch), and insertions, expirations, replacements, invalidations, oversize,
    ttl_seconds, enabled. Takes time linear in the entries that have expired.
    """
    statistics = get_pattern_cache().statistics()
    CACHE_STATS.update(statistics)
    return statistics


def clear_pattern_cache() -> None:
    """Remove all entries and set the counts to zero."""
    cache = get_pattern_cache()
    cache.clear()
    cache.reset_statistics()


def resize_cache(new_size: int) -> bool:
    """Change the limit of entries; the ones used most recently stay. Return True.

    Raises:
        ValueError: `new_size` is negative.
    """
    if new_size < 0:
        raise ValueError(f"new_size must be at least 0, not {new_size}")
    get_pattern_cache().resize(new_size)
    return True


def is_caching_enabled() -> bool:
    """Return whether patterns are cached."""
    return get_pattern_cache().enabled


def set_caching_enabled(enabled: bool) -> None:
    """Turn caching on or off, for every caller; entries stay."""
    get_pattern_cache().set_enabled(enabled)
