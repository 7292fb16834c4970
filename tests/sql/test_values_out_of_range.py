"""Numbers in buffers that are no values of their type, and integers that Arrow has no type for, are errors."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import QueryError, RowsError, match_recognize

TIMES = [(pa.time32("s"), "i4"), (pa.time32("ms"), "i4"), (pa.time64("us"), "i8"), (pa.time64("ns"), "i8")]
A_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
QUERIES = [
    "SELECT x::VARCHAR AS v FROM t",
    "SELECT x FROM t WHERE i >= 0",
    "SELECT x, row_number() OVER (ORDER BY i) AS r FROM t",
    "SELECT m FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES A.x AS m PATTERN (A))",
    "SELECT i FROM t MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH PATTERN (A) DEFINE A AS x IS NOT NULL)",
]


def stored(kind: pa.DataType, numbers: np.ndarray[Any, Any]) -> pa.Array:
    width = kind.bit_width // 8
    return pa.Array.from_buffers(kind, numbers.nbytes // width, [None, pa.py_buffer(numbers.tobytes())])


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(("kind", "number"), TIMES, ids=str)
def test_times_outside_of_the_day(kind: pa.DataType, number: str, query: str) -> None:
    for wrong in (-1, A_DAY[kind.unit] + 1):
        table = pa.table({"i": [0, 1, 2], "x": stored(kind, np.array([0, wrong, 5], number))})
        with pytest.raises(RowsError, match="cannot read column x from Arrow, row 1: its time of day lies outside"):
            match_recognize(query, table)
    # The process's DuckDB goes on.
    right = pa.table({"i": [0, 1, 2], "x": stored(kind, np.array([0, 1, 5], number))})
    assert match_recognize(query, right).num_rows == 3


def test_times_in_a_stream_and_in_a_continuous_query() -> None:
    table = pa.table({"i": [0, 1], "x": stored(pa.time64("us"), np.array([0, -1], "i8"))})
    clause = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES x::VARCHAR AS m PATTERN (A))"
    with pytest.raises(RowsError, match="column x"):
        list(match_recognize(clause, table.to_batches(), stream="in order"))
    with pytest.raises(RowsError, match="column x"):
        rowpattern.continuous(clause, table.schema).push(table)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("kind", [pa.decimal32(4, 2), pa.decimal64(4, 2), pa.decimal128(4, 2)], ids=str)
def test_decimals_of_more_digits_than_their_type_has(kind: pa.DataType, query: str) -> None:
    numbers = [0, 10**9, 1]
    buffer = b"".join(each.to_bytes(kind.bit_width // 8, "little") for each in numbers)
    table = pa.table({"i": [0, 1, 2], "x": pa.Array.from_buffers(kind, 3, [None, pa.py_buffer(buffer)])})
    with pytest.raises(RowsError, match="cannot read column x from Arrow"):
        match_recognize(query, table)


def test_the_end_of_the_day_of_duckdb() -> None:
    relation = duckdb.sql("SELECT TIME '24:00:00' AS x, 1 AS i").to_arrow_table()
    assert match_recognize(QUERIES[0], relation).to_pylist() == [{"v": "24:00:00"}]


@pytest.mark.parametrize("number", [2**127, 2**128 - 1])
def test_integers_that_arrow_has_no_type_for(number: int) -> None:
    table = pa.table({"i": [1]})
    clause = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES $a AS p PATTERN (A))"
    with pytest.raises(QueryError, match=f"{number} can't be cast"):
        match_recognize(clause, table, parameters={"a": number})
    with pytest.raises(QueryError, match=f"{number} can't be cast"):
        match_recognize(f"SELECT [{number}::UHUGEINT] AS u FROM t", table)
    with pytest.raises(QueryError, match=f"the relation cannot be computed: .*{number}"):
        match_recognize(clause, duckdb.sql(f"SELECT {number}::UHUGEINT AS u, 1 AS i"), parameters={"a": 1})
    # Those that fit are themselves.
    most = 2**127 - 1
    assert match_recognize(clause, table, parameters={"a": most})["p"].to_pylist() == [Decimal(most)]
    assert match_recognize("SELECT [7::UHUGEINT] AS u FROM t", table)["u"].to_pylist() == [[Decimal(7)]]
    given = duckdb.sql("SELECT 7::UHUGEINT AS u")
    assert match_recognize("SELECT u FROM t", given).to_arrow_table()["u"].to_pylist() == [7]


def test_a_relation_that_fails() -> None:
    with pytest.raises(QueryError, match="the relation cannot be computed: no such sensor"):
        match_recognize(QUERIES[0], duckdb.sql("SELECT error('no such sensor') AS x"))
