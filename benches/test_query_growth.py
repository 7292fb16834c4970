"""How a query's time grows: over rows in order and in none, partitions, keys, columns, matches and threads."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from rowpattern import match_recognize

from growth_curves import Curve, point
from questions import SESSIONS, V_SHAPE, prices

MILLION = 1_000_000

ROWS = Curve(
    "rows of the V shape, from Polars: in order, nearly, and in none",
    "rows",
    """Flat below 10,000 rows: planning, names and small tables. From 200,000 rows on several threads work. From one to
    ten million rows a row costs half more: a fifth of its processor time goes to pages that are touched for the first
    time, as buffers of more than 8 MiB are not kept between queries, and two threads share one memory. Rows in no order
    are read through the order, at places that the processor's caches no longer hold.""",
)
PARTITIONS = Curve(
    "partitions of the V shape, 1 M rows",
    "partitions",
    """Flat up to ten thousand partitions: one scan looks at the order and finds where partitions begin, and their
    borders are part of what both passes look up. Above, there are so many beginnings that writing them down shows. With
    a million there is one row in each.""",
)
KEYS = Curve(
    "different keys of sessions, 1 M events in the order of time",
    "keys",
    """With one key the order of time is the order of the query. With more, rows are brought together by key, in
    buckets; the more keys, the farther apart are the places that rows go to. Texts are numbered first, by a dictionary,
    which no longer fits into the processor's caches from ten thousand texts on. From a hundred thousand keys on, a
    partition has ten rows or fewer, and the answer has nearly as many rows as the table.""",
)
COLUMNS = Curve(
    "columns of the table of the V shape, 100,000 rows",
    "columns",
    """Columns that a query does not show are not read. ALL ROWS PER MATCH shows all of them: each is copied.""",
)
MATCHES = Curve(
    "matches of one row, 1 M rows",
    "matches",
    """Matching looks at each row however many match; from a match in a hundred rows on, the answer shows.""",
)
OVERLAP = Curve(
    "matches a row is in: A{n} from each of 100,000 rows, all shown",
    "matches a row",
    """The answer has n rows for each row of the table, and takes the time.""",
)
THREADS = Curve(
    "threads of the V shape, 10 M rows",
    "threads",
    """There are two cores. Reading the frame, looking at the order and making the answer are done by one thread.""",
)


def rounds_for(rows: int) -> int:
    return max(1, min(30, 30 * MILLION // rows))


@lru_cache(maxsize=1)
def mixed_prices(rows: int, order: str) -> pl.DataFrame:
    """Prices in order; with one in a hundred up to a thousand rows late; in no order."""
    generator = np.random.default_rng(2)
    if order == "in order":
        return prices(rows)
    if order == "in no order":
        return prices(rows)[generator.permutation(rows)]
    late = np.where(generator.random(rows) < 0.01, generator.integers(0, 1000, rows), 0)
    return prices(rows)[np.argsort(np.arange(rows) + late, kind="stable")]


@pytest.mark.parametrize("rows", [10**power for power in range(3, 9)])
@pytest.mark.parametrize("order", ["in order", "nearly in order", "in no order"])
def test_rows(benchmark: Any, order: str, rows: int) -> None:
    if rows > 10 * MILLION and order != "in order":
        pytest.skip("shuffling the table takes longer than all else")
    query, frame = V_SHAPE.format(by="", rows=""), mixed_prices(rows, order)
    work = lambda: match_recognize(query, frame, memory_limit_mb=20_000)  # noqa: E731 - one line
    point(benchmark, ROWS, rows, work, rounds=rounds_for(rows), line=order)


@pytest.mark.parametrize("partitions", [10**power for power in range(7)])
def test_partitions(benchmark: Any, partitions: int) -> None:
    frame = prices(MILLION).with_columns(part=np.arange(MILLION) // (MILLION // partitions))
    query = V_SHAPE.format(by="PARTITION BY part", rows="")
    point(benchmark, PARTITIONS, partitions, lambda: match_recognize(query, frame), rounds=10)


@pytest.mark.parametrize("keys", [10**power for power in range(7)])
@pytest.mark.parametrize("kind", ["integers", "texts"])
def test_keys(benchmark: Any, kind: str, keys: int) -> None:
    generator = np.random.default_rng(4)
    user = pl.Series("user", generator.integers(0, keys, MILLION))
    at = np.sort(generator.integers(0, 30 * 86_400 * 10**6, MILLION)).astype("datetime64[us]")
    frame = pl.DataFrame({"user": user if kind == "integers" else "user-" + user.cast(pl.String), "at": at})
    point(benchmark, KEYS, keys, lambda: match_recognize(SESSIONS, frame), rounds=5, line=kind)


@pytest.mark.parametrize("columns", [2, 10, 30, 100, 300])
@pytest.mark.parametrize("shown", ["ONE ROW PER MATCH", "ALL ROWS PER MATCH"])
def test_columns(benchmark: Any, shown: str, columns: int) -> None:
    frame = prices(100_000)
    frame = frame.with_columns(frame["price"].alias(f"c{number}") for number in range(columns - 2))
    query = V_SHAPE.format(by="", rows=shown)
    point(benchmark, COLUMNS, columns, lambda: match_recognize(query, frame), rounds=10, line=shown)


@pytest.mark.parametrize("matches", [10**power for power in range(7)])
def test_matches(benchmark: Any, matches: int) -> None:
    frame = pl.DataFrame({"i": np.arange(MILLION), "x": np.random.default_rng(6).permutation(MILLION)})
    query = f"""SELECT * FROM t MATCH_RECOGNIZE (
        ORDER BY i MEASURES LAST(A.i) AS at, LAST(A.x) AS x PATTERN (A) DEFINE A AS x < {matches})"""
    assert len(match_recognize(query, frame)) == matches
    point(benchmark, MATCHES, matches, lambda: match_recognize(query, frame), rounds=15)


@pytest.mark.parametrize("length", [1, 2, 4, 8, 16, 32])
def test_overlap(benchmark: Any, length: int) -> None:
    frame = pl.DataFrame({"i": np.arange(100_000)})
    query = f"""SELECT * FROM t MATCH_RECOGNIZE (
        ORDER BY i MEASURES MATCH_NUMBER() AS number, FIRST(A.i) AS begun ALL ROWS PER MATCH
        AFTER MATCH SKIP TO NEXT ROW PATTERN (A{{{length}}}) DEFINE A AS i >= 0)"""
    point(benchmark, OVERLAP, length, lambda: match_recognize(query, frame), rounds=5)


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_threads(benchmark: Any, threads: int) -> None:
    query, frame = V_SHAPE.format(by="", rows=""), prices(10 * MILLION)
    point(benchmark, THREADS, threads, lambda: match_recognize(query, frame, threads=threads), rounds=5)
