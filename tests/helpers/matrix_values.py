"""The types of the expression matrix: for each a few values at its edges, and how a query writes one of them."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["TYPES", "ValueType"]

LABELS = ("low", "mid", "high")


@dataclass(frozen=True)
class ValueType:
    """A type of columns.

    Attributes:
        name: what it is called.
        values: some values at its edges; the first one is NULL.
        constant: one of them, or one near, in SQL.
        given: the same values as DuckDB takes them, where that is another Arrow type.
        zone: of timestamps with a zone.
        labels: of ordered categories.
    """

    name: str
    values: pa.Array
    constant: str
    given: pa.Array | None = None
    zone: str | None = None
    labels: tuple[str, ...] = ()

    @property
    def for_duckdb(self) -> pa.Array:
        """The values as DuckDB takes them."""
        return self.values if self.given is None else self.given


def _integers() -> list[ValueType]:
    found = []
    for width in (8, 16, 32, 64):
        top = 2 ** (width - 1)
        signed = [None, 0, 1, -1, 3, 100, top - 1, -top]
        found.append(ValueType(f"int{width}", pa.array(signed, getattr(pa, f"int{width}")()), "3"))
        unsigned = [None, 0, 1, 3, 100, 2 * top - 1]
        found.append(ValueType(f"uint{width}", pa.array(unsigned, getattr(pa, f"uint{width}")()), "3"))
    return found


def _floats() -> list[ValueType]:
    edges = [None, float("nan"), float("inf"), float("-inf"), -0.0, 0.1, 1.5, -3.25]
    double = [*edges, 1.7976931348623157e308, 5e-324]
    single = [*edges, float(np.finfo(np.float32).max)]
    half = pa.array([None if each is None else np.float16(each) for each in [*edges, 65504.0]], pa.float16())
    return [
        ValueType("float64", pa.array(double, pa.float64()), "1.5"),
        ValueType("float32", pa.array(single, pa.float32()), "0.1"),
        ValueType(
            "float16", pa.array(half, pa.float16()), "1.5", given=pa.array(half, pa.float16()).cast(pa.float32())
        ),
    ]


def _decimals() -> list[ValueType]:
    found = []
    for width, scale in ((4, 1), (9, 2), (18, 4), (18, 0), (25, 6), (38, 0), (38, 10), (38, 37)):
        top = 10**width - 1
        unscaled = [None, 0, 1, -15, 3 * 10**scale, top, -top]
        with decimal.localcontext(prec=50):
            values = [None if each is None else decimal.Decimal(each).scaleb(-scale) for each in unscaled]
        constant = "3" if scale == 0 else "3." + "0" * scale
        found.append(ValueType(f"decimal({width},{scale})", pa.array(values, pa.decimal128(width, scale)), constant))
    return found


def _of_numbers(kind: pa.DataType, numbers: list[int | None]) -> pa.Array:
    width = pa.int32() if kind.bit_width == 32 else pa.int64()
    return pa.array(numbers, width).view(kind)


def _dates() -> list[ValueType]:
    # 1970-01-01, the day before, two ends of months, the first and the last that Python has.
    days = [None, 0, -1, 19753, 19782, -719162, 2932896]
    # DuckDB's infinity.
    infinite = [*days, 2**31 - 1]
    milliseconds = [None if each is None else each * 86_400_000 for each in days]
    second = 1_000_000
    times = [None, 0, 3661 * second, 86_399 * second + 999_999, 43_200 * second, 43_200 * second + 1]
    found = [
        ValueType("date32", _of_numbers(pa.date32(), infinite), "DATE '2024-02-29'"),
        ValueType("date64", _of_numbers(pa.date64(), milliseconds), "DATE '2024-02-29'"),
    ]
    for name, kind, parts in (
        ("time32(s)", pa.time32("s"), 1),
        ("time32(ms)", pa.time32("ms"), 1_000),
        ("time64(us)", pa.time64("us"), 1_000_000),
        ("time64(ns)", pa.time64("ns"), 1_000_000_000),
    ):
        numbers = [None if each is None else each * parts // second for each in times]
        found.append(ValueType(name, _of_numbers(kind, numbers), "TIME '12:00:00'"))
    return found


def _microseconds(text: str) -> int:
    at = dt.datetime.fromisoformat(text).replace(tzinfo=dt.timezone.utc)
    return (at - dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)) // dt.timedelta(microseconds=1)


def _timestamps() -> list[ValueType]:
    texts = ["1970-01-01", "1969-12-31T23:59:59.900000", "2024-01-31T23:59:59.999999", "2024-02-29T12:30:00"]
    far = [*texts, "0001-01-01", "9999-12-31T23:59:59"]
    near = [*texts, "1700-01-01", "2262-01-01"]
    found = []
    for unit, parts in (("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)):
        moments = [_microseconds(each) * parts // 1_000_000 for each in (near if unit == "ns" else far)]
        # One part of a unit behind another.
        moments.append(moments[3] + 1)
        kind = pa.timestamp(unit)
        found.append(
            ValueType(f"timestamp({unit})", _of_numbers(kind, [None, *moments]), "TIMESTAMP '2024-02-29 12:30:00'")
        )
    # Around both changes of clocks in Europe and in America, midnight there, the end of a month.
    berlin = ["2024-03-31T00:30:00", "2024-03-31T01:30:00", "2024-10-27T00:30:00", "2024-10-27T01:30:00"]
    berlin += ["2024-02-29T23:00:00", "2024-01-31T22:59:59.999999"]
    york = ["2024-03-10T06:30:00", "2024-03-10T07:30:00", "2024-11-03T05:30:00", "2024-11-03T06:30:00"]
    york += ["2024-03-01T05:00:00", "2024-02-01T04:59:59.999999"]
    for unit, zone, instants in (
        ("us", "UTC", far),
        ("us", "Europe/Berlin", berlin),
        ("us", "America/New_York", york),
        ("s", "Europe/Berlin", berlin),
        ("ms", "America/New_York", york),
        ("ns", "Europe/Berlin", berlin),
    ):
        parts = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[unit]
        numbers = [None, *(_microseconds(each) * parts // 1_000_000 for each in instants)]
        constant = f"TIMESTAMPTZ '{instants[1].replace('T', ' ')}+00'"
        kind = pa.timestamp(unit, zone)
        found.append(ValueType(f"timestamp({unit}, {zone})", _of_numbers(kind, numbers), constant, zone=zone))
    return found


def _lengths() -> list[ValueType]:
    seconds = [None, 0, 1, 5400, 86_400, -3 * 86_400, 400 * 86_400]
    found = []
    for unit, parts in (("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)):
        numbers = [None if each is None else each * parts for each in seconds]
        found.append(ValueType(f"duration({unit})", _of_numbers(pa.duration(unit), numbers), "INTERVAL '90 minutes'"))
    day = 86_400_000_000_000
    # A month is 30 days where intervals are compared.
    parts_of = [(0, 0, 0), (1, 0, 0), (0, 30, 0), (0, 0, 30 * day), (-1, 2, 3000), (12, 0, 0), (0, 1, -1000)]
    intervals = pa.array([None, *map(pa.MonthDayNano, parts_of)], pa.month_day_nano_interval())
    return [*found, ValueType("interval", intervals, "INTERVAL 1 MONTH")]


def _texts() -> list[ValueType]:
    texts = [None, "", "a", "abc", "B_%", "Äpfel", "12", "2024-02-29", "\U0001f600 x"]
    some = [None, b"", b"a", b"\xff\x00", b"abc", "é".encode()]
    few = [None, "low", "mid", "high"]
    codes = pa.array([None, 0, 1, 2], pa.int8())
    ordered = pa.DictionaryArray.from_arrays(codes, pa.array(LABELS), ordered=True)
    identifiers = [None, *(uuid.UUID(int=each).bytes for each in (0, 1, 2**127, 2**128 - 1, 0x123456789ABCDEF << 60))]
    return [
        ValueType("string", pa.array(texts, pa.string()), "'abc'"),
        ValueType("large_string", pa.array(texts, pa.large_string()), "'abc'"),
        ValueType("string_view", pa.array(texts, pa.string_view()), "'abc'"),
        ValueType("binary", pa.array(some, pa.binary()), "'abc'::BLOB"),
        ValueType("large_binary", pa.array(some, pa.large_binary()), "'abc'::BLOB"),
        ValueType("fixed_size_binary", pa.array([None, b"aa", b"\xff\x00", b"zz"], pa.binary(2)), "'aa'::BLOB"),
        ValueType("dictionary", pa.array(few).dictionary_encode(), "'mid'"),
        ValueType("dictionary of integers", pa.array([None, 5, 3, 9]).dictionary_encode(), "5"),
        ValueType("ordered categories", ordered, "'mid'", labels=LABELS),
        ValueType(
            "uuid",
            pa.ExtensionArray.from_storage(pa.uuid(), pa.array(identifiers, pa.binary(16))),
            "'00000000-0000-0000-0000-000000000001'::UUID",
        ),
    ]


def _nested() -> list[ValueType]:
    nan = float("nan")
    pairs: list[Any] = [None, {"a": 1, "b": "x"}, {"a": None, "b": ""}, {"a": -1, "b": None}, {"a": 1, "b": "é"}]
    maps: list[Any] = [None, [], [("k", 1)], [("k", None), ("l", 2)], [("", 3)]]
    return [
        ValueType("list of int64", pa.array([None, [], [1], [1, None], [2, 1, 3]], pa.list_(pa.int64())), "[1, 2]"),
        ValueType("large_list of string", pa.array([None, [], ["a", "é"], [""]], pa.large_list(pa.string())), "['a']"),
        ValueType("list of float64", pa.array([None, [nan, 1.5], [-0.0], [None]], pa.list_(pa.float64())), "[1.5]"),
        ValueType(
            "fixed_size_list",
            pa.array([None, [1.5, 2.5], [-1.0, 0.0], [2.0, 2.0]], pa.list_(pa.float32(), 2)),
            "[1, 2]::FLOAT[2]",
        ),
        ValueType(
            "struct",
            pa.array(pairs, pa.struct([("a", pa.int64()), ("b", pa.string())])),
            "{'a': 1, 'b': 'x'}",
        ),
        ValueType("map", pa.array(maps, pa.map_(pa.string(), pa.int64())), "MAP {'k': 1}"),
        ValueType("null", pa.nulls(3), "NULL"),
    ]


_ALL = [ValueType("bool", pa.array([None, True, False]), "true")]
_ALL += [*_integers(), *_floats(), *_decimals(), *_dates(), *_timestamps(), *_lengths(), *_texts(), *_nested()]

TYPES = {each.name: each for each in _ALL}
