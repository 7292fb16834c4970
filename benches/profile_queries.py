"""Shows where the time of the headline queries goes: steps as `explain` counts them, and functions by their own time.

python benches/profile_queries.py

A step other than reading the input that takes more than half of a query needs a reason in docs/performance.md; without
one this fails.
"""

from __future__ import annotations

import cProfile
import pstats
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rowpattern import explain, match_recognize

from questions import (
    CHAINS,
    IN_TIME,
    SESSIONS,
    THREE_AND_THREE,
    V_SHAPE,
    events_of_named_users,
    prices,
    visits,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl

ROUNDS = 9
MILLION = 1_000_000

CATEGORIES = """SELECT * FROM prices MATCH_RECOGNIZE (ORDER BY day
    MEASURES FIRST(A.day) AS begun, LAST(B.day) AS ended
    PATTERN (A+ B+) DEFINE A AS kind = 'A', B AS kind = 'B')"""
SO_FAR = """SELECT * FROM prices MATCH_RECOGNIZE (ORDER BY day
    MEASURES FIRST(A.day) AS begun, LAST(C.day) AS ended, COUNT(*) AS rows
    PATTERN (A B+ C) DEFINE B AS B.price > A.price, C AS C.price < AVG(B.price))"""
IN_PARTITIONS = V_SHAPE.format(by="PARTITION BY part", rows="")


def letters() -> pl.DataFrame:
    """Days and prices with a letter in each row."""
    return prices(MILLION).with_columns(kind=np.random.default_rng(0).choice(list("ABC"), MILLION))


def in_partitions(partitions: int, *, shuffled: bool = False) -> pl.DataFrame:
    """Days and prices in partitions of equal size, in order or in none."""
    frame = prices(MILLION).with_columns(part=np.arange(MILLION) // (MILLION // partitions))
    return frame.sample(fraction=1, shuffle=True, seed=0) if shuffled else frame


# The questions of the benches, with their tables; those of prices are asked of pandas too.
PRICES: dict[str, tuple[str, Callable[[], pl.DataFrame]]] = {
    "V shape, 1 M rows": (V_SHAPE.format(by="", rows=""), lambda: prices(MILLION)),
    "V shape, 1 M rows, in partitions of 100": (IN_PARTITIONS, lambda: in_partitions(10_000)),
    "V shape, 1 M rows, all rows": (V_SHAPE.format(by="", rows="ALL ROWS PER MATCH"), lambda: prices(MILLION)),
    "three falls and three rises, 1 M rows": (THREE_AND_THREE, lambda: prices(MILLION)),
    "A+ B+ on categories, 1 M rows": (CATEGORIES, letters),
    "A B+ C with an average, 1 M rows": (SO_FAR, lambda: prices(MILLION)),
}
UNSORTED: dict[str, tuple[str, Callable[[], pl.DataFrame]]] = {
    "V shape, 1 M rows in no order, 10,000 partitions": (IN_PARTITIONS, lambda: in_partitions(10_000, shuffled=True)),
    "V shape, 10 M rows": (V_SHAPE.format(by="", rows=""), lambda: prices(10 * MILLION)),
    "sessions, 2 M events in no order": (SESSIONS, events_of_named_users),
    "funnel of three steps, 5 M events in no order": (CHAINS, visits),
    "funnel within 30 minutes, 5 M events in no order": (IN_TIME, visits),
}

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def reasons() -> dict[tuple[str, str], str]:
    """Read from the page on performance why a step may take more than half of a query."""
    section = PAGE.read_text(encoding="utf-8").split("## Where the time goes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+) \| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    return {(question, step): reason for question, step, reason in rows}


def steps(query: str, table: Any) -> Iterator[tuple[str, float]]:
    """Give the seconds of each step, of the round that took least time in all."""
    rounds = [explain(query, table, analyze=True).steps for _ in range(ROUNDS)]
    for step in min(rounds, key=lambda each: sum(step.seconds for step in each)):
        yield step.name, step.seconds


def functions(query: str, table: Any) -> list[str]:
    """Return the functions that took most time by themselves, with their milliseconds in one query."""
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(ROUNDS):
        match_recognize(query, table)
    profile.disable()
    found = [
        (own / ROUNDS, name if file == "~" else f"{name} of {file.rpartition('/')[2]}")
        for (file, _, name), (_, _, own, _, _) in pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
    ]
    return [f"{seconds * 1e3:8.2f} ms  {name}" for seconds, name in sorted(found, reverse=True)[:6]]


def tables() -> Iterator[tuple[str, str, str, Any]]:
    """Give the name of each question, the kind of its table, the query and the table."""
    for name, (query, table) in PRICES.items():
        yield name, "pandas", query, table().to_pandas()
    for name, (query, table) in (PRICES | UNSORTED).items():
        yield name, "Polars", query, table()


def main() -> int:
    """Print all, and say how many steps lack a reason."""
    unexplained, known = 0, reasons()
    for name, kind, query, table in tables():
        print(f"\n{name}, from {kind}")
        found = list(steps(query, table))
        whole = sum(seconds for _, seconds in found)
        for step, seconds in found:
            reason = known.get((name, step))
            note = ""
            if seconds > whole / 2:
                note = f"more than half: {reason or 'NO REASON IS KNOWN'}"
                unexplained += reason is None
            print(f"  {step:<12}{seconds * 1e3:8.2f} ms {100 * seconds / whole:5.0f} %  {note}".rstrip())
        print("  functions by their own time, in the calling thread:")
        print("\n".join(f"  {line}" for line in functions(query, table)))
    return unexplained


if __name__ == "__main__":
    sys.exit(main())
