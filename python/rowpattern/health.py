"""Whether the cache is well: the documented name of `rowpattern.observe.health`."""

from rowpattern.observe.health import health_check

__all__ = ["health_check"]
