"""Streams answer what tables in memory answer, with columns of every type that Arrow has."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rowpattern import QueryError, match_recognize

pytestmark = pytest.mark.usefixtures("sorted_where")

_SMALL = st.integers(-(2**31), 2**31 - 1)
_LARGE = st.integers(-(2**62), 2**62)


def _temporal(kind: pa.DataType, numbers: st.SearchStrategy[int]) -> tuple[pa.DataType, st.SearchStrategy[Any]]:
    return kind, numbers.map(lambda number: pa.scalar(number, pa.int64()).cast(_integer(kind)).cast(kind))


def _integer(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if kind.bit_width == 64 else pa.int32()


_PLAIN: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "int8": (pa.int8(), st.integers(-128, 127)),
    "uint64": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "bool": (pa.bool_(), st.booleans()),
    "double": (pa.float64(), st.floats()),
    "half": (pa.float16(), st.floats(width=16, allow_nan=False)),
    "text": (pa.string(), st.text(max_size=3)),
    "large text": (pa.large_string(), st.text(max_size=3)),
    "view": (pa.string_view(), st.text(max_size=20)),
    "bytes": (pa.binary(), st.binary(max_size=3)),
    "four bytes": (pa.binary(4), st.binary(min_size=4, max_size=4)),
    "decimal": (pa.decimal128(38, 2), _LARGE.map(lambda number: decimal.Decimal(number) / 100)),
    "wide decimal": (pa.decimal256(60, 2), _LARGE.map(lambda number: decimal.Decimal(number) / 100)),
    "date": _temporal(pa.date32(), st.integers(-100_000, 100_000)),
    "date of milliseconds": _temporal(pa.date64(), st.integers(-100_000, 100_000).map(lambda day: day * 86_400_000)),
    "time of seconds": _temporal(pa.time32("s"), st.integers(0, 86_399)),
    "time of nanoseconds": _temporal(pa.time64("ns"), st.integers(0, 86_399_999_999_999)),
    "timestamp of seconds": _temporal(pa.timestamp("s"), st.integers(-(10**10), 10**10)),
    "timestamp of nanoseconds": _temporal(pa.timestamp("ns"), _LARGE),
    "timestamp in Tokyo": _temporal(pa.timestamp("us", "Asia/Tokyo"), st.integers(-(10**16), 10**16)),
    "nanoseconds in New York": _temporal(pa.timestamp("ns", "America/New_York"), _LARGE),
    "seconds in UTC": _temporal(pa.timestamp("s", "UTC"), st.integers(-(10**10), 10**10)),
    "duration of seconds": _temporal(pa.duration("s"), _SMALL),
    "duration of milliseconds": _temporal(pa.duration("ms"), _LARGE.map(lambda number: number // 10**6)),
    "duration": _temporal(pa.duration("us"), _LARGE.map(lambda number: number // 10**3)),
    "duration of nanoseconds": _temporal(pa.duration("ns"), _LARGE),
}

_OTHERS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "interval": (
        pa.month_day_nano_interval(),
        st.tuples(st.integers(-99, 99), st.integers(-99, 99), st.integers(-999, 10**12)).map(pa.MonthDayNano),
    ),
    "null": (pa.null(), st.none()),
    "durations": (pa.list_(pa.duration("ns")), st.lists(st.integers(0, 9**9), max_size=2)),
    "list view": (pa.list_view(pa.int32()), st.lists(_SMALL, max_size=2)),
    "list": (pa.large_list(pa.string()), st.lists(st.text(max_size=1), max_size=2)),
    "two": (pa.list_(pa.duration("s"), 2), st.lists(_SMALL, min_size=2, max_size=2)),
    "struct": (
        pa.struct([("a", pa.duration("ms")), ("b", pa.list_(pa.float16()))]),
        st.fixed_dictionaries(
            {"a": st.none() | _SMALL, "b": st.lists(st.floats(width=16, allow_nan=False), max_size=1)}
        ),
    ),
    "map": (
        pa.map_(pa.string(), pa.duration("us")),
        st.dictionaries(st.text(max_size=1), _SMALL, max_size=2).map(lambda found: list(found.items())),
    ),
    "texts of a dictionary": (
        pa.list_(pa.dictionary(pa.int8(), pa.string())),
        st.lists(st.sampled_from(["a", "b"]), max_size=2),
    ),
    "uuid": (pa.uuid(), st.binary(min_size=16, max_size=16)),
    "json": (pa.json_(), st.sampled_from(["{}", "[1]"])),
}


def column(kind: pa.DataType, values: list[Any]) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))
    if any(isinstance(value, pa.Scalar) for value in values):
        numbers = [None if value is None else value.cast(_integer(kind)).as_py() for value in values]
        return pa.array(numbers, _integer(kind)).cast(kind)
    return pa.array(values, kind)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 12))

    def drawn(kinds: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]], few: bool) -> pa.Array:
        kind, values = kinds[draw(st.sampled_from(sorted(kinds)))]
        pool = st.sampled_from([None, *draw(st.lists(values, min_size=1, max_size=2))]) if few else st.none() | values
        found = column(kind, [draw(pool) for _ in range(rows)])
        encodes = not isinstance(kind, pa.BaseExtensionType) and (
            pa.types.is_string(kind) or pa.types.is_duration(kind)
        )
        return found.dictionary_encode() if encodes and draw(st.booleans()) else found

    keys = {name: kind for name, kind in _PLAIN.items() if name not in {"half", "wide decimal"}}
    return pa.table(
        {
            "k": drawn(keys, few=True),
            "o": drawn(keys, few=False),
            "v": drawn({**_PLAIN, **_OTHERS}, few=False),
            "w": drawn({**_PLAIN, **_OTHERS}, few=False),
            "n": pa.array(range(rows), pa.int64()),
        }
    )


QUERIES = [
    f"""SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY k ORDER BY o MEASURES FIRST(v) AS first, LAST(B.w) AS last, count(*) AS c {rows}
        PATTERN (A B?) DEFINE B AS n > PREV(n))"""
    for rows in ("ONE ROW PER MATCH", "ALL ROWS PER MATCH WITH UNMATCHED ROWS")
]


def outcome(sql: str, table: Any, **options: Any) -> tuple[Any, ...]:
    try:
        found = match_recognize(sql, table, **options)
        found = found.read_all() if options else found
    except QueryError as error:
        # Where and with what words it is refused is not the same for a plan and for a block.
        return ("refused", type(error))
    # NaN is not equal to itself.
    return found.schema.types, repr(found.to_pylist())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(tables(), st.sampled_from(QUERIES), st.integers(1, 5))
@example(pa.table({"k": [1], "o": [1], "v": pa.array([1], pa.duration("us")), "w": [1], "n": [1]}), QUERIES[0], 1)
def test_streams_answer_as_in_memory(table: pa.Table, sql: str, rows: int) -> None:
    batches = table.to_batches(max_chunksize=rows)
    expected = outcome(sql, table)
    assert outcome(sql, pa.RecordBatchReader.from_batches(table.schema, batches), stream=True) == expected
    assert outcome(sql, table, stream=True) == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations(unit: str) -> None:
    table = pa.table({"k": [1, 1, 2], "o": [3, 2, 1], "d": pa.array([5, None, 7], pa.duration(unit))})
    sql = """
        SELECT * FROM t MATCH_RECOGNIZE (
            PARTITION BY k ORDER BY d NULLS FIRST, o MEASURES FIRST(d) AS first, LAST(A.d) AS last ALL ROWS PER MATCH
            PATTERN (A+) DEFINE A AS d IS NULL OR d > INTERVAL 0 SECONDS)"""
    found = match_recognize(sql, table, stream=True).read_all()
    assert found.equals(match_recognize(sql, table))
    assert found.schema.field("last").type == pa.duration(unit)


def test_computed_keys_of_carried_columns() -> None:
    days = pa.array([dt.timedelta(days=number % 3, seconds=number) for number in range(20)])
    table = pa.table({"d": days, "d_carried": range(20), "o": [number * 7 % 20 for number in range(20)]})
    sql = """
        SELECT * FROM t MATCH_RECOGNIZE (
            PARTITION BY date_part('day', d) ORDER BY d + INTERVAL 1 HOUR DESC, d_carried MEASURES LAST(d) AS last
            ALL ROWS PER MATCH PATTERN (A B?) DEFINE B AS o > PREV(o))"""
    assert match_recognize(sql, table, stream=True).read_all().equals(match_recognize(sql, table))
