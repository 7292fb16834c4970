"""The kinds of arrays that columns are computed in."""

from __future__ import annotations

from typing import Union

import numpy as np
import pyarrow as pa

__all__ = ["Array", "Booleans", "Integers"]

Array = Union[pa.Array, pa.ChunkedArray]
Integers = np.ndarray[tuple[int], np.dtype[np.int64]]
Booleans = np.ndarray[tuple[int], np.dtype[np.bool_]]
