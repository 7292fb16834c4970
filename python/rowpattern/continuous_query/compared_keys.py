"""Keys of PARTITION BY in types that the core compares: equal where DuckDB has the keys equal.

Lists, structs, maps and intervals become bytes: a text of each value's parts, in which no two different values are the
same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.sql.arrow.time_units import number_type
from rowpattern.sql.execute.row_order import sortable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["are_compared", "compared_keys"]

# So many rows are written between two looks at the limits, in some milliseconds.
_ROWS_AT_ONCE = 2048
_MONTH_DAYS = 30
_DAY_MICROSECONDS = 86_400_000_000


def are_compared(kind: pa.DataType) -> bool:
    """Say whether keys of a type are compared: not where a union is in it, or it is an unknown extension type."""
    return not _has_union(kind) and (_is_written(kind) or sortable(pa.chunked_array([], kind)) is not None)


def _has_union(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _has_union(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _has_union(kind.value_type)
    return bool(pa.types.is_union(kind)) or any(_has_union(kind.field(at).type) for at in range(kind.num_fields))


def compared_keys(values: pa.ChunkedArray, context: ExecutionContext | None = None) -> pa.ChunkedArray:
    """Return keys as the core compares them.

    Args:
        values: the keys, of a type that is compared.
        context: the limits; None where there are few keys.

    Raises:
        QueryLimitError: a limit of the context was passed.
        QueryCancelledError: the query was cancelled.

    Takes time linear in the keys. Those that become bytes take some microseconds each.
    """
    kind = values.type
    if pa.types.is_float16(kind):
        return values.cast(pa.float32())
    if not _is_written(kind):
        found = sortable(values)
        assert found is not None  # noqa: S101 - keys of other types are refused when the query is made
        return found
    pieces = []
    for chunk in values.chunks:
        for begin in range(0, len(chunk), _ROWS_AT_ONCE):
            if context is not None:
                context.check()
            pieces.append(_written(chunk.slice(begin, _ROWS_AT_ONCE)))
    return pa.chunked_array(pieces, pa.binary())


def _is_written(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_written(kind.value_type)
    return bool(pa.types.is_nested(kind) or pa.types.is_interval(kind))


def _written(values: pa.Array) -> pa.Array:
    # Of texts, bytes, numbers, NULLs and tuples of them Python writes no two alike.
    return pa.array([None if part is None else repr(part).encode() for part in _parts(values)], pa.binary())


def _parts(values: pa.Array) -> Iterable[Any]:
    """Return each value as texts, bytes, numbers, None and tuples of them, which are equal where the values are."""
    kind, is_ = values.type, pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _parts(values.storage)
    if is_.is_dictionary(kind):
        return _parts(values.dictionary_decode())
    if is_.is_struct(kind):
        return _structs(values)
    if is_.is_map(kind):
        return _maps(values)
    if is_.is_nested(kind):
        return _lists(values)
    if is_.is_interval(kind):
        return [None if length is None else _microseconds(*length) for length in values.to_pylist()]
    if is_.is_floating(kind):
        # 0.0 and -0.0 are equal, and all that are no numbers: Python writes each of these as nan.
        return [None if number is None else float(number) + 0.0 for number in values.to_pylist()]
    if is_.is_temporal(kind):
        return values.view(number_type(kind)).to_pylist()  # type: ignore[no-any-return]
    return values.to_pylist()  # type: ignore[no-any-return]


def _structs(values: pa.Array) -> Iterator[Any]:
    columns = [_parts(column) for column in values.flatten()]
    rows: Iterable[Any] = zip(*columns) if columns else ((),) * len(values)
    for valid, parts in zip(values.is_valid().to_pylist(), rows):
        yield parts if valid else None


def _lists(values: pa.Array) -> Iterator[Any]:
    inside = iter(_parts(values.flatten()))
    for length in pc.list_value_length(values).to_pylist():
        yield None if length is None else tuple(next(inside) for _ in range(length))


def _maps(values: pa.Array) -> Iterator[Any]:
    offsets = values.offsets.to_pylist()
    first, count = offsets[0], offsets[-1] - offsets[0]
    entries = list(zip(_parts(values.keys.slice(first, count)), _parts(values.items.slice(first, count))))
    for valid, begin, behind in zip(values.is_valid().to_pylist(), offsets, offsets[1:]):
        yield tuple(entries[begin - first : behind - first]) if valid else None


def _microseconds(months: int, days: int, nanoseconds: int) -> int:
    """Return what DuckDB compares intervals by: a month has 30 days, and what is below a microsecond is cut off."""
    microseconds = abs(nanoseconds) // 1000 * (1 if nanoseconds >= 0 else -1)
    return (months * _MONTH_DAYS + days) * _DAY_MICROSECONDS + microseconds
