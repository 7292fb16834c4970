"""Reading single settings: texts and numbers to values, or an error that names the setting."""

from __future__ import annotations

import math
from typing import Any, Callable

from rowpattern.errors import ConfigurationError

__all__ = ["Reader", "choice", "count", "flag", "known_names", "megabytes", "positive_seconds", "threads"]

#: Takes a setting's name and its value, and gives the value that is meant.
Reader = Callable[[str, object], Any]

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})

# More than any machine has; past it, sums of bytes would no longer fit 64 bits.
_MOST_MEGABYTES = 1 << 40

_MOST_THREADS = 1024


def flag(name: str, value: object) -> bool:
    """Read a yes or no."""
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
    # Whole megabytes and seconds stay the ints that they were given as.
    return int(number) if number == int(number) else number


def count(name: str, value: object) -> int:
    """Read a number of things."""
    return int(_number(name, value, 0, 2**48, whole=True))


def threads(name: str, value: object) -> int:
    """Read a number of threads."""
    return int(_number(name, value, 1, _MOST_THREADS, whole=True))


def megabytes(name: str, value: object) -> float:
    """Read a size in MB."""
    return _number(name, value, 0, _MOST_MEGABYTES, whole=False)


def positive_seconds(name: str, value: object) -> float:
    """Read a duration; a time to live of nothing would be a cache that never hits: that is `enable_caching=False`."""
    return _number(name, value, 0.001, 10**9, whole=False)


def choice(*allowed: str) -> Reader:
    """Make a reader of one of these words."""

    def read(name: str, value: object) -> str:
        word = value.strip().lower() if isinstance(value, str) else value
        if word not in allowed:
            raise ConfigurationError(f"{name} is {value!r}; allowed are {' and '.join(map(repr, allowed))}")
        return str(word)

    return read


def known_names(prefix: str, data: object, allowed: set[str]) -> None:
    """Refuse what is not a mapping, and names that are not settings."""
    if not isinstance(data, dict):
        where = prefix.rstrip(".") or "the configuration"
        raise ConfigurationError(f"{where} is {data!r}; allowed is a mapping of settings")
    for name in data:
        if name not in allowed:
            raise ConfigurationError(f"{prefix}{name} is not a setting; allowed are {', '.join(sorted(allowed))}")
