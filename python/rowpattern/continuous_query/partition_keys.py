"""The keys of one partition: as a caller gives them, and the rows that have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.continuous_query.compared_keys import compared_keys
from rowpattern.errors import ConfigurationError

__all__ = ["equal_rows", "key_columns"]


def key_columns(partition: Any, names: list[str], kinds: list[pa.DataType]) -> list[pa.ChunkedArray]:
    """Return the keys of one partition, as a caller gives them, as columns of one row.

    Args:
        partition: a mapping of names to values, the values in order, or the value where there is one key.
        names: of the keys.
        kinds: their types.

    Raises:
        ConfigurationError: it has other keys, or a value that its key cannot have.
    """
    if isinstance(partition, Mapping):
        if set(partition) != set(names):
            raise ConfigurationError(f"partition has the keys {list(partition)}; those of PARTITION BY are {names}")
        values = [partition[name] for name in names]
    else:
        values = list(partition) if isinstance(partition, (tuple, list)) else [partition]
    if len(values) != len(names) or not names:
        raise ConfigurationError(f"partition has {len(values)} values; PARTITION BY has the keys {names}")
    return [_column(name, value, kind) for name, value, kind in zip(names, values, kinds)]


def _column(name: str, value: Any, kind: pa.DataType) -> pa.ChunkedArray:
    try:
        return pa.chunked_array([pa.array([value], kind)])
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        message = f"partition has {name} = {value!r}, and the key {name} is {kind}; give a value of this type"
        raise ConfigurationError(message) from None


def equal_rows(rows: pa.RecordBatch, names: list[str], keys: list[pa.ChunkedArray]) -> Any:
    """Say which rows have these keys; NULL is one value, and so is NaN."""
    found = np.ones(rows.num_rows, dtype=bool)
    for name, key in zip(names, keys):
        column, value = compared_keys(pa.chunked_array([rows.column(name)])), compared_keys(key)[0]
        if not value.is_valid:
            equal = column.is_null()
        elif pa.types.is_floating(column.type) and value.as_py() != value.as_py():
            equal = pc.is_nan(column).fill_null(False)
        else:
            equal = pc.equal(column, value).fill_null(False)
        found &= np.asarray(equal.to_numpy())
    return found
