"""Tables of WITH lists are computed once, also where clauses, windows and what is around them read them."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from rowpattern import QueryError, UnsupportedQueryError, explain, match_recognize
from rowpattern.sql.parse.parser import parse

T = pa.table({"i": range(1, 9), "x": [3, 2, 1, 5, None, 0, 4, 2]})
# Each computation gives other values of r.
Q = "q AS (SELECT i, x, random() AS r FROM t)"
CLAUSE = "MATCH_RECOGNIZE (ORDER BY i MEASURES LAST(i) AS i, LAST(r) AS r PATTERN (A))"
WINDOW = """OVER (ORDER BY i MEASURES LAST(r) AS m
    ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING PATTERN (A) DEFINE A AS true)"""
OTHER_WINDOW = WINDOW.replace("LAST(r)", "LAST(x)")
SAME = "SELECT q.r = c.r AS same"
ALL_ROWS = [True] * 8


def ask(query: str, *data: pa.Table, **options: Any) -> list[Any]:
    return list(match_recognize(query, *data, **options).column(0).to_pylist())


@pytest.mark.parametrize("word", ["AS", "AS MATERIALIZED"])
@pytest.mark.parametrize(
    "query",
    [
        f"WITH {Q} {SAME} FROM q {CLAUSE} AS c JOIN q USING (i)",
        f"WITH {Q} {SAME} FROM (TABLE q) {CLAUSE} AS c JOIN 'q' USING (i)",
        f'WITH {Q} {SAME} FROM (FROM "Q" AS z) {CLAUSE} AS c JOIN q USING (i)',
        f"WITH {Q}, b AS (FROM q) {SAME} FROM b {CLAUSE} AS c JOIN q USING (i)",
        f"WITH {Q}, b AS NOT MATERIALIZED (FROM q) {SAME} FROM b {CLAUSE} AS c JOIN b AS q USING (i)",
        f"WITH {Q}, b AS (FROM q), d AS (FROM q) {SAME} FROM b {CLAUSE} AS c JOIN d AS q USING (i)",
        f"SELECT * FROM (WITH {Q} {SAME} FROM q {CLAUSE} AS c JOIN q USING (i))",
        # In the definition there is a clause, or a window; the answer is the table before a clause.
        f"""WITH q AS (SELECT i, random() AS r FROM (SELECT *, 0 AS r FROM t) {CLAUSE})
            {SAME} FROM q {CLAUSE} AS c JOIN q USING (i)""",
        f"WITH q AS (SELECT *, random() AS r, m {OTHER_WINDOW} FROM t) {SAME} FROM q {CLAUSE} AS c JOIN q USING (i)",
        f"SELECT r > 0 AS same FROM (WITH {Q} SELECT q.i, r FROM q JOIN (FROM q {CLAUSE}) USING (i, r)) {CLAUSE}",
        # A subquery of a clause, and a table before LATERAL.
        f"""WITH {Q} SELECT s = (SELECT max(r) FROM q) AS same FROM t MATCH_RECOGNIZE (
            ORDER BY i MEASURES (SELECT max(r) FROM q) AS s PATTERN (A))""",
        f"""WITH {Q} SELECT z.r = c.s AS same FROM q AS z, LATERAL (FROM t MATCH_RECOGNIZE (
            ORDER BY i MEASURES max(z.r) AS s PATTERN (A+))) AS c""",
        f"""WITH {Q} SELECT a = b AS same
            FROM (SELECT m {WINDOW} AS a, (SELECT r FROM q AS z WHERE z.i = q.i) AS b FROM q)""",
        f"WITH {Q} SELECT a = r AS same FROM (SELECT i, m {WINDOW} AS a FROM q) JOIN q USING (i)",
    ],
)
def test_all_parts_of_a_query_see_the_same_rows(word: str, query: str) -> None:
    assert ask(query.replace(f"{Q[:4]} ", f"q {word} ", 1), t=T) == ALL_ROWS


@pytest.mark.parametrize("key", ["", "USING KEY (i)"])
def test_a_recursive_one_is_computed_once(key: str) -> None:
    union = "UNION" if key else "UNION ALL"
    table = f"q(i, r) {key} AS (SELECT 1, random() {union} SELECT i + 1, random() FROM q WHERE i < 8)"
    assert ask(f"WITH RECURSIVE {table} {SAME} FROM q {CLAUSE} AS c JOIN q USING (i)", t=T) == ALL_ROWS


def test_explanations_say_so() -> None:
    text = explain(f"WITH {Q} {SAME} FROM q {CLAUSE} AS c JOIN q USING (i)", T).text
    assert "before: 1 table of WITH, computed once for several parts of the query that read them" in text
    assert "before:" not in explain(f"WITH {Q} SELECT i + 1 FROM q {CLAUSE}", T).text


def test_not_materialized_ones_are_computed_where_they_are_read() -> None:
    query = f"WITH {Q} {SAME} FROM q {CLAUSE} AS c JOIN q USING (i)".replace("AS (", "AS NOT MATERIALIZED (", 1)
    assert ask(query, t=T) == [False] * 8


@pytest.mark.parametrize(
    ("query", "shared"),
    [
        (f"WITH {Q} SELECT * FROM q {CLAUSE}", 0),
        (f"WITH {Q}, b AS (FROM q) SELECT i FROM b {CLAUSE}", 0),
        (f"WITH {Q} SELECT i, m {WINDOW} FROM q", 0),
        (f"WITH {Q} SELECT * FROM t {CLAUSE}, q, q AS z", 0),
        (f"WITH {Q}, b AS (FROM q), d AS (FROM q) FROM b {CLAUSE}", 0),
        (f"WITH {Q}, b AS (FROM q), d AS (FROM q) FROM b {CLAUSE}, d", 1),
        (f"WITH {Q}, b AS (FROM q) FROM b {CLAUSE}, b", 1),
        (f"WITH {Q}, b AS (FROM q) FROM b {CLAUSE}, b, q", 2),
        (f"WITH {Q} SELECT * FROM q {CLAUSE}, (WITH q AS (SELECT 1) FROM q)", 0),
        (f"WITH {Q} SELECT c.q, i AS q FROM q {CLAUSE.replace('AS r', 'AS q')} AS c", 0),
    ],
)
def test_what_one_text_reads_is_computed_in_it(query: str, shared: int) -> None:
    assert len(parse(query).shared) == shared


def test_what_is_not_read_is_not_computed() -> None:
    query = f"WITH {Q}, b AS (SELECT error('b') AS e FROM q) {SAME} FROM q {CLAUSE} AS c JOIN q USING (i)"
    assert ask(query, t=T) == ALL_ROWS
    with pytest.raises(QueryError, match=r"b$"):
        ask(query.replace(SAME, f"{SAME}, e").replace("USING (i)", "USING (i), b"), t=T)


# Of each type, what Arrow gives back in another one, or as another value.
VALUES = [
    *("340282366920938463463374607431768211455::UHUGEINT", "170141183460469231731687303715884105727::HUGEINT"),
    *("'101'::BIT", "['10'::BIT, NULL]", "'10:00:00+02'::TIMETZ", "{'BIT': 1, 'b': ['10:00:00-03'::TIMETZ]}"),
    *("'a'::ENUM('b', 'a')", "['a'::ENUM('BIT', 'a')]", "'{}'::JSON", "NULL", "[]", "INTERVAL '1 month -3 days 4 us'"),
    *("union_value(a := 1)", "MAP {'a': 1::UHUGEINT}", "12345678901234567890123456789012345678901234567890::BIGNUM"),
    *(
        "'10:00:00.123456789'::TIME_NS",
        "DATE '-infinity'",
        "TIMESTAMPTZ '2020-01-01 00:00+00'",
        "1::VARIANT",
        "row(1, 2)",
    ),
    "'00000000-0000-0000-0000-000000000001'::UUID",
]


@pytest.mark.parametrize(("values", "source"), [(VALUES, "(SELECT i, r FROM q)"), (VALUES[1:], "q")])
def test_values_keep_their_types(values: list[str], source: str) -> None:
    columns = ", ".join(f"{value} AS c{at}" for at, value in enumerate(values))
    shown = ", ".join(f"typeof(q.c{at}) || ' ' || coalesce(q.c{at}::VARCHAR, '')" for at in range(len(values)))
    table = f"WITH q AS (SELECT 1 AS i, 0 AS r, {columns}) SELECT {shown} FROM"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        wanted = connection.execute(f"{table} q").fetchall()
    answer = match_recognize(f"{table} {source} {CLAUSE} JOIN q USING (i)", t=T)
    assert [tuple(row.values()) for row in answer.to_pylist()] == wanted


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 FROM (SELECT random() AS x FROM t) AS q, LATERAL (FROM t {})",
        "SELECT 1 FROM t AS q TABLESAMPLE 50%, LATERAL (FROM t {})",
        "SELECT (SELECT max(m) FROM t {}) FROM (SELECT uuid() AS x FROM t) AS q",
    ],
)
def test_rows_before_lateral_that_are_others_each_time_are_refused(query: str) -> None:
    clause = "MATCH_RECOGNIZE (ORDER BY i MEASURES max(q.x) AS m PATTERN (A+))"
    with pytest.raises(UnsupportedQueryError, match="gives other rows for the clause in LATERAL") as raised:
        ask(query.format(clause), T)
    assert re.match(r"random\(|TABLESAMPLE|uuid\(", query.format(clause)[(raised.value.column or 0) - 1 :])


def test_parameters() -> None:
    query = f"WITH {Q.replace('FROM t', 'FROM t WHERE x < ?')} {SAME}, ? AS z FROM q {CLAUSE} AS c JOIN q USING (i)"
    answer = match_recognize(query, T, parameters=[3, 7])
    assert answer.to_pylist() == [{"same": True, "z": 7}] * 4


def test_errors_have_their_place() -> None:
    query = f"WITH q AS (SELECT i, nope AS r FROM t) {SAME} FROM q {CLAUSE} AS c JOIN q USING (i)"
    with pytest.raises(QueryError, match="there is no column nope here") as raised:
        ask(query, T)
    assert raised.value.column == query.index("nope") + 1
    query = f"WITH q AS (SELECT i, read_text('f') AS r FROM t) {SAME} FROM q {CLAUSE} AS c JOIN q USING (i)"
    with pytest.raises(QueryError) as raised:
        ask(query, T)
    assert raised.value.column == query.index("read_text") + 1


def test_streams() -> None:
    query = f"WITH q AS (SELECT i, x * $n AS r FROM t) {SAME} FROM q {CLAUSE} AS c JOIN q USING (i) WHERE i < 5"
    for each in (query, query.replace("q AS", "q AS NOT MATERIALIZED", 1)):
        assert match_recognize(each, T, stream=True, parameters={"n": 2}).read_all().column(0).to_pylist() == [True] * 4
    with pytest.raises(
        UnsupportedQueryError, match=r"has random\(\), and a stream computes it for the clause and again"
    ):
        match_recognize(f"WITH {Q} {SAME} FROM q {CLAUSE} AS c JOIN q USING (i)", T, stream=True)
    both = "WITH a AS (SELECT i, x AS r FROM t), b AS (SELECT i FROM t) {} FROM (FROM a JOIN b USING (i)) {} AS c, a, b"
    with pytest.raises(UnsupportedQueryError, match="a stream reads t once only"):
        match_recognize(both.format("SELECT c.i", CLAUSE), T, stream=True)
