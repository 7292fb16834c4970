"""Columns that went through DuckDB, in the types of Arrow that they had before."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.arrays import from_numpy, one_array
from rowpattern.sql.arrow.casting import has_intervals, with_durations
from rowpattern.sql.arrow.categories import as_categories, is_ordered
from rowpattern.sql.duckdb.arrow_types import duckdb_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["by_name", "in_own_type", "is_type_of", "with_own_types"]

_Item = TypeVar("_Item")

# A UUID as DuckDB writes it: 32 digits, of which some have a sign before them.
_UUID_CHARACTERS = 36
_UUID_SIGNS = (8, 13, 18, 23)
_NIBBLES = np.zeros(256, dtype=np.uint8)
_NIBBLES[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16, dtype=np.uint8)


def with_own_types(answer: pa.Table, types: Sequence[object], sources: Iterable[pa.Table]) -> pa.Table:
    """Give columns of an answer the types of the columns of those names that were read, where DuckDB has no such type.

    So a column that is only shown comes back as what it was. One that is computed and has the name and DuckDB's type of
    one that was read has that type too, where all of its values fit into it.

    Args:
        answer: what DuckDB gave.
        types: DuckDB's types of its columns.
        sources: the tables that it read.
    """
    known = by_name((field.name, field.type) for source in sources for field in source.schema)
    for at, (field, kind) in enumerate(zip(answer.schema, types)):
        own = known.get(field.name)
        if own is not None and own != field.type and is_type_of(str(kind), own):
            found = in_own_type(answer.column(at), own)
            if found is not None:
                answer = answer.set_column(at, field.with_type(own), found)
    return answer


def by_name(items: Iterable[tuple[str, _Item]]) -> dict[str, _Item | None]:
    """Return what each name has; None where it has different things, as a column of that name may be either.

    >>> from rowpattern.sql.tables.own_types import by_name
    >>> by_name([("x", 1), ("y", 2), ("x", 1), ("y", 3)])
    {'x': 1, 'y': None}
    """
    found: dict[str, _Item | None] = {}
    for name, item in items:
        found[name] = item if found.get(name, item) == item else None
    return found


def is_type_of(name: str | None, kind: pa.DataType) -> bool:
    """Say whether DuckDB's type of this name is the one that it has for a type of Arrow."""
    if pa.types.is_decimal256(kind):
        return name == f"DECIMAL({kind.precision},{kind.scale})"
    return name is not None and name == duckdb_type(kind)


def in_own_type(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    """Return values of a column, or computed of them, in the column's own type; None where that cannot hold them.

    Args:
        values: in the type that DuckDB has for the column's.
        kind: the column's type.
    """
    types = pa.types
    try:
        if isinstance(kind, pa.UuidType):
            return _uuids(values)
        if has_intervals(values.type) and not has_intervals(kind):
            values = with_durations(values, "a column")
        if is_ordered(kind):
            # Texts that were computed are in no order but that of texts.
            return as_categories(values, kind) if is_ordered(values.type) else None
        if types.is_dictionary(kind):
            return values.cast(kind.value_type).dictionary_encode().cast(kind)
        found = values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, QueryError):
        return None
    # Casts of numbers with a fraction are not checked.
    return found if not types.is_float16(kind) or _is_same(found.cast(values.type), values) else None


def _is_same(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    return all(
        np.array_equal(first.to_numpy(zero_copy_only=False), second.to_numpy(zero_copy_only=False), equal_nan=True)
        for first, second in zip(one.chunks, other.chunks)
    )


def _uuids(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts of UUIDs as what they stand for."""
    return pa.chunked_array([_uuid_array(one_array(values))])


def _uuid_array(texts: pa.Array) -> pa.Array:
    null = np.asarray(texts.is_null()) if texts.null_count else None
    texts = texts.cast(pa.string()).fill_null("-" * _UUID_CHARACTERS)
    places = np.frombuffer(texts.buffers()[1] or bytes(4), dtype=np.int32)
    offsets = places[texts.offset : texts.offset + len(texts) + 1]
    characters = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    characters = characters[offsets[0] : offsets[-1]].reshape(len(texts), _UUID_CHARACTERS)
    digits = _NIBBLES[np.delete(characters, _UUID_SIGNS, axis=1)]
    stored = pa.py_buffer(np.ascontiguousarray(digits[:, ::2] << 4 | digits[:, 1::2]))
    valid = None if null is None else from_numpy(~null).buffers()[1]
    whole = pa.Array.from_buffers(pa.binary(16), len(texts), [valid, stored])
    return pa.ExtensionArray.from_storage(pa.uuid(), whole)
