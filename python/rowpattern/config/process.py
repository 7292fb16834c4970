"""The settings of this process: from calls, environment variables, a file, and defaults, in this order.

They are read once, at first use, and held; `reload()` reads them again. `describe()` says where each came from.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Protocol

from rowpattern.config.configuration import (
    DEVELOPMENT_CONFIG,
    OTHER_READERS,
    PRODUCTION_CONFIG,
    TESTING_CONFIG,
    MatchRecognizeConfig,
)
from rowpattern.config.container import memory_limit
from rowpattern.config.performance import READERS, Origin, PerformanceConfig
from rowpattern.config.sections import LoggingConfig, MonitoringConfig, ResourceConfig, SecurityConfig
from rowpattern.config.sources import given_by_environment
from rowpattern.config.values import shown

if TYPE_CHECKING:
    from rowpattern.config.sources import Given

__all__ = [
    "DEVELOPMENT_CONFIG",
    "PRODUCTION_CONFIG",
    "TESTING_CONFIG",
    "Described",
    "LoggingConfig",
    "MatchRecognizeConfig",
    "MonitoringConfig",
    "PerformanceConfig",
    "ResourceConfig",
    "SecurityConfig",
    "describe",
    "get_config",
    "reload",
    "reset_config",
    "set_config",
]


class ConfigurationSource(Protocol):
    """Another module's configuration, from which the process's settings are read too."""

    def given(self) -> Given:
        """Return what it says, above the environment.

        Raises:
            ConfigurationError: it cannot be read.
        """

    def convert(self, config: object) -> MatchRecognizeConfig | None:
        """Return a configuration of its kind as a `MatchRecognizeConfig`; None for anything else."""


_config: MatchRecognizeConfig | None = None
_source: ConfigurationSource | None = None
_listeners: list[Callable[[MatchRecognizeConfig], None]] = []


def read_from(source: ConfigurationSource) -> None:
    """Read the process's settings from another module too, from the next time on that they are read."""
    global _source  # noqa: PLW0603 - one for the process
    _source = source


def _read(**settings: Any) -> MatchRecognizeConfig:
    """Read the process's settings from all sources."""
    given = given_by_environment(os.environ)
    if _source is not None:
        for section, named in _source.given().items():
            given.setdefault(section, {}).update(named)
    return MatchRecognizeConfig._of(given, settings)  # noqa: SLF001 - of this package


def get_config() -> MatchRecognizeConfig:
    """Return the process's settings: those of `set_config`, or else those of the environment and of `MR_CONFIG_FILE`.

    They are read at the first call and held; `reload` reads them again.

    Raises:
        ConfigurationError: a setting cannot be read. The next call tries again.

    Examples:
        >>> from rowpattern.production_config import get_config, reset_config
        >>> reset_config()
        >>> get_config().performance.cache_size_limit
        10000
    """
    global _config  # noqa: PLW0603 - one for the process, as documented
    if _config is None:
        config = _read()
        config.performance.warn_of_memory()
        _config = config
    return _config


def reload(**settings: Any) -> MatchRecognizeConfig:
    """Read the environment and the file that it names again, and make the settings the process's.

    Args:
        settings: settings of `PerformanceConfig`, above the environment and the file.

    Returns:
        the settings; the pattern cache and a running monitor have taken them.

    Raises:
        ConfigurationError: a setting cannot be read; nothing has changed then.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> from rowpattern.production_config import reload
        >>> config = reload(cache_size_limit=2000)
        >>> pattern_cache.get_cache_stats()["max_size"]
        2000
        >>> config = reload()
    """
    memory_limit.cache_clear()
    config = _read(**settings)
    set_config(config)
    return config


def set_config(config: MatchRecognizeConfig) -> None:
    """Make settings the process's, all of them; the pattern cache and a running monitor take them at once.

    Raises:
        TypeError: it is no `MatchRecognizeConfig`.
        ConfigurationError: a setting is not allowed; nothing has changed then.

    Examples:
        >>> from rowpattern.production_config import MatchRecognizeConfig, PerformanceConfig
        >>> from rowpattern.production_config import get_config, reload, set_config
        >>> set_config(MatchRecognizeConfig(performance=PerformanceConfig(cache_size_limit=500)))
        >>> get_config().performance.cache_size_limit
        500
        >>> config = reload()
    """
    global _config  # noqa: PLW0603 - one for the process, as documented
    config = checked_config(config)
    config.validate()
    config.performance.warn_of_memory()
    _config = config
    for listener in _listeners:
        listener(config)


def checked_config(config: object) -> MatchRecognizeConfig:
    """Return a configuration as it is, or converted from the other module's; a TypeError where it is none."""
    if isinstance(config, MatchRecognizeConfig):
        return config
    converted = None if _source is None else _source.convert(config)
    if converted is not None:
        return converted
    raise TypeError(f"a configuration must be a MatchRecognizeConfig, not {type(config).__name__}")


def reset_config() -> None:
    """Forget what `set_config` set; limits in force stay, and `get_config` reads again.

    Examples:
        >>> from rowpattern.production_config import get_config, reset_config
        >>> reset_config()
        >>> get_config().performance.cache_size_limit
        10000
    """
    global _config  # noqa: PLW0603 - see set_config
    _config = None


def on_set_config(listener: Callable[[MatchRecognizeConfig], None]) -> None:
    """Call a function with the settings at each `set_config` and `reload`."""
    _listeners.append(listener)


class Described(dict[str, Origin]):
    """Settings by name, each with its value, source and detail; as a text, a table.

    Examples:
        >>> from rowpattern.production_config import describe
        >>> origin = describe()["cache_ttl_seconds"]
        >>> origin.value, origin.source
        (3600, 'default')
        >>> print(describe())
        enable_caching ...
    """

    def __str__(self) -> str:
        rows = [(name, shown(value), source, detail) for name, (value, source, detail) in self.items()]
        widths = [max(map(len, column)) for column in zip(*rows)][:3]
        return "\n".join("  ".join([*map(str.ljust, row, widths), row[3]]).rstrip() for row in rows)


def describe() -> Described:
    """Return the settings that are read here, and where each value came from.

    >>> from rowpattern.production_config import describe, set_config, MatchRecognizeConfig, PerformanceConfig
    >>> set_config(MatchRecognizeConfig(performance=PerformanceConfig(cache_size_limit=500)))
    >>> describe()["cache_size_limit"]
    Origin(value=500, source='call', detail='')

    Each has a `value`, a `source` (`"default"`, `"container"`, `"file"`, `"environment"` or `"call"`) and a `detail`:
    the file, the variable, or how it was computed. `print(describe())` shows them as a table.

    Raises:
        ConfigurationError: a setting cannot be read.
    """
    config = get_config()
    described = Described((name, config.origin("performance", name)) for name in READERS)
    for section, name in OTHER_READERS:
        described[f"{section}.{name}" if section else name] = config.origin(section, name)
    return described
