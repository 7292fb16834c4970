"""The first key of ORDER BY as numbers that rise with the rows' order, and lateness in the key's own units.

Whole numbers, decimals, dates and times become int64 in the key's own unit (a decimal's last digit), floats float64.
Where ORDER BY falls, the numbers are turned round, `~n` or `-n`, so that they rise with the rows' order too.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import sys
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import numpy as np
import pyarrow as pa

from rowpattern.errors import ConfigurationError
from rowpattern.sql.arrow.time_units import NANOSECONDS_A_DAY, nanoseconds_a_unit, number_type

if TYPE_CHECKING:
    from rowpattern.sql.arrow.arrays import Booleans

__all__ = ["HIGHEST", "LOWEST", "EventKey", "KeyNumbers", "Lateness", "OrderKey", "duration_nanoseconds"]

#: What says how late a row may be.
Lateness = Union[str, dt.timedelta, float, Decimal]

#: Numbers of keys, int64 or float64.
KeyNumbers = np.ndarray[tuple[int], np.dtype[Any]]

#: The least and the greatest number of an int64 key.
LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1

_DURATION_UNITS = {
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1),
    **dict.fromkeys(("us", "microsecond", "microseconds"), 10**3),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 10**6),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 10**9),
    **dict.fromkeys(("min", "minute", "minutes"), 60 * 10**9),
    **dict.fromkeys(("h", "hour", "hours"), 3_600 * 10**9),
    **dict.fromkeys(("d", "day", "days"), NANOSECONDS_A_DAY),
}
_DURATION_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)", re.ASCII | re.IGNORECASE)
# Longer texts are no durations that somebody wrote.
_MOST_DURATION_CHARACTERS = 200
_MOST_DECIMAL_DIGITS = 18
_INT64_BITS = 64
# No type of keys has numbers with so many digits before the point, or zeros behind it.
_MOST_EXPONENT = 400
_MOST_FLOAT = sys.float_info.max
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - instants without a zone are counted from it


class OrderKey(NamedTuple):
    """A key of ORDER BY: the column that has its values, and how it orders."""

    column: str
    descending: bool = False
    nulls_first: bool = False


def duration_nanoseconds(text: str, name: str) -> int:
    """Read a duration as "5s", "15 minutes" or "1 h 30 min"; return nanoseconds.

    Args:
        text: the duration.
        name: of the argument, for the error.

    Raises:
        ConfigurationError: it is none.
    """
    found, at = Fraction(0), 0
    parts = list(_DURATION_PART.finditer(text)) if len(text) <= _MOST_DURATION_CHARACTERS else []
    for part in parts:
        unit = _DURATION_UNITS.get(part[2].lower())
        if unit is None or part.start() != at:
            break
        found += Fraction(part[1]) * unit
        at = part.end()
    if not parts or text[at:].strip():
        shown = text if len(text) <= _MOST_DURATION_CHARACTERS else f"{text[:20]}..."
        raise ConfigurationError(
            f'{name} is {shown!r}; write a number and a unit of ns, us, ms, s, min, h or d, as "5s" or "15 minutes"'
        )
    return math.floor(found)


class EventKey:
    """The first key of ORDER BY.

    Attributes:
        key: which column it is, and how it orders.
        kind: the column's type.
        is_float: whether its numbers are float64; they are int64 otherwise.
        is_measured: whether it has distances, so that rows may be late by one; texts and the like have none.
    """

    def __init__(self, key: OrderKey, kind: pa.DataType) -> None:
        """Take a key and its column's type."""
        self.key = key
        self.kind = kind
        self._unit = nanoseconds_a_unit(kind)
        is_ = pa.types
        self.is_float = is_.is_floating(kind)
        self._scale = (
            int(kind.scale) if is_.is_decimal(kind) and 0 < int(kind.precision) <= _MOST_DECIMAL_DIGITS else None
        )
        # Whether the numbers stand in the column as they are.
        self._is_int64 = is_.is_int64(kind) or (self._unit is not None and kind.bit_width == _INT64_BITS)
        # How many of the numbers' units a key's 1 has.
        self._units: int = 10 ** (self._scale or 0)
        self.is_measured = (
            self._unit is not None or self.is_float or self._scale is not None or bool(is_.is_integer(kind))
        )

    @property
    def shown_kind(self) -> str:
        """The column's type, for errors that say that it has no distances."""
        if not pa.types.is_decimal(self.kind) or self._scale is not None:
            return f"{self.kind}"
        return f"{self.kind}, and decimals may have {_MOST_DECIMAL_DIGITS} digits at most"

    def numbers(self, column: pa.Array) -> tuple[KeyNumbers, Booleans | None]:
        """Return the rows' numbers, and where the key is NULL or NaN; None where it nowhere is.

        The key is one that `is_measured`. Takes time linear in the rows.
        """
        missing = None if column.null_count == 0 else np.asarray(column.is_null().to_numpy(zero_copy_only=False))
        found: KeyNumbers
        if self.is_float:
            found = np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
            unknown = np.isnan(found)
            if unknown.any():
                found, missing = np.where(unknown, 0.0, found), unknown
            return (-found if self.key.descending else found), missing
        found = self._whole_numbers(column)
        if missing is not None:
            found = np.where(missing, 0, found)
        return (np.invert(found) if self.key.descending else found), missing

    def _whole_numbers(self, column: pa.Array) -> KeyNumbers:
        """Return int64, anything where there is NULL."""
        if self._is_int64 and (values := column.buffers()[1]) is not None:
            return np.frombuffer(values, np.int64, len(column), column.offset * (_INT64_BITS // 8))
        if self._scale is not None:
            return _decimal_numbers(column, self.kind)
        if self._unit is not None:
            column = column.view(number_type(column.type))
        if column.null_count:
            column = column.fill_null(0)
        if pa.types.is_uint64(self.kind):
            unsigned = np.asarray(column.to_numpy(), dtype=np.uint64)
            return (unsigned ^ np.uint64(1 << 63)).view(np.int64)
        return np.asarray(column.to_numpy(), dtype=np.int64)

    def width(self, lateness: Lateness, name: str = "lateness") -> int | float:
        """Return a distance in the key's units, rounded down where these are whole.

        Rounding down changes nothing: a whole number is below `n - 2.5` where it is below `n - 2`.

        Raises:
            ConfigurationError: it is no distance of such keys.
        """
        if not self.is_measured:
            message = f"{name} needs a first key of ORDER BY that is a number, a date or a time; {self.key.column} is"
            raise ConfigurationError(f"{message} {self.shown_kind}: leave {name} out, and give rows in order")
        if self._unit is not None:
            if isinstance(lateness, str):
                return min(duration_nanoseconds(lateness, name) // self._unit, HIGHEST)
            if isinstance(lateness, dt.timedelta):
                nanoseconds = _timedelta_nanoseconds(lateness)
                if nanoseconds >= 0:
                    return min(nanoseconds // self._unit, HIGHEST)
            message = f'{self.key.column} is {self.kind}: write a duration of at least 0, as "5s", or a timedelta'
            raise ConfigurationError(f"{name} is {lateness!r}; {message}")
        number = _number(lateness)
        if number is None or number < 0:
            message = f"{self.key.column} is {self.kind}: write a number of at least 0"
            raise ConfigurationError(f"{name} is {lateness!r}; {message}")
        if self.is_float:
            return _float(number)
        return min(math.floor(Fraction(number) * self._units), HIGHEST)

    def point(self, time: object, name: str = "time") -> int | float:
        """Return the number of an instant, or of another key's value, rounded down in the rows' order.

        Raises:
            ConfigurationError: it is no value of such a key.
        """
        exact = self._exact(time)
        if exact is None:
            example = "a number" if self._unit is None else f"{_example(self.kind)}"
            raise ConfigurationError(f"{name} is {time!r}; {self.key.column} is {self.kind}: give {example}")
        if isinstance(exact, float):
            return -exact if self.key.descending else exact
        whole = ~math.ceil(exact) if self.key.descending else math.floor(exact)
        return max(LOWEST, min(whole, HIGHEST))

    def value(self, number: float) -> pa.Scalar:
        """Return the key's value that a number stands for: the nearest one, where the type has no such value."""
        if self.is_float:
            return pa.scalar(-number if self.key.descending else number, pa.float64()).cast(self.kind)
        whole = ~int(number) if self.key.descending else int(number)
        if self._scale is not None:
            return pa.scalar(Decimal(whole).scaleb(-self._scale), pa.decimal128(38, self._scale))
        if pa.types.is_uint64(self.kind):
            return pa.scalar(whole + (1 << 63), pa.uint64())
        lowest, highest = _range(self.kind)
        whole = max(lowest, min(whole, highest))
        if self._unit is None:
            return pa.scalar(whole, self.kind)
        return pa.array([whole], number_type(self.kind)).view(self.kind)[0]

    def _exact(self, time: object) -> Fraction | float | None:
        """Return a value in the key's units, exactly; None where it is none."""
        if isinstance(time, pa.Scalar):
            if not time.is_valid:
                return None
            if time.type == self.kind and self._unit is not None:
                stored = pa.array([time]).view(number_type(time.type))
                return Fraction(stored[0].as_py())
            time = time.as_py()
        if self._unit is None:
            number = _number(time)
            if number is None:
                return None
            if self.is_float:
                return _float(number)
            units = Fraction(number) * self._units
            return units - (1 << 63) if pa.types.is_uint64(self.kind) else units
        nanoseconds = _instant_nanoseconds(time, self.kind)
        return None if nanoseconds is None else Fraction(nanoseconds, self._unit)


def _decimal_numbers(column: pa.Array, kind: pa.DataType) -> KeyNumbers:
    """Return decimals of up to 18 digits as whole numbers: the lower halves of what is stored."""
    wide = column.cast(pa.decimal128(max(int(kind.precision), 1), int(kind.scale)))
    halves = np.frombuffer(wide.buffers()[1], dtype=np.int64)
    return halves[2 * wide.offset : 2 * (wide.offset + len(wide)) : 2]


def _timedelta_nanoseconds(length: dt.timedelta) -> int:
    # Those of pandas have nanoseconds beside.
    beside = int(getattr(length, "nanoseconds", 0))
    return (length.days * 86_400_000_000 + length.seconds * 1_000_000 + length.microseconds) * 1000 + beside


def _number(value: object) -> Fraction | Decimal | float | None:
    """Return a finite number; None where it is none."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Fraction(value)
    if isinstance(value, Decimal) and value.is_finite() and value and abs(value.adjusted()) > _MOST_EXPONENT:
        # As a whole number or a fraction it would have as many digits.
        return Decimal((0, (1,), int(math.copysign(_MOST_EXPONENT, value.adjusted())))).copy_sign(value)
    if isinstance(value, (float, Decimal)):
        return value if math.isfinite(value) else None
    return None


def _float(number: Fraction | Decimal | float) -> float:
    """Return a finite number as the nearest float."""
    try:
        found = float(number)
    except OverflowError:
        found = math.inf if number > 0 else -math.inf
    return max(-_MOST_FLOAT, min(found, _MOST_FLOAT))


def _example(kind: pa.DataType) -> str:
    if pa.types.is_duration(kind):
        return "a timedelta"
    if pa.types.is_time(kind):
        return "a datetime.time"
    if pa.types.is_date(kind):
        return "a date, as datetime.date(2026, 3, 2)"
    if kind.tz is None:
        return "a datetime without a zone, or a text as '2026-03-02 10:00:00'"
    return "a datetime with a zone, or a text as '2026-03-02 10:00:00+00:00'"


def _instant_nanoseconds(time: object, kind: pa.DataType) -> int | None:
    """Return nanoseconds since the key's zero; None where it is no such value."""
    is_ = pa.types
    if is_.is_duration(kind):
        return _timedelta_nanoseconds(time) if isinstance(time, dt.timedelta) else None
    if is_.is_time(kind):
        if not isinstance(time, dt.time) or time.tzinfo is not None:
            return None
        return ((time.hour * 60 + time.minute) * 60 + time.second) * 10**9 + time.microsecond * 1000
    if isinstance(time, np.datetime64):
        time = time.astype("datetime64[us]").item()
    if isinstance(time, str):
        try:
            time = dt.datetime.fromisoformat(time)
        except ValueError:
            return None
    if isinstance(time, dt.date) and not isinstance(time, dt.datetime):
        time = dt.datetime(time.year, time.month, time.day)  # noqa: DTZ001 - days have no zone
    # Pandas' NaT is a datetime.
    if not isinstance(time, dt.datetime) or time != time:  # noqa: PLR0124 - only NaT is not equal to itself
        return None
    is_zoned = is_.is_timestamp(kind) and kind.tz is not None
    offset = time.utcoffset()
    if (offset is not None) != is_zoned:
        return None
    # Python has no instants of UTC for the first and last hours of its years in other zones.
    since = time.replace(tzinfo=None) - _EPOCH
    return _timedelta_nanoseconds(since if offset is None else since - offset)


def _range(kind: pa.DataType) -> tuple[int, int]:
    """Return the least and the greatest number of a type."""
    unit = nanoseconds_a_unit(kind)
    if unit is not None and pa.types.is_time(kind):
        return 0, NANOSECONDS_A_DAY // unit - 1
    if pa.types.is_unsigned_integer(kind):
        return 0, 2**kind.bit_width - 1
    return -(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1) - 1
