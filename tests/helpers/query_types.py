"""The types of column z in random queries: values, what is computed with them, in SQL and in plain Python."""

from __future__ import annotations

import calendar
import datetime as dt
import decimal
import math
import struct
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "KINDS", "NAMES", "Kind", "order_key"]

#: What columns may be called.
NAMES = ["{}", "{}", "{}", "{} {}", "SELECT{}", 'quo"te{}', "é{}", "{}.{}", "Group{}", "range{}", "-- {}", "'{}'"]

LABELS = ["low", "mid", "high"]
DAY = dt.datetime.fromisoformat("2024-03-30 23:30")
UTC = dt.timezone.utc


def order_key(value: Any) -> Any:
    """Return what a value compares as: NaN is one value, above all others."""
    if isinstance(value, (int, float, decimal.Decimal)):
        return (1, 0.0) if math.isnan(value) else (0, value)
    if isinstance(value, dt.datetime):
        # Python compares what clocks show where both have the same zone.
        return _instant(value)
    return LABELS.index(value[1]) if isinstance(value, tuple) else value


def _float32(value: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _negative(value: Any) -> Any:
    # Python's minus rounds to 28 digits.
    return value.copy_negate() if isinstance(value, decimal.Decimal) else -value


def _month_later(at: dt.datetime) -> dt.datetime:
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1]))


#: By name: SQL, and the same of values that are not NULL. Where one is, so is the result.
FUNCTIONS: dict[str, tuple[str, Callable[..., Any]]] = {
    "double": ("({} * 2)", lambda a: a * 2),
    "plus": ("({} + {})", lambda a, b: a + b),
    "minus": ("({} - {})", lambda a, b: a - b),
    "minus, as a number": ("({}::DOUBLE - {}::DOUBLE)", lambda a, b: float(a) - float(b)),
    "half": ("({} / 2)", lambda a: float(a) / 2),
    "plus, of floats": ("({} + {})", lambda a, b: _float32(a + b)),
    "negative": ("(-{})", _negative),
    "year": ("year({})", lambda a: a.year),
    "hour": ("hour({})", lambda a: a.hour),
    "minute": ("date_part('minute', {})", lambda a: a.minute),
    "date": ("{}::DATE", lambda a: a.date()),
    "days": ("date_diff('day', {}, {})", lambda a, b: (_date(b) - _date(a)).days),
    "within an hour": ("({} - {} <= INTERVAL 1 HOUR)", lambda a, b: _instant(a) - _instant(b) <= dt.timedelta(hours=1)),
    "a month later": ("({} + INTERVAL 1 MONTH)", _month_later),
    "an hour later": ("({} + INTERVAL '1 hour')", lambda a: _instant(a) + dt.timedelta(hours=1)),
    "joined": ("({} || {})", lambda a, b: a + b),
    "length": ("length({})", len),
    "like": ("({} LIKE 'a_%')", lambda a: a.startswith("a") and len(a) > 1),
    "begins": ("starts_with({}, {})", lambda a, b: a.startswith(b)),
    "not": ("(NOT {})", lambda a: not a),
}


def _date(value: Any) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


def _instant(value: dt.datetime) -> dt.datetime:
    # Python adds to what clocks show.
    return value if value.tzinfo is None else value.astimezone(UTC)


@dataclass(frozen=True)
class Kind:
    """A type.

    Attributes:
        arrow: Arrow's.
        values: what its values are here.
        literal: writes one in SQL.
        numbers: names of functions whose result is compared with those of others.
        truths: names of functions that give a truth value.
        same: names of functions that give a value of the type.
        aggregates: those that can be asked for.
    """

    arrow: pa.DataType
    values: list[Any]
    literal: Callable[[Any], str]
    numbers: tuple[str, ...] = ()
    truths: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ("count", "min", "max", "array_agg")

    def column(self, values: list[Any]) -> pa.Array:
        """Return values as Arrow's."""
        if isinstance(self.arrow, pa.UuidType):
            stored = pa.array([None if each is None else each.bytes for each in values], pa.binary(16))
            return pa.ExtensionArray.from_storage(self.arrow, stored)
        if pa.types.is_dictionary(self.arrow) and self.arrow.ordered:
            codes = pa.array([None if each is None else LABELS.index(each[1]) for each in values], pa.int8())
            return pa.DictionaryArray.from_arrays(codes, pa.array(LABELS), ordered=True)
        return pa.array(values, self.arrow)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _decimals(width: int, scale: int, texts: str) -> Kind:
    return Kind(
        pa.decimal128(width, scale),
        list(map(decimal.Decimal, texts.split())),
        lambda value: f"({value})::DECIMAL({width}, {scale})",
        numbers=("half", "minus, as a number"),
        same=("plus", "minus", "double", "negative") if width < 30 else ("negative",),
        aggregates=("count", "min", "max", "sum", "avg", "array_agg"),
    )


def _moments(unit: str, zone: str | None) -> Kind:
    minutes = [0, 30, 60, 90, 150, -44_640, 300_000, 300_030]
    moments = [DAY + dt.timedelta(minutes=each) for each in minutes]
    if zone is not None:
        own = ZoneInfo(zone)
        moments = [each.replace(tzinfo=UTC).astimezone(own) for each in moments]
    return Kind(
        pa.timestamp(unit, zone),
        moments,
        lambda at: f"TIMESTAMPTZ '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00'" if at.tzinfo else f"TIMESTAMP '{at}'",
        numbers=("year", "hour", "minute", "date", "days"),
        truths=("within an hour",),
        same=("an hour later",) if zone else ("an hour later", "a month later"),
    )


def _integers(kind: pa.DataType, values: list[int], name: str, same: tuple[str, ...]) -> Kind:
    aggregates = ("count", "min", "max", "sum", "avg", "array_agg")
    return Kind(kind, values, lambda value: f"({value})::{name}", ("half", "minus, as a number"), (), same, aggregates)


def _floats(kind: pa.DataType, name: str, more: list[float], same: tuple[str, ...]) -> Kind:
    values = [math.nan, math.inf, -math.inf, -0.0, 0.0, 1.5, -2.25, *more]
    return Kind(
        kind,
        values,
        lambda value: f"'{value}'::{name}",
        same=same,
        aggregates=("count", "min", "max", "array_agg"),
    )


def _dates(kind: pa.DataType) -> Kind:
    days = [DAY.date() + dt.timedelta(days=each) for each in (0, 1, 2, -30, 275, -90_000)]
    return Kind(kind, days, lambda value: f"DATE '{value}'", numbers=("year", "days"))


def _times(kind: pa.DataType, unit_microseconds: int) -> Kind:
    last = dt.time(23, 59, 59, 1_000_000 - unit_microseconds if unit_microseconds < 1_000_000 else 0)
    behind = dt.time(12, 30, 0, unit_microseconds) if unit_microseconds < 1_000_000 else dt.time(12, 30, 1)
    values = [dt.time(0), dt.time(12, 30), behind, last]
    return Kind(kind, values, lambda value: f"TIME '{value}'", numbers=("hour", "minute"))


def _unhexed(value: bytes) -> str:
    return f"unhex('{value.hex()}')"


def _bytes(kind: pa.DataType, *values: bytes) -> Kind:
    return Kind(kind, list(values), _unhexed, same=("joined",))


TEXTS = ["", "a", "ab", "aé", "B", "é", "a'b", "\U0001f600", "%"]
_TEXT = ("length",), ("like", "begins"), ("joined",)

KINDS: dict[str, Kind] = {
    "decimal(9,2)": _decimals(9, 2, "0.10 0.20 0.30 -0.15 3.00 99999.99"),
    "decimal(38,10)": _decimals(38, 10, "0.1 -0.1 0.0000000001 1234567890123456789012345678.0123456789 3"),
    "date32": _dates(pa.date32()),
    "date64": _dates(pa.date64()),
    "timestamp(us)": _moments("us", None),
    "timestamp(s)": _moments("s", None),
    "timestamp(ms)": _moments("ms", None),
    "timestamp(us, Europe/Berlin)": _moments("us", "Europe/Berlin"),
    "timestamp(ms, America/New_York)": _moments("ms", "America/New_York"),
    "timestamp(us, UTC)": _moments("us", "UTC"),
    "string": Kind(pa.string(), TEXTS, _text, *_TEXT),
    "large_string": Kind(pa.large_string(), TEXTS, _text, *_TEXT),
    "string_view": Kind(pa.string_view(), TEXTS, _text, *_TEXT),
    "dictionary": Kind(pa.dictionary(pa.int32(), pa.string()), TEXTS, _text, *_TEXT),
    "bool": Kind(
        pa.bool_(),
        [True, False],
        lambda value: str(value).lower(),
        truths=("not",),
        aggregates=("count", "min", "max", "bool_and", "bool_or", "array_agg"),
    ),
    "int8": _integers(pa.int8(), [0, 1, -1, 3, 20, -20], "TINYINT", ("plus", "minus", "double", "negative")),
    "uint8": _integers(pa.uint8(), [0, 1, 3, 10], "UTINYINT", ("plus", "double")),
    "int16": _integers(pa.int16(), [0, -7, 300, 2**12, -(2**12)], "SMALLINT", ("minus", "negative")),
    "uint16": _integers(pa.uint16(), [0, 7, 300, 2**13 - 1], "USMALLINT", ("plus",)),
    "int32": _integers(pa.int32(), [0, -7, 2**28, -(2**28)], "INTEGER", ("plus", "negative")),
    "uint32": _integers(pa.uint32(), [0, 7, 2**29], "UINTEGER", ("plus", "double")),
    "uint64": _integers(pa.uint64(), [0, 1, 2**63, 2**64 - 1], "UBIGINT", ()),
    "int64": _integers(pa.int64(), [0, -5, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)], "BIGINT", ()),
    "float32": _floats(pa.float32(), "FLOAT", [_float32(0.1), _float32(3.4e38)], ("plus, of floats", "negative")),
    "float64": _floats(pa.float64(), "DOUBLE", [0.1, 1.7e308], ("plus", "negative", "half")),
    "time64(us)": _times(pa.time64("us"), 1),
    "time32(ms)": _times(pa.time32("ms"), 1_000),
    "time32(s)": _times(pa.time32("s"), 1_000_000),
    "binary": _bytes(pa.binary(), b"", b"a", b"ab", b"\xff\x00"),
    "large_binary": _bytes(pa.large_binary(), b"", b"a", b"\x00"),
    "fixed_size_binary": Kind(pa.binary(2), [b"ab", b"\xff\x00", b"\x00\x00"], _unhexed),
    "uuid": Kind(
        pa.uuid(),
        [uuid.UUID(int=each) for each in (0, 1, 1 << 127, 2**128 - 1)],
        lambda value: f"'{value}'::UUID",
        aggregates=("count",),
    ),
    "duration": Kind(
        pa.duration("ms"),
        [dt.timedelta(seconds=each) for each in (0, 1, -90, 3600, 86_400)],
        lambda value: f"INTERVAL '{value // dt.timedelta(seconds=1)} seconds'",
        same=("plus", "minus"),
    ),
    # Values are pairs, as texts compare otherwise.
    "ordered categories": Kind(
        pa.dictionary(pa.int8(), pa.string(), ordered=True),
        [("category", label) for label in LABELS],
        lambda value: f"'{value[1]}'",
        aggregates=("count", "min", "max"),
    ),
}
