"""Subqueries in the expressions of a clause: computed once, before matching."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import explain, match_recognize

TABLE = pa.table({"i": range(1, 7), "k": list("aabbcc"), "p": [5, 4, 3, 8, 9, 1]})
OTHER = pa.table({"y": [3, 4, None], "k": ["a", "c", None], "at": [dt.datetime.fromisoformat("2024-01-02")] * 3})


def answer(parts: str, before: str = "", source: str = "t") -> list[dict[str, Any]]:
    query = f"{before} SELECT * FROM {source} MATCH_RECOGNIZE ({parts})"
    found: list[dict[str, Any]] = match_recognize(query, t=TABLE, u=OTHER).to_pylist()
    return found


@pytest.mark.parametrize(
    ("condition", "literal"),
    [
        ("i <= (SELECT max(y) FROM u)", "i <= 4"),
        ("i <= (SELECT sum(y) FROM u)", "i <= 7"),
        ("k IN (SELECT k FROM u)", "k IN ('a', 'c', NULL)"),
        ("k NOT IN (SELECT k FROM u WHERE k IS NOT NULL)", "k NOT IN ('a', 'c')"),
        ("(k IN (SELECT k FROM u WHERE FALSE)) IS FALSE AND i < 3", "i < 3"),
        ("EXISTS (SELECT * FROM u WHERE y = 3) AND i > 2", "i > 2"),
        ("NOT EXISTS (SELECT * FROM u WHERE y = 3)", "FALSE"),
        ("i < (SELECT y FROM u WHERE y = 3) OR PREV(p) > (SELECT 7)", "i < 3 OR PREV(p) > 7"),
        ("p > FIRST(p) - (SELECT min(y) FROM u)", "p > FIRST(p) - 3"),
        ("i BETWEEN (SELECT 2) AND (VALUES (4))", "i BETWEEN 2 AND 4"),
        ("DATE '2024-01-01' + i::INTEGER < (SELECT max(at) FROM u)", "i < 1"),
        ("(SELECT NULL) IS NULL AND i < 2", "i < 2"),
        ("i < (WITH w AS (SELECT 3 AS z) SELECT z FROM w)", "i < 3"),
        ("i::VARCHAR < (SELECT '4''s')", "i < 5"),
        ("list_contains((SELECT list(y) FROM u), i)", "i IN (3, 4)"),
        ("i < (SELECT y * 1.5 FROM u LIMIT 1)", "i < 4.5"),
        # As its first bracket.
        ("(SELECT y FROM u WHERE y = 3 GROUP BY y HAVING true ORDER BY y LIMIT 1) >= i", "3 >= i"),
    ],
)
def test_conditions(condition: str, literal: str) -> None:
    parts = "ORDER BY i MEASURES FIRST(i) AS a, LAST(i) AS z PATTERN (A+) DEFINE A AS "
    assert answer(parts + condition) == answer(parts + literal)


def test_measures_and_keys() -> None:
    found = answer(
        """PARTITION BY k IN (SELECT k FROM u) ORDER BY i * (SELECT -1)
        MEASURES LAST(i) + (SELECT max(y) FROM u) AS m, (SELECT at FROM u LIMIT 1) AS at, count(*) AS n PATTERN (A+)"""
    )
    assert [(each["m"], each["at"], each["n"]) for each in found] == [
        (5, dt.datetime.fromisoformat("2024-01-02"), 4),
        (7, dt.datetime.fromisoformat("2024-01-02"), 2),
    ]


@pytest.mark.parametrize(
    ("value", "given"),
    [
        ("[]", []),
        ("[[], [NULL]]", [[], [None]]),
        ("{'a': [], 'NULL': NULL, 'c': {'d': 1}}", {"a": [], "NULL": None, "c": {"d": 1}}),
        ("MAP {}", []),
        ("MAP {'a,b': [NULL], 'NULL': NULL}", [("a,b", [None]), ("NULL", None)]),
        ("['x, y'::ENUM('lo', 'x, y'), 'lo', NULL]", ["x, y", "lo", None]),
        ("{'a': 'lo'::ENUM('lo', 'hi')}", {"a": "lo"}),
        ("['NULL', NULL, '', ' a', '[b', '{c']", ["NULL", None, "", " a", "[b", "{c"]),
        ("[1.50::DECIMAL(9, 2)]", [decimal.Decimal("1.50")]),
    ],
)
def test_nested_values(value: str, given: Any) -> None:
    assert answer(f"ORDER BY i MEASURES (SELECT {value}) AS m PATTERN (^ A)") == [{"m": given}]


def test_a_union_is_refused() -> None:
    with pytest.raises(rowpattern.QueryError, match=r"the type UNION.*give one of its members"):
        answer("ORDER BY i MEASURES (SELECT [union_value(a := 1)]) AS m PATTERN (A)")


def test_a_length() -> None:
    assert answer("ORDER BY i MEASURES count(*) AS n PATTERN (A+) WITHIN (SELECT 1)") == [{"n": 2}] * 3


def test_with_lists() -> None:
    """A subquery sees the WITH lists that the clause sees, and those hide tables."""
    parts = "ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS i <= (SELECT max(z) FROM w)"
    assert answer(parts, "WITH w AS (SELECT 2 AS z)") == [{"n": 2}]
    assert answer(parts.replace("w)", "u)"), "WITH u AS (SELECT 5 AS z)") == [{"n": 5}]
    inner = f"WITH w AS (SELECT 3 AS z), m AS (SELECT * FROM t MATCH_RECOGNIZE ({parts})) SELECT n + 1 AS n FROM m"
    assert match_recognize(inner, t=TABLE, u=OTHER).to_pylist() == [{"n": 4}]
    parts = parts.replace("w)", "(SELECT 5 AS z) AS w)")
    clauses = f"SELECT * FROM (SELECT * FROM t WHERE i > (SELECT 2)) MATCH_RECOGNIZE ({parts})"
    assert match_recognize(clauses, t=TABLE).to_pylist() == [{"n": 3}]


def test_answers_follow_the_tables() -> None:
    """Nothing of an earlier answer is kept: the same text over other tables has other values."""
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A+)
        DEFINE A AS i <= (SELECT max(y) FROM u))"""
    for most in (2, 5, 3):
        assert match_recognize(query, t=TABLE, u=pa.table({"y": [most]})).to_pylist() == [{"n": most}]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("i < (SELECT y FROM u WHERE u.k = t.k)", "reads no column outside of it"),
        ("i < (SELECT max(p) FROM u)", "reads no column outside of it"),
        ("i < (SELECT y FROM u)", "gives more than one row, and one value is needed"),
        ("i < (SELECT y, k FROM u LIMIT 1)", "2 columns"),
        ("i IN (SELECT y, k FROM u)", "gives one column; this one gives 2"),
        ("i < (SELECT max(i) FROM nosuch)", "there is no table nosuch"),
        ("i < (SELECT max(i) FROM duckdb_settings())", "duckdb_settings() cannot stand in FROM"),
        ("i < (SELECT getenv('HOME'))", "getenv"),
        ("i < (SELECT max(i) FROM main.t)", "a table is named by one name"),
        ("i < (SELECT n FROM t MATCH_RECOGNIZE (MEASURES 1 AS n PATTERN (A)))", "MATCH_RECOGNIZE cannot stand in an"),
        ("i IN (SELECT * FROM range(20000))", "at most 10,000 values"),
    ],
)
def test_errors(condition: str, message: str) -> None:
    with pytest.raises(rowpattern.QueryError, match=re.escape(message)):
        answer(f"ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS {condition}")


def test_many_subqueries() -> None:
    condition = " AND ".join(["i < (SELECT 5)"] * 21)
    with pytest.raises(rowpattern.QuerySyntaxError, match="more than 20 subqueries"):
        answer(f"ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS {condition}")


def test_streams_and_explanations() -> None:
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A+)
        DEFINE A AS i <= (SELECT max(y) FROM u))"""
    with pytest.raises(rowpattern.UnsupportedQueryError, match="a subquery in MATCH_RECOGNIZE needs whole tables"):
        match_recognize(query, t=TABLE, u=OTHER, stream=True)
    assert "(SELECT max(y) FROM u)" in str(explain(query, t=TABLE, u=OTHER))


def test_parameters_in_subqueries() -> None:
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A{$least,})
        DEFINE A AS i <= (SELECT max(y) FROM u WHERE y < $most) + $more)"""
    for most, more, wanted in ((4, 0, [3]), (9, 1, [5])):
        found = match_recognize(query, t=TABLE, u=OTHER, parameters={"most": most, "more": more, "least": 2})
        assert found["n"].to_pylist() == wanted


def test_windows_in_subqueries_and_subqueries_in_windows() -> None:
    window = "(ORDER BY i MEASURES LAST(i) AS l ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING PATTERN (B{2}))"
    last = f"SELECT max(l) FROM (SELECT l OVER w AS l FROM t WINDOW w AS {window})"
    found = answer(f"ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS i < ({last})")
    assert found == [{"n": 5}]
    query = f"SELECT l OVER w AS l FROM t WINDOW w AS {window.replace('(B{2})', '(B{2}) DEFINE B AS i < (SELECT 4)')}"
    assert match_recognize(query, t=TABLE)["l"].to_pylist() == [2, None, None, None, None, None]
    query = query.replace("SELECT 4", "SELECT max(i) FROM t")
    assert match_recognize(query, t=TABLE)["l"].to_pylist() == [2, None, 4, None, None, None]
