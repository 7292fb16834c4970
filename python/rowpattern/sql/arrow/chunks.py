"""Columns made chunk by chunk, within the limits of a query.

One call of numpy or Arrow cannot be interrupted, and takes memory that nobody counts. So what can be larger than the
table is made here: its memory is counted before it is taken, and limits are checked between chunks of a million rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.sql.arrow.arrays import number

if TYPE_CHECKING:
    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["take_values"]

# Some milliseconds of work.
CHUNK_ROWS = 1 << 20
# Texts differ in length; whether they do is of no interest below.
_FEW_BYTES = 16 << 20


def take_values(context: ExecutionContext, values: Array, at: pa.Array) -> Array:
    """Take values at places that are known to exist (NULL where a place is NULL); they are held.

    Raises:
        QueryLimitError: a limit was passed.
    """
    context.check()
    lengths = _uneven_lengths(values, len(at))
    width = _width(values) if lengths is None else 0

    def chunk(places: pa.Array) -> Array:
        if lengths is None:
            context.hold(len(places) * width)
        else:
            context.hold(pc.sum(pc.take(lengths, places, boundscheck=False)).as_py() or 0)
        return pc.take(values, places, boundscheck=False)

    if len(at) <= CHUNK_ROWS:
        return chunk(at)
    chunks: list[pa.Array] = []
    for first in range(0, len(at), CHUNK_ROWS):
        context.check()
        found = chunk(at.slice(first, CHUNK_ROWS))
        chunks += found.chunks if isinstance(found, pa.ChunkedArray) else [found]
    return pa.chunked_array(chunks, values.type)


def _width(values: Array) -> int:
    """Return how many bytes a value takes, on average."""
    kind = values.type
    if pa.types.is_primitive(kind):
        # Adding up what buffers take is slower than taking some rows.
        return max(1, int(kind.bit_width) // 8)
    return max(1, int(values.nbytes) // max(1, len(values)))


def _uneven_lengths(values: Array, count: int) -> Array | None:
    """Return how long each of some texts is, where one of them taken often would be much more than the average says."""
    kind = values.type
    if pa.types.is_primitive(kind):
        return None
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)):
        return None
    lengths = pc.binary_length(values)
    longest = pc.max(lengths).as_py() or 0
    if longest * count <= max(_FEW_BYTES, 2 * count * (values.nbytes // max(1, len(values)))):
        return None
    # And where each begins.
    return pc.add(lengths.cast(pa.int64()), number(8, pa.int64()))
