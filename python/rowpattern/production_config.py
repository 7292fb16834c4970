"""Settings of a deployment: from environment variables, a JSON file, or a dict.

A value that cannot be read is a `ConfigurationError` that names the setting, the value and what is allowed; nothing
falls back to a default silently. The names are those of the pure-Python system, so that its files and variables go
on working for the settings that this package has.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from rowpattern.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MatchRecognizeConfig", "PerformanceConfig"]

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})

# More than any machine has; past it, sums of bytes would no longer fit 64 bits.
_MOST_MEGABYTES = 1 << 40


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise ConfigurationError(f"{name} is {value!r}; allowed are true, false, 1, 0, yes, no, on and off")


def _number(name: str, value: object, least: float, most: float, *, whole: bool) -> float:
    kind = "a whole number" if whole else "a number"
    allowed = f"{kind} of at least {least:g}" + (f" and at most {most:g}" if most < math.inf else "")
    problem = ConfigurationError(f"{name} is {value!r}; allowed is {allowed}")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise problem
    try:
        number: float = int(value) if whole and not isinstance(value, float) else float(value)
    except ValueError:
        raise problem from None
    if not least <= number <= most or (whole and number != int(number)):
        raise problem
    return int(number) if whole else number


def _count(name: str, value: object) -> int:
    return int(_number(name, value, 0, 2**48, whole=True))


def _megabytes(name: str, value: object) -> float:
    return _number(name, value, 0, _MOST_MEGABYTES, whole=False)


def _seconds(name: str, value: object) -> float:
    # A time to live of nothing would be a cache that never hits: that is `enable_caching=False`.
    return _number(name, value, 0.001, 10**9, whole=False)


_READERS: dict[str, Callable[[str, object], Any]] = {
    "enable_caching": _flag,
    "cache_size_limit": _count,
    "cache_memory_limit_mb": _megabytes,
    "cache_ttl_seconds": _seconds,
    "cache_clear_threshold_mb": _megabytes,
    "cache_monitoring_interval_seconds": _seconds,
}

_VARIABLES = {f"MR_{name.upper()}": name for name in _READERS}


@dataclass
class PerformanceConfig:
    """Settings of the pattern cache.

    Attributes:
        enable_caching: whether patterns are cached at all.
        cache_size_limit: the most entries.
        cache_memory_limit_mb: the most memory, in MB of 2**20 bytes.
        cache_ttl_seconds: how long an entry lives after it was put in, in seconds.
        cache_clear_threshold_mb: from this memory on, a monitor sheds entries, in MB.
        cache_monitoring_interval_seconds: how often a monitor looks, in seconds.

    Raises:
        ConfigurationError: a value is out of range.
    """

    enable_caching: bool = True
    cache_size_limit: int = 10_000
    cache_memory_limit_mb: float = 500
    cache_ttl_seconds: float = 3600
    cache_clear_threshold_mb: float = 400
    cache_monitoring_interval_seconds: float = 300

    def __post_init__(self) -> None:
        self._read({item.name: item.name for item in fields(self)})

    def _read(self, names: Mapping[str, str]) -> None:
        """Check every setting; `names` says how each is called in errors."""
        for setting, read in _READERS.items():
            value = read(names[setting], getattr(self, setting))
            # Whole megabytes and seconds stay the ints that they were given as.
            if isinstance(value, float) and value == int(value):
                value = int(value)
            setattr(self, setting, value)


@dataclass
class MatchRecognizeConfig:
    """All settings.

    Attributes:
        performance: settings of the pattern cache.
    """

    performance: PerformanceConfig = field(default_factory=PerformanceConfig)

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> MatchRecognizeConfig:
        """Read the variables `MR_ENABLE_CACHING`, `MR_CACHE_SIZE_LIMIT` and so on; those not set keep the defaults.

        Args:
            environment: the variables; the process's own by default.

        Raises:
            ConfigurationError: a variable cannot be read.
        """
        environment = os.environ if environment is None else environment
        settings = {
            setting: _READERS[setting](variable, environment[variable])
            for variable, setting in _VARIABLES.items()
            if variable in environment
        }
        return cls(PerformanceConfig(**settings))

    @classmethod
    def from_file(cls, config_path: str | os.PathLike[str]) -> MatchRecognizeConfig:
        """Read a JSON file that holds what `from_dict` takes.

        Raises:
            FileNotFoundError: there is no such file.
            ConfigurationError: it is not JSON, or a setting cannot be read.
        """
        text = Path(config_path).read_text(encoding="utf-8")
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise ConfigurationError(f"{config_path} is not JSON: {error.msg} ({place})") from None
        try:
            return cls.from_dict(data)
        except ConfigurationError as error:
            raise ConfigurationError(f"{config_path}: {error}") from None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MatchRecognizeConfig:
        """Read `{"performance": {"cache_size_limit": 1000, ...}}`; settings not given keep the defaults.

        Raises:
            ConfigurationError: a setting is unknown or cannot be read.
        """
        _known("", data, {"performance"})
        performance = data.get("performance", {})
        _known("performance.", performance, set(_READERS))
        return cls(
            PerformanceConfig(
                **{name: _READERS[name](f"performance.{name}", value) for name, value in performance.items()}
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes."""
        return asdict(self)


def _known(prefix: str, data: object, allowed: set[str]) -> None:
    if not isinstance(data, dict):
        where = prefix.rstrip(".") or "the configuration"
        raise ConfigurationError(f"{where} is {data!r}; allowed is a mapping of settings")
    for name in data:
        if name not in allowed:
            raise ConfigurationError(f"{prefix}{name} is not a setting; allowed are {', '.join(sorted(allowed))}")
