"""Sessions over 25 million unsorted rows of a Parquet file, beside DuckDB's window functions; the answers are compared.

Both read the same file with the machine's cores and the same limit of memory, and give every row of their answer, batch
by batch. Each runs in a process of its own, which says what it took of the processor too.
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

from questions import SESSIONS, sessions_by_windows

if TYPE_CHECKING:
    from pathlib import Path

ROWS = int(os.environ.get("STREAM_SPEED_ROWS", "25000000"))
USERS = 100_000
# By the limit in MB; with the smaller one both write to disk.
AT_LEAST = {512: 2.0, 4096: 2.0}


CHILD = """
    import json, resource, sys, time
    import duckdb
    import numpy as np
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq
    from rowpattern import match_recognize

    contender, path, sql, limit, some = sys.argv[1:]
    number = lambda values: np.asarray(values.cast(pa.int64())).astype(np.uint64)

    def answer(path):
        if contender == "DuckDB's window functions":
            connection = duckdb.connect(config={"memory_limit": limit + "MiB"})
            connection.execute("SET enable_progress_bar = false")
            return connection.sql(sql, params={"path": path}).to_arrow_reader(122_880)
        source = ds.dataset(path) if contender != "rowpattern, a reader" else pq.ParquetFile(path).iter_batches()
        return match_recognize(sql, source, stream=True, memory_limit_mb=float(limit), timeout_seconds=3000)

    # The libraries are loaded.
    for _ in answer(some):
        pass
    begun = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF)
    rows, total = 0, 0
    for batch in answer(path):
        rows += batch.num_rows
        # The same for the same rows in any order.
        mixed = np.zeros(batch.num_rows, dtype=np.uint64)
        for values in batch.columns:
            mixed = (mixed ^ number(values)) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        total = (total + int(mixed.sum())) % 2**64
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"rows": rows, "sum": total, "seconds": time.perf_counter() - begun, "cpu": cpu}))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("events")
    random = np.random.default_rng(3)
    month = 30 * 86_400 * 10**6
    path, some = base / "events.parquet", base / "some.parquet"
    sessions = ROWS // 10
    user, begun = random.integers(0, USERS, sessions), random.integers(0, month, sessions)
    schema = pa.schema([("user", pa.int64()), ("at", pa.timestamp("us", "UTC"))])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, ROWS, 1 << 20):
            # In no order; some ten events of twenty minutes in a session.
            session = random.integers(0, sessions, min(1 << 20, ROWS - first))
            at = pa.array(begun[session] + random.integers(0, 1200 * 10**6, len(session)))
            writer.write_table(pa.table([pa.array(user[session]), at.cast(schema.field("at").type)], schema=schema))
    pq.write_table(pq.ParquetFile(path).read_row_group(0).slice(0, 1000), some)
    return path, some


answers: dict[int, set[tuple[int, int]]] = {}


@pytest.mark.parametrize("limit_mb", AT_LEAST)
@pytest.mark.parametrize("contender", ["rowpattern", "rowpattern, a reader", "DuckDB's window functions"])
def test_sessions(benchmark: Any, contender: str, limit_mb: int, files: tuple[Path, Path]) -> None:
    benchmark.group = f"sessions in a stream: {ROWS:,} unsorted rows, {limit_mb} MB"
    sql = sessions_by_windows("read_parquet($path)") if contender == "DuckDB's window functions" else SESSIONS
    arguments = [contender, str(files[0]), sql, str(limit_mb), str(files[1])]
    taken: list[dict[str, Any]] = []

    def run() -> None:
        command = [sys.executable, "-c", textwrap.dedent(CHILD), *arguments]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        taken.append(json.loads(found.stdout))

    benchmark.pedantic(run, rounds=2)
    benchmark.extra_info["seconds of CPU"] = min(each["cpu"] for each in taken)
    if contender == "DuckDB's window functions":
        benchmark.extra_info["at_least"] = AT_LEAST[limit_mb]
    answers.setdefault(limit_mb, set()).update((each["rows"], each["sum"]) for each in taken)
    assert len(answers[limit_mb]) == 1, answers
