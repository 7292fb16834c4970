"""Queries from many clients at once: throughput beside DuckDB's, latencies, a cold burst, explosive queries, memory.

The clients are those of load_clients.py: each asks again when it has its answer, of twenty questions over 100 to
200,000 rows, and answers are compared. LOAD_QUERIES says how many are asked for a figure, LOAD_LONG_QUERIES for that of
memory.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from promises import keep
from waiting_process import WaitingProcess

QUERIES = int(os.environ.get("LOAD_QUERIES", "800"))
LONG_QUERIES = int(os.environ.get("LOAD_LONG_QUERIES", "4000"))


class Clients:
    """Clients of one contender, in one process or several, and what they saw."""

    def __init__(
        self, contender: str, *arguments: str, clients: int, queries: int = QUERIES, processes: int = 1
    ) -> None:
        program = str(Path(__file__).with_name("load_clients.py"))
        each = ["--clients", str(clients // processes), "--queries", str(queries // processes), *arguments]
        self._processes = [WaitingProcess(program, contender, *each, "--seed", str(seed)) for seed in range(processes)]
        self.reports: list[dict[str, Any]] = []

    def run(self) -> None:
        """Have all of them ask all."""
        for process in self._processes:
            process.begin()
        for process in self._processes:
            done = process.answer()
            assert done == "done\n", done

    def end(self) -> None:
        """Wait for their end; answers must have been right."""
        self.reports = [json.loads(process.answer()) for process in self._processes]
        for process in self._processes:
            process.end()
        wrong = [each for report in self.reports for each in report["wrong"]]
        assert not wrong, wrong[:5]


def measured(benchmark: Any, contender: str, *arguments: str, rounds: int = 2, **options: int) -> list[dict[str, Any]]:
    """Return what all processes of all rounds saw, behind the measurement."""
    runs: list[Clients] = []

    def start() -> tuple[tuple[Clients], dict[str, Any]]:
        runs.append(Clients(contender, *arguments, **options))
        return (runs[-1],), {}

    benchmark.pedantic(Clients.run, setup=start, teardown=Clients.end, rounds=rounds)
    return [report for run in runs for report in run.reports]


# Each with who answers, how many clients ask, and what is asked of its time beside that of our 32 clients.
CONTENDERS: dict[str, tuple[str, int, dict[str, float]]] = {
    "rowpattern": ("rowpattern", 32, {}),
    "rowpattern, 1 client": ("rowpattern", 1, {}),
    "rowpattern, 4 clients": ("rowpattern", 4, {"at_least": 0.9}),
    "rowpattern, 16 clients": ("rowpattern", 16, {}),
    "DuckDB, window functions, 4 clients": ("DuckDB", 4, {}),
    "DuckDB, window functions, 32 clients": ("DuckDB", 32, {"at_least": 1.5}),
}


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("processes", [1, 2])
def test_clients(benchmark: Any, processes: int, contender: str) -> None:
    name, clients, asked = CONTENDERS[contender]
    if clients < processes:
        pytest.skip("a client is in one process")
    where = "one process" if processes == 1 else f"{processes} processes"
    benchmark.group = f"load: {QUERIES:,} queries in {where}, of 32 clients unless said otherwise"
    benchmark.extra_info.update(asked)
    reports = measured(benchmark, name, clients=clients, processes=processes)
    each = [seconds for report in reports for seconds in report["each"]]
    half, most = map(float, np.percentile(each, [50, 99]))
    benchmark.extra_info["columns"] = {
        "queries a second": f"{QUERIES / benchmark.stats.stats.min:,.0f}",
        "p50, ms": f"{half * 1e3:,.1f}",
        "p99, ms": f"{most * 1e3:,.1f}",
        "CPU, ms a query": f"{sum(report['cpu'] for report in reports) / len(each) * 1e3:,.1f}",
        "threads of the system": f"{max(report['threads'] for report in reports):,}",
    }
    if name == "rowpattern" and clients == 16:
        asked_of_latency = f"16 clients in {where}: p99 at most 5 times p50"
        keep(benchmark, asked_of_latency, f"{most / half:.1f} times {half * 1e3:.1f} ms", reached=most <= 5 * half)


def test_cold_burst(benchmark: Any) -> None:
    """Sixteen first queries of a process at once, each with another text or another table."""
    reports = measured(benchmark, "rowpattern", "--cold", clients=16, rounds=5)
    slowest = min(max(report["each"]) for report in reports)
    asked = "16 first queries of a process at once: each within 0.3 s"
    keep(benchmark, asked, f"{slowest:.2f} s, the slowest, in the best of {len(reports)}", reached=slowest < 0.3)


@pytest.mark.parametrize("contender", ["rowpattern", "beside 5 % that explode"])
def test_explosive(benchmark: Any, contender: str) -> None:
    """The others' throughput falls by a quarter at most."""
    benchmark.group = f"load: {QUERIES:,} queries of 16 clients, and beside queries that are stopped at 0.5 s"
    share = 0.0 if contender == "rowpattern" else 0.05
    if share:
        benchmark.extra_info["at_most"] = 1.33
    reports = measured(benchmark, "rowpattern", "--explosive", str(share), clients=16)
    assert all((report["explosive"] > 0) == (share > 0) for report in reports)


def test_memory(benchmark: Any) -> None:
    """What is in memory after half of the queries is what is there in the end; the allocator has its most by then."""
    (report,) = measured(benchmark, "rowpattern", clients=8, queries=LONG_QUERIES, rounds=1)
    parts = [float(np.median(part)) for part in np.array_split(np.array(report["memory"]), 5)]
    grown = parts[-1] / parts[2] - 1
    shown = ", ".join(f"{part / 2**20:,.0f}" for part in parts)
    asked = f"{LONG_QUERIES:,} queries of 8 clients: at most 3 % more in memory at the end than half way"
    keep(benchmark, asked, f"{100 * grown:.1f} % (medians of fifths: {shown} MB)", reached=grown <= 0.03)
