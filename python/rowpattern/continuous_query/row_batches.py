"""Rows as one record batch of Arrow."""

from __future__ import annotations

import pyarrow as pa

from rowpattern.errors import QueryLimitError

__all__ = ["batch_bytes", "empty_batch", "empty_table", "one_batch"]


def empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch of no rows."""
    return pa.RecordBatch.from_arrays([pa.nulls(0, each.type) for each in schema], schema=schema)


def empty_table(schema: pa.Schema) -> pa.Table:
    """Return a table of no rows; `schema.empty_table()` does not know unions."""
    return pa.Table.from_batches([empty_batch(schema)], schema)


def batch_bytes(rows: pa.RecordBatch) -> int:
    """Return how many bytes the values of a batch take.

    Of values that all take as many bits, Arrow's own answer takes longer than some hundred of them are worked on.
    """
    bits, found = 0, 0
    for at, kind in enumerate(rows.schema.types):
        if pa.types.is_primitive(kind):
            # And whether it is NULL.
            bits += kind.bit_width + 1
        else:
            found += rows.column(at).nbytes
    return int(found + (rows.num_rows * bits + 7) // 8)


def one_batch(rows: pa.Table | pa.RecordBatch, called: str, instead: str) -> pa.RecordBatch:
    """Return rows as one batch; they are copied where they are in several pieces.

    Args:
        rows: a table, or a batch, which is returned as it is.
        called: what the error calls it.
        instead: what the error says to do.

    Raises:
        QueryLimitError: a column has more than 2 GiB of text, and an array of the type string cannot have that much.
    """
    if isinstance(rows, pa.RecordBatch):
        return rows
    batches = rows.combine_chunks().to_batches()
    if len(batches) > 1:
        raise QueryLimitError(f"{called} has more than 2 GiB of text in a column; {instead}")
    return batches[0] if batches else empty_batch(rows.schema)
