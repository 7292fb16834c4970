"""The process's cache of plans: queries that were read, and clauses whose names were looked up, by their texts.

It is apart from the pattern cache, so that texts which are never asked again do not evict patterns and what callers
keep there, and has limits and figures of its own (`plan_cache_size_limit`, `plan_cache_memory_limit_mb`). What it holds
lives as long as entries of the pattern cache, and it is off where caching is off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.cache.process import WeighingCache, configured_cache, follow_settings
from rowpattern.config.process import on_set_config

if TYPE_CHECKING:
    from rowpattern.cache.statistics import CacheStatistics
    from rowpattern.config.performance import PerformanceConfig

__all__ = ["clear_plan_cache", "get_plan_cache", "get_plan_stats"]

_cache: WeighingCache | None = None


def _limits(performance: PerformanceConfig) -> tuple[int, float]:
    return performance.plan_cache_size_limit, performance.plan_cache_memory_limit_mb


def get_plan_cache() -> WeighingCache:
    """Return the process's cache of plans; it is made at its first use, by the settings.

    Raises:
        ConfigurationError: a setting cannot be read.
    """
    global _cache  # noqa: PLW0603 - one for the process
    if _cache is None:
        made = configured_cache(WeighingCache, _limits)
        _cache = _cache or made
    return _cache


def get_plan_stats() -> CacheStatistics:
    """Return the figures of the cache of plans, by the names of `rowpattern.pattern_cache.get_cache_stats`.

    Takes time linear in the entries that have expired.
    """
    return get_plan_cache().statistics()


def clear_plan_cache() -> None:
    """Remove all plans, and set the counts to zero; the next queries are read and bound again."""
    cache = get_plan_cache()
    cache.clear()
    cache.reset_statistics()


on_set_config(lambda config: follow_settings(get_plan_cache(), config, _limits))
