"""What a query made is free when it ends, without a run of the garbage collector.

A reference cycle would keep columns until the collector runs, which counts objects and not their bytes.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from rowpattern import errors, match_recognize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUERIES = {
    "one row": "MEASURES FIRST(A.at) AS a, count(*) AS n, sum(price) AS s, CLASSIFIER() AS c ONE ROW PER MATCH",
    "all rows": "MEASURES MATCH_NUMBER() AS m, LAST(B.at) AS b, RUNNING avg(price) AS v ALL ROWS PER MATCH",
    "unmatched": "MEASURES LAST(B.at) AS b, max(price) - 1 AS v ALL ROWS PER MATCH WITH UNMATCHED ROWS",
    "engine": "MEASURES median(price) AS m, array_agg(DISTINCT name) AS names ONE ROW PER MATCH",
}
CONDITIONS = {
    "rows": "B AS price < PREV(price), C AS price > PREV(price)",
    "match": "B AS price < FIRST(price), C AS name <> LAST(B.name)",
    "rounds": "B AS levenshtein(name, FIRST(name)) < 9, C AS price > PREV(price)",
}


def table() -> pa.Table:
    random = np.random.default_rng(1)
    return pa.table(
        {
            "symbol": np.repeat(np.arange(10), 50),
            "at": random.permutation(500),
            "price": random.normal(100, 5, 500),
            "name": random.choice(["Straße", "", "name"], 500),
        }
    )


def query(measures: str, conditions: str) -> str:
    return (
        f"SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY symbol ORDER BY at {measures} PATTERN (A B+ C+) "
        f"DEFINE {conditions})"
    )


@pytest.fixture
def ours_in_cycles() -> Iterator[Callable[[Callable[[], object]], list[str]]]:
    """A function that names what of rowpattern's only the collector frees after a call."""

    def found(call: Callable[[], object]) -> list[str]:
        for _ in range(2):
            call()
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        call()
        gc.collect()
        kept = {f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.garbage}
        return sorted(name for name in kept if name.startswith(("rowpattern", "pyarrow")))

    gc.disable()
    try:
        yield found
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("conditions", CONDITIONS)
@pytest.mark.parametrize("measures", QUERIES)
@pytest.mark.slow
def test_an_answer_is_in_no_cycle(
    measures: str, conditions: str, ours_in_cycles: Callable[[Callable[[], object]], list[str]]
) -> None:
    data, sql = table(), query(QUERIES[measures], CONDITIONS[conditions])
    assert ours_in_cycles(lambda: match_recognize(sql, data)) == []


@pytest.mark.parametrize(
    "kind", [pa.Table.to_pandas, pl.from_arrow, pa.Table.to_reader], ids=["pandas", "polars", "reader"]
)
def test_nor_is_a_table_of_another_kind(
    kind: Callable[[pa.Table], Any], ours_in_cycles: Callable[[Callable[[], object]], list[str]]
) -> None:
    data, sql = table(), query(QUERIES["one row"], CONDITIONS["rows"])
    assert isinstance(match_recognize(sql, kind(data)), (pa.RecordBatchReader, pd.DataFrame, pl.DataFrame))
    assert ours_in_cycles(lambda: match_recognize(sql, kind(data))) == []


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_nor_is_a_stream_s(conditions: str, ours_in_cycles: Callable[[Callable[[], object]], list[str]]) -> None:
    data, sql = table(), query(QUERIES["one row"], CONDITIONS[conditions])

    def read() -> None:
        for batch in match_recognize(sql, data, stream=True):
            assert batch.num_columns == 5

    assert ours_in_cycles(read) == []


@pytest.mark.parametrize(
    "limits",
    [{"memory_limit_mb": 0.01}, {"timeout_seconds": 1e-6}],
    ids=["memory", "time"],
)
def test_nor_is_what_a_limit_ended(
    limits: dict[str, Any], ours_in_cycles: Callable[[Callable[[], object]], list[str]]
) -> None:
    data, sql = table(), query(QUERIES["one row"], CONDITIONS["rows"])

    def ended() -> None:
        with pytest.raises(errors.QueryLimitError):
            match_recognize(sql, data, **limits)

    assert ours_in_cycles(ended) == []
