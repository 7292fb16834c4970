"""The columns of the rows that come to a continuous query, and rows of any kind of table in these."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rowpattern.continuous_query.column_types import misfit
from rowpattern.continuous_query.row_batches import empty_table
from rowpattern.counted import with_article
from rowpattern.errors import QueryError, QueryLimitError, RowsError, UnsupportedQueryError
from rowpattern.sql.arrow.arrays import one_array
from rowpattern.sql.arrow.categories import is_ordered
from rowpattern.sql.arrow.encodings import PLAIN_TYPES, is_view, readable_type
from rowpattern.sql.tables.inputs import is_frame, read_table
from rowpattern.sql.tables.table import Table, checked
from rowpattern.sql.text.source_location import candidates

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ReadRows", "RowSchema", "record_batch"]

# The fewest of a dictionary's indices in answers.
_INDEX_BITS = 32


class ReadRows(NamedTuple):
    """Rows as they were given.

    Attributes:
        table: what was given.
        kind: what kind of table to answer with: as `Table.kind`, or `"batch"`.
        batch: the columns that are read.
    """

    table: Table
    kind: str
    batch: pa.RecordBatch


class _ReadBefore(NamedTuple):
    """A batch that was read, of which nothing had to be converted: others of its schema are read in the same way.

    Attributes:
        schema: that of the batch.
        names: the columns that were read.
        numbers: where they are in it.
        table: a table of that schema without rows.
        is_whole: whether what was read is the batch as it is.
    """

    schema: pa.Schema
    names: list[str]
    numbers: list[int]
    table: Table
    is_whole: bool

    @classmethod
    def of(cls, given: pa.RecordBatch, read: pa.RecordBatch) -> _ReadBefore | None:
        """Return what there is to know of a batch and what was read of it; None where columns were converted."""
        names = read.schema.names
        numbers = [given.schema.get_field_index(name) for name in names]
        if any(
            kind.id not in PLAIN_TYPES or number < 0 or kind != given.schema.field(number).type
            for kind, number in zip(read.schema.types, numbers)
        ):
            return None
        is_whole = given.schema.equals(read.schema, check_metadata=True)
        return cls(given.schema, names, numbers, Table(empty_table(given.schema)), is_whole)

    def reads(self, given: pa.RecordBatch, columns: list[str]) -> bool:
        """Say whether these columns of a batch are read in the same way."""
        return columns == self.names and bool(given.schema.equals(self.schema, check_metadata=True))

    def read(self, given: pa.RecordBatch) -> pa.RecordBatch:
        """Read another batch of the same schema.

        Raises:
            RowsError, pyarrow.ArrowException: a value cannot be read.
        """
        columns = [given.column(number) for number in self.numbers]
        for name, column in zip(self.names, columns):
            checked(pa.chunked_array([column]), name)
        return given if self.is_whole else pa.RecordBatch.from_arrays(columns, names=self.names)


class RowSchema:
    """What the rows of every batch have.

    Attributes:
        names: all columns, in order.
        kind: what kind of table to answer with as long as no rows have come.
        given: the types that columns of answers have: those of where rows come from, where a dictionary's indices have
            at least 32 bits, as the categories of all batches together may be more than those of one.
        stored: the types in which they are kept: as `given`, without dictionaries and other encodings.
        untyped: columns whose type is not known, as the table that was given has no value in them.
        example: a table of these columns without rows.
    """

    def __init__(self, schema: Any) -> None:
        """Take a schema of Arrow, a mapping of names to types of Arrow, or any table.

        Raises:
            TypeError: it is none of these.
            UnsupportedQueryError: a column has ordered categories.
            QueryError: two columns have one name.
        """
        if not isinstance(schema, pa.Schema) and hasattr(schema, "__arrow_c_schema__"):
            try:
                schema = pa.schema(schema)
            except pa.ArrowInvalid:
                message = f"schema is one type, {schema!s}"[:200]
                raise TypeError(f"{message}; give those of all columns by name, as {{'x': pa.int64()}}") from None
        if isinstance(schema, Mapping):
            schema = pa.schema([_field(name, kind) for name, kind in schema.items()])
        if isinstance(schema, pa.RecordBatch):
            schema = schema.schema
        if isinstance(schema, (list, tuple, str)) or is_frame(schema, "pandas", "Series"):
            message = (
                f"schema is {with_article(type(schema).__name__)}; give a pyarrow.Schema, a dict of names to types of"
            )
            raise TypeError(f"{message} Arrow, as {{'x': pa.int64()}}, or a table with the columns")
        self.kind = "arrow"
        self._before: _ReadBefore | None = None
        if isinstance(schema, pa.Schema):
            table = Table(empty_table(schema))
        else:
            table = read_table(schema, "schema")
            self.kind = table.kind
        self.names = list(table.names)
        found = {name: table.column(name).type for name in self.names}
        if isinstance(schema, pa.Schema):
            # Answers have views where rows have them; columns are read as other types.
            found |= {field.name: field.type for field in schema if is_view(field.type)}
        is_stated = isinstance(schema, pa.Schema)
        self.untyped = frozenset(name for name, kind in found.items() if pa.types.is_null(kind) and not is_stated)
        for name, kind in found.items():
            if is_ordered(kind):
                message = f"column {name} has ordered categories, whose order may differ from batch to batch"
                raise UnsupportedQueryError(f"{message}; give the place of each in their order, or its text")
        self.given = {name: _with_wide_indices(kind) for name, kind in found.items()}
        self.stored = {name: _stored(kind) for name, kind in found.items()}
        self.example = Table(
            pa.Table.from_arrays([pa.chunked_array([], kind) for kind in self.stored.values()], names=list(self.stored))
        )

    def check_typed(self, columns: Iterable[str]) -> None:
        """Check that the types of columns are known.

        Raises:
            QueryError: one is not.
        """
        unknown = [name for name in columns if name in self.untyped]
        if unknown:
            message = f"the table given as schema has no value in the column {unknown[0]}, whose type is not known then"
            raise QueryError(f"{message}; give a pyarrow.Schema, as pa.schema({{{unknown[0]!r}: pa.string()}})")

    def columns(self) -> pa.Table:
        """Return the columns as a table without rows."""
        return empty_table(pa.schema(self.given))

    def encoded_example(self) -> Table:
        """Return a table of these columns without rows, in dictionaries where rows come in dictionaries."""
        kinds = {name: kind if pa.types.is_dictionary(kind) else self.stored[name] for name, kind in self.given.items()}
        return Table(empty_table(pa.schema(kinds)))

    def read(self, given: Any, columns: Iterable[str]) -> ReadRows:
        """Read some columns of a batch.

        Raises:
            QueryError: the batch lacks a column, or has one of another type.
            RowsError: a value cannot be read.
            QueryLimitError: a column in several pieces has more values than one array can have.
            TypeError: it is no table.
        """
        if isinstance(given, (str, os.PathLike)):
            message = f"batch is {with_article(type(given).__name__)}; push takes tables: read the file"
            raise TypeError(f"{message}, as by pyarrow.parquet.read_table(path)")
        columns = list(columns)
        if isinstance(given, pa.RecordBatch):
            before = self._before
            if before is not None and before.reads(given, columns):
                # What is wrong with a value is said below.
                with contextlib.suppress(RowsError, pa.ArrowException):
                    return ReadRows(before.table, "batch", before.read(given))
            table = Table(pa.Table.from_batches([given]))
            read = self._read(table, columns)
            self._before = _ReadBefore.of(given, read)
            return ReadRows(table, "batch", read)
        table = read_table(given, "batch")
        return ReadRows(table, table.kind, self._read(table, columns))

    def _read(self, table: Table, columns: list[str]) -> pa.RecordBatch:
        known = set(table.names)
        arrays = []
        for name in columns:
            if name not in known:
                message = f"the batch has no column {name}, which the query reads"
                raise QueryError(f"{message}; {candidates(name, table.names, 'columns')}")
            values = table.column(name)
            if not pa.types.is_null(values.type):
                self.check_typed([name])
            arrays.append(_as_stored(values, self.stored[name], name))
        if not arrays:
            return pa.RecordBatch.from_arrays([pa.nulls(table.rows)], names=["none"])
        return pa.RecordBatch.from_arrays(arrays, names=columns)


def record_batch(table: Table, types: dict[str, pa.DataType]) -> pa.RecordBatch:
    """Return columns of a table in these types."""
    arrays = [_as_stored(table.column(name), kind, name) for name, kind in types.items()]
    return pa.RecordBatch.from_arrays(arrays, names=list(types))


def _field(name: object, kind: Any) -> pa.Field:
    """Return a column of a schema that is written as a mapping."""
    if not isinstance(name, str):
        raise TypeError(f"schema has the column {name!r}; the name of a column is a text, not {type(name).__name__}")
    try:
        return pa.field(name, kind)
    except (TypeError, ValueError):
        shown = kind.__name__ if isinstance(kind, type) else repr(kind)
        raise TypeError(f"schema[{name!r}] is {shown}; give a type of Arrow, as pa.int64() or pa.string()") from None


def _with_wide_indices(kind: pa.DataType) -> pa.DataType:
    if not pa.types.is_dictionary(kind) or kind.index_type.bit_width >= _INDEX_BITS:
        return kind
    return pa.dictionary(pa.int32(), kind.value_type)


def _stored(kind: pa.DataType) -> pa.DataType:
    """Return the type in which rows are kept; Arrow takes no rows of views."""
    if pa.types.is_dictionary(kind):
        return _stored(kind.value_type)
    return readable_type(kind) if is_view(kind) else kind


def _as_stored(values: pa.ChunkedArray, kind: pa.DataType, name: str) -> pa.Array:
    if values.type != kind:
        message = f"column {name} of the batch is {values.type}, and {kind} in the query's schema"
        why = misfit(values.type, kind)
        if why is not None:
            raise QueryError(f"{message}: {why}")
        try:
            values = values.cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise QueryError(f"{message}: {str(error).splitlines()[0]}") from None
    try:
        return one_array(values)
    except pa.ArrowInvalid:
        message = f"column {name} of the batch has more than 2 GiB of values, which an array of {kind} cannot have"
        raise QueryLimitError(f"{message}; push its rows in smaller batches") from None
