"""The V shape beside loops that are written for this query alone and compiled by numba, on one thread.

Both read a pandas frame whose days are known to be in order (ours looks whether they are) and give one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Callable

import numba
import numpy as np
import pandas as pd
import pytest

from rowpattern import match_recognize

from questions import V_SHAPE, prices

MILLION = 1_000_000


def one_row_a_match(day: Any, price: Any) -> Any:
    """Return the first day of the falls, their last price and that of the rises, of each match."""
    rows = len(price)
    begun, low, ended = np.empty(rows // 2, np.int64), np.empty(rows // 2), np.empty(rows // 2)
    found, row = 0, 1
    while row < rows:
        first = row
        while row < rows and price[row] < price[row - 1]:
            row += 1
        if row == first:
            row += 1
            continue
        turn = row
        while row < rows and price[row] > price[row - 1]:
            row += 1
        if row > turn:
            begun[found], low[found], ended[found] = day[first], price[turn - 1], price[row - 1]
            found += 1
    return begun[:found], low[:found], ended[:found]


def all_rows(day: Any, price: Any) -> Any:
    """Return the same measures as of each row of a match, beside its day and price."""
    rows = len(price)
    days, begun = np.empty(rows, np.int64), np.empty(rows, np.int64)
    low, ended, shown = np.empty(rows), np.empty(rows), np.empty(rows)
    written, row = 0, 1
    while row < rows:
        first = row
        while row < rows and price[row] < price[row - 1]:
            row += 1
        if row == first:
            row += 1
            continue
        turn = row
        while row < rows and price[row] > price[row - 1]:
            row += 1
        if row == turn:
            continue
        for each in range(first, row):
            days[written], begun[written], shown[written] = day[each], day[first], price[each]
            low[written] = price[min(each, turn - 1)]
            ended[written] = price[each] if each >= turn else np.nan
            written += 1
    return days[:written], begun[:written], low[:written], ended[:written], shown[:written]


LOOPS: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "": (numba.njit(one_row_a_match), ["begun", "low", "ended"]),
    "ALL ROWS PER MATCH": (numba.njit(all_rows), ["day", "begun", "low", "ended", "price"]),
}

# Each with the rows, the clause of rows per match, our threads, and how many times our time the loop must take.
QUESTIONS: dict[str, tuple[int, str, int | None, float]] = {
    "V shape, 1 M rows, one thread": (MILLION, "", 1, 1.3),
    "V shape, 1 M rows, all cores": (MILLION, "", None, 2.0),
    "V shape, 10 M rows, all cores": (10 * MILLION, "", None, 1.2),
    "V shape, 1 M rows, all rows per match, all cores": (MILLION, "ALL ROWS PER MATCH", None, 1.0),
}


@lru_cache(maxsize=1)
def frame(rows: int) -> pd.DataFrame:
    return prices(rows).to_pandas()


def by_loop(table: pd.DataFrame, rows_per_match: str) -> pd.DataFrame:
    loop, names = LOOPS[rows_per_match]
    return pd.DataFrame(dict(zip(names, loop(table["day"].to_numpy(), table["price"].to_numpy()))), copy=False)


@pytest.mark.parametrize("contender", ["rowpattern", "a numba loop"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_v_shape(benchmark: Any, question: str, contender: str) -> None:
    benchmark.group = question
    rows, rows_per_match, threads, least = QUESTIONS[question]
    query, table = V_SHAPE.format(by="", rows=rows_per_match), frame(rows)
    rounds = {"rounds": 40 if rows == MILLION else 10, "warmup_rounds": 2}
    if contender == "rowpattern":
        benchmark.pedantic(match_recognize, (query, table), {"threads": threads}, **rounds)
        return
    # Also compiles the loop.
    pd.testing.assert_frame_equal(match_recognize(query, table), by_loop(table, rows_per_match))
    benchmark.extra_info["at_least"] = least
    benchmark.pedantic(by_loop, (table, rows_per_match), **rounds)
