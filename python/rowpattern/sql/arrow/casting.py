"""Columns in the types that they were said to have: DuckDB knows fewer than Arrow."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.categories import as_categories
from rowpattern.sql.arrow.nested_types import with_inner_types

__all__ = ["appended", "as_type", "has_intervals", "with_durations"]

#: Of a value of Arrow's interval type.
_INTERVAL_PARTS = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
# Asked of every column of every answer.
_INTERVAL = pa.month_day_nano_interval().id
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
        values = with_durations(values, name)
    try:
        if pa.types.is_dictionary(kind):
            if pa.types.is_dictionary(values.type):
                return as_categories(values, kind)
            values = values.dictionary_encode()
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        message = f"a value of {name} does not fit into {kind}, the type that the answer has there"
        raise QueryError(f"{message}; cast it in the query, as in {name}::DOUBLE") from None


def appended(values: pa.ChunkedArray, more: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with further values behind it, in its type."""
    # Arrow ends the process where it casts a map to its own type and the keys are of the type null.
    same = more if more.type == values.type else more.cast(values.type)
    return pa.chunked_array([*values.chunks, *same.chunks], values.type)


def has_intervals(kind: pa.DataType) -> bool:
    """Say whether values of a type are intervals (months, days, nanoseconds), or have some inside."""
    if kind.num_fields:
        return any(has_intervals(kind.field(at).type) for at in range(kind.num_fields))
    return bool(kind.id == _INTERVAL)


def with_durations(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return a column with its intervals as durations of microseconds, also inside of lists, structs and maps.

    DuckDB has one type for both; a difference of timestamps is one without months, whose days have 24 hours.

    Args:
        values: the column; returned as it is where it has no intervals.
        name: what to call it in an error.

    Raises:
        QueryError: an interval has months, whose length is not fixed, or is longer than a duration can be.
    """
    if not has_intervals(values.type):
        return values
    kind = with_inner_types(values.type, _duration_type)
    return pa.chunked_array([_with_durations(chunk, kind, name) for chunk in values.chunks], kind)


def _duration_type(kind: pa.DataType) -> pa.DataType:
    return pa.duration("us") if pa.types.is_interval(kind) else kind


def _with_durations(values: pa.Array, kind: pa.DataType, name: str) -> pa.Array:
    is_ = pa.types
    if values.type == kind:
        return values
    if is_.is_interval(values.type):
        return _durations(values, name)
    mask = values.is_null() if values.null_count else None
    if is_.is_struct(kind):
        # `field` gives parts from the array's own offset on.
        parts = [_with_durations(values.field(at), field.type, name) for at, field in enumerate(kind)]
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=mask)
    if values.offset:
        # Parts would begin elsewhere.
        values = pa.concat_arrays([values])
    if is_.is_map(kind):
        keys = _with_durations(values.keys, kind.key_type, name)
        return pa.MapArray.from_arrays(
            values.offsets, keys, _with_durations(values.items, kind.item_type, name), type=kind, mask=mask
        )
    items = _with_durations(values.values, kind.value_type, name)
    if is_.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(items, type=kind, mask=mask)
    form = pa.LargeListArray if is_.is_large_list(kind) else pa.ListArray
    return form.from_arrays(values.offsets, items, type=kind, mask=mask)


def _durations(values: pa.Array, name: str) -> pa.Array:
    parts = np.frombuffer(values.buffers()[1] or b"", dtype=_INTERVAL_PARTS)[
        values.offset : values.offset + len(values)
    ]
    null = values.is_null().to_numpy(zero_copy_only=False) if values.null_count else None
    if null is not None:
        # What stands where a value is NULL may be anything.
        parts = np.where(null, np.zeros(1, _INTERVAL_PARTS), parts)
    if parts["months"].any():
        message = f"a value of {name} is an interval with months, whose length in seconds is not fixed"
        raise QueryError(f"{message}; give the months apart, as in date_part('month', {name})")
    days = parts["days"].astype(np.int64)
    if len(days) and max(int(days.max()), -int(days.min())) > _MOST_DAYS:
        raise QueryError(f"a value of {name} is longer than {_MOST_DAYS} days; write epoch({name})")
    return from_numpy(days * _DAY + parts["nanoseconds"] // 1000, null).view(pa.duration("us"))
