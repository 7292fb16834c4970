"""The process-wide pattern cache, under the names that deployments of the pure-Python system use.

`rowpattern.compile` keeps what it compiles here; `cache_pattern` keeps any Python objects here, under a key of the
caller's. Limits come from the `MR_` variables at first use, or from `rowpattern.production_config.set_config`.

Cached objects are held by reference. The cache takes no part in garbage collection: an object that reaches the cache
itself stays until its entry leaves, which its time to live bounds.

This module has no code of its own: `get_cached_pattern`, `cache_pattern` and `get_cache_key` are functions of the
extension; the others come from `rowpattern.cache`, and what only the pure-Python system has from `rowpattern.compat`.
"""

from __future__ import annotations

import sys

from rowpattern._core import cache_pattern, get_cache_key, get_cached_pattern
from rowpattern.cache.api import (
    CACHE_STATS,
    CacheEntry,
    CacheStatistics,
    cache_entries,
    clear_pattern_cache,
    get_cache_stats,
    get_pattern_cache,
    invalidate,
    is_caching_enabled,
    set_cache_ttl,
    set_caching_enabled,
)
from rowpattern.cache.process import configured_cache
from rowpattern.cache.warming import dump, load, warm
from rowpattern.compat.cache_object import CompatibleCache
from rowpattern.compat.names import (
    cache_condition,
    cache_tokenization,
    enable_smart_caching_features,
    get_all_cache_stats,
    get_cached_condition,
    get_cached_tokens,
    get_smart_cache_instance,
    optimize_for_pattern,
    resize_cache,
)
from rowpattern.compat.replacement import follow_replacement

__all__ = [
    "CACHE_STATS",
    "CacheEntry",
    "CacheStatistics",
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


def _configured_cache() -> CompatibleCache:
    """Make the process-wide cache; called by the extension at first use."""
    return configured_cache(CompatibleCache)


follow_replacement(sys.modules[__name__])
