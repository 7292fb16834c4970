"""Apache Flink's MATCH_RECOGNIZE on the same rows, with the same text.

Flink reads rows from a CSV file and drops the answer; the least of its rounds, warm, is compared, and what reading
alone takes stands beside it. Rowpattern has the rows in memory, as its users do. Flink is here for what it does on one
machine with as many threads as there are cores; it is built for streams that never end.
"""

from __future__ import annotations

import csv
import json
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rowpattern import match_recognize

HERE = Path(__file__).parent
FLINK = HERE.parent / ".venv-flink/bin/python"
ROWS = 1_000_000

# Flink has no PREV, and no pattern may end in a greedy quantifier there.
QUERY = """SELECT * FROM ticks MATCH_RECOGNIZE (
    PARTITION BY symbol ORDER BY seen
    MEASURES BEGUN.price AS high, LAST(DOWN.price) AS low, UP.price AS ended
    ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
    PATTERN (BEGUN DOWN+ UP)
    DEFINE DOWN AS (LAST(DOWN.price, 1) IS NULL AND DOWN.price < BEGUN.price) OR DOWN.price < LAST(DOWN.price, 1),
        UP AS UP.price > LAST(DOWN.price))"""


@lru_cache(maxsize=1)
def ticks() -> pd.DataFrame:
    """A thousand symbols, their rows in turn."""
    prices = np.round(np.random.default_rng(0).normal(100, 5, ROWS), 2)
    seen = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(ROWS), unit="s")
    return pd.DataFrame({"symbol": np.arange(ROWS) % 1000, "seen": seen, "price": prices})


@lru_cache(maxsize=1)
def flink(folder: Path) -> tuple[float, float, list[tuple[float, ...]]]:
    path = folder / "ticks.csv"
    ticks().to_csv(path, header=False, index=False, date_format="%Y-%m-%d %H:%M:%S")
    arguments = [str(FLINK), str(HERE / "flink_peer.py"), str(path), QUERY, "3", str(folder / "answers")]
    found = json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    rows = []
    for part in (folder / "answers").rglob("*"):
        if part.is_file():
            rows += [tuple(map(float, row)) for row in csv.reader(part.read_text().splitlines())]
    return found["reading"], found["answering"], sorted(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flink")


@pytest.mark.parametrize("contender", ["rowpattern", "Apache Flink", "Apache Flink, reading the rows alone"])
def test_falls_and_the_rise_behind_them(benchmark: Any, folder: Path, contender: str) -> None:
    benchmark.group = "falls and the first rise, 1 M rows in 1,000 partitions"
    if contender == "rowpattern":
        benchmark.pedantic(match_recognize, (QUERY, ticks()), rounds=15, warmup_rounds=2)
        return
    if not FLINK.exists():
        pytest.skip("Apache Flink is not installed: make bench BENCH='-k flink' does")
    reading, answering, rows = flink(folder)
    assert rows == sorted(match_recognize(QUERY, ticks()).itertuples(index=False, name=None))
    # What was measured in Flink's own process stands in for this one's clock.
    benchmark.pedantic(lambda: None, rounds=1)
    seconds = reading if contender.endswith("alone") else answering
    for name in ("min", "max", "mean", "median"):
        setattr(benchmark.stats.stats, name, seconds)
    benchmark.extra_info["measured by"] = "benches/flink_peer.py"
