"""Columns in the types that they were said to have: DuckDB knows fewer than Arrow."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError

__all__ = ["as_type"]

_PARTS = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
_DAY = 86_400_000_000
# Microseconds of more days do not fit into 64 bits.
_MOST_DAYS = 106_751_990


def as_type(values: pa.ChunkedArray, kind: pa.DataType, name: str) -> pa.ChunkedArray:
    """Return a column in another type.

    Args:
        values: the column.
        kind: the type. Intervals (months, days, nanoseconds) become durations with days of 24 hours.
        name: what to call the column in an error.

    Raises:
        QueryError: a value does not fit into the type, or is an interval with months, whose length is not fixed.
    """
    if values.type == kind:
        return values
    if pa.types.is_duration(kind) and pa.types.is_interval(values.type):
        values = pa.chunked_array([_durations(chunk, name) for chunk in values.chunks], pa.duration("us"))
    try:
        if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(values.type):
            values = values.dictionary_encode()
        return values.cast(kind)
    except pa.ArrowInvalid:
        message = f"a value of {name} does not fit into {kind}, the type that the answer has there"
        raise QueryError(f"{message}; cast it in the query, as in {name}::DOUBLE") from None


def _durations(values: pa.Array, name: str) -> pa.Array:
    parts = np.frombuffer(values.buffers()[1] or b"", dtype=_PARTS)[values.offset : values.offset + len(values)]
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    days = np.where(valid, parts["days"], 0).astype(np.int64)
    if np.any(parts["months"][valid]):
        message = f"a value of {name} is an interval with months, whose length in seconds is not fixed"
        raise QueryError(f"{message}; give the months apart, as in date_part('month', {name})")
    if np.any(np.abs(days) > _MOST_DAYS):
        raise QueryError(f"a value of {name} is longer than {_MOST_DAYS} days; write epoch({name})")
    return pa.array(days * _DAY + parts["nanoseconds"] // 1000, mask=~valid).cast(pa.duration("us"))
