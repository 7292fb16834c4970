"""Streams that fit into memory after all: brought together there, by their partitions.

DuckDB's sort takes most of the time of a stream. Rows of a block are sorted when the block is answered, so blocks of
whole partitions, in the order of partitions, are all that is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryLimitError
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.sizes import size_bytes
from rowpattern.sql.execute.row_order import row_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.bind.bound import Key
    from rowpattern.sql.execute.row_order import RowNumbers, RowOrder
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["gathered_batches", "given_away", "in_one_chunk", "order_of_partitions", "partition_blocks", "rows_between"]

# Of the sort's memory, as DuckDB gets the rows, and begins to fill its memory, where there are more.
_GATHERED_SHARE = 1 / 2
# What bringing partitions together takes beside the columns.
_SORT_ROW_BYTES = 34
# Texts of more bytes do not fit into one array.
_MOST_ARRAY_BYTES = 1 << 31


def gathered_batches(batches: Iterable[pa.RecordBatch], context: ExecutionContext) -> tuple[list[pa.RecordBatch], bool]:
    """Read all batches, or as many as can be brought together within the memory; say whether it is all."""
    limit = context.memory_mb * 2**20
    gathered: list[pa.RecordBatch] = []
    rows = taken = 0
    for batch in batches:
        gathered.append(batch)
        rows += batch.num_rows
        taken += size_bytes(batch)
        if taken > limit * _GATHERED_SHARE or taken + rows * _SORT_ROW_BYTES > limit:
            return gathered, False
    return gathered, True


def given_away(gathered: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give batches, which are not kept."""
    gathered.reverse()
    while gathered:
        yield gathered.pop()


def order_of_partitions(
    gathered: list[pa.RecordBatch], schema: pa.Schema, partition_by: Sequence[Key], context: ExecutionContext
) -> tuple[pa.Table, RowOrder] | None:
    """Find the order of rows by their partitions; None where DuckDB has to do that.

    Args:
        gathered: the rows.
        schema: their columns.
        partition_by: columns.
        context: the limits; the order is held.

    Returns:
        the rows as a table, and their order: rows of a partition in the order that they had. None where Rust does not
        order the keys, or not within the memory: DuckDB's sort spills.
    """
    table = pa.Table.from_batches(gathered, schema)
    keys = [table.column(key.column or "") for key in partition_by]
    try:
        found = row_order(keys, partition_by, len(partition_by), context)
    except QueryLimitError:
        if not context.seconds_left:
            raise
        return None
    return None if found is None else (table, found)


def partition_blocks(
    gathered: list[pa.RecordBatch],
    schema: pa.Schema,
    partition_by: Sequence[Key],
    most_bytes: int,
    context: ExecutionContext,
) -> Iterator[tuple[pa.Table, Integers]] | None:
    """Bring partitions together; return None where that has to be done by DuckDB.

    Args:
        gathered: the rows; they are given away where partitions are brought together.
        schema: their columns.
        partition_by: columns.
        most_bytes: what a block has at most, unless a partition has more.
        context: the limits.

    Returns:
        blocks of whole partitions in their order, their rows in the order that they had; and where in each partitions
        begin.
    """
    if not any(batch.num_rows for batch in gathered):
        return iter(())
    found = order_of_partitions(gathered, schema, partition_by, context)
    if found is None:
        return None
    table, order = found
    gathered.clear()
    return _blocks(list(table.columns), schema, order, table.num_rows, most_bytes / max(1, size_bytes(table)))


def in_one_chunk(columns: list[pa.ChunkedArray]) -> None:
    """Make one chunk of each column, in place: taking rows from many is slow.

    What is copied is freed column by column.
    """
    for at, column in enumerate(columns):
        if column.num_chunks > 1 and column.nbytes < _MOST_ARRAY_BYTES:
            columns[at] = pa.chunked_array([column.combine_chunks()])


def rows_between(
    columns: Sequence[pa.ChunkedArray], schema: pa.Schema, order: RowNumbers | None, begin: int, end: int
) -> pa.Table:
    """Return the rows from one place on up to another; `order` has the row of each, None where rows are in order."""
    if order is None:
        return pa.Table.from_arrays([column.slice(begin, end - begin) for column in columns], schema=schema)
    rows = from_numpy(order[begin:end])
    return pa.Table.from_arrays([column.take(rows) for column in columns], schema=schema)


def _blocks(
    columns: list[pa.ChunkedArray], schema: pa.Schema, order: RowOrder, rows: int, share: float
) -> Iterator[tuple[pa.Table, Integers]]:
    """Give blocks that have this share of the rows each, or one partition more."""
    most_rows = max(1, int(rows * share))
    in_one_chunk(columns)
    starts = order.starts
    bounds = np.append(starts, rows)
    begin = 0
    while begin < len(starts):
        # The last border within reach, or the next one.
        end = max(begin + 1, int(np.searchsorted(bounds, bounds[begin] + most_rows, side="right")) - 1)
        block = rows_between(columns, schema, order.order, int(bounds[begin]), int(bounds[end]))
        yield block, starts[begin:end] - starts[begin]
        begin = end
