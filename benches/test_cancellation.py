"""How long a query goes on after it was cancelled, whatever it was doing: a tenth of a second is said to users.

Each query has another step that takes long. It is cancelled at moments that are spread over its time at random, from
another thread, and as a task of asyncio. Its memory and its place are given back when the caller has control.
"""

from __future__ import annotations

import asyncio
import random
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from queries_at_work import seconds_after_cancel, wait_until_none_runs

import rowpattern
from rowpattern import match_recognize, match_recognize_async
from rowpattern.sql.runtime.admission import query_figures

from promises import keep

ROWS = 1_000_000
MOMENTS = 20
ASKED = 0.1
#: Of a query that does not end.
LONGEST = 3.0

_BY_USER = "PARTITION BY user ORDER BY at"
_HARD = "MEASURES count(*) AS n PATTERN ((A | B)+ C) DEFINE A AS sum(A.price) > -1e9, C AS sum(A.price) = 0.123"
_SIMPLE = "PATTERN (A+ B?) DEFINE A AS price > 0.2"

#: By what takes long: what is selected, the clause, and the kind of table.
QUERIES = {
    "reading objects": ("*", "ORDER BY at MEASURES LAST(decimal) AS d PATTERN (A+) DEFINE A AS decimal > 0", "pandas"),
    "ordering": ("*", f"PARTITION BY name ORDER BY price MEASURES count(*) AS n {_SIMPLE}", "Arrow"),
    "conditions": (
        "*",
        "ORDER BY at MEASURES count(*) AS n PATTERN (A+) DEFINE A AS name LIKE '%12%' OR price * 2 > PREV(price) + 0.1",
        "Arrow",
    ),
    "conditions by DuckDB": (
        "*",
        "MEASURES count(*) AS n PATTERN (A+) DEFINE A AS levenshtein(name, 'abc') > 2",
        "Arrow",
    ),
    "conditions in rounds": (
        "*",
        f"{_BY_USER} MEASURES count(*) AS n PATTERN (A B+) DEFINE B AS levenshtein(name, FIRST(A.name)) > 2",
        "Arrow",
    ),
    "a search": ("*", f"ORDER BY at {_HARD}", "Arrow"),
    "aggregates": ("*", f"{_BY_USER} MEASURES sum(A.price) AS s, median(A.price) AS m {_SIMPLE}", "Arrow"),
    "measures by DuckDB": ("*", f"{_BY_USER} MEASURES upper(concat(FIRST(name), LAST(name))) AS m {_SIMPLE}", "Arrow"),
    "all rows, pandas": ("*", f"{_BY_USER} ALL ROWS PER MATCH {_SIMPLE}", "pandas"),
    "all rows, Polars": ("*", f"{_BY_USER} ALL ROWS PER MATCH {_SIMPLE}", "Polars"),
    "what is around": ("*, user + 1 AS u", f"{_BY_USER} ALL ROWS PER MATCH {_SIMPLE}) ORDER BY (name", "Arrow"),
}


def table(kind: str) -> Any:
    """Return rows in no order, of 100,000 users; pandas has decimals as Python's objects."""
    numbers = np.random.default_rng(0)
    made = pa.table(
        {
            "at": numbers.permutation(ROWS),
            "user": numbers.integers(0, ROWS // 10, ROWS),
            "price": numbers.random(ROWS),
            "name": pa.array(numbers.integers(0, ROWS, ROWS)).cast(pa.string()),
        }
    )
    if kind == "pandas":
        frame = made.to_pandas()
        frame["decimal"] = [Decimal(row) / 4 for row in range(ROWS)]
        return frame
    return __import__("polars").from_arrow(made) if kind == "Polars" else made


def late(sql: str, given: Any, after: float) -> float | None:
    """Cancel a query after some time from another thread; return how long it goes on, None where it had ended."""
    found = seconds_after_cancel(sql, given, after)
    assert query_figures()[:2] == (0, 0)
    assert query_figures().held_bytes == 0
    return found


def late_task(sql: str, given: Any, after: float) -> float | None:
    """As `late`, of a task of asyncio."""

    async def ask() -> float | None:
        query = asyncio.ensure_future(match_recognize_async(sql, given))
        await asyncio.sleep(after)
        cancelled = time.perf_counter()
        query.cancel()
        await asyncio.wait([query])
        await asyncio.to_thread(wait_until_none_runs)
        return time.perf_counter() - cancelled if query.cancelled() else None

    return asyncio.run(ask())


@pytest.mark.parametrize("how", [late, late_task], ids=["thread", "task"])
@pytest.mark.parametrize("step", QUERIES)
def test_cancelled(benchmark: Any, step: str, how: Any) -> None:
    benchmark.group = "queries that are cancelled, and how late they end at the worst"
    selected, clause, kind = QUERIES[step]
    sql, given = f"SELECT {selected} FROM t MATCH_RECOGNIZE ({clause})", table(kind)

    def ask() -> None:
        if step != "a search":
            match_recognize(sql, given)
            return
        with pytest.raises(rowpattern.QueryLimitError):
            match_recognize(sql, given, timeout_seconds=LONGEST)

    benchmark.pedantic(ask, rounds=1)
    moments = random.Random(0)
    most = min(benchmark.stats.stats.min, LONGEST)
    found = [seen for _ in range(MOMENTS) if (seen := how(sql, given, moments.random() * most)) is not None]
    worst = max(found)
    asked = f"{step}: a cancelled query ends within 0.1 s, in a {'thread' if how is late else 'task'}"
    keep(benchmark, asked, f"{worst * 1e3:.0f} ms, the worst of {len(found)} moments", reached=worst <= ASKED)
