"""rowpattern.spark on a real cluster of two workers in processes of their own, and Java's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import spark as rowpattern_spark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

# Py4J and Spark leave sockets and pandas' old names to warn about.
pytestmark = pytest.mark.filterwarnings("ignore")

SHAPES = """
    SELECT * FROM ticks MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY at DESC NULLS FIRST
        MEASURES FIRST(DOWN.price) AS high, LAST(UP.price) - LAST(DOWN.price) AS gain, count(UP.*) AS rises,
            sum(DOWN.size) AS sizes, LAST(UP.seen) AS last_seen, MATCH_NUMBER() AS number, CLASSIFIER() AS label
        {rows}
        PATTERN (START DOWN+ UP+)
        DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price) AND price > FIRST(DOWN.price) - 3)"""


@pytest.fixture(scope="module")
def session() -> Iterator[SparkSession]:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local-cluster[2,1,1024]").appName("rowpattern's tests")
    for name, value in {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "1g",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "6",
        # Otherwise Spark would give small data to one task.
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
        "spark.sql.session.timeZone": "Pacific/Auckland",
        "spark.log.level": "ERROR",
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def ticks() -> pa.Table:
    random = np.random.default_rng(3)
    count = 40_000
    return pa.table(
        {
            "symbol": pa.array(
                [f"s{number}" for number in random.integers(0, 97, count)], mask=random.random(count) < 0.01
            ),
            # Different for all rows: Spark gives rows that are equal in ORDER BY in any order.
            "at": pa.array(random.permutation(count), mask=np.arange(count) == 17),
            "price": np.round(random.normal(0, 5, count), 1),
            "size": random.integers(0, 1000, count),
            "seen": pa.array(random.integers(0, 10**15, count)).cast(pa.timestamp("us", "UTC")),
            "not read": random.random(count),
        }
    )


def frame(session: SparkSession, table: pa.Table) -> Any:
    return session.createDataFrame(table)


def in_some_order(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda row: [(value is None, str(value)) for value in row.values()])


@pytest.mark.parametrize("rows", ["ONE ROW PER MATCH", "ALL ROWS PER MATCH WITH UNMATCHED ROWS"])
def test_the_answer_is_that_of_one_machine(session: SparkSession, ticks: pa.Table, rows: str) -> None:
    sql = SHAPES.format(rows=rows)
    answer = rowpattern_spark.match_recognize(sql, frame(session, ticks))
    local = rowpattern.match_recognize(sql, ticks)
    assert local.num_rows > 1000
    assert answer.columns == local.column_names
    assert in_some_order(answer.toArrow()) == in_some_order(local)


def test_both_workers_match_with_caches_of_their_own(session: SparkSession, ticks: pa.Table) -> None:
    rowpattern_spark.match_recognize(SHAPES.format(rows=""), frame(session, ticks)).count()

    def caches(batches: Any) -> Iterator[pa.RecordBatch]:
        import os
        import time

        import pyarrow as pa

        from rowpattern.pattern_cache import get_cache_stats

        list(batches)
        # So that the other worker takes a task too.
        time.sleep(1)
        executor = os.environ.get("SPARK_EXECUTOR_DIRS", "")
        yield pa.RecordBatch.from_pydict(
            {"executor": [executor], "process": [os.getpid()], "size": [get_cache_stats()["size"]]}
        )

    seen = session.range(4).repartition(4).mapInArrow(caches, "executor string, process long, size long").toArrow()
    assert len(set(seen["executor"].to_pylist())) == 2
    assert os.getpid() not in seen["process"].to_pylist()
    # In each: the query's tree, the clause bound to the columns, and the pattern.
    assert min(seen["size"].to_pylist()) >= 3


def test_columns_chosen_and_spark_around_it(session: SparkSession) -> None:
    from pyspark.sql import functions

    logins = session.createDataFrame(
        pd.DataFrame(
            {
                "account": ["ann", "bob", "ann", "ann", "bob", "ann"],
                "at": [1, 1, 2, 3, 2, 4],
                "event": ["failure", "failure", "failure", "failure", "success", "success"],
            }
        )
    )
    answer = rowpattern_spark.match_recognize(
        """SELECT Account AS who, failures FROM logins MATCH_RECOGNIZE (
            PARTITION BY account ORDER BY at MEASURES count(FAILED.*) AS failures
            PATTERN (FAILED+ SUCCEEDED)
            DEFINE FAILED AS event = 'failure', SUCCEEDED AS event = 'success')""",
        logins,
    )
    assert answer.where(functions.col("failures") > 2).collect() == [("ann", 3)]
    assert answer.agg(functions.sum("failures")).collect() == [(4,)]


def test_no_rows(session: SparkSession, ticks: pa.Table) -> None:
    answer = rowpattern_spark.match_recognize(
        SHAPES.format(rows=""), frame(session, ticks.slice(0, 1)).where("size < 0")
    )
    assert answer.collect() == []
    assert answer.columns[0] == "symbol"


CLAUSE = "MATCH_RECOGNIZE ({} MEASURES A.price AS p PATTERN (A) DEFINE A AS price > 0)"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM t " + CLAUSE.format("ORDER BY at"), "without PARTITION BY cannot be spread"),
        ("SELECT * FROM t " + CLAUSE.format("PARTITION BY size % 10 ORDER BY at"), "make it a column first"),
        ("SELECT * FROM t " + CLAUSE.format("PARTITION BY symbol ORDER BY -at"), "make it a column first"),
        ("SELECT count(*) FROM t " + CLAUSE.format("PARTITION BY symbol ORDER BY at"), "do what is around it"),
        ("SELECT * FROM (SELECT * FROM t) " + CLAUSE.format("PARTITION BY symbol"), "do what is around it"),
        ("SELECT 1", "do what is around it"),
    ],
)
def test_what_cannot_be_spread(session: SparkSession, ticks: pa.Table, sql: str, message: str) -> None:
    with pytest.raises(rowpattern.UnsupportedQueryError, match=message):
        rowpattern_spark.match_recognize(sql, frame(session, ticks.slice(0, 5)))


def test_errors(session: SparkSession, ticks: pa.Table) -> None:
    data = frame(session, ticks.slice(0, 50))
    with pytest.raises(rowpattern.QueryError, match="did you mean price"):
        rowpattern_spark.match_recognize(
            SHAPES.format(rows="").replace("START", "prise", 0).replace("price)", "prise)"), data
        )
    with pytest.raises(rowpattern.UnsupportedQueryError, match="cast it in the query"):
        rowpattern_spark.match_recognize(
            "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY symbol MEASURES hash(A.price) AS h PATTERN (A))", data
        )
    failing = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY symbol MEASURES error('no ' || A.symbol) AS e PATTERN (A))"
    with pytest.raises(Exception, match="QueryError"):
        rowpattern_spark.match_recognize(failing, data).collect()
