"""Tables in and out: every kind, every type, names, and several tables."""

from __future__ import annotations

import datetime as dt
import decimal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import QueryError, match_recognize, pattern_cache
from rowpattern.cache.plans import clear_plan_cache, get_plan_stats

from commands import run_python

ONE_ROW = """SELECT * FROM t MATCH_RECOGNIZE (
    PARTITION BY symbol ORDER BY day
    MEASURES FIRST(DOWN.day) AS begun, LAST(UP.price) AS price
    PATTERN (DOWN+ UP+)
    DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""

PRICES = {
    "symbol": ["b", "a", "a", "a", "a", "b", "b"],
    "day": [1, 1, 3, 2, 4, 2, 3],
    "price": [5.0, 9.0, 7.0, 8.0, 8.5, 4.0, 6.0],
}
ANSWER = {"symbol": ["a", "b"], "begun": [2, 2], "price": [8.5, 6.0]}


class Capsule:
    """Has Arrow's stream interface and nothing else."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return pa.table(PRICES).__arrow_c_stream__(requested_schema)


def test_pandas() -> None:
    frame = pd.DataFrame(PRICES, index=[9, 8, 7, 6, 5, 4, 3])
    answer = match_recognize(ONE_ROW, frame)
    pd.testing.assert_frame_equal(answer, pd.DataFrame(ANSWER))


def test_answers_of_pandas_can_be_changed_in_place() -> None:
    # Of every kind of column that an answer has: keys, measures, two names for one measure, NULLs, rows of the table.
    frame = pd.DataFrame(PRICES | {"number": np.arange(7), "time": pd.date_range("2020", periods=7)})
    before = frame.copy()
    query = """SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY day
        MEASURES FIRST(DOWN.day) AS one, FIRST(DOWN.day) AS two, LAST(UP.price) AS high, count(UP.price) AS rows_up,
            LAST(UP.time) AS at, LAST(UP.number) AS place, LAST(UP.price) > 8 AS is_high, max(price) + 1 AS above
        {rows} PATTERN (DOWN+ UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""
    for rows in ("", "ALL ROWS PER MATCH"):
        answer = match_recognize(query.format(rows=rows), frame)
        expected = answer.copy(deep=True)
        for name in answer.columns:
            numbers = [each for each in frame if frame[each].dtype != "str"]
            assert not any(np.shares_memory(answer[name], frame[each]) for each in numbers)
            answer.loc[0, name] = expected.loc[0, name] = answer[name].iloc[-1]
            pd.testing.assert_frame_equal(answer, expected)
    pd.testing.assert_frame_equal(frame, before)


def test_polars() -> None:
    assert match_recognize(ONE_ROW, pl.DataFrame(PRICES)).equals(pl.DataFrame(ANSWER))
    lazy = match_recognize(ONE_ROW, pl.DataFrame(PRICES).lazy())
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(pl.DataFrame(ANSWER))


def test_arrow() -> None:
    table = pa.table(PRICES)
    assert match_recognize(ONE_ROW, table).equals(pa.table(ANSWER))
    reader = match_recognize(ONE_ROW, table.to_reader())
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.read_all().equals(pa.table(ANSWER))
    capsule: Any = Capsule()
    assert match_recognize(ONE_ROW, capsule).equals(pa.table(ANSWER))
    chunked = pa.concat_tables([table.slice(0, 2), table.slice(2, 0), table.slice(2)])
    assert match_recognize(ONE_ROW, chunked).equals(pa.table(ANSWER))


def test_duckdb() -> None:
    answer = match_recognize(ONE_ROW, duckdb.from_arrow(pa.table(PRICES)))
    assert isinstance(answer, duckdb.DuckDBPyRelation)
    assert answer.fetchall() == list(zip(*ANSWER.values()))


def test_several_tables() -> None:
    names = pd.DataFrame({"symbol": ["a", "b"], "name": ["Aleph", "Beth"]})
    query = f"SELECT name, m.begun FROM ({ONE_ROW.replace(' t ', ' prices ')}) m JOIN names USING (symbol) ORDER BY 1"
    wanted = {"name": ["Aleph", "Beth"], "begun": [2, 2]}
    same = match_recognize(query, prices=pd.DataFrame(PRICES), names=names)
    assert isinstance(same, pd.DataFrame)
    assert same.to_dict("list") == wanted
    # Several kinds are answered in Arrow.
    assert match_recognize(query, PRICES=pl.DataFrame(PRICES), names=names).to_pydict() == wanted
    with pytest.raises(rowpattern.QueryError, match="no table names; did you mean name"):
        match_recognize(query, prices=pd.DataFrame(PRICES), name=names)
    with pytest.raises(TypeError, match="prices is no option; give one table by its place or several by name"):
        match_recognize(query, names, prices=names)


def test_no_table() -> None:
    query = """SELECT * FROM (VALUES (1, 3), (2, 2), (3, 5)) v(o, x) MATCH_RECOGNIZE (
        ORDER BY o MEASURES LAST(B.x) AS x PATTERN (A B) DEFINE B AS x < PREV(x))"""
    assert match_recognize(query).to_pydict() == {"x": [2]}
    with pytest.raises(rowpattern.QueryError, match="there is no table t; no table was given; write match_recognize"):
        match_recognize(ONE_ROW)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "data is a list; a table is "),
        (5, "data is an int; a table is "),
        (pd.Series([1]), "data is a Series; a table is "),
        ({"x": [1]}, "data is a dict; give a table of its columns, as pyarrow.table(columns) makes it"),
        ("t.csv", "data is a str; the path of a Parquet or Arrow IPC file needs stream=True"),
        (Path("t"), "data is a PosixPath; the path of a Parquet or Arrow IPC file needs stream=True"),
    ],
)
def test_what_is_no_table(value: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        match_recognize(ONE_ROW, value)
    assert str(caught.value).startswith(message.replace("PosixPath", type(value).__name__))


def test_two_columns_of_one_name() -> None:
    frame = pd.DataFrame([[1, 2]], columns=["x", "x"])
    with pytest.raises(rowpattern.QueryError, match="two columns x"):
        match_recognize("SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x PATTERN (A))", frame)


UTC = dt.timezone.utc
TYPES: dict[str, Any] = {
    "int8": pa.array([1, None, 3], pa.int8()),
    "uint64": pa.array([1, 2**63, None], pa.uint64()),
    "float32": pa.array([1.5, None, -0.0], pa.float32()),
    "boolean": pa.array([True, None, False]),
    "string": pa.array(["a", None, "é"]),
    "large string": pa.array(["a", None, "é"], pa.large_string()),
    "string view": pa.array(["a", None, "a longer string than twelve"], pa.string_view()),
    "binary": pa.array([b"\0", None, b""]),
    "date": pa.array([dt.date(2020, 1, 1), None, dt.date(1900, 1, 1)]),
    "time": pa.array([dt.time(1, 2, 3), None, dt.time(0)], pa.time64("us")),
    "timestamp": pa.array([dt.datetime(2020, 1, 1), None, dt.datetime(1960, 1, 1)], pa.timestamp("ns")),  # noqa: DTZ001
    "zoned": pa.array([dt.datetime(2020, 1, 1, tzinfo=UTC), None, None], pa.timestamp("us", "Europe/Paris")),
    "duration": pa.array([dt.timedelta(seconds=5), None, dt.timedelta(0)], pa.duration("us")),
    "decimal": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-3.50")], pa.decimal128(10, 2)),
    "dictionary": pa.array(["u", None, "v"]).dictionary_encode(),
    "list": pa.array([[1, 2], None, []]),
    "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": 2, "b": None}]),
    "null": pa.nulls(3),
}


@pytest.mark.parametrize("name", TYPES)
def test_types_survive(name: str) -> None:
    table = pa.table({"o": [1, 2, 3], "value": TYPES[name]})
    clause = "FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES {} {} PATTERN (A+) DEFINE A AS o > 0)"
    every = "SELECT * " + clause.format("FIRST(A.value) AS f, LAST(value) AS l", "ALL ROWS PER MATCH")
    answer = match_recognize(every, table)
    assert answer.schema.field("value").type == answer.schema.field("l").type == table.schema.field("value").type
    assert answer["value"].to_pylist() == answer["l"].to_pylist() == table["value"].to_pylist()
    assert answer["f"].to_pylist() == table["value"].to_pylist()[:1] * 3
    one = match_recognize("SELECT * " + clause.format("LAST(A.value, 2) AS value", ""), table)
    assert one["value"].to_pylist() == table["value"].to_pylist()[:1]


@pytest.mark.parametrize("name", sorted(set(TYPES) - {"list", "struct", "null", "duration"}))
def test_types_can_partition_and_order(name: str) -> None:
    values = TYPES[name]
    table = pa.table({"o": [1, 2, 3] * 2, "value": pa.concat_arrays([values, values])})
    counted = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY value ORDER BY o MEASURES count(*) AS n PATTERN (A+))"
    answer = match_recognize(counted, table)
    distinct = values.value_counts()
    assert sorted(answer["n"].to_pylist()) == sorted(2 * count for count in distinct.field("counts").to_pylist())
    assert answer["value"].to_pylist()[-1] is None
    ordered = "SELECT value FROM t MATCH_RECOGNIZE (ORDER BY value NULLS FIRST ALL ROWS PER MATCH PATTERN (A+))"
    found = match_recognize(ordered, table)["value"].to_pylist()
    by_duckdb = duckdb.from_arrow(table).project("value").order("value NULLS FIRST").to_arrow_table()
    assert found == by_duckdb["value"].cast(table["value"].type).to_pylist()


def test_pandas_types_survive() -> None:
    frame = pd.DataFrame(
        {
            "o": [1, 2, 3],
            "nullable": pd.array([1, None, 3], dtype="Int16"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "text": pd.array(["a", None, "c"], dtype="string"),
            "category": pd.Categorical(["y", "x", None], categories=["x", "y", "z"], ordered=True),
            "zoned": pd.date_range("2020-01-01", periods=3, tz="Europe/Paris"),
            "when": pd.to_datetime(["2020-01-01", None, "2020-01-03"]),
            "number": [1.5, np.nan, 2.5],
            "object": ["a", None, "b"],
            "arrow": pd.array([1, 2, None], dtype="int64[pyarrow]"),
        }
    )
    query = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o ALL ROWS PER MATCH PATTERN (A+) DEFINE A AS o > 0)"
    pd.testing.assert_frame_equal(match_recognize(query, frame), frame)
    # Through DuckDB too, where it has the type.
    outer = match_recognize(f"SELECT * FROM ({query}) x WHERE o < 9", frame)
    pd.testing.assert_frame_equal(
        outer.drop(columns=["category", "when", "zoned"]), frame.drop(columns=["category", "when", "zoned"])
    )
    assert list(outer["category"].astype(object)[:2]) == ["y", "x"]


def test_polars_types_survive() -> None:
    frame = pl.DataFrame(
        {
            "o": [1, 2, 3],
            "category": pl.Series(["a", "b", None], dtype=pl.Categorical),
            "day": [dt.date(2020, 1, 1), None, dt.date(2020, 1, 3)],
            "list": [[1], None, []],
        }
    )
    query = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o ALL ROWS PER MATCH PATTERN (A+) DEFINE A AS o > 0)"
    assert match_recognize(query, frame).equals(frame)


def test_a_column_that_cannot_be_read_is_named_and_others_do_not_matter() -> None:
    frame = pd.DataFrame({"o": [1, 2], "mixed": [1, "a"]})
    query = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES {} AS m PATTERN (A+))"
    assert match_recognize(query.format("count(*)"), frame)["m"].tolist() == [2]
    with pytest.raises(rowpattern.QueryError, match="column mixed cannot be read"):
        match_recognize(query.format("LAST(mixed)"), frame)


def test_sums_of_integers_are_integers() -> None:
    table = pa.table({"o": [1, 2], "x": [1, 2], "huge": [2**62, 2**62]})
    query = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES sum({}) AS total PATTERN (A+))"
    assert match_recognize(query.format("x"), table)["total"].type == pa.int64()
    assert match_recognize(query.format("huge"), table)["total"].to_pylist() == [2**63]
    outer = f"SELECT sum(total) AS total FROM ({query.format('x')})"
    assert match_recognize(outer, table)["total"].type == pa.int64()


def test_empty_tables() -> None:
    empty = pa.table(PRICES).slice(0, 0)
    assert match_recognize(ONE_ROW, empty).equals(pa.table(ANSWER).slice(0, 0))
    every = ONE_ROW.replace("(UP.price) AS price", "(UP.price) AS last ALL ROWS PER MATCH")
    frame = match_recognize(every, pd.DataFrame(PRICES).head(0))
    assert list(frame.columns) == ["symbol", "day", "begun", "last", "price"]
    assert len(frame) == 0


def test_plans_are_cached_by_query_and_schema() -> None:
    table = pa.table(PRICES)
    clear_plan_cache()
    match_recognize(ONE_ROW, table)
    before = pattern_cache.get_cache_stats(), get_plan_stats()
    match_recognize(ONE_ROW, table)
    after = pattern_cache.get_cache_stats(), get_plan_stats()
    assert [each["misses"] for each in after] == [each["misses"] for each in before]
    # The pattern; the query, and its clause.
    assert [each["size"] for each in after] == [each["size"] for each in before] == [1, 2]
    # Other columns, another plan; the query is not read again.
    wider = table.append_column("more", table["day"])
    match_recognize(ONE_ROW, wider)
    assert get_plan_stats()["size"] == 3
    match_recognize(ONE_ROW, table.select(["price", "day", "symbol"]))
    assert get_plan_stats()["size"] == 4
    pattern_cache.set_caching_enabled(False)
    assert match_recognize(ONE_ROW, table).equals(pa.table(ANSWER))


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Any] = []
    match_recognize(ONE_ROW, pa.table(PRICES), progress=seen.append)
    assert [(each.step, each.done) for each in seen if each.step == "match"] == [("match", False), ("match", True)]
    assert [each.seconds for each in seen] == sorted(each.seconds for each in seen)
    match_recognize(ONE_ROW, pa.table(PRICES), progress=True)
    assert "rowpattern: conditions, 7 rows done" in capsys.readouterr().err


def test_what_is_missing_is_named() -> None:
    code = """
import sys
sys.modules["duckdb"] = None
import rowpattern
try:
    rowpattern.match_recognize("SELECT 1")
except rowpattern.MissingDependencyError as error:
    print(error)
"""
    result = run_python("-c", code)
    assert result.stdout.startswith("duckdb is not installed; "), result.stderr
    assert "'duckdb" in result.stdout


def test_forked_children_answer() -> None:
    code = f"""
import os, pyarrow as pa
from rowpattern import match_recognize
table = pa.table({PRICES!r})
def answer():
    return match_recognize({ONE_ROW!r}, table).to_pydict() == {ANSWER!r}
assert answer()
child = os.fork()
if child == 0:
    os._exit(0 if answer() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert answer()
print("both")
"""
    result = run_python("-c", code, timeout=60)
    assert result.stdout == "both\n", result.stderr


def test_threads_answer_at_once() -> None:
    """The same query and different ones, from eight threads; connections and plans are shared."""
    queries = [
        (ONE_ROW, ANSWER),
        (ONE_ROW.replace("LAST(UP.price) AS", "LAST(UP.price) + 1 AS"), {**ANSWER, "price": [9.5, 7.0]}),
        (f"SELECT count(*) AS n FROM ({ONE_ROW})", {"n": [2]}),
        (ONE_ROW.replace("DOWN AS price < PREV(price)", "DOWN AS price < 1000 - LAST(DOWN.price)"), None),
    ]
    table = pa.table(PRICES)
    expected = [match_recognize(query, table).to_pydict() for query, _ in queries]
    assert [wanted for _, wanted in queries[:3]] == expected[:3]

    def work(number: int) -> None:
        for step in range(40):
            at = (number + step) % len(queries)
            assert match_recognize(queries[at][0], table).to_pydict() == expected[at]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_texts_of_pandas_and_polars_compare_as_arrow_s_do() -> None:
    values = ["a", None, "b", "a", float("nan"), "a"]
    objects = pd.DataFrame({"o": range(6), "s": pd.Series(values, dtype=object)})
    arrow = pa.table({"o": range(6), "s": [each if isinstance(each, str) else None for each in values]})
    for condition in ("s = 'a'", "'a' = s", "NOT (s = 'a')", "s <> 'a'", "(s = 'a') IS NULL", "s = 'a' OR s = 'b'"):
        for order in ("o", "o DESC"):
            query = f"""SELECT * FROM t MATCH_RECOGNIZE (ORDER BY {order}
                MEASURES FIRST(o) AS f, LAST(o) AS l, LAST(s) AS s PATTERN (A+) DEFINE A AS {condition})"""
            wanted = match_recognize(query, arrow)
            found = match_recognize(query, objects)
            assert found["f"].tolist() == wanted["f"].to_pylist(), condition
            assert found["l"].tolist() == wanted["l"].to_pylist(), condition
            for kind in (pl.String, pl.Categorical):
                frame = pl.from_arrow(arrow).with_columns(pl.col("s").cast(kind))  # type: ignore[union-attr]
                assert (
                    match_recognize(query, frame)
                    .cast({pl.Categorical: pl.String})
                    .to_arrow()
                    .equals(match_recognize(query, pl.from_arrow(arrow)).to_arrow())
                ), condition
                assert match_recognize(query, frame)["l"].to_list() == wanted["l"].to_pylist(), condition


def test_pandas_columns_that_are_only_shown_come_back_as_they_were() -> None:
    frame = pd.DataFrame(
        {
            "at": [3, 1, 2, 4],
            "text": pd.Series(["c", None, float("nan"), "d"], dtype=object),
            # Not one type: Arrow has none for it.
            "things": pd.Series([1, "two", (3,), None], dtype=object),
            "kind": pd.Categorical(["x", "y", None, "x"], categories=["y", "x", "z"], ordered=True),
            "zone": pd.to_datetime(["2026-01-03", "2026-01-01", None, "2026-01-04"]).tz_localize("Asia/Tokyo"),
            "whole": pd.array([3, None, 2, 4], dtype="Int64"),
        }
    )
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY at ALL ROWS PER MATCH PATTERN (A{3}))"
    answer = match_recognize(sql, frame)
    wanted = frame.iloc[[1, 2, 0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(answer, wanted)
    assert answer["text"][0] is None
    assert answer["things"].tolist() == ["two", (3,), 1]
    # What the query reads of it must have one type.
    with pytest.raises(QueryError, match="column things cannot be read"):
        match_recognize(sql.replace("PATTERN (A{3})", "PATTERN (A{3}) DEFINE A AS things IS NOT NULL"), frame)


def test_arithmetic_in_arrow_is_duckdb_s() -> None:
    table = pa.table(
        {
            "a": pa.array([1, 2, None, 2**62], pa.int64()),
            "x": pa.array([1.5, None, 1e308, -0.0]),
            "s": pa.array([1, 2, 3, 4], pa.int32()),
        }
    )
    clause = "MATCH_RECOGNIZE (MEASURES {} AS m ALL ROWS PER MATCH PATTERN (A+))"
    for expression in ("a + a", "a - 1", "a * 3 - a", "x * x", "x + 1", "x - x * 2", "a + x", "s * s", "a * s"):
        sql = f"SELECT m FROM t {clause.format(expression.replace('a', 'A.a').replace('x', 'A.x').replace('s', 'A.s'))}"
        try:
            wanted = duckdb.from_arrow(table).project(f"{expression} AS m").to_arrow_table()["m"]
        except duckdb.Error:
            with pytest.raises(QueryError, match=r"measure m: .*[Oo]verflow"):
                match_recognize(sql, table)
            continue
        found = match_recognize(sql, table)["m"]
        assert found.to_pylist() == wanted.to_pylist(), expression
        assert found.type == wanted.type, expression


def test_what_stands_under_null_is_no_duration() -> None:
    # DuckDB made microseconds of it, and refused the column where that is out of range.
    numbers = np.array([2, 1 << 62, 1, -(1 << 62)])
    ages = pa.array(numbers, mask=np.array([False, True, False, True])).view(pa.duration("s"))
    table = pa.table({"age": ages, "n": [1, 2, 3, 4]})
    query = """SELECT n, m FROM t MATCH_RECOGNIZE (ORDER BY age
        MEASURES LAST(age) + INTERVAL 1 SECOND AS m ALL ROWS PER MATCH PATTERN (A+))"""
    answer = match_recognize(query, table)
    assert answer.column("n").to_pylist() == [3, 1, 2, 4]
    assert answer.column("m").null_count == 2
    assert match_recognize(query, table, stream=True).read_all().column("n").to_pylist() == [3, 1, 2, 4]
