"""Standing in for the pure-Python system, `pandas-match-recognize`, whose modules are imported as `src...`.

>>> from rowpattern.compat import install_as_src
>>> install_as_src()
>>> from src.utils.pattern_cache import get_cache_stats  # doctest: +SKIP

All that exists for that system's sake is in this package: the imports under its names (`install`), functions that only
it has (`names`), the methods of its cache object (`cache_object`), its way to answer failures (`failures`), and the
cache that a caller puts in the place of ours (`replacement`).
"""

from __future__ import annotations

__all__ = ["install_as_src"]


def install_as_src() -> None:
    """Make `src.utils.pattern_cache`, `src.monitoring.cache_monitor` and `src.config.production_config` ours.

    They are then the modules of the same name in this package, whether or not a package `src` is installed. The rest of
    an installed `src` is left alone, but for the second way to its cache in `src.utils.performance_optimizer`, which
    then leads here too. Calling it again does nothing.

    Call it before the first import of `src`; in modules that were imported earlier, names are replaced as far as they
    go.
    """
    # Not at the top: that module imports ours, and those import parts of this package.
    from rowpattern.compat.install import install

    install()
