"""MATCH_RECOGNIZE over Dask frames of pandas (extra `dask`): PARTITION BY is the shuffle's key.

Each of Dask's partitions then has whole partitions of the query, and is answered in memory by the worker that holds
it, with a pattern cache of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["match_recognize"]


def match_recognize(
    sql: str, data: Any, /, *, memory_limit_mb: float | None = None, timeout_seconds: float | None = None
) -> Any:
    """Answer a query with MATCH_RECOGNIZE over a Dask frame, lazily.

    Args:
        sql: as for `rowpattern.spark.match_recognize`.
        data: a `dask.dataframe.DataFrame`.
        memory_limit_mb: the most memory that the query may take for one of Dask's partitions, in MB of 2**20 bytes; by
            default `max_memory_mb` of the settings in the worker's process.
        timeout_seconds: the most time for each; by default `execution_timeout_seconds` there.

    Returns:
        a Dask frame with the columns that `rowpattern.match_recognize` gives for the same rows in one pandas frame, in
        the order of partitions within each of Dask's.

    Raises:
        UnsupportedQueryError: the query cannot be spread, as for Spark.
        QueryError, QuerySyntaxError, PatternSyntaxError, UnknownVariableError: as for `rowpattern.match_recognize`.
        MissingDependencyError: dask, or what `match_recognize` needs, is not installed.

    Takes a shuffle, and for each of Dask's partitions what `rowpattern.match_recognize` takes.
    """
    try:
        import dask.dataframe  # noqa: F401 - the frame's methods need it
        import pyarrow as pa

        from rowpattern.sql import match_recognize as match_locally
        from rowpattern.sql.spreading import spread
    except ImportError as error:
        message = f"{error.name} is not installed; pip install 'rowpattern[dask]'"
        raise MissingDependencyError(message, name=error.name) from error
    nothing = data._meta  # noqa: SLF001 - Dask's own name for the frame without rows, which extensions use
    plan = spread(sql, pa.Table.from_pandas(nothing, preserve_index=False).schema)

    def answered(frame: pd.DataFrame) -> Any:
        # A worker of Dask has as many threads as it was given.
        return match_locally(sql, frame, threads=1, memory_limit_mb=memory_limit_mb, timeout_seconds=timeout_seconds)

    rows = data[plan.rows.names]
    together = rows.shuffle(on=list(plan.partition_by), ignore_index=True)
    return together.map_partitions(answered, meta=match_locally(sql, nothing[plan.rows.names]))
