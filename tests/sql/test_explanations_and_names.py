"""What people read of an expression is the query's own text: in `explain`, and in DuckDB's messages."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

TABLE = pa.table({"o": [1, 2, 3], "x": [5, 6, 7], "s": ["a", "b", "7"], "l": [[1], [2], []]})
# The names that references have inside.
OWN = re.compile(r"\b[ir][0-9]+\b")


def query(condition: str = "true", measure: str = "1", keys: str = "ORDER BY o") -> str:
    rest = f"MEASURES {measure} AS m AFTER MATCH SKIP PAST LAST ROW PATTERN (A B)"
    return f"SELECT * FROM t MATCH_RECOGNIZE ({keys} {rest} DEFINE B AS {condition})"


def explained(sql: str) -> str:
    return str(rowpattern.explain(sql, TABLE))


CONDITIONS = {
    "A.s::int = 1": "source column A.s",
    "PREV(s)::int = 1": "source column PREV(s)",
    "FIRST(A.s, 0)::int + x = 1": "source column FIRST(A.s, 0)",
    "A.s::int + s::int > 0": "source column A.s",
    "s::int > 0": "source column s",
    "s::int + PREV(s)::int > 0": "source column",
    "sum(A.s::int) = 1": "source column s",
    "median(A.s::int) = 1": "source column s",
    "abs(A.s) = 1": "abs(VARCHAR)",
}
MEASURES = {
    "FIRST(s)::int": "source column FIRST(s)",
    "sum(s::int)": "source column s",
    "RUNNING sum(A.s::int)": "source column s",
    "list_max(list(s::int))": "source column s",
    "sum(x) + LAST(A.s)::int": "source column LAST(A.s)",
}


@pytest.mark.parametrize(
    ("sql", "place", "shown"),
    [
        *((query(condition), "DEFINE B", shown) for condition, shown in CONDITIONS.items()),
        *((query(measure=measure), "measure m", shown) for measure, shown in MEASURES.items()),
    ],
)
def test_an_error_has_the_query_s_names(sql: str, place: str, shown: str) -> None:
    with pytest.raises(rowpattern.QueryError, match=rf"(?s){place}: .*\(line 1, column") as caught:
        match_recognize(sql, TABLE)
    message = str(caught.value).split("\n", maxsplit=1)[0]
    assert shown in message
    assert not OWN.search(message)


@pytest.mark.parametrize("keys", ["PARTITION BY x, s::int ORDER BY o", "ORDER BY o, (x, abs(s))", "ORDER BY s::date"])
def test_a_key_s_error_says_where_it_stands(keys: str) -> None:
    with pytest.raises(rowpattern.QueryError) as caught:
        match_recognize(query(keys=keys), TABLE)
    wrong = max(keys.find(each) for each in ("s::int", "(x, abs(s))", "s::date"))
    assert f"(line 1, column {query(keys=keys).index(keys) + wrong + 1})" in str(caught.value)


WAYS = [
    ("levenshtein(A.s, s) < 3 AND A.x < x", ["levenshtein(A.s, s) < 3: asked of DuckDB in rounds"]),
    ("md5(FIRST(A.s, 1)) > 'a'", ["md5(FIRST(A.s, 1)) > 'a': by DuckDB over whole columns before"]),
    ("FIRST(x) > 3 AND x > A.x", ["FIRST(x) > 3: decided once", "FIRST(x): x of the first row"]),
    ("median( A.x ) > x", ["median( A.x ): asked of DuckDB in rounds", "over the rows mapped to A so far"]),
    ("md5(s || PREV(s)) > '8'", ["by DuckDB over whole columns", "PREV(s): s of 1 row before the current row"]),
]


@pytest.mark.parametrize(("condition", "lines"), WAYS)
def test_parts_are_shown_as_the_query_has_them(condition: str, lines: list[str]) -> None:
    text = explained(query(condition))
    for line in lines:
        assert line in text, text
    assert not OWN.search(text)


REFUSED = [
    query("abs(A.s) = 1"),
    query("abs(s) = 1"),
    query("sum(A.s) = 1"),
    query("x > A.x AND median(A.l) > 1"),
    query("A.s || s"),
    query("s || ''"),
    query(measure="abs(LAST(s))"),
    query(measure="sum(s)"),
    query(measure="sum(A.s) + 1"),
    query(keys="PARTITION BY abs(s) ORDER BY o"),
    query(keys="ORDER BY o, abs(s)"),
]


@pytest.mark.parametrize("sql", REFUSED)
def test_explain_says_what_is_refused_whatever_the_rows(sql: str) -> None:
    assert ": refused" in explained(sql)
    with pytest.raises(rowpattern.QueryError):
        match_recognize(sql, TABLE)


@pytest.mark.parametrize("condition", [condition for condition, _ in WAYS])
def test_explain_refuses_nothing_else(condition: str) -> None:
    sql = query(condition, "sum(x) + LAST(B.x)", "PARTITION BY x % 2 ORDER BY o, (x, s)")
    assert "refused" not in explained(sql)
    match_recognize(sql, TABLE)


PARTS: dict[str, Any] = {
    "order_by": "o",
    "pattern": "A B+",
    "define": {"B": "x > FIRST(x)"},
    "measures": {"n": "count(*)"},
}
CLAUSE = "MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A B+) DEFINE B AS x > FIRST(x))"


def test_an_explanation_without_sql_is_that_of_the_clause() -> None:
    def without_bytes(text: str) -> str:  # the automaton grows with the rows it has met in this process
        return re.sub(r"\d+ bytes", "", text)

    by_sql = without_bytes(explained(f"SELECT * FROM data {CLAUSE}"))
    assert without_bytes(str(rowpattern.explain(TABLE, **PARTS))) == by_sql
    assert without_bytes(str(rowpattern.explain({"data": TABLE}, **PARTS, isolation="process"))) == by_sql
    assert "steps" in str(rowpattern.explain(TABLE, **PARTS, analyze=True))
    named = rowpattern.explain(TABLE, **{**PARTS, "define": {"B": "x > $least"}}, parameters={"least": 1})
    assert "B AS x > $least: by the engine" in str(named)


def test_an_explanation_of_conditions_of_other_libraries() -> None:
    text = str(rowpattern.explain(TABLE, **{**PARTS, "define": {"B": lambda table: [True] * table.num_rows}}))
    assert "B AS computed by the caller's library, over each partition, before matching" in text
    assert "columns that cross: o\n" in text
    assert "rowpattern" not in text


def test_what_is_no_question_to_explain() -> None:
    with pytest.raises(TypeError, match="explain takes a query as a text, or a table and the parts of a clause"):
        rowpattern.explain(TABLE)
    with pytest.raises(TypeError, match="not two tables"):
        rowpattern.explain(TABLE, TABLE, **PARTS)
    with pytest.raises(rowpattern.QueryError, match=r'there is no column y.*define\["B"\], line 1, column 1'):
        rowpattern.explain(TABLE, **{**PARTS, "define": {"B": "y > 1"}})
