"""Conditions that depend on the match, beside pandas-match-recognize 0.2.5; growth; what explodes elsewhere."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from match_recognize import match_recognize as original

import rowpattern
from rowpattern import match_recognize

from promises import keep, tenfold

logging.getLogger("src").setLevel(logging.CRITICAL)

ABOVE_THEN_BELOW = """SELECT * FROM prices MATCH_RECOGNIZE (ORDER BY day
    MEASURES FIRST(A.day) AS begun, LAST(C.day) AS ended, COUNT(*) AS n
    ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
    PATTERN (A B+ C) DEFINE B AS B.price > A.price, C AS C.price < AVG(B.price))"""

NESTED = """SELECT * FROM prices MATCH_RECOGNIZE (ORDER BY day MEASURES COUNT(*) AS n PATTERN ({})
    DEFINE A AS sum(A.price) > -1e9, B AS price < LAST(A.price) + 5, C AS avg(price) > 1e9)"""


@lru_cache(maxsize=32)
def walk(rows: int, seed: int = 1) -> pd.DataFrame:
    return pd.DataFrame(
        {"day": np.arange(rows), "price": np.random.default_rng(seed).normal(size=rows).cumsum()},
    )


@pytest.mark.parametrize("contender", ["rowpattern", "pandas-match-recognize"])
@pytest.mark.parametrize("rows", [10_000, 100_000])
def test_beside_the_pure_python_system(benchmark: Any, rows: int, contender: str) -> None:
    benchmark.group = f"A B+ C, B above A, C below the average of B: {rows:,} rows"
    answer = match_recognize(ABOVE_THEN_BELOW, walk(rows))
    if contender == "rowpattern":
        benchmark.pedantic(match_recognize, (ABOVE_THEN_BELOW, walk(rows)), rounds=20, warmup_rounds=2)
        return
    theirs: list[Any] = []
    benchmark.extra_info["at_least"] = 100 if rows < 100_000 else 300
    benchmark.pedantic(lambda: theirs.append(original(ABOVE_THEN_BELOW, walk(rows))), rounds=1)
    same = len(theirs[0]) == len(answer) and bool((theirs[0]["ended"].to_numpy() == answer["ended"].to_numpy()).all())
    print(f"{rows:,} rows: {'the same answer' if same else f'{len(theirs[0])} matches there, {len(answer)} here'}")


@pytest.mark.parametrize("contender", ["rowpattern", "10 times the rows"])
@pytest.mark.parametrize("rows", [10_000, 100_000])
def test_growth(benchmark: Any, rows: int, contender: str) -> None:
    """The median of twelve walks: one in four ends in a rise that never comes back, which is walked several times."""
    benchmark.group = f"growth of A B+ C from {rows:,} rows, median of twelve walks"
    size = tenfold(benchmark, rows, contender)
    walks = [walk(size, seed) for seed in range(12)]
    times: list[float] = []

    def each_walk() -> float:
        times.clear()
        for prices in walks:
            begun = time.perf_counter()
            match_recognize(ABOVE_THEN_BELOW, prices)
            times.append(time.perf_counter() - begun)
        return float(np.median(times))

    medians: list[float] = []
    benchmark.pedantic(lambda: medians.append(each_walk()), rounds=3, warmup_rounds=1)
    median = min(medians)
    mean = np.mean(times)
    rate = size / median / 1e6
    print(f"{size:,} rows: median {median * 1e3:.2f} ms, mean {mean * 1e3:.2f} ms, {rate:.1f} M rows/s")
    benchmark.extra_info["median_seconds"] = median
    if size == 1_000_000:
        keep(benchmark, "1 M rows of A B+ C at 5 M rows/s or more", f"{rate:.1f} M rows/s", reached=rate > 5)


@pytest.mark.parametrize("pattern", ["((A | B)*)* C", "(((A | B)*)*)* C", "(A+ B*)+ C"])
def test_what_explodes_ends_by_the_limit(benchmark: Any, pattern: str) -> None:
    """No match, exponentially many ways, 10,000 rows: fails when the limit of a second is passed by a tenth."""

    def ask() -> None:
        with pytest.raises(rowpattern.QueryLimitError):
            match_recognize(NESTED.format(pattern), walk(10_000), timeout_seconds=1)

    benchmark.pedantic(ask, rounds=2)
    slowest = benchmark.stats.stats.max
    asked = f"{pattern} with aggregates, 10,000 rows: an answer or an error by a limit of 1 s"
    keep(benchmark, asked, f"{slowest:.2f} s", reached=slowest < 1.1)
