"""Metrics for Prometheus: the documented name of `rowpattern.observe.metrics.prometheus`."""

from rowpattern.observe.metrics.prometheus import CacheCollector, exposition, register, serve

__all__ = ["CacheCollector", "exposition", "register", "serve"]
