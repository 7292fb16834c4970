"""What a match of a window sees, which is its row's frame, and how frames are matched within the limits."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import explain, match_recognize
from rowpattern.errors import QueryCancelledError, QueryLimitError

from window_queries import FRAME, PRICES, WINDOW, rows


def test_empty_matches_and_rows_without_a_match() -> None:
    query = f"""SELECT id, five OVER w, n OVER w, c OVER w, v OVER w, count(*) OVER w, max(value) OVER w
        FROM t WINDOW w AS (ORDER BY id MEASURES 5 AS five, count(*) AS n, CLASSIFIER() AS c, LAST(value) AS v
            {FRAME} PATTERN ({{}}) DEFINE B AS value = 80) ORDER BY id LIMIT 2"""
    empty, nothing, full = (5, 0, None, None, 0, None), (None, None, None, None, 0, None), (5, 1, "B", 80, 1, 80)
    assert rows(match_recognize(query.format("B?"), PRICES)) == [(1, *empty), (2, *full)]
    assert rows(match_recognize(query.format("B"), PRICES)) == [(1, *nothing), (2, *full)]


def test_previous_rows_are_not_seen_at_the_first_row() -> None:
    # Row 1 falls from nothing; in MATCH_RECOGNIZE row 2 would match.
    query = f"""SELECT m OVER (ORDER BY id MEASURES LAST(id) AS m {FRAME} PATTERN (B+)
        DEFINE B AS value < coalesce(PREV(value), 75)) AS m FROM t ORDER BY id"""
    found = [row[0] for row in rows(match_recognize(query, PRICES))]
    assert found == [None, None, 3, None, None, 7, None, 8, 10, None, 12, None]
    depends = query.replace("coalesce(PREV(value), 75)", "coalesce(PREV(value), 75 + count(*) - count(*))")
    assert [row[0] for row in rows(match_recognize(depends, PRICES))] == found
    assert "search from each start" not in str(explain(query, PRICES))


@pytest.mark.parametrize("back", [1, 3, 15, 16, 40])
@pytest.mark.parametrize("variables", [1, 30])
def test_so_many_rows_of_a_match_see_none_before_them(back: int, variables: int) -> None:
    """By layers of the automaton where these are few enough, and by a search otherwise."""
    table = pa.table({"id": range(100), "value": [1] * 100})
    names = [f"V{at}" for at in range(variables)]
    define = ", ".join(f"{name} AS PREV(value, {back}) IS NULL" for name in names)
    query = f"""SELECT n OVER w FROM t WINDOW w AS (ORDER BY id MEASURES count(*) AS n {FRAME}
        PATTERN (({" | ".join(names)})+) DEFINE {define}) ORDER BY id"""
    wanted = [min(back, 100 - row) if row % back == 0 else None for row in range(100)]
    assert [row[0] for row in rows(match_recognize(query, table))] == wanted
    seen = str(explain(query, table))
    assert ("search from each start" in seen) == (back > 15 or (back + 1) * variables > 256)


def test_explanations_say_how_frames_are_matched() -> None:
    query = f"SELECT low OVER w FROM t {WINDOW}"
    text = str(explain(query, PRICES))
    assert "window w" in text
    assert "two passes over 12 rows, for every pattern" in text
    bounded = str(explain(query.replace("UNBOUNDED FOLLOWING", "2 FOLLOWING"), PRICES))
    assert "each frame is matched by itself, as frames are bounded: 12 rows x 2.2 rows of a frame" in bounded
    sought = str(explain(query.replace("PATTERN", "SEEK PATTERN"), PRICES))
    assert "with SEEK, PREV sees other rows from each row: 12 rows x 2.5 rows of a frame" in sought
    no_look_back = str(explain(query.replace("PATTERN", "SEEK PATTERN").replace("PREV(value)", "65"), PRICES))
    assert "each frame" not in no_look_back
    assert "nothing for DuckDB to do" in text
    assert "around the windows: DuckDB" in str(explain(f"{query} ORDER BY id", PRICES))


MANY = 200_000


def many() -> pa.Table:
    noise = np.random.default_rng(3).integers(0, 1000, MANY)
    return pa.table({"id": np.arange(MANY), "value": noise})


def test_frames_together_are_as_the_rows_alone() -> None:
    """More rows than are matched together, with and without skipping."""
    table = many()
    for skip in ("PAST LAST ROW", "TO NEXT ROW", "TO LAST B"):
        query = f"""SELECT m OVER (ORDER BY id MEASURES LAST(id) AS m, count(*) AS n
            ROWS BETWEEN CURRENT ROW AND {{}} FOLLOWING AFTER MATCH SKIP {skip}
            PATTERN (A B{{{{1,3}}}}) DEFINE B AS value < PREV(value)) AS m FROM t"""
        # No match is longer than four rows, and PREV and NEXT read no others.
        framed = match_recognize(query.format("20"), table)
        assert framed.equals(match_recognize(query.format("UNBOUNDED"), table))


def test_limits() -> None:
    table = many()
    query = """SELECT m OVER (ORDER BY id MEASURES LAST(id) AS m ROWS BETWEEN CURRENT ROW AND 150000 FOLLOWING
        AFTER MATCH SKIP TO NEXT ROW SEEK PATTERN (A{60}) DEFINE A AS value < 5) AS m FROM t"""
    with pytest.raises(QueryLimitError, match="longer than its limit"):
        match_recognize(query, table, timeout_seconds=0.5)
    with pytest.raises(QueryLimitError, match="more memory"):
        match_recognize(query, table, memory_limit_mb=8)
    token = rowpattern.CancelToken()
    timer = threading.Timer(0.2, token.cancel)
    timer.start()
    with pytest.raises(QueryCancelledError):
        match_recognize(query, table, cancel=token)
    timer.join()


def test_a_long_text_keeps_the_time_limit() -> None:
    branches = " ".join(f"WHEN id = {at} THEN low OVER w + {at}" for at in range(8000))
    with pytest.raises(QueryLimitError, match="longer than its limit"):
        match_recognize(f"SELECT CASE {branches} END FROM t {WINDOW}", PRICES, timeout_seconds=0.2)


GAPS = pa.table({"i": range(1, 7), "x": [3, None, 2, None, None, 5]})


@pytest.mark.parametrize(
    ("frame", "length", "wanted"),
    [
        ("UNBOUNDED FOLLOWING", "2", [(1, 3), None, (3, 3), (4, 3), (5, 2), None]),
        ("UNBOUNDED FOLLOWING", "1", [(1, 2), None, (3, 2), (4, 2), (5, 2), None]),
        ("1 FOLLOWING", "2", [(1, 2), None, (3, 2), (4, 2), (5, 2), None]),
        ("3 FOLLOWING", "0", [None] * 6),
    ],
)
@pytest.mark.parametrize("seek", ["INITIAL", "SEEK"])
@pytest.mark.parametrize("dependent", ["", " AND i < FIRST(i) + 9"])
def test_within(frame: str, length: str, wanted: list[Any], seek: str, dependent: str) -> None:
    """A match of a window is no longer than WITHIN says, from its own first row; row 2 begins none."""
    query = f"""SELECT a OVER w AS a, n OVER w AS n FROM t WINDOW w AS (ORDER BY i MEASURES FIRST(i) AS a, count(*) AS n
        ROWS BETWEEN CURRENT ROW AND {frame} AFTER MATCH SKIP TO NEXT ROW {seek} PATTERN (A B+) WITHIN {length}
        DEFINE A AS i <> 2, B AS i > 0{dependent})"""
    found = match_recognize(query, GAPS)
    # From row 2 the match at row 3 is found, where the frame has two rows behind it.
    sought = wanted[2] if seek == "SEEK" and frame != "1 FOLLOWING" else None
    rows = [wanted[0], sought, *wanted[2:]]
    assert list(zip(found["a"].to_pylist(), found["n"].to_pylist())) == [each or (None, None) for each in rows]


@pytest.mark.parametrize("frame", ["UNBOUNDED FOLLOWING", "2 FOLLOWING"])
def test_values_away_are_those_of_the_frame(frame: str) -> None:
    """PREV and NEXT with IGNORE NULLS see the frame alone; the row's own is its first."""
    query = f"""SELECT p OVER w AS p, n OVER w AS n FROM t WINDOW w AS (ORDER BY i
        MEASURES PREV(x IGNORE NULLS) AS p, NEXT(x + 1 IGNORE NULLS) AS n ROWS BETWEEN CURRENT ROW AND {frame}
        AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE B AS coalesce(PREV(x IGNORE NULLS) < 4, true))"""
    found = match_recognize(query, GAPS)
    behind = [3, None, None, 6, None, None] if frame.startswith("2") else [3, 6, 6, 6, None, None]
    assert found["p"].to_pylist() == [3, None, 2, None, None, None]
    assert found["n"].to_pylist() == behind
    assert "each frame is matched by itself, as" in str(explain(query, GAPS))
