"""What `isolation="process"` costs: the same query over a million rows with and without it, a warm worker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rowpattern import match_recognize
from rowpattern.sql.isolation import start_workers

ROWS = 1_000_000

CLAUSE = """FROM t MATCH_RECOGNIZE (PARTITION BY s ORDER BY x
    MEASURES FIRST(A.p) AS first, LAST(B.p) AS last {} PATTERN (A B+) DEFINE B AS p < PREV(p))"""
QUERIES = {
    "one row per match": "SELECT * " + CLAUSE.format(""),
    "all rows per match": "SELECT * " + CLAUSE.format("ALL ROWS PER MATCH"),
    "counted": "SELECT count(*) AS n " + CLAUSE.format(""),
}


@pytest.fixture(scope="module")
def table() -> pa.Table:
    random = np.random.default_rng(1)
    start_workers(1)
    return pa.table({"s": np.sort(random.integers(0, 1000, ROWS)), "x": np.arange(ROWS), "p": random.normal(size=ROWS)})


@pytest.mark.parametrize("rows", [100, ROWS])
@pytest.mark.parametrize("isolation", [None, "process"])
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_isolation(benchmark: Any, query: str, isolation: Any, rows: int, table: pa.Table) -> None:
    given = table.slice(0, rows)
    expected = match_recognize(query, given)
    assert match_recognize(query, given, isolation=isolation).equals(expected)
    benchmark.pedantic(match_recognize, (query, given), {"isolation": isolation}, rounds=15, warmup_rounds=3)
