"""Forms of the clause that other systems have: IGNORE NULLS, LAG, MATCH_SEQUENCE_NUMBER, measures of measures, ..."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

TABLE = pa.table(
    {"i": range(1, 9), "x": [None, 2, None, 4, 5, None, 7, None], "k": list("aaaabbbb"), "f": [0.0, 1.5] * 4}
)


def answer(
    measures: str,
    *,
    pattern: str = "A+",
    define: str = "",
    rows: str = "ONE ROW",
    order: str = "i",
    partition: str = "",
) -> list[tuple[Any, ...]]:
    """Return the measures of each row of an answer."""
    query = f"""SELECT * FROM t MATCH_RECOGNIZE ({partition} ORDER BY {order} MEASURES {measures}
        {rows} PER MATCH PATTERN ({pattern}) {"DEFINE " + define if define else ""})"""
    found = match_recognize(query, TABLE)
    names = [name for name in found.column_names if name not in TABLE.column_names]
    return list(zip(*(found[name].to_pylist() for name in names)))


@pytest.mark.parametrize(
    ("measure", "one", "every"),
    [
        ("FIRST(x IGNORE NULLS)", 2, [None, 2, 2, 2, 2, 2, 2, 2]),
        ("LAST(x) IGNORE NULLS", 7, [None, 2, 2, 4, 5, 5, 7, 7]),
        ("LAST(x, 1) IGNORE NULLS", 5, [None, None, None, 2, 4, 4, 5, 5]),
        ("LAST(x IGNORE NULLS, 1)", 5, [None, None, None, 2, 4, 4, 5, 5]),
        ("FIRST(x, 2 IGNORE NULLS)", 5, [None] * 4 + [5] * 4),
        ("FIRST(x, 9 IGNORE NULLS)", None, [None] * 8),
        ("FINAL LAST(x) IGNORE NULLS", 7, [7] * 8),
        ("RUNNING LAST(x IGNORE NULLS)", 7, [None, 2, 2, 4, 5, 5, 7, 7]),
        ("LAST(x * 2 IGNORE NULLS) + FIRST(i)", 15, [None, 5, 5, 9, 11, 11, 15, 15]),
        ("LAST(B.x IGNORE NULLS)", 7, [None, None, None, 4, 4, 4, 7, 7]),
        ("LAST(nullif(CLASSIFIER(), 'A') IGNORE NULLS)", "B", [None, None, "B", "B", "B", "B", "B", "B"]),
        ("PREV(x IGNORE NULLS)", 7, [None, None, 2, 2, 4, 5, 5, 7]),
        ("LAG(x, 2 IGNORE NULLS)", 5, [None, None, None, None, 2, 4, 4, 5]),
        ("NEXT(x) IGNORE NULLS", None, [2, 4, 4, 5, 7, 7, None, None]),
        ("PREV(x RESPECT NULLS)", 7, [None, None, 2, None, 4, 5, None, 7]),
        ("PREV(x + 1 IGNORE NULLS)", 8, [None, None, 3, 3, 5, 6, 6, 8]),
        ("LEAD(coalesce(x, 0) * i IGNORE NULLS, 2)", None, [0, 16, 25, 0, 49, 0, None, None]),
        ("LAG(nullif(A.x, 2) IGNORE NULLS)", 5, [None, None, None, None, 4, 5, 5, 5]),
        ("NEXT(f IGNORE NULLS) + 1", None, [2.5, 1.0, 2.5, 1.0, 2.5, 1.0, 2.5, None]),
        ("PREV(A.x IGNORE NULLS)", 5, [None, None, None, None, 4, 5, 5, 5]),
        ("FIRST(x RESPECT NULLS)", None, [None] * 8),
        ("LAST(x) RESPECT NULLS", None, [None, 2, None, 4, 5, None, 7, None]),
    ],
)
def test_ignore_nulls(measure: str, one: Any, every: list[Any]) -> None:
    pattern, define = "(A A B B)+", ""
    assert answer(f"{measure} AS m", pattern=pattern, define=define) == [(one,)]
    assert answer(f"{measure} AS m", pattern=pattern, rows="ALL ROWS") == [(each,) for each in every]


def test_ignore_nulls_in_conditions() -> None:
    """Values may only rise, NULLs between them do not count; the row that is tested is one of its variable."""
    rising = "A AS x IS NULL OR x > COALESCE(LAST(A.x, 1) IGNORE NULLS, 0)"
    assert answer("count(*) AS m", define=rising) == [(8,)]
    assert answer("count(*) AS m", define="A AS FIRST(x IGNORE NULLS) IS NULL OR i < 5") == [(4,), (1,), (1,)]


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ("PREV(1 IGNORE NULLS)", "PREV with IGNORE NULLS takes an expression over columns"),
        ("NEXT(CLASSIFIER() IGNORE NULLS)", "NEXT with IGNORE NULLS takes an expression over columns"),
        ("LAG(A.x + B.x IGNORE NULLS)", "all columns in one navigation or aggregate must be of the same variable"),
        ("LEAD(x, 0) IGNORE NULLS", "LEAD with IGNORE NULLS takes an offset above 0"),
        ("LAG(x, -1)", "the offset of LAG must be a whole number from 0 on"),
        ("LEAD(x, 1, 0)", "LEAD takes an expression and, if need be, an offset"),
        ("LAG(LEAD(x))", "LEAD cannot stand inside LAG; LAG or LEAD may stand around FIRST or LAST"),
        ("FIRST(LAG(x))", "LAG cannot stand inside FIRST"),
        ("FIRST(PREV(x) IGNORE NULLS)", "a call with IGNORE NULLS cannot stand inside FIRST"),
        ("FIRST(A.x + B.x IGNORE NULLS)", "all columns in one navigation or aggregate must be of the same variable"),
        ("PREV(LAST(x IGNORE NULLS))", "a call with IGNORE NULLS cannot stand inside PREV"),
        ("sum(x IGNORE NULLS)", "IGNORE NULLS"),
        ("FIRST(x ORDER BY i)", "for another one write arg_min(x, key)"),
        ("LAST(x ORDER BY i)", "for another one write arg_max(x, key)"),
    ],
)
def test_ignore_nulls_elsewhere(measure: str, message: str) -> None:
    with pytest.raises(rowpattern.QueryError, match=re.escape(message)):
        answer(f"{measure} AS m", pattern="A B")


def test_match_sequence_number() -> None:
    """The row's number in its match (Snowflake); in one row a match, the number of its rows."""
    numbers = [(1,), (2,), (3,), (1,), (2,), (3,), (1,), (2,)]
    assert answer("MATCH_SEQUENCE_NUMBER() AS m", pattern="A{1,3}", rows="ALL ROWS") == numbers
    assert answer("match_sequence_number() AS m", pattern="A{1,3}") == [(3,), (3,), (2,)]
    assert answer("count(*) AS m", define="A AS MATCH_SEQUENCE_NUMBER() <= 5") == [(5,), (3,)]
    with pytest.raises(rowpattern.QueryError, match=r"MATCH_SEQUENCE_NUMBER\(\) takes no argument"):
        answer("MATCH_SEQUENCE_NUMBER(x) AS m")
    with pytest.raises(rowpattern.QueryError, match="an aggregate cannot stand inside"):
        answer("sum(MATCH_SEQUENCE_NUMBER()) AS m")
    with pytest.raises(rowpattern.QueryError, match=r"write MATCH_SEQUENCE_NUMBER\(\)"):
        answer("MATCH_SEQUENCE_NUMBER AS m")


def test_lag_and_lead() -> None:
    """They are PREV and NEXT (Snowflake), with the same offsets and the same rules."""
    assert answer("LAG(i) AS m, LEAD(i, 2) AS n", rows="ALL ROWS") == answer(
        "PREV(i) AS m, NEXT(i, 2) AS n", rows="ALL ROWS"
    )
    assert answer("count(*) AS m", define="A AS LAG(k) IS NULL OR k = LAG(k)") == [(4,), (3,)]
    assert answer("LAG(LAST(A.i), 2) AS m") == [(6,)]
    with pytest.raises(rowpattern.QueryError, match="a window function cannot stand in MATCH_RECOGNIZE"):
        answer("lag(i) OVER () AS m")
    around = (
        "SELECT a, lag(a) OVER (ORDER BY a) AS b FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES LAG(i) AS a PATTERN (A A))"
    )
    assert match_recognize(around, TABLE)["b"].to_pylist() == [None, 1, 3, 5]


@pytest.mark.parametrize(
    ("pattern", "same"),
    [
        ("(A|) B", "(A|()) B"),
        ("(|A) B", "(()|A) B"),
        ("(A||B) C", "(A|()|B) C"),
        ("A|", "A|()"),
        ("|A", "()|A"),
        ("(A|)+ B", "(A|())+ B"),
        ("{- A| -} B", "{- A|() -} B"),
        ("PERMUTE(A|, B)", "PERMUTE(A|(), B)"),
        ("A{0} B", "() B"),
        ("A{,0} B", "() B"),
        ("A{0,0} B", "() B"),
        ("(A B){0}? B", "() B"),
        ("(A{0}|B) C", "(()|B) C"),
    ],
)
def test_empty_branches_and_bounds(pattern: str, same: str) -> None:
    """An empty branch is `()`, and so is what is repeated no times; its variables may be defined."""
    conditions = {"A": "A AS i < 4", "B": "B AS i > 1"}
    of_both = (", ".join(conditions[name] for name in "AB" if name in text) for text in (pattern, same))
    measures = "count(*) AS m, LAST(i) AS b, array_agg(CLASSIFIER()) AS c"
    one, other = (answer(measures, pattern=text, define=of) for text, of in zip((pattern, same), of_both))
    assert one == other


@pytest.mark.parametrize("pattern", ["A{2,1}", "()|", "A B{0", "(A|B", "|"])
def test_bounds_that_stay_wrong(pattern: str) -> None:
    if pattern in {"()|", "|"}:
        assert answer("count(*) AS m", pattern=pattern) == [(0,)] * 8
        return
    with pytest.raises(rowpattern.QuerySyntaxError if pattern == "(A|B" else rowpattern.PatternSyntaxError):
        answer("count(*) AS m", pattern=pattern)


def test_measures_name_earlier_ones() -> None:
    assert answer("FIRST(i) AS first_one, LAST(i) AS last_one, last_one - first_one + 1 AS n, n * 2 AS twice") == [
        (1, 8, 8, 16)
    ]
    assert answer('FIRST(i) AS "Odd", "Odd" + 1 AS n') == [(1, 2)]
    # RUNNING and FINAL stay those of the earlier one.
    assert answer("FINAL count(*) AS n, n - count(*) AS left_over", pattern="A{4}", rows="ALL ROWS")[:4] == [
        (4, 3),
        (4, 2),
        (4, 1),
        (4, 0),
    ]
    # A column hides a measure, and a later measure is none yet.
    assert answer("FIRST(i) AS y, y + x AS n", define="A AS x IS NOT NULL OR i = 1") == [(1, 3), (4, 9), (7, 14)]
    with pytest.raises(rowpattern.QueryError, match="there is no column n;"):
        answer("n + 1 AS m, FIRST(i) AS n")
    with pytest.raises(rowpattern.QueryError, match="there is no column m;"):
        answer("m + 1 AS m")
    with pytest.raises(rowpattern.QueryError, match="an aggregate cannot stand inside"):
        answer("count(*) AS n, sum(n) AS m")


def test_measures_that_grow_are_refused() -> None:
    measures = ["count(*) AS m0", *(f"m{at} + m{at} AS m{at + 1}" for at in range(40))]
    with pytest.raises(rowpattern.QueryError, match="it becomes too large with the earlier measures that it names"):
        answer(", ".join(measures))


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("x", [(1,), (2,), (1,)]),
        ("x - 4", [(1,), (1,), (1,)]),
        ("f", [(1,), (1,), (1,), (1,)]),
        ("1", [(8,)]),
        ("0", []),
        ("0.5", [(8,)]),
        ("x::DECIMAL(9,2)", [(1,), (2,), (1,)]),
        ("x::UBIGINT", [(1,), (2,), (1,)]),
        ("i - FIRST(i) - 3", [(3,), (3,), (2,)]),
        ("4 - count(*)", [(3,), (3,), (2,)]),
        ("median(i) - 2", [(2,), (6,)]),
        ("NULL", []),
    ],
)
def test_numbers_as_conditions(condition: str, rows: list[Any]) -> None:
    """As DuckDB takes them in WHERE: 0 is false, other numbers are true."""
    assert answer("count(*) AS m", define=f"A AS {condition}") == rows


def test_other_types_are_no_conditions() -> None:
    with pytest.raises(rowpattern.QueryError, match=r"the condition of A is of the type .*; it must be true or false"):
        answer("count(*) AS m", define="A AS k")


def test_clauses_behind_a_join() -> None:
    """Behind the condition of a join the clause is over what was joined."""
    other = pa.table({"key": ["a", "b"], "y": [1, 2]})
    clause = "MATCH_RECOGNIZE (PARTITION BY y ORDER BY i MEASURES count(*) AS n PATTERN (A+))"
    wanted = [{"y": 1, "n": 4}, {"y": 2, "n": 4}]
    for join in (
        "t JOIN u ON t.k = u.key",
        "t LEFT JOIN u ON t.k = u.key AND NOT u.y IN (5, 6)",
        "t JOIN (SELECT key AS k, y FROM u) AS v USING (k)",
    ):
        assert match_recognize(f"SELECT * FROM {join} {clause}", t=TABLE, u=other).to_pylist() == wanted
    with pytest.raises(rowpattern.QueryError, match=r"two columns i; .*by USING behind a join.*line 1, column 42"):
        match_recognize(f"SELECT * FROM t JOIN t AS v ON t.k = v.k {clause}", t=TABLE)
    # A table behind the join is one of its own.
    table = "(SELECT * FROM t, (SELECT 1 AS y)) AS w"
    query = f"SELECT m.n FROM u JOIN u AS v ON u.key = v.key JOIN {table} {clause} AS m ON m.y = u.y"
    assert match_recognize(query, t=TABLE, u=other)["n"].to_pylist() == [8]
    query = f"SELECT m.n FROM u JOIN u AS v ON u.key = v.key, {table} {clause} AS m WHERE m.y = u.y"
    assert match_recognize(query, t=TABLE, u=other)["n"].to_pylist() == [8]
