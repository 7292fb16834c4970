"""MATCH_RECOGNIZE over Apache Spark (extra `spark`): each task answers the partitions that the shuffle brings to it.

PARTITION BY is the shuffle's key. Spark brings the rows of a partition together and in order; a task streams its rows
through `rowpattern.match_recognize` as Arrow batches, so an executor holds a few partitions at a time. What crosses to
executors is the query's text: each compiles the pattern once, into a cache of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.dependencies import missing
from rowpattern.errors import UnsupportedQueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from rowpattern.sql.spreading import Spread

__all__ = ["match_recognize"]


def match_recognize(
    sql: str, data: DataFrame, /, *, memory_limit_mb: float | None = None, timeout_seconds: float | None = None
) -> DataFrame:
    """Answer a query with MATCH_RECOGNIZE over a Spark data frame, lazily.

    Args:
        sql: a SELECT of columns from one table with MATCH_RECOGNIZE behind it, with PARTITION BY columns; any name in
            FROM means the frame. What would stand around the clause (WHERE, GROUP BY, joins) is for Spark to do with
            the answer, or before.
        data: the frame.
        memory_limit_mb: the most memory that a task's query may take, in MB of 2**20 bytes; by default
            `max_memory_mb` of the settings in the executor's process.
        timeout_seconds: the most time that a task's query may work; by default `execution_timeout_seconds` there.

    Returns:
        a data frame with the columns and types that `rowpattern.match_recognize` gives for the same rows. As always in
        Spark, its rows come in no order; rows that are equal in ORDER BY are matched in whichever order they come.

    Raises:
        UnsupportedQueryError: the query cannot be spread: there is no PARTITION BY, or it is by an expression, or
            something stands around the clause; or Spark does not have a type of the answer.
        QueryError, QuerySyntaxError, PatternSyntaxError, UnknownVariableError: as for `rowpattern.match_recognize`.
        MissingDependencyError: pyspark, or what `match_recognize` needs, is not installed.

    What is wrong with rows is raised when Spark computes the answer, as Spark raises what fails in a task.
    Takes a shuffle and a sort in each task, and then time linear in the rows.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import functions

        from rowpattern.sql.spreading import spread
    except ImportError as error:
        raise missing(error, "spark") from error
    plan = spread(sql, data.limit(0).toArrow().schema)
    try:
        answer = data.sparkSession.createDataFrame(plan.answer.empty_table()).schema
    except (PySparkException, TypeError) as error:
        raise UnsupportedQueryError(
            f"Spark does not have a type of the answer: {error}; cast it in the query"
        ) from None

    def column(name: str) -> Any:
        return functions.col(f"`{name.replace('`', '``')}`")

    order = [
        getattr(
            column(key.name), f"{'desc' if key.descending else 'asc'}_nulls_{'first' if key.nulls_first else 'last'}"
        )()
        for key in plan.order
    ]
    rows = data.select([column(name) for name in plan.rows.names])
    together = rows.repartition(*map(column, plan.partition_by)).sortWithinPartitions(*order)
    return together.mapInArrow(_answering(sql, plan, memory_limit_mb, timeout_seconds), answer)


def _answering(
    sql: str, plan: Spread, memory_limit_mb: float | None, timeout_seconds: float | None
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what a task does; it is sent to executors with the query's text and Arrow's schemas."""
    schema, answer = plan.rows, plan.answer

    def answered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        from rowpattern import match_recognize

        # Spark gives time stamps the session's time zone.
        rows = pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in batches))
        # A task has one of the executor's cores.
        for batch in match_recognize(
            sql,
            rows,
            stream="in order",
            threads=1,
            memory_limit_mb=memory_limit_mb,
            timeout_seconds=timeout_seconds,
        ):
            yield batch.cast(answer)

    return answered
