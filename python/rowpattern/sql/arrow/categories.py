"""Ordered categories: dictionaries whose order is that of their values, as DuckDB's ENUM and pandas' and Polars' have it.

Such a column has one dictionary of different texts for all its chunks (`with_one_dictionary`), and the type says
`ordered`. Dictionaries that are not ordered are an encoding, and their values compare as what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.errors import QueryError

if TYPE_CHECKING:
    from rowpattern.sql.arrow.arrays import Array

__all__ = ["as_categories", "is_ordered", "labels_of", "marked", "marked_ordered", "nulls_like", "ranks", "with_one_dictionary"]


def is_ordered(kind: pa.DataType) -> bool:
    """Say whether values of a type are ordered categories."""
    return bool(pa.types.is_dictionary(kind) and kind.ordered)


def with_one_dictionary(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return a column of ordered categories with one dictionary of texts for all chunks.

    Args:
        values: the column; returned as it is where it has no ordered categories.
        name: its name, for errors.

    Raises:
        QueryError: the categories are no texts and not in the order of their values, or not all different.
    """
    kind = values.type
    if not is_ordered(kind):
        return values
    if values.num_chunks > 1:
        values = values.unify_dictionaries()
    categories = values.chunk(0).dictionary if values.num_chunks else pa.array([], kind.value_type)
    is_text = pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)
    if not is_text:
        if len(categories) > 1 and not pc.all(pc.less(categories[:-1], categories[1:])).as_py():
            message = f"column {name} has ordered categories of the type {kind.value_type} that are not ascending"
            raise QueryError(f"{message}; make texts of them, or numbers of their order")
        # Their order is that of the values.
        return marked(values, ordered=False)
    if categories.null_count or pc.count_distinct(categories).as_py() < len(categories):
        raise QueryError(f"column {name} has ordered categories that are NULL or not different; give each one a text")
    return values


def marked(values: pa.ChunkedArray, *, ordered: bool) -> pa.ChunkedArray:
    """Return a column of categories whose type says whether they are ordered."""
    kind = pa.dictionary(values.type.index_type, values.type.value_type, ordered)
    chunks = [
        pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary, ordered=ordered) for chunk in values.chunks
    ]
    return pa.chunked_array(chunks, kind)


def marked_ordered(table: Any) -> Any:
    """Return a table or batch that DuckDB gave, with its ENUM columns marked as ordered categories."""
    for at, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type) and not field.type.ordered:
            column = table.column(at)
            whole = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
            found = marked(whole, ordered=True)
            table = table.set_column(
                at, field.with_type(found.type), found if isinstance(column, pa.ChunkedArray) else found.chunk(0)
            )
    return table


def labels_of(values: Array) -> list[str]:
    """Return the categories of a column of ordered ones, in order; none where a column has no chunk."""
    chunk = values if isinstance(values, pa.Array) else values.chunk(0) if values.num_chunks else None
    return [] if chunk is None else list(chunk.dictionary.to_pylist())


def ranks(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the places of a column's values among its ordered categories."""
    chunks = [chunk.indices for chunk in values.chunks]
    return pa.chunked_array(chunks, values.type.index_type)


def nulls_like(values: pa.ChunkedArray, count: int) -> pa.Array:
    """Return NULLs in a column's type, with its dictionary where it has ordered categories."""
    if not is_ordered(values.type):
        return pa.nulls(count, values.type)
    dictionary = pa.array(labels_of(values), values.type.value_type)
    return pa.DictionaryArray.from_arrays(pa.nulls(count, values.type.index_type), dictionary, ordered=True)


def as_categories(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Return categories in another type of categories: the same dictionaries, other integers and texts."""
    chunks = [
        pa.DictionaryArray.from_arrays(
            chunk.indices.cast(kind.index_type), chunk.dictionary.cast(kind.value_type), ordered=kind.ordered
        )
        for chunk in values.chunks
    ]
    return pa.chunked_array(chunks, kind)
