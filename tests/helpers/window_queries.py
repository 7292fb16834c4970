"""A table of prices, and a window with a row pattern over it, with what it gives."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

__all__ = ["FALLEN", "FALLS", "FRAME", "MEASURES", "PRICES", "WINDOW", "rows"]

PRICES = pa.table(
    {
        "id": range(1, 13),
        "value": [90, 80, 70, 80, 90, 50, 40, 60, 65, 64, 70, 30],
        "p": list("aaaabbbbcccc"),
        "day": [f"2024-01-{day:02}" for day in range(1, 13)],
    }
)
FRAME = "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"
FALLS = f"{FRAME} PATTERN (A B+) DEFINE B AS value < PREV(value)"
MEASURES = "MEASURES LAST(value) AS low, FIRST(A.value) AS top, count(*) AS n"
WINDOW = f"WINDOW w AS (PARTITION BY p ORDER BY id {MEASURES} {FALLS})"
# What the window gives: (id, low, top, n) of the rows with a match.
FALLEN = {1: (70, 90, 3), 5: (40, 90, 3), 9: (64, 65, 2), 11: (30, 70, 2)}


def rows(answer: Any) -> list[tuple[Any, ...]]:
    """The rows of a table of Arrow."""
    return list(zip(*(column.to_pylist() for column in answer.columns)))
