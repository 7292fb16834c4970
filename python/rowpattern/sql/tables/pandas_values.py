"""Values of a column as pandas holds them, and as Arrow columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError

__all__ = ["PandasValues", "as_objects", "from_pandas"]


@dataclass(frozen=True)
class PandasValues:
    """Values of a column as pandas holds them."""

    values: Any

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.values)


def from_pandas(values: Any, name: str) -> pa.ChunkedArray:
    """Return values of pandas as Arrow has them; a `QueryError` where they are of no one type."""
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        message = f"column {name} cannot be read: {str(error).splitlines()[0]}; give it one type, as with astype"
        raise QueryError(message) from None
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def as_objects(values: list[Any]) -> Any:
    """Return a numpy array of Python objects, whatever they are (lists too)."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
