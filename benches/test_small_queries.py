"""A query over 100 rows, asked again, beside the matcher alone: what parsing, planning and answers cost.

The matcher alone is given the conditions as arrays of booleans and gives the matches with their classifiers.
"""

from __future__ import annotations

import timeit
from typing import Any, Callable

import numpy as np
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
