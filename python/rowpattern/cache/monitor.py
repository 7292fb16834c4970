"""Monitoring of the pattern cache: thresholds, callbacks, size, and a log of what happened.

>>> from rowpattern.cache_monitor import start_cache_monitoring, stop_cache_monitoring
>>> monitor = start_cache_monitoring()
>>> monitor.register_threshold_callback(lambda statistics: print("above", statistics["memory_used_mb"], "MB"))
>>> statistics = monitor.force_check()
>>> stop_cache_monitoring()
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from rowpattern.cache.api import get_pattern_cache
from rowpattern.cache.sizing import SizeAdvisor
from rowpattern.cache.statistics import CacheStatistics, IntervalStatistics
from rowpattern.config.process import checked_config, get_config, on_set_config
from rowpattern.counted import counted
from rowpattern.events import log_event
from rowpattern.periodic import Periodic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern._core import PatternCache
    from rowpattern.cache.sizing import Advice
    from rowpattern.config.configuration import MatchRecognizeConfig

__all__ = ["CacheMonitor", "get_cache_monitor", "start_cache_monitoring", "stop_cache_monitoring"]

ThresholdCallback = Callable[[CacheStatistics], object]
EfficiencyCallback = Callable[[IntervalStatistics], object]
_Statistics = TypeVar("_Statistics", bound=CacheStatistics)

# Below this percentage of hits, over at least this number of look-ups, the cache does not help.
_LOW_EFFICIENCY = 20.0
_FEWEST_LOOK_UPS = 100

# The number of checks for which places must be unused before the limit shrinks.
_PATIENCE = 3

_LEFT_BY = {
    "evictions_size": ("evict", "size"),
    "evictions_memory": ("evict", "memory"),
    "expirations": ("expire", "ttl"),
}


class CacheMonitor:
    """Checks the cache every `cache_monitoring_interval_seconds`, in a daemon thread.

    A check drops what has expired; logs what left since the last one, by cause; and looks at three things:

    - memory above `cache_clear_threshold_mb`: threshold callbacks get the statistics, then entries go
      (`cache_threshold_action`), once for each time that memory crosses the threshold;
    - hits below 20 % of at least 100 look-ups since the last check: efficiency callbacks get the statistics with
      `interval_hits`, `interval_misses` and `interval_efficiency`, once until it is better again;
    - the entry limit (`cache_optimize_size`): see `rowpattern.cache.sizing`. It goes below the configured one only
      where that setting is `"shrink"`.

    A memory limit that was set by hand at or below the threshold has a threshold of 80 % of it.

    A callback that raises is logged, and the others are called. In a forked child, a monitor that ran in the parent
    runs. A check takes time linear in what has expired or has to go.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> from rowpattern.cache_monitor import CacheMonitor
        >>> from rowpattern.production_config import MatchRecognizeConfig, PerformanceConfig
        >>> settings = PerformanceConfig(cache_memory_limit_mb=8, cache_clear_threshold_mb=1)
        >>> monitor = CacheMonitor(MatchRecognizeConfig(performance=settings))
        >>> def report(statistics: pattern_cache.CacheStatistics) -> None:
        ...     print("above the threshold:", statistics["memory_used_mb"] > 1)
        >>> monitor.register_threshold_callback(report)
        >>> monitor.register_efficiency_callback(report)
        >>> pattern_cache.cache_pattern("large", bytes(2_000_000), None)
        True
        >>> monitor.force_check()["memory_used_mb"] <= 1
        above the threshold: True
        True
        >>> monitor.unregister_threshold_callback(report), monitor.unregister_efficiency_callback(report)
        (True, True)
        >>> monitor.configure(None)
        >>> monitor.start_monitoring()
        >>> monitor.running
        True
        >>> monitor.stop_monitoring()
        >>> monitor.resize_to_optimal(shrink=False)
        10000
    """

    def __init__(self, config: MatchRecognizeConfig | None = None, *, cache: PatternCache | None = None) -> None:
        """Prepare a monitor; nothing runs yet.

        Args:
            config: its settings; the process's by default, also when those change later. `cache_size_limit` of a config
                given here is the ceiling of size optimisation; without one it is the cache's limit. A limit set by hand
                later takes its place.
            cache: the cache to watch; the process's by default.

        Raises:
            ConfigurationError: an `MR_` variable cannot be read.
        """
        self._cache = get_pattern_cache() if cache is None else cache
        self._threshold_callbacks: list[ThresholdCallback] = []
        self._efficiency_callbacks: list[EfficiencyCallback] = []
        self._periodic = Periodic("rowpattern-cache-monitor", self._check, self._interval, in_child=self._make_lock)
        self._make_lock()
        self._above = self._inefficient = False
        self._before = self._cache.statistics()
        self._advisor = SizeAdvisor(_PATIENCE)
        self._interval_efficiency: float | None = None
        self.configure(config)

    def _make_lock(self) -> None:
        self._checking = threading.Lock()

    def configure(self, config: MatchRecognizeConfig | None) -> None:
        """Take other settings; a running monitor checks by them at once."""
        self.config = get_config() if config is None else checked_config(config)
        self.follows_process = config is None
        size = int(self._cache.statistics()["max_size"])
        self._ceiling = size if config is None else self.config.performance.cache_size_limit
        self._own_size = size
        if self._periodic.stop():
            self._periodic.start()

    def _interval(self) -> float:
        return self.config.performance.cache_monitoring_interval_seconds

    @property
    def running(self) -> bool:
        """Whether it checks by itself."""
        return self._periodic.running

    @property
    def interval_efficiency(self) -> float | None:
        """Hits in percent of look-ups between the last two checks; None for fewer than 100 look-ups."""
        return self._interval_efficiency

    def start_monitoring(self) -> None:
        """Start checking; the first check is at once. Nothing happens when it is running."""
        if self._periodic.start():
            log_event(
                "cache_monitor",
                logging.INFO,
                "start",
                "cache monitor started, every %(interval_seconds)s s",
                interval_seconds=self._interval(),
            )

    def stop_monitoring(self) -> None:
        """Stop checking; returns within a tenth of a second. Nothing happens when it is not running."""
        if self._periodic.stop():
            log_event("cache_monitor", logging.INFO, "stop", "cache monitor stopped")

    def register_threshold_callback(self, callback: ThresholdCallback) -> None:
        """Have a function called with the statistics when memory has crossed `cache_clear_threshold_mb`.

        It is called in the monitor's thread, before entries go.
        """
        self._threshold_callbacks.append(callback)

    def unregister_threshold_callback(self, callback: ThresholdCallback) -> bool:
        """Have a function called no more; False when it was not registered."""
        return _remove(self._threshold_callbacks, callback)

    def register_efficiency_callback(self, callback: EfficiencyCallback) -> None:
        """Have a function called with the statistics when hits have fallen below 20 % of an interval's look-ups."""
        self._efficiency_callbacks.append(callback)

    def unregister_efficiency_callback(self, callback: EfficiencyCallback) -> bool:
        """Have a function called no more; False when it was not registered."""
        return _remove(self._efficiency_callbacks, callback)

    def force_check(self) -> CacheStatistics:
        """Check now, in this thread, and return the statistics after it."""
        self._check()
        return self._cache.statistics()

    def resize_to_optimal(self, *, shrink: bool | None = None) -> int:
        """Set the entry limit that fits what happened since the last check, and return it.

        Args:
            shrink: whether the limit may become lower; by default where `cache_optimize_size` is `"shrink"`.
        """
        with self._checking:
            statistics = self._cache.statistics()
            advice = self._advise(statistics, shrink=shrink, patience=1)
        self._follow(advice)
        return int(self._cache.statistics()["max_size"])

    def _check(self) -> None:
        performance = self.config.performance
        with self._checking:
            statistics = self._cache.statistics()
            names = ("hits", "misses", *_LEFT_BY)
            # Counts that were reset since the last check start from 0.
            was_reset = self._before["last_reset"] != statistics["last_reset"]
            before = dict.fromkeys(names, 0) if was_reset else _counts(self._before, names)
            since = {name: count - before[name] for name, count in _counts(statistics, names).items()}
            self._before = statistics
            threshold_mb = performance.threshold_within(statistics["max_memory_used_mb"])
            above = statistics["memory_used_mb"] > threshold_mb
            crossed = self._crossed(above)
            fell = self._fell(since)
            advice = self._advise(statistics) if performance.cache_optimize_size else None
        # Callbacks may be slow, or call for another check, so nothing is locked from here on.
        for name, (event, cause) in _LEFT_BY.items():
            if since[name]:
                _log_left(event, cause, since[name])
        if fell:
            self._report_inefficiency(statistics, since)
        if crossed:
            self._report_threshold(statistics, threshold_mb)
        if above:
            self._shed(threshold_mb)
        self._follow(advice)

    def _crossed(self, above: bool) -> bool:
        crossed = above and not self._above
        self._above = above
        return crossed

    def _fell(self, since: dict[str, int]) -> bool:
        look_ups = since["hits"] + since["misses"]
        if look_ups < _FEWEST_LOOK_UPS:
            # Too few look-ups to judge.
            self._interval_efficiency = None
            return False
        self._interval_efficiency = 100.0 * since["hits"] / look_ups
        fell = self._interval_efficiency < _LOW_EFFICIENCY and not self._inefficient
        self._inefficient = self._interval_efficiency < _LOW_EFFICIENCY
        return fell

    def _report_inefficiency(self, statistics: CacheStatistics, since: dict[str, int]) -> None:
        report: IntervalStatistics = {
            **statistics,
            "interval_hits": since["hits"],
            "interval_misses": since["misses"],
            "interval_efficiency": 100.0 * since["hits"] / (since["hits"] + since["misses"]),
        }
        log_event(
            "cache_monitor",
            logging.WARNING,
            "efficiency",
            "the cache hit in %(interval_efficiency).1f %% of its look-ups since the last check "
            "(%(interval_hits)s hits, %(interval_misses)s misses)",
            interval_hits=report["interval_hits"],
            interval_misses=report["interval_misses"],
            interval_efficiency=report["interval_efficiency"],
        )
        _call(self._efficiency_callbacks, report)

    def _report_threshold(self, statistics: CacheStatistics, threshold_mb: float) -> None:
        log_event(
            "cache_monitor",
            logging.INFO,
            "threshold",
            "the cache holds %(memory_used_mb).2f MB, more than the threshold of %(threshold_mb)s MB",
            memory_used_mb=statistics["memory_used_mb"],
            threshold_mb=threshold_mb,
            size=statistics["size"],
        )
        _call(self._threshold_callbacks, statistics)

    def _shed(self, threshold_mb: float) -> None:
        before = self._cache.statistics()["size"]
        if self.config.performance.cache_threshold_action == "clear":
            self._cache.clear()
        else:
            self._cache.shed(threshold_mb)
        _log_left("evict", "threshold", before - self._cache.statistics()["size"], logging.INFO)
        # What is inserted from here on crosses the threshold anew.
        self._above = False

    def _advise(
        self, statistics: CacheStatistics, *, shrink: bool | None = None, patience: int | None = None
    ) -> Advice | None:
        if shrink is None:
            shrink = self.config.performance.cache_optimize_size == "shrink"
        if statistics["max_size"] != self._own_size:
            # The limit was set by a call since the last check.
            self._ceiling = self._own_size = statistics["max_size"]
        peak_size = self._cache.take_peak_size()
        return self._advisor.look(statistics, peak_size, self._ceiling, may_shrink=shrink, patience=patience)

    def _follow(self, advice: Advice | None) -> None:
        if advice is None:
            return
        log_event(
            "cache_monitor",
            logging.INFO,
            "optimize",
            "%(reason)s the entry limit from %(old_max_size)s to %(max_size)s: of %(look_ups)s look-ups "
            "%(evicted_misses)s missed what had been evicted, at most %(peak_size)s places were used",
            reason=advice.reason,
            max_size=advice.max_size,
            **advice.figures,
        )
        self._own_size = advice.max_size
        self._cache.resize(advice.max_size)


def _counts(statistics: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, int]:
    return {name: statistics[name] for name in names}


def _log_left(event: str, cause: str, count: int, level: int = logging.DEBUG) -> None:
    text = f"{counted(count, 'entry')} left the cache, by %(cause)s"
    log_event("cache_monitor", level, event, text, count=count, cause=cause)


def _remove(callbacks: list[Callable[[_Statistics], object]], callback: Callable[[_Statistics], object]) -> bool:
    if callback not in callbacks:
        return False
    callbacks.remove(callback)
    return True


def _call(callbacks: list[Callable[[_Statistics], object]], statistics: _Statistics) -> None:
    for callback in tuple(callbacks):
        try:
            callback(statistics.copy())
        except Exception as error:  # noqa: BLE001, PERF203 - the others are called all the same
            log_event(
                "cache_monitor",
                logging.ERROR,
                "callback",
                "a callback of the cache monitor failed: %(callback)r: %(error)s",
                callback=callback,
                error=f"{type(error).__name__}: {error}",
            )


_monitor: CacheMonitor | None = None
_starting = threading.RLock()


def _in_child() -> None:
    # Another thread of the parent, which the child does not have, may have held the lock.
    global _starting  # noqa: PLW0603 - a lock is made anew, not unlocked
    _starting = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def start_cache_monitoring(config: MatchRecognizeConfig | None = None) -> CacheMonitor:
    """Start the process's monitor, or return the one that runs, with other settings when some are given.

    Args:
        config: its settings; the process's by default (`rowpattern.production_config.get_config`).

    Raises:
        ConfigurationError: an `MR_` variable cannot be read.

    Examples:
        >>> from rowpattern.cache_monitor import start_cache_monitoring, stop_cache_monitoring
        >>> start_cache_monitoring().running
        True
        >>> stop_cache_monitoring()
    """
    global _monitor  # noqa: PLW0603 - one for the process, as documented
    with _starting:
        if _monitor is None:
            _monitor = CacheMonitor(config)
        elif config is not None:
            _monitor.configure(config)
        _monitor.start_monitoring()
        return _monitor


def stop_cache_monitoring() -> None:
    """Stop the process's monitor, if one runs; returns within a tenth of a second.

    Examples:
        >>> from rowpattern.cache_monitor import get_cache_monitor, start_cache_monitoring, stop_cache_monitoring
        >>> monitor = start_cache_monitoring()
        >>> stop_cache_monitoring()
        >>> monitor.running, get_cache_monitor()
        (False, None)
    """
    global _monitor  # noqa: PLW0603 - see start_cache_monitoring
    with _starting:
        if _monitor is not None:
            _monitor.stop_monitoring()
            _monitor = None


def _follow(_config: MatchRecognizeConfig) -> None:
    monitor = _monitor
    if monitor is not None and monitor.follows_process:
        monitor.configure(None)


on_set_config(_follow)


def get_cache_monitor() -> CacheMonitor | None:
    """Return the process's monitor, or None when none runs.

    Examples:
        >>> from rowpattern.cache_monitor import get_cache_monitor, start_cache_monitoring, stop_cache_monitoring
        >>> monitor = start_cache_monitoring()
        >>> get_cache_monitor() is monitor
        True
        >>> stop_cache_monitoring()
    """
    return _monitor
