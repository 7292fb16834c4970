"""One cluster of two workers for all tests of Spark, which Spark Connect reaches too."""

from __future__ import annotations

import functools
import os
from typing import Any

from distributed_cases import ZONE
from servers import free_port

# Most of Spark's code runs a few times here: Java's second compiler would work longer on it than it saves.
_QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "1g",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.session.timeZone": ZONE,
    # What tests make to fail would be logged with its stack.
    "spark.log.level": "OFF",
    "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
    "spark.sql.timeType.enabled": "true",
    "spark.driver.extraJavaOptions": _QUICK_JAVA,
    "spark.executor.extraJavaOptions": _QUICK_JAVA,
}


@functools.lru_cache(maxsize=1)
def _started() -> tuple[Any, int]:
    import tempfile

    from pyspark.sql import SparkSession

    port = free_port()
    # "local[2]" starts sooner, as one process.
    master = os.environ.get("ROWPATTERN_SPARK_MASTER", "local-cluster[2,1,1024]")
    builder = SparkSession.builder.master(master).appName("rowpattern's tests")
    for name, value in _SETTINGS.items():
        builder = builder.config(name, value)
    builder = builder.config("spark.connect.grpc.binding.port", str(port))
    builder = builder.config("spark.sql.warehouse.dir", tempfile.mkdtemp(prefix="rowpattern-warehouse-"))
    return builder.getOrCreate(), port


def classic_session() -> Any:
    """Return the session of the process that has the cluster; it ends with the process."""
    return _started()[0]


@functools.lru_cache(maxsize=1)
def connect_session() -> Any:
    """Return a session of Spark Connect with the same cluster."""
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(f"sc://127.0.0.1:{_started()[1]}").create()
    session.conf.set("spark.sql.session.timeZone", ZONE)
    return session


def spark_frame(session: Any, table: Any) -> Any:
    """Return a table as a frame, with naive time stamps as what they are."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return session.createDataFrame(table, from_arrow_schema(table.schema, prefer_timestamp_ntz=True))
