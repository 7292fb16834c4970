"""Clauses that name columns of tables around them, in LATERAL and in subqueries: the same as one for each row."""

from __future__ import annotations

import random
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import explain, match_recognize

ROWS = pa.table({"i": range(1, 9), "g": list("aaaabbbb"), "x": [3, 1, 4, 1, 5, 9, 2, 6]})
LIMITS = pa.table({"k": ["a", "b", "c", None, "a"], "lim": [3, 5, 9, 2, 3]})


def answer(query: str, **tables: Any) -> list[tuple[Any, ...]]:
    found = match_recognize(query, **{"t": ROWS, "u": LIMITS, **tables})
    return list(zip(*(column.to_pylist() for column in found.columns)))


def one_by_one(parts: str, source: str = "t") -> list[tuple[Any, ...]]:
    """Answer a clause for each row of `u`, its values written out."""
    found = []
    for row in LIMITS.to_pylist():
        k = "NULL" if row["k"] is None else f"'{row['k']}'"
        texts = [text.replace("u.k", k).replace("u.lim", str(row["lim"])) for text in (source, parts)]
        found += [(*row.values(), *each) for each in answer(f"SELECT * FROM {texts[0]} MATCH_RECOGNIZE ({texts[1]})")]
    return found


@pytest.mark.parametrize(
    ("parts", "source"),
    [
        ("ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS A.x < u.lim", "t"),
        ("ORDER BY i MEASURES LAST(A.x) - u.lim AS d PATTERN (A+ B) DEFINE A AS x < u.lim, B AS x >= u.lim", "t"),
        ("ORDER BY i MEASURES sum(A.x * u.lim) AS s, FIRST(A.x + u.lim) AS f PATTERN (A+) DEFINE A AS g = u.k", "t"),
        ("PARTITION BY g ORDER BY i MEASURES MATCH_NUMBER() AS n PATTERN (A+) DEFINE A AS x < u.lim", "t"),
        ("ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS sum(A.x) <= u.lim", "t"),
        ("ORDER BY i MEASURES count(*) AS n PATTERN (A+)", "(SELECT * FROM t WHERE t.g = u.k)"),
        ("ORDER BY x * u.lim DESC, i MEASURES LAST(i) AS l PATTERN (A{2})", "(SELECT * FROM t WHERE t.x < u.lim)"),
        (
            """ORDER BY i MEASURES CLASSIFIER() AS c ALL ROWS PER MATCH WITH UNMATCHED ROWS
            AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE A AS A.x < u.lim, B AS B.x > A.x""",
            "t",
        ),
        ("ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS x < u.lim AND x < (SELECT max(x) FROM t)", "t"),
    ],
)
@pytest.mark.parametrize("join", ["u, LATERAL", "u CROSS JOIN LATERAL", "u JOIN LATERAL", "u,", "u JOIN"])
def test_as_one_clause_for_each_row(parts: str, source: str, join: str) -> None:
    on = "ON TRUE" if join in {"u JOIN LATERAL", "u JOIN"} else ""
    found = answer(f"SELECT * FROM {join} (SELECT * FROM {source} MATCH_RECOGNIZE ({parts})) AS m {on}")
    assert sorted(found, key=repr) == sorted(one_by_one(parts, source), key=repr)


def most(k: str | None, lim: int) -> int | None:
    """Return the most rows of `t` one after another with g = k and x < lim; None where there are none."""
    lengths = [0]
    for row in ROWS.to_pylist():
        lengths.append(lengths[-1] + 1 if row["g"] == k and row["x"] < lim else 0)
    return max(lengths) or None


CORRELATED = "(SELECT {} FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS {}))"
COUNTED = CORRELATED.format("max(n)", "A.x < u.lim AND A.g = u.k")
LISTED = CORRELATED.format("n", "x < v.lim")
OF_A_CLAUSE = f"""SELECT q.n, {CORRELATED.format("sum(n)", "x < q.n")}
    FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (B+) DEFINE B AS B.x > 2) AS q"""
U: list[tuple[Any, ...]] = [tuple(row.values()) for row in LIMITS.to_pylist()]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (f"SELECT k, lim, {COUNTED} FROM u", [(*row, most(*row)) for row in U]),
        (f"SELECT k FROM u WHERE coalesce({COUNTED}, 0) < 1", [(row[0],) for row in U if not most(*row)]),
        (
            f"SELECT k, lim FROM u ORDER BY {COUNTED} DESC NULLS LAST, 2",
            sorted(U, key=lambda row: (-(most(*row) or 0), row[1])),
        ),
        (
            f"SELECT k, CASE WHEN lim > 3 THEN 1 + (SELECT {COUNTED}) END FROM u WHERE k IS DISTINCT FROM 'a'",
            [("b", 2), ("c", None), (None, None)],
        ),
        (f"FROM u SELECT max({COUNTED}) WHERE lim < 9", [(1,)]),
        (
            f"SELECT 1 WHERE false UNION ALL SELECT {COUNTED} FROM u UNION ALL SELECT 7",
            [*((most(*row),) for row in U), (7,)],
        ),
        (f"WITH v AS (FROM u WHERE lim < 9) SELECT k FROM v WHERE 4 IN {LISTED}", [("b",)]),
        (OF_A_CLAUSE, [(1, None), (1, None), (2, 2), (1, None)]),
        (f"SELECT k, {COUNTED} FROM u WHERE lim > 10", []),
    ],
)
def test_subqueries_that_name_columns_of_the_query_around(query: str, wanted: list[tuple[Any, ...]]) -> None:
    found = answer(query)
    if "NULLS LAST" not in query:
        found, wanted = sorted(found, key=repr), sorted(wanted, key=repr)
    assert found == wanted


KEYED = """MATCH_RECOGNIZE (PARTITION BY {key} ORDER BY i MEASURES LAST(i) AS l, count(*) AS n {rows}
    AFTER MATCH SKIP TO NEXT ROW PATTERN (A{{1,2}}) DEFINE A AS A.x < u.lim)"""


@pytest.mark.parametrize(
    ("query", "is_pushed"),
    [
        ("FROM u, LATERAL (SELECT n, l FROM t {} AS m WHERE m.g {} = u.k) AS found", True),
        ("FROM u, (SELECT n, l FROM t {} WHERE n > 1 AND u.k = g{}) AS found", True),
        (
            'SELECT k, (SELECT list(n ORDER BY l, n) FROM t {} AS "M m" WHERE "M m".G {} = u.k AND n > 0) AS l FROM u',
            True,
        ),
        ("SELECT k FROM u WHERE EXISTS (SELECT 1 FROM t {} WHERE t.g {}= u.k LIMIT 1)", True),
        ("SELECT k, (SELECT count(*) FROM t {} WHERE g {} = u.k OR n = 1) AS n FROM u", False),
        ("SELECT k, (SELECT count(*) FROM t {} WHERE NOT g {} = u.k) AS n FROM u", False),
        ("SELECT k, (SELECT count(*) FROM t {} m(g, l) WHERE m.g {} = u.k) AS n FROM u", False),
        ("SELECT k, (SELECT count(*) FROM t {} m JOIN t USING (g) WHERE m.g {} = u.k) AS n FROM u", False),
    ],
)
@pytest.mark.parametrize(
    "parts",
    [
        {"key": "g", "rows": ""},
        {"key": "t.g, x > 2", "rows": "ALL ROWS PER MATCH"},
        {"key": "upper(g) AS g", "rows": ""},
    ],
)
def test_keys_that_are_equal_to_a_column_around_choose_the_rows(
    query: str, is_pushed: bool, parts: dict[str, str]
) -> None:
    clause = KEYED.format(**parts)
    limits = pa.table({"k": ["a", "B", "b", "A", None], "lim": [3, 5, 9, 2, 3]})
    found = answer(query.format(clause, ""), u=limits)
    # An expression over the key is not looked at.
    wanted = answer(query.format(clause, "|| ''"), u=limits)
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
    explained = str(explain(query.format(clause, ""), t=ROWS, u=limits))
    assert ("PARTITION BY u.lim, u.k" in explained) == is_pushed, explained


def test_left_joins_keep_rows_without_a_match() -> None:
    query = """SELECT u.k, u.lim, m.n FROM u LEFT JOIN LATERAL (SELECT * FROM t
        MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS A.g = u.k)) AS m ON TRUE"""
    assert sorted(answer(query), key=repr) == sorted(
        [("a", 3, 4), ("a", 3, 4), ("b", 5, 4), ("c", 9, None), (None, 2, None)], key=repr
    )


def test_several_tables_and_with_lists() -> None:
    query = """WITH w AS (SELECT 4 AS z), v AS (SELECT * FROM w)
        SELECT v.z, u.k, m.n FROM v JOIN u ON u.lim < v.z, LATERAL (SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i
            MEASURES count(*) AS n PATTERN (A+) DEFINE A AS A.x <= u.lim AND A.x < v.z)) AS m"""
    wanted = [(4, "a", n) for n in (1, 1, 1, 1, 2, 2)] + [(4, None, 1)] * 3
    assert sorted(answer(query), key=repr) == sorted(wanted, key=repr)


def test_names_of_the_answer_hide_nothing() -> None:
    """Measures may have the names of the tables before LATERAL."""
    query = """SELECT o.k, m.u, m.o FROM u AS o, LATERAL (SELECT * FROM t
        MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS o, 1 AS u PATTERN (A+) DEFINE A AS A.g = o.k)) AS m"""
    with pytest.raises(rowpattern.QueryError, match="two columns o"):
        answer(query.replace("1 AS u", "1 AS u ALL ROWS PER MATCH"))
    assert sorted(answer(query)) == [("a", 1, 4), ("a", 1, 4), ("b", 1, 4)]


def test_no_rows_before_lateral() -> None:
    query = """SELECT * FROM u, LATERAL (SELECT * FROM t
        MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS A.x < u.lim))"""
    assert answer(query, u=LIMITS.slice(0, 0)) == []


def test_variables_come_before_tables() -> None:
    """Where a variable has the name of a table before LATERAL, the variable is meant."""
    query = """SELECT n FROM u, LATERAL (SELECT * FROM t
        MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (U+) DEFINE U AS u.x < 3)) WHERE u.k = 'b'"""
    assert answer(query) == [(1,), (1,), (1,)]


def test_random_rows() -> None:
    rng = random.Random(7)
    rows = pa.table(
        {"i": range(200), "g": [rng.choice("abc") for _ in range(200)], "x": [rng.randrange(10) for _ in range(200)]}
    )
    limits = pa.table({"k": list("abcabc"), "lim": [1, 3, 5, 7, 9, 4]})
    query = """SELECT u.k, u.lim, m.* FROM u, LATERAL (SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i
        MEASURES FIRST(i) AS a, LAST(i) AS z, count(B.*) AS n PATTERN (A B*)
        DEFINE A AS g = u.k, B AS x < u.lim)) AS m"""
    wanted = []
    for row in limits.to_pylist():
        text = f"""SELECT '{row["k"]}' AS k, {row["lim"]} AS lim, * FROM t MATCH_RECOGNIZE (ORDER BY i
            MEASURES FIRST(i) AS a, LAST(i) AS z, count(B.*) AS n PATTERN (A B*)
            DEFINE A AS g = '{row["k"]}', B AS x < {row["lim"]})"""
        wanted += answer(text, t=rows)
    assert sorted(answer(query, t=rows, u=limits)) == sorted(wanted)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM u, LATERAL (SELECT * FROM t MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS v.x = 1))", "variable v"),
        ("SELECT * FROM u, LATERAL (SELECT * FROM t MATCH_RECOGNIZE (MEASURES u.y AS n PATTERN (A)))", "y"),
        (
            "SELECT * FROM u WHERE k = (SELECT max(n) FROM t MATCH_RECOGNIZE (MEASURES u.y AS n PATTERN (A)))",
            "column y",
        ),
        ("SELECT (SELECT n FROM t MATCH_RECOGNIZE (MEASURES v.lim AS n PATTERN (A))) FROM u", "variable v"),
        ("WITH v AS (SELECT n FROM t MATCH_RECOGNIZE (MEASURES u.lim AS n PATTERN (A))) FROM u, v", "variable u"),
        ("FROM u UNION (SELECT n FROM t MATCH_RECOGNIZE (MEASURES u.lim AS n PATTERN (A)))", "variable u"),
    ],
)
def test_errors(query: str, message: str) -> None:
    with pytest.raises(rowpattern.RowPatternError, match=message):
        answer(query)


def test_explain() -> None:
    query = """SELECT * FROM u, LATERAL (SELECT * FROM t
        MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS A.x < u.lim))"""
    assert "PARTITION BY u.lim" in str(explain(query, t=ROWS, u=LIMITS))


def test_values_that_are_equal_are_one_value() -> None:
    zeros = pa.table({"v": [-0.0, 0.0]})
    query = """SELECT n FROM o, LATERAL (SELECT * FROM t
        MATCH_RECOGNIZE (ORDER BY i MEASURES CAST(o.v AS VARCHAR) AS n PATTERN (^ A)))"""
    with duckdb.connect() as connection:
        connection.register("o", zeros)
        found = connection.execute("SELECT (SELECT CAST(o.v AS VARCHAR)) FROM o").fetchall()
    assert len(set(found)) == 1
    assert match_recognize(query, t=ROWS, o=zeros).column("n").to_pylist() in (["-0.0"] * 2, ["0.0"] * 2)
