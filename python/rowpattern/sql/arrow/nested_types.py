"""Types of values inside of others: lists, structs, maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["with_inner_types"]


def with_inner_types(kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return a type in which each type that has no others inside is changed.

    >>> import pyarrow as pa
    >>> from rowpattern.sql.arrow.nested_types import with_inner_types
    >>> with_inner_types(pa.list_(pa.struct([("a", pa.float16())])), lambda kind: pa.float32())
    ListType(list<item: struct<a: float>>)
    """
    types = pa.types
    if types.is_struct(kind):
        return pa.struct([_changed(field, change) for field in kind])
    if types.is_map(kind):
        return pa.map_(_changed(kind.key_field, change), _changed(kind.item_field, change))
    if types.is_fixed_size_list(kind):
        return pa.list_(_changed(kind.value_field, change), kind.list_size)
    if types.is_large_list(kind):
        return pa.large_list(_changed(kind.value_field, change))
    if types.is_list(kind):
        return pa.list_(_changed(kind.value_field, change))
    return change(kind)


def _changed(field: pa.Field, change: Callable[[pa.DataType], pa.DataType]) -> pa.Field:
    return field.with_type(with_inner_types(field.type, change))
