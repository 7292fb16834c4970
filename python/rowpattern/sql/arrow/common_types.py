"""The type that pyarrow gives to Python's objects all together, by the types that it gives to some at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["common_type"]

_MOST_DIGITS = 76
_MOST_SMALL_DIGITS = 38


def common_type(kinds: Iterable[pa.DataType]) -> pa.DataType | None:
    """Return the type that pyarrow gives to all pieces together, or None where the types of each do not say it.

    >>> import pyarrow as pa
    >>> common_type([pa.list_(pa.null()), pa.list_(pa.int64()), pa.list_(pa.float64())])
    ListType(list<item: double>)
    """
    # In the order in which they came first.
    known = [kind for kind in dict.fromkeys(kinds) if not pa.types.is_null(kind)]
    if not known:
        return pa.null()
    if len(known) == 1:
        return known[0]
    if all(map(pa.types.is_list, known)):
        item = common_type(kind.value_type for kind in known)
        return None if item is None else pa.list_(item)
    if all(map(pa.types.is_struct, known)):
        return _common_struct(known)
    others = [kind for kind in known if kind != pa.int64()]
    if others == [pa.float64()]:
        return others[0]
    # Whole numbers beside decimals must fit into the type of those.
    return _common_decimal(others) if all(map(pa.types.is_decimal, others)) else None


def _common_struct(kinds: Iterable[pa.DataType]) -> pa.DataType | None:
    fields: dict[str, list[pa.DataType]] = {}
    for kind in kinds:
        for at in range(kind.num_fields):
            field = kind.field(at)
            fields.setdefault(field.name, []).append(field.type)
    found = {name: common_type(types) for name, types in fields.items()}
    return None if None in found.values() else pa.struct(found)


def _common_decimal(kinds: list[pa.DataType]) -> pa.DataType | None:
    scale = max(kind.scale for kind in kinds)
    digits = max(kind.precision - kind.scale for kind in kinds) + scale
    if digits > _MOST_DIGITS:
        return None
    return pa.decimal128(digits, scale) if digits <= _MOST_SMALL_DIGITS else pa.decimal256(digits, scale)
