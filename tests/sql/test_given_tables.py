"""What callers give as tables, and how queries name them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import QueryError, match_recognize, recognize

LAST = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY at MEASURES LAST(A.x) AS x PATTERN (A+))"
TABLE = {"k": ["a", "a", "b"], "at": [2, 1, 1], "x": [5, 6, 7]}
EXPECTED = {"k": ["a", "b"], "x": [5, 7]}


@pytest.mark.parametrize("options", [{}, {"stream": True}, {"isolation": "process"}])
@pytest.mark.parametrize("index", [["k"], ["at", "k"], ["k", "at", "x"]])
def test_levels_of_an_index_are_named(index: list[str], options: dict[str, Any]) -> None:
    frame = pd.DataFrame(TABLE)
    answer = match_recognize(LAST, frame.set_index(index, drop=index != ["k", "at", "x"]), **options)
    found = answer.read_all().to_pydict() if options == {"stream": True} else answer.to_dict("list")
    assert found == EXPECTED
    assert match_recognize(LAST, t=frame.set_index(index), **options) is not None
    assert str(rowpattern.explain(LAST, frame.set_index(index)))


def test_levels_that_a_query_does_not_name_are_no_columns() -> None:
    frame = pd.DataFrame(TABLE).set_index("k", append=True).rename_axis(["row", "k"])
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY at ALL ROWS PER MATCH PATTERN (A))"
    assert list(match_recognize(sql, frame).columns) == ["at", "x"]
    assert list(match_recognize(sql.replace("ORDER BY at", "ORDER BY at, row"), frame).columns) == ["at", "row", "x"]
    # A column has the name: it is meant.
    frame = pd.DataFrame(TABLE).set_index("x", drop=False)
    assert list(match_recognize(sql.replace("ORDER BY at", "ORDER BY x"), frame).columns) == ["x", "k", "at"]


def test_a_frame_is_piped() -> None:
    frame = pd.DataFrame(TABLE)
    assert frame.pipe(lambda given: match_recognize(LAST, given)).to_dict("list") == EXPECTED
    assert frame.pipe((match_recognize, "t"), LAST).to_dict("list") == EXPECTED
    measures = {"x": "LAST(A.x)"}
    found = frame.pipe(recognize, pattern="A+", partition_by="k", order_by="at", measures=measures)
    assert found.to_dict("list") == EXPECTED


@pytest.mark.parametrize("query", [pd.DataFrame(TABLE), pa.table(TABLE), None, b"SELECT 1"])
def test_a_table_in_the_query_s_place(query: Any) -> None:
    with pytest.raises(TypeError, match=rf"the query is a {type(query).__name__}; give a text: match_recognize\(sql,"):
        match_recognize(query, LAST)


@pytest.mark.parametrize("name", ["prices.parquet", "/etc/passwd", "prices.csv.gz", "C:\\prices", "folder/prices"])
def test_one_table_is_not_called_as_a_file(name: str) -> None:
    sql = f'SELECT * FROM "{name}" MATCH_RECOGNIZE (ORDER BY x MEASURES LAST(x) AS x PATTERN (A))'
    with pytest.raises(QueryError, match="is the name of a file, and a query reads no files") as caught:
        match_recognize(sql, pa.table(TABLE))
    assert "(line 1, column 15)" in str(caught.value)
    # By that name it is what the caller says.
    assert match_recognize(sql, **{name: pa.table(TABLE)}).num_rows == 3


@pytest.mark.parametrize("options", [{}, {"stream": True}])
def test_one_table_for_two_names(options: dict[str, Any]) -> None:
    sql = "SELECT * FROM a MATCH_RECOGNIZE (ORDER BY x MEASURES LAST(x) AS y PATTERN (A)) JOIN b ON b.x = y"
    message = (
        r"reads the tables a and b, and one table was given; give each by its name, as in match_recognize\(sql, a="
    )
    with pytest.raises(QueryError, match=message):
        match_recognize(sql, pa.table(TABLE), **options)
    # One name in two ways, and a name that the query makes itself, are no two tables.
    twice = sql.replace("JOIN b ON b.x", "JOIN A AS b ON b.x")
    answer = match_recognize(twice, pa.table(TABLE), **options)
    assert (answer.read_all() if options else answer).num_rows == 3
    made = "WITH b AS (SELECT * FROM a) " + sql
    answer = match_recognize(made, pa.table(TABLE), **options)
    assert (answer.read_all() if options else answer).num_rows == 3


@pytest.mark.parametrize("options", [{}, {"stream": True}, {"stream": "in order"}])
@pytest.mark.parametrize("limit", [float("inf"), 10**400, 1e300])
def test_no_memory_has_so_much(limit: float, options: dict[str, Any]) -> None:
    table = pa.table({"k": ["a", "a", "b"], "at": [1, 2, 1], "x": [6, 5, 7]})
    answer = match_recognize(LAST, table, memory_limit_mb=limit, timeout_seconds=limit, **options)
    assert (answer.read_all() if options else answer).to_pydict() == EXPECTED


class _Foreign:
    dask = None


@pytest.mark.parametrize("options", [{}, {"stream": True}])
@pytest.mark.parametrize(
    ("module", "adapter"),
    [("pyspark.sql.connect.dataframe", "rowpattern.spark"), ("pyspark.sql.classic.dataframe", "rowpattern.spark"),
     ("dask.dataframe.dask_expr._collection", "rowpattern.dask")],
)  # fmt: skip
def test_frames_that_are_elsewhere_are_told_where_their_adapter_is(
    module: str, adapter: str, options: dict[str, Any]
) -> None:
    kind = type("DataFrame", (_Foreign,), {"__module__": module})
    wanted = rf"call {adapter}.match_recognize\(sql, frame\) or {adapter}.recognize\(frame, ...\)"
    with pytest.raises(TypeError, match=wanted):
        match_recognize(LAST, kind(), **options)
    with pytest.raises(TypeError, match=wanted):
        recognize(kind(), pattern="A", **options)


@pytest.mark.parametrize("options", [{}, {"stream": True}])
def test_a_key_of_partition_by_has_a_name(options: dict[str, Any]) -> None:
    table = pa.table({"x": [1, 2, 3, 4], "y": [0, 0, 1, 1]})

    def asked(keys: str, rows: str = "") -> dict[str, Any]:
        clause = f"PARTITION BY {keys} ORDER BY x MEASURES count(*) AS n {rows} PATTERN (A+)"
        sql = f"SELECT * FROM t MATCH_RECOGNIZE ({clause})"
        answer = match_recognize(sql, table, **options)
        found: dict[str, Any] = (answer.read_all() if options else answer).to_pydict()
        return found

    assert asked("x % 2 AS odd") == {"odd": [0, 1], "n": [2, 2]}
    assert asked('y AS "the group", CAST(x % 2 AS VARCHAR) AS odd') == {
        "the group": [0, 0, 1, 1], "odd": ["0", "1", "0", "1"], "n": [1, 1, 1, 1],
    }  # fmt: skip
    # A column that is shown under another name is not shown twice.
    assert list(asked("y AS g", "ALL ROWS PER MATCH")) == ["g", "x", "n"]
    for keys, rows in (("x % 2 AS n", ""), ("x % 2 AS a, y AS A", ""), ("x % 2 AS y", "ALL ROWS PER MATCH")):
        with pytest.raises(QueryError, match="the answer would have two columns"):
            asked(keys, rows)
    with pytest.raises(rowpattern.QuerySyntaxError):
        asked("x % 2 AS")
    window = "PARTITION BY y AS g ORDER BY x ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING PATTERN (A)"
    with pytest.raises(rowpattern.QuerySyntaxError, match="PARTITION BY of a window makes no column; leave out AS g"):
        match_recognize(f"SELECT count(*) OVER ({window}) FROM t", table)


@pytest.mark.parametrize(
    ("sql", "options"),
    [
        (
            "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES LAST({x}) AS a PATTERN (A+) DEFINE A AS {y} > 0)",
            {"stream": True},
        ),
        (
            "SELECT {x}, {y} FROM t MATCH_RECOGNIZE (MEASURES true AS n ALL ROWS PER MATCH PATTERN (A)) WHERE n",
            {},
        ),
        ("SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES (SELECT max({x}) FROM t) AS n PATTERN (A))", {}),
        ("SELECT * FROM (SELECT * FROM t) s MATCH_RECOGNIZE (ORDER BY o MEASURES LAST({x}) AS n PATTERN (A))", {}),
        (
            "SELECT {x}, s OVER (MEASURES 1 AS s ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING PATTERN (A)) FROM t",
            {},
        ),
    ],
    ids=["stream", "around", "subquery", "source", "window"],
)
def test_names_that_duckdb_does_not_tell_apart_are_refused_where_it_reads_them(
    sql: str, options: dict[str, Any]
) -> None:
    """It would give the values of one column for both."""
    table = pa.table({"o": [1, 2], "X": [10, 20], "x": [1, 2]})
    with pytest.raises(rowpattern.QueryError, match="'X' and 'x' differ in the case of letters only"):
        list(match_recognize(sql.format(x='"X"', y='"x"'), table, **options))


def test_in_a_clause_a_name_in_double_quotes_is_exact() -> None:
    table = pa.table({"o": [1, 2], "X": [10, 20], "x": [1, 2]})
    sql = 'SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES LAST("X") AS a, median("x") AS b PATTERN (A+))'
    assert match_recognize(sql, table).to_pylist() == [{"a": 20, "b": 1.5}]
