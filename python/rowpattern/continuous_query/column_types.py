"""Whether the values of a column of a batch can stand in a column of another type of the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["misfit"]

_types = pa.types
# Types between which values stay what they are, or where one that does not is told by the cast.
_KINDS: tuple[tuple[str, Callable[[pa.DataType], bool]], ...] = (
    ("bools", _types.is_boolean),
    ("numbers", lambda kind: _types.is_integer(kind) or _types.is_floating(kind) or _types.is_decimal(kind)),
    ("texts", lambda kind: _types.is_string(kind) or _types.is_large_string(kind) or _types.is_string_view(kind)),
    (
        "bytes",
        lambda kind: (
            _types.is_binary(kind)
            or _types.is_large_binary(kind)
            or _types.is_fixed_size_binary(kind)
            or _types.is_binary_view(kind)
        ),
    ),
    ("dates", _types.is_date),
    ("timestamps without a time zone", lambda kind: _types.is_timestamp(kind) and kind.tz is None),
    ("timestamps with a time zone", _types.is_timestamp),
    ("times of the day", _types.is_time),
    ("durations", _types.is_duration),
)
_NAIVE, _ZONED = _KINDS[5][0], _KINDS[6][0]


def misfit(given: pa.DataType, wanted: pa.DataType) -> str | None:
    """Say why values of a type cannot stand for those of another; None where they can.

    Arrow casts more: texts to numbers, timestamps without a zone to instants of UTC, timestamps to the dates they are
    of, structs to ones with other fields, of NULLs.
    """
    given, wanted = _plain(given), _plain(wanted)
    if given == wanted or _types.is_null(given):
        return None
    if _is_list(given) and _is_list(wanted):
        return misfit(given.value_type, wanted.value_type)
    if _types.is_map(given) and _types.is_map(wanted):
        return misfit(given.key_type, wanted.key_type) or misfit(given.item_type, wanted.item_type)
    if _types.is_struct(given) and _types.is_struct(wanted):
        fields, names = list(given), [field.name for field in wanted]
        if [field.name for field in fields] != names:
            return f"its structs do not have the fields {', '.join(names) or 'none'}"
        found = (misfit(one.type, other.type) for one, other in zip(fields, wanted))
        return next((each for each in found if each is not None), None)
    one, other = _kind(given), _kind(wanted)
    if one == other or (one, other) == ("dates", _NAIVE):
        return None
    if {one, other} == {_NAIVE, _ZONED}:
        return f"it has {one}, and the schema {other}; give both a zone, or none"
    return f"it has {one}, and the schema {other}; cast it before, or make the query with this type"


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values, without how they are encoded."""
    if _types.is_dictionary(kind) or _types.is_run_end_encoded(kind):
        return _plain(kind.value_type)
    return _plain(kind.storage_type) if isinstance(kind, pa.BaseExtensionType) else kind


def _is_list(kind: pa.DataType) -> bool:
    return bool(_types.is_list(kind) or _types.is_large_list(kind) or _types.is_fixed_size_list(kind))


def _kind(kind: pa.DataType) -> str:
    return next((name for name, is_one in _KINDS if is_one(kind)), str(kind))
