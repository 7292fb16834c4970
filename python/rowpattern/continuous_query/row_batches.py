"""Rows as one record batch of Arrow."""

from __future__ import annotations

import pyarrow as pa

from rowpattern.errors import QueryLimitError

__all__ = ["RowSizes", "batch_bytes", "empty_batch", "empty_table", "one_batch"]


def empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch of no rows."""
    return pa.RecordBatch.from_arrays([pa.nulls(0, each.type) for each in schema], schema=schema)


def empty_table(schema: pa.Schema) -> pa.Table:
    """Return a table of no rows; `schema.empty_table()` does not know unions."""
    return pa.Table.from_batches([empty_batch(schema)], schema)


class RowSizes:
    """How many bytes the values of batches of one schema take.

    Of values that all take as many bits, Arrow's own answer takes longer than some hundred of them are worked on.
    """

    def __init__(self, schema: pa.Schema) -> None:
        """Look at the columns' types."""
        self._bits = 0
        self._others: list[int] = []
        for at, kind in enumerate(schema.types):
            if pa.types.is_primitive(kind):
                # And whether it is NULL.
                self._bits += kind.bit_width + 1
            else:
                self._others.append(at)

    def bytes_of(self, rows: pa.RecordBatch) -> int:
        """Return how many bytes the values of a batch take."""
        others = sum([rows.column(at).nbytes for at in self._others])
        return int(others + (rows.num_rows * self._bits + 7) // 8)


def batch_bytes(rows: pa.RecordBatch) -> int:
    """Return how many bytes the values of a batch take."""
    return RowSizes(rows.schema).bytes_of(rows)


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
