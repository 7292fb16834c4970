"""Tables that are read once, batch by batch, and may be larger than memory."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from rowpattern.counted import with_article
from rowpattern.errors import QueryError
from rowpattern.sql.arrow.categories import is_ordered, labels_of, with_labels
from rowpattern.sql.arrow.encodings import is_view, readable, readable_type
from rowpattern.sql.duckdb.enums import enum_labels
from rowpattern.sql.duckdb.exchange import relation_reader
from rowpattern.sql.expression.write import quoted
from rowpattern.sql.runtime.ownership import owned
from rowpattern.sql.tables.datasets import dataset_batches, file_dataset
from rowpattern.sql.tables.inputs import is_frame, read_table
from rowpattern.sql.tables.polars_table import check_dtype, is_wide
from rowpattern.sql.tables.reading import supervised
from rowpattern.sql.tables.table import check_names, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["Stream", "batch_rows", "read_stream"]

_BATCH_BYTES = 8 << 20
# What a value of a column takes whose values differ in size, at a guess.
_VALUE_BYTES = 32


def batch_rows(schema: pa.Schema) -> int:
    """Return how many rows a batch of some megabytes has."""
    row_bytes = sum(_width(field.type) for field in schema)
    return int(max(1024, min(122_880, _BATCH_BYTES // max(1, row_bytes))))


def _width(kind: pa.DataType) -> int:
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:
        return _VALUE_BYTES


class Stream:
    """A table that is read batch by batch.

    Attributes:
        name: what to call it in errors.
        schema: its columns.
        views: the types of its columns that are views of text or bytes, which `schema` has as text or bytes.
        again: whether it can be read more than once.
        in_memory: whether its batches are there, so that nothing has to be waited for.
        labels: the texts of columns of ordered categories, in order, where they are known before the stream is read.
    """

    def __init__(
        self,
        name: str,
        schema: pa.Schema,
        open_batches: Callable[[Sequence[str]], Iterable[pa.RecordBatch]],
        again: bool,
        *,
        in_memory: bool = False,
        labels: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Take a function that begins to read columns of these names."""
        self.labels = dict(labels or {})
        self.name = name
        check_names(schema.names)
        self.schema = pa.schema([pa.field(field.name, readable_type(field.type)) for field in schema])
        self.views = {field.name: field.type for field in schema if is_view(field.type)}
        self.again = again
        self.in_memory = in_memory
        self._open_batches = open_batches
        self._begun = False

    def batches(self, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read columns of these names, or all.

        Raises:
            QueryError: it can be read once only, and was; or a file, a relation or a lazy frame cannot be read, and the
                error of the library that reads it is the cause.
            RowsError: values cannot be read, as text that is not UTF-8.
            What the caller's own reader or generator raises.
        """
        if self._begun and not self.again:
            raise QueryError(f"{self.name} can be read once only, and the query reads it more often; give a table")
        self._begun = True
        names = self.schema.names if names is None else names
        schema = pa.schema([self.schema.field(name) for name in names])
        for field in schema:
            if is_ordered(field.type) and field.name not in self.labels:
                message = f"{self.name} has the column {field.name} of ordered categories, which are not known before"
                raise QueryError(f"{message} it is read; give a table, or make texts of them")
        first = 0
        # What reads may have threads.
        with owned(self._open_batches(names)) as batches:
            for batch in (piece for whole in batches for piece in _pieces(whole.select(names), batch_rows(schema))):
                columns = []
                for name, values in zip(names, batch.columns):
                    column = readable(checked(pa.chunked_array([values]), name, first), name, lambda _: None).chunk(0)
                    labels = self.labels.get(name)
                    kind = self.schema.field(name).type
                    columns.append(column if labels is None else with_labels(column, kind, labels, name))
                first += batch.num_rows
                yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _pieces(batch: pa.RecordBatch, rows: int) -> Iterator[pa.RecordBatch]:
    """Cut a large batch, so that it can be told how far reading is, and limits are looked at."""
    if batch.num_rows <= rows:
        yield batch
        return
    for first in range(0, batch.num_rows, rows):
        yield batch.slice(first, rows)


def read_stream(value: Any, name: str, context: ExecutionContext) -> Stream:
    """Take a table of any kind that is known, without reading more of it than it takes to know its columns.

    Args:
        value: the table. Of an iterator the first batch is read.
        name: what to call it in errors.
        context: limits for what has to be waited for.

    Raises:
        TypeError: it is no table.
        QueryError: two columns have the same name, or there is no file at a path.
    """
    module = type(value).__module__.split(".")[0]
    kind = type(value).__name__
    if isinstance(value, pa.RecordBatchReader):
        return Stream(name, value.schema, lambda _: value, again=False)
    if isinstance(value, (str, Path)):
        dataset = file_dataset(value, name)
        return Stream(name, dataset.schema, lambda names: _dataset_batches(dataset, names, name), again=True)
    if kind == "DuckDBPyRelation":
        with _library_errors(name):
            schema = relation_reader(value.limit(0), 1).schema
        # Of an ENUM.
        fields = [_ordered_field(field) if pa.types.is_dictionary(field.type) else field for field in schema]
        labels = {label: enum_labels(kind) for label, kind in zip(value.columns, value.types) if kind.id == "enum"}
        return Stream(
            name,
            pa.schema(fields),
            lambda names: _from_library(lambda: _relation_batches(value, names), name),
            again=True,
            labels=labels,
        )
    if module == "pyarrow" and hasattr(value, "scanner"):
        return Stream(name, value.schema, lambda names: _dataset_batches(value, names, name), again=True)
    if module == "pyarrow" and hasattr(value, "projected_schema"):
        # A scanner, with the read-ahead that its maker gave it. It may be over a reader.
        return Stream(name, value.projected_schema, lambda _: _from_library(value.to_reader, name), again=False)
    if is_frame(value, "polars", "LazyFrame") and hasattr(value, "collect_batches"):
        with _library_errors(name):
            dtypes = value.collect_schema()
            wide = [label for label, dtype in dtypes.items() if is_wide(dtype)]
            if wide:
                value = value.with_columns(sys.modules["polars"].col(wide).cast(sys.modules["polars"].Decimal(38, 0)))
                dtypes = value.collect_schema()
            for label, dtype in dtypes.items():
                check_dtype(label, dtype)
            schema = sys.modules["polars"].DataFrame(schema=dtypes).to_arrow().schema
        rows = batch_rows(schema)
        labels = {label: dtype.categories.to_list() for label, dtype in dtypes.items() if _is_enum(dtype)}
        return Stream(
            name,
            schema,
            lambda names: _from_library(lambda: _lazy_batches(value, names, rows), name),
            again=True,
            labels=labels,
        )
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], pa.RecordBatch):
        schema = _same_schema(value, name)
        return Stream(name, schema, lambda names: (each.select(names) for each in value), again=True, in_memory=True)
    if isinstance(value, Iterator) and not hasattr(value, "__arrow_c_stream__"):
        return _iterated(value, name, context)
    frame = is_frame(value, "pandas", "DataFrame") or is_frame(value, "polars", "DataFrame")
    if hasattr(value, "__arrow_c_stream__") and not frame and module not in {"polars", "pandas", "pyarrow"}:
        reader = pa.RecordBatchReader.from_stream(value)
        return Stream(name, reader.schema, lambda _: reader, again=False)
    table = read_table(value, name).arrow()
    labels = {field.name: labels_of(table.column(field.name)) for field in table.schema if is_ordered(field.type)}
    found = Stream(
        name, table.schema, lambda names: table.select(names).to_batches(), again=True, in_memory=True, labels=labels
    )
    if isinstance(value, pa.Table):
        # Reading has made plain text of views.
        found.views = {field.name: field.type for field in value.schema if is_view(field.type)}
    return found


def _is_enum(dtype: Any) -> bool:
    return bool(dtype == sys.modules["polars"].Enum)


def _ordered_field(field: pa.Field) -> pa.Field:
    return field.with_type(pa.dictionary(field.type.index_type, field.type.value_type, ordered=True))


def _from_library(begin: Callable[[], Iterable[pa.RecordBatch]], name: str) -> Iterator[pa.RecordBatch]:
    """Read what a library reads, with `_library_errors`."""
    with _library_errors(name), owned(begin()) as batches:
        yield from batches


@contextlib.contextmanager
def _library_errors(name: str) -> Iterator[None]:
    """Turn errors of a library that reads into `QueryError`, with its own error as the cause."""
    try:
        yield
    except Exception as error:
        libraries = (pa.ArrowException, duckdb.Error, OSError)
        if not isinstance(error, libraries) and type(error).__module__.split(".")[0] != "polars":
            # Of the caller's own, whom the library called.
            raise
        raise QueryError(f"{name} cannot be read: {error}") from error


def _relation_batches(relation: Any, names: Sequence[str]) -> pa.RecordBatchReader:
    chosen = relation.project(", ".join(map(quoted, names)))
    return relation_reader(chosen, batch_rows(relation_reader(chosen.limit(0), 1).schema))


def _dataset_batches(dataset: Any, names: Sequence[str], name: str) -> Iterator[pa.RecordBatch]:
    return _from_library(lambda: dataset_batches(dataset, names, batch_rows), name)


def _lazy_batches(frame: Any, names: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    for batch in frame.select(names).collect_batches(maintain_order=True, chunk_size=rows):
        yield from batch.to_arrow().to_batches()


def _same_schema(batches: Sequence[Any], name: str) -> pa.Schema:
    for number, batch in enumerate(batches):
        _check_batch(batch, number, batches[0].schema if number else None, name)
    schema: pa.Schema = batches[0].schema
    return schema


def _check_batch(batch: Any, number: int, schema: pa.Schema | None, name: str) -> None:
    if not isinstance(batch, pa.RecordBatch):
        found = with_article(type(batch).__name__)
        raise TypeError(f"{name} has {found} as item {number}; each item has to be a pyarrow.RecordBatch")
    if schema is not None and not batch.schema.equals(schema):
        message = f"item {number} of {name} has other columns or types than the first"
        raise QueryError(f"{message}: {batch.schema.to_string()} and not {schema.to_string()}".replace("\n", ", "))


def _iterated(batches: Iterator[Any], name: str, context: ExecutionContext) -> Stream:
    first = supervised(lambda: next(batches, None), context)
    if first is None:
        raise QueryError(f"{name} gives no batch, so that its columns are not known; give a RecordBatchReader")
    _check_batch(first, 0, None, name)

    def read() -> Iterator[pa.RecordBatch]:
        yield first
        for number, batch in enumerate(batches, start=1):
            _check_batch(batch, number, first.schema, name)
            yield batch

    return Stream(name, first.schema, lambda _: read(), again=False)
