"""Whether the pattern cache of this process, and its queries, are well."""

from __future__ import annotations

import os
from typing import Any

from rowpattern._core import _query_figures
from rowpattern.cache.api import get_pattern_cache
from rowpattern.cache.monitor import get_cache_monitor
from rowpattern.config.process import get_config
from rowpattern.errors import ConfigurationError
from rowpattern.observe.query_figures import recent_queries

__all__ = ["health_check"]

_LOW_EFFICIENCY = 20.0
# The queue is nearly full.
_MUCH_WAITING = 0.8
# In percent of the queries of the last five minutes, where there are enough of them to say so.
_MANY_TIMEOUTS = 5.0
_ENOUGH_QUERIES = 20


def health_check() -> dict[str, Any]:
    """Return the state of the cache, as JSON can say it.

    It has these items:

    - status: `"healthy"`; `"degraded"` when it works and something should be looked at; `"unhealthy"` when patterns
      cannot be compiled, because a setting cannot be read.
    - reasons: a list of sentences, empty when it is healthy.
    - statistics: those of `rowpattern.pattern_cache.get_cache_stats`; empty when unhealthy.
    - queries: how many queries run and wait, the limits of both, how many have ended in the last five minutes
      (`recent`), and in percent of these how many as their time was over or as they waited in vain (`timeouts`).
    - monitor_running: whether the process's monitor runs.
    - process: the process's number.

    It is degraded too where four fifths of the queries that may wait do, and where 5 % or more of at least 20 recent
    queries had their time over; queries are counted from the first call on, or since metrics are.

    Efficiency is the monitor's, of its last interval; without a monitor it is not judged. Takes time linear in the
    entries that have expired, well below a millisecond otherwise.

    Examples:
        >>> from rowpattern.health import health_check
        >>> answer = health_check()
        >>> answer["status"], answer["reasons"]
        ('healthy', [])
    """
    monitor = get_cache_monitor()
    answer: dict[str, Any] = {
        "status": "healthy",
        "reasons": [],
        "statistics": {},
        "queries": {},
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
    answer["queries"] = queries = _queries()
    if queries["waiting"] and queries["waiting"] >= _MUCH_WAITING * queries["waiting_limit"]:
        reasons.append(
            f"queries that wait: {queries['waiting']}, of at most {queries['waiting_limit']}; queries that run: "
            f"{queries['running']}"
        )
    if queries["recent"] >= _ENOUGH_QUERIES and queries["timeouts"] >= _MANY_TIMEOUTS:
        reasons.append(
            f"{queries['timeouts']:.1f} % of the last {queries['recent']} queries passed their time limit, more than "
            f"{_MANY_TIMEOUTS:.0f} %"
        )
    answer["status"] = "degraded" if reasons else "healthy"
    answer["statistics"] = statistics
    return answer


def _queries() -> dict[str, Any]:
    now = _query_figures()
    recent, timeouts = recent_queries()
    return {
        "running": now["running"],
        "waiting": now["waiting"],
        "running_limit": now["most_running"],
        "waiting_limit": now["most_waiting"],
        "recent": recent,
        "timeouts": 100.0 * timeouts / recent if recent else 0.0,
    }
