"""Shows where the time of the headline queries goes: steps as `explain` counts them, and functions by their own time.

python benches/profile_queries.py

A step other than reading the input that takes more than half of a query needs a reason, written down below; without one
this fails.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl

from rowpattern import explain, match_recognize

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 9

SHAPES = """SELECT * FROM prices MATCH_RECOGNIZE ({by} ORDER BY day
    MEASURES FIRST(DOWN.price) AS high, LAST(DOWN.price) AS low, LAST(UP.price) - LAST(DOWN.price) AS gain
    {rows} PATTERN (BEGUN DOWN+ UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""
CATEGORIES = """SELECT * FROM prices MATCH_RECOGNIZE (ORDER BY day
    MEASURES FIRST(A.day) AS begun, LAST(B.day) AS ended
    PATTERN (A+ B+) DEFINE A AS kind = 'A', B AS kind = 'B')"""
SO_FAR = """SELECT * FROM prices MATCH_RECOGNIZE (ORDER BY day
    MEASURES FIRST(A.day) AS begun, LAST(C.day) AS ended, COUNT(*) AS rows
    PATTERN (A B+ C) DEFINE B AS B.price > A.price, C AS C.price < AVG(B.price))"""

QUERIES = {
    "V shape, one row a match": SHAPES.format(by="", rows=""),
    "V shape in partitions of 100": SHAPES.format(by="PARTITION BY part", rows=""),
    "V shape, all rows": SHAPES.format(by="", rows="ALL ROWS PER MATCH"),
    "A+ B+ on categories": CATEGORIES,
    "A B+ C with an average": SO_FAR,
}

# Why a step may take more than half of a query.
REASONS = {
    ("A B+ C with an average", "match"): "conditions are computed while matching: this step is the query",
    ("A+ B+ on categories, pandas", "conditions"): "reads a million Python strings, which is reading the input",
    ("V shape, all rows", "measures"): "three navigations and a difference for each of 827,000 rows, on all threads",
}


def prices(rows: int) -> pd.DataFrame:
    """A random walk in partitions of 100, with a letter in each row."""
    random, number = np.random.default_rng(0), np.arange(rows)
    walk = random.normal(size=rows).cumsum()
    return pd.DataFrame({"day": number, "price": walk, "part": number // 100, "kind": random.choice(list("ABC"), rows)})


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


def main() -> int:
    """Print all, and say how many steps lack a reason."""
    frame = prices(1_000_000)
    unexplained = 0
    for kind, table in (("pandas", frame), ("Polars", pl.from_pandas(frame))):
        for name, query in QUERIES.items():
            print(f"\n{name}, 1 M rows, from {kind}")
            found = list(steps(query, table))
            whole = sum(seconds for _, seconds in found)
            for step, seconds in found:
                reason = REASONS.get((name, step)) or REASONS.get((f"{name}, {kind}", step))
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
