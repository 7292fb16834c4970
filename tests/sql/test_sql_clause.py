"""The clause by hand: names, keys, rows shown, measures, and queries around and inside it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

TABLE = pa.table(
    {
        "k": ["a", "a", "a", "b", "b", None],
        "o": [1, 2, 3, 1, 2, 1],
        "x": [10, 5, 7, 3, None, 4],
        "Mixed Case": [1, 2, 3, 4, 5, 6],
    }
)


def rows(sql: str, *tables: Any, **named: Any) -> list[tuple[Any, ...]]:
    answer = match_recognize(sql, *(tables or ([] if named else [TABLE])), **named)
    return list(zip(*(column.to_pylist() for column in answer.columns)))


def clause(text: str, measures: str = "", pattern: str = "A B", keys: str = "PARTITION BY k ORDER BY o") -> str:
    measured = "MEASURES " + measures if measures else ""
    return f"SELECT * FROM t MATCH_RECOGNIZE ({keys} {measured} {text} PATTERN ({pattern})"


def test_names_are_found_whatever_their_case_and_quoted_ones_exactly() -> None:
    query = 'SELECT n, L FROM t MATCH_RECOGNIZE (ORDER BY O MEASURES LAST(a.X) AS N, "a".x AS l PATTERN (a "a"))'
    assert rows(query, TABLE.slice(0, 2)) == [(10, 5)]
    quoted = 'SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES LAST("Mixed Case") AS m PATTERN (A+))'
    assert rows(quoted, TABLE.slice(0, 3)) == [(3,)]
    with pytest.raises(rowpattern.QueryError, match="no column mixed case; did you mean Mixed Case"):
        rows(quoted.replace("Mixed Case", "mixed case"))
    two = pa.table({"x": [1], "X": [2]})
    assert rows("SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES X AS a, x AS b PATTERN (A))", two) == [(2, 1)]
    with pytest.raises(
        rowpattern.QueryError, match="could be one or ONE; write the one that is meant in double quotes"
    ):
        rows("SELECT * FROM t MATCH_RECOGNIZE (ORDER BY One PATTERN (A))", pa.table({"one": [1], "ONE": [2]}))


def test_partitions_come_in_order_with_null_last() -> None:
    assert rows(clause("", "count(*) AS n", "A+") + ")") == [("a", 3), ("b", 2), (None, 1)]
    shuffled = TABLE.take([5, 3, 2, 4, 0, 1])
    assert rows(clause("", "count(*) AS n, FIRST(x) AS f", "A+") + ")", shuffled) == [
        ("a", 3, 10),
        ("b", 2, 3),
        (None, 1, 4),
    ]


def test_keys_may_be_expressions() -> None:
    query = clause("", "count(*) AS n", "A+", "PARTITION BY upper(k), o > 1 ORDER BY -o, x + 1 DESC NULLS FIRST") + ")"
    answer = match_recognize(query, TABLE)
    assert answer.column_names == ["upper(k)", "o > 1", "n"]
    assert list(zip(*(column.to_pylist() for column in answer.columns))) == [
        ("A", False, 1),
        ("A", True, 2),
        ("B", False, 1),
        ("B", True, 1),
        (None, False, 1),
    ]


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ("x", [3, 4, 5, 7, 10, None]),
        ("x DESC", [10, 7, 5, 4, 3, None]),
        ("x NULLS FIRST", [None, 3, 4, 5, 7, 10]),
        ("x DESC NULLS FIRST", [None, 10, 7, 5, 4, 3]),
        ("t.x ASC NULLS LAST", [3, 4, 5, 7, 10, None]),
        ("k DESC, o DESC", [None, 3, 7, 5, 10, 4]),
    ],
)
def test_order(order: str, wanted: list[Any]) -> None:
    query = f"SELECT x FROM t MATCH_RECOGNIZE (ORDER BY {order} ALL ROWS PER MATCH PATTERN (A+))"
    assert [x for (x,) in rows(query)] == wanted


def test_rows_equal_in_order_by_keep_their_order() -> None:
    table = pa.table({"o": [2, 1, 2, 1, 2], "x": [0, 1, 2, 3, 4]})
    query = "SELECT x FROM t MATCH_RECOGNIZE (ORDER BY o ALL ROWS PER MATCH PATTERN (A+))"
    assert [x for (x,) in rows(query, table)] == [1, 3, 0, 2, 4]


def test_columns_of_the_answer() -> None:
    query = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o MEASURES x AS m {} PATTERN (A+))"
    assert match_recognize(query.format(""), TABLE).column_names == ["k", "m"]
    every = ["k", "o", "m", "x", "Mixed Case"]
    assert match_recognize(query.format("ALL ROWS PER MATCH"), TABLE).column_names == every


def test_empty_matches_and_unmatched_rows() -> None:
    table = pa.table({"o": [1, 2, 3, 4], "x": [1, 0, 0, 1]})
    query = """SELECT o, n, c, count FROM t MATCH_RECOGNIZE (ORDER BY o
        MEASURES MATCH_NUMBER() AS n, CLASSIFIER() AS c, count(*) AS count {} PATTERN (A*) DEFINE A AS x = 0)"""
    empty = (1, 1, None, 0)
    found = [(2, 2, "A", 1), (3, 2, "A", 2)]
    assert rows(query.format("ALL ROWS PER MATCH"), table) == [empty, *found, (4, 3, None, 0)]
    assert rows(query.format("ALL ROWS PER MATCH SHOW EMPTY MATCHES"), table) == [empty, *found, (4, 3, None, 0)]
    assert rows(query.format("ALL ROWS PER MATCH OMIT EMPTY MATCHES"), table) == found
    assert rows(query.format("ALL ROWS PER MATCH WITH UNMATCHED ROWS"), table) == [empty, *found, (4, 3, None, 0)]
    more = query.replace("A*", "A A").format("ALL ROWS PER MATCH WITH UNMATCHED ROWS")
    unmatched = [(1, None, None, None), (4, None, None, None)]
    assert sorted(rows(more, table)) == sorted([(2, 1, "A", 1), (3, 1, "A", 2), *unmatched])
    one = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A*) DEFINE A AS x = 0)"
    assert rows(one, table) == [(0,), (2,), (0,)]


def test_excluded_rows_are_in_measures_and_not_shown() -> None:
    table = pa.table({"o": [1, 2, 3]})
    query = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES sum(o) AS s {} PATTERN (A {{- B -}} C))"
    assert rows(query.format("ALL ROWS PER MATCH"), table) == [(1, 1), (3, 6)]
    assert rows(query.format("ONE ROW PER MATCH"), table) == [(6,)]


def test_skips() -> None:
    table = pa.table({"o": [1, 2, 3, 4]})
    query = "SELECT f, l FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS f, LAST(o) AS l {} PATTERN (A B))"
    assert rows(query.format(""), table) == [(1, 2), (3, 4)]
    for skip in ("TO NEXT ROW", "TO FIRST B", "TO LAST B", "TO B"):
        assert rows(query.format(f"AFTER MATCH SKIP {skip}"), table) == [(1, 2), (2, 3), (3, 4)]
    with pytest.raises(rowpattern.SkipError):
        rows(query.format("AFTER MATCH SKIP TO A"), table)


def test_union_variables() -> None:
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o
        MEASURES sum(U.o) AS u, sum(B.o) AS b, FIRST(W.o) AS w, CLASSIFIER(U) AS c, count(U.*) AS n
        PATTERN (A B C) SUBSET U = (A, C), W = (B, C) DEFINE A AS U.o = 1, C AS o > PREV(W.o))"""
    assert rows(query, pa.table({"o": [1, 2, 3]})) == [(4, 2, 2, "C", 2)]


def test_aggregates() -> None:
    table = pa.table({"o": [1, 2, 3, 4], "x": [2, None, 6, 2], "s": ["p", "q", "r", "p"]})
    measures = {
        "count(*)": 4,
        "count(x)": 3,
        "count(DISTINCT x)": 2,
        "count(B.*)": 3,
        "sum(x) * 2": 20,
        "avg(B.x)": 4.0,
        "min(s) || max(s)": "pr",
        "min_by(s, x)": "p",
        "max_by(s, x)": "r",
        "arg_max(o, x)": 3,
        "stddev_pop(x)": pytest.approx(1.8856, abs=1e-4),
        "median(x)": 2.0,
        "quantile_cont(x, 0.5)": 2.0,
        "mode(x)": 2,
        "bool_and(o > 0)": True,
        "array_agg(s)": ["p", "q", "r", "p"],
        "array_agg(s ORDER BY o DESC)": ["p", "r", "q", "p"],
        "array_agg(DISTINCT s ORDER BY s)": ["p", "q", "r"],
        "string_agg(s, '-')": "p-q-r-p",
        "string_agg(CLASSIFIER(), '')": "ABBB",
        "list(MATCH_NUMBER())": [1, 1, 1, 1],
        "sum(x) FILTER (WHERE o < 4)": 8,
        "count(*) FILTER (WHERE B.x IS NULL)": 1,
        "sum(B.x + B.o) / count(*)": 3.75,
        "product(o)": 24.0,
        "any_value(B.s)": "q",
        "FIRST(s) || count(*)": "p4",
    }
    text = ", ".join(f"{measure} AS m{number}" for number, measure in enumerate(measures))
    found = match_recognize(f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES {text} PATTERN (A B+))", table)
    assert dict(zip(measures, (column.to_pylist()[0] for column in found.columns))) == measures


def test_running_and_final() -> None:
    table = pa.table({"o": [1, 2, 3]})
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o
        MEASURES sum(o) AS s, FINAL sum(o) AS f, LAST(o) AS l, FINAL LAST(o) - RUNNING LAST(o) AS d, array_agg(o) AS a
        ALL ROWS PER MATCH PATTERN (A+))"""
    assert rows(query, table) == [(1, 1, 6, 1, 2, [1]), (2, 3, 6, 2, 1, [1, 2]), (3, 6, 6, 3, 0, [1, 2, 3])]


def test_navigation() -> None:
    table = pa.table({"o": [1, 2, 3, 4, 5], "x": [10, 20, 30, 40, 50]})
    measures = {
        "PREV(FIRST(B.x))": 10,
        "PREV(FIRST(B.x), 2)": None,
        "NEXT(LAST(B.x), 1)": 50,
        "NEXT(LAST(B.x, 1), 2)": 50,
        "FIRST(B.x, 1)": 30,
        "FIRST(B.x, 9)": None,
        "LAST(B.x + B.o, 2)": 22,
        "PREV(x)": 30,
        "PREV(x, 0)": 40,
        "NEXT(CLASSIFIER())": None,
        "PREV(CLASSIFIER())": "B",
        "FIRST(CLASSIFIER(B)) || LAST(CLASSIFIER(), 3)": "BA",
        "PREV(COALESCE(A.x, 0))": None,
    }
    text = ", ".join(f"{measure} AS m{number}" for number, measure in enumerate(measures))
    query = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES {text} PATTERN (A B{{3}}))"
    assert dict(zip(measures, rows(query, table)[0])) == measures


def test_any_scalar_sql_in_conditions() -> None:
    table = pa.table({"o": [1, 2], "s": ["ab", "xb"], "d": pa.array([0, 86_400_000], pa.timestamp("ms"))})
    conditions = [
        "CASE WHEN o = 1 THEN s LIKE 'a%' ELSE s ILIKE '%B' END",
        "o BETWEEN 1 AND 2 AND o IN (1, 2, 3) AND s NOT IN ('q')",
        "CAST(o AS VARCHAR) = o::TEXT AND TRY_CAST(s AS INT) IS NULL",
        "PREV(d) IS NULL OR d - PREV(d) <= INTERVAL 1 DAY",
        "regexp_matches(s, '^[ax]b$') AND length(s) = 2 AND s[2] = 'b'",
        "date_trunc('day', d) = d AND d < TIMESTAMP '2000-01-01'",
        "list_contains([1, 2], o) AND greatest(o, 5) = 5 AND o % 5 = o AND NOT o <> o",
        "o IS DISTINCT FROM NULL AND coalesce(PREV(o), 0) = o - 1",
        "list_any_value(list_filter([o], v -> v = o)) = o",
    ]
    for condition in conditions:
        query = (
            f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A+) DEFINE A AS {condition})"
        )
        assert rows(query, table) == [(2,)], condition


def test_fields_of_structs() -> None:
    table = pa.table({"o": [1, 2], "s": [{"a": 1, "b": {"c": 5}}, {"a": 2, "b": {"c": 6}}]})
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY s.a DESC
        MEASURES LAST(A.s.b.c) AS c, sum(s.a) AS a PATTERN (A+) DEFINE A AS A.s.b.c > 1 AND s.a < 9)"""
    assert rows(query, table) == [(5, 3)]


def test_around_and_inside() -> None:
    inner = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o MEASURES count(*) AS n PATTERN (A+)) AS m"
    assert rows(f"SELECT k, n * 2 FROM ({inner}) z WHERE n > 1 ORDER BY k DESC") == [("b", 4), ("a", 6)]
    assert rows(f"WITH z AS ({inner}) SELECT sum(n), max(k) FROM z") == [(6, "b")]
    assert rows(f"{inner} WHERE m.n = 3") == [("a", 3)]
    assert rows(f"{inner} JOIN t ON t.k = m.k WHERE t.o = 1 ORDER BY ALL")[0][:2] == ("a", 3)
    # Without an alias the answer has the table's name.
    assert rows(inner.removesuffix(" AS m") + " WHERE t.n = 3") == [("a", 3)]
    assert rows(f"SELECT (SELECT max(n) FROM ({inner})) AS most, count(*) FROM t") == [(3, 6)]
    union = f"{inner} WHERE n = 1 UNION ALL {inner} WHERE n = 2 ORDER BY n"
    assert rows(union) == [(None, 1), ("b", 2)]
    # Over the answer of another: behind it, inside it, and by a common table expression.
    again = "MATCH_RECOGNIZE (ORDER BY n MEASURES count(*) AS c, LAST(n) AS l PATTERN (B+)) AS q"
    for query in (
        f"{inner} {again}",
        f"SELECT * FROM ({inner}) {again}",
        f"WITH z AS ({inner}) SELECT * FROM z {again}",
        f"WITH y AS (SELECT * FROM t), z AS ({inner.replace('FROM t', 'FROM y')}) SELECT q.* FROM z {again}",
    ):
        assert rows(query) == [(3, 3)], query


def test_sources() -> None:
    end = "MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A+)) AS m"
    for source in (
        "t",
        "t AS other",
        "(SELECT * FROM t)",
        "(t JOIN (SELECT 1) ON true)",
        "(VALUES (1), (2), (3), (4), (5), (6)) v(o)",
        "(SELECT * FROM t UNION ALL SELECT * FROM t LIMIT 6)",
        "range(6) r(o)",
        "(FROM t SELECT o)",
    ):
        assert rows(f"SELECT n FROM {source} {end}") == [(6,)], source
    # In a list of joins the clause belongs to the table before it.
    assert rows(f"SELECT count(*), max(n) FROM t JOIN t AS u {end} ON true") == [(6, 6)]


def test_comments_and_strings_do_not_matter() -> None:
    query = """-- MATCH_RECOGNIZE (
        SELECT /* PATTERN ( */ 'it''s MATCH_RECOGNIZE (' AS s, n FROM t MATCH_RECOGNIZE ( -- here
        ORDER BY o MEASURES count(*) AS n PATTERN ( A /* B */ + ) DEFINE A AS 'PATTERN (' <> ')') AS m WHERE true"""
    assert rows(query) == [("it's MATCH_RECOGNIZE (", 6)]


def test_explaining() -> None:
    query = """SELECT k, gain FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o
        MEASURES LAST(B.x) - FIRST(A.x) AS gain, CLASSIFIER() AS c PATTERN (A B+) DEFINE B AS x < PREV(x))"""
    text = str(rowpattern.explain(query, TABLE))
    for part in (
        "over t: 6 rows of 4 columns",
        "columns that cross: k, o, x",
        "A: true of every row",
        "B AS x < PREV(x): by the engine, over whole columns",
        "automaton: 2 positions",
        "the classifier of the last row, without DuckDB",
        "two passes over 6 rows",
    ):
        assert part in text, text
    assert "steps" not in text
    ran = rowpattern.explain(query, TABLE, analyze=True)
    assert [step.name for step in ran.steps][:3] == ["order", "conditions", "match"]
    assert "million rows a second" in str(ran)
    nested = rowpattern.explain(
        f"SELECT count(*) FROM ({query}) MATCH_RECOGNIZE (ORDER BY gain MEASURES count(*) AS n PATTERN (Z+))", TABLE
    )
    assert "clause 2 of 2" in str(nested)
    assert "around the clauses: DuckDB runs the query" in str(nested)


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("list_transform([1, 2], lambda X: x + 1)", [2, 3]),
        ("list_transform([[1], [2]], lambda X: list_transform(x, lambda x: X + 1))", [[2], [3]]),
        ('list_transform([1], lambda "PARAMETER 0": "parameter 0" + o)', [2]),
        ("list_transform([1], lambda i0: i0 + o)", [2]),
    ],
)
def test_parameters_of_lambdas_are_found_whatever_their_case(measure: str, value: Any) -> None:
    assert rows(f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES {measure} AS m PATTERN (A)) LIMIT 1") == [
        (value,)
    ]


def test_two_parameters_of_a_lambda_have_two_names() -> None:
    with pytest.raises(rowpattern.QuerySyntaxError, match="each with a name of its own"):
        rows("SELECT * FROM t MATCH_RECOGNIZE (MEASURES list_reduce([1, 2], lambda x, X: x + X) AS m PATTERN (A))")


@pytest.mark.parametrize(
    "shown", ["* REPLACE (n + 1 AS n)", "COLUMNS('n') + 1 AS n", "COLUMNS(lambda c: c = 'n') + 1 AS n", "COLUMNS('n')"]
)
def test_constants_in_the_columns_shown(shown: str) -> None:
    query = f"SELECT {shown} FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A+))"
    assert rows(query) == [(6 if shown == "COLUMNS('n')" else 7,)]
