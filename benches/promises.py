"""What was asked of this package, beside what a bench measures: all of it stands in the report, reached or not.

Ratios between contenders are asked by `at_least` and `at_most` in a contender's `extra_info`; `conftest` compares them
when all contenders of a group have run. What is asked of one bench alone is kept here.
"""

from __future__ import annotations

from typing import Any

__all__ = ["keep", "tenfold"]


def tenfold(benchmark: Any, rows: int, contender: str) -> int:
    """Return how many rows a contender has: so many, or ten times as many, which may take 12 times as long."""
    if contender == "rowpattern":
        return rows
    benchmark.extra_info["at_most"] = 12
    return 10 * rows


def keep(benchmark: Any, asked: str, measured: str, *, reached: bool) -> None:
    """Save a promise and what was measured, and fail when it is broken.

    Args:
        benchmark: pytest-benchmark's fixture, behind its measurement.
        asked: the promise, in words.
        measured: the figure with its unit.
        reached: whether it was kept.
    """
    benchmark.extra_info["promise"] = {"asked": asked, "measured": measured, "reached": reached}
    assert reached, f"asked: {asked}; measured: {measured}"
