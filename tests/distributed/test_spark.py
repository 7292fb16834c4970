"""rowpattern.spark on a real cluster of two workers in processes of their own, and Java's."""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import spark as rowpattern_spark

from distributed_cases import in_some_order
from docstring_examples import SPARK, examples_of_module, failed_examples
from spark_sessions import classic_session, connect_session, spark_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

    from rowpattern.sql.kinds import Parameters

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
def session() -> SparkSession:
    found: SparkSession = classic_session()
    return found


@pytest.mark.parametrize("test", list(examples_of_module(SPARK)), ids=lambda test: str(test.name))
def test_examples_in_docstrings(test: Any, session: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    assert session.version >= "4"
    assert failed_examples(test) == 0, capsys.readouterr().out


@pytest.fixture(params=[classic_session, connect_session], ids=["spark", "connect"])
def either(request: pytest.FixtureRequest) -> Any:
    """Spark's own session, and one of Spark Connect."""
    return request.param()


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
    return spark_frame(session, table)


@pytest.mark.parametrize("rows", ["ONE ROW PER MATCH", "ALL ROWS PER MATCH WITH UNMATCHED ROWS"])
def test_the_answer_is_that_of_one_machine(session: SparkSession, ticks: pa.Table, rows: str) -> None:
    sql = SHAPES.format(rows=rows)
    answer = rowpattern_spark.match_recognize(sql, frame(session, ticks))
    local = rowpattern.match_recognize(sql, ticks)
    assert local.num_rows > 1000
    assert answer.columns == local.column_names
    assert in_some_order(answer.toArrow()) == in_some_order(local)


def test_both_workers_match_with_caches_of_their_own(session: SparkSession, ticks: pa.Table) -> None:
    # Otherwise Spark gives small data to one task.
    session.conf.set("spark.sql.adaptive.coalescePartitions.enabled", "false")
    rowpattern_spark.match_recognize(SHAPES.format(rows=""), frame(session, ticks)).count()
    session.conf.unset("spark.sql.adaptive.coalescePartitions.enabled")

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
    # The pattern; plans have a cache of their own.
    assert min(seen["size"].to_pylist()) >= 1


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


@pytest.mark.parametrize(
    ("around", "parameters", "wanted"),
    [
        ("SELECT count(*) AS n, sum(m.failures) AS s FROM logins {} AS m", None, [(2, 4)]),
        ('SELECT account, "failures" * 2 AS "two ` {{times" FROM logins {} WHERE failures > 2', None, [("ann", 6)]),
        ("SELECT logins.account FROM logins {} ORDER BY failures DESC LIMIT 1", None, [("ann",)]),
        ("SELECT account, max(failures) FROM logins {} GROUP BY account HAVING max(failures) > 2", None, [("ann", 3)]),
        (
            "WITH m AS (SELECT * FROM logins {}) SELECT a.account FROM m a JOIN m b USING (account) ORDER BY 1",
            None,
            None,
        ),
        (r"SELECT 'a\n''{{b' AS t FROM logins {} LIMIT 1", None, [("a\\n'{b",)]),
        (
            """FROM logins |> {} AS m |> WHERE m.failures > $least -- 'ü |>
            |> EXTEND 2 * failures AS "d {{" |> SELECT account, "d {{" + $more AS f""",
            {"more": 1, "least": 2},
            [("ann", 7)],
        ),
        ("FROM logins |> {} |> AGGREGATE sum(failures) AS s, count(*) AS n |> SELECT n, s", None, [(2, 4)]),
        ("SELECT failures + $more AS f FROM logins {} WHERE account = $who", {"more": 2, "who": "bob"}, [(3,)]),
    ],
)
def test_what_stands_around_is_spark_s_sql(
    session: SparkSession, around: str, parameters: dict[str, Any] | None, wanted: list[Any] | None
) -> None:
    logins = session.createDataFrame(
        pd.DataFrame(
            {
                "account": ["ann", "bob", "ann", "ann", "bob", "ann"],
                "at": [1, 1, 2, 3, 2, 4],
                "event": ["failure", "failure", "failure", "failure", "success", "success"],
            }
        )
    )
    clause = """MATCH_RECOGNIZE (PARTITION BY account ORDER BY at MEASURES count(FAILED.*) AS failures
        PATTERN (FAILED+ SUCCEEDED) DEFINE FAILED AS event = 'failure', SUCCEEDED AS event = 'success')"""
    answer = rowpattern_spark.match_recognize(around.format(clause), logins, parameters=parameters)
    assert answer.collect() == (wanted or [("ann",), ("bob",)])


@pytest.mark.parametrize(
    ("places", "parameters"),
    [
        (("$3", "$1", "$2", "$1"), [1, 20, 2]),
        (("$c", "$A", "$b", "$a"), {"$a": 1, "B": 20, "c": 2}),
        (("?", "?", "?", "?"), [2, 1, 20, 20, 1]),
    ],
    ids=["numbers", "names", "question marks"],
)
def test_parameters_in_a_clause_and_around_it(
    session: SparkSession, places: tuple[str, ...], parameters: Parameters
) -> None:
    rows = pa.table({"k": ["a"] * 4 + ["b"] * 2, "t": [1, 2, 3, 4, 1, 2], "v": [5, 3, 4, 2, 9, 1]})
    most, least, more, less = places
    query = f"""SELECT k, n + {most} AS n FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY t
        MEASURES count(*) + {least} AS n PATTERN (A+) DEFINE A AS v < {more} AND v < {more.upper()})
        WHERE n > {less} ORDER BY k"""
    wanted = rowpattern.match_recognize(query, rows, parameters=parameters)
    found = rowpattern_spark.match_recognize(query, frame(session, rows), parameters=parameters)
    assert [tuple(row) for row in found.collect()] == list(zip(*wanted.to_pydict().values()))
    assert wanted.num_rows == 2


def test_what_spark_refuses_around_a_clause(session: SparkSession, ticks: pa.Table) -> None:
    query = f"SELECT list_sort([p]) FROM t {CLAUSE.format('PARTITION BY symbol')}"
    with pytest.raises(rowpattern.QueryError, match="is Spark's SQL, and Spark refuses it"):
        rowpattern_spark.match_recognize(query, frame(session, ticks.slice(0, 3)))


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
        ("SELECT * FROM (SELECT * FROM t) " + CLAUSE.format("PARTITION BY symbol"), "do what else is before it"),
        ("SELECT 1", "do what else is before it"),
        (f"SELECT * FROM t {CLAUSE.format('PARTITION BY symbol')}, u", "reads the table u; join the answer to it"),
        (
            f"FROM t |> WHERE size > 0 |> {CLAUSE.format('PARTITION BY symbol')} |> WHERE p > 1",
            "do what else is before it",
        ),
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


def once(measures: str, partition_by: str = "k", rows: str = "", define: str = "") -> str:
    """Return a query with one match a partition."""
    return (
        f"SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY {partition_by} ORDER BY o MEASURES {measures} {rows} "
        f"PATTERN (A+){define})"
    )


def test_errors_in_tasks_are_short(either: Any) -> None:
    data = either.sql("SELECT 1 AS k, 2 AS o")
    with pytest.raises(Exception, match=r"rowpattern\.errors\.QueryError: measure e: no 1") as caught:
        rowpattern_spark.match_recognize(once("error('no ' || A.k) AS e"), data).collect()
    assert len(str(caught.value).splitlines()) < 12


TYPES = """
    SELECT id AS o, CAST(id % 2 AS TINYINT) AS k, TIMESTAMP_NTZ'2024-03-10 02:30:00' AS naive,
        TIMESTAMP'2024-01-01 00:00:00' + id * INTERVAL '90' MINUTE AS at, CAST(id AS DECIMAL(20, 4)) AS price,
        INTERVAL '1 02' DAY TO HOUR AS due, array(id, NULL) AS many, map('a', id) AS pairs,
        CAST('x' AS BINARY) AS bytes,
        named_struct('x', id, 'at', TIMESTAMP'2024-01-01 00:00:00') AS pair, CAST('v' AS VARCHAR(9)) AS text,
        INTERVAL '5' MONTH AS months, DATE'2024-02-29' AS day, CAST(NULL AS VOID) AS nothing
    FROM range(6)"""


def test_types_stay(either: Any) -> None:
    data = either.sql(TYPES)
    passed_on = rowpattern_spark.match_recognize(once("count(*) AS n", rows="ALL ROWS PER MATCH"), data.drop("months"))
    types = {field.name: field for field in data.schema}
    for field in passed_on.schema:
        if field.name != "n":
            assert field == types[field.name]
    assert in_some_order(passed_on.drop("n").select(*data.drop("months").columns).toArrow()) == in_some_order(
        data.drop("months").toArrow()
    )
    # NTZ columns of the answer find what they came from.
    assert passed_on.join(data, ["o", "naive"], "left_semi").count() == 6

    measures = "LAST(naive) AS naive, LAST(at) - FIRST(at) AS took, LAST(price) AS price, LAST(due) AS due"
    measures += ", LAST(many) AS many, LAST(pairs) AS pairs, LAST(pair) AS pair, sum(price) AS total, LAST(day) AS day"
    answer = rowpattern_spark.match_recognize(once(measures), data)
    assert [field.dataType.simpleString() for field in answer.schema][1:] == [
        "timestamp_ntz",
        "interval day to second",
        "decimal(20,4)",
        "interval day to second",
        "array<bigint>",
        "map<string,bigint>",
        "struct<x:bigint,at:timestamp>",
        "decimal(38,4)",
        "date",
    ]
    row = answer.where("k = 1").collect()[0]
    assert row.naive == dt.datetime(2024, 3, 10, 2, 30)  # noqa: DTZ001 - naive
    assert row.took == dt.timedelta(hours=6)
    assert row.price == Decimal(5)
    assert row.due == dt.timedelta(days=1, hours=2)
    assert row.many == [5, None]
    assert row.pairs == {"a": 5}
    assert row.total == Decimal(9)


def test_times_of_day_stay(session: SparkSession) -> None:
    data = session.sql("SELECT 1 AS k, 2 AS o, TIME'12:34:56.123456' AS t")
    answer = rowpattern_spark.match_recognize(once("LAST(t) AS last", rows="ALL ROWS PER MATCH"), data)
    assert answer.schema["t"] == data.schema["t"]
    assert answer.schema["last"].dataType.simpleString() == "time(6)"
    assert answer.collect()[0].last == dt.time(12, 34, 56, 123456)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "UTC", "+05:30", "GMT-8", "Z"])
def test_the_zone_is_the_sessions(either: Any, zone: str) -> None:
    before = either.conf.get("spark.sql.session.timeZone")
    either.conf.set("spark.sql.session.timeZone", zone)
    try:
        # Built and read in the session's zone: twelve o'clock is twelve o'clock.
        data = either.sql(
            "SELECT id AS o, 1 AS k, TIMESTAMP'2024-07-01 10:00:00' + id * INTERVAL '1' HOUR AS at FROM range(5)"
        )
        answer = rowpattern_spark.match_recognize(
            once(
                "hour(FIRST(at)) AS h, left(at::VARCHAR, 13) AS t",
                define=" DEFINE A AS at > TIMESTAMP '2024-07-01 11:30:00'",
            ),
            data,
        )
        assert [(row.h, row.t) for row in answer.collect()] == [(12, "2024-07-01 14")]
    finally:
        either.conf.set("spark.sql.session.timeZone", before)


def test_names(either: Any) -> None:
    from pyspark.sql import Row

    data = either.sql("SELECT id % 2 AS `a.b`, id AS `c``d`, 'x' AS `größe \"q`, id AS `select` FROM range(6)")
    sql = """SELECT "a.b", last, last, "c`d" AS "x.y" FROM t MATCH_RECOGNIZE (
        PARTITION BY "a.b" ORDER BY "c`d" MEASURES LAST("größe ""q") || "select" AS last
        ALL ROWS PER MATCH PATTERN (A+))"""
    answer = rowpattern_spark.match_recognize(sql, data)
    assert answer.columns == ["a.b", "last", "last", "x.y"]
    assert sorted(map(tuple, answer.collect()))[:2] == [(0, "x0", "x0", 0), (0, "x2", "x2", 2)]
    assert isinstance(answer.collect()[0], Row)

    # After a join a name may be there twice; it is not read.
    twice = either.sql("SELECT 1 AS k, 2 AS o, 3 AS x, 4 AS x, INTERVAL '1' MONTH AS m")
    assert rowpattern_spark.match_recognize(once("count(*) AS n"), twice).collect() == [(1, 1)]
    with pytest.raises(rowpattern.QueryError, match="the frame has two columns x"):
        rowpattern_spark.match_recognize(once("LAST(x) AS n"), twice)


def test_views(either: Any) -> None:
    either.sql("SELECT id % 2 AS k, id AS o FROM range(6)").createOrReplaceTempView("rows_of_a_view")
    sql = once("count(*) AS n").replace("FROM t", "FROM rows_of_a_view")
    assert sorted(rowpattern_spark.match_recognize(sql, either).collect()) == [(0, 3), (1, 3)]
    with pytest.raises(rowpattern.QueryError, match="no table or view t"):
        rowpattern_spark.match_recognize(once("count(*) AS n"), either)


@pytest.mark.parametrize(
    ("column", "sql", "message"),
    [
        ("INTERVAL '1' MONTH", once("LAST(c) AS c"), "column c is interval month"),
        ("parse_json('1')", once("LAST(c) AS c"), "column c is variant"),
        ("collate('a', 'UTF8_LCASE')", once("count(*) AS n", "c"), r"make it collate\(c, 'UTF8_BINARY'\) first"),
        ("array(1, NULL)", once("count(*) AS n", "c"), "PARTITION BY cannot compare values of the type list"),
        ("1", once("hash(c) AS h"), r"cast it in the query, as in h::DECIMAL\(20, 0\)"),
        ("DATE'2024-01-01'", once("LAST(c)::TIMESTAMP_NS AS u"), "as in u::TIMESTAMP$"),
        ("1", once("LAST(d) AS u"), "there is no column d"),
    ],
)
def test_what_spark_cannot_hold_is_said_where_the_query_is_defined(
    either: Any, column: str, sql: str, message: str
) -> None:
    data = either.sql(f"SELECT 1 AS k, 2 AS o, {column} AS c")
    with pytest.raises(rowpattern.QueryError, match=message):
        rowpattern_spark.match_recognize(sql, data)


def test_what_is_no_frame_and_no_limit(session: SparkSession) -> None:
    sql = once("count(*) AS n")
    with pytest.raises(TypeError, match=r"data is a pandas\.DataFrame; give a Spark data frame"):
        rowpattern_spark.match_recognize(sql, pd.DataFrame({"k": [1]}))
    with pytest.raises(rowpattern.ConfigurationError, match="memory_limit_mb is -5"):
        rowpattern_spark.match_recognize(sql, session.sql("SELECT 1 AS k, 2 AS o"), memory_limit_mb=-5)


def test_a_task_sorts_more_than_fits_into_memory(session: SparkSession) -> None:
    data = session.range(300_000).selectExpr("id % 1000 AS k", "hash(id) AS o", "id AS x", "repeat('x', 100) AS text")
    sql = once("count(*) AS n, sum(x) AS total, max(text) AS text, FIRST(o) AS o")
    # An eighth of it is answered at once, which is less than each task has.
    answer = rowpattern_spark.match_recognize(sql, data, memory_limit_mb=64)
    assert in_some_order(answer.toArrow()) == in_some_order(rowpattern.match_recognize(sql, data.toArrow()))


def test_intervals_inside_of_arrays(either: Any) -> None:
    data = either.sql("SELECT 1 AS k, 2 AS o, 3 AS c")
    answer = rowpattern_spark.match_recognize(once("array_agg(INTERVAL (c) DAY) AS h"), data)
    assert answer.collect()[0]["h"] == [dt.timedelta(days=3)]


def test_the_clause_without_sql_text_and_parameters(either: Any) -> None:
    rows = pa.table({"k": ["a", "b", "a", "a"], "t": [1, 2, 3, 4], "price": [5, 4, 3, 9]})
    arguments: dict[str, Any] = {
        "partition_by": "k",
        "order_by": "t",
        "pattern": "DOWN{1,$most}",
        "define": {"DOWN": "price < $limit"},
        "measures": {"last": "LAST(t) + $more"},
    }
    parameters = {"most": 1, "limit": 6, "more": 0}
    wanted = rowpattern.recognize(rows, **arguments, parameters=parameters)
    found = rowpattern_spark.recognize(frame(either, rows), **arguments, parameters=parameters)
    assert in_some_order(found.toArrow()) == in_some_order(wanted)
    sql = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY t MEASURES LAST(t) + ? AS last
        PATTERN (DOWN{1,?}) DEFINE DOWN AS price < ?)"""
    found = rowpattern_spark.match_recognize(sql, frame(either, rows), parameters=[0, 1, 6])
    assert in_some_order(found.toArrow()) == in_some_order(wanted)
    with pytest.raises(rowpattern.UnsupportedQueryError, match="other machines are sent texts only"):
        rowpattern_spark.recognize(frame(either, rows), **arguments | {"define": {"DOWN": lambda _: True}})
    with pytest.raises(rowpattern.QueryError, match=r"no value for the parameter \$more"):
        rowpattern_spark.recognize(frame(either, rows), **arguments)
