"""Rows in the order of PARTITION BY and ORDER BY: the order alone, without a query.

Peers sort the same columns: DuckDB by ORDER BY, Polars by `sort`. Ours takes the columns by the order that it found, so
that all have the columns in order in the end.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from rowpattern._core import order

if TYPE_CHECKING:
    from collections.abc import Callable

YEAR = 365 * 86_400 * 10**6


def random_times() -> dict[str, Any]:
    generator = np.random.default_rng(0)
    partition, at = generator.integers(0, 10_000, 1_000_000), generator.integers(0, YEAR, 1_000_000)
    return {"partition": partition, "at": at.astype("datetime64[us]")}


def unsorted_users() -> dict[str, Any]:
    """Events in the order of time, of users that are not."""
    rows = 5_000_000
    return {"partition": np.random.default_rng(0).integers(0, 200_000, rows), "at": np.arange(rows)}


def unsorted_events() -> dict[str, Any]:
    columns = unsorted_users()
    mixed = np.random.default_rng(1).permutation(len(columns["at"]))
    return {name: values[mixed] for name, values in columns.items()}


def sorted_rows() -> dict[str, Any]:
    columns = random_times()
    in_order = np.lexsort((columns["at"], columns["partition"]))
    return {name: values[in_order] for name, values in columns.items()}


TABLES: dict[str, Callable[[], dict[str, Any]]] = {
    "1 M rows by a random timestamp in 10,000 partitions": random_times,
    "5 M events in the order of time, of 200,000 users": unsorted_users,
    "5 M events in no order, of 200,000 users": unsorted_events,
    "1 M rows that are in order": sorted_rows,
}
# How many times as long peers take.
AT_LEAST = {"1 M rows by a random timestamp in 10,000 partitions": 2}


@lru_cache(maxsize=1)
def table(name: str) -> pa.Table:
    return pa.table(TABLES[name]())


def ours(rows: pa.Table) -> pa.Table:
    found = order([rows["partition"]], [(rows["at"], False, False)], threads=2)
    assert found is not None
    return rows if found[0] is None else rows.take(pa.array(found[0]))


def by_duckdb(rows: pa.Table) -> pa.Table:
    return duckdb.from_arrow(rows).order('"partition", "at"').to_arrow_table()


def by_polars(rows: pa.Table) -> pl.DataFrame:
    return pl.DataFrame(rows).sort("partition", "at")


ORDERS: dict[str, Callable[[pa.Table], Any]] = {"rowpattern": ours, "DuckDB": by_duckdb, "Polars": by_polars}


@pytest.mark.parametrize("contender", list(ORDERS))
@pytest.mark.parametrize("rows", list(TABLES))
def test_order(benchmark: Any, rows: str, contender: str) -> None:
    benchmark.group = f"order: {rows}"
    if contender != "rowpattern" and rows in AT_LEAST:
        benchmark.extra_info["at_least"] = AT_LEAST[rows]
    answer = benchmark.pedantic(ORDERS[contender], (table(rows),), rounds=7, warmup_rounds=1)
    # Times may be equal, so rows need not be the same.
    assert pl.DataFrame(answer).equals(pl.DataFrame(ours(table(rows))))
