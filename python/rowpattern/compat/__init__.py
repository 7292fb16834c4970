"""Standing in for the pure-Python system, `pandas-match-recognize`, whose modules are imported as `src...`.

>>> from rowpattern.compat import install_as_src
>>> install_as_src()
>>> from src.utils.pattern_cache import get_cache_stats  # doctest: +SKIP

All that exists for that system's sake is in this package: the imports under its names (`install`), functions that only
it has (`names`), the methods of its cache object (`cache_object`), its way to answer failures (`failures`), and the
cache that a caller puts in place of the process's (`replacement`).
"""

from rowpattern.compat.install import install_as_src

__all__ = ["install_as_src"]
