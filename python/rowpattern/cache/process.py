"""The process's cache: a `PatternCache` that weighs values, logs changes of its limits, and follows the settings.

The extension has it made at its first use, by `rowpattern.pattern_cache`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from rowpattern._core import PatternCache, _process_cache
from rowpattern.cache.weighing import weigh
from rowpattern.config.process import get_config, on_set_config
from rowpattern.events import log_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.cache.statistics import CacheStatistics
    from rowpattern.config.configuration import MatchRecognizeConfig
    from rowpattern.config.performance import PerformanceConfig

__all__ = ["ProcessCache", "WeighingCache", "configured_cache", "follow_settings"]

_Cache = TypeVar("_Cache", bound=PatternCache)


class WeighingCache(PatternCache):
    """A cache that weighs what is put into it."""

    def put(
        self,
        key: str,
        value: object,
        *,
        size_bytes: int | None = None,
        compilation_time: float = 0.0,
        kind: str = "object",
    ) -> bool:
        """Keep an object under a key.

        Args:
            key: any text.
            value: any object, held by reference.
            size_bytes: what the object weighs; left out, it is weighed (see `rowpattern.cache.weighing.weigh`).
            compilation_time: what a hit saves, in seconds.
            kind: objects of different kinds have keys of their own.

        Returns:
            True when it is cached; False when caching is disabled, it is heavier than the memory limit, or the policy
            does not admit it.
        """
        if not self.enabled:
            return False
        weight = weigh(value) if size_bytes is None else size_bytes
        return super().put(key, value, size_bytes=weight, compilation_time=compilation_time, kind=kind)


class ProcessCache(WeighingCache):
    """The cache of the process. It logs under `rowpattern.cache`."""

    def get_statistics(self) -> CacheStatistics:
        """Return the same as `statistics`."""
        return self.statistics()

    def resize(
        self,
        max_size: int | None = None,
        *,
        max_memory_mb: float | None = None,
        policy: str | None = None,
    ) -> None:
        """Change the limits that are given; what stays keeps its recency and its remaining life."""
        before = super().statistics()
        super().resize(max_size, max_memory_mb=max_memory_mb, policy=policy)
        after = super().statistics()
        log_event(
            "cache",
            logging.INFO,
            "resize",
            "limits of the cache changed: entries from %(old_max_size)s to %(max_size)s, "
            "MB from %(old_max_memory_mb)s to %(max_memory_mb)s; evicted: %(evicted)s",
            old_max_size=before["max_size"],
            old_max_memory_mb=before["max_memory_used_mb"],
            max_size=after["max_size"],
            max_memory_mb=after["max_memory_used_mb"],
            evicted=after["evictions"] - before["evictions"],
            policy=after["policy"],
        )

    def set_ttl(self, ttl_seconds: float | None) -> None:
        """Set how long entries inserted from now on live, in seconds; None is for ever."""
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


def pattern_cache_limits(performance: PerformanceConfig) -> tuple[int, float]:
    """Return the most entries of the pattern cache, and their most memory in MB."""
    return performance.cache_size_limit, performance.cache_memory_limit_mb


def configured_cache(
    kind: type[_Cache], limits: Callable[[PerformanceConfig], tuple[int, float]] = pattern_cache_limits
) -> _Cache:
    """Make a cache of a class by the process's settings; `limits` says which of these are its own.

    Raises:
        ConfigurationError: an `MR_` variable cannot be read.
    """
    performance = get_config().performance
    cache = kind(*limits(performance), performance.cache_ttl_seconds, policy=performance.cache_policy)
    cache.set_enabled(performance.enable_caching)
    return cache


def follow_settings(
    cache: PatternCache,
    config: MatchRecognizeConfig,
    limits: Callable[[PerformanceConfig], tuple[int, float]] = pattern_cache_limits,
) -> None:
    """Bring a cache that `configured_cache` made to new settings."""
    performance = config.performance
    max_size, max_memory_mb = limits(performance)
    cache.resize(max_size, max_memory_mb=max_memory_mb, policy=performance.cache_policy)
    cache.set_ttl(performance.cache_ttl_seconds)
    cache.set_enabled(performance.enable_caching)


on_set_config(lambda config: follow_settings(_process_cache(), config))
