"""Expressions over several rows of a match: decided once for a start, and computed by DuckDB before or in rounds."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rowpattern import match_recognize
from rowpattern.counted import counted

from promises import keep, tenfold

NOWHERE = (
    """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A+ B) DEFINE B AS FIRST(x) < 0)"""
)

# DuckDB has levenshtein, the package has not.
NEAR = """SELECT * FROM t MATCH_RECOGNIZE ({by} ORDER BY at MEASURES FIRST(i) AS begun, count(*) AS n
    PATTERN (A B+) DEFINE B AS date_diff('minute', FIRST(at), at) <= 30 AND levenshtein(A.s, s) < {least})"""

# Events have 12 texts, or 8,112: two of these letters behind each. Of few, DuckDB computes all pairs before the search.
TEXTS = {"a condition of few combinations": "", "a condition in rounds": "abcdefghijklmnopqrstuvwxyz"}


@lru_cache(maxsize=4)
def numbers(rows: int) -> pa.Table:
    return pa.table({"i": np.arange(rows), "x": np.random.default_rng(1).random(rows)})


@lru_cache(maxsize=4)
def events(rows: int, partitions: int, letters: str) -> pa.Table:
    """Events some minutes apart, whose texts differ in a character or two, or in all, with two letters behind them."""
    rng = np.random.default_rng(1)
    minutes = rng.integers(1, 8, rows).cumsum()
    texts = np.array([f"{word}{number}" for word in ("payment", "pavement", "login") for number in range(4)])
    more = np.array([one + two for one in letters for two in letters] or [""])
    begin = np.datetime64(dt.datetime.fromisoformat("2024-01-01"), "us")
    return pa.table(
        {
            "p": np.arange(rows) // (rows // partitions),
            "i": np.arange(rows),
            "at": begin + minutes.astype("timedelta64[m]"),
            "s": np.char.add(texts[rng.choice(len(texts), rows)], more[rng.choice(len(more), rows)]),
        }
    )


@pytest.mark.parametrize("contender", ["rowpattern", "10 times the rows"])
@pytest.mark.parametrize("rows", [10_000, 100_000])
def test_a_condition_of_the_first_row_without_a_match(benchmark: Any, rows: int, contender: str) -> None:
    benchmark.group = f"growth of PATTERN (A+ B) DEFINE B AS FIRST(x) < 0 without a match from {rows:,} rows"
    size = tenfold(benchmark, rows, contender)
    table = numbers(size)
    answer = benchmark.pedantic(match_recognize, (NOWHERE, table), rounds=5, warmup_rounds=1)
    assert answer.num_rows == 0


@pytest.mark.parametrize("texts", TEXTS)
@pytest.mark.parametrize(
    ("rows", "partitions", "least"), [(30_000, 1, 30_000), (500_000, 10_000, 500_000)], ids=["1", "10,000"]
)
def test_a_condition_that_duckdb_computes(benchmark: Any, rows: int, partitions: int, least: int, texts: str) -> None:
    in_partitions = counted(partitions, "partition")
    benchmark.group = f"{texts}: {rows:,} rows, {in_partitions}"
    letters = TEXTS[texts]
    query = NEAR.format(by="PARTITION BY p" if partitions > 1 else "", least=5 if letters else 3)
    table = events(rows, partitions, letters)
    answer = benchmark.pedantic(match_recognize, (query, table), rounds=5, warmup_rounds=1)
    assert 0 < answer.num_rows < rows
    rate = rows / benchmark.stats.stats.min
    keep(
        benchmark,
        f"{texts}, levenshtein over rows of the match, {in_partitions}: {least:,} rows a second",
        f"{rate:,.0f} rows a second",
        reached=rate >= least,
    )
