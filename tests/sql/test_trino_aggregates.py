"""Trino's published cases of aggregates: its tables, its answers; the queries are written anew.

Source: trinodb/trino on GitHub, core/trino-main/src/test/java/io/trino/sql/query, the classes
TestAggregationsInRowPatternMatching, TestCopyAggregationStateInRowPatternMatching and
TestExpressionRewriteInRowPatternMatching. Where Trino has a function of its own (`array_join`, `multimap_agg`),
DuckDB's for the same stands here. Answers are texts of rows, with `-` for NULL.
"""

from __future__ import annotations

from typing import Any

import pytest
from published_cases import Columns, answer, numbered

# Rows of three partitions in no order.
PARTITIONS: Columns = {
    "id": [1, 2, 6, 2, 2, 1, 3, 4, 5, 1, 3, 3],
    "part": ["p1", "p1", "p1", "p2", "p3", "p3", "p1", "p1", "p1", "p2", "p3", "p2"],
    "value": [1, 1, 1, 10, 100, 100, 1, 1, 1, 10, 100, 10],
}
FIVE_EACH: Columns = {
    "id": [1, 2, 3, 4, 5] * 2,
    "part": ["p1"] * 5 + ["p2"] * 5,
    "value": [1, 1, 1, 1, 1, 2, 2, 2, 2, 2],
    "rising": [1, 2, 3, 4, 5, 2, 4, 6, 8, 10],
}
LETTERS: Columns = {
    "part": ["p1"] * 6 + ["p2"] * 3 + ["p3"] * 3,
    "id": [1, 2, 3, 4, 5, 6, 1, 2, 3, 1, 2, 3],
    "value": list("abcdefghijkl"),
}
SIX_EACH: Columns = {"part": ["p1"] * 6 + ["p2"] * 6, "id": [1, 2, 3, 4, 5, 6] * 2, "value": list("abcdefghijkl")}
RUNNING_SUMS = """p1:1:1 p1:2:2 p1:3:3 p1:4:1 p1:5:2 p1:6:3
    p2:1:10 p2:2:20 p2:3:30 p3:1:100 p3:2:200 p3:3:300"""
SMALL_THEN_A = (
    "p1:1:{0}:B p1:2:{1}:B p1:3:{2}:B p1:4:{3}:B p1:5:{4}:A p2:1:{5}:B p2:2:{6}:B p2:3:{7}:A p2:4:{8}:A p2:5:{9}:A"
)
FORKED = "1:B 2:A 3:X"


def all_rows(pattern: str, define: str, *measures: str, keys: str = "ORDER BY id", skip: str = "PAST LAST ROW") -> str:
    """A clause that shows all rows of matches."""
    named = ", ".join(f"{measure} AS m{number}" for number, measure in enumerate(measures))
    return f"{keys} MEASURES {named} ALL ROWS PER MATCH AFTER MATCH SKIP {skip} PATTERN ({pattern}) {define}"


BY_PART = "PARTITION BY part ORDER BY id"
EACH_A = "DEFINE A AS true"


def forked(condition: str) -> str:
    """Each row may be A or B, and only the last one's condition decides."""
    return all_rows("(A | B)* X", f"DEFINE X AS {condition}", "CLASSIFIER()")


CASES: list[tuple[Columns, str, str, str]] = [
    # testSimpleQuery
    (numbered(8), "id, m0", all_rows("A*", EACH_A, "RUNNING sum(id)"), "1:1 2:3 3:6 4:10 5:15 6:21 7:28 8:36"),
    (
        numbered(8),
        "id, array_to_string(m0, '')",
        all_rows("A*", EACH_A, "RUNNING array_agg(CLASSIFIER(A))"),
        " ".join(f"{row}:{'A' * row}" for row in range(1, 9)),
    ),
    (
        numbered(8),
        "id, m0",
        all_rows(
            'M A X X T C H "!"',
            'SUBSET U = (M, A, T, C, H, "!") DEFINE M AS true',
            "array_to_string(RUNNING array_agg(lower(CLASSIFIER(U))), '')",
        ),
        "1:m 2:ma 3:ma 4:ma 5:mat 6:matc 7:match 8:match!",
    ),
    # testPartitioning
    (
        PARTITIONS,
        "part, id, m0",
        all_rows("B+", "DEFINE B AS true", "RUNNING sum(value)", keys=BY_PART),
        """p1:1:1 p1:2:2 p1:3:3 p1:4:4 p1:5:5 p1:6:6 p2:1:10 p2:2:20 p2:3:30 p3:1:100 p3:2:200 p3:3:300""",
    ),
    (
        PARTITIONS,
        "part, m1, id, m0",
        all_rows("B+", "DEFINE B AS true", "RUNNING sum(value)", "MATCH_NUMBER()", keys=BY_PART, skip="TO NEXT ROW"),
        " ".join(
            f"{part}:{match}:{row}:{(row - match + 1) * value}"
            for part, rows, value in (("p1", 6, 1), ("p2", 3, 10), ("p3", 3, 100))
            for match in range(1, rows + 1)
            for row in range(match, rows + 1)
        ),
    ),
    # testTentativeLabelMatch
    (
        numbered(3, value=[4, 6, 0]),
        "id, m1, m0",
        all_rows("(A | B)*", "DEFINE A AS avg(B.value) = 5", "RUNNING avg(B.value)", "CLASSIFIER()"),
        "1:B:4.0 2:B:5.0 3:A:5.0",
    ),
    (
        numbered(4, value=[4, 6, 0, 5]),
        "id, m1, m0",
        all_rows("(A | B)*", "DEFINE A AS avg(A.value) = 5", "RUNNING avg(A.value)", "CLASSIFIER()"),
        "1:B:- 2:B:- 3:B:- 4:A:5.0",
    ),
    *(
        (
            PARTITIONS,
            "part, id, m0",
            all_rows("B (A | B) B", f"DEFINE A AS {function}(value) > 1000", "RUNNING sum(value)", keys=BY_PART),
            RUNNING_SUMS,
        )
        for function in ("sum", "arbitrary", "any_value")
    ),
    (
        FIVE_EACH,
        "part, id, m0, m1",
        all_rows("(A | B)*", "DEFINE A AS sum(value) > 4", "RUNNING sum(value)", "CLASSIFIER()", keys=BY_PART),
        SMALL_THEN_A.format(1, 2, 3, 4, 5, 2, 4, 6, 8, 10),
    ),
    (
        FIVE_EACH,
        "part, id, m0, m1",
        all_rows("(A | B)*", "DEFINE A AS max(rising) > 4", "RUNNING max(rising)", "CLASSIFIER()", keys=BY_PART),
        SMALL_THEN_A.format(1, 2, 3, 4, 5, 2, 4, 6, 8, 10),
    ),
    # testTentativeLabelMatchWithRuntimeEvaluatedAggregationArgument
    (
        FIVE_EACH,
        "part, id, m0, m1",
        all_rows(
            "(A | B)*",
            "DEFINE A AS max(rising + MATCH_NUMBER()) > 5",
            "RUNNING max(rising)",
            "CLASSIFIER()",
            keys=BY_PART,
        ),
        SMALL_THEN_A.format(1, 2, 3, 4, 5, 2, 4, 6, 8, 10),
    ),
    # testAggregationArguments
    (
        LETTERS,
        "part, id, array_to_string(m0, '+')",
        all_rows("X Y Z+", "DEFINE X AS true", "array_agg(value || CLASSIFIER())", keys=BY_PART),
        """p1:1:aX p1:2:aX+bY p1:3:aX+bY+cZ p1:4:aX+bY+cZ+dZ p1:5:aX+bY+cZ+dZ+eZ p1:6:aX+bY+cZ+dZ+eZ+fZ
        p2:1:gX p2:2:gX+hY p2:3:gX+hY+iZ p3:1:jX p3:2:jX+kY p3:3:jX+kY+lZ""",
    ),
    (
        numbered(3, value="abc"),
        "id, array_to_string(m0, '+')",
        all_rows("X Y Z", "DEFINE X AS true", "array_agg(value || value || CLASSIFIER())"),
        "1:aaX 2:aaX+bbY 3:aaX+bbY+ccZ",
    ),
    *(
        (
            numbered(3, value="abc"),
            "id, m0",
            all_rows("X Y Z", "DEFINE X AS true", f"array_agg({argument})"),
            " ".join(f"{row}:{values[:row]}".replace(" ", "") for row in (1, 2, 3)),
        )
        for argument, values in [
            ("'X' || (SELECT 'Y')", list[Any](["XY"] * 3)),
            ("'X' IN (SELECT 'Y')", [False] * 3),
            ("EXISTS (SELECT 'Y')", [True] * 3),
            ("CLASSIFIER() || (SELECT 'A')", ["XA", "YA", "ZA"]),
            ("MATCH_NUMBER() = 10 AND 0 IN (SELECT 1)", [False] * 3),
            ("MATCH_NUMBER() = 1 AND EXISTS (SELECT 'Y')", [True] * 3),
        ]
    ),
    (
        numbered(4, value="pqrs"),
        "id, m0",
        all_rows("A B D C", EACH_A, "max_by(value, CLASSIFIER())"),
        "1:p 2:q 3:r 4:r",
    ),
    # testSelectiveAggregation
    *(
        (
            numbered(4, value="abcd"),
            "id, array_to_string(m0, '+')",
            all_rows("X Y Z Y", "SUBSET U = (X, Z) DEFINE X AS true", measure),
            f"1:{one} 2:{one} 3:{both} 4:{both}",
        )
        for measure, one, both in [
            ("array_agg(U.id)", "1", "1+3"),
            ("array_agg(CLASSIFIER(U))", "X", "X+Z"),
            ("array_agg(U.value || CLASSIFIER(U))", "aX", "aX+cZ"),
        ]
    ),
    # testCountAggregation
    (
        numbered(4),
        "id, m0, m1",
        all_rows("X Y Z", "DEFINE X AS id > 1", "count(*)", "count()"),
        "2:1:1 3:2:2 4:3:3",
    ),
    (
        numbered(4),
        "id, m0, m1, m2, m3",
        all_rows("A B C D", EACH_A, "RUNNING count(*)", "FINAL count(*)", "RUNNING count()", "FINAL count()"),
        "1:1:4:1:4 2:2:4:2:4 3:3:4:3:4 4:4:4:4:4",
    ),
    (
        numbered(4),
        "id, m0, m1",
        all_rows("A B C D", "SUBSET U = (B, D) DEFINE A AS true", "count(C.*)", "count(U.*)"),
        "1:0:0 2:0:1 3:1:1 4:1:2",
    ),
    # testLabelAndColumnNames
    (
        numbered(4, A=["p", "q", None, "s"]),
        "id, m0, m1, m2, m3",
        all_rows("A B A A", EACH_A, "CLASSIFIER()", "count(A.A)", "count(A)", "count(A.*)"),
        "1:A:1:1:1 2:B:1:2:1 3:A:1:2:2 4:A:2:3:3",
    ),
    # testOneRowPerMatch
    (
        SIX_EACH,
        "part, array_to_string(m0, '+')",
        f"{BY_PART} MEASURES array_agg(value || CLASSIFIER()) AS m0 PATTERN (X Y Z) DEFINE X AS true",
        "p1:aX+bY+cZ p1:dX+eY+fZ p2:gX+hY+iZ p2:jX+kY+lZ",
    ),
    # testExclusions
    (
        {
            "part": ["p1"] * 5 + ["p2"] * 5,
            "id": [1, 2, 3, 4, 5] * 2,
            "value": [f"{part}{letter}" for part in (1, 2) for letter in "abcde"],
        },
        "part, array_to_string(m0, '+'), array_to_string(m1, '+')",
        all_rows(
            "P {- Q R -} S",
            "DEFINE P AS id > 1",
            "array_agg(value)",
            "array_agg(value || CLASSIFIER())",
            keys=BY_PART,
        ),
        "p1:1b:1bP p1:1b+1c+1d+1e:1bP+1cQ+1dR+1eS p2:2b:2bP p2:2b+2c+2d+2e:2bP+2cQ+2dR+2eS",
    ),
    # testBalancingSums
    (
        numbered(9, value=[4, 6, 10, 1, 1, 1, 10, 5, 1]),
        "id, m2, m0, m1",
        all_rows(
            "(A | B)*",
            "DEFINE A AS sum(A.value) - A.value <= sum(B.value)",
            "RUNNING sum(A.value)",
            "RUNNING sum(B.value)",
            "CLASSIFIER()",
        ),
        "1:B:-:4 2:A:6:4 3:B:6:14 4:A:7:14 5:A:8:14 6:A:9:14 7:A:19:14 8:B:19:19 9:A:20:19",
    ),
    # testPeriodLength
    (
        {"user": [1, 1, 1, 1, 1, 2, 2, 2], "minute": [3, 4, 5, 8, 9, 2, 3, 4]},
        '"user", m0::INTEGER',
        """PARTITION BY "user" ORDER BY "minute"
        MEASURES coalesce(sum(C."minute") - sum(A."minute"), 0) AS m0 PATTERN ((A B* C | D)*)
        DEFINE B AS "minute" = PREV("minute") + 1, C AS "minute" = PREV("minute") + 1""",
        "1:3 2:2",
    ),
    # testSetPartitioning
    (
        numbered(8),
        "id, array_to_string(m0, '+')",
        all_rows(
            "^ (A | B)* (LAST_A | LAST_B) $",
            "DEFINE LAST_A AS sum(A.id) + id = sum(B.id), LAST_B AS sum(B.id) + id = sum(A.id)",
            "RUNNING array_agg(CLASSIFIER())",
        ),
        """1:A 2:A+A 3:A+A+A 4:A+A+A+A 5:A+A+A+A+B 6:A+A+A+A+B+B 7:A+A+A+A+B+B+B 8:A+A+A+A+B+B+B+LAST_A""",
    ),
    (
        numbered(6),
        "id, m0",
        all_rows(
            "^ (A | B | C)* (LAST_A | LAST_B | LAST_C) $",
            """DEFINE LAST_A AS sum(A.id) + id = sum(B.id) AND sum(B.id) = sum(C.id),
            LAST_B AS sum(B.id) + id = sum(A.id) AND sum(A.id) = sum(C.id),
            LAST_C AS sum(C.id) + id = sum(A.id) AND sum(A.id) = sum(B.id)""",
            "CLASSIFIER()",
        ),
        "1:A 2:B 3:C 4:C 5:B 6:LAST_A",
    ),
    # testForkingThreads
    (
        numbered(4),
        "id, m0",
        all_rows("(A | B | C)* X", "DEFINE X AS array_agg(CLASSIFIER()) = ['C', 'A', 'B', 'X']", "CLASSIFIER()"),
        "1:C 2:A 3:B 4:X",
    ),
    # testMultipleAggregationsInDefine
    (
        numbered(8),
        "m0, array_to_string(m1, '+')",
        """ORDER BY id MEASURES MATCH_NUMBER() AS m0, array_agg(CLASSIFIER()) AS m1 PATTERN ((A | B){4})
        DEFINE A AS max(id - 2 * MATCH_NUMBER()) > 1 AND max(CLASSIFIER()) = 'B',
        B AS min(lower(CLASSIFIER())) = 'b' OR min(MATCH_NUMBER() + 100) < 0""",
        "1:B+B+B+A 2:B+A+A+A",
    ),
    # testRunningAndFinalAggregations
    (
        numbered(8),
        "id, m0, array_to_string(m1, ''), array_to_string(m2, ''), m3, m4",
        all_rows(
            "A B C D",
            EACH_A,
            "MATCH_NUMBER()",
            "RUNNING array_agg(CLASSIFIER())",
            "FINAL array_agg(lower(CLASSIFIER()))",
            "RUNNING sum(MATCH_NUMBER() * 100)",
            "FINAL sum(-MATCH_NUMBER())",
        ),
        """1:1:A:abcd:100:-4 2:1:AB:abcd:200:-4 3:1:ABC:abcd:300:-4 4:1:ABCD:abcd:400:-4
        5:2:A:abcd:200:-8 6:2:AB:abcd:400:-8 7:2:ABC:abcd:600:-8 8:2:ABCD:abcd:800:-8""",
    ),
    # testMultipleAggregationArguments
    (
        numbered(8),
        "id, m0, m1",
        all_rows(
            "A B C D",
            EACH_A,
            "RUNNING max_by(MATCH_NUMBER() * 100 + id, CLASSIFIER())",
            "FINAL max_by(-MATCH_NUMBER() - id, lower(CLASSIFIER()))",
        ),
        "1:101:-5 2:102:-5 3:103:-5 4:104:-5 5:205:-10 6:206:-10 7:207:-10 8:208:-10",
    ),
    # TestCopyAggregationStateInRowPatternMatching
    *(
        (numbered(3), "id, m0", forked(condition), wanted)
        for condition, wanted in [
            ("array_to_string(array_agg(CLASSIFIER()), '') = 'BAX'", FORKED),
            ("string_agg(CLASSIFIER(), '') = 'BAX'", FORKED),
            ("array_to_string(min_by(CLASSIFIER(), id, 3), '') = 'BAX'", FORKED),
            ("array_to_string(max_by(CLASSIFIER(), id, 3), '') = 'XAB'", FORKED),
            ("array_to_string(min(CLASSIFIER(), 3), '') = 'ABX'", "1:A 2:B 3:X"),
            ("array_to_string(max(CLASSIFIER(), 3), '') = 'XBA'", "1:A 2:B 3:X"),
            ("map(array_agg(id), array_agg(CLASSIFIER()))[1] = 'B'", FORKED),
            ("avg(CAST(B.id AS DECIMAL(2, 1))) = 1", FORKED),
            ("avg(CAST(B.id AS DECIMAL(30, 20))) = 1", FORKED),
            ("sum(CAST(B.id AS DECIMAL(2, 1))) = 1.0", FORKED),
            ("sum(CAST(B.id AS DECIMAL(30, 20))) = 1.0", FORKED),
        ]
    ),
    # TestExpressionRewriteInRowPatternMatching
    (
        numbered(3),
        "id, m0, array_to_string(m1, '+'), m2",
        all_rows(
            "(A | B)* X",
            """DEFINE X AS array_agg(CLASSIFIER()) = ['B', 'A', 'X'] AND sum(list_max([MATCH_NUMBER()])) = 3""",
            "CLASSIFIER()",
            "['foo', CLASSIFIER()]",
            "sum(list_max([MATCH_NUMBER()]))",
        ),
        "1:B:foo+B:1 2:A:foo+A:2 3:X:foo+X:3",
    ),
    (
        numbered(3),
        "id, m0, m1, m2",
        all_rows(
            "(A | B)* X",
            "DEFINE X AS PREV(CLASSIFIER()) LIKE '%B' AND bool_or(CLASSIFIER() LIKE '%A')",
            "CLASSIFIER()",
            "CLASSIFIER() LIKE '%X'",
            "bool_or(CLASSIFIER() LIKE '%B')",
        ),
        "1:A:False:False 2:B:False:True 3:X:True:True",
    ),
]


@pytest.mark.parametrize(("columns", "shown", "clause", "wanted"), CASES)
def test_aggregates(columns: Columns, shown: str, clause: str, wanted: str) -> None:
    assert answer(columns, shown, clause) == wanted.split()
