"""Queries in worker processes give the same answers and the same errors."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, cast

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import explain, match_recognize

if sys.platform != "linux":
    pytest.skip("worker processes need Linux", allow_module_level=True)

from rowpattern.sql.isolation import pool as isolation

from isolated_queries import CLAUSE, SMALL, raised

ROWS = 5_000
QUERIES = {
    "one row": """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY kind ORDER BY tick
        MEASURES FIRST(A.name) AS name, LAST(B.price) AS price, count(*) AS n, CLASSIFIER() AS label
        PATTERN (A B+) DEFINE B AS price < PREV(price))""",
    "all rows": """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY kind ORDER BY tick
        MEASURES sum(B.price) AS total, sqrt(abs(LAST(B.price))) AS root
        ALL ROWS PER MATCH PATTERN (A B+) DEFINE B AS price < PREV(price) + sin(tick))""",
    "around": """SELECT kind, n, (SELECT max(tick) FROM t) AS latest FROM t MATCH_RECOGNIZE (
        PARTITION BY kind ORDER BY tick MEASURES count(*) AS n PATTERN (A B+) DEFINE B AS price < PREV(price))
        WHERE n > 2 ORDER BY kind, n""",
    "no rows": """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY tick
        MEASURES LAST(A.name) AS name PATTERN (A) DEFINE A AS price > 1e9)""",
}
OPTIONS: list[dict[str, Any]] = [{}, {"isolation": "process"}]


@pytest.fixture(scope="module", autouse=True)
def workers() -> None:
    isolation.start_workers(2)


@pytest.fixture(scope="module")
def ticks() -> pa.Table:
    random = np.random.default_rng(5)
    names = [f"n{number}" for number in random.integers(0, 50, ROWS)]
    return pa.table(
        {
            "name": pa.array(names, mask=random.random(ROWS) < 0.05),
            "kind": pa.array(random.choice(["x", "y", "z"], ROWS)).dictionary_encode(),
            "tick": np.arange(ROWS),
            "price": np.round(random.normal(0, 5, ROWS), 1),
            "seen": pa.array(random.integers(0, 10**12, ROWS)).cast(pa.timestamp("ms", "Asia/Tokyo")),
            "fee": pa.array(random.integers(0, 10**6, ROWS)).cast(pa.decimal128(22, 2)),
            "view": pa.array([f"v{number}" for number in range(ROWS)]).cast(pa.string_view()),
        }
    )


def in_pandas(table: pa.Table) -> pd.DataFrame:
    frame = table.to_pandas()
    # Neither crosses: the caller takes their rows.
    frame["objects"] = pd.Series([Decimal(number) for number in range(ROWS)], dtype=object)
    frame["categories"] = frame["name"].astype("category")
    return frame


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_arrow_is_answered_as_here(query: str, ticks: pa.Table) -> None:
    here = match_recognize(query, ticks)
    there = match_recognize(query, ticks, isolation="process")
    assert there.schema == here.schema
    assert there.equals(here)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_pandas_is_answered_as_here(query: str, ticks: pa.Table) -> None:
    frame = in_pandas(ticks)
    pd.testing.assert_frame_equal(match_recognize(query, frame, isolation="process"), match_recognize(query, frame))


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_polars_is_answered_as_here(query: str, ticks: pa.Table) -> None:
    frame = pl.from_arrow(ticks)
    assert isinstance(frame, pl.DataFrame)
    here, there = match_recognize(query, frame), match_recognize(query, frame, isolation="process")
    assert there.equals(here)
    assert there.schema == here.schema
    lazy = match_recognize(query, frame.lazy(), isolation="process")
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(here)


def test_other_kinds_come_back_as_here(ticks: pa.Table) -> None:
    query = QUERIES["all rows"]
    here = match_recognize(query, ticks)
    reader = match_recognize(query, ticks.to_reader(), isolation="process")
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.read_all().equals(here)
    relation = match_recognize(query, duckdb.from_arrow(ticks), isolation="process")
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    assert relation.fetchall() == match_recognize(query, duckdb.from_arrow(ticks)).fetchall()


def test_several_tables_and_none(ticks: pa.Table) -> None:
    query = QUERIES["one row"].replace("SELECT *", "SELECT count(*) AS n").replace("FROM t ", "FROM other, t ")
    tables = {"t": ticks, "other": pd.DataFrame({"y": [1, 2]}), "unread": object()}
    assert match_recognize(query, **tables, isolation="process").equals(match_recognize(query, **tables))
    assert match_recognize("SELECT 1 AS one", isolation="process").to_pylist() == [{"one": 1}]


def test_columns_that_the_query_does_not_read_do_not_cross() -> None:
    frame = pd.DataFrame({"x": [1, 2], "mixed": [1, "a"]})
    assert match_recognize(CLAUSE.format("x > 0"), frame, isolation="process")["n"].tolist() == [2]
    with pytest.raises(rowpattern.QueryError, match="column mixed cannot be read"):
        match_recognize(CLAUSE.format("mixed > 0"), frame, isolation="process")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT",
        "SELECT * FROM t MATCH_RECOGNIZE (PATTERN (A+",
        "SELECT *\nFROM t MATCH_RECOGNIZE (PATTERN (A | ) )",
        CLAUSE.format("nosuch > 1"),
        CLAUSE.format("x::DATE > 1"),
        CLAUSE.format("B.x > 1"),
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x PATTERN (A B) AFTER MATCH SKIP TO FIRST A)",
    ],
)
def test_errors_are_those_of_here(query: str) -> None:
    here, there = raised(query, SMALL), raised(query, SMALL, isolation="process")
    assert type(there) is type(here)
    assert str(there) == str(here)
    assert vars(there) == vars(here)


def test_what_fails_here_is_raised_as_it_is() -> None:
    with pytest.raises(TypeError, match="data is an int; a table is"):
        match_recognize(CLAUSE.format("x > 1"), 3, isolation="process")

    def batches() -> Any:
        yield SMALL.to_batches()[0]
        raise LookupError("the wire was cut")

    reader = pa.RecordBatchReader.from_batches(SMALL.schema, batches())
    with pytest.raises(LookupError, match="the wire was cut"):
        match_recognize(CLAUSE.format("x > 1"), reader, isolation="process")
    with pytest.raises(rowpattern.ConfigurationError, match="isolation is 'thread'; allowed are None and \"process\""):
        match_recognize("SELECT 1", isolation="thread")  # type: ignore[call-overload]
    with pytest.raises(rowpattern.ConfigurationError, match="leave out stream"):
        match_recognize("SELECT 1", isolation="process", stream=True)


def test_explaining_and_progress(ticks: pa.Table) -> None:
    query = QUERIES["one row"]
    # What a pattern has found out stays with it, in each process.
    local, there = (re.sub(r"\d+ bytes", "", str(explain(query, ticks, **how))) for how in OPTIONS)
    assert there == local
    analyzed = explain(query, ticks, isolation="process", analyze=True)
    assert [step.name for step in analyzed.steps] == [step.name for step in explain(query, ticks, analyze=True).steps]
    # Any false value is no analysis, as without isolation.
    assert explain(query, ticks, isolation="process", analyze=cast("Any", None)).steps == ()
    seen: list[Any] = []
    match_recognize(query, ticks, isolation="process", progress=seen.append)
    here: list[Any] = []
    match_recognize(query, ticks, progress=here.append)
    assert [(each.step, each.rows, each.done) for each in seen] == [(each.step, each.rows, each.done) for each in here]


@pytest.mark.parametrize("limits", [{"memory_limit_mb": 1e308}, {"timeout_seconds": 10**400}])
def test_limits_beyond_all_bounds(limits: dict[str, Any], ticks: pa.Table) -> None:
    query = "SELECT * FROM t MATCH_RECOGNIZE (MEASURES count(*) AS n PATTERN (A+))"
    assert match_recognize(query, ticks, isolation="process", **limits).num_rows == 1


def test_at_once_from_threads(ticks: pa.Table) -> None:
    expected = [match_recognize(query, ticks) for query in QUERIES.values()]

    def work(number: int) -> None:
        for step in range(5):
            at = (number + step) % len(expected)
            query = list(QUERIES.values())[at]
            assert match_recognize(query, ticks, isolation="process").equals(expected[at])

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, range(5)))
    assert isolation.worker_processes() <= isolation.pool.most
