"""Rows ordered by Rust, beside DuckDB's ORDER BY."""

from __future__ import annotations

import datetime as dt
import decimal
import random
import signal
import threading
import uuid
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from rowpattern import QueryLimitError, match_recognize
from rowpattern._core import order
from rowpattern.errors import RowsError
from rowpattern.sql.arrow.categories import ranks
from rowpattern.sql.bind.bound import Key
from rowpattern.sql.execute.row_order import Carried, row_order
from rowpattern.sql.runtime.context import ExecutionContext

UTC = dt.timezone.utc
MOST = 2**63 - 1
TEXTS = ["", "a", "B", "ä", "a b", "zz", "a\0", "ab", "twelve bytes", "more than twelve", "more than twelve bytes"]
DOUBLES = [-float("inf"), -1.5, -0.0, 0.0, 5e-324, 1.5, float("inf"), float("nan"), -float("nan")]
DECIMALS = [decimal.Decimal(text) for text in ("-12345.67", "-0.01", "0", "0.01", "12345.67")]
LONG_DECIMALS = [*DECIMALS, decimal.Decimal("-99999999999999999999999999999999999.99"), decimal.Decimal("9e34")]
TIMES = [dt.datetime(1960, 1, 1), dt.datetime(2024, 3, 10, 2, 30), dt.datetime(2024, 3, 10, 2, 30, 0, 1)]  # noqa: DTZ001
KINDS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "boolean": (pa.bool_(), [False, True]),
    "int8": (pa.int8(), [-128, -1, 0, 127]),
    "int16": (pa.int16(), [-(2**15), -1, 0, 2**15 - 1]),
    "int32": (pa.int32(), list(range(-50, 50))),
    "int64, narrow": (pa.int64(), [2**62, 2**62 + 1, 2**62 + 5]),
    "int64, wide": (pa.int64(), [-MOST - 1, -1, 0, MOST]),
    "uint8": (pa.uint8(), [0, 1, 255]),
    "uint16": (pa.uint16(), [0, 1, 65_535]),
    "uint32": (pa.uint32(), [0, 1, 2**32 - 1]),
    "uint64": (pa.uint64(), [0, 2**63, 2**64 - 1]),
    "float": (pa.float32(), DOUBLES),
    "double": (pa.float64(), DOUBLES),
    "decimal, 32 bits": (pa.decimal32(7, 2), DECIMALS),
    "decimal, 64 bits": (pa.decimal64(18, 2), DECIMALS),
    "decimal, narrow": (pa.decimal128(38, 2), DECIMALS),
    "decimal, wide": (pa.decimal128(38, 2), LONG_DECIMALS),
    "date": (pa.date32(), [dt.date(1960, 2, 29), dt.date(2024, 2, 29), dt.date(2024, 3, 1)]),
    "date, milliseconds": (pa.date64(), [dt.date(1960, 2, 29), dt.date(2024, 2, 29), dt.date(2024, 3, 1)]),
    "timestamp, s": (pa.timestamp("s"), [-1, 0, 1]),
    "timestamp, ms": (pa.timestamp("ms"), [-1, 0, 1]),
    "timestamp": (pa.timestamp("us"), TIMES),
    "timestamp, ns": (pa.timestamp("ns"), [-1, 0, 1, 999, 1000]),
    "timestamp, zone": (
        pa.timestamp("us", "Europe/Paris"),
        [dt.datetime(2024, 11, 3, at, tzinfo=UTC) for at in (5, 6)],
    ),
    "timestamp, zone, ns": (pa.timestamp("ns", "Europe/Paris"), [-1, 0, 1, 999, 1000]),
    "time, s": (pa.time32("s"), [dt.time(0), dt.time(23, 59)]),
    "time, ms": (pa.time32("ms"), [dt.time(0), dt.time(23, 59)]),
    "time": (pa.time64("us"), [dt.time(0), dt.time(23, 59)]),
    "time, ns": (pa.time64("ns"), [0, 1, 999, 1000]),
    "duration": (pa.duration("us"), [dt.timedelta(days=-1), dt.timedelta(0), dt.timedelta(hours=30)]),
    "duration, s": (pa.duration("s"), [-86_400, 0, 108_000]),
    "duration, ns": (pa.duration("ns"), [-1500, -1000, -999, 0, 999, 1000]),
    "text": (pa.string(), TEXTS),
    "large text": (pa.large_string(), TEXTS),
    "text views": (pa.string_view(), TEXTS),
    "bytes": (pa.binary(), [b"", b"\0", b"\0\0", b"a", b"\xff", b"\x80"]),
    "large bytes": (pa.large_binary(), [b"", b"\0", b"a", b"\xff"]),
    "byte views": (pa.binary_view(), [b"", b"\0", b"a", b"\xff", b"more than twelve bytes"]),
    "fixed bytes": (pa.binary(2), [b"ab", b"a\0", b"\xff\0", b"\0\0"]),
    "uuid": (pa.uuid(), [uuid.UUID(int=number) for number in (0, 1, 2**127, 2**128 - 1)]),
    "categories": (pa.dictionary(pa.int8(), pa.string()), ["b", "a", "c"]),
    "categories of numbers": (pa.dictionary(pa.int16(), pa.int64()), [2**40, -1, 5]),
    "nothing": (pa.int32(), [None]),
    "nothing at all": (pa.null(), [None]),
}


def column(rng: random.Random, kind: str, rows: int, nulls: float) -> pa.ChunkedArray:
    arrow, values = KINDS[kind]
    found = [None if rng.random() < nulls else rng.choice(values) for _ in range(rows)]
    cut = rng.randrange(rows + 1)
    # A part of an array does not begin with the first of its bits.
    before = [None] * rng.randrange(3)
    parts = [pa.array(before + part, arrow).slice(len(before)) for part in (found[:cut], found[cut:])]
    return pa.chunked_array(parts, arrow)


def _for_duckdb(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column in a type of DuckDB's that has the same order: its intervals have microseconds."""
    return values.cast(pa.int64()) if values.type == pa.duration("ns") else values


def test_kinds_are_of_different_columns() -> None:
    # Where all values of a kind were NULL or equal, no order would be tested.
    for kind, (arrow, values) in KINDS.items():
        if not kind.startswith("nothing"):
            assert pa.array(values, arrow).null_count == 0
            assert len(set(values)) > 1


@pytest.mark.parametrize("seed", range(400))
def test_as_duckdb(seed: int) -> None:
    rng = random.Random(seed)
    rows = rng.choice([2, 3, 10, 300])
    # Each kind in turn, and others by chance.
    kinds = [list(KINDS)[seed % len(KINDS)], *(rng.choice(list(KINDS)) for _ in range(rng.randint(0, 3)))]
    rng.shuffle(kinds)
    values = [column(rng, kind, rows, rng.choice([0, 0, 0.2])) for kind in kinds]
    partition_keys = rng.randint(0, len(kinds))
    names = [f"k{at}" for at in range(len(kinds))]
    keys = [
        Key(name, name, f'"{name}"', (name,))
        if at < partition_keys
        else Key(name, name, f'"{name}"', (name,), rng.random() < 0.5, rng.random() < 0.5)
        for at, name in enumerate(names)
    ]
    context = ExecutionContext(100, 100, threads=rng.randint(1, 8))
    found = row_order(values, keys, partition_keys, context, Carried(key=True))
    assert found is not None
    if found.key is not None:
        assert found.order is not None
        assert found.key.equals(values[partition_keys].take(pa.array(found.order)))
    table = pa.table([*map(_for_duckdb, values), pa.array(range(rows))], names=[*names, "row"])
    by = ", ".join(f'"{key.name}" {key.direction}' for key in keys)
    numbered = [f'dense_rank() OVER (ORDER BY "{name}" NULLS LAST) AS "{name}"' for name in names[:partition_keys]]
    wanted = duckdb.from_arrow(table).order(f"{by}, row").to_arrow_table()
    rank = duckdb.from_arrow(table).project(", ".join([*numbered, "row"])).order("row").to_arrow_table()
    rows_in_order = wanted["row"].to_pylist()
    got = list(range(rows)) if found.order is None else found.order.tolist()
    assert got == rows_in_order
    assert (found.order is None) == (rows_in_order == list(range(rows)))
    partitions = [tuple(rank[name][row].as_py() for name in names[:partition_keys]) for row in rows_in_order]
    assert found.starts.tolist() == [at for at in range(rows) if at == 0 or partitions[at] != partitions[at - 1]]


def key(name: str, *, descending: bool = False) -> Key:
    return Key(name, name, name, (name,), descending)


def many(name: str, rows: int) -> pa.ChunkedArray:
    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {
        "few numbers": lambda: pa.array(rng.integers(0, 100, rows)),
        "many numbers": lambda: pa.array(rng.integers(0, 2**62, rows)),
        "doubles": lambda: pa.array(rng.normal(size=rows)),
        "texts": lambda: pa.array([f"user-{number:05}" for number in rng.integers(0, 50_000, rows)]),
        "different texts": lambda: pa.array([f"a long beginning {number}" for number in rng.permutation(rows)]),
        "decimals": lambda: pa.array(rng.integers(-(2**62), 2**62, rows)).cast(pa.decimal128(38, 0)),
    }
    # Pieces of several sizes.
    array = columns[name]()
    return pa.chunked_array([array.slice(0, 70_000), array.slice(70_000, 1), array.slice(70_001)])


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize(
    ("partition_by", "order_by"),
    [
        (["few numbers"], []),
        (["texts"], ["doubles"]),
        (["many numbers", "different texts"], ["decimals"]),
        ([], ["many numbers", "texts", "doubles"]),
    ],
)
def test_many_rows_as_duckdb(partition_by: list[str], order_by: list[str], threads: int) -> None:
    rows = 300_000
    names = [*partition_by, *order_by]
    values = [many(name, rows) for name in names]
    keys = [key(name, descending=at >= len(partition_by) and at % 2 == 0) for at, name in enumerate(names)]
    found = row_order(values, keys, len(partition_by), ExecutionContext(500, 100, threads=threads), Carried(key=True))
    assert found is not None
    assert found.order is not None
    if found.key is not None:
        assert found.key.equals(values[len(partition_by)].take(pa.array(found.order)))
    table = pa.table([*map(_for_duckdb, values), pa.array(range(rows))], names=[*names, "row"])
    by = ", ".join(f'"{key.name}" {key.direction}' for key in keys)
    wanted = duckdb.from_arrow(table).order(f"{by}, row").to_arrow_table()
    assert np.array_equal(found.order, wanted["row"].to_numpy())
    partitions = wanted.select(partition_by).to_pylist()
    assert found.starts.tolist() == [at for at in range(rows) if at == 0 or partitions[at] != partitions[at - 1]]


def test_rows_that_are_equal_keep_their_order() -> None:
    generator = np.random.default_rng(1)
    for most in (100, 2**62):
        values = generator.integers(0, most, 50)[generator.integers(0, 50, 100_000)]
        found, *_ = order([], [(pa.array(values), False, False)]) or (None, None)
        assert np.array_equal(np.asarray(found), np.argsort(values, kind="stable"))


def test_rows_in_order_are_not_sorted() -> None:
    found = order([pa.array(["a", "a", "b", None])], [(pa.array([2.5, 1.0, 9.0, 0.0]), True, False)])
    assert found is not None
    assert found[0] is None
    assert found[1].to_list() == [0, 2, 3]


def test_ordered_categories_are_in_the_order_of_their_list() -> None:
    values = pa.chunked_array([pa.DictionaryArray.from_arrays([1, 0, 1], ["small", "large"], ordered=True)])
    found = row_order([values], [key("k")], 1, ExecutionContext(100, 100))
    assert found is not None
    assert found.order is not None
    assert found.order.tolist() == [1, 0, 2]
    assert ranks(values).to_pylist() == [1, 0, 1]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1], [0]]),
        pa.array([{"a": 1}, {"a": 0}]),
        pa.array([(1, 0, 0), (0, 31, 0)], pa.month_day_nano_interval()),
        pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int32()), pa.array([5, 4])),
        pa.array(np.array([1.5, 0.5], dtype=np.float16)),
        pa.array([decimal.Decimal("9e60"), decimal.Decimal(0)], pa.decimal256(70, 0)),
        pa.DictionaryArray.from_arrays([0, 1], pa.array([[1], [0]])),
    ],
    ids=lambda values: str(values.type),
)
def test_what_is_left_to_duckdb(values: pa.Array) -> None:
    assert order([values]) is None
    assert order([pa.array([1, 2])], [(values, False, False)]) is None


def test_decimals_of_256_bits_that_need_fewer() -> None:
    numbers = [decimal.Decimal(number) for number in (5, -3, 0)] + [None]
    found, *_ = order([pa.array(numbers, pa.decimal256(60, 0))]) or (None, None)
    assert found is not None
    assert found.to_list() == [1, 2, 0, 3]


def test_limits() -> None:
    values = np.random.default_rng(1).integers(0, 1000, 3_000_000)
    for column in (pa.array(values), pa.array(values).cast(pa.string())):
        found, starts, _ = order([column], memory_limit_mb=200) or (None, None, None)
        assert found is not None
        assert starts is not None
        assert len(starts) == 1000
        with pytest.raises(QueryLimitError, match="more memory than its limit of 20 MB"):
            order([column], memory_limit_mb=20)
        with pytest.raises(QueryLimitError, match="longer than its limit"):
            order([column], timeout_seconds=1e-6)
    with pytest.raises(QueryLimitError, match="more memory than its limit of 20 MB; give memory_limit_mb or set"):
        row_order([pa.chunked_array([values])], [key("k")], 1, ExecutionContext(20, 100))


@pytest.mark.parametrize("kind", [pa.float64(), pa.timestamp("us", "UTC"), pa.int16(), pa.date32(), pa.bool_()])
@pytest.mark.parametrize("has_nulls", [False, True])
def test_columns_of_many_rows_in_order(kind: pa.DataType, has_nulls: bool) -> None:
    random_numbers, rows = np.random.default_rng(2), 200_000
    place, value = random_numbers.permutation(rows), random_numbers.integers(0, 2, rows)
    values = pa.array(value.astype(np.int32))
    values = (values if kind == pa.date32() else values.cast(pa.int64())).cast(kind)
    if has_nulls:
        values = pa.concat_arrays([values.slice(0, rows - 1), pa.nulls(1, kind)])
    found = match_recognize(
        """SELECT * FROM t MATCH_RECOGNIZE (
            ORDER BY place MEASURES LAST(place) AS place, LAST(v) AS v PATTERN (A) DEFINE A AS v = PREV(v))""",
        pa.table({"place": place, "v": values}),
    )
    in_order = value[np.argsort(place)].astype(float)
    if has_nulls:
        in_order[place[-1]] = np.nan
    wanted = np.flatnonzero(in_order[1:] == in_order[:-1]) + 1
    assert found["place"].to_numpy().tolist() == wanted.tolist()
    assert found["v"].type == kind
    assert found["v"].null_count == 0


def unchecked(kind: pa.DataType, rows: int, buffers: list[bytes | None]) -> pa.Array:
    return pa.Array.from_buffers(kind, rows, [None if each is None else pa.py_buffer(each) for each in buffers])


def test_malformed_columns() -> None:
    offsets = np.array([0, 2, 1, 3], dtype=np.int32).tobytes()
    for kind in (pa.string(), pa.binary()):
        with pytest.raises(RowsError, match="key 1 from Arrow, row 1: its offsets or view are out of range or order"):
            order([unchecked(kind, 3, [None, offsets, b"abc"])])
    views = np.array([(100, 0, 7, 0)], dtype="<i4,<i4,<i4,<i4").tobytes() * 2
    with pytest.raises(RowsError, match="key 2 from Arrow, row 0"):
        order([pa.array([1, 1])], [(unchecked(pa.string_view(), 2, [None, views]), False, False)])
    keys = unchecked(pa.int8(), 3, [None, bytes([0, 9, 255])])
    categories = pa.DictionaryArray.from_arrays(keys, pa.array(["a"]), safe=False)
    with pytest.raises(RowsError, match="row 1: its key is out of the dictionary's range"):
        order([categories])
    with pytest.raises(RowsError, match="keys have different numbers of rows"):
        order([pa.array([1, 2])], [(pa.array([1]), False, False)])
    with pytest.raises(RowsError, match="key 2 must be a column of Arrow"):
        order([pa.array([1, 2])], [([1, 2], False, False)])
    # What is NULL may be anything.
    nothing = unchecked(pa.string(), 3, [bytes([0b101]), np.array([0, 1, 1, 1], dtype=np.int32).tobytes(), b"b"])
    found, *_ = order([nothing]) or (None, None)
    assert found is not None
    assert found.to_list() == [2, 0, 1]


@pytest.mark.parametrize("threads", [1, 4])
def test_interrupting(threads: int) -> None:
    rows = 3_000_000
    values = pa.array(np.random.default_rng(1).permutation(rows)).cast(pa.string())
    threading.Timer(0.05, signal.raise_signal, (signal.SIGINT,)).start()

    def order_again_and_again() -> None:
        while True:
            order([values], threads=threads)

    with pytest.raises(KeyboardInterrupt):
        order_again_and_again()
