"""How time grows without queries: over rows, variables, partitions, pattern size, cache entries and threads."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

import rowpattern
from rowpattern import PatternCache

from growth_curves import Curve, point

MILLION = 1_000_000

ROWS = Curve(
    "rows: A (B|C)+ D on labels",
    "rows",
    """Below 10,000 rows the call itself shows (some microseconds); from there on the curve is straight. From ten
    million rows on a row costs up to half more: buffers of more than 8 MiB are not kept between calls, so each call
    touches their pages for the first time.""",
)
VARIABLES = Curve(
    "variables: one of n letters and then the last, 1 M rows",
    "variables",
    """Each variable is a column of booleans to read. Up to 8, a row's set of variables is a byte. Above, sets are
    numbered: by a table of all there can be up to 16 variables, by hashing from 17 on.""",
)
PARTITIONS = Curve(
    "partitions: 10 M rows of labels",
    "partitions",
    """Flat while partitions have many rows: where they border on each other is part of what both passes look up. With
    ten rows in each, reading where a million partitions begin shows.""",
)
COMPILING = Curve(
    "pattern size: compiling A{1,n} B",
    "n",
    """A position for each of n, and its followers: linear, after the call itself.""",
)
PATTERN_SIZE = Curve(
    "pattern size: A{1,n} B on 1 M labels",
    "n",
    """A look-up a row whatever n, up to 512 positions. Above, the forward pass finds its choices in a hash table
    instead of an array, and follows matches with branches; the sets of positions get longer, and there are more of them
    to compute. Runs of A are 200 rows long on average, so n of 3,000 meets no more of them than 1,000.""",
)
HITS = Curve(
    "cache: a hit, by entries",
    "entries",
    """A thousand keys in turn, spread over all entries: what grows are misses of the processor's caches.""",
)
PUTS = Curve(
    "cache: a put that evicts, by entries",
    "entries",
    """Up to 65,536 entries lie in small hash tables (the first level). Above, each put also moves an entry from there
    into the large table, and the entry that it evicts is seldom in the processor's caches.""",
)
THREADS = Curve(
    "threads: 10 M rows of labels in one partition",
    "threads",
    """There are two cores, so nothing is to be gained past two threads. Two do not halve the time: reading labels and
    joining the answers of morsels is done by one.""",
)


@lru_cache(maxsize=1)
def labels(rows: int) -> str:
    return bytes(np.random.default_rng(1).choice(np.frombuffer(b"ABCD", dtype=np.uint8), rows)).decode()


@pytest.mark.parametrize("rows", [10**power for power in range(3, 9)])
def test_rows(benchmark: Any, rows: int) -> None:
    pattern, text = rowpattern.compile("A (B|C)+ D"), labels(rows)
    point(benchmark, ROWS, rows, lambda: pattern.match(text), rounds=max(1, min(50, 30 * MILLION // rows)))


@pytest.mark.parametrize("variables", [2, 4, 8, 9, 16, 32, 64])
def test_variables(benchmark: Any, variables: int) -> None:
    names = [f"V{number}" for number in range(variables)]
    letter = np.random.default_rng(1).integers(0, variables, MILLION)
    conditions = {name: letter == number for number, name in enumerate(names)}
    pattern = rowpattern.compile(f"({' | '.join(names[:-1])})+ {names[-1]}")
    point(benchmark, VARIABLES, variables, lambda: pattern.match(conditions), rounds=15)


@pytest.mark.parametrize("partitions", [10**power for power in range(7)])
def test_partitions(benchmark: Any, partitions: int) -> None:
    rows = 10 * MILLION
    pattern, text = rowpattern.compile("A (B|C)+ D"), labels(rows)
    starts = ("starts", np.arange(0, rows, rows // partitions))
    point(benchmark, PARTITIONS, partitions, lambda: pattern.match(text, partitions=starts), rounds=5)


@pytest.mark.parametrize("size", [1, 10, 100, 300, 1000, 3000])
def test_compiling(benchmark: Any, size: int) -> None:
    text = f"A{{1,{size}}} B"
    rowpattern.pattern_cache.set_caching_enabled(False)
    try:
        point(benchmark, COMPILING, size, lambda: rowpattern.compile(text), rounds=20)
    finally:
        rowpattern.pattern_cache.set_caching_enabled(True)


@pytest.mark.parametrize("size", [1, 10, 100, 300, 1000, 3000])
def test_pattern_size(benchmark: Any, size: int) -> None:
    pattern = rowpattern.compile(f"A{{1,{size}}} B")
    # Runs of A that are longer than n, shorter, and between.
    runs = np.random.default_rng(1).geometric(1 / 200, 6_000)
    text = "".join("A" * int(run) + "B" for run in runs)[:MILLION]
    point(benchmark, PATTERN_SIZE, size, lambda: pattern.match(text), rounds=5)


def filled(entries: int) -> PatternCache:
    cache = PatternCache(max_size=entries, max_memory_mb=1 << 20)
    for number in range(entries):
        cache.put(f"pattern {number}", number, size_bytes=1)
    return cache


@pytest.mark.parametrize("entries", [10**power for power in range(2, 7)])
def test_hits(benchmark: Any, entries: int) -> None:
    cache = filled(entries)
    asked = np.random.default_rng(1).integers(0, entries, 1000)
    keys = [f"pattern {number}" for number in asked.tolist()]

    def ask() -> None:
        for key in keys:
            cache.get(key)

    point(benchmark, HITS, entries, ask, rounds=50)


@pytest.mark.parametrize("entries", [10**power for power in range(2, 7)])
def test_puts(benchmark: Any, entries: int) -> None:
    cache = filled(entries)
    number = iter(range(entries, 1 << 62))

    def put() -> None:
        for _ in range(1000):
            cache.put(f"pattern {next(number)}", 1, size_bytes=1)

    point(benchmark, PUTS, entries, put, rounds=30)


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_threads(benchmark: Any, threads: int) -> None:
    pattern, text = rowpattern.compile("A (B|C)+ D"), labels(10 * MILLION)
    point(benchmark, THREADS, threads, lambda: pattern.match(text, threads=threads), rounds=10)
