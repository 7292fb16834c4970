"""Metrics of the cache for monitoring systems: the documented names of `rowpattern.observe.metrics`."""
