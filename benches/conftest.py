"""Prints, after the benchmarks, each group as ratios to this package's own time in the same run."""

from __future__ import annotations

from collections import defaultdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

OURS = "rowpattern"

PACKAGES = (
    "rowpattern",
    "pandas-match-recognize",
    "moka-py",
    "cachebox",
    "cachetools",
    "pandas",
    "polars",
    "pyarrow",
    "duckdb",
    "sqlglot",
    "numpy",
)


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Save what was compared, for the report."""
    machine_info["packages"] = {name: metadata.version(name) for name in PACKAGES}


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    for bench in getattr(session, "benchmarks", []):
        # Benches of one thing alone have no contenders; they say in the bench what they must keep.
        if bench.stats.rounds and "contender" in (bench.params or {}):
            # The fastest round: noise of the machine only ever adds to a time.
            groups[bench.group][bench.params["contender"]] = bench.stats.min
    for group, times in sorted(groups.items()):
        terminalreporter.section(f"{group}, in times of {OURS}'s", sep="-")
        for name, seconds in sorted(times.items(), key=lambda item: item[1]):
            ratio = seconds / times.get(OURS, seconds)
            terminalreporter.write_line(f"{name:<36} {ratio:10.2f}   {seconds * 1e6:14.2f} us")
