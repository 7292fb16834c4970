"""Large buffers rest between queries: within a bound, counted, and given back when a cache is cleared."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern.pattern_cache import clear_pattern_cache
from rowpattern.sql.runtime.admission import query_figures

from commands import run_python
from forks import child_status, needs_fork

ROWS = 400_000
MOST_BYTES = 64 << 20
ALL_ROWS = """SELECT * FROM t MATCH_RECOGNIZE (
    ORDER BY row MEASURES FIRST(A.x) AS a, LAST(B.x) AS b ALL ROWS PER MATCH
    PATTERN (A+ B+) DEFINE A AS x < 2, B AS x >= 2)"""


def table() -> pl.DataFrame:
    return pl.DataFrame({"row": range(ROWS)}).with_columns(x=pl.col("row") % 5)


def ask(rows: pl.DataFrame) -> pl.DataFrame:
    answer = match_recognize(ALL_ROWS, rows)
    # Groups of the rows 0 to 4: the first of each is A, and the last one B so far is the row's own where it is one.
    whole = pl.col("row") - pl.col("x")
    expected = rows.select("row", (whole % 5).alias("a"), pl.when(pl.col("x") >= 2).then("x").alias("b"), "x")
    assert answer.equals(expected.select(answer.columns))
    return answer


def test_what_rests_is_bounded_counted_and_given_back() -> None:
    rows = table()
    for _ in range(5):
        ask(rows)
        assert 0 < query_figures().resting_bytes <= MOST_BYTES
    clear_pattern_cache()
    assert query_figures().resting_bytes == 0
    ask(rows)


def test_answers_that_are_kept_are_nobody_else_s() -> None:
    rows = table()
    first = ask(rows)
    for _ in range(3):
        ask(rows.with_columns(x=pl.col("x")))
    assert first.equals(ask(rows))


@needs_fork
def test_a_forked_child_has_buffers_of_its_own() -> None:
    rows = table()
    ask(rows)
    assert child_status(lambda: rowpattern.compile("A B").count("AB" * 1_000_000) == 1_000_000) == 0
    ask(rows)


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted on Linux")
def test_a_query_that_is_asked_again_touches_few_fresh_pages() -> None:
    code = """
import resource
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1:]
from test_resting_buffers import ALL_ROWS, table
from rowpattern import match_recognize
rows = table()
for _ in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    match_recognize(ALL_ROWS, rows, threads=1)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults)
"""
    folder = Path(__file__).parent
    found = run_python("-c", code, folder, folder.parent / "helpers", check=True, timeout=300)
    # Its buffers have some 15 MB, which are 3,700 pages.
    assert int(found.stdout) < 1_500
