"""Rows as one record batch of Arrow."""

from __future__ import annotations

import pyarrow as pa

from rowpattern.errors import QueryLimitError

__all__ = ["empty_batch", "one_batch"]


def empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch of no rows."""
    return pa.RecordBatch.from_arrays([pa.nulls(0, each.type) for each in schema], schema=schema)


def one_batch(rows: pa.Table, called: str, instead: str) -> pa.RecordBatch:
    """Return a table's rows as one batch; they are copied where they are in several pieces.

    Args:
        rows: the table.
        called: what the error calls it.
        instead: what the error says to do.

    Raises:
        QueryLimitError: a column has more than 2 GiB of text, and an array of the type string cannot have that much.
    """
    batches = rows.combine_chunks().to_batches()
    if len(batches) > 1:
        raise QueryLimitError(f"{called} has more than 2 GiB of text in a column; {instead}")
    return batches[0] if batches else empty_batch(rows.schema)
