"""Watching the process's cache: the documented name of `rowpattern.cache.monitor`."""

from rowpattern.cache.monitor import CacheMonitor, get_cache_monitor, start_cache_monitoring, stop_cache_monitoring

__all__ = ["CacheMonitor", "get_cache_monitor", "start_cache_monitoring", "stop_cache_monitoring"]
