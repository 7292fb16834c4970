"""Figures of the cache and of queries for Prometheus (extra `prometheus`), read when they are scraped.

>>> from prometheus_client import CollectorRegistry, generate_latest
>>> from rowpattern.metrics.prometheus import register
>>> registry = CollectorRegistry()
>>> collector = register(registry)
>>> b"pattern_cache_efficiency" in generate_latest(registry)
True

Gauges by the deployment guide's names: `pattern_cache_size`, `pattern_cache_memory_mb`, `pattern_cache_efficiency`,
`pattern_cache_hits`, `pattern_cache_misses`. By Prometheus' naming conventions: counters
`rowpattern_cache_hits_total`, `..._misses_total`, `..._insertions_total`, `..._evictions_total{cause}` (`size`,
`memory`, `threshold`), `..._expirations_total`, `..._replacements_total`, `..._invalidations_total`,
`..._oversize_total`, `..._evicted_misses_total`, `..._saved_seconds_total`; gauges `rowpattern_cache_entries`,
`..._bytes`, `..._max_entries`, `..._max_bytes`, `..._clear_threshold_mb`, `..._enabled`; and the histogram
`rowpattern_compile_seconds`.

Of queries: histograms `rowpattern_query_seconds`, `rowpattern_query_wait_seconds` and
`rowpattern_query_step_seconds{step}`; counters `rowpattern_query_rows_in_total`, `..._rows_out_total`,
`rowpattern_query_failures_total{cause}` (`time`, `memory`, `busy`, `cancelled`, `syntax`, `unsupported`, `query`,
`interrupted`, `internal`, `other`) and `rowpattern_queries_refused_total`; gauges `rowpattern_queries_running`,
`..._waiting`, `..._running_limit`, `..._waiting_limit`, `rowpattern_query_memory_bytes`, `..._memory_limit_bytes`,
`..._resting_bytes`, `..._largest_bytes`, `..._abandoned`, `..._connections`, `rowpattern_duckdb_instances`,
`..._memory_bytes`, and `rowpattern_plans`, `..._bytes`, `..._efficiency`. Of continuous queries: counters
`rowpattern_continuous_rows_in_total`, `..._rows_out_total`, `..._matches_total`, `..._late_rows_total`,
`..._expired_total`; gauges `rowpattern_continuous_queries`, `..._partitions`, `..._rows`, `..._unreleased_rows`,
`..._bytes`, `..._lag_seconds`, `..._behind_seconds`. They are added up from the first time on that
a collector is made; the text of a query is in none of them.

**Several processes.** Each process has a cache of its own. `rowpattern.metrics.workers` shows those of several workers
on one page. `prometheus_client`'s multiprocess mode adds up values that its own metrics write to files; a collector,
which is asked at scrape time, writes none and takes no part. So `register` refuses when `PROMETHEUS_MULTIPROC_DIR` is
set, and says what to do.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import REGISTRY, Collector

from rowpattern.cache.api import get_pattern_cache
from rowpattern.cache.monitor import get_cache_monitor
from rowpattern.config.process import get_config
from rowpattern.errors import ConfigurationError
from rowpattern.observe.metrics.query_metrics import query_counters, query_gauges, query_totals

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping
    from wsgiref.simple_server import WSGIServer

    from prometheus_client import Metric

    from rowpattern.observe.query_figures import Histogram

__all__ = ["CacheCollector", "exposition", "register", "serve"]

_GUIDE_GAUGES = {
    "pattern_cache_size": ("size", "Entries in the pattern cache."),
    "pattern_cache_memory_mb": ("memory_used_mb", "Memory that the pattern cache holds, in MB of 2**20 bytes."),
    "pattern_cache_efficiency": ("cache_efficiency", "Hits in percent of look-ups, since counts began."),
    "pattern_cache_hits": ("hits", "Look-ups that hit, since counts began."),
    "pattern_cache_misses": ("misses", "Look-ups that missed, since counts began."),
}

_COUNTERS = {
    "rowpattern_cache_hits": ("hits", "Look-ups that hit."),
    "rowpattern_cache_misses": ("misses", "Look-ups that missed."),
    "rowpattern_cache_evicted_misses": (
        "evicted_misses",
        "Misses of keys that the entry limit had evicted shortly before.",
    ),
    "rowpattern_cache_insertions": ("insertions", "Entries inserted."),
    "rowpattern_cache_expirations": ("expirations", "Entries whose time to live had passed."),
    "rowpattern_cache_replacements": ("replacements", "Entries whose key was inserted again."),
    "rowpattern_cache_invalidations": ("invalidations", "Entries removed by name or by clearing."),
    "rowpattern_cache_oversize": ("oversize", "Values too heavy to be kept."),
    "rowpattern_cache_saved_seconds": ("compilation_time_saved", "Compilation time that hits have saved, in seconds."),
}

_CAUSES = {"size": "evictions_size", "memory": "evictions_memory", "threshold": "evictions_shed"}


class CacheCollector(Collector):
    """Reads the process's cache, and what its queries do, when it is asked. O(entries that have expired).

    Examples:
        >>> from rowpattern.metrics.prometheus import CacheCollector
        >>> names = {metric.name for metric in CacheCollector().collect()}
        >>> "pattern_cache_size" in names, names == {metric.name for metric in CacheCollector().describe()}
        (True, True)
    """

    def __init__(self) -> None:
        """Have queries added up from now on."""
        query_totals()

    def describe(self) -> Iterable[Metric]:
        """Give the names, by which a registry sees that they are in it already."""
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        """Give each figure once, all from one look at the cache."""
        cache = get_pattern_cache()
        figures: Mapping[str, Any] = cache.statistics()
        monitor = get_cache_monitor()
        performance = (get_config() if monitor is None else monitor.config).performance
        for name, (figure, meaning) in _GUIDE_GAUGES.items():
            yield GaugeMetricFamily(name, meaning, value=figures[figure])
        gauges = {
            "rowpattern_cache_entries": (figures["size"], "Entries."),
            "rowpattern_cache_bytes": (figures["memory_used_mb"] * 2**20, "Memory held, in bytes."),
            "rowpattern_cache_max_entries": (figures["max_size"], "The limit of entries."),
            "rowpattern_cache_max_bytes": (figures["max_memory_used_mb"] * 2**20, "The limit of memory, in bytes."),
            "rowpattern_cache_clear_threshold_mb": (
                performance.threshold_within(figures["max_memory_used_mb"]),
                "Memory above which a monitor sheds entries, in MB of 2**20 bytes.",
            ),
            "rowpattern_cache_enabled": (figures["enabled"], "1 when patterns are cached."),
        }
        for name, (value, meaning) in gauges.items():
            yield GaugeMetricFamily(name, meaning, value=float(value))
        for name, (figure, meaning) in _COUNTERS.items():
            yield CounterMetricFamily(name, meaning, value=figures[figure])
        evictions = CounterMetricFamily("rowpattern_cache_evictions", "Entries evicted, by cause.", labels=["cause"])
        for cause, figure in _CAUSES.items():
            evictions.add_metric([cause], figures[figure])
        yield evictions
        buckets, seconds = cache.compile_seconds()
        yield HistogramMetricFamily(
            "rowpattern_compile_seconds",
            "Time that compiling took, in seconds.",
            buckets=[("+Inf" if bound == float("inf") else repr(bound), float(count)) for bound, count in buckets],
            sum_value=seconds,
        )
        yield from _queries()


def _queries() -> Iterable[Metric]:
    totals = query_totals()
    for gauge in query_gauges():
        yield GaugeMetricFamily(gauge.name, gauge.meaning, value=float(gauge.value))
    for counter in query_counters():
        yield CounterMetricFamily(counter.name, counter.meaning, value=float(counter.value))
    failures = CounterMetricFamily("rowpattern_query_failures", "Queries that failed, by cause.", labels=["cause"])
    for cause, count in totals.failures.items():
        failures.add_metric([cause], count)
    yield failures
    for name, meaning, histogram in (
        ("rowpattern_query_seconds", "Time that queries took, their waits included, in seconds.", totals.whole),
        ("rowpattern_query_wait_seconds", "Time that queries had no place among those that work.", totals.waits),
    ):
        buckets, seconds = _buckets(histogram)
        yield HistogramMetricFamily(name, meaning, buckets=buckets, sum_value=seconds)
    steps = HistogramMetricFamily("rowpattern_query_step_seconds", "Time that steps took, in seconds.", labels=["step"])
    for step, histogram in sorted(totals.steps.items()):
        steps.add_metric([step], *_buckets(histogram))
    yield steps


def _buckets(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    buckets = [("+Inf" if bound == float("inf") else repr(bound), float(count)) for bound, count in histogram.buckets()]
    return buckets, histogram.seconds


def register(registry: CollectorRegistry = REGISTRY) -> CacheCollector:
    """Add the cache's figures to a registry.

    Raises:
        ConfigurationError: `PROMETHEUS_MULTIPROC_DIR` is set; see the module's text.
        TypeError: it is no registry.
        ValueError: they are in it already.

    Examples:
        >>> from prometheus_client import CollectorRegistry
        >>> from rowpattern.metrics.prometheus import register
        >>> registry = CollectorRegistry()
        >>> collector = register(registry)
        >>> registry.get_sample_value("rowpattern_cache_enabled")
        1.0
    """
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ or "prometheus_multiproc_dir" in os.environ:
        raise ConfigurationError(
            "PROMETHEUS_MULTIPROC_DIR is set: in multiprocess mode prometheus_client adds up files and asks no "
            "collector, so the figures of the pattern caches would be missing. Call rowpattern.metrics.workers.join() "
            "in each worker and mount rowpattern.endpoints, whose /metrics has the figures of all of them"
        )
    if not isinstance(registry, CollectorRegistry):
        raise TypeError(f"registry must be a prometheus_client.CollectorRegistry, not {type(registry).__name__}")
    collector = CacheCollector()
    registry.register(collector)
    return collector


def serve(port: int = 0, address: str = "127.0.0.1") -> tuple[WSGIServer, threading.Thread]:
    """Serve this process's cache figures, and nothing else, over HTTP; in multiprocess mode too.

    Args:
        port: 0 takes a free one, which `server.server_port` tells.
        address: where to listen.

    Returns:
        the server and its daemon thread, as `prometheus_client.start_http_server` does; `server.shutdown()` ends it.

    Raises:
        OSError: the port is taken.

    Examples:
        >>> from rowpattern.metrics.prometheus import serve
        >>> server, thread = serve()
        >>> server.server_port > 0
        True
        >>> server.shutdown()
        >>> server.server_close()
        >>> thread.join()
    """
    return start_http_server(port, address, registry=_own_registry())


def exposition() -> tuple[str, bytes]:
    """Return the content type and the text that `/metrics` answers with: this process's cache figures.

    Examples:
        >>> from rowpattern.metrics.prometheus import exposition
        >>> content_type, body = exposition()
        >>> b"pattern_cache_size" in body
        True
    """
    return CONTENT_TYPE_LATEST, generate_latest(_own_registry())


def _own_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(CacheCollector())
    return registry
