"""Arguments of `rowpattern.continuous` and of the query's methods: what is none is told by a typed error."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any, Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import ConfigurationError

SCHEMA = pa.schema({"k": pa.string(), "at": pa.int64(), "x": pa.int64()})
SQL = """
    SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY at MEASURES LAST(at) AS last
        PATTERN (A B) DEFINE A AS x = 1, B AS x = 2)"""
continuous: Callable[..., Any] = rowpattern.continuous
restore: Callable[..., Any] = rowpattern.continuous.restore
EAST, WEST = dt.timezone(dt.timedelta(hours=5)), dt.timezone(-dt.timedelta(hours=5))


@pytest.mark.parametrize("name", ["late", "order", "prefer"])
@pytest.mark.parametrize("value", [[], {}, 5, None, "other"])
def test_choices(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is .*; allowed are"):
        continuous(SQL, SCHEMA, **{name: value})


@pytest.mark.parametrize("source", [[], 0, 5, False, b"p"])
def test_sources_are_texts(source: Any) -> None:
    query = continuous(SQL, SCHEMA, lateness=0)
    row = pa.table([["a"], [1], [1]], schema=SCHEMA)
    for call in (query.mark_idle, lambda name: query.push(row, source=name), lambda name: query.advance(1, name)):
        with pytest.raises(TypeError, match="source is a text"):
            call(source)
    with pytest.raises(TypeError, match="pairs of a batch and its source, and not 3 values"):
        list(query.run([(row, "p", 1)]))
    assert query.state().rows == query.state().unreleased_rows == 0


def _advanced(kind: pa.DataType, time: Any, order: str = "at") -> Any:
    sql = SQL.replace("ORDER BY at", f"ORDER BY {order}")
    query = continuous(sql, pa.schema({"k": pa.string(), "at": kind, "x": pa.int64()}))
    query.advance(time)
    return query.state().watermark


@pytest.mark.parametrize(
    "kind",
    [pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.date32(), pa.time64("us"), pa.int64()],
)
@pytest.mark.parametrize(
    "time", [pd.NaT, np.datetime64("NaT"), None, "", [], float("nan"), pa.scalar(None, pa.int64())]
)
def test_what_is_no_time_is_a_configuration_error(kind: pa.DataType, time: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"time is .*; at is .*: give"):
        _advanced(kind, time)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        # In UTC these are instants of the years 0 and 10000.
        (dt.datetime.min.replace(tzinfo=EAST), -62135596800 - 5 * 3600),
        (dt.datetime.max.replace(microsecond=0, tzinfo=WEST), 253402300799 + 5 * 3600),
    ],
)
def test_times_at_the_edge_of_pythons_years(time: dt.datetime, seconds: int) -> None:
    kind = pa.timestamp("s", "UTC")
    query = continuous(SQL, pa.schema({"k": pa.string(), "at": kind, "x": pa.int64()}), late="collect", lateness="1 s")
    query.advance(time)
    query.push(pa.table({"k": ["a", "a"], "at": pa.array([seconds - 1, seconds], kind), "x": [1, 2]}))
    assert query.late_rows["x"].to_pylist() == [1]


def test_nanoseconds_of_pandas_count() -> None:
    time = pd.Timestamp("2026-03-02 10:00:00.000000001+01:00")
    assert _advanced(pa.timestamp("ns", "UTC"), time) == time


@pytest.mark.parametrize(
    ("number", "negative"), [(10**400, -(10**400)), (Decimal("1E+999999999999"), Decimal("-1E+999999999999"))]
)
def test_numbers_beyond_those_of_the_key_are_its_greatest(number: Any, negative: Any) -> None:
    assert _advanced(pa.float64(), number) == float.fromhex("0x1.fffffffffffffp1023")
    assert _advanced(pa.float64(), negative) == -float.fromhex("0x1.fffffffffffffp1023")
    assert _advanced(pa.int64(), number) == 2**63 - 1
    for kind in (pa.float64(), pa.int64(), pa.decimal128(18, 2)):
        continuous(SQL, pa.schema({"k": pa.string(), "at": kind, "x": pa.int64()}), lateness=number)
    assert _advanced(pa.int64(), Decimal("1E-999999999999")) == 0
    assert _advanced(pa.int64(), Decimal("-1E-999999999999")) == -1


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"k": str}, r"schema\['k'\] is str; give a type of Arrow"),
        ({"k": 1}, r"schema\['k'\] is 1; give a type of Arrow"),
        ({"k": "words"}, r"schema\['k'\] is 'words'; give a type of Arrow"),
        ({1: pa.int64()}, "schema has the column 1; the name of a column is a text, not int"),
        (pa.int64(), "schema is one type, int64; give those of all columns"),
        (None, "needs schema=: the columns of its rows"),
        (5, "schema is an int"),
        (["k", "at", "x"], "schema is a list; give a pyarrow.Schema, a dict of names to types of Arrow"),
        ([("k", pa.string())], "schema is a list; give a pyarrow.Schema, a dict"),
        ("k string", "schema is a str; give a pyarrow.Schema, a dict"),
        (pd.DataFrame({"k": ["a"]}).dtypes, "schema is a Series; give a pyarrow.Schema, a dict"),
    ],
)
def test_schemas(schema: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        continuous(SQL, schema)


def test_arguments_that_there_are_not() -> None:
    blob = continuous(SQL, SCHEMA).checkpoint()
    for given in ({"sql": SQL}, {"pattern": "A"}):
        with pytest.raises(TypeError, match=r"continuous\(\) has no argument foo; the parts of a clause are pattern, "):
            continuous(schema=SCHEMA, foo=1, **given)
    with pytest.raises(TypeError, match=r"continuous\(\) has no argument patern; did you mean pattern"):
        continuous(schema=SCHEMA, patern="A")
    with pytest.raises(TypeError, match=r"restore\(\) has no argument schema: the checkpoint has it"):
        restore(blob, SQL, schema=SCHEMA)
    with pytest.raises(TypeError, match=r"restore\(\) has no argument foo"):
        restore(blob, pattern="A", foo=1)
    for wrong in (5, b"SELECT"):
        with pytest.raises(TypeError, match="sql is a text, not"):
            continuous(wrong, SCHEMA)
        with pytest.raises(TypeError, match="sql is a text, not"):
            restore(blob, wrong)


def test_tables_and_keys() -> None:
    with pytest.raises(TypeError, match="tables has the name 1; the name of a table is a text, not int"):
        continuous(SQL, SCHEMA, tables={1: pa.table({"x": [1]})})
    query = continuous(SQL, SCHEMA)
    with pytest.raises(
        ConfigurationError, match="partition has k = 5, and the key k is string; give a value of this type"
    ):
        query.finish(partition=5)
    with pytest.raises(rowpattern.CheckpointError, match=r"or a part of one: it has 1 byte$"):
        restore(b"x", SQL)


ROWS = pa.table([["a"], [1], [1]], schema=SCHEMA)


@pytest.mark.parametrize(
    "given",
    [ROWS, ROWS.to_batches()[0], ROWS.to_pandas(), "rows", {"k": ["a"]}, 5, None],
    ids=lambda given: type(given).__name__,
)
def test_one_table_is_no_source_of_batches(given: Any) -> None:
    query = continuous(SQL, SCHEMA)
    with pytest.raises(
        TypeError, match=r"run takes batches, and not an? \w+; give a list of tables, as \[batch\], or an"
    ):
        list(query.run(given))

    async def pushed() -> list[Any]:
        return [found async for found in query.run_async(given)]

    with pytest.raises(TypeError, match=r"one table is pushed by query\.push\(batch\)"):
        asyncio.run(pushed())
    # A reader gives batches.
    assert list(query.run(ROWS.to_reader())) == []


def test_a_path_is_no_batch() -> None:
    with pytest.raises(TypeError, match="batch is a str; push takes tables: read the file"):
        continuous(SQL, SCHEMA).push("rows.parquet")


def test_a_batch_that_is_too_large_for_the_limit() -> None:
    query = continuous(SQL, SCHEMA, memory_limit_mb=0.05)
    rows = pa.table({"k": ["a"] * 9000, "at": range(9000), "x": [0] * 9000})
    with pytest.raises(
        rowpattern.QueryLimitError, match=r"the batch's rows, .*memory_limit_mb=0\.05; push smaller batches"
    ):
        query.push(rows)
    for part in range(0, 9000, 1000):
        query.push(rows.slice(part, 1000))
    assert query.state().rows == 0
