"""The examples run on real data and say what they should."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from commands import run_python
from documents import picture_size

ROOT = Path(__file__).parents[2]


def benchmark(*options: str) -> dict[str, str]:
    command = [sys.executable, "examples/pattern_cache_benchmark.py", *options]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    # The progress bar.
    assert "100%" in result.stderr
    return dict(re.split(r"\s{2,}", line, maxsplit=1) for line in result.stdout.splitlines() if "  " in line)


@pytest.mark.parametrize("complexity", ["1", "2", "3"])
def test_the_main_job(complexity: str) -> None:
    table = benchmark("--num-patterns", "20", "--complexity", complexity, "--iterations", "3")
    assert table["rows, tickers"] == "12,154, 5"
    assert table["hits, misses"] == "40, 20"
    assert table["cache efficiency"] == "66.7 %"
    assert int(table["matches found"].replace(",", "")) > 0
    cold = benchmark("--num-patterns", "20", "--complexity", complexity, "--iterations", "3", "--disable-cache")
    assert cold["matches found"] == table["matches found"]
    assert cold["hits, misses"] == "0, 0"


def test_options(tmp_path: Path) -> None:
    few = ["--num-patterns", "10", "--iterations", "2"]
    assert benchmark(*few, "--clear-between-iterations")["hits, misses"] == "0, 20"
    # Ten patterns in turn through room for four: the one needed next has always just gone.
    small = benchmark(*few, "--cache-size", "4")
    assert small["hits, misses"] == "0, 20"
    assert small["memory, entries"].endswith(" MB, 4")
    chart = tmp_path / "chart.png"
    benchmark(*few, "--plot", str(chart))
    assert chart.read_bytes().startswith(b"\x89PNG")


def test_with_and_without_the_cache_side_by_side() -> None:
    command = ["examples/pattern_cache_benchmark.py", "--num-patterns", "10", "--iterations", "2", "--compare"]
    lines = [re.split(r"\s{2,}", line.strip()) for line in run(*command).splitlines()]
    assert lines[0] == ["with the cache", "without the cache"]
    table = {name: (cached, uncached) for name, cached, uncached in lines[1:]}
    assert table["hits, misses"] == ("10, 10", "0, 0")
    assert table["matches found"][0] == table["matches found"][1]
    assert table["cache efficiency"] == ("50.0 %", "0.0 %")


def test_wrong_options() -> None:
    result = run_python("examples/pattern_cache_benchmark.py", "--num-patterns", "0", cwd=ROOT)
    assert result.returncode == 2
    assert "--num-patterns: invalid positive value: '0'" in result.stderr


def test_the_table_of_what_patterns_cost() -> None:
    """The table of docs/deployment.md, over fewer rows: a line for each pattern there."""
    command = [sys.executable, "examples/pattern_complexity.py", "--rows", "10000"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    lines = [line.split(" | ")[0] for line in result.stdout.splitlines()]
    guide = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(guide) if line.startswith("| pattern | compile"))
    assert lines == [line.split(" | ")[0] for line in guide[first : first + len(lines)]]
    assert guide[first + len(lines)] == ""


def run(*command: str) -> str:
    result = run_python(*command, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_shapes_of_prices(tmp_path: Path) -> None:
    chart = tmp_path / "shapes.png"
    printed = run("examples/price_shapes.py", "--plot", str(chart))
    assert len(printed.splitlines()) == 1 + 8 + 1
    assert "GOOG 2011-09-27 2011-10-03 2011-10-14       539.34        495.52     591.680" in printed
    # It is the README's picture, whose size changes a little with the versions of fonts.
    assert picture_size(chart) == pytest.approx(picture_size(ROOT / "docs" / "shapes.png"), rel=0.2)


def test_questions_about_flights() -> None:
    printed = run("examples/flights.py")
    assert "Streaks of delays by aircraft: 10 rows" in printed
    assert "Recovery after a late start by carrier: 16 rows" in printed
    assert "Planes that skipped their routine: 1407 rows" in printed


def test_conditions_that_depend_on_the_match() -> None:
    printed = run("examples/conditions.py")
    assert "V shapes: 50 of 3,270 rows" in printed
    assert "Failed logins, then a success: 18 of 4,999 rows" in printed
