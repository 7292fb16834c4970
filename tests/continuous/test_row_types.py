"""Columns of the rows that come: whose types fit those of the schema, and what answers make of them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern

PAIRS = """
    SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY at MEASURES LAST(k) AS last
        PATTERN (A B) DEFINE A AS x = 1, B AS x = 2)"""


def _categories(kind: str, count: int, at: int) -> Any:
    keys = [f"{at} {number}" for number in range(count)] * 2
    columns = {"at": [at] * (2 * count), "x": [1] * count + [2] * count}
    if kind == "pandas":
        return pd.DataFrame({"k": pd.Categorical(keys), **columns})
    if kind == "polars":
        return pl.DataFrame({"k": pl.Series(keys, dtype=pl.Categorical), **columns})
    index = {"int8": pa.int8(), "uint16": pa.uint16(), "int64": pa.int64()}[kind]
    return pa.table({"k": pa.array(keys).dictionary_encode().cast(pa.dictionary(index, pa.string())), **columns})


@pytest.mark.parametrize("kind", ["pandas", "polars", "int8", "uint16", "int64"])
def test_batches_have_more_categories_together_than_one_has_room_for(kind: str) -> None:
    first = _categories(kind, 1, 0)
    query = rowpattern.continuous(PAIRS, first, lateness=1, late="collect")
    batches = [_categories(kind, 100, at) for at in (1, 2, 3)]
    found = [query.push(batch) for batch in batches] + [query.finish()]
    keys: list[str] = []
    for answer in found:
        assert type(answer) is type(first)
        plain = answer["last"].to_pylist() if isinstance(answer, pa.Table) else answer["last"].to_list()
        keys += plain
        if isinstance(answer, pa.Table):
            assert answer.schema == found[0].schema
            assert pa.types.is_dictionary(answer.schema.field("k").type)
    assert sorted(keys) == sorted({str(key) for batch in batches for key in _keys(batch)})


def _keys(batch: Any) -> list[str]:
    found: list[str] = batch["k"].to_pylist() if isinstance(batch, pa.Table) else batch["k"].to_list()
    return found


def test_late_rows_have_all_their_categories() -> None:
    query = rowpattern.continuous(PAIRS, _categories("pandas", 1, 0), lateness=0, late="collect")
    query.push(_categories("pandas", 1, 1))
    late = _categories("pandas", 200, 0)
    query.push(late)
    assert query.late_rows["k"].tolist() == late["k"].tolist()


# Each takes the value of one of its rows.
_TAKEN = (
    *("z", "PREV(z)", "LAST(A.z)", "FINAL LAST(z)", "LAST(z IGNORE NULLS)", "min(z)", "FINAL max(A.z)"),
    *("RUNNING min(z)", "max(z) FILTER (WHERE x > 1)", "min(DISTINCT z)", "arg_max(z, x)", "any_value(z)", "mode(z)"),
)
# Each makes a value.
_MADE = ("upper(max(z))", "array_agg(z)", "coalesce(z, 'b')", "count(z)")


@pytest.mark.parametrize("shown", ["ONE ROW", "ALL ROWS"])
@pytest.mark.parametrize("kind", ["arrow", "pandas", "polars"])
def test_measures_over_categories_have_the_types_of_the_whole_answer(kind: str, shown: str) -> None:
    plain = pa.table({"x": [1, 2, 3, 1], "z": ["b", None, "a", "a"]})
    rows: Any = plain.set_column(1, "z", plain["z"].dictionary_encode())
    if kind != "arrow":
        rows = rows.to_pandas() if kind == "pandas" else pl.DataFrame(plain).cast({"z": pl.Categorical})
    measures = ", ".join(f"{text} AS m{at}" for at, text in enumerate((*_TAKEN, *_MADE)))
    sql = f"""SELECT * FROM t MATCH_RECOGNIZE (MEASURES {measures} {shown} PER MATCH PATTERN (A B+)
        DEFINE A AS x = 1, B AS x > 1)"""
    wanted = rowpattern.match_recognize(sql, rows)
    query = rowpattern.continuous(sql, rows)
    parts = [rows[:2], rows[2:]] if kind != "arrow" else [rows.slice(0, 2), rows.slice(2)]
    found = [*map(query.push, parts), query.finish()]
    types = [each.schema.types if kind == "arrow" else list(map(str, each.dtypes)) for each in (wanted, *found)]
    assert types == types[:1] * 4
    assert [row for each in found for row in _rows(each)] == _rows(wanted)


def _rows(answer: Any) -> list[str]:
    if isinstance(answer, pd.DataFrame):
        answer = pa.Table.from_pandas(answer, preserve_index=False)
    return list(map(repr, answer.to_pylist() if isinstance(answer, pa.Table) else answer.rows()))


EACH = "SELECT * FROM t MATCH_RECOGNIZE (MEASURES LAST(v) AS v PATTERN (A))"
UTC = pa.timestamp("us", "UTC")


def _pushed(schema: pa.DataType, given: pa.DataType, value: Any = None) -> list[Any]:
    query = rowpattern.continuous(EACH, {"v": schema})
    found: list[Any] = query.push(pa.table({"v": pa.array([value], given)}))["v"].to_pylist()
    return found


@pytest.mark.parametrize(
    ("schema", "given"),
    [
        (pa.timestamp("us"), UTC),
        (UTC, pa.timestamp("us")),
        (UTC, pa.date32()),
        (pa.date32(), pa.timestamp("s")),
        (pa.date64(), UTC),
        (pa.int64(), pa.string()),
        (pa.float64(), pa.string()),
        (pa.int64(), pa.bool_()),
        (pa.bool_(), pa.int64()),
        (pa.string(), pa.int64()),
        (pa.string(), pa.binary()),
        (pa.timestamp("us"), pa.string()),
        (pa.timestamp("us"), pa.int64()),
        (pa.int64(), pa.timestamp("us")),
        (pa.time64("us"), pa.timestamp("us")),
        (pa.duration("s"), pa.int64()),
        (pa.int64(), pa.dictionary(pa.int32(), pa.string())),
        (pa.list_(UTC), pa.list_(pa.timestamp("us"))),
        (pa.struct({"a": pa.int64()}), pa.struct({"b": pa.int64()})),
        (pa.struct({"a": pa.int64()}), pa.struct({"a": pa.string()})),
        (pa.int64(), pa.list_(pa.int64())),
    ],
)
def test_types_of_other_values_are_refused(schema: pa.DataType, given: pa.DataType) -> None:
    with pytest.raises(rowpattern.QueryError, match=r"column v of the batch is .* in the query's schema: it") as caught:
        _pushed(schema, given)
    assert "; " in str(caught.value) or "fields" in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "given", "value", "found"),
    [
        (pa.timestamp("us"), pa.timestamp("s"), pd.Timestamp("2026-03-02 10:00"), pd.Timestamp("2026-03-02 10:00")),
        (pa.timestamp("us"), pa.date32(), dt.date(2026, 3, 2), pd.Timestamp("2026-03-02")),
        (pa.int64(), pa.int8(), 7, 7),
        (pa.int64(), pa.float64(), 7.0, 7),
        (pa.float64(), pa.decimal128(5, 2), Decimal("1.50"), 1.5),
        (pa.string(), pa.large_string(), "a", "a"),
        (pa.string(), pa.dictionary(pa.int8(), pa.large_string()), "a", "a"),
        (pa.list_(pa.int64()), pa.large_list(pa.int32()), [1], [1]),
        (pa.struct({"a": pa.int64()}), pa.struct({"a": pa.int32()}), {"a": 1}, {"a": 1}),
        *((kind, pa.null(), None, None) for kind in (UTC, pa.int64(), pa.string(), pa.list_(pa.int64()))),
    ],
)
def test_types_of_the_same_values_are_taken(schema: pa.DataType, given: pa.DataType, value: Any, found: Any) -> None:
    assert _pushed(schema, given, value) == [found]


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(rowpattern.QueryError, match="column v of the batch is double"):
        _pushed(pa.int64(), pa.float64(), 7.5)


@pytest.mark.parametrize(
    "schema",
    [pd.DataFrame({"v": []}, dtype=object), pd.DataFrame({"v": [None]}, dtype=object), pl.DataFrame({"v": [None]})],
)
def test_a_table_without_values_is_no_schema_of_columns_that_are_read(schema: Any) -> None:
    with pytest.raises(rowpattern.QueryError, match=r"no value in the column v.*give a pyarrow\.Schema"):
        rowpattern.continuous(EACH, schema)
    around = rowpattern.continuous(EACH.replace("FROM t", "FROM (SELECT v FROM t)"), schema)
    with pytest.raises(rowpattern.QueryError, match=r"no value in the column v.*give a pyarrow\.Schema"):
        around.push(pa.table({"v": ["a"]}))
    other = EACH.replace("LAST(v)", "count(*)")
    assert rowpattern.continuous(other, schema).push(pa.table({"v": [None]}))["v"].to_pylist() == [1]


KEYS = {"d": pa.decimal128(38, 2)}


def test_keys_of_partition_by_that_are_not_compared_are_refused_at_once() -> None:
    union = pa.sparse_union([pa.field("a", pa.int64()), pa.field("b", pa.string())])
    sql = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k MEASURES 1 AS n PATTERN (A))"
    message = r"line 1.*PARTITION BY cannot compare values .*; make |PARTITION BY cannot compare values .*line 1"
    for kind in (union, pa.list_(union)):
        with pytest.raises(rowpattern.UnsupportedQueryError, match=message):
            rowpattern.continuous(sql, {"k": kind})


@pytest.mark.parametrize("mode", ["sparse", "dense"])
@pytest.mark.parametrize("inside", [False, True])
def test_unions_are_kept_from_batch_to_batch(mode: str, inside: bool) -> None:
    codes = pa.array([0, 1], pa.int8())
    if mode == "sparse":
        union = pa.UnionArray.from_sparse(codes, [pa.array([1, 2]), pa.array(["x", "y"])], ["a", "b"])
    else:
        places = pa.array([0, 0], pa.int32())
        union = pa.UnionArray.from_dense(codes, places, [pa.array([1]), pa.array(["y"])], ["a", "b"])
    rows = pa.table({"v": pa.StructArray.from_arrays([union], names=["u"]) if inside else union, "at": [1, 2]})
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY at MEASURES FIRST(v) AS a, LAST(v) AS b PATTERN (A A))"
    query = rowpattern.continuous(sql, rows.schema, lateness=0)
    query.push(rows.slice(0, 1))
    query = rowpattern.continuous.restore(query.checkpoint(), sql)
    query.push(rows.slice(1))
    found = query.finish()
    whole = rowpattern.match_recognize(sql, rows)
    assert (found.to_pylist(), found.schema.types) == (whole.to_pylist(), whole.schema.types)


def test_decimals_of_many_digits_have_no_distances() -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY d MEASURES count(*) AS n PATTERN (A))"
    digits = r"decimal128\(38, 2\), and decimals may have 18 digits at most"
    with pytest.raises(rowpattern.ConfigurationError, match=f"lateness needs .* is {digits}"):
        rowpattern.continuous(sql, KEYS, lateness=1)
    with pytest.raises(rowpattern.ConfigurationError, match=f"idle needs .* {digits}"):
        rowpattern.continuous(sql, KEYS, idle=1)
    with pytest.raises(rowpattern.ConfigurationError, match=digits):
        rowpattern.continuous(sql, KEYS).advance(1)


def test_a_column_of_a_batch_with_more_than_one_array_can_have() -> None:
    # Zeros take no memory until somebody writes there.
    size = 1100 << 20
    buffers = [None, pa.py_buffer(np.array([0, size], np.int32)), pa.py_buffer(np.zeros(size, np.uint8))]
    large = pa.Array.from_buffers(pa.binary(), 1, buffers)
    schema = pa.schema({"at": pa.int64(), "s": pa.binary()})
    query = rowpattern.continuous(
        schema=schema, order_by="at", pattern="A", define={"A": "s IS NOT NULL"}, measures={"at": "A.at"}
    )
    batch = pa.Table.from_arrays([pa.chunked_array([[1], [2]]), pa.chunked_array([large, large])], schema=schema)
    with pytest.raises(rowpattern.QueryLimitError, match="column s of the batch has more than 2 GiB of values"):
        query.push(batch)
    assert query.state().rows == 0
