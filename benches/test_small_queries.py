"""What parsing, planning and answers cost where there are few rows.

A query over 100 rows, asked again, is compared with the matcher alone, which is given the conditions as arrays of
booleans and gives the matches with their classifiers. A long query is asked for the first time, and again. Many columns
are only copied.
"""

from __future__ import annotations

import itertools
import timeit
from typing import Any, Callable

import numpy as np
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

from promises import keep
from questions import V_SHAPE, prices

KINDS: dict[str, Callable[[], Any]] = {
    "Arrow": lambda: prices(100).to_arrow(),
    "Polars": lambda: prices(100),
    "pandas": lambda: prices(100).to_pandas(),
}
ASKED = 100e-6


def matcher() -> Callable[[], Any]:
    """Return what matches the same rows without a query."""
    change = np.diff(prices(100)["price"].to_numpy(), prepend=np.nan)
    conditions = {"DOWN": change < 0, "UP": change > 0}
    pattern = rowpattern.compile("DOWN+ UP+")
    return lambda: pattern.match(conditions)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_rows_asked_again(benchmark: Any, kind: str) -> None:
    benchmark.group = "100 rows, asked again"
    query, table, alone = V_SHAPE.format(by="", rows=""), KINDS[kind](), matcher()
    assert len(match_recognize(query, table)) == len(alone())
    benchmark.pedantic(match_recognize, (query, table), rounds=1000, warmup_rounds=50)
    # Ten at once: a single one is as short as a few readings of the clock.
    seconds = min(timeit.repeat(alone, number=10, repeat=200)) / 10
    more = benchmark.stats.stats.min - seconds
    asked = f"100 rows from {kind}, asked again: at most 0.1 ms more than the matcher alone"
    keep(benchmark, asked, f"{more * 1e3:.3f} ms more than {seconds * 1e6:.1f} us", reached=more <= ASKED)


VARIABLES = "ABCDEFGHIJKL"


def long_query(name: str) -> str:
    """Return a query of 12 variables and 12 measures; with another name it is another text."""
    measures = ", ".join(f"LAST({each}.c{at}) AS m{at}_{name}" for at, each in enumerate(VARIABLES))
    conditions = ", ".join(f"{each} AS c{at} > 0.1 AND p > PREV(p) - {at + 1}" for at, each in enumerate(VARIABLES))
    pattern = " ".join(f"{each}*" for each in VARIABLES)
    return f"""SELECT * FROM t MATCH_RECOGNIZE (
        ORDER BY i MEASURES {measures} PATTERN ({pattern}) DEFINE {conditions})"""


@pytest.mark.parametrize(("asked", "most"), [("for the first time", 0.010), ("again", 0.003)])
def test_a_long_query(benchmark: Any, asked: str, most: float) -> None:
    benchmark.group = f"12 variables and 12 measures over 100 rows, asked {asked}"
    random = np.random.default_rng(0)
    table = pa.table(
        {"i": np.arange(100), "p": random.random(100), **{f"c{at}": random.random(100) for at in range(12)}}
    )
    numbers = itertools.count() if asked == "for the first time" else itertools.repeat(0)
    benchmark.pedantic(lambda: match_recognize(long_query(str(next(numbers))), table), rounds=50, warmup_rounds=5)
    least = benchmark.stats.stats.min
    promise = f"12 variables and 12 measures over 100 rows, asked {asked}: at most {most * 1e3:.0f} ms"
    keep(benchmark, promise, f"{least * 1e3:.1f} ms", reached=least <= most)


# By contender, the table; those of pandas take at most twice as long.
MANY_COLUMNS: dict[str, Callable[[pa.Table], Any]] = {"rowpattern": lambda table: table, "pandas": pa.Table.to_pandas}


@pytest.mark.parametrize("contender", MANY_COLUMNS)
def test_many_columns(benchmark: Any, contender: str) -> None:
    benchmark.group = "all rows of 500 columns of 1,000 rows, from Arrow unless said otherwise"
    random = np.random.default_rng(0)
    table = pa.table({"i": np.arange(1000), **{f"c{at}": random.random(1000) for at in range(500)}})
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH PATTERN (A+) DEFINE A AS c0 >= 0)"
    if contender == "pandas":
        benchmark.extra_info["at_most"] = 2.0
    benchmark.pedantic(match_recognize, (sql, MANY_COLUMNS[contender](table)), rounds=50, warmup_rounds=5)
