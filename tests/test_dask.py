"""rowpattern.dask on a real cluster of two worker processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

import rowpattern
from rowpattern import dask as rowpattern_dask

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore")

SHAPES = """
    SELECT * FROM ticks MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY at DESC
        MEASURES FIRST(DOWN.price) AS high, LAST(UP.price) - LAST(DOWN.price) AS gain, MATCH_NUMBER() AS number,
            CLASSIFIER() AS label
        {rows}
        PATTERN (START DOWN+ UP+)
        DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price) AND price > FIRST(DOWN.price) - 3)"""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def ticks() -> pd.DataFrame:
    random = np.random.default_rng(3)
    count = 20_000
    return pd.DataFrame(
        {
            "symbol": [f"s{number}" for number in random.integers(0, 97, count)],
            "at": random.permutation(count),
            "price": np.round(random.normal(0, 5, count), 1),
            "kind": pd.Categorical(random.choice(["x", "y"], count)),
            "seen": pd.Timestamp("2026-01-01", tz="Asia/Tokyo")
            + pd.to_timedelta(random.integers(0, 10**6, count), unit="s"),
        }
    )


@pytest.mark.parametrize("rows", ["ONE ROW PER MATCH", "ALL ROWS PER MATCH"])
def test_the_answer_is_that_of_one_machine(client: Client, ticks: pd.DataFrame, rows: str) -> None:
    sql = SHAPES.format(rows=rows)
    frame = dd.from_pandas(ticks, npartitions=7)
    answer = rowpattern_dask.match_recognize(sql, frame)
    # As Dask has it: it gives texts a type of its own.
    local = rowpattern.match_recognize(sql, frame.compute())
    by = ["symbol", "number", *(["at"] if "at" in local else [])]

    def in_order(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.sort_values(by).reset_index(drop=True)

    assert len(local) > 1000
    pd.testing.assert_frame_equal(in_order(answer.compute()), in_order(local))
    assert list(answer.dtypes) == list(local.dtypes)

    def sizes() -> tuple[int, Any]:
        from rowpattern.pattern_cache import get_cache_stats

        return os.getpid(), get_cache_stats()["size"]

    # Each worker has a cache of its own.
    seen = dict(client.run(sizes).values())
    assert len(seen) == 2
    assert os.getpid() not in seen
    assert min(seen.values()) >= 3


def test_what_cannot_be_spread(ticks: pd.DataFrame) -> None:
    with pytest.raises(rowpattern.UnsupportedQueryError, match="without PARTITION BY cannot be spread"):
        rowpattern_dask.match_recognize(
            SHAPES.format(rows="").replace("PARTITION BY symbol", ""), dd.from_pandas(ticks, npartitions=2)
        )
