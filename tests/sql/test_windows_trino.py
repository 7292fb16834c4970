"""Trino's published cases of row patterns in windows (core/trino-main, TestRowPatternMatchingInWindow).

Its tables and answers, written as a table: rows as `id:value:label`, with `-` for NULL.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

FALLING = [90, 80, 70, 70]
FLAT = [70, 80, 80, 70]
VALLEYS = [90, 80, 70, 80, 90, 50, 40, 60]
TWO_VALLEYS = [90, 80, 70, 80, 70, 100]
FRAME = "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"
PAST = f"{FRAME} AFTER MATCH SKIP PAST LAST ROW"


def table(values: list[int]) -> pa.Table:
    return pa.table({"id": range(1, len(values) + 1), "value": values})


def text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(text, value))}]"
    return "-" if value is None else str(value)


def shown(answer: Any) -> str:
    return " ".join(":".join(map(text, row)) for row in zip(*(column.to_pylist() for column in answer.columns)))


def ask(values: list[int], pattern: str, define: str, frame: str = PAST) -> str:
    query = f"""SELECT id, val OVER w, label OVER w FROM t WINDOW w AS (
        ORDER BY id MEASURES RUNNING LAST(value) AS val, classifier() AS label {frame} PATTERN ({pattern}) {define})
        ORDER BY id"""
    return shown(match_recognize(query, table(values)))


NOTHING = "1:-:- 2:-:- 3:-:- 4:-:-"
EACH_A = "1:90:A 2:80:A 3:70:A 4:70:A"
ALL_B = "1:70:B 2:-:- 3:-:- 4:-:-"
PAIRS = "1:80:B 2:-:- 3:70:B 4:-:-"
B_THEN_C = "DEFINE B AS B.value < PREV (B.value), C AS C.value = PREV (C.value)"
BEHIND_ROW_1 = "1:-:- 2:70:C 3:-:- 4:-:-"
NOT_RISING = "DEFINE B AS B.value <= PREV (B.value)"
NOT_BEFORE_RISE = "DEFINE B AS B.value >= NEXT (B.value)"
DOWN_UP = "DEFINE B AS B.value < PREV (B.value), C AS C.value > PREV (C.value)"
BOTH_VALLEYS = "1:90:C 2:-:- 3:-:- 4:-:- 5:-:- 6:60:C 7:-:- 8:-:-"

CASES = [
    # testSimpleQuery, testExclusionSyntax
    (VALLEYS, "A B+ C+", DOWN_UP, BOTH_VALLEYS),
    (VALLEYS, "{- A B+ C+ -}", DOWN_UP, BOTH_VALLEYS),
    # testRowPattern
    (FALLING, "() | A", "DEFINE A AS true", NOTHING),
    (FALLING, "A B C", B_THEN_C, BEHIND_ROW_1),
    (FALLING, "B | C | A", B_THEN_C.replace("=", "<="), EACH_A),
    (FALLING, "PERMUTE(B, C, A)", B_THEN_C.replace("=", "<"), "1:70:C 2:-:- 3:-:- 4:-:-"),
    (FALLING, "((A) (B (C)))", B_THEN_C, BEHIND_ROW_1),
    # testPatternQuantifiers
    (FALLING, "A B*", NOT_RISING, ALL_B),
    (FALLING, "B*?", NOT_RISING, NOTHING),
    (FALLING, "A B+", NOT_RISING, ALL_B),
    (FALLING, "A B+?", NOT_RISING, PAIRS),
    (FALLING, "A B?", NOT_RISING, PAIRS),
    (FALLING, "A B??", NOT_RISING, EACH_A),
    (FALLING, "A B{,}", NOT_RISING, ALL_B),
    (FALLING, "A B{,}?", NOT_RISING, EACH_A),
    (FALLING, "A B{1,}", NOT_RISING, ALL_B),
    (FALLING, "A B{1,}?", NOT_RISING, PAIRS),
    (FALLING, "A B{2,}", NOT_RISING, ALL_B),
    (FALLING, "A B{2,}? | C", NOT_RISING, "1:70:B 2:-:- 3:-:- 4:70:C"),
    (FALLING, "B{5,}", NOT_RISING, NOTHING),
    (FALLING, "B{5,}?", NOT_RISING, NOTHING),
    (FALLING, "A B{,1}", NOT_RISING, PAIRS),
    (FALLING, "A B{,1}?", NOT_RISING, EACH_A),
    (FALLING, "A B{,2}", NOT_RISING, "1:70:B 2:-:- 3:-:- 4:70:A"),
    (FALLING, "A B{,2}?", NOT_RISING, EACH_A),
    (FALLING, "A B{,5}", NOT_RISING, ALL_B),
    (FALLING, "A B{,5}?", NOT_RISING, EACH_A),
    (FALLING, "A B{1,1}", NOT_RISING, PAIRS),
    (FALLING, "A B{1,1}?", NOT_RISING, PAIRS),
    (FALLING, "A B{1,5}", NOT_RISING, ALL_B),
    (FALLING, "A B{1,5}?", NOT_RISING, PAIRS),
    (FALLING, "A B{5,7}", NOT_RISING, NOTHING),
    (FALLING, "A B{5,7}?", NOT_RISING, NOTHING),
    (FALLING, "A B{1}", NOT_RISING, PAIRS),
    (FALLING, "A B{1}?", NOT_RISING, PAIRS),
    (FALLING, "A B{2}", NOT_RISING, ALL_B),
    (FALLING, "A B{2}?", NOT_RISING, ALL_B),
    (FALLING, "A B{5}", NOT_RISING, NOTHING),
    (FALLING, "A B{5}?", NOT_RISING, NOTHING),
    # testEmptyCycle
    (FLAT, "()* | B", NOT_BEFORE_RISE, NOTHING),
    (FLAT, "()+ | B", NOT_BEFORE_RISE, NOTHING),
    (FLAT, "(){5,} | B", NOT_BEFORE_RISE, NOTHING),
    (FLAT, "B | ()*", NOT_BEFORE_RISE, "1:-:- 2:80:B 3:80:B 4:-:-"),
    (FLAT, "(B ()*)*", NOT_BEFORE_RISE, "1:-:- 2:80:B 3:-:- 4:-:-"),
    (FLAT, "(B ()*)*?", NOT_BEFORE_RISE, NOTHING),
]


@pytest.mark.parametrize(("values", "pattern", "define", "wanted"), CASES, ids=[f"{e[1]} {e[2][:10]}" for e in CASES])
def test_patterns(values: list[int], pattern: str, define: str, wanted: str) -> None:
    assert ask(values, pattern, define) == wanted


# testAfterMatchSkipToPosition, testAfterMatchSkipToLabel
SKIPS = [
    ("PAST LAST ROW", "A B+ C+ | E", "1:80:C 2:-:- 3:-:- 4:-:- 5:70:E 6:100:E"),
    ("TO NEXT ROW", "A B+ C+ | E", "1:80:C 2:80:C 3:70:E 4:100:C 5:70:E 6:100:E"),
    *((f"TO {to}", "A B+ C+ D?", "1:80:C 2:-:- 3:-:- 4:100:C 5:-:- 6:-:-") for to in ("FIRST C", "LAST B", "B", "U")),
]


@pytest.mark.parametrize(("skip", "pattern", "wanted"), SKIPS)
def test_skip(skip: str, pattern: str, wanted: str) -> None:
    subset = "SUBSET U = (C, D) " if "D" in pattern else ""
    never = ", D AS false" if "D" in pattern else ""
    assert ask(TWO_VALLEYS, pattern, subset + DOWN_UP + never, f"{FRAME} AFTER MATCH SKIP {skip}") == wanted


@pytest.mark.parametrize(("variable", "why"), [("A", "it is at the first row"), ("D", "no row of the match")])
def test_skip_to_nowhere(variable: str, why: str) -> None:
    with pytest.raises(rowpattern.SkipError, match=why):
        ask(TWO_VALLEYS, "A B+ C+ D?", f"{DOWN_UP}, D AS false", f"{FRAME} AFTER MATCH SKIP TO {variable}")


def test_union_variables() -> None:
    query = f"""SELECT id, val OVER w, lower_or_higher OVER w, label OVER w FROM t WINDOW w AS (
        ORDER BY id
        MEASURES RUNNING LAST(U.value) AS val, CLASSIFIER(U) AS lower_or_higher, CLASSIFIER(W) AS label
        {FRAME} PATTERN ((L | H) A) SUBSET U = (L, H), W = (A, L, H)
        DEFINE A AS A.value = 80, L AS L.value < 80, H AS H.value > 80) ORDER BY id"""
    wanted = "1:90:H:A 2:-:-:- 3:70:L:A 4:-:-:-"
    assert shown(match_recognize(query, table([90, 80, 70, 80]))) == wanted


# testNavigationFunctions: the measure of a match of all three rows.
NAVIGATION = [
    ("value", 30),
    ("LAST(value)", 30),
    ("RUNNING LAST(value)", 30),
    ("FINAL LAST(value)", 30),
    ("FIRST(value)", 10),
    ("RUNNING FIRST(value)", 10),
    ("FINAL FIRST(value)", 10),
    ("FINAL LAST(value, 2)", 10),
    ("FIRST(value, 2)", 30),
    ("LAST(value, 10)", None),
    ("FIRST(value, 10)", None),
    ("PREV(value)", 20),
    ("NEXT(value)", None),
    ("NEXT(FIRST(value), 2)", 30),
    ("NEXT(FIRST(value), 10)", None),
    ("PREV(FIRST(value), 10)", None),
    ("PREV(FIRST(value, 10), 2)", None),
    ("PREV(LAST(value, 10), 2)", None),
]


@pytest.mark.parametrize(("measure", "wanted"), NAVIGATION)
def test_navigation(measure: str, wanted: int | None) -> None:
    query = f"""SELECT measure OVER w FROM t WINDOW w AS (
        ORDER BY id MEASURES {measure} AS measure {FRAME} PATTERN (A+) DEFINE A AS true) ORDER BY id"""
    assert match_recognize(query, table([10, 20, 30])).column(0).to_pylist() == [wanted, None, None]


# testNavigationPastFrameBounds: rows 3 and 4 are the only match, and B is row 4.
@pytest.mark.parametrize(
    ("measure", "end", "wanted"),
    [
        ("PREV(B.value, 4)", "UNBOUNDED", None),
        ("PREV(B.value, 3)", "UNBOUNDED", None),
        ("PREV(B.value, 2)", "UNBOUNDED", None),
        ("NEXT(B.value, 1)", "UNBOUNDED", 40),
        ("NEXT(B.value, 2)", "UNBOUNDED", None),
        ("NEXT(B.value, 1)", "1", None),
    ],
)
def test_navigation_past_the_frame(measure: str, end: str, wanted: int | None) -> None:
    query = f"""SELECT measure OVER w FROM t WINDOW w AS (
        ORDER BY id MEASURES {measure} AS measure ROWS BETWEEN CURRENT ROW AND {end} FOLLOWING
        PATTERN (A B) DEFINE A AS A.value = NEXT(A.value)) ORDER BY id"""
    answer = match_recognize(query, table([10, 20, 30, 30, 40]))
    assert answer.column(0).to_pylist() == [None, None, wanted, None, None]


def test_frames_of_their_own_length() -> None:
    rows = pa.table({"id": [1, 2, 3, 4, 5], "rows": [1, 2, 6, 0, 2]})
    query = """SELECT id, last_matched_row OVER w FROM t WINDOW w AS (
        ORDER BY id MEASURES LAST(id) AS last_matched_row ROWS BETWEEN CURRENT ROW AND rows FOLLOWING
        AFTER MATCH SKIP TO NEXT ROW PATTERN (A+) DEFINE A AS true) ORDER BY id"""
    assert shown(match_recognize(query, rows)) == "1:2 2:4 3:5 4:4 5:5"


def test_case_of_names() -> None:
    query = """SELECT id, label OVER w FROM t WINDOW w AS (
        ORDER BY id MEASURES CLASSIFIER() AS label ROWS BETWEEN CURRENT ROW AND 10 FOLLOWING
        AFTER MATCH SKIP TO NEXT ROW PATTERN (a b* C*)
        DEFINE "B" AS B.value < PREV(b.value), "C" AS C.value > PREV(c.value)) ORDER BY id"""
    assert shown(match_recognize(query, table([90, 80, 70, 80]))) == "1:C 2:C 3:C 4:A"


def test_scalar_functions() -> None:
    query = """SELECT id, label OVER w FROM t WINDOW w AS (
        ORDER BY id MEASURES CAST(lower(LAST(CLASSIFIER())) || '_label' AS varchar(7)) AS label
        ROWS BETWEEN CURRENT ROW AND 10 FOLLOWING PATTERN (A B+)
        DEFINE B AS B.value + 10 < abs(PREV (B.value))) ORDER BY id"""
    assert shown(match_recognize(query, table([90, 80, 60]))) == "1:- 2:b_label 3:-"


PARTS = {
    "id": [1, 2, 6, 2, 2, 1, 3, 4, 5, 1, 3, 3],
    "part": ["p1", "p1", "p1", "p2", "p3", "p3", "p1", "p1", "p1", "p2", "p3", "p2"],
    "value": [90, 80, 80, 20, 60, 50, 70, 80, 90, 20, 70, 10],
}
FALLS_NEXT = f"""WINDOW w AS (
    PARTITION BY part ORDER BY id MEASURES RUNNING LAST(value) AS val, classifier() AS label
    {PAST} PATTERN (B+) DEFINE B AS B.value > NEXT (B.value))"""


def test_partitions() -> None:
    query = f"SELECT part AS partition, id AS row_id, val OVER w, label OVER w FROM t {FALLS_NEXT} ORDER BY 1, 2"
    wanted = "p1:1:80:B p1:2:-:- p1:3:-:- p1:4:-:- p1:5:90:B p1:6:-:- "
    wanted += "p2:1:-:- p2:2:20:B p2:3:-:- p3:1:-:- p3:2:-:- p3:3:-:-"
    assert shown(match_recognize(query, pa.table(PARTS))) == wanted
    empty = pa.table(PARTS).slice(0, 0)
    assert match_recognize(query, empty).num_rows == 0
    some = pa.table({"id": [5, 2, 1, 4, 3], "part": ["p"] * 5, "value": [10, 90, 80, 20, 30]})
    alone = query.replace("PARTITION BY part", "").replace("part AS partition, ", "").replace("1, 2", "1")
    assert shown(match_recognize(alone, some)) == "1:-:- 2:20:B 3:-:- 4:-:- 5:-:-"


def test_a_window_without_measures_over_which_nothing_is_called() -> None:
    rows = pa.table({"id": [5, 2, 1, 4, 3], "part": ["p2", "p1", "p1", "p2", "p1"], "value": [10, 90, 80, 20, 30]})
    query = f"""SELECT id AS row_id, part AS partition FROM t
        WINDOW w AS (PARTITION BY part ORDER BY id {FRAME} PATTERN (B+) DEFINE B AS B.value < PREV (B.value))
        ORDER BY 1"""
    assert shown(match_recognize(query, rows)) == "1:p1 2:p1 3:p1 4:p2 5:p2"


def test_functions_over_matches() -> None:
    query = f"""SELECT part, id, val OVER w, label OVER w, row_number() OVER w, array_agg(value) OVER w
        FROM t {FALLS_NEXT} ORDER BY 1, 2"""
    wanted = "p1:1:80:B:1:[90,80] p1:2:-:-:2:- p1:3:-:-:3:- p1:4:-:-:4:- p1:5:90:B:5:[90] p1:6:-:-:6:- "
    wanted += "p2:1:-:-:1:- p2:2:20:B:2:[20] p2:3:-:-:3:- p3:1:-:-:1:- p3:2:-:-:2:- p3:3:-:-:3:-"
    assert shown(match_recognize(query, pa.table(PARTS))) == wanted


SOUGHT = {
    "id": [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2],
    "part": ["p1"] * 5 + ["p2"] * 5 + ["p3"] * 2,
    "value": [50, 80, 70, 60, 50, 10, 20, 30, 40, 10, 100, 100],
}


SOUGHT_FROM_EACH = "p1:1:[80,70,60] p1:2:[80,70,60] p1:3:[70,60] p1:4:[60] p1:5:- "
SOUGHT_FROM_EACH += "p2:1:[40] p2:2:[40] p2:3:[40] p2:4:[40] p2:5:- p3:1:- p3:2:-"


@pytest.mark.parametrize(
    ("skip", "wanted"),
    [
        (
            "TO NEXT ROW",
            SOUGHT_FROM_EACH,
        ),
        (
            "PAST LAST ROW",
            "p1:1:[80,70,60] p1:2:- p1:3:- p1:4:- p1:5:- p2:1:[40] p2:2:- p2:3:- p2:4:- p2:5:- p3:1:- p3:2:-",
        ),
    ],
)
def test_seek(skip: str, wanted: str) -> None:
    query = f"""SELECT part, id, array_agg(value) OVER w FROM t WINDOW w AS (
        PARTITION BY part ORDER BY id {FRAME} AFTER MATCH SKIP {skip} SEEK PATTERN (B+)
        DEFINE B AS B.value > NEXT (B.value)) ORDER BY 1, 2"""
    assert shown(match_recognize(query, pa.table(SOUGHT))) == wanted


# testAccessingValuesOutsideMatch: rows 3 and 4 are the only match; what PREV(B.id, 4) to NEXT(B.id, 3) see from row 4.
NOWHERE = [None] * 8
FROM_ROW_1 = [None, 1, 2, 3, 4, 5, None, None]
FROM_ROW_2 = [None, None, 2, 3, 4, None, None, None]
FROM_ROW_3 = [None, None, None, 3, 4, 5, None, None]


@pytest.mark.parametrize(
    ("frame", "wanted"),
    [
        ("4 FOLLOWING AFTER MATCH SKIP PAST LAST ROW SEEK", {1: FROM_ROW_1}),
        ("2 FOLLOWING AFTER MATCH SKIP PAST LAST ROW SEEK", {2: FROM_ROW_2}),
        ("2 FOLLOWING AFTER MATCH SKIP TO NEXT ROW SEEK", {2: FROM_ROW_2, 3: FROM_ROW_3}),
        ("2 FOLLOWING AFTER MATCH SKIP PAST LAST ROW INITIAL", {3: FROM_ROW_3}),
        ("CURRENT ROW AFTER MATCH SKIP PAST LAST ROW SEEK", {}),
    ],
)
def test_rows_of_the_frame_outside_of_the_match(frame: str, wanted: dict[int, list[int | None]]) -> None:
    calls = [f"PREV(B.id, {rows})" for rows in (4, 3, 2, 1, 0)] + [f"NEXT(B.id, {rows})" for rows in (1, 2, 3)]
    measures = ", ".join(f"{call} AS row_{at}" for at, call in enumerate(calls))
    query = f"""SELECT {", ".join(f"row_{at} OVER w" for at in range(8))} FROM t WINDOW w AS (
        ORDER BY id MEASURES {measures} ROWS BETWEEN CURRENT ROW AND {frame}
        PATTERN (A B) DEFINE A AS A.value = NEXT(A.value)) ORDER BY id"""
    answer = match_recognize(query, table([10, 20, 30, 30, 40, 50]))
    rows = [list(row) for row in zip(*(column.to_pylist() for column in answer.columns))]
    assert rows == [wanted.get(row, NOWHERE) for row in range(1, 7)]


# testRowPatternMatchingInOrderBy
LABELS = f"MEASURES CLASSIFIER() AS label {FRAME} PATTERN (X Y A B C) DEFINE X AS true"


@pytest.mark.parametrize(
    "rest",
    [
        f"WINDOW w AS (ORDER BY id {LABELS}) ORDER BY label OVER w ASC NULLS FIRST",
        f"ORDER BY label OVER (ORDER BY id {LABELS}) ASC NULLS FIRST",
        f"WINDOW w AS (ORDER BY id) ORDER BY label OVER (w {LABELS}) ASC NULLS FIRST",
    ],
)
def test_order_by(rest: str) -> None:
    # One row has a label, that of the match's last row.
    query = f"SELECT id, label OVER {'w' if 'w AS (ORDER BY id M' in rest else f'(ORDER BY id {LABELS})'} FROM t {rest}"
    rows = match_recognize(query, pa.table({"id": [1, 2, 3, 4, 5, 6]}))
    assert rows.column(1).to_pylist() == [None] * 5 + ["C"]
    assert rows.column(0).to_pylist()[-1] == 1


# testInPredicateWithoutSubquery
@pytest.mark.parametrize(
    ("measure", "wanted"),
    [
        ("FIRST(A.value) IN (300, LAST(A.value))", [False, False, True, True]),
        ("CLASSIFIER() IN ('X', lower(CLASSIFIER()))", [False] * 4),
    ],
)
def test_in(measure: str, wanted: list[bool]) -> None:
    query = f"""SELECT val OVER w FROM t WINDOW w AS (ORDER BY id MEASURES {measure} AS val {FRAME}
        AFTER MATCH SKIP TO NEXT ROW PATTERN (A+) DEFINE A AS true) ORDER BY id"""
    assert match_recognize(query, table([100, 200, 300, 400])).column(0).to_pylist() == wanted


# testSubqueries
@pytest.mark.parametrize(
    ("measure", "condition", "wanted"),
    [
        ("(SELECT 'x')", "(SELECT true)", "x"),
        ("LAST(A.value + (SELECT 1000))", "FIRST(A.value < 0 OR (SELECT true))", 1400),
        ("LAST(A.id < 0 OR 1 IN (SELECT 1))", "FIRST(A.id > 0 AND 1 IN (SELECT 1))", True),
        ("LAST(id + 50 IN (SELECT 100))", "LAST(id NOT IN (SELECT 100))", False),
        ("LAST(A.value < 0 OR EXISTS(SELECT 1))", "FIRST(A.value < 0 OR EXISTS(SELECT 1))", True),
    ],
)
def test_subqueries(measure: str, condition: str, wanted: Any) -> None:
    query = f"""SELECT val OVER w FROM t WINDOW w AS (ORDER BY id MEASURES {measure} AS val {FRAME}
        AFTER MATCH SKIP TO NEXT ROW PATTERN (A+) DEFINE A AS {condition}) ORDER BY id"""
    assert match_recognize(query, table([100, 200, 300, 400])).column(0).to_pylist() == [wanted] * 4


def test_a_subquery_without_measures() -> None:
    query = f"""SELECT id, max(value) OVER w FROM t WINDOW w AS (
        ORDER BY id {FRAME} AFTER MATCH SKIP TO NEXT ROW PATTERN (A+) DEFINE A AS (SELECT true)) ORDER BY id"""
    assert shown(match_recognize(query, table([100, 200, 300, 400]))) == "1:400 2:400 3:400 4:400"


def test_no_measures() -> None:
    query = f"""SELECT id, max(value) OVER w FROM t WINDOW w AS (
        ORDER BY id {FRAME} AFTER MATCH SKIP TO NEXT ROW PATTERN (A+) DEFINE A AS true) ORDER BY id"""
    assert shown(match_recognize(query, table([100, 200, 300, 400]))) == "1:400 2:400 3:400 4:400"
