"""Rows in the order of ORDER BY, and of partitions, as the batch answer has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rowpattern.sql.bind.bound import Key
from rowpattern.sql.duckdb.connection import database
from rowpattern.sql.duckdb.names import quoted
from rowpattern.sql.duckdb.time_zones import UTC
from rowpattern.sql.execute.sort import sort_partitions
from rowpattern.sql.options import execution_context
from rowpattern.sql.tables.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from rowpattern.continuous_query.event_keys import OrderKey
    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["RowsInOrder", "sorted_rows"]


class RowsInOrder(NamedTuple):
    """Rows by partitions, and in order within each; rows that are equal in all keys in the order that they had.

    Attributes:
        order: for each place, the row; None where rows are in order already.
        starts: the places where partitions begin.
    """

    order: Integers | None
    starts: Integers


def sorted_rows(
    table: pa.Table, partition_by: Sequence[str], order_by: Sequence[OrderKey], context: ExecutionContext | None
) -> RowsInOrder:
    """Find the order of rows, DuckDB's, within the limits of a call; None for those of any query of the process.

    Takes O(n log n) time at most, and time linear in rows that are in order already.

    Raises:
        QueryLimitError: a limit was passed.
        QueryCancelledError: the call was cancelled.
    """
    partitions = [Key(name, name, quoted(name), (name,)) for name in partition_by]
    keys = [
        Key(key.column, key.column, quoted(key.column), (key.column,), key.descending, key.nulls_first)
        for key in order_by
    ]
    if context is None:
        context = execution_context(None, None, 1, None, None, None)
    with database(context, UTC) as using:
        found = sort_partitions(Table(table), partitions, keys, using, context)
    order = None if found.order is None else np.asarray(found.order, dtype=np.int64)
    return RowsInOrder(order, found.starts)
