"""Batches and tables on their way through a stream: their types, numbers and sizes, and what is told of the sort."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.casting import as_type
from rowpattern.sql.arrow.categories import empty_column, is_ordered, labels_of
from rowpattern.sql.arrow.sizes import size_bytes
from rowpattern.sql.runtime.context import Progress
from rowpattern.sql.tables.answers import plain_integers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = [
    "cast_table",
    "empty_table",
    "labels_of_columns",
    "most_block_bytes",
    "numbered",
    "one_batch_table",
    "order_by",
    "plain_table",
    "report_sort",
    "reported_when_sorted",
    "slices",
    "with_names",
]

# A block has at most this part of the memory: answering it takes some times as much.
_BLOCK_SHARE = 1 / 16
_MOST_BLOCK_BYTES = 16 << 20


def empty_table(schema: pa.Schema, labels: Mapping[str, Sequence[str]]) -> pa.Table:
    """Return a table of these columns without rows; `labels` has the texts of ordered categories."""
    # `schema.empty_table()` does not know unions.
    empty = pa.Table.from_batches([], schema)
    for at, field in enumerate(schema):
        if field.name in labels:
            empty = empty.set_column(at, field, empty_column(field.type, labels[field.name]))
    return empty


def with_names(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    """Return the fields of these names, in their order."""
    return pa.schema([schema.field(name) for name in names])


def labels_of_columns(table: pa.Table) -> dict[str, list[str]]:
    """Return the texts of columns of ordered categories."""
    return {field.name: labels_of(table.column(field.name)) for field in table.schema if is_ordered(field.type)}


def order_by(keys: Sequence[str]) -> str:
    """Return an ORDER BY of DuckDB's by these keys; nothing without one."""
    return f" ORDER BY {', '.join(keys)}" if keys else ""


def one_batch_table(batch: pa.RecordBatch) -> pa.Table:
    """Return a batch as a table."""
    return pa.Table.from_batches([batch])


def most_block_bytes(context: ExecutionContext) -> int:
    """Return how many bytes a block has at most, unless a partition has more."""
    return min(_MOST_BLOCK_BYTES, int(context.memory_mb * 2**20 * _BLOCK_SHARE))


def report_sort(context: ExecutionContext, *, done: bool) -> None:
    """Report that a sort begins, or has ended."""
    rows, size = (context.read_rows, context.read_bytes) if done else (0, 0)
    context.report(Progress("sort", rows, time.perf_counter() - context.begun, done=done, size_bytes=size))


def reported_when_sorted(batches: Iterable[pa.RecordBatch], context: ExecutionContext) -> Iterator[pa.RecordBatch]:
    """Report that a sort has ended: then its first batch comes."""
    sorting = True
    for batch in batches:
        if sorting:
            sorting = False
            report_sort(context, done=True)
        yield batch


def slices(table: pa.Table, most_bytes: int) -> Iterator[pa.Table]:
    """Cut a table of rows that are wider than they seemed into tables of about `most_bytes`."""
    rows = table.num_rows
    step = max(1, int(rows * min(1.0, most_bytes / max(1, size_bytes(table)))))
    for first in range(0, rows, step):
        yield table.slice(first, step)


def numbered(batches: Iterable[pa.RecordBatch], name: str) -> Iterator[pa.RecordBatch]:
    """Add the number of each row, as a column of this name."""
    first = 0
    for batch in batches:
        yield batch.append_column(name, from_numpy(np.arange(first, first + batch.num_rows)))
        first += batch.num_rows


def plain_table(table: pa.Table) -> pa.Table:
    """Return what DuckDB gave with its sums as int64 where they fit."""
    return pa.Table.from_arrays([plain_integers(values) for values in table.columns], names=table.column_names)


def cast_table(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give columns the types that they were said to have."""
    columns = [as_type(values, field.type, field.name) for field, values in zip(schema, table.columns)]
    return pa.Table.from_arrays(columns, schema=schema)
