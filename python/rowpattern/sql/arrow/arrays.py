"""The kinds of arrays that columns are computed in, and how they are made of numpy's and Python's values.

`pyarrow.array` imports pandas, where it is installed, at its first call: a third of a second that no query over Arrow's
or Polars' tables needs, and during which a fork has to wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

import numpy as np
import pyarrow as pa

from rowpattern.sql.runtime.imports import forks_wait

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "INTEGERS",
    "Array",
    "Booleans",
    "Integers",
    "from_numpy",
    "from_python",
    "from_texts",
    "number",
    "one_array",
]

Array = Union[pa.Array, pa.ChunkedArray]
Integers = np.ndarray[tuple[int], np.dtype[np.int64]]
Booleans = np.ndarray[tuple[int], np.dtype[np.bool_]]
#: Types of whole numbers by how many bits each number has: other values of as many bits are viewed as these.
INTEGERS = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}


def from_numpy(values: np.ndarray[Any, Any], nulls: Booleans | None = None) -> pa.Array:
    """Return numbers or booleans of numpy as Arrow's; numbers are not copied.

    Args:
        values: one for each row, in the machine's order of bytes.
        nulls: which of them stand for NULL.
    """
    valid = None if nulls is None else _bits(~nulls)
    data = _bits(values) if values.dtype == bool else pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [valid, data])


def _bits(flags: Booleans) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def from_texts(texts: Sequence[str | None]) -> pa.Array:
    """Return texts, of 2 GiB together at most, as Arrow's type `string`."""
    encoded = [b"" if text is None else text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    valid = None if None not in texts else _bits(np.array([text is not None for text in texts]))
    return pa.Array.from_buffers(
        pa.string(), len(texts), [valid, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    )


def one_array(values: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array; values are copied where they are in several pieces."""
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def number(value: int, kind: pa.DataType) -> pa.Scalar:
    """Return a number as a value of a type of numbers."""
    return from_numpy(np.array([value])).cast(kind)[0]


def from_python(values: Any, kind: pa.DataType | None = None, **options: Any) -> pa.Array | pa.ChunkedArray:
    """Return what `pyarrow.array` makes of values of any kind; a fork waits while it imports pandas."""
    with forks_wait:
        return pa.array(values, kind, **options)
