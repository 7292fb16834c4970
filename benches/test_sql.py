"""match_recognize() beside pandas-match-recognize 0.2.5 on the same rows; and DuckDB's own benchmark shapes.

Answers are compared where the peer is right. Its time depends on the query: conditions and measures that its fast path
knows take some 0.4 microseconds a row there, others 5 to 50. Both kinds stand here, named so.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any, Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from match_recognize import match_recognize as original

from rowpattern import match_recognize

from promises import keep

logging.getLogger("src").setLevel(logging.CRITICAL)

PREV = "DEFINE DOWN AS DOWN.price < PREV(DOWN.price), UP AS UP.price > PREV(UP.price)"
V_SHAPE = (
    """SELECT * FROM prices MATCH_RECOGNIZE ({by} ORDER BY day
    MEASURES FIRST(START.day) AS begun, {measure}, LAST(UP.day) AS ended
    {rows} PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (START DOWN+ UP+) """
    + PREV
    + ")"
)
LOWEST = "LAST(DOWN.price) AS lowest"
GAIN = "LAST(UP.price) - FIRST(START.price) AS gain"
CATEGORIES = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY id
    MEASURES FIRST(A.id) AS a, LAST(B.id) AS b ONE ROW PER MATCH
    PATTERN (A+ B+) DEFINE A AS cat = 'A', B AS cat = 'B')"""
EVERY_ROW = (
    """SELECT * FROM prices MATCH_RECOGNIZE (ORDER BY day
    MEASURES CLASSIFIER() AS c, MATCH_NUMBER() AS m, FIRST(START.price) AS f, LAST(DOWN.price) AS lowest
    ALL ROWS PER MATCH PATTERN (START DOWN+ UP+) """
    + PREV
    + ")"
)


@lru_cache(maxsize=4)
def prices(rows: int) -> pd.DataFrame:
    """A random walk; 100 rows a partition where one is asked for."""
    walk = np.random.default_rng(0).normal(size=rows).cumsum()
    return pd.DataFrame({"day": np.arange(rows), "price": walk, "part": np.arange(rows) // 100})


@lru_cache(maxsize=1)
def categories() -> pd.DataFrame:
    letters = np.random.default_rng(0).choice(list("ABC"), 1_000_000)
    return pd.DataFrame({"id": np.arange(1_000_000), "cat": letters})


def v_shape(measure: str, rows: str = "ONE ROW", by: str = "") -> str:
    return V_SHAPE.format(measure=measure, rows=rows, by=by)


# Each with the table, and how many times our time the peer must take at least, where that is asked.
QUESTIONS: dict[str, tuple[str, Callable[[], pd.DataFrame], float | None]] = {
    "V shape, 1 M rows, arithmetic measure": (v_shape(GAIN), lambda: prices(1_000_000), 400),
    "V shape, 1 M rows, the peer's fast path": (v_shape(LOWEST), lambda: prices(1_000_000), None),
    "V shape, 100 k rows, all rows": (EVERY_ROW, lambda: prices(100_000), 1000),
    "V shape, 100 k rows in partitions of 100": (
        v_shape(LOWEST, by="PARTITION BY part"),
        lambda: prices(100_000),
        200,
    ),
    "V shape, 100 k rows in partitions of 100, arithmetic measure": (
        v_shape(GAIN, by="PARTITION BY part"),
        lambda: prices(100_000),
        200,
    ),
    "A+ B+ on categories, 1 M rows (the peer's fastest)": (CATEGORIES, categories, 3),
    "V shape, 100 rows, asked again": (v_shape(LOWEST), lambda: prices(100), 1),
}


@pytest.mark.parametrize("contender", ["rowpattern", "pandas-match-recognize"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_beside_the_pure_python_system(benchmark: Any, question: str, contender: str) -> None:
    benchmark.group = question
    query, table, least = QUESTIONS[question]
    frame = table()
    if contender == "rowpattern":
        benchmark.pedantic(match_recognize, (query, frame), rounds=300 if len(frame) == 100 else 15, warmup_rounds=2)
        return
    answer = match_recognize(query, frame)
    theirs = original(query, frame)[list(answer.columns)].reset_index(drop=True)
    pd.testing.assert_frame_equal(answer, theirs, check_dtype=False)
    if least is not None:
        benchmark.extra_info["at_least"] = least
    benchmark.pedantic(original, (query, frame), rounds=300 if len(frame) == 100 else 1)


@pytest.mark.parametrize("contender", ["rowpattern", "pandas-match-recognize"])
def test_from_polars(benchmark: Any, contender: str) -> None:
    benchmark.group = "A+ B+ on categories, 1 M rows: ours from Polars, the peer from pandas"
    if contender == "rowpattern":
        benchmark.pedantic(match_recognize, (CATEGORIES, pl.from_pandas(categories())), rounds=15, warmup_rounds=2)
        return
    benchmark.extra_info["at_least"] = 6
    benchmark.pedantic(original, (CATEGORIES, categories()), rounds=2)


@pytest.mark.parametrize("contender", ["rowpattern", "in partitions of 100 rows"])
def test_duckdb_s_two_symbol_scan(benchmark: Any, contender: str) -> None:
    benchmark.group = "2 M rows, v = i % 5, PATTERN (A B), from Arrow"
    number = np.arange(2_000_000)
    table = pa.table({"i": number, "v": number % 5, "p": number // 100})
    by = "" if contender == "rowpattern" else "PARTITION BY p"
    query = f"""SELECT count(*) FROM t MATCH_RECOGNIZE ({by} ORDER BY i
        MEASURES MATCH_NUMBER() AS m PATTERN (A B) DEFINE A AS v = 0, B AS v = 1)"""
    benchmark.pedantic(match_recognize, (query, table), rounds=15, warmup_rounds=2)
    rate = 2.0 / benchmark.stats.stats.min
    if contender == "rowpattern":
        keep(benchmark, "DuckDB's scan at more than 80 M rows/s", f"{rate:.0f} M rows/s", reached=rate > 80)
