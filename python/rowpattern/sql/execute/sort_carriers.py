"""Columns through DuckDB's sort as they are: what its types cannot hold exactly goes as a type of the same bytes.

DuckDB has durations as intervals of microseconds, dates in milliseconds as days, other types (half floats, decimals of
256 bits) not at all. A column of such a type is given to DuckDB as integers or bytes and taken back from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern.sql.arrow.arrays import from_numpy, number
from rowpattern.sql.arrow.casting import as_type
from rowpattern.sql.arrow.categories import is_ordered, of_ranks
from rowpattern.sql.bind.leaves import leaves
from rowpattern.sql.execute.typed_operands import with_categories
from rowpattern.sql.expression.nodes import Cast, Column, Literal, TypeName, replaced
from rowpattern.sql.expression.write import quoted, sql_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rowpattern.sql.bind.bound import Key
    from rowpattern.sql.expression.nodes import Node

__all__ = ["SortCarriers", "carrier_type", "from_carrier", "to_carrier"]


class SortCarriers:
    """What a sort is given of a table's columns, and what is made of its answer.

    Attributes:
        schema: of what the sort is given.
        columns: what it has to give back, in order.
        keys: what it sorts by, as in ORDER BY.
    """

    def __init__(
        self,
        schema: pa.Schema,
        names: Sequence[str],
        keys: Sequence[Key],
        number: str,
        labels: Mapping[str, Sequence[str]],
    ) -> None:
        """Prepare for columns of these names, which have the columns of keys among them.

        Args:
            schema: the table's.
            names: the columns.
            keys: what to sort by.
            number: the name of a further column, with the rows' numbers.
            labels: the texts of columns of ordered categories, in order.
        """
        self._labels = labels
        kinds = {name: schema.field(name).type for name in names}
        self._types = pa.schema([*kinds.items(), (number, pa.int64())])
        # What carries a column has a name of its own: keys that are computed are computed from the column.
        carriers = {}
        for name, kind in kinds.items():
            carrier = name
            while carrier_type(kind) != kind and (carrier == name or carrier in {*kinds, number}):
                carrier += "_carried"
            carriers[name] = carrier
        self.columns = [*carriers.values(), number]
        self.keys = []
        computed: set[str] = set()
        for key in keys:
            direct = key.column is not None and _keeps_order(kinds[key.column])
            expression = quoted(carriers[key.column]) if direct and key.column is not None else _typed(key, labels)
            self.keys.append(f"{expression} {key.direction}")
            computed.update(() if direct else key.reads)
        self._as_they_are = [name for name in kinds if name in computed and carriers[name] != name]
        carried_fields = [pa.field(carriers[name], carrier_type(kind)) for name, kind in kinds.items()]
        as_they_are = [schema.field(name) for name in self._as_they_are]
        self.schema = pa.schema([*carried_fields, pa.field(number, pa.int64()), *as_they_are])

    def give(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch of the table, which has the rows' numbers behind its columns, for the sort."""
        columns = [*map(to_carrier, batch.columns), *(batch.column(name) for name in self._as_they_are)]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def take(self, batch: pa.RecordBatch) -> pa.Table:
        """Return what the sort gave as it was in the table."""
        taken = [self._taken(pa.chunked_array([values]), field) for field, values in zip(self._types, batch.columns)]
        return pa.Table.from_arrays(taken, schema=self._types)

    def _taken(self, values: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
        if is_ordered(field.type):
            return of_ranks(values, field.type, self._labels[field.name])
        return from_carrier(values, field.type, field.name)


def _typed(key: Key, labels: Mapping[str, Sequence[str]]) -> str:
    """Return a key that is computed, over ordered categories as what they are: DuckDB reads their texts."""
    if key.tree is None or labels.keys().isdisjoint(key.reads):
        return key.sql
    tree = with_categories(key.tree, labels)
    new: dict[int, Node] = {}
    for leaf in leaves(tree):
        if isinstance(leaf, Column) and leaf.names[0] in labels:
            texts = tuple((None, Literal("STRING", label)) for label in labels[leaf.names[0]])
            new[id(leaf)] = Cast(leaf, TypeName("ENUM", texts))
    return sql_of(replaced(tree, new))


def carrier_type(kind: pa.DataType) -> pa.DataType:
    """Return the type in which DuckDB keeps values of a type; the type itself where DuckDB has it."""
    if isinstance(kind, pa.BaseExtensionType):
        return carrier_type(kind.storage_type)
    if pa.types.is_duration(kind) or pa.types.is_date64(kind):
        return pa.int64()
    if pa.types.is_timestamp(kind):
        return pa.int64() if kind.tz is not None and kind.unit != "us" else kind
    if pa.types.is_float16(kind):
        return pa.uint16()
    if pa.types.is_interval(kind):
        return pa.binary(16)
    if pa.types.is_decimal256(kind):
        return pa.binary(32)
    if pa.types.is_dictionary(kind):
        # Ordered categories go as their places, by which they are ordered.
        return kind.index_type if kind.ordered else carrier_type(kind.value_type)
    return _nested(kind) if pa.types.is_nested(kind) else kind


def _nested(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([_field(field) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_field(kind.key_field), _field(kind.item_field))
    if pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind):
        return pa.large_list(_field(kind.value_field))
    if pa.types.is_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(_field(kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_field(kind.value_field), kind.list_size)
    return kind


def _field(field: pa.Field) -> pa.Field:
    return field.with_type(carrier_type(field.type))


def _keeps_order(kind: pa.DataType) -> bool:
    """Say whether values are ordered as what carries them."""
    temporal = pa.types.is_temporal(kind) and not pa.types.is_interval(kind)
    return bool(temporal) or is_ordered(kind) or carrier_type(kind) == kind


def to_carrier(values: pa.Array) -> pa.Array:
    """Return values in their `carrier_type`."""
    kind = values.type
    if carrier_type(kind) == kind:
        return values
    if is_ordered(kind):
        return values.indices
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        values = _listed(values)
    plain = _plain_type(kind)
    return (values if plain == values.type else values.cast(plain)).view(carrier_type(kind))


def from_carrier(values: pa.ChunkedArray, kind: pa.DataType, name: str) -> pa.ChunkedArray:
    """Return what DuckDB gave of carried values in the type that they had."""
    values = as_type(values, carrier_type(kind), name)
    if values.type == kind:
        return values
    plain = _plain_type(kind)
    chunks = [chunk.view(plain) for chunk in values.chunks]
    values = pa.chunked_array(chunks, plain)
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return pa.chunked_array([_viewed(chunk, kind) for chunk in values.chunks], kind)
    return as_type(values, kind, name)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Return a type without dictionaries and list views, whose buffers are laid out as those of the `carrier_type`."""
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain_type(field.type)) for field in kind])
    if pa.types.is_map(kind):
        key, item = kind.key_field, kind.item_field
        return pa.map_(key.with_type(_plain_type(key.type)), item.with_type(_plain_type(item.type)))
    if not hasattr(kind, "value_field"):
        return kind
    field = kind.value_field.with_type(_plain_type(kind.value_field.type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(field, kind.list_size)
    large = pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind)
    return pa.large_list(field) if large else pa.list_(field)


def _listed(views: pa.Array) -> pa.Array:
    """Return a list view as lists; pyarrow's cast gives a last offset too few where the views happen to be in order."""
    form = pa.LargeListArray if pa.types.is_large_list_view(views.type) else pa.ListArray
    offset = pa.int64() if form is pa.LargeListArray else pa.int32()
    ends = np.cumsum(views.value_lengths().fill_null(number(0, offset)).to_numpy(zero_copy_only=False))
    mask = views.is_null() if views.null_count else None
    return form.from_arrays(from_numpy(np.append(0, ends)).cast(offset), views.flatten(), mask=mask)


def _viewed(lists: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return lists as a list view."""
    form = pa.LargeListViewArray if pa.types.is_large_list_view(kind) else pa.ListViewArray
    lengths = lists.value_lengths()
    lengths = lengths.fill_null(number(0, lengths.type))
    mask = lists.is_null() if lists.null_count else None
    return form.from_arrays(lists.offsets[:-1], lengths, lists.values, type=kind, mask=mask)
