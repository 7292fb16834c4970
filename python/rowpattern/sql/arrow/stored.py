"""Columns as what the core takes rows from, and back in their own types."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from rowpattern.sql.arrow.encodings import PLAIN_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.arrow.arrays import Array

__all__ = ["StoredColumn", "stored", "whole"]

_MOST_DECIMAL_BITS = 128
# A type of as many bytes as a view of text has.
_VIEW = pa.decimal128(38, 0)


class StoredColumn(NamedTuple):
    """A column as what its values are stored as.

    Attributes:
        kind: its type.
        values: what the core takes: of a dictionary its keys, of an extension type what its values are stored as.
        dictionary: what the keys stand for.
        storage: of an extension type, the column that is stored.
        texts: of views, the memory in which they are.
    """

    kind: pa.DataType
    values: pa.ChunkedArray
    dictionary: pa.Array | None = None
    storage: StoredColumn | None = None
    texts: tuple[pa.Buffer, ...] | None = None

    def of_type(self, chunk: pa.Array) -> pa.Array:
        """Return values that the core took in the column's type, without a copy."""
        if self.storage is not None:
            return pa.ExtensionArray.from_storage(self.kind, self.storage.of_type(chunk))
        if self.dictionary is not None:
            ordered = bool(self.kind.ordered)
            return pa.DictionaryArray.from_arrays(chunk, self.dictionary, ordered=ordered, safe=False)
        if self.texts is not None:
            valid, views = chunk.buffers()
            return pa.Array.from_buffers(
                self.kind, len(chunk), [valid, views, *self.texts], chunk.null_count, chunk.offset
            )
        # The core gives texts as bytes; those of a column have been checked.
        return chunk if chunk.type == self.kind else chunk.view(self.kind)


def stored(values: pa.ChunkedArray) -> StoredColumn | None:
    """Return a column as the core can take its rows; None where it cannot, as of nested values."""
    kind = values.type
    if not len(values):
        return None
    if kind.id in PLAIN_TYPES:
        return StoredColumn(kind, values)
    if isinstance(kind, pa.BaseExtensionType):
        inside = stored(pa.chunked_array([chunk.storage for chunk in values.chunks], kind.storage_type))
        return None if inside is None else StoredColumn(kind, inside.values, storage=inside)
    if isinstance(kind, pa.DictionaryType):
        if values.num_chunks > 1:
            try:
                values = values.unify_dictionaries()
            except pa.ArrowNotImplementedError:
                # Of NULLs, or of nested values.
                return None
        keys = pa.chunked_array([chunk.indices for chunk in values.chunks], kind.index_type)
        return StoredColumn(kind, keys, values.chunk(0).dictionary)
    if pa.types.is_string_view(kind):
        if values.num_chunks > 1:
            return None
        own = values.chunk(0)
        valid, views, *texts = own.buffers()
        numbers = pa.Array.from_buffers(_VIEW, len(own), [valid, views], own.null_count, own.offset)
        return StoredColumn(kind, pa.chunked_array([numbers]), texts=tuple(texts))
    return StoredColumn(kind, values) if _is_taken(kind) else None


def _is_taken(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_decimal(kind):
        return int(kind.bit_width) <= _MOST_DECIMAL_BITS
    if types.is_fixed_size_binary(kind):
        return int(kind.byte_width) > 0
    return bool(
        types.is_primitive(kind)
        or types.is_interval(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    )


def whole(chunks: Sequence[pa.Array], kind: pa.DataType) -> Array:
    """Return chunks as one column of a type."""
    return chunks[0] if len(chunks) == 1 else pa.chunked_array(list(chunks), kind)
