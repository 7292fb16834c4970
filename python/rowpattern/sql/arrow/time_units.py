"""The units of Arrow's dates, times and durations, and the whole numbers that these are stored as."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["NANOSECONDS_A_DAY", "nanoseconds_a_unit", "number_type"]

NANOSECONDS_A_DAY = 86_400 * 10**9
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def nanoseconds_a_unit(kind: pa.DataType) -> int | None:
    """Return how many nanoseconds a unit of a type of dates, times or durations has; None for other types."""
    if pa.types.is_date32(kind):
        return NANOSECONDS_A_DAY
    if pa.types.is_date64(kind):
        return _NANOSECONDS["ms"]
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_time(kind):
        return _NANOSECONDS[kind.unit]
    return None


def number_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the whole numbers that a type of dates, times or durations is stored as."""
    return pa.int32() if pa.types.is_date32(kind) or pa.types.is_time32(kind) else pa.int64()
