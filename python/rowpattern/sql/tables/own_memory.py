"""Values of an answer of pandas that can be written to, as pandas changes values in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["own_numbers", "writable"]

_BOOLEAN = pa.bool_().id
_FLOATS = frozenset((pa.float32().id, pa.float64().id))


class _OwnMemory:
    """Numbers in memory that was made for an answer, which numpy takes with the right to write there."""

    def __init__(self, chunk: pa.Array) -> None:
        # numpy's array keeps this object, and so the memory.
        self._chunk = chunk
        dtype = np.dtype(chunk.type.to_pandas_dtype())
        self.__array_interface__ = {
            "shape": (len(chunk),),
            "typestr": dtype.str,
            "data": (chunk.buffers()[1].address + chunk.offset * dtype.itemsize, False),
            "version": 3,
        }


def own_numbers(chunk: pa.Array) -> Any:
    """Return numbers where they lie, to be written to; None where numpy has some of them in another way.

    Args:
        chunk: numbers or booleans, in memory that nobody else has; where one with a fraction is NULL, NaN stands there.
    """
    if chunk.type.id == _BOOLEAN or not len(chunk) or (chunk.null_count and chunk.type.id not in _FLOATS):
        return None
    return np.asarray(_OwnMemory(chunk))


def writable(values: Any) -> Any:
    """Return values of pandas, copied where numpy could not write to them: pandas changes values in place."""
    array = getattr(values, "array", values)
    for held in (values, getattr(array, "_ndarray", None), getattr(array, "_data", None)):
        if type(held) is np.ndarray and not held.flags.writeable:
            return values.copy()
    return values
