"""Compiling patterns before they are asked for: the documented name of `rowpattern.cache.warming`."""

from rowpattern.cache.warming import dump, load, load_at_start, warm

__all__ = ["dump", "load", "load_at_start", "warm"]
