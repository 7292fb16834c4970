"""Peak memory of a query beyond its table, in times of the columns that it uses; of rows in order and in none."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from promises import keep

MEASURE = """
import sys
import numpy as np, pyarrow as pa
from rowpattern import match_recognize

def peak():
    # Of this process's own memory; getrusage() begins with its parent's.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024

rows = 5_000_000
walk = np.random.default_rng(0).normal(size=rows).cumsum()
table = pa.table({"day": np.arange(rows), "price": walk, "shown": walk})
if sys.argv[2] == "in no order":
    table = table.take(np.random.default_rng(1).permutation(rows))
query = '''SELECT * FROM t MATCH_RECOGNIZE (ORDER BY day
    MEASURES FIRST(START.day) AS f, LAST(DOWN.price) AS lowest, LAST(UP.day) AS l
    {} PATTERN (START DOWN+ UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))'''
match_recognize(query.format(""), table.slice(0, 1000))
# From here on: making the table may have taken more.
with open("/proc/self/clear_refs", "w") as peaks:
    peaks.write("5")
before = peak()
answer = match_recognize(query.format(sys.argv[1]), table)
grown = peak() - before
used = 8 * rows * (3 if "ALL" in sys.argv[1] else 2)
print(grown / used, answer.nbytes / used)
"""


# By the rows that are shown.
AT_MOST = {"ONE ROW PER MATCH": 2, "ALL ROWS PER MATCH": 3}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("order", ["in order", "in no order"])
@pytest.mark.parametrize("rows", list(AT_MOST))
def test_peak(benchmark: Any, rows: str, order: str) -> None:
    def measure() -> str:
        command = [sys.executable, "-c", MEASURE, rows, order]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    ratio, answer = map(float, benchmark.pedantic(measure, rounds=1).split())
    measured = f"{ratio:.2f} times, of which the answer {answer:.2f}"
    asked = f"{rows}, rows {order}: peak memory beyond the table at most {AT_MOST[rows]} times the columns used"
    keep(benchmark, asked, measured, reached=ratio <= AT_MOST[rows])
