"""Metrics for Prometheus of several processes: the documented name of `rowpattern.observe.metrics.workers`."""

from rowpattern.observe.metrics.workers import clean, exposition, join, joined, leave

__all__ = ["clean", "exposition", "join", "joined", "leave"]
