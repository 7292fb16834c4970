"""Pipe syntax around the clause: the same as the query without pipes, errors at their place, what is refused."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

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


def test_parameters_keep_their_order() -> None:
    query = (
        "FROM t |> WHERE x > {} |> MATCH_RECOGNIZE (ORDER BY id MEASURES FIRST(id) AS a PATTERN (A) DEFINE A AS x > {})"
    )
    assert ask(query.format("$v", "$w"), parameters={"v": 2, "w": 4}) == [(4,), (6,)]
    assert ask(query.format("?", "?"), parameters=[2, 4]) == [(4,), (6,)]


@pytest.mark.parametrize(
    ("query", "message", "place"),
    [
        ("FROM t |> FOO x", "FOO is no operator behind |>", (1, 11)),
        ("FROM t |> ", "expected an operator behind |>", (1, 11)),
        ("|> SELECT 1 FROM t", "expected a query before |>", (1, 1)),
        ("FROM t |> SET x", "expected column = expression behind SET", (1, 15)),
        ("FROM t |> AGGREGATE GROUP x", "expected GROUP BY and the keys", (1, 21)),
        ("FROM t |> AGGREGATE max(x) FILTER (WHERE x > ?) GROUP BY x", "give them names", (1, 21)),
        ("FROM t |> AS", "expected one name behind AS", (1, 13)),
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
