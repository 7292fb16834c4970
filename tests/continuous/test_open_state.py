"""What a continuous query keeps: the rows of matches that may still come, and nothing of keys without one."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import rowpattern

from certain_matches import Rows, outlooks, random_question, table
from commands import run_python
from continuous_cases import by_partition, plain_rows

DEPTHS = (3, 4, 5)
SOAK_SECONDS = float(os.environ.get("ROWPATTERN_SOAK_SECONDS", "0"))
V_SHAPE = """
    SELECT * FROM ticks MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY at
        MEASURES FIRST(at) AS begun, LAST(DOWN.price) AS low, COUNT(*) AS n
        PATTERN (HIGH DOWN+ UP+) WITHIN 100000
        DEFINE DOWN AS price < LAST(price, 1), UP AS price > LAST(price, 1))"""
TICKS = pa.schema({"symbol": pa.int64(), "at": pa.int64(), "price": pa.int64()})


def ticks(rng: np.random.Generator, first: int, count: int, keys: int) -> pa.Table:
    """Make up prices of symbols, in order of time."""
    times = np.arange(first, first + count)
    return pa.table([rng.integers(0, keys, count), times, rng.integers(0, 20, count)], schema=TICKS)


def test_the_rows_that_are_kept_are_those_of_a_match_that_may_still_come() -> None:
    """For each prefix the rows from the first one on that begins the next match over something that may follow."""
    length, checked, kept_rows = 5, 0, 0
    for seed in range(150):
        rng = random.Random(seed)
        question = random_question(rng, known_share=1)
        if (
            question.is_bounded
            or question.looks_on
            or "PREV" in question.sql
            or "^" in question.sql
            or "C" in question.variables
        ):
            # By time a match may end sooner than is tried out; a row before the match is kept too; values behind a row
            # decide several conditions.
            continue
        partitions: list[Rows] = [
            [rng.randrange(4) | rng.choice([0, 0, 1, 3]) << 3 for _ in range(length)] for _ in range(4)
        ]
        query = rowpattern.continuous(question.sql, table([]).schema)
        for step in range(length):
            prefixes = [each[: step + 1] for each in partitions]
            rows = table([(number, each, (), (1, 1)) for number, each in enumerate(prefixes)])
            query.push(rows.filter(rows["i"].to_numpy() == step))
            kept = query.state().rows
            needed = (sum(each.open_rows for each in outlooks(question, prefixes, depth)) for depth in DEPTHS)
            # What may follow is tried out more deeply only where it takes more rows to complete a match.
            assert next((rows for rows in needed if rows >= kept), 0) == kept, (seed, question.sql, prefixes)
            kept_rows += kept
        checked += 1
    assert checked > 20
    assert kept_rows > 200


@pytest.mark.parametrize("lateness", [None, 50])
def test_the_limit_of_memory_holds_when_a_call_returns(lateness: int | None) -> None:
    """Whether it gives an answer or an error; an error leaves all as it was."""
    refused, taken = 0, 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        limit, keys = float(rng.choice([0.02, 0.1, 0.4])), int(rng.choice([5, 400]))
        query = rowpattern.continuous(
            V_SHAPE, TICKS, memory_limit_mb=limit, lateness=lateness, late="drop", threads=1, idle=5_000
        )
        first = 0
        for _ in range(30):
            count = int(rng.integers(1, 1_500))
            rows, before = ticks(rng, first, count, keys), query.state()
            if lateness is not None:
                rows = rows.take(pa.array(np.argsort(np.arange(count) + rng.uniform(0, lateness, count))))
            try:
                query.push(rows)
                first += count
                taken += 1
            except rowpattern.QueryLimitError as error:
                refused += 1
                assert f"memory_limit_mb={limit:g}" in str(error)
                # What rows take in memory may be less: others were copied, to make room.
                assert query.state()._replace(size_bytes=0) == before._replace(size_bytes=0)
            assert query.state().size_bytes <= limit * 2**20, (seed, first)
    assert min(refused, taken) > 20


def test_no_query_is_restored_that_keeps_more_than_the_limit() -> None:
    query = rowpattern.continuous(V_SHAPE, TICKS)
    query.push(ticks(np.random.default_rng(0), 0, 5_000, 1_000))
    blob = query.checkpoint()
    assert rowpattern.continuous.restore(blob, V_SHAPE, memory_limit_mb=4).state().rows == query.state().rows
    with pytest.raises(rowpattern.QueryLimitError, match=r"memory_limit_mb=0\.3; the oldest open match began at at = "):
        rowpattern.continuous.restore(blob, V_SHAPE, memory_limit_mb=0.3)


IDLE_KEYS = """
import resource, sys
import numpy as np
import pyarrow as pa
import rowpattern

sql, keys = sys.argv[1], int(sys.argv[2])
schema = pa.schema({"symbol": pa.int64(), "at": pa.int64(), "price": pa.int64()})
query = rowpattern.continuous(sql, schema, threads=1)
resident = []
for number, first in enumerate(range(0, keys, 50_000)):
    symbols = np.arange(first, first + 50_000)
    # Three prices that fall and rise, and one that decides: nothing is open behind it.
    for step, price in enumerate((9, 5, 7, 7)):
        times = np.arange(50_000) + 4 * first + 50_000 * step
        query.push(pa.record_batch([symbols, times, np.full(50_000, price)], schema=schema))
    with open("/proc/self/statm") as file:
        resident.append(int(file.read().split()[1]) * resource.getpagesize() / 2**20)
state = query.state()
print(state.partitions, state.rows, max(resident) - max(resident[: len(resident) // 4]))
"""


@pytest.mark.slow
def test_a_million_keys_without_an_open_match_leave_no_memory() -> None:
    """Of each key a match was found; the symbols' last rows begin none, as no row after them falls in a match."""
    sql = V_SHAPE.replace("HIGH DOWN+ UP+", "HIGH DOWN UP ENDED").replace("DEFINE", "DEFINE HIGH AS price = 9,")
    done = run_python("-c", IDLE_KEYS, sql, "1000000", check=True)
    partitions, rows, grown_mb = done.stdout.split()
    assert (partitions, rows) == ("0", "0")
    # A million keys of 8 bytes alone would take 8 MB; in tables they would take 50 and more.
    assert float(grown_mb) < 30


GO_ON = """
import sys
import pyarrow as pa
import rowpattern

folder, begin, end = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sql = open(f"{folder}/query.sql").read()
with open(f"{folder}/checkpoint", "rb") as file:
    query = rowpattern.continuous.restore(file.read(), sql)
assert query.positions == str(begin).encode()
with pa.ipc.open_file(f"{folder}/rows.arrow") as rows:
    found = [query.push(rows.get_batch(number)) for number in range(begin, end)]
answer = pa.Table.from_batches(found)
with open(f"{folder}/checkpoint", "wb") as file:
    file.write(query.checkpoint(positions=str(end).encode()))
with pa.ipc.new_stream(sys.stdout.buffer, answer.schema) as writer:
    writer.write_table(answer)
"""


@pytest.mark.slow
def test_other_processes_go_on_from_checkpoints_at_random_moments(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    everything = ticks(rng, 0, 6_000, 50)
    shuffled = everything.take(pa.array(np.argsort(np.arange(6_000) + rng.uniform(0, 200, 6_000))))
    batches = shuffled.to_batches(max_chunksize=100)
    (tmp_path / "query.sql").write_text(V_SHAPE)
    with pa.ipc.new_file(tmp_path / "rows.arrow", TICKS) as writer:
        writer.write_table(shuffled, max_chunksize=100)
    moments = [*sorted(rng.choice(np.arange(1, 60), 3, replace=False).tolist()), 60]
    query = rowpattern.continuous(V_SHAPE, TICKS, lateness=200)
    found = [query.push(batch) for batch in batches[: moments[0]]]
    blob = query.checkpoint(positions=str(moments[0]).encode())
    (tmp_path / "checkpoint").write_bytes(blob)
    for begin, end in zip(moments, moments[1:]):
        command = [sys.executable, "-c", GO_ON, str(tmp_path), str(begin), str(end)]
        done = subprocess.run(command, check=True, capture_output=True)
        found.append(pa.ipc.open_stream(io.BytesIO(done.stdout)).read_all())
    query = rowpattern.continuous.restore((tmp_path / "checkpoint").read_bytes(), V_SHAPE)
    found.append(query.finish())
    wanted = plain_rows([rowpattern.match_recognize(V_SHAPE, shuffled)])
    assert len(wanted) > 500
    assert by_partition(plain_rows(found), partitioned=True) == by_partition(wanted, partitioned=True)


@pytest.mark.skipif(not SOAK_SECONDS, reason="ROWPATTERN_SOAK_SECONDS says how long, as 600")
def test_a_long_stream_of_100_000_keys_is_flat() -> None:
    """Memory stays where it is after the first tenth of the time, and under the limit."""
    rng = np.random.default_rng(1)
    query = rowpattern.continuous(V_SHAPE, TICKS, lateness=1_000, memory_limit_mb=200, threads=1)
    begun, first, sizes = time.monotonic(), 0, []
    while (passed := time.monotonic() - begun) < SOAK_SECONDS:
        rows = ticks(rng, first, 10_000, 100_000)
        query.push(rows.take(pa.array(np.argsort(np.arange(10_000) + rng.uniform(0, 900, 10_000)))))
        first += 10_000
        if passed > SOAK_SECONDS / 10:
            sizes.append(int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 2**20)
    tenth = max(1, len(sizes) // 10)
    assert max(sizes[-tenth:]) < 1.2 * max(sizes[:tenth]) + 20, (first, sizes[:: max(1, len(sizes) // 20)])
