"""Metrics for OpenTelemetry: the documented name of `rowpattern.observe.metrics.opentelemetry`."""

from rowpattern.observe.metrics.opentelemetry import instrument

__all__ = ["instrument"]
