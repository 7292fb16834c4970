"""Ordered categories: dictionaries whose order is that of their values, as in DuckDB's ENUM and Polars' Enum.

Such a column has one dictionary of different texts for all its chunks (`with_one_dictionary`), and the type says
`ordered`. Dictionaries that are not ordered are an encoding, and their values compare as what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.arrays import from_texts
from rowpattern.sql.arrow.nested_types import with_inner_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.arrow.arrays import Array

__all__ = [
    "as_categories",
    "empty_column",
    "is_ordered",
    "labels_of",
    "marked",
    "marked_ordered",
    "nulls_like",
    "of_ranks",
    "ranks",
    "with_inner_ranks",
    "with_labels",
    "with_one_dictionary",
]


def is_ordered(kind: pa.DataType) -> bool:
    """Say whether values of a type are ordered categories."""
    return isinstance(kind, pa.DictionaryType) and kind.ordered


def with_one_dictionary(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return a column of categories with one dictionary for all chunks; of ordered ones, a dictionary of texts.

    Args:
        values: the column; returned as it is where it has no categories.
        name: its name, for errors.

    Raises:
        QueryError: the categories are no texts and not in the order of their values, or not all different.
    """
    kind = values.type
    if not is_ordered(kind):
        return _unified(values) if isinstance(kind, pa.DictionaryType) and values.num_chunks > 1 else values
    if values.num_chunks > 1:
        values = _unified(values)
        if any(not chunk.dictionary.equals(values.chunk(0).dictionary) for chunk in values.chunks):
            message = f"column {name} has ordered categories of the type {kind.value_type}, whose order is not known"
            raise QueryError(f"{message}; make texts of them")
    categories = values.chunk(0).dictionary if values.num_chunks else pa.nulls(0, kind.value_type)
    is_text = pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)
    if not is_text:
        if not _ascending(categories):
            message = f"column {name} has ordered categories of the type {kind.value_type} that are not known to ascend"
            raise QueryError(f"{message}; make texts of them, or numbers of their order")
        # Their order is that of the values.
        return marked(values, ordered=False)
    if categories.null_count or pc.count_distinct(categories).as_py() < len(categories):
        raise QueryError(f"column {name} has ordered categories that are NULL or not different; give each one a text")
    return values


def _unified(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return categories with one dictionary for all chunks.

    Where Arrow cannot compare categories, as lists, they are what they stand for, and ordered ones stay as they
    are. Keys have more bits where one dictionary has more values than the keys can count.
    """
    try:
        return values.unify_dictionaries()
    except pa.ArrowNotImplementedError:
        if values.type.ordered or all(chunk.dictionary.equals(values.chunk(0).dictionary) for chunk in values.chunks):
            return values
        return pa.chunked_array([chunk.dictionary_decode() for chunk in values.chunks], values.type.value_type)
    except pa.ArrowInvalid:
        pass
    kind = values.type
    chunks = [_without_null_category(chunk) for chunk in values.chunks]
    wide = pa.dictionary(pa.int64(), kind.value_type, kind.ordered)
    unified = pa.chunked_array(chunks, wide).unify_dictionaries()
    most = len(unified.chunk(0).dictionary) - 1
    fits = most < 1 << kind.index_type.bit_width - (not pa.types.is_unsigned_integer(kind.index_type))
    keys = kind.index_type if fits else pa.int32() if most < 1 << 31 else pa.int64()
    chunks = [
        pa.DictionaryArray.from_arrays(chunk.indices.cast(keys), chunk.dictionary, ordered=kind.ordered)
        for chunk in unified.chunks
    ]
    return pa.chunked_array(chunks, pa.dictionary(keys, kind.value_type, kind.ordered))


def _without_null_category(values: pa.Array) -> pa.Array:
    """Return categories with keys of 64 bits; what was of the category NULL is NULL."""
    dictionary, keys = values.dictionary, values.indices.cast(pa.int64())
    if dictionary.null_count:
        places = pc.subtract(pc.cumulative_sum(dictionary.is_valid().cast(pa.int64())), pa.scalar(1, pa.int64()))
        keys = pc.if_else(dictionary.is_valid(), places, pa.scalar(None, pa.int64())).take(keys)
        dictionary = dictionary.drop_null()
    return pa.DictionaryArray.from_arrays(keys, dictionary, ordered=values.type.ordered)


def _ascending(values: pa.Array) -> bool:
    try:
        return len(values) < 2 or bool(pc.all(pc.less(values[:-1], values[1:])).as_py())  # noqa: PLR2004 - one has no next
    except pa.ArrowNotImplementedError:
        return False


def marked(values: pa.ChunkedArray, *, ordered: bool) -> pa.ChunkedArray:
    """Return a column of categories whose type says whether they are ordered."""
    kind = pa.dictionary(values.type.index_type, values.type.value_type, ordered)
    chunks = [
        pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary, ordered=ordered) for chunk in values.chunks
    ]
    return pa.chunked_array(chunks, kind)


def marked_ordered(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch that DuckDB gave, its ENUMs marked as ordered categories."""
    for at, field in enumerate(batch.schema):
        if pa.types.is_dictionary(field.type):
            values = marked(pa.chunked_array([batch.column(at)]), ordered=True).chunk(0)
            batch = batch.set_column(at, field.with_type(values.type), values)
    return batch


def labels_of(values: Array) -> list[str]:
    """Return the categories of a column of ordered ones, in order; none where a column has no chunk."""
    chunks = [values] if isinstance(values, pa.Array) else values.chunks
    # Arrow gives NULLs an empty dictionary.
    dictionaries = [chunk.dictionary for chunk in chunks]
    return list(max(dictionaries, key=len).to_pylist()) if dictionaries else []


def ranks(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the places of a column's values among its ordered categories."""
    chunks = [chunk.indices for chunk in values.chunks]
    return pa.chunked_array(chunks, values.type.index_type)


def with_inner_ranks(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with the places of ordered categories in place of them, also inside of lists, structs and maps.

    Categories inside of others are ordered ones: DuckDB gives its ENUMs so, and texts in an encoding as texts.
    """
    if is_ordered(values.type):
        return ranks(values)
    kind = with_inner_types(values.type, lambda each: each.index_type if pa.types.is_dictionary(each) else each)
    if kind == values.type or not pa.types.is_nested(values.type):
        return values
    return pa.chunked_array([_inner_ranks(chunk) for chunk in values.chunks], kind)


def _inner_ranks(values: pa.Array) -> pa.Array:
    kind, types = values.type, pa.types
    if types.is_dictionary(kind):
        return values.indices
    if types.is_struct(kind):
        parts = [_inner_ranks(part) for part in values.flatten()]
        fields = [field.with_type(part.type) for field, part in zip(kind, parts)]
        return pa.StructArray.from_arrays(parts, fields=fields, mask=values.is_null())
    if not types.is_nested(kind):
        return values
    changed = with_inner_types(kind, lambda each: each.index_type if types.is_dictionary(each) else each)
    # What is in the lists stays as long as it is, with what no list shows.
    inside = _inner_ranks(_stored_inside(values))
    return pa.Array.from_buffers(
        changed, len(values), values.buffers()[: _own_buffers(kind)], values.null_count, values.offset, [inside]
    )


def _stored_inside(values: pa.Array) -> pa.Array:
    """Return all that is stored for the lists of an array."""
    if not pa.types.is_map(values.type):
        return values.values
    keys, items = values.keys, values.items
    entries = [values.type.key_field, values.type.item_field]
    return pa.StructArray.from_arrays([keys, items], fields=entries)


def _own_buffers(kind: pa.DataType) -> int:
    return 1 if pa.types.is_fixed_size_list(kind) else 2


def empty_column(kind: pa.DataType, labels: Sequence[str] | None) -> pa.ChunkedArray:
    """Return a column without rows; of ordered categories it has a dictionary all the same, of these texts."""
    if labels is None:
        return pa.chunked_array([], kind)
    return pa.chunked_array([_of_labels(pa.nulls(0, kind.index_type), kind, labels)])


def with_labels(values: pa.Array, kind: pa.DataType, labels: Sequence[str], name: str) -> pa.Array:
    """Return ordered categories over a dictionary of these texts.

    Raises:
        QueryError: a value is none of them.
    """
    own = values.dictionary.to_pylist()
    if own == list(labels):
        return _of_labels(values.indices.cast(kind.index_type), kind, labels)
    texts = values.cast(kind.value_type)
    places = pc.index_in(texts, from_texts(labels).cast(kind.value_type))
    if places.null_count != texts.null_count:
        raise QueryError(f"column {name} has a value that is none of its categories {', '.join(labels[:20])}")
    return _of_labels(places.cast(kind.index_type), kind, labels)


def of_ranks(places: pa.ChunkedArray, kind: pa.DataType, labels: Sequence[str]) -> pa.ChunkedArray:
    """Return ordered categories by their places among these texts."""
    return pa.chunked_array([_of_labels(chunk.cast(kind.index_type), kind, labels) for chunk in places.chunks], kind)


def _of_labels(places: pa.Array, kind: pa.DataType, labels: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(places, from_texts(labels).cast(kind.value_type), ordered=True)


def nulls_like(values: pa.ChunkedArray, count: int) -> pa.Array:
    """Return NULLs in a column's type, with its dictionary where it has ordered categories."""
    if not is_ordered(values.type):
        return pa.nulls(count, values.type)
    return _of_labels(pa.nulls(count, values.type.index_type), values.type, labels_of(values))


def as_categories(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Return categories in another type of categories: the same dictionaries, other integers and texts."""
    chunks = [
        pa.DictionaryArray.from_arrays(
            chunk.indices.cast(kind.index_type), chunk.dictionary.cast(kind.value_type), ordered=kind.ordered
        )
        for chunk in values.chunks
    ]
    return pa.chunked_array(chunks, kind)
