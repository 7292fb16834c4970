"""What a library computes for a condition, as a truth value for each row."""

from __future__ import annotations

from typing import Any

from rowpattern.counted import counted
from rowpattern.errors import QueryError

__all__ = ["truths"]


def truths(name: str, values: Any, count: int) -> Any:
    """Return a truth value for each of some rows; NULL is not true.

    Raises:
        QueryError: there are more or fewer, or they are none.
    """
    import numpy as np
    import pyarrow as pa

    if isinstance(values, (bool, np.bool_)):
        return np.full(count, bool(values))
    if hasattr(values, "to_arrow"):
        values = values.to_arrow()
    if not isinstance(values, (pa.Array, pa.ChunkedArray)):
        try:
            values = pa.array(values, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, LookupError) as error:
            raise QueryError(f"{name} does not give a boolean for each row: {error}") from error
    if len(values) != count:
        found = f"{name} gives {counted(len(values), 'value')} for a partition of {counted(count, 'row')}"
        raise QueryError(f"{found}; give one for each row")
    if pa.types.is_null(values.type):
        return np.zeros(count, dtype=bool)
    if not pa.types.is_boolean(values.type):
        raise QueryError(f"{name} gives values of the type {values.type}; a condition is true or false")
    return np.asarray(values.fill_null(False), dtype=bool)
