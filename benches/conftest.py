"""Prints, after the benchmarks, each group as ratios to this package's own time in the same run.

Files whose peers are not installed are left out, and named: `make bench BENCH="-k cache"` installs the cache's alone.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
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
    "theine",
    "pandas",
    "polars",
    "pyarrow",
    "duckdb",
    "chdb",
    "numba",
    "numpy",
)


def missing(path: Path) -> list[str]:
    """Return the packages that a file of benches imports and that are not installed."""
    names = set()
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            names.add(statement.module.partition(".")[0])
    return sorted(name for name in names if find_spec(name) is None and not path.with_name(f"{name}.py").exists())


# An environment that has the peers of some benches only, as those of the cache, runs those.
LEFT_OUT = {path.name: absent for path in Path(__file__).parent.glob("test_*.py") if (absent := missing(path))}
collect_ignore = list(LEFT_OUT)


def pytest_report_header() -> list[str]:
    """Say which files are left out, and why."""
    return [f"left out: {name}, which needs {', '.join(absent)}" for name, absent in sorted(LEFT_OUT.items())]


def pytest_configure(config: pytest.Config) -> None:
    """Make `-k cache` select the benches of the cache whatever their file is called."""
    config.addinivalue_line("markers", "cache: a bench of the cache")


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Save what was compared, for the report."""
    installed = {item.metadata["Name"].replace("_", "-") for item in metadata.distributions()}
    machine_info["packages"] = {name: metadata.version(name) for name in PACKAGES if name in installed}


def least_times(config: pytest.Config) -> dict[str, dict[str, float]]:
    """Return the least time of each contender, in seconds, by group."""
    session = getattr(config, "_benchmarksession", None)
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    for bench in getattr(session, "benchmarks", []):
        # Benches of one thing alone have no contenders; they say in the bench what they must keep.
        if bench.stats.rounds and "contender" in (bench.params or {}):
            # The fastest round: noise of the machine only ever adds to a time.
            groups[bench.group][bench.params["contender"]] = bench.stats.min
    return groups


def missed(config: pytest.Config) -> list[str]:
    """Return what was asked of ratios and not reached: `at_least` and `at_most` in a contender's `extra_info`."""
    groups = least_times(config)
    found = []
    for bench in getattr(getattr(config, "_benchmarksession", None), "benchmarks", []):
        contenders = groups.get(bench.group, {})
        if OURS not in contenders or not bench.params or bench.params.get("contender") not in contenders:
            continue
        ratio = contenders[bench.params["contender"]] / contenders[OURS]
        least, most = bench.extra_info.get("at_least", ratio), bench.extra_info.get("at_most", ratio)
        if not least <= ratio <= most:
            asked = f"at least {least}" if ratio < least else f"at most {most}"
            found.append(f"{bench.group}: {ratio:.2f}, asked is {asked}")
    return found


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a ratio that was asked for is not reached."""
    if session.exitstatus == 0 and missed(session.config):
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for group, times in sorted(least_times(config).items()):
        terminalreporter.section(f"{group}, in times of {OURS}'s", sep="-")
        for name, seconds in sorted(times.items(), key=lambda item: item[1]):
            ratio = seconds / times.get(OURS, seconds)
            terminalreporter.write_line(f"{name:<36} {ratio:10.2f}   {seconds * 1e6:14.2f} us")
    for line in missed(config):
        terminalreporter.write_line(f"MISSED {line}", red=True)
