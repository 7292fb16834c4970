"""The cache's figures as OpenTelemetry instruments (extra `opentelemetry`), observed when they are collected."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Callable

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter_provider

from rowpattern.cache.api import get_pattern_cache

if TYPE_CHECKING:
    from collections.abc import Iterable

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

_GAUGES: dict[str, tuple[Callable[[dict[str, Any]], float], str, str]] = {
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
    """Add the cache's instruments: observable counters and gauges named `rowpattern.cache...`.

    Evictions (`rowpattern.cache.evictions`) have the attribute `cause`: `size`, `memory` or `threshold`.

    Args:
        meter_provider: the global one by default.

    Raises:
        TypeError: it is no meter provider.
    """
    provider = get_meter_provider() if meter_provider is None else meter_provider
    if not isinstance(provider, MeterProvider):
        raise TypeError(f"meter_provider is an OpenTelemetry MeterProvider, not {type(provider).__name__}")
    meter = provider.get_meter("rowpattern")
    for name, (figure, unit, meaning) in _COUNTERS.items():
        meter.create_observable_counter(name, [_observe(itemgetter(figure))], unit, meaning)
    for name, (read, unit, meaning) in _GAUGES.items():
        meter.create_observable_gauge(name, [_observe(read)], unit, meaning)
    meter.create_observable_counter("rowpattern.cache.evictions", [_evictions], "{entry}", "Entries evicted, by cause.")


def _observe(read: Callable[[dict[str, Any]], float]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _: [Observation(read(get_pattern_cache().statistics()))]


def _evictions(_: CallbackOptions) -> Iterable[Observation]:
    figures = get_pattern_cache().statistics()
    return [Observation(figures[figure], {"cause": cause}) for cause, figure in _CAUSES.items()]
