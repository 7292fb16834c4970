"""All rows per match of so many rows that several morsels have them, beside a loop written for the pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from rowpattern import match_recognize

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 250_000
LETTERS = np.random.default_rng(3).choice(["A", "B", "C", "D"], ROWS, p=[0.3, 0.3, 0.3, 0.1]).tolist()
# One match has more rows than two morsels.
LETTERS[60_000:210_000] = ["C"] * 150_000


def matches() -> Iterator[tuple[int, int]]:
    """Find `A B | C*`: where neither A and B nor a C begins, the match is empty."""
    row = 0
    while row < ROWS:
        end = row
        if LETTERS[row : row + 2] == ["A", "B"]:
            end += 2
        else:
            while end < ROWS and LETTERS[end] == "C":
                end += 1
        yield row, end
        row = max(end, row + 1)


@pytest.mark.parametrize("shown", ["SHOW EMPTY MATCHES", "OMIT EMPTY MATCHES", "WITH UNMATCHED ROWS"])
def test_all_rows(shown: str) -> None:
    table = pa.table({"o": range(ROWS), "letter": LETTERS})
    answer = match_recognize(
        f"""SELECT o, n, first, c, b FROM t MATCH_RECOGNIZE (
            ORDER BY o MEASURES MATCH_NUMBER() AS n, FIRST(o) AS first, CLASSIFIER() AS c, LAST(B.o) AS b
            ALL ROWS PER MATCH {shown} PATTERN (A B | C*)
            DEFINE A AS letter = 'A', B AS letter = 'B', C AS letter = 'C')""",
        table,
        threads=2,
    ).to_pydict()
    wanted: list[tuple[Any, ...]] = []
    for number, (start, end) in enumerate(matches(), 1):
        if start == end and shown != "OMIT EMPTY MATCHES":
            wanted.append((start, number, None, None, None))
        rows = ((row, LETTERS[row]) for row in range(start, end))
        wanted += [(row, number, start, letter, row if letter == "B" else None) for row, letter in rows]
    assert list(zip(*answer.values())) == wanted
