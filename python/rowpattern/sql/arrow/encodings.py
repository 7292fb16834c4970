"""Arrow's encodings that pyarrow cannot take rows from (views of text, runs) or DuckDB cannot read, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.errors import QueryError, RowsError
from rowpattern.sql.arrow.arrays import from_numpy, number
from rowpattern.sql.arrow.nested_types import with_inner_types

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PLAIN_TYPES", "for_duckdb", "is_view", "readable", "readable_type"]

#: Identifiers of the types of most columns, which are taken as they are: numbers, times and texts.
PLAIN_TYPES = frozenset(
    kind.id
    for kind in (
        *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float32(), pa.float64(), pa.date32(), pa.timestamp("us"), pa.string(), pa.large_string()),
    )
)

_VIEWS = frozenset((pa.string_view().id, pa.binary_view().id))
# Of decimals of 128 bits.
_MOST_DIGITS = 38


def is_view(kind: pa.DataType) -> bool:
    """Say whether values are views of text or bytes."""
    return kind.id in _VIEWS


def readable_type(kind: pa.DataType) -> pa.DataType:
    """Return the type for values that rows are to be taken from.

    >>> import pyarrow as pa
    >>> from rowpattern.sql.arrow.encodings import readable_type
    >>> readable_type(pa.run_end_encoded(pa.int32(), pa.list_view(pa.string_view())))
    ListType(list<item: large_string>)
    """
    types = pa.types
    if types.is_string_view(kind):
        return pa.large_string()
    if types.is_binary_view(kind):
        return pa.large_binary()
    if types.is_run_end_encoded(kind):
        return readable_type(kind.value_type)
    if types.is_dictionary(kind) and is_view(kind.value_type):
        return pa.dictionary(kind.index_type, readable_type(kind.value_type), kind.ordered)
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        field = _readable_field(kind.value_field)
        if field.equals(kind.value_field):
            return kind
        return pa.list_(field) if types.is_list_view(kind) else pa.large_list(field)
    if types.is_list(kind):
        return pa.list_(_readable_field(kind.value_field))
    if types.is_large_list(kind):
        return pa.large_list(_readable_field(kind.value_field))
    if types.is_fixed_size_list(kind):
        return pa.list_(_readable_field(kind.value_field), kind.list_size)
    if types.is_struct(kind):
        return pa.struct([_readable_field(field) for field in kind])
    return kind


def _readable_field(field: pa.Field) -> pa.Field:
    return field.with_type(readable_type(field.type))


def readable(values: pa.ChunkedArray, name: str, hold: Callable[[int], None]) -> pa.ChunkedArray:
    """Return the values of a column in a type from which rows can be taken.

    Args:
        values: the column; it has been checked.
        name: its name, for errors.
        hold: takes the number of bytes that runs are about to take without their encoding, and may refuse.

    Raises:
        RowsError: Arrow cannot convert the type.

    Takes time and memory linear in the rows where the type has to be converted, and none otherwise.
    """
    kind = readable_type(values.type)
    if kind == values.type:
        return values
    try:
        return pa.chunked_array([_plain(chunk, kind, hold) for chunk in values.chunks], kind)
    except pa.ArrowNotImplementedError as error:
        message = f"column {name} has the Arrow type {values.type}, which cannot be read: {str(error).splitlines()[0]}"
        raise RowsError(f"{message}; cast it to {kind}") from None


def _plain(values: Any, kind: pa.DataType, hold: Callable[[int], None]) -> pa.Array:
    types = pa.types
    if kind == values.type:
        return values
    if types.is_run_end_encoded(values.type):
        return _without_runs(values, kind, hold)
    if types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(
            values.indices, values.dictionary.cast(kind.value_type), ordered=kind.ordered
        )
    if types.is_struct(kind):
        fields = [_plain(values.field(at), field.type, hold) for at, field in enumerate(kind)]
        return pa.StructArray.from_arrays(fields, fields=list(kind), mask=values.is_null())
    if types.is_list(kind) or types.is_large_list(kind):
        # Arrow's own cast of lists inside of views of lists gives offsets that are one too few (pyarrow 26).
        lengths = pc.fill_null(pc.list_value_length(values).cast(pa.int64()), number(0, pa.int64())).to_numpy()
        offsets = from_numpy(np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))
        made = pa.ListArray if types.is_list(kind) else pa.LargeListArray
        width = pa.int32() if types.is_list(kind) else pa.int64()
        items = _plain(values.flatten(), kind.value_type, hold)
        return made.from_arrays(offsets.cast(width), items, type=kind, mask=values.is_null())
    return values.cast(kind)


def _without_runs(values: Any, kind: pa.DataType, hold: Callable[[int], None]) -> pa.Array:
    first, runs = values.find_physical_offset(), values.find_physical_length()
    each = _plain(values.values.slice(first, runs), kind, hold)
    # A run of billions of rows takes no memory until here: its place for each row, and the values.
    hold(len(values) * (8 + -(-each.nbytes // max(1, runs))))
    ends = np.minimum(values.run_ends.slice(first, runs).to_numpy().astype(np.int64) - values.offset, len(values))
    return each.take(from_numpy(np.repeat(np.arange(runs), np.diff(ends, prepend=0))))


def for_duckdb(table: Any) -> Any:
    """Return a table as DuckDB takes it. A reader is returned as it is.

    NULL durations stand for 0: DuckDB makes microseconds of all places of a column, also of what stands where it is
    NULL, and refuses the whole column when that is out of range. Floats of 16 bits, which it does not have, are ones of
    32, which hold all of their values, and so are decimals of 256 bits with as many digits as 128 bits have, and
    decimals of whole tens or hundreds. Categories that are structs are written out: comparing them with other rows'
    ends DuckDB's whole instance.

    Raises:
        QueryError: a column is of a type that DuckDB does not have.
    """
    for field in table.schema:
        if _has(field.type, _is_refused):
            message = f"column {field.name} has the Arrow type {field.type}, which DuckDB does not have"
            raise QueryError(f"{message}; cast it to another type, or leave it out of the query")
    if not isinstance(table, pa.Table):
        return table
    for at, field in enumerate(table.schema):
        if pa.types.is_duration(field.type) and table.column(at).null_count:
            chunks = [_with_zeros(chunk) for chunk in table.column(at).chunks]
            table = table.set_column(at, field, pa.chunked_array(chunks, field.type))
        elif pa.types.is_dictionary(field.type) and _is_nested(field.type.value_type):
            plain = pa.chunked_array(
                [chunk.dictionary_decode() for chunk in table.column(at).chunks], field.type.value_type
            )
            table = table.set_column(at, field.with_type(plain.type), plain)
        elif _has(field.type, _is_other):
            other = with_inner_types(field.type, _type_for_duckdb)
            table = table.set_column(at, field.with_type(other), table.column(at).cast(other))
    return table


def _is_nested(kind: pa.DataType) -> bool:
    return bool((kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind).num_fields)


def _has(kind: pa.DataType, asked: Callable[[pa.DataType], bool]) -> bool:
    """Say whether something is so of a type, or of one inside of it."""
    return bool(asked(kind)) or any(_has(kind.field(at).type, asked) for at in range(kind.num_fields))


def _is_refused(kind: pa.DataType) -> bool:
    """Say whether DuckDB has no such type: of lists of no values it divides by their length, and ends the process."""
    types = pa.types
    if types.is_fixed_size_list(kind):
        return bool(kind.list_size == 0)
    if types.is_decimal(kind):
        return bool(max(kind.precision, kind.precision - kind.scale) > _MOST_DIGITS)
    return bool(types.is_union(kind) and kind.mode == "dense")


def _is_other(kind: pa.DataType) -> bool:
    return bool(_type_for_duckdb(kind) != kind)


def _type_for_duckdb(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_decimal256(kind) and kind.scale >= 0:
        return pa.decimal128(kind.precision, kind.scale)
    if pa.types.is_decimal(kind) and kind.scale < 0:
        return pa.decimal128(kind.precision - kind.scale, 0)
    return kind


def _with_zeros(values: pa.Array) -> pa.Array:
    null = np.asarray(values.is_null())
    numbers = np.asarray(values.view(pa.int64()).fill_null(number(0, pa.int64())))
    return from_numpy(numbers, null).view(values.type)
