"""Arrow's values and types as Python's that are equal only where they are the same, by docs/dialects.md."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["any_months", "as_durations", "canonical", "type_name", "unsigned_zero"]

# Microseconds of more days do not fit into 64 bits.
_MOST_DAYS = 106_751_990


def canonical(values: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Return values as Python's that are equal only where the values are the same: NaN is, -0.0 and 0.0 are not."""
    if isinstance(values, pa.ChunkedArray):
        return [each for chunk in values.chunks for each in canonical(chunk)]
    kind, types = values.type, pa.types
    if isinstance(kind, pa.ExtensionType):
        if isinstance(kind, pa.UuidType):
            return [None if each is None else str(each) for each in values.to_pylist()]
        return canonical(values.storage)
    if types.is_dictionary(kind):
        decoded: list[Any] = canonical(values.cast(kind.value_type))
        return decoded
    if types.is_floating(kind):
        return [None if each is None else "nan" if math.isnan(each) else repr(each) for each in values.to_pylist()]
    if types.is_temporal(kind) and not types.is_interval(kind):
        return list(values.cast(pa.int32() if kind.bit_width == 32 else pa.int64()).to_pylist())
    null = values.is_null().to_pylist()
    if types.is_struct(kind):
        parts = [canonical(part) for part in values.flatten()]
        return [None if none else each for none, each in zip(null, zip(*parts))]
    if types.is_map(kind) or types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        if types.is_map(kind):
            flat: Iterable[Any] = zip(canonical(values.keys), canonical(values.items))
        else:
            flat = canonical(values.values)
        every = list(flat)
        if types.is_fixed_size_list(kind):
            size, begin = kind.list_size, values.offset
            return [
                None if none else tuple(every[(begin + at) * size : (begin + at + 1) * size])
                for at, none in enumerate(null)
            ]
        ends = values.offsets.to_pylist()
        return [None if none else tuple(every[a:b]) for none, a, b in zip(null, ends, ends[1:])]
    return list(values.to_pylist())


def unsigned_zero(value: Any) -> Any:
    """Return a value of `canonical` in which both zeros are one, as among keys."""
    if isinstance(value, tuple):
        return tuple(map(unsigned_zero, value))
    return "0.0" if value == "-0.0" else value


def any_months(value: Any) -> bool:
    """Say whether a value is an interval that is no duration, or has one inside."""
    if isinstance(value, pa.MonthDayNano):
        return bool(value.months) or abs(value.days) > _MOST_DAYS
    if isinstance(value, dict):
        return any(map(any_months, value.values()))
    return isinstance(value, (list, tuple)) and any(map(any_months, value))


def as_durations(values: pa.Array) -> pa.Array:
    """Return intervals without months as durations; other values as they are."""
    kind, types = values.type, pa.types
    if types.is_interval(kind):
        numbers = [
            None if each is None or any_months(each) else each.days * 86_400_000_000 + each.nanoseconds // 1000
            for each in values.to_pylist()
        ]
        return pa.array(numbers, pa.int64()).view(pa.duration("us"))
    if "interval" not in str(kind):
        return values
    if types.is_map(kind):
        offsets = pa.array(
            [
                None if none else at
                for none, at in zip([*values.is_null().to_pylist(), False], values.offsets.to_pylist())
            ],
            pa.int32(),
        )
        return pa.MapArray.from_arrays(offsets, as_durations(values.keys), as_durations(values.items))
    if types.is_list(kind):
        return pa.ListArray.from_arrays(values.offsets, as_durations(values.values), mask=values.is_null())
    if types.is_struct(kind):
        parts = [as_durations(part) for part in values.flatten()]
        names = [field.name for field in kind]
        return pa.StructArray.from_arrays(parts, names, mask=values.is_null())
    return values


def type_name(kind: pa.DataType) -> str:
    """Return a name for a type that is the same for types that DuckDB has one for."""
    types = pa.types
    if types.is_dictionary(kind):
        return "dictionary"
    if isinstance(kind, pa.UuidType):
        return "string"
    if types.is_large_string(kind) or types.is_string_view(kind):
        return "string"
    if types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "binary"
    if types.is_map(kind):
        return f"map({type_name(kind.key_type)}, {type_name(kind.item_type)})"
    if types.is_fixed_size_list(kind):
        return f"list({type_name(kind.value_type)}, {kind.list_size})"
    if types.is_list(kind) or types.is_large_list(kind):
        return f"list({type_name(kind.value_type)})"
    if types.is_struct(kind):
        return f"struct({', '.join(f'{field.name}: {type_name(field.type)}' for field in kind)})"
    return str(kind)
