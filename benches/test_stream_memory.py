"""The memory of streams at small limits: what the query's process has at its peak more than before.

Files have row groups of 10,000 rows up to the whole file of 15 million; 0.8 GB of columns go through a sort that writes
to disk. Polars reads row groups whole, and several ahead, whatever is asked of it: so the lazy frame's files have none
above 262,144 rows, and its process sets POLARS_ROW_GROUP_PREFETCH_SIZE=1, as the documentation says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from promises import keep
from questions import SHAPES

if TYPE_CHECKING:
    from pathlib import Path

ROWS = int(os.environ.get("STREAM_MEMORY_ROWS", "25000000"))
AT_MOST = 1.3
SYMBOLS = 20_000
# The share of all rows in each file, and the most rows of its row groups.
FILES = [(0.02, 10_000), (0.28, ROWS), (0.1, 1 << 18), (0.6, ROWS)]


CHILD = """
    import glob, json, sys, time
    import duckdb
    import polars as pl
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq
    from rowpattern import match_recognize

    def peak():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

    def batches(files):
        for file in files:
            yield from pq.ParquetFile(file, buffer_size=65536, pre_buffer=False).iter_batches(65536, use_threads=False)

    def source(kind, files):
        if kind == "dataset":
            return ds.dataset(files)
        if kind == "relation":
            return duckdb.read_parquet(files)
        if kind == "lazy frame":
            return pl.scan_parquet(files)
        return pa.RecordBatchReader.from_batches(pq.read_schema(files[0]), batches(files))

    kind, directory, sql, limit = sys.argv[1:]
    # What the relation's own connection takes is not the query's.
    duckdb.execute("SET memory_limit = '100MB'")
    duckdb.execute("SET threads = 1")
    duckdb.execute("SET enable_progress_bar = false")
    files = sorted(glob.glob(directory + "/*.parquet"))
    # The libraries are loaded, and have what they keep.
    match_recognize(sql, source(kind, files[:1]), stream=True, memory_limit_mb=float(limit)).read_all()
    before, begun, matches = peak(), time.perf_counter(), 0
    for batch in match_recognize(
        sql, source(kind, files), stream=True, memory_limit_mb=float(limit), timeout_seconds=3000
    ):
        matches += batch.num_rows
    print(json.dumps({"matches": matches, "seconds": time.perf_counter() - begun, "before": before, "peak": peak()}))
"""


def write(place: Path, most_rows: int) -> Path:
    place.mkdir()
    random = np.random.default_rng(1)
    first = 0
    for number, (share, group) in enumerate(FILES):
        rows = int(ROWS * share)
        table = pa.table(
            {
                "symbol": random.integers(0, SYMBOLS, rows),
                "at": np.arange(first, first + rows),
                "price": np.round(random.normal(100, 5, rows), 1),
                "size": random.integers(1, 100, rows),
            }
        )
        first += rows
        pq.write_table(table, place / f"{number}.parquet", row_group_size=min(group, most_rows), compression="zstd")
    return place


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("ticks")
    return {"uneven": write(base / "uneven", ROWS), "bounded": write(base / "bounded", 1 << 18)}


@pytest.mark.benchmark(group=f"memory of streams: {ROWS:,} rows, peak above base")
@pytest.mark.parametrize("limit_mb", [128, 256])
@pytest.mark.parametrize("kind", ["dataset", "relation", "lazy frame", "reader"])
def test_stream_memory(benchmark: Any, kind: str, limit_mb: int, directories: dict[str, Path]) -> None:
    directory = directories["bounded" if kind == "lazy frame" else "uneven"]

    def matched() -> dict[str, float]:
        arguments = [sys.executable, "-c", textwrap.dedent(CHILD), kind, str(directory), SHAPES, str(limit_mb)]
        environment = {**os.environ, "POLARS_ROW_GROUP_PREFETCH_SIZE": "1"}
        found = subprocess.run(arguments, check=True, capture_output=True, text=True, env=environment)
        answer: dict[str, float] = json.loads(found.stdout)
        return answer

    found = benchmark.pedantic(matched, rounds=1)
    assert found["matches"] > ROWS / 1000
    grown = found["peak"] - found["before"]
    measured = f"{grown:.0f} MB more than before ({found['peak']:.0f} MB in all) in {found['seconds']:.0f} s"
    asked = f"a stream from a {kind} within {limit_mb} MB takes at most {AT_MOST} times as much, over {ROWS:,} rows"
    keep(benchmark, asked, measured, reached=grown <= AT_MOST * limit_mb)
