"""What callers give for parameters, as plain values of Python: exactly of the types that a parameter may have.

A value of a derived class may be written, shown and compared as that class likes: `str` of a member of an enumeration
of texts is its name. So only what the type itself holds is taken.
"""

from __future__ import annotations

import datetime as dt
import decimal
import sys
import uuid
from collections.abc import Mapping
from typing import Any

from rowpattern.errors import QueryError

__all__ = ["LEAST_WHOLE", "MOST_WHOLE", "digits_of", "plain_value"]

# As the words of a query's text.
_MOST_VALUES = 100_000
# Arrow has some levels more.
_DEEPEST = 32
_MOST_DIGITS = 38
#: The least of DuckDB's HUGEINT, and the most of its UHUGEINT.
LEAST_WHOLE, MOST_WHOLE = -(1 << 127), (1 << 128) - 1
_ALLOWED = (
    "None, bool, int, float, str, bytes, Decimal, date, time, datetime, timedelta, UUID, and lists and dicts of these"
)
# Of numpy's lengths: those that are as long everywhere.
_BELOW_MICROSECONDS = frozenset({"ns", "ps", "fs", "as"})
_LENGTHS = frozenset({"W", "D", "h", "m", "s", "ms", "us", *_BELOW_MICROSECONDS})


def plain_value(value: Any, name: str) -> Any:
    """Return a value as one of the types that are allowed, where it is not too large to be written into a query.

    Raises:
        TypeError: it is of another type.
        QueryError: it is too large, or has no like in a query.

    >>> import enum
    >>> from rowpattern.sql.expression.given_values import plain_value
    >>> plain_value(enum.Enum("Color", {"RED": "red"}, type=str)("red"), "color")
    'red'
    """
    left = _MOST_VALUES
    waiting = [(value, 0)]
    while waiting:
        each, depth = waiting.pop()
        inside = [*each.values()] if isinstance(each, Mapping) else each if isinstance(each, (list, tuple)) else ()
        left -= len(inside)
        if left < 0:
            raise QueryError(f"the parameter {name} has more than {_MOST_VALUES:,} values in it; put them into a table")
        if depth > _DEEPEST:
            raise QueryError(f"the parameter {name} is nested too deeply: in more than {_DEEPEST} lists or dicts")
        waiting += [(one, depth + 1) for one in inside]
    return _plain(value, name)


def digits_of(value: decimal.Decimal) -> tuple[int, int]:
    """Return how many digits a decimal has, and how many of them stand behind the point."""
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - it is finite
    scale = max(0, -exponent)
    return max(len(digits) + max(exponent, 0), scale + 1 if scale else 1), scale


def _plain(value: Any, name: str) -> Any:
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        value = _of_numpy(value, name)
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return None
    if isinstance(value, (list, tuple)):
        return [_plain(each, name) for each in value]
    if isinstance(value, Mapping):
        return {_text(_key(key), name): _plain(each, name) for key, each in value.items()}
    if isinstance(value, str):
        return _text(value, name)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _whole(value, name)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(memoryview(value))
    if isinstance(value, decimal.Decimal):
        return _decimal(value, name)
    if isinstance(value, (dt.date, dt.time, dt.timedelta)):
        return _time(value, name)
    if isinstance(value, uuid.UUID):
        return uuid.UUID(int=value.int)
    raise TypeError(f"the parameter {name} is of the type {type(value).__name__}; allowed are {_ALLOWED}")


def _of_numpy(value: Any, name: str) -> Any:
    """Return a value of numpy's as Python's: of times `item` gives a plain number where Python has no such time."""
    kind = value.dtype.kind
    if kind not in "mM":
        return value.item()
    numpy = sys.modules["numpy"]
    if numpy.isnat(value):
        return None
    unit, _ = numpy.datetime_data(value.dtype)
    if kind == "m" and unit not in _LENGTHS:
        called = "a plain number" if unit == "generic" else f"a number of {'months' if unit == 'M' else 'years'}"
        raise QueryError(f"the parameter {name} is {called}, as a timedelta64; give a timedelta")
    found = value.item()
    if isinstance(found, int):
        micros = value.astype(f"{kind}8[us]") if unit in _BELOW_MICROSECONDS else value
        found = micros.item()
        if isinstance(found, int) or micros != value:
            type_name = "datetime" if kind == "M" else "timedelta"
            raise QueryError(f"the parameter {name} is {value!s}, which no {type_name} is; round it, or give a text")
    return found


def _key(key: Any) -> str:
    return key if isinstance(key, str) else str(key)


def _text(value: str, name: str) -> str:
    value = str.__str__(value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise QueryError(f"the parameter {name} has half of a surrogate pair, which is no character") from None
    if "\0" in value:
        raise QueryError(f"the parameter {name} has a NUL character, which no text of a query has; remove it")
    return value


def _whole(value: int, name: str) -> int:
    value = int.__int__(value)
    if not LEAST_WHOLE <= value <= MOST_WHOLE:
        raise QueryError(f"the parameter {name} is a whole number that 128 bits do not hold; give a float or a text")
    return value


def _decimal(value: decimal.Decimal, name: str) -> decimal.Decimal:
    if not value.is_finite():
        # A signaling NaN cannot become a float.
        return decimal.Decimal("NaN") if value.is_nan() else decimal.Decimal(value)
    if digits_of(value)[0] > _MOST_DIGITS:
        raise QueryError(f"the parameter {name} has more than {_MOST_DIGITS} digits; give a float")
    return decimal.Decimal(value)


def _time(value: Any, name: str) -> Any:
    if getattr(value, "nanosecond", None) or getattr(value, "nanoseconds", None):
        type_name = "datetime" if isinstance(value, dt.datetime) else "timedelta"
        raise QueryError(f"the parameter {name} is {value!s}, and a {type_name} has no nanoseconds; round it")
    if isinstance(value, dt.timedelta):
        return dt.timedelta(value.days, value.seconds, value.microseconds)
    if not isinstance(value, (dt.datetime, dt.time)):
        return dt.date(value.year, value.month, value.day)
    # What there is to a zone is how far its clocks are from UTC then.
    offset = None if value.tzinfo is None else value.utcoffset()
    zone = None if offset is None else dt.timezone(offset)
    clock = dt.time(value.hour, value.minute, value.second, value.microsecond, zone)
    if isinstance(value, dt.datetime):
        return dt.datetime.combine(dt.date(value.year, value.month, value.day), clock)
    if value.tzinfo is not None and zone is None:
        message = f"the parameter {name} is {value!s} in the zone {value.tzinfo!s}, whose clocks change over the year"
        raise QueryError(f"{message}; give a datetime, or a time in a zone of a fixed offset")
    return clock
