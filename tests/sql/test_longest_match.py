"""`prefer="longest"`: of the possible matches at a row the one with the most rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import explain, match_recognize

QUERY = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY n MEASURES FIRST(n) AS a, array_agg(CLASSIFIER()) AS c {clause})"


def found(clause: str, rows: int = 6, **options: Any) -> list[tuple[int, str]]:
    answer = match_recognize(QUERY.format(clause=clause), pa.table({"n": range(rows)}), **options)
    labels = ("".join(each or ()) for each in answer["c"].to_pylist())
    return list(zip(answer["a"].to_pylist(), labels))


@pytest.mark.parametrize(
    ("clause", "first", "longest"),
    [
        ("PATTERN (A | B B B)", [(n, "A") for n in range(6)], [(0, "BBB"), (3, "BBB")]),
        ("PATTERN (A+? B?)", [(0, "AB"), (2, "AB"), (4, "AB")], [(0, "AAAAAB")]),
        # Of several as long, the most preferred one.
        ("PATTERN ((A | B) (B | A) C | A B)", [(0, "ABC"), (3, "ABC")], [(0, "ABC"), (3, "ABC")]),
        ("PATTERN ((() | A B))", [(None, "")] * 6, [(0, "AB"), (2, "AB"), (4, "AB")]),
        ("PATTERN (A{1,2}? $ | B)", [(0, "B"), (1, "B"), (2, "B"), (3, "B"), (4, "AA")], None),
        ("PATTERN (A | B B) WITHIN 0", [(n, "A") for n in range(6)], [(n, "A") for n in range(6)]),
        ("PATTERN (A | B B | C C C C) WITHIN 2", [(n, "A") for n in range(6)], [(0, "BB"), (2, "BB"), (4, "BB")]),
        # Conditions that depend on the match.
        ("PATTERN (A | B+) DEFINE B AS n < FIRST(n) + 4", [(n, "A") for n in range(6)], [(0, "BBBB"), (4, "BB")]),
        ("PATTERN (A+? C?) DEFINE A AS count(*) < 4", [(0, "AC"), (2, "AC"), (4, "AC")], [(0, "AAAC"), (4, "AC")]),
        ("PATTERN (A | B+) DEFINE B AS median(n) < 2", [(n, "A") for n in range(6)], [(0, "BBBB"), (4, "A"), (5, "A")]),
    ],
)
def test_longest(clause: str, first: list[Any], longest: list[Any] | None) -> None:
    assert found(clause) == first
    assert found(clause, prefer="longest") == (first if longest is None else longest)


def test_all_forms_of_queries() -> None:
    table = pa.table({"n": range(6)})
    query = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY n MEASURES count(*) AS rows PATTERN (A | A A))"
    wanted = [2, 2, 2]
    assert match_recognize(query, table, prefer="longest")["rows"].to_pylist() == wanted
    assert match_recognize(query, table, prefer="longest", stream=True).read_all()["rows"].to_pylist() == wanted
    assert "the longest is taken" in str(explain(query, table, prefer="longest"))
    assert "the longest is taken" not in str(explain(query, table))


def test_pattern_match() -> None:
    pattern = rowpattern.compile("A | A B")
    rows = {"A": [True, True, True], "B": [False, True, False]}
    matches = pattern.match(rows, prefer="longest")
    assert [matches.start.to_list(), matches.end.to_list()] == [[0, 2], [2, 3]]
    matches = pattern.match(rows, prefer="longest", latest_ends=[1, 2, 3])
    assert [matches.start.to_list(), matches.end.to_list()] == [[0, 1, 2], [1, 2, 3]]
    with pytest.raises(ValueError, match='prefer must be "first" or "longest"'):
        pattern.match(rows, prefer="shortest")  # type: ignore[arg-type]
    with pytest.raises(rowpattern.RowsError, match="there are 3 rows, but latest_ends has 2"):
        pattern.match(rows, latest_ends=[1, 2])


def test_unknown_preference() -> None:
    with pytest.raises(rowpattern.ConfigurationError, match=r'prefer is .*; allowed are "first" and "longest"'):
        found("PATTERN (A)", prefer="last")


@pytest.mark.parametrize("condition", ["TRUE", "n >= COALESCE(PREV(n), 0)"])
def test_windows(condition: str) -> None:
    """In a window, too, the longest match of its frame is taken, also where conditions read rows before it."""
    query = f"""SELECT c OVER w AS c FROM t WINDOW w AS (ORDER BY n MEASURES count(*) AS c
        ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING PATTERN (A | B+) DEFINE B AS {condition})"""
    table = pa.table({"n": range(6)})
    assert match_recognize(query, table)["c"].to_pylist() == [1] * 6
    assert match_recognize(query, table, prefer="longest")["c"].to_pylist() == [6, *[None] * 5]
