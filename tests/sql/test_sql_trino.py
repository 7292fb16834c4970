"""Trino's published cases (core/trino-main, TestRowPatternMatching): its tables, its answers, written as a table.

Answers are strings of rows, `id:match:value:label`, with `-` for NULL. One case differs on purpose; see
`test_running_first_sees_no_row_behind_the_current_one`.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

FALLING = [90, 80, 70, 70]
VALLEYS = [90, 80, 70, 80, 90, 50, 40, 60]
EMPTY = "1:1:-:- 2:2:-:- 3:3:-:- 4:4:-:-"


def table(values: list[int]) -> pa.Table:
    return pa.table({"id": range(1, len(values) + 1), "value": values})


def shown(rows: Any) -> str:
    return " ".join(":".join("-" if each is None else str(each) for each in row) for row in rows)


def ask(values: list[int], pattern: str, define: str, rest: str = "") -> str:
    query = f"""SELECT m.id AS row_id, m.match, m.val, m.label FROM t MATCH_RECOGNIZE (
        ORDER BY id MEASURES match_number() AS match, RUNNING LAST(value) AS val, classifier() AS label
        ALL ROWS PER MATCH {rest or "AFTER MATCH SKIP PAST LAST ROW"} PATTERN ({pattern}) {define}) AS m"""
    return shown(zip(*(column.to_pylist() for column in match_recognize(query, table(values)).columns)))


TRUE = "DEFINE A AS true"
B_THEN_C = "DEFINE B AS B.value < PREV (B.value), C AS C.value = PREV (C.value)"
NOT_RISING = "DEFINE B AS B.value <= PREV (B.value)"
B_FALLS = "DEFINE B AS B.value < PREV (B.value)"
ALL_B = "2:1:80:B 3:1:70:B 4:1:70:B"
EACH_B = "2:1:80:B 3:2:70:B 4:3:70:B"
EMPTY_THEN_ALL = "1:1:-:- 2:2:80:B 3:2:70:B 4:2:70:B"
EMPTY_THEN_EACH = "1:1:-:- 2:2:80:B 3:3:70:B 4:4:70:B"

CASES = [
    # testRowPattern
    ("() | A", TRUE, EMPTY),
    ("^A", TRUE, "1:1:90:A"),
    ("A^", TRUE, ""),
    ("^A^", TRUE, ""),
    ("A$", TRUE, "4:1:70:A"),
    ("$A", TRUE, ""),
    ("$A$", TRUE, ""),
    ("A B C", B_THEN_C, "2:1:80:A 3:1:70:B 4:1:70:C"),
    ("B | C | A", B_THEN_C.replace("=", "<="), "1:1:90:A 2:2:80:B 3:3:70:B 4:4:70:C"),
    ("PERMUTE(B, C)", B_THEN_C.replace("=", "<"), "2:1:80:B 3:1:70:C"),
    ("((A) (B (C)))", B_THEN_C, "2:1:80:A 3:1:70:B 4:1:70:C"),
    # testPatternQuantifiers
    ("B*", NOT_RISING, EMPTY_THEN_ALL),
    ("B*?", NOT_RISING, EMPTY),
    ("B+", NOT_RISING, ALL_B),
    ("B+?", NOT_RISING, EACH_B),
    ("B?", NOT_RISING, EMPTY_THEN_EACH),
    ("B??", NOT_RISING, EMPTY),
    ("B{,}", NOT_RISING, EMPTY_THEN_ALL),
    ("B{,}?", NOT_RISING, EMPTY),
    ("B{1,}", NOT_RISING, ALL_B),
    ("B{1,}?", NOT_RISING, EACH_B),
    ("B{2,}", NOT_RISING, ALL_B),
    ("B{2,}?", NOT_RISING, "2:1:80:B 3:1:70:B"),
    ("B{5,}", NOT_RISING, ""),
    ("B{,1}", NOT_RISING, EMPTY_THEN_EACH),
    ("B{,1}?", NOT_RISING, EMPTY),
    ("B{,2}", NOT_RISING, "1:1:-:- 2:2:80:B 3:2:70:B 4:3:70:B"),
    ("B{,2}?", NOT_RISING, EMPTY),
    ("B{,5}", NOT_RISING, EMPTY_THEN_ALL),
    ("B{1,1}", NOT_RISING, EACH_B),
    ("B{1,5}", NOT_RISING, ALL_B),
    ("B{1,5}?", NOT_RISING, EACH_B),
    ("B{5,7}", NOT_RISING, ""),
    ("B{1}", NOT_RISING, EACH_B),
    ("B{2}?", NOT_RISING, "2:1:80:B 3:1:70:B"),
    # testEmptyCycle
    ("()* | B", B_FALLS, EMPTY),
    ("()+ | B", B_FALLS, EMPTY),
    ("(){5,} | B", B_FALLS, EMPTY),
    ("B | ()*", B_FALLS, "1:1:-:- 2:2:80:B 3:3:70:B 4:4:-:-"),
    ("(B ()*)*", B_FALLS, "1:1:-:- 2:2:80:B 3:2:70:B 4:3:-:-"),
    ("(B ()*)*?", B_FALLS, EMPTY),
    ("^* | B", B_FALLS, EMPTY),
    ("^+ | B", B_FALLS, "1:1:-:- 2:2:80:B 3:3:70:B"),
    ("^* A B", B_FALLS, "1:1:90:A 2:1:80:B"),
    ("$* | B", B_FALLS, EMPTY),
    ("$+ | B", B_FALLS, "2:1:80:B 3:2:70:B"),
    ("B A $+", B_FALLS, "3:1:70:B 4:1:70:A"),
]


@pytest.mark.parametrize(("pattern", "define", "wanted"), CASES)
def test_patterns(pattern: str, define: str, wanted: str) -> None:
    assert ask(FALLING, pattern, define) == wanted


WHOLE = "1:1:90:A 2:1:80:B 3:1:70:B 4:1:80:C 5:1:90:C 6:2:50:A 7:2:40:B 8:2:60:C"


EXCLUSIONS = {
    "A B+ C+": WHOLE,
    "A {- B+ -} C+": "1:1:90:A 4:1:80:C 5:1:90:C 6:2:50:A 8:2:60:C",
    "{- A -} {- B+ -} C+": "4:1:80:C 5:1:90:C 8:2:60:C",
    "A {- {- B+ -} C+ -}": "1:1:90:A 6:2:50:A",
    "{- A B+ C+ -}": "",
    "A B+ {- ()* -} C+": WHOLE,
    "A {- B -}+ {- C -}+": "1:1:90:A 6:2:50:A",
    "A {- B -}* {- C -}*": "1:1:90:A 6:2:50:A",
    "A {- B -}{1,2} {- C -}{1,2}": "1:1:90:A 6:2:50:A",
    "A {- C -}{2,3} {- B -}{2,3}": "3:1:70:A",
}


@pytest.mark.parametrize("pattern", EXCLUSIONS)
def test_exclusion(pattern: str) -> None:
    define = "DEFINE B AS B.value < PREV (B.value), C AS C.value > PREV (C.value)"
    assert ask(VALLEYS, pattern, define) == EXCLUSIONS[pattern]


FIRST = "1:1:90:A 2:1:80:B 3:1:70:B 4:1:80:C"
SECOND = "4:2:80:A 5:2:70:B 6:2:80:C"
SKIPS = {
    "PAST LAST ROW": FIRST,
    "TO NEXT ROW": f"{FIRST} 2:2:80:A 3:2:70:B 4:2:80:C 4:3:80:A 5:3:70:B 6:3:80:C",
    "TO FIRST C": f"{FIRST} {SECOND}",
    "TO LAST B": f"{FIRST} {SECOND}",
    "TO B": f"{FIRST} {SECOND}",
    "TO U": f"{FIRST} {SECOND}",
    "TO A": None,
    "TO D": None,
}


@pytest.mark.parametrize("skip", SKIPS)
def test_skips(skip: str) -> None:
    define = """SUBSET U = (C, D)
        DEFINE B AS B.value < PREV (B.value), C AS C.value > PREV (C.value), D AS false"""
    wanted = SKIPS[skip]
    if wanted is None:
        with pytest.raises(rowpattern.SkipError):
            ask([90, 80, 70, 80, 70, 80], "A B+ C+ D?", define, f"AFTER MATCH SKIP {skip}")
    else:
        assert ask([90, 80, 70, 80, 70, 80], "A B+ C+ D?", define, f"AFTER MATCH SKIP {skip}") == wanted


def test_unmatched_rows_are_those_of_no_match() -> None:
    rest = "WITH UNMATCHED ROWS AFTER MATCH SKIP TO NEXT ROW"
    found = ask([100, 100, 90, 80, 70, 100], "A B{2}", B_FALLS, rest)
    assert found == "1:-:-:- 2:1:100:A 3:1:90:B 4:1:80:B 3:2:90:A 4:2:80:B 5:2:70:B 6:-:-:-"


MODES = {
    ("ONE ROW PER MATCH", "B*"): "1:-:- 2:70:B 3:-:-",
    ("", "B*"): "1:-:- 2:70:B 3:-:-",
    ("ONE ROW PER MATCH", "B+"): "1:70:B",
    ("ALL ROWS PER MATCH", "B*"): "1:-:- 2:80:B 2:70:B 3:-:-",
    ("ALL ROWS PER MATCH", "B+"): "1:80:B 1:70:B",
    ("ALL ROWS PER MATCH OMIT EMPTY MATCHES", "B*"): "2:80:B 2:70:B",
    ("ALL ROWS PER MATCH WITH UNMATCHED ROWS", "B+"): "-:-:- 1:80:B 1:70:B -:-:-",
}


@pytest.mark.parametrize(("rows", "pattern"), MODES)
def test_output_modes(rows: str, pattern: str) -> None:
    query = f"""SELECT m.match, m.val, m.label FROM t MATCH_RECOGNIZE (
        ORDER BY id MEASURES match_number() AS match, RUNNING LAST(value) AS val, classifier() AS label
        {rows} AFTER MATCH SKIP PAST LAST ROW PATTERN ({pattern}) {B_FALLS}) AS m"""
    assert (
        shown(zip(*(column.to_pylist() for column in match_recognize(query, table(FALLING)).columns)))
        == MODES[rows, pattern]
    )


BACK = "PREV(LAST(A.value), 3) + FIRST(A.value) + PREV(LAST(B.value), 2)"
LABELS = "PREV(CLASSIFIER(U), 1) = 'A' AND LAST(CLASSIFIER(), 3) = 'B' AND FIRST(CLASSIFIER(U)) = 'B'"


@pytest.mark.parametrize(
    ("values", "pattern", "define", "measure", "wanted"),
    [
        ([1, 1], "(A | B)* X", "value = A.value", "1", "1:A:1 1:X:1"),
        ([1, 1], "(A | B)* X", "value = B.value", "1", "1:B:1 1:X:1"),
        ([1, 2, 3, 4, 5, 6], "(A | B)* X", f"value = {BACK}", BACK, "1:B:- 2:A:- 3:A:- 4:A:- 5:B:6 6:X:6"),
        (
            [1, 2, 3, 4, 5],
            "(A | B)* X $",
            LABELS,
            LABELS,
            "1:B:- 2:B:False 3:A:False 4:A:True 5:X:True",
        ),
    ],
)
def test_back_reference(values: list[int], pattern: str, define: str, measure: str, wanted: str) -> None:
    query = f"""SELECT value, classy, condition FROM t MATCH_RECOGNIZE (
        ORDER BY id MEASURES CLASSIFIER() AS classy, {measure} AS condition ALL ROWS PER MATCH
        PATTERN ({pattern}) SUBSET U = (A, B) DEFINE X AS {define})"""
    assert shown(zip(*(column.to_pylist() for column in match_recognize(query, table(values)).columns))) == wanted


def test_union_variable() -> None:
    query = """SELECT m.id, m.match, m.val, m.lower_or_higher, m.label FROM t MATCH_RECOGNIZE (
        ORDER BY id
        MEASURES match_number() AS match, RUNNING LAST(value) AS val, classifier(U) AS lower_or_higher,
            classifier(W) AS label
        ALL ROWS PER MATCH PATTERN ((L | H) A) SUBSET U = (L, H), W = (A, L, H)
        DEFINE A AS A.value = 80, L AS L.value < 80, H AS H.value > 80) AS m"""
    found = match_recognize(query, table([90, 80, 70, 80]))
    rows = shown(zip(*(column.to_pylist() for column in found.columns)))
    assert rows == "1:1:90:H:H 2:1:80:H:A 3:2:70:L:L 4:2:80:L:A"


NAVIGATION = {
    "value": "10 20 30",
    "LAST(value)": "10 20 30",
    "RUNNING LAST(value)": "10 20 30",
    "FINAL LAST(value)": "30 30 30",
    "FIRST(value)": "10 10 10",
    "RUNNING FIRST(value)": "10 10 10",
    "FINAL FIRST(value)": "10 10 10",
    "FINAL LAST(value, 2)": "10 10 10",
    "FINAL FIRST(value, 2)": "30 30 30",
    "LAST(value, 10)": "- - -",
    "FIRST(value, 10)": "- - -",
    "PREV(value)": "- 10 20",
    "NEXT(value)": "20 30 -",
}


def navigate(measure: str) -> str:
    query = f"""SELECT m.measure FROM t MATCH_RECOGNIZE (
        ORDER BY id MEASURES {measure} AS measure ALL ROWS PER MATCH PATTERN (A+) DEFINE A AS true) AS m"""
    return shown([each] for each in match_recognize(query, table([10, 20, 30]))["measure"].to_pylist())


@pytest.mark.parametrize("measure", NAVIGATION)
def test_navigation(measure: str) -> None:
    assert navigate(measure) == NAVIGATION[measure]


def test_running_first_sees_no_row_behind_the_current_one() -> None:
    """Trino gives 30 for all three rows; RUNNING ends at the current row (ISO/IEC 19075-5, 5.4)."""
    assert navigate("FIRST(value, 2)") == "- - 30"
