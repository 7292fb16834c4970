"""Figures of the cache and of queries as OpenTelemetry instruments, and queries as spans (extra `opentelemetry`).

Those of the cache, and gauges of queries, are observed when they are collected; durations are recorded as queries end.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Callable

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter_provider

from rowpattern.cache.api import get_pattern_cache
from rowpattern.observe.metrics.query_metrics import query_counters, query_gauges, query_totals
from rowpattern.observe.query_figures import BOUNDS
from rowpattern.sql.runtime.reports import observe_queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.metrics import Meter

    from rowpattern.cache.statistics import CacheStatistics
    from rowpattern.observe.metrics.query_metrics import Figure
    from rowpattern.sql.runtime.reports import QueryReport

__all__ = ["instrument"]

_MEGABYTE = 2**20

_COUNTERS = {
    "rowpattern.cache.hits": ("hits", "{look-up}", "Look-ups that hit."),
    "rowpattern.cache.misses": ("misses", "{look-up}", "Look-ups that missed."),
    "rowpattern.cache.insertions": ("insertions", "{entry}", "Entries inserted."),
    "rowpattern.cache.expirations": ("expirations", "{entry}", "Entries whose time to live had passed."),
    "rowpattern.cache.replacements": ("replacements", "{entry}", "Entries whose key was inserted again."),
    "rowpattern.cache.invalidations": ("invalidations", "{entry}", "Entries removed by name or by clearing."),
    "rowpattern.cache.oversize": ("oversize", "{value}", "Values too heavy to be kept."),
    "rowpattern.cache.saved_time": ("compilation_time_saved", "s", "Compilation time that hits have saved."),
}

_GAUGES: dict[str, tuple[Callable[[CacheStatistics], float], str, str]] = {
    "rowpattern.cache.size": (lambda figures: figures["size"], "{entry}", "Entries."),
    "rowpattern.cache.memory": (lambda figures: figures["memory_used_mb"] * _MEGABYTE, "By", "Memory held."),
    "rowpattern.cache.size_limit": (lambda figures: figures["max_size"], "{entry}", "The limit of entries."),
    "rowpattern.cache.memory_limit": (
        lambda figures: figures["max_memory_used_mb"] * _MEGABYTE,
        "By",
        "The limit of memory.",
    ),
    "rowpattern.cache.efficiency": (lambda figures: figures["cache_efficiency"], "%", "Hits in percent of look-ups."),
}

_CAUSES = {"size": "evictions_size", "memory": "evictions_memory", "threshold": "evictions_shed"}


def instrument(meter_provider: MeterProvider | None = None) -> None:
    """Add the instruments of the cache, named `rowpattern.cache...`, and of queries.

    Evictions (`rowpattern.cache.evictions`) have the attribute `cause`: `size`, `memory` or `threshold`. Of queries
    there are histograms `rowpattern.query.duration`, `rowpattern.query.wait` and `rowpattern.query.step.duration`
    (attribute `step`) in seconds, the counter `rowpattern.query.failures` (attribute `cause`, as in
    `rowpattern.metrics.prometheus`), and what Prometheus has as `rowpattern_queries_running` and so on, as
    `rowpattern.queries.running`. The text of a query is in none of them.

    Args:
        meter_provider: the global one by default.

    Raises:
        TypeError: it is no meter provider.

    Examples:
        >>> from opentelemetry.sdk.metrics import MeterProvider
        >>> from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        >>> from rowpattern.metrics.opentelemetry import instrument
        >>> reader = InMemoryMetricReader()
        >>> provider = MeterProvider([reader])
        >>> instrument(provider)
        >>> metrics = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
        >>> "rowpattern.cache.size" in {metric.name for metric in metrics}
        True
        >>> provider.shutdown()
    """
    provider = get_meter_provider() if meter_provider is None else meter_provider
    if not isinstance(provider, MeterProvider):
        raise TypeError(f"meter_provider must be an OpenTelemetry MeterProvider, not {type(provider).__name__}")
    meter = provider.get_meter("rowpattern")
    for name, (figure, unit, meaning) in _COUNTERS.items():
        meter.create_observable_counter(name, [_observe(itemgetter(figure))], unit, meaning)
    for name, (read, unit, meaning) in _GAUGES.items():
        meter.create_observable_gauge(name, [_observe(read)], unit, meaning)
    meter.create_observable_counter("rowpattern.cache.evictions", [_evictions], "{entry}", "Entries evicted, by cause.")
    _instrument_queries(meter)


def _instrument_queries(meter: Meter) -> None:
    for counter in query_counters():
        name = counter.name
        meter.create_observable_counter(
            _dotted(name), [_observe_query(query_counters, name)], counter.unit, counter.meaning
        )
    for gauge in query_gauges():
        name = gauge.name
        read = _observe_query(query_gauges, name)
        meter.create_observable_gauge(_dotted(name), [read], gauge.unit, gauge.meaning)
    meter.create_observable_counter(
        "rowpattern.query.failures", [_failures], "{query}", "Queries that failed, by cause."
    )
    bounds = list(BOUNDS)
    duration, wait, steps = (
        meter.create_histogram(name, "s", meaning, explicit_bucket_boundaries_advisory=bounds)
        for name, meaning in (
            ("rowpattern.query.duration", "Time that queries took, their waits included."),
            ("rowpattern.query.wait", "Time that queries had no place among those that work."),
            ("rowpattern.query.step.duration", "Time that steps took."),
        )
    )

    def record(report: QueryReport) -> None:
        duration.record(report.seconds)
        wait.record(report.waited_seconds)
        for step in report.steps:
            steps.record(step.seconds, {"step": step.name})

    observe_queries(record)


def _dotted(name: str) -> str:
    """Return a name as OpenTelemetry has it: `rowpattern.query.rows_in`."""
    package, of, rest = name.split("_", 2) if name.count("_") > 1 else (*name.split("_"), "")
    return ".".join(part for part in (package, of, rest) if part)


def _observe_query(read: Callable[[], list[Figure]], name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _: [Observation(each.value) for each in read() if each.name == name]


def _failures(_: CallbackOptions) -> Iterable[Observation]:
    return [Observation(count, {"cause": cause}) for cause, count in query_totals().failures.items()]


def _observe(read: Callable[[CacheStatistics], float]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _: [Observation(read(get_pattern_cache().statistics()))]


def _evictions(_: CallbackOptions) -> Iterable[Observation]:
    figures: Mapping[str, Any] = get_pattern_cache().statistics()
    return [Observation(figures[figure], {"cause": cause}) for cause, figure in _CAUSES.items()]
