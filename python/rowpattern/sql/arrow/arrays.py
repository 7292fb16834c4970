"""The kinds of arrays that columns are computed in."""

from __future__ import annotations

from typing import Union

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Array", "Booleans", "Integers", "has_nan"]

Array = Union[pa.Array, pa.ChunkedArray]
Integers = np.ndarray[tuple[int], np.dtype[np.int64]]
Booleans = np.ndarray[tuple[int], np.dtype[np.bool_]]


def has_nan(values: Array) -> bool:
    """Say whether there is a NaN, which is equal to itself and above all else in DuckDB, and not in Arrow."""
    return bool(pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py())
