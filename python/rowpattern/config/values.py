"""Reading single settings: texts and numbers to values, or an error that names the setting.

A mistake has one text, wherever it was made: the place (a file, a variable) is put before it by `placed`.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any, Callable

from rowpattern.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = [
    "MOST_THREADS",
    "Reader",
    "choice",
    "count",
    "flag",
    "flag_or",
    "mapping",
    "megabytes",
    "not_a_setting",
    "number",
    "optional_text",
    "placed",
    "positive_seconds",
    "seconds",
    "shown",
    "text",
    "threads",
]

#: Takes a setting's name and its value, and gives the value that is meant.
Reader = Callable[[str, object], Any]

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_FLAG_WORDS = ("true", "false", "1", "0", "yes", "no", "on", "off")

# More than any machine has; past it, sums of bytes would no longer fit 64 bits.
_MOST_MEGABYTES = 1 << 40

#: More than any machine needs.
MOST_THREADS = 1024

# The most characters of a value that a message shows.
_LONGEST_SHOWN = 80


def shown(value: object) -> str:
    """Return a value as a message shows it: whole numbers as such, long values cut.

    The text of a number is shown as the number, so that a variable and a file with the same mistake read the same.
    """
    if isinstance(value, str) and len(value) <= _LONGEST_SHOWN:
        with contextlib.suppress(ValueError):
            value = number(value)
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    try:
        written = repr(value)
    except Exception:  # noqa: BLE001 - a message about a value must not fail for the value's sake
        # Python does not write out integers of more than some thousand digits.
        written = f"a value of type {type(value).__name__} that cannot be shown"
    if len(written) <= _LONGEST_SHOWN:
        return written
    return f"{written[: _LONGEST_SHOWN - 20]}... ({len(written)} characters)"


def listed(names: Collection[str]) -> str:
    """Return names as a sentence lists them."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def number(written: str) -> float:
    """Return the number that a text stands for, an int where it is written as one.

    Raises:
        ValueError: it stands for none.
    """
    try:
        return int(written)
    except ValueError:
        return float(written)


@contextlib.contextmanager
def placed(place: str) -> Iterator[None]:
    """Put the place, as a file or a variable, before the errors of settings that are read within."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error}" if place else str(error)) from None


def flag(name: str, value: object) -> bool:
    """Read a yes or no."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise ConfigurationError(f"{name} is {shown(value)}; allowed are {listed(_FLAG_WORDS)}")


def flag_or(word: str) -> Reader:
    """Make a reader of a yes, a no, or one word more."""

    def read(name: str, value: object) -> bool | str:
        if isinstance(value, str) and value.strip().lower() == word:
            return word
        try:
            return flag(name, value)
        except ConfigurationError:
            allowed = listed((*_FLAG_WORDS, word))
            raise ConfigurationError(f"{name} is {shown(value)}; allowed are {allowed}") from None

    return read


def _number(name: str, value: object, least: float, most: float, *, whole: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _number_problem(name, value, least, most, whole=whole)
    try:
        read = number(value) if isinstance(value, str) else value
    except ValueError:
        raise _number_problem(name, value, least, most, whole=whole) from None
    if not least <= read <= most or (whole and read != int(read)):
        raise _number_problem(name, value, least, most, whole=whole)
    # Whole megabytes and seconds are ints, however they were written.
    return int(read) if read == int(read) else float(read)


def _number_problem(name: str, value: object, least: float, most: float, *, whole: bool) -> ConfigurationError:
    kind = "a whole number" if whole else "a number"
    return ConfigurationError(
        f"{name} is {shown(value)}; allowed is {kind} of at least {shown(least)} and at most {shown(most)}"
    )


def count(name: str, value: object) -> int:
    """Read a number of things."""
    return int(_number(name, value, 0, 2**48, whole=True))


def threads(name: str, value: object) -> int:
    """Read a number of threads."""
    return int(_number(name, value, 1, MOST_THREADS, whole=True))


def megabytes(name: str, value: object) -> float:
    """Read a size in MB."""
    return _number(name, value, 0, _MOST_MEGABYTES, whole=False)


def seconds(name: str, value: object) -> float:
    """Read a duration, of nothing too."""
    return _number(name, value, 0, 10**9, whole=False)


def positive_seconds(name: str, value: object) -> float:
    """Read a duration; a time to live of nothing would be a cache that never hits: that is `enable_caching=False`."""
    return _number(name, value, 0.001, 10**9, whole=False)


def text(name: str, value: object) -> str:
    """Read a text."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} is {shown(value)}; allowed is a text")
    return value


def optional_text(name: str, value: object) -> str | None:
    """Read a text, as a path; an empty one and None are none."""
    return None if value is None else text(name, value) or None


def choice(*allowed: str) -> Reader:
    """Make a reader of one of these words; case does not matter."""
    words = {word.lower(): word for word in allowed}

    def read(name: str, value: object) -> str:
        word = words.get(value.strip().lower()) if isinstance(value, str) else None
        if word is None:
            raise ConfigurationError(f"{name} is {shown(value)}; allowed are {listed(list(map(repr, allowed)))}")
        return word

    return read


def mapping(name: str, data: object) -> dict[str, Any]:
    """Read a mapping of settings by name."""
    if not isinstance(data, dict) or not all(isinstance(each, str) for each in data):
        raise ConfigurationError(f"{name} is {shown(data)}; allowed is a mapping of settings")
    return data


def not_a_setting(name: str, known: Collection[str]) -> str:
    """Return what there is to say of a name that is no setting: the nearest one, or all where none is near."""
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    help_ = f"the nearest is {near[0]}" if near else f"the settings are {listed(sorted(known))}"
    return f"{shown(name)[1:-1]} is not a setting; {help_}"
