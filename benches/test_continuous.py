"""Continuous matching: rows a second by the size of batches, latency, checkpoints; beside Apache Flink, streaming.

One thread. Figures are of pushes alone: batches were cut before.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from test_flink import FLINK, QUERY, flink, ticks

import rowpattern

from promises import keep

if TYPE_CHECKING:
    from pathlib import Path

# Falls and then rises: what decides a match is the first row that does not rise.
V_SHAPE = """
    SELECT * FROM ticks MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY seen
        MEASURES FIRST(DOWN.price) AS high, LAST(DOWN.price) AS low, LAST(UP.price) AS ended
        PATTERN (DOWN+ UP+)
        DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""
# A match begins with each partition's first row, and is open until a price that never comes, or an hour.
OPEN = """
    SELECT * FROM ticks MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY seen
        MEASURES FIRST(price) AS opened
        PATTERN (BEGUN OTHERS*? ENDED) WITHIN INTERVAL 1 HOUR
        DEFINE ENDED AS price > 1000000)"""
# What was asked, in rows a second, by the rows of a batch over 1,000 partitions.
ASKED = {10_000: 1_000_000, 100: 100_000}


@lru_cache(maxsize=3)
def batches(size: int, partitions: int) -> list[pa.RecordBatch]:
    """Return ticks of symbols in turn, in time order; fewer where batches are small."""
    count = 1_000_000 if size >= 10_000 else 300_000
    random = np.random.default_rng(0)
    table = pa.table(
        {
            "symbol": random.permutation(np.arange(count) % partitions),
            "seen": pa.array(np.arange(count) * 1000).cast(pa.timestamp("us")),
            "price": np.round(random.normal(100, 5, count), 2),
        }
    )
    return list(table.to_batches(max_chunksize=size))


def pushed(sql: str, given: list[pa.RecordBatch], **options: Any) -> tuple[Any, int]:
    """Push all batches; return the query and the rows of its answers."""
    query = rowpattern.continuous(sql, given[0].schema, threads=1, **options)
    return query, sum(query.push(batch).num_rows for batch in given)


@pytest.mark.parametrize("partitions", [1_000, 100_000])
@pytest.mark.parametrize("size", [100, 1_000, 10_000])
def test_rows_a_second(benchmark: Any, size: int, partitions: int) -> None:
    given = batches(size, partitions)
    benchmark.group = f"continuous: V shapes in ticks, {partitions:,} partitions"
    _, found = benchmark.pedantic(pushed, (V_SHAPE, given), rounds=3, warmup_rounds=1)
    # Three rows of a symbol are no V.
    assert found > 0 or len(given) * size < 10 * partitions
    rows = sum(batch.num_rows for batch in given)
    rate = rows / benchmark.stats.stats.min
    benchmark.extra_info["rows a second"] = round(rate)
    if partitions == 1_000 and size in ASKED:
        asked = f"{ASKED[size]:,} rows a second in batches of {size:,}, 1,000 partitions, one core"
        keep(benchmark, asked, f"{rate:,.0f}", reached=rate >= ASKED[size])


@pytest.mark.parametrize("lateness", [None, "1 s"])
def test_latency_of_matches(benchmark: Any, lateness: str | None) -> None:
    """From the push of the row that decides a match until the match is there, in batches of 100."""
    given = batches(100, 1_000)
    benchmark.group = "continuous: from the deciding row's push to the match"

    def latencies() -> list[float]:
        query = rowpattern.continuous(V_SHAPE, given[0].schema, threads=1, lateness=lateness)
        times = []
        for batch in given:
            begun = time.perf_counter()
            found = query.push(batch)
            if found.num_rows:
                times.append(time.perf_counter() - begun)
        return times

    times = benchmark.pedantic(latencies, rounds=1, warmup_rounds=1)
    p50, p99 = np.percentile(times, [50, 99]) * 1e3
    benchmark.extra_info |= {"lateness": lateness, "p50, ms": round(p50, 3), "p99, ms": round(p99, 3)}


@pytest.mark.parametrize("what", ["write", "restore"])
def test_a_checkpoint_of_10_000_open_matches(benchmark: Any, what: str) -> None:
    # Three rows of each symbol, one in each batch.
    given = [batch.set_column(0, "symbol", pa.array(np.arange(10_000))) for batch in batches(10_000, 10_000)[:3]]
    benchmark.group = "continuous: a checkpoint of 10,000 open matches of three rows"
    query, _ = pushed(OPEN, given)
    assert query.state().partitions == 10_000
    blob = query.checkpoint()
    benchmark.extra_info["bytes"] = len(blob)
    if what == "write":
        benchmark.pedantic(query.checkpoint, rounds=5, warmup_rounds=1)
    else:
        benchmark.pedantic(rowpattern.continuous.restore, (blob, OPEN), rounds=5, warmup_rounds=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flink")


@pytest.mark.parametrize("contender", ["rowpattern", "Apache Flink, streaming"])
def test_falls_and_the_rise_behind_them(benchmark: Any, folder: Path, contender: str) -> None:
    """The question of `test_flink`, in batches of 10,000: conditions depend on the match."""
    benchmark.group = "continuous: falls and the first rise, 1 M rows in 1,000 partitions"
    given = pa.Table.from_pandas(ticks(), preserve_index=False).to_batches(max_chunksize=10_000)
    if contender == "rowpattern":
        benchmark.pedantic(pushed, (QUERY, given), rounds=3, warmup_rounds=1)
        return
    if not FLINK.exists():
        pytest.skip("Apache Flink is not installed: make bench BENCH='-k flink' does")
    _, answering, rows = flink(folder)
    query, found = pushed(QUERY, given)
    assert len(rows) == found + query.finish().num_rows
    # What was measured in Flink's own process stands in for this one's clock.
    benchmark.pedantic(lambda: None, rounds=1)
    for name in ("min", "max", "mean", "median"):
        setattr(benchmark.stats.stats, name, answering)
    benchmark.extra_info |= {"measured by": "benches/flink_peer.py", "at_least": 20}
