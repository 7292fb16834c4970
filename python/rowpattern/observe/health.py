"""Whether the pattern cache of this process is well."""

from __future__ import annotations

import os
from typing import Any

from rowpattern.cache.api import get_pattern_cache
from rowpattern.cache.monitor import get_cache_monitor
from rowpattern.config.process import get_config
from rowpattern.errors import ConfigurationError

__all__ = ["health_check"]

_LOW_EFFICIENCY = 20.0


def health_check() -> dict[str, Any]:
    """Return the state of the cache, as JSON can say it.

    Returns:
        a dict of

        - status: `"healthy"`; `"degraded"` when it works and something should be looked at; `"unhealthy"` when patterns
          cannot be compiled, because a setting cannot be read.
        - reasons: a list of sentences, empty when it is healthy.
        - statistics: those of `rowpattern.pattern_cache.get_cache_stats`; empty when unhealthy.
        - monitor_running: whether the process's monitor runs.
        - process: the process's number.

    Efficiency is the monitor's, of its last interval; without a monitor it is not judged. Takes time linear in the
    entries that have expired, well below a millisecond otherwise.
    """
    monitor = get_cache_monitor()
    answer: dict[str, Any] = {
        "status": "healthy",
        "reasons": [],
        "statistics": {},
        "monitor_running": monitor is not None and monitor.running,
        "process": os.getpid(),
    }
    try:
        statistics = get_pattern_cache().statistics()
        performance = (get_config() if monitor is None else monitor.config).performance
    except ConfigurationError as error:
        answer["status"] = "unhealthy"
        answer["reasons"] = [str(error)]
        return answer
    reasons = answer["reasons"]
    if not statistics["enabled"]:
        reasons.append("caching is disabled: every pattern is compiled each time")
    threshold_mb = performance.threshold_within(statistics["max_memory_used_mb"])
    if statistics["memory_used_mb"] > threshold_mb:
        reasons.append(
            f"the cache holds {statistics['memory_used_mb']:.2f} MB, more than the threshold of {threshold_mb} MB"
        )
    efficiency = None if monitor is None else monitor.interval_efficiency
    if efficiency is not None and efficiency < _LOW_EFFICIENCY:
        reasons.append(f"the cache hit in {efficiency:.1f} % of its look-ups, less than {_LOW_EFFICIENCY:.0f} %")
    answer["status"] = "degraded" if reasons else "healthy"
    answer["statistics"] = statistics
    return answer
