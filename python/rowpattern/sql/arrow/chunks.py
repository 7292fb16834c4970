"""Columns made chunk by chunk, within the limits of a query.

One call of numpy or Arrow cannot be interrupted, and takes memory that nobody counts. So what can be larger than the
table is made here: its memory is counted before it is taken, and limits are checked between chunks of a million rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.sql.arrow.arrays import number

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["computed_numbers", "repeat_numbers", "take_numbers", "take_values"]

# Some milliseconds of work.
CHUNK_ROWS = 1 << 20
# Texts differ in length; whether they do is of no interest below.
_FEW_BYTES = 16 << 20

_Numbers = np.ndarray[tuple[int], np.dtype[Any]]


def computed_numbers(
    context: ExecutionContext, count: int, chunk: Callable[[int, int], _Numbers], kind: Any = np.int64
) -> _Numbers:
    """Make a column of numbers; it is held until it is released.

    Args:
        context: the limits.
        count: how many there are.
        chunk: gives those from one place on up to another.
        kind: their type in numpy.

    Raises:
        QueryLimitError: a limit was passed.
    """
    context.check()
    context.hold(count * np.dtype(kind).itemsize)
    if count <= CHUNK_ROWS:
        return np.asarray(chunk(0, count), dtype=kind)
    found = np.empty(count, dtype=kind)
    for first in range(0, count, CHUNK_ROWS):
        context.check()
        last = min(first + CHUNK_ROWS, count)
        found[first:last] = chunk(first, last)
    return found


def take_numbers(context: ExecutionContext, values: _Numbers, at: _Numbers) -> _Numbers:
    """Return numbers at places; they are held until they are released.

    Raises:
        QueryLimitError: a limit was passed.
    """
    return computed_numbers(context, len(at), lambda begin, end: values[at[begin:end]], values.dtype)


def repeat_numbers(values: _Numbers, first: _Numbers, length: _Numbers, begin: int, end: int) -> _Numbers:
    """Return items `begin` to `end` of values that are each repeated `length` times.

    Args:
        values: what is repeated.
        first: the place of each one's first item, which is the sum of the lengths before it.
        length: how many times each is repeated.
        begin: the first item wanted.
        end: the item behind the last wanted.
    """
    if begin == 0 and len(first) and end == first[-1] + length[-1]:
        return np.repeat(values, length)
    # Only the first and the last of those that have items here can reach beyond them.
    low = int(np.searchsorted(first, begin, side="right")) - 1
    high = int(np.searchsorted(first, end, side="left"))
    firsts = first[low:high]
    times = np.minimum(firsts + length[low:high], end) - np.maximum(firsts, begin)
    return np.repeat(values[low:high], np.maximum(times, 0))


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
