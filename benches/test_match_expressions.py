"""Expressions over several rows of a match: decided once for a start, and computed by DuckDB in rounds."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rowpattern import match_recognize

from promises import keep

NOWHERE = (
    """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A+ B) DEFINE B AS FIRST(x) < 0)"""
)

# DuckDB has levenshtein, the package has not.
NEAR = """SELECT * FROM t MATCH_RECOGNIZE ({by} ORDER BY at MEASURES FIRST(i) AS begun, count(*) AS n
    PATTERN (A B+) DEFINE B AS date_diff('minute', FIRST(at), at) <= 30 AND levenshtein(A.s, s) < 3)"""


@lru_cache(maxsize=4)
def numbers(rows: int) -> pa.Table:
    return pa.table({"i": np.arange(rows), "x": np.random.default_rng(1).random(rows)})


@lru_cache(maxsize=4)
def events(rows: int, partitions: int) -> pa.Table:
    """Events some minutes apart, whose texts differ in a character or two, or in all."""
    rng = np.random.default_rng(1)
    minutes = rng.integers(1, 8, rows).cumsum()
    texts = np.array([f"{word}{number}" for word in ("payment", "pavement", "login") for number in range(4)])
    begin = np.datetime64(dt.datetime.fromisoformat("2024-01-01"), "us")
    return pa.table(
        {
            "p": np.arange(rows) // (rows // partitions),
            "i": np.arange(rows),
            "at": begin + minutes.astype("timedelta64[m]"),
            "s": texts[rng.choice(len(texts), rows)],
        }
    )


@pytest.mark.parametrize("contender", ["rowpattern", "10 times the rows"])
@pytest.mark.parametrize("rows", [10_000, 100_000])
def test_a_condition_of_the_first_row_without_a_match(benchmark: Any, rows: int, contender: str) -> None:
    benchmark.group = f"growth of PATTERN (A+ B) DEFINE B AS FIRST(x) < 0 without a match from {rows:,} rows"
    size = rows if contender == "rowpattern" else 10 * rows
    if size > rows:
        benchmark.extra_info["at_most"] = 12
    table = numbers(size)
    answer = benchmark.pedantic(match_recognize, (NOWHERE, table), rounds=5, warmup_rounds=1)
    assert answer.num_rows == 0


@pytest.mark.parametrize(
    ("rows", "partitions", "least"), [(30_000, 1, 30_000), (500_000, 10_000, 500_000)], ids=["1", "10,000"]
)
def test_a_condition_that_goes_by_rounds(benchmark: Any, rows: int, partitions: int, least: int) -> None:
    benchmark.group = f"a condition in rounds: {rows:,} rows, {partitions:,} partition{'s' if partitions > 1 else ''}"
    query = NEAR.format(by="PARTITION BY p" if partitions > 1 else "")
    table = events(rows, partitions)
    answer = benchmark.pedantic(match_recognize, (query, table), rounds=5, warmup_rounds=1)
    assert 0 < answer.num_rows < rows
    rate = rows / benchmark.stats.stats.min
    keep(
        benchmark,
        f"a condition of levenshtein over rows of the match, {partitions:,} partitions: {least:,} rows a second",
        f"{rate:,.0f} rows a second",
        reached=rate >= least,
    )
