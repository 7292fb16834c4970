"""Values that a careless or hostile caller may give: arrays of every kind, odd numbers, objects that misbehave."""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import os
import tempfile
from functools import partial
from typing import Any, Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st


class CallersError(Exception):
    """Raised by a caller's own object: it comes out as it is."""


class Odd:
    """What every object of `odd_objects` is."""


def _raise(*_: object, **__: object) -> Any:
    raise CallersError


# What a special method may do instead of what it should: raise, or give nonsense.
_MISBEHAVIOUR: dict[str, list[Callable[..., Any]]] = {
    "__len__": [_raise, lambda _: -1, lambda _: 2**62, lambda _: 3, lambda _: "3"],
    "__iter__": [_raise, lambda _: iter([True, "A", None]), lambda _: 5, lambda _: iter(())],
    "__getitem__": [_raise, lambda _, key: key, lambda *_: True],
    "__index__": [_raise, lambda _: 10**30, lambda _: -1, lambda _: "1", lambda _: 1],
    "__float__": [_raise, lambda _: float("nan"), lambda _: 1],
    "__bool__": [_raise, lambda _: 2],
    "__hash__": [_raise, lambda _: 10**30, lambda _: "h", lambda _: 1],
    "__eq__": [_raise, lambda *_: True, lambda *_: "equal"],
    "__str__": [_raise, lambda _: 5, lambda _: "\ud800", lambda _: "A"],
    "__repr__": [_raise, lambda _: 5],
    "__contains__": [_raise, lambda *_: True],
    "__call__": [_raise, lambda *_: None],
    "__fspath__": [_raise, lambda _: 5, lambda _: "\0"],
    "__array__": [
        _raise,
        lambda *_, **__: 5,
        lambda *_, **__: np.array([True, False]),
        lambda *_, **__: np.zeros((2, 2)),
    ],
    "__array_interface__": [property(_raise), property(lambda _: {}), property(lambda _: 5)],  # type: ignore[list-item]
    "__arrow_c_stream__": [_raise, lambda *_, **__: 5, lambda *_, **__: None],
    "__arrow_c_array__": [_raise, lambda *_, **__: 5, lambda *_, **__: (), lambda *_, **__: (1, 2)],
    "__getattr__": [_raise, lambda _, name: name, lambda *_: _raise],
    "__class__": [property(_raise), property(lambda _: dict), property(lambda _: str)],  # type: ignore[list-item]
    "keys": [_raise, lambda _: ["A"], lambda _: 5],
    "items": [_raise, lambda _: [("A", [True])], lambda _: [1], lambda _: 5],
    "values": [_raise, lambda _: 5],
    "column_names": [property(_raise), property(lambda _: 5), property(lambda _: ["A"])],  # type: ignore[list-item]
    "to_arrow": [_raise, lambda _: 5],
    "nbytes": [property(_raise), property(lambda _: 10**30), property(lambda _: -1)],  # type: ignore[list-item]
}


@st.composite
def odd_objects(draw: st.DrawFn) -> Any:
    """Objects of a class, or of a subclass of a built-in one, some of whose special methods misbehave."""
    base = draw(st.sampled_from([object, object, dict, list, str, int, float, tuple, bytes]))
    names = draw(st.lists(st.sampled_from(sorted(_MISBEHAVIOUR)), min_size=1, max_size=4, unique=True))
    return type("Odd", (Odd, base), {name: draw(st.sampled_from(_MISBEHAVIOUR[name])) for name in names})()


def _recursive_list() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def _recursive_dict() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["A"] = value
    return value


def _deep_list() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


def _closed_file() -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed is what it shall be
    file.close()
    return file


_NUMBERS: list[Any] = [
    *(0, 1, -1, 2, 255, -5, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, -(10**30)),
    *(0.0, -0.0, 0.5, 1e308, 5e-324, float("nan"), float("inf"), float("-inf"), True, False, 1j),
    *(decimal.Decimal("1.5"), decimal.Decimal("NaN"), decimal.Decimal("sNaN"), fractions.Fraction(1, 3)),
]
# No "/": some of them are taken for paths of files to write.
_TEXTS: list[Any] = [
    "",
    "A",
    "B",
    "U",
    "a",
    "A B+",
    "\0",
    "A\0B",
    "\ud800",
    "A \udfff",
    "ŉ",
    "\u202e",
    "PERMUTE",
    "x" * 5_000,
]
_OTHERS: list[Callable[[], Any]] = [
    lambda: None,
    lambda: ...,
    lambda: NotImplemented,
    object,
    lambda: object,
    lambda: len,
    lambda: b"",
    lambda: b"A",
    lambda: bytearray(b"A"),
    lambda: memoryview(b"AB"),
    lambda: memoryview(bytes(4)).cast("B", (2, 2)),
    lambda: range(3),
    lambda: slice(1, 2),
    lambda: iter([True]),
    lambda: (each for each in "AB"),
    lambda: os,
    lambda: dt.datetime(2020, 1, 1),  # noqa: DTZ001
    lambda: dt.date(2020, 1, 1),
    lambda: dt.timedelta(1),
    lambda: {"A"},
    frozenset,
    _recursive_list,
    _recursive_dict,
    _deep_list,
    _closed_file,
    lambda: CallersError,
]

_DTYPES = [
    *("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "g", "c8", "c16", "S3", "U3", "O", "V4"),
    *("M8[s]", "M8[ns]", "m8[D]", ">i2", ">i8", ">f8", ">U2", "i4,f8"),
]


_SHAPES = ["plain", "backwards", "one value", "scalar", "two dimensions", "empty"]


def _array(dtype: str, shape: str) -> Any:
    if shape == "backwards":
        return np.zeros(6, dtype)[::-2]
    if shape == "scalar":
        return np.zeros(1, dtype)[0]
    sizes: dict[str, Any] = {"plain": 3, "one value": (), "two dimensions": (2, 3), "empty": 0}
    return np.zeros(sizes[shape], dtype)


def _arrays() -> list[Callable[[], Any]]:
    made: list[Callable[[], Any]] = [partial(_array, dtype, shape) for dtype in _DTYPES for shape in _SHAPES]

    def read_only() -> Any:
        array = np.array([True, False, True])
        array.flags.writeable = False
        return array

    masked = np.ma.masked_array
    made += [
        read_only,
        lambda: masked([True, False, True], [True, False, False]),
        lambda: masked([1, 2, 3], [False, True, False]),
        lambda: np.broadcast_to(np.array([True]), (3,)),
        lambda: np.array([None, True, "A"], object),
        lambda: np.ma.masked,
        lambda: np.array([True, False]).view(np.matrix),
    ]
    return made


def _frames() -> list[Callable[[], Any]]:
    return [
        lambda: pd.Series([True, False, None]),
        lambda: pd.Series([True, False, None], dtype="boolean"),
        lambda: pd.Series(["A", "B", None], dtype="category"),
        lambda: pd.DataFrame({"A": [True, False], "B": [False, True]}),
        lambda: pd.DataFrame([[True, False]], columns=["A", "A"]),
        lambda: pd.DataFrame({1: [True], None: [False]}),
        pd.DataFrame,
        lambda: pd.NA,
        lambda: pd.NaT,
        lambda: pd.Index(["A"]),
        lambda: pd.MultiIndex.from_tuples([("A", 1)]),
        lambda: pd.Timestamp("2020-01-01", tz="Europe/Berlin"),
        lambda: pd.Interval(0, 1),
        lambda: pl.Series("A", [True, None, False]),
        lambda: pl.Series("A", ["A", "B"], dtype=pl.Categorical),
        lambda: pl.DataFrame({"A": [True, False]}),
        pl.DataFrame,
        lambda: pl.DataFrame({"A": [[True]]}),
        lambda: pl.LazyFrame({"A": [True]}),
        lambda: pl.col("A"),
        lambda: pl.Series([object()]),
        lambda: pa.array([True, None]),
        lambda: pa.array(["A", "B"]),
        lambda: pa.array(["A", "B"]).dictionary_encode(),
        lambda: pa.array([1, 2]),
        lambda: pa.array([[True]]),
        lambda: pa.nulls(3),
        lambda: pa.scalar(True),
        lambda: pa.chunked_array([], pa.bool_()),
        lambda: pa.chunked_array([[True], [False]]),
        lambda: pa.table({"A": [True, False]}),
        lambda: pa.table([[True], [False]], names=["A", "A"]),
        lambda: pa.table({}),
        lambda: pa.record_batch({"A": ["A"]}),
        lambda: pa.RecordBatchReader.from_batches(pa.schema([("A", pa.bool_())]), []),
        pa.bool_,
        lambda: pa.schema([("A", pa.bool_())]),
    ]


scalars = st.one_of(
    st.sampled_from(_NUMBERS), st.sampled_from(_TEXTS), st.sampled_from(_OTHERS).map(lambda make: make())
)
arrays = st.sampled_from(_arrays() + _frames()).map(lambda make: make())
_keys = st.one_of(st.sampled_from(_TEXTS), st.sampled_from([0, None, True, 1.5, ("A",), b"A"]))
_single = st.one_of(scalars, scalars, arrays, odd_objects())

#: Any of them, and lists, tuples and dicts of them.
wild = st.one_of(
    _single,
    _single,
    st.lists(_single, max_size=3),
    st.lists(_single, max_size=3).map(tuple),
    st.dictionaries(_keys, _single, max_size=2),
    st.dictionaries(_keys, st.lists(_single, max_size=2), max_size=2),
)
