"""Pipe syntax around the clause: the same as the query without pipes, errors at their place, what is refused."""

from __future__ import annotations

import random
import re
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import random_pipes

import rowpattern
from rowpattern import match_recognize

# Cases of random queries; a thousand take twenty seconds.
COUNT = 120
T = pa.table({"id": range(1, 7), "x": [3, 1, 2, 5, 4, 6], "k": list("ababab")})
U = pa.table({"k": ["a", "b"], "w": [10, 20]})
CLAUSE = "MATCH_RECOGNIZE (ORDER BY id MEASURES FIRST(id) AS a, count(*) AS n PATTERN (A+) DEFINE A AS x > 1)"
WINDOW = """WINDOW w AS (ORDER BY id MEASURES LAST(x) AS m ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
    PATTERN (A B+) DEFINE B AS x > PREV(x))"""


def tables_of(query: str) -> dict[str, pa.Table]:
    return {name: table for name, table in (("t", T), ("u", U)) if f" {name}" in query}


def ask(query: str, **options: Any) -> list[tuple[Any, ...]]:
    found = match_recognize(query, **tables_of(query), **options)
    return list(zip(*(column.to_pylist() for column in found.columns)))


@pytest.mark.parametrize(
    ("piped", "plain"),
    [
        (f"FROM t |> {CLAUSE}", f"SELECT * FROM t {CLAUSE}"),
        (
            f"FROM t |> WHERE t.x > 1 |> {CLAUSE} |> WHERE n > 1 |> SELECT a, n + 1 AS b |> ORDER BY a DESC |> LIMIT 3",
            f"SELECT a, n + 1 AS b FROM (SELECT * FROM t WHERE x > 1) {CLAUSE} WHERE n > 1 ORDER BY a DESC LIMIT 3",
        ),
        (
            f"FROM t |> JOIN u ON t.k = u.k |> WHERE u.w > 10 |> {CLAUSE} AS m |> WHERE m.n > 0",
            f"SELECT * FROM (SELECT t.* FROM t JOIN u ON t.k = u.k WHERE u.w > 10) {CLAUSE}",
        ),
        (f"FROM t |> {CLAUSE} |> AS q |> SELECT q.n", f"SELECT n FROM t {CLAUSE}"),
        (f"FROM t |> {CLAUSE} AS q(b, m) |> SELECT q.m, b", f"SELECT n, a FROM t {CLAUSE}"),
        (f"FROM t AS u(id, x, k) |> WHERE u.x > 1 |> {CLAUSE}", f"SELECT * FROM (FROM t WHERE x > 1) {CLAUSE}"),
        (
            f"""WITH RECURSIVE q(id, x) AS MATERIALIZED (SELECT 1, 2 UNION ALL SELECT id + 1, x FROM q WHERE id < 3)
            FROM q |> WHERE q.id > 1 |> {CLAUSE}""",
            f"SELECT * FROM (SELECT range AS id, 2 AS x FROM range(2, 4)) {CLAUSE}",
        ),
        (
            f"WITH q AS (FROM t |> WHERE x > 1) FROM q |> {CLAUSE}",
            f"SELECT * FROM (SELECT * FROM t WHERE x > 1) {CLAUSE}",
        ),
        (f"SELECT n FROM (FROM t |> {CLAUSE}) WHERE n > 1", f"SELECT n FROM t {CLAUSE} WHERE n > 1"),
        (
            f"FROM t |> {CLAUSE} |> AGGREGATE sum(n) AS s, count(*) AS c GROUP BY a % 2 AS odd |> ORDER BY 1",
            f"SELECT a % 2 AS odd, sum(n) AS s, count(*) AS c FROM t {CLAUSE} GROUP BY 1 ORDER BY 1",
        ),
        (f"FROM t |> {CLAUSE} |> AGGREGATE max(n) AS most", f"SELECT max(n) AS most FROM t {CLAUSE}"),
        (
            f"FROM t |> EXTEND x * 2 AS y |> SET x = x + 1, id = -id |> DROP k |> RENAME y AS z |> {CLAUSE}",
            f"SELECT * FROM (SELECT -id AS id, x + 1 AS x FROM t) {CLAUSE}",
        ),
        (
            f"SELECT id, x FROM t |> WHERE x > 4 |> UNION ALL (FROM t |> WHERE x = 1 |> SELECT id, x) |> {CLAUSE}",
            f"SELECT * FROM (SELECT id, x FROM t WHERE x > 4 OR x = 1) {CLAUSE}",
        ),
        (f"FROM t |> {CLAUSE} |> SELECT n |> DISTINCT", f"SELECT DISTINCT n FROM t {CLAUSE}"),
        (
            f"FROM t |> SELECT id, m OVER w {WINDOW} |> WHERE m IS NOT NULL",
            f"SELECT id, m FROM (SELECT id, m OVER w FROM t {WINDOW}) WHERE m IS NOT NULL",
        ),
        ("FROM t |> SELECT '|>' AS pipe, x > 1 |> LIMIT 1", "SELECT '|>' AS pipe, x > 1 FROM t LIMIT 1"),
    ],
)
def test_the_same_as_without_pipes(piped: str, plain: str) -> None:
    if "MATCH_RECOGNIZE" not in plain and "PATTERN" not in plain:
        plain, piped = (f"SELECT * FROM ({each}), (SELECT 1 AS one FROM t {CLAUSE} LIMIT 1)" for each in (plain, piped))
    assert ask(piped) == ask(plain)
    assert str(rowpattern.explain(piped, **tables_of(piped)))


def plain_rows(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        for name, table in (("t", T), ("u", U)):
            connection.register(name, table)
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(
    ("piped", "plain"),
    [
        (
            "FROM t |> AS p |> LEFT JOIN u AS d ON p.k = d.k |> WHERE d.w > 10 |> SELECT p.id, x, d.w",
            "SELECT id, x, w FROM t LEFT JOIN u ON t.k = u.k WHERE w > 10",
        ),
        ("FROM t JOIN t AS v ON t.id = v.x |> SELECT v.id, t.id", "SELECT v.id, t.id FROM t JOIN t AS v ON t.id = v.x"),
        (
            "FROM t, u |> WHERE t.k = u.k |> EXTEND t.x + u.w AS s |> ORDER BY u.w, t.id |> LIMIT 2 |> SELECT u.*, s",
            "SELECT u.*, t.x + u.w FROM t, u WHERE t.k = u.k ORDER BY u.w, t.id LIMIT 2",
        ),
        (
            "FROM t |> JOIN u ON t.k = u.k |> WHERE x > 1 |> AGGREGATE sum(t.x) AS s GROUP BY u.w |> ORDER BY w",
            "SELECT w, sum(x) FROM t JOIN u USING (k) WHERE x > 1 GROUP BY w ORDER BY w",
        ),
        # A name hides the columns that are called so.
        (
            "FROM t AS k JOIN u AS x ON k.k = x.k |> WHERE k.x > 1 |> SELECT k.id, x.w, k.*",
            "SELECT id, w, t.* FROM t JOIN u USING (k) WHERE x > 1",
        ),
        ("FROM t |> JOIN u ON t.k = u.k |> WHERE true |> SELECT x, k, k_1", "SELECT x, k, k FROM t JOIN u USING (k)"),
        (
            "FROM t SEMI JOIN u AS v ON t.k = v.k |> JOIN u AS v ON t.k = v.k |> WHERE true |> SELECT v.w",
            "SELECT w FROM t JOIN u USING (k)",
        ),
        (f"FROM t |> {CLAUSE} AS z(q, r) |> WHERE z.q > 1 |> SELECT z.q", "SELECT 3"),
        # The rows before a change.
        ("FROM t |> SET x = 0 |> SELECT id, t.x AS tx, x", "SELECT id, x, 0 FROM t"),
        ("FROM t AS q |> SET x = x * x |> WHERE q.x = 3 |> SELECT id, x", "SELECT id, 9 FROM t WHERE x = 3"),
        ("FROM t |> DROP x |> WHERE t.x = 3", "SELECT id, k FROM t WHERE x = 3"),
        ("FROM t |> RENAME x AS y, id x |> WHERE t.x = 3 |> SELECT t.x, x, y", "SELECT x, id, x FROM t WHERE x = 3"),
        ("FROM t |> SET x = 0 |> SET x = t.x + 1 |> SELECT *, t.*", "SELECT id, x + 1, k, t.* FROM t"),
        ("FROM t |> SET x = 0 |> SELECT * EXCLUDE (k), t.k AS l", "SELECT id, 0, k FROM t"),
        (
            "FROM t |> SET x = 0 |> SELECT DISTINCT ON (t.k) * EXCLUDE id, t.k AS l |> ORDER BY 1",
            "SELECT DISTINCT 0, k, k FROM t",
        ),
        ("FROM t |> SET x = 0 |> JOIN u AS t ON true |> SELECT t.w |> ORDER BY 1", "SELECT w FROM t, u ORDER BY 1"),
        (
            "FROM t |> SET x = 0 |> WHERE EXISTS (FROM t AS v |> WHERE v.x = t.x + 1 AND v.k <> t.k) |> SELECT id",
            "SELECT id FROM t WHERE EXISTS (FROM t AS v WHERE v.x = t.x + 1 AND v.k <> t.k)",
        ),
        ("FROM t |> SET x = 0 |> WHERE (FROM t |> WHERE t.x = 5 |> SELECT t.id) = id |> SELECT id", "SELECT 4"),
        ("FROM t |> SET x = 0 |> AS t |> WHERE t.x = 0 |> AGGREGATE count(*)", "SELECT count(*) FROM t"),
    ],
)
def test_names_of_tables(piped: str, plain: str) -> None:
    assert sorted(ask(piped)) == sorted(plain_rows(plain))


@pytest.mark.parametrize(
    ("piped", "plain"),
    [
        ("sum(x) AS s GROUP BY 3 |> ORDER BY k", "SELECT k, sum(x) FROM t GROUP BY k ORDER BY k"),
        (
            "sum(x), GROUP BY 3 AS l, id > 3 |> ORDER BY ALL",
            "SELECT k, id > 3, sum(x) FROM t GROUP BY 1, 2 ORDER BY ALL",
        ),
        ("count(*) GROUP BY ()", "SELECT count(*) FROM t"),
        (
            "count(*) GROUP BY (k, id > 3) |> ORDER BY ALL",
            "SELECT k, id > 3, count(*) FROM t GROUP BY 1, 2 ORDER BY ALL",
        ),
        ("GROUP BY k |> ORDER BY k", "SELECT DISTINCT k FROM t ORDER BY k"),
        (
            "sum(x) GROUP BY ROLLUP (k, id % 2 AS odd) |> ORDER BY ALL",
            "SELECT k, id % 2, sum(x) FROM t GROUP BY ROLLUP (1, 2) ORDER BY ALL",
        ),
        (
            "sum(x) GROUP BY GROUPING SETS ((k), (K, x > 2), ()), id > 3 |> ORDER BY ALL",
            "SELECT k, x > 2, id > 3, sum(x) FROM t GROUP BY GROUPING SETS ((1, 3), (1, 2, 3), (3)) ORDER BY ALL",
        ),
        (
            "max(x) GROUP BY CUBE ((k, id), x) |> ORDER BY ALL",
            "SELECT k, id, x, max(x) FROM t GROUP BY CUBE ((1, 2), 3) ORDER BY ALL",
        ),
        ("sum(x) AS s GROUP AND ORDER BY k DESC, id", "SELECT k, id, sum(x) FROM t GROUP BY 1, 2 ORDER BY k DESC, id"),
        (
            "max(x) DESC NULLS LAST AS m, min(x) GROUP BY id % 3",
            "SELECT id % 3, max(x) AS m, min(x) FROM t GROUP BY 1 ORDER BY m DESC",
        ),
        ("sqrt(max(x)) + 1 AS m, x.max()", "SELECT sqrt(6) + 1, 6"),
        (
            "mode() WITHIN GROUP (ORDER BY k) GROUP BY x > 2 |> ORDER BY 1",
            "SELECT x > 2, mode(k ORDER BY k) FROM t GROUP BY 1 ORDER BY 1",
        ),
    ],
)
def test_aggregates_and_keys(piped: str, plain: str) -> None:
    assert ask(f"FROM t |> AGGREGATE {piped}") == plain_rows(plain)


def test_the_place_of_a_key_is_that_in_what_is_shown() -> None:
    piped = "FROM t JOIN u USING (k) |> AGGREGATE count(*) AS n GROUP BY 4 |> ORDER BY w"
    assert ask(piped) == plain_rows("SELECT w, count(*) FROM t JOIN u USING (k) GROUP BY w ORDER BY w")
    piped = "FROM t |> SET x = 0 |> JOIN u ON t.k = u.k |> AGGREGATE sum(t.x) AS n GROUP BY 5 |> ORDER BY w"
    assert ask(piped) == plain_rows("SELECT w, sum(x) FROM t JOIN u USING (k) GROUP BY w ORDER BY w")


@pytest.mark.parametrize(
    ("piped", "plain"),
    [
        (f"FROM t, u |> SELECT id, x |> {CLAUSE}", f"FROM (SELECT id, x FROM t, u) {CLAUSE}"),
        (f"FROM t |> CROSS JOIN (SELECT 1 AS one) AS d |> {CLAUSE}", f"FROM t {CLAUSE}"),
        (f"FROM t |> SET x = x + 1 |> {CLAUSE}", f"FROM (SELECT id, x + 1 AS x FROM t) {CLAUSE}"),
        ("FROM t, u |> TABLESAMPLE 0 PERCENT", "FROM t WHERE false"),
        (
            "FROM t, u |> RIGHT JOIN u AS v ON t.k = v.k AND t.x = 1 |> SELECT t.id, v.w",
            "SELECT id, v.w FROM (FROM t, (SELECT w AS other FROM u)) AS t RIGHT JOIN u AS v ON t.k = v.k AND t.x = 1",
        ),
    ],
)
def test_behind_several_tables(piped: str, plain: str) -> None:
    assert sorted(ask(piped), key=str) == sorted(ask(plain), key=str)


def test_several_queries_of_a_set_operator() -> None:
    assert ask(
        "FROM t |> SELECT id |> UNION ALL (SELECT 7), (FROM t |> SELECT x |> LIMIT 1) |> WHERE id IN (3, 7)"
    ) == [
        (3,),
        (7,),
        (3,),
    ]
    assert sorted(ask("FROM t |> SELECT id |> EXCEPT (SELECT 1), (SELECT 2) |> INTERSECT SELECT x FROM t")) == [
        (3,),
        (4,),
        (5,),
        (6,),
    ]


@pytest.mark.slow
def test_random_queries_with_pipes() -> None:
    with duckdb.connect() as connection:
        for name, table in random_pipes.TABLES.items():
            connection.register(name, table)
        for seed in range(COUNT):
            query = random_pipes.RandomPipes(random.Random(seed))
            query.make(1 + seed % 8)
            found = match_recognize(query.piped, **random_pipes.TABLES)
            rows = list(zip(*(column.to_pylist() for column in found.columns)))
            expected = connection.execute(query.answer()).fetchall()
            assert sorted(rows, key=_with_null) == sorted(expected, key=_with_null), f"{seed}: {query.piped}"


def _with_null(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((value is None, value or 0) for value in row)


def test_parameters_keep_their_order() -> None:
    query = (
        "FROM t |> WHERE x > {} |> MATCH_RECOGNIZE (ORDER BY id MEASURES FIRST(id) AS a PATTERN (A) DEFINE A AS x > {})"
    )
    assert ask(query.format("$v", "$w"), parameters={"v": 2, "w": 4}) == [(4,), (6,)]
    assert ask(query.format("?", "?"), parameters=[2, 4]) == [(4,), (6,)]
    grouped = "FROM t |> AGGREGATE sum(x + ?) AS s GROUP BY k, id > ? AS b |> WHERE s > ? |> ORDER BY ALL"
    plain = "SELECT k, id > 3, sum(x + 10) AS s FROM t GROUP BY 1, 2 HAVING s > 30 ORDER BY ALL"
    assert ask(grouped, parameters=[10, 3, 30]) == plain_rows(plain)


@pytest.mark.parametrize(
    ("query", "message", "place"),
    [
        ("FROM t |> FOO x", "FOO is no operator behind |>", (1, 11)),
        ("FROM t |> ", "expected an operator behind |>", (1, 11)),
        ("|> SELECT 1 FROM t", "expected a query before |>", (1, 1)),
        ("FROM t |> SET x", "expected column = expression behind SET", (1, 15)),
        ("FROM t |> AGGREGATE GROUP x", "expected GROUP BY and the keys", (1, 21)),
        ("FROM t |> AGGREGATE", "write it as in AGGREGATE count(*) AS n GROUP BY k", (1, 11)),
        ("FROM t |> AGGREGATE x", "x is no aggregate; write any_value(x), or write x behind GROUP BY", (1, 21)),
        ("FROM t |> AGGREGATE sum(x) AS s, id GROUP BY k", "id is no aggregate", (1, 34)),
        ("FROM t |> AGGREGATE x + 1 AS y GROUP BY k", "x + 1 is no aggregate; write any_value(x + 1)", (1, 21)),
        ("FROM t |> AGGREGATE k GROUP BY k", "k is no aggregate", (1, 21)),
        ("FROM t |> AGGREGATE (SELECT max(x) FROM t) GROUP BY k", "is no aggregate", (1, 21)),
        ("FROM t |> AGGREGATE * GROUP BY k", "* is no aggregate; write count(*)", (1, 21)),
        ("FROM t |> AGGREGATE sum(x) OVER () GROUP BY k", "write it before, as an operator |> EXTEND", (1, 21)),
        ("FROM t |> AGGREGATE max(x) GROUP BY id + max(x)", "max is an aggregate, and no key", (1, 42)),
        ("FROM t |> AGGREGATE max(x) GROUP BY ALL", "ALL is no key of AGGREGATE", (1, 37)),
        ("FROM t |> AGGREGATE max(x) GROUP BY *", "* is no key of AGGREGATE", (1, 37)),
        ("FROM t |> AGGREGATE max(x) GROUP BY 0", "columns are counted from 1", (1, 37)),
        ("FROM t |> AGGREGATE max(x) GROUP BY k,", "expected a key", (1, 39)),
        ("FROM t |> AGGREGATE GROUP BY ()", "expected an aggregate or a key", (1, 21)),
        ("FROM t |> AGGREGATE max(x) AS m GROUP BY k HAVING m > 1", "as an operator, |> WHERE", (1, 44)),
        ("FROM t |> AGGREGATE max(x) AS m GROUP BY k ORDER BY m", "as an operator, |> ORDER BY", (1, 44)),
        ("FROM t |> AGGREGATE max(COLUMNS(*)), min(x) DESC GROUP BY k", "write |> ORDER BY", (1, 25)),
        ("FROM t |> RENAME x AS y, k AS y", "two columns would be called y", (1, 31)),
        ("FROM t |> RENAME x + 1 AS y", "expected column AS name behind RENAME", (1, 18)),
        ("FROM t |> DROP t.x", "expected names of columns behind DROP", (1, 16)),
        ("FROM t |> DISTINCT x", "write |> SELECT DISTINCT x", (1, 20)),
        ("FROM t |> SET x = 0 |> DISTINCT |> SELECT t.x", "t cannot mean the rows before SET", (1, 24)),
        ("FROM t |> SET x = 0 |> SELECT COLUMNS(*), t.x", "write the columns", (1, 31)),
        ("FROM t |> WINDOW sum(x) OVER ()", "WINDOW is no operator behind |>; the operators are AGGREGATE", (1, 11)),
        ("FROM t |> AS x y", "expected one name behind AS", (1, 14)),
        ("FROM t |> AS", "AS is not complete; write it as in AS p", (1, 11)),
        ("FROM t |> WHERE |> LIMIT 1", "WHERE is not complete; write it as in WHERE x > 1", (1, 11)),
        ("FROM t |> , |> LIMIT 1", ", is not complete; write it as in , u", (1, 11)),
        ("FROM t |> JOIN |> LIMIT 1", "JOIN is not complete; write it as in JOIN u ON t.k = u.k", (1, 11)),
        ("FROM t |> LEFT OUTER u", "expected JOIN and a table behind LEFT", (1, 11)),
        ("FROM t |> MATCH_RECOGNIZE |> LIMIT 1", "MATCH_RECOGNIZE is not complete", (1, 11)),
        ("FROM t |> PIVOT x", "PIVOT is not complete", (1, 11)),
        ("FROM t |> EXTEND", "EXTEND is not complete", (1, 11)),
        ("FROM t\n|> WHERE x >> |> SELECT 1", "syntax error", (2, 14)),
        ("FROM t |> WHERE (x > 1 |> SELECT 1", "this ( is never closed", (1, 17)),
        ("FROM t |> WHERE x > 1\n|> MATCH_RECOGNIZE (ORDER BY id MEASURES nosuch AS m PATTERN (A))", "nosuch", (2, 42)),
        (
            "FROM t |> WHERE x > 1\n|> MATCH_RECOGNIZE (ORDER BY id MEASURES id AS m PATTERN (A ++))",
            "quantifier",
            (2, 62),
        ),
    ],
)
def test_errors_show_the_place_in_the_text_that_was_given(query: str, message: str, place: tuple[int, int]) -> None:
    with pytest.raises(rowpattern.RowPatternError, match=re.escape(message)) as raised:
        ask(query)
    error: Any = raised.value
    assert (error.line, error.column) == place
