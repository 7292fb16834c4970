"""What Arrow's tables take."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["size_bytes"]


def size_bytes(table: pa.RecordBatch | pa.Table) -> int:
    """Return what the columns of a table take."""
    try:
        return int(table.nbytes)
    except pa.ArrowNotImplementedError:
        # Of some types, as unions, Arrow knows only what slices share.
        return int(table.get_total_buffer_size())
