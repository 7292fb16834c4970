"""Sessions on Spark and on Dask, beside what one would write there by hand; the answers are compared.

Both have the machine's cores: Spark as `local[*]`, Dask as worker processes of one thread each.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rowpattern import dask as rowpattern_dask
from rowpattern import spark as rowpattern_spark

from questions import SESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
pytestmark = pytest.mark.filterwarnings("ignore")

SPARK_ROWS, DASK_ROWS = 3_000_000, 2_000_000
USERS = 20_000


@lru_cache(maxsize=2)
def events(rows: int) -> pa.Table:
    """In the order of time: some ten events in a session of twenty minutes."""
    random = np.random.default_rng(5)
    sessions = rows // 10
    month = 30 * 86_400 * 10**6
    user, begun = random.integers(0, USERS, sessions), random.integers(0, month, sessions)
    session = random.integers(0, sessions, rows)
    at = begun[session] + random.integers(0, 1200 * 10**6, rows)
    order = np.argsort(at)
    return pa.table({"user": user[session][order], "at": pa.array(at[order]).cast(pa.timestamp("us", "UTC"))})


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[*]").config("spark.driver.memory", "4g")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "4",
        "spark.log.level": "ERROR",
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def windows(frame: Any) -> Any:
    from pyspark.sql import Window, functions

    by_time = Window.partitionBy("user").orderBy("at")
    goes_on = functions.col("at") - functions.lag("at").over(by_time) <= functions.expr("INTERVAL 1 HOUR")
    begins = frame.select("user", "at", functions.when(goes_on, 0).otherwise(1).alias("begins"))
    number = functions.sum("begins").over(by_time.rowsBetween(Window.unboundedPreceding, 0))
    return (
        begins.select("user", "at", number.alias("session"))
        .groupBy("user", "session")
        .agg(
            functions.min("at").alias("begun"), functions.max("at").alias("ended"), functions.count("*").alias("events")
        )
        .drop("session")
    )


@pytest.mark.benchmark(group="sessions on Spark, 3 M rows")
@pytest.mark.parametrize("contender", ["rowpattern", "Spark's window functions"])
def test_sessions_on_spark(benchmark: Any, session: Any, tmp_path: Path, contender: str) -> None:
    pq.write_table(events(SPARK_ROWS), tmp_path / "events.parquet", row_group_size=250_000)
    frame = session.read.parquet(str(tmp_path / "events.parquet"))

    def answer() -> Any:
        return windows(frame) if contender != "rowpattern" else rowpattern_spark.match_recognize(SESSIONS, frame)

    if contender != "rowpattern":
        # At most 0.8 of its time.
        benchmark.extra_info["at_least"] = 1.25
        ours = rowpattern_spark.match_recognize(SESSIONS, frame)
        assert answer().exceptAll(ours).isEmpty()
        assert ours.exceptAll(answer()).isEmpty()
    benchmark.pedantic(lambda: answer().write.format("noop").mode("overwrite").save(), rounds=5, warmup_rounds=2)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=os.cpu_count(), threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, Client(cluster) as client:
        yield client


def by_hand(frame: Any) -> Any:
    import pandas as pd

    frame = frame.sort_values(["user", "at"], kind="stable")
    begins = (frame["at"].diff() > pd.Timedelta(hours=1)) | (frame["user"] != frame["user"].shift())
    found = frame.groupby(begins.cumsum().to_numpy(), sort=False)
    found = found.agg(user=("user", "first"), begun=("at", "min"), ended=("at", "max"), events=("at", "size"))
    return found.reset_index(drop=True)


@pytest.mark.benchmark(group="sessions on Dask, 2 M rows")
@pytest.mark.parametrize("contender", ["rowpattern", "pandas by hand"])
def test_sessions_on_dask(benchmark: Any, client: Any, contender: str) -> None:  # noqa: ARG001
    import dask.dataframe as dd
    import pandas as pd

    frame = dd.from_pandas(events(DASK_ROWS).to_pandas(), npartitions=8).persist()

    def answer() -> Any:
        if contender == "rowpattern":
            return rowpattern_dask.match_recognize(SESSIONS, frame)
        return frame.shuffle("user", ignore_index=True).map_partitions(by_hand, meta=by_hand(frame.head(0)))

    if contender != "rowpattern":
        benchmark.extra_info["at_least"] = 1
        pieces = [each.compute() for each in (answer(), rowpattern_dask.match_recognize(SESSIONS, frame))]
        one, other = (piece.sort_values(["user", "begun"]).reset_index(drop=True) for piece in pieces)
        pd.testing.assert_frame_equal(one, other, check_dtype=False)
    benchmark.pedantic(lambda: answer().map_partitions(len).compute(), rounds=5, warmup_rounds=1)
