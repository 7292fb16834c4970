"""Tables that are read once, batch by batch, and may be larger than memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.errors import QueryError
from rowpattern.sql.database import relation_reader
from rowpattern.sql.expression.write import quoted
from rowpattern.sql.ownership import owned
from rowpattern.sql.tables import checked, read_table, readable_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

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
        again: whether it can be read more than once.
        in_memory: whether its batches are there, so that nothing has to be waited for.
    """

    def __init__(
        self,
        name: str,
        schema: pa.Schema,
        open_batches: Callable[[Sequence[str]], Iterable[pa.RecordBatch]],
        again: bool,
        in_memory: bool = False,
    ) -> None:
        """Take a function that begins to read columns of these names."""
        self.name = name
        self.schema = pa.schema([pa.field(field.name, readable_type(field.type)) for field in schema])
        self.again = again
        self.in_memory = in_memory
        self._open_batches = open_batches
        self._begun = False

    def batches(self, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read columns of these names, or all.

        Raises:
            QueryError: it can be read once only, and was.
            RowsError: values cannot be read, as text that is not UTF-8.
        """
        if self._begun and not self.again:
            raise QueryError(f"{self.name} can be read once only, and the query reads it more often; give a table")
        self._begun = True
        names = self.schema.names if names is None else names
        schema = pa.schema([self.schema.field(name) for name in names])
        first = 0
        # What reads may have threads.
        with owned(self._open_batches(names)) as batches:
            for batch in batches:
                chosen = batch.select(names)
                for name, values in zip(names, chosen.columns):
                    checked(pa.chunked_array([values]), name, first)
                first += chosen.num_rows
                yield chosen.cast(schema)


def read_stream(value: Any, name: str) -> Stream:
    """Take a table of any kind that is known, without reading it.

    Raises:
        TypeError: it is no table.
        QueryError: two columns have the same name.
    """
    module = type(value).__module__.split(".")[0]
    kind = type(value).__name__
    if isinstance(value, pa.RecordBatchReader):
        return Stream(name, value.schema, lambda _: value, again=False)
    if kind == "DuckDBPyRelation":
        schema = relation_reader(value.limit(0), 1).schema
        return Stream(name, schema, lambda names: _relation_batches(value, names), again=True)
    if module == "pyarrow" and hasattr(value, "scanner"):
        # A dataset. Its scanner reads ahead: by default far more than it needs to keep one thread at work.
        return Stream(name, value.schema, lambda names: _dataset_batches(value, names), again=True)
    if module == "polars" and kind == "LazyFrame" and hasattr(value, "collect_batches"):
        schema = sys.modules["polars"].DataFrame(schema=value.collect_schema()).to_arrow().schema
        return Stream(name, schema, lambda names: _lazy_batches(value, names), again=True)
    if hasattr(value, "__arrow_c_stream__") and module not in {"polars", "pandas", "pyarrow"}:
        reader = pa.RecordBatchReader.from_stream(value)
        return Stream(name, reader.schema, lambda _: reader, again=False)
    table = read_table(value, name).arrow()
    return Stream(name, table.schema, lambda names: table.select(names).to_batches(), again=True, in_memory=True)


def _relation_batches(relation: Any, names: Sequence[str]) -> pa.RecordBatchReader:
    chosen = relation.project(", ".join(map(quoted, names)))
    return relation_reader(chosen, batch_rows(relation_reader(chosen.limit(0), 1).schema))


def _dataset_batches(dataset: Any, names: Sequence[str]) -> pa.RecordBatchReader:
    rows = batch_rows(dataset.schema)
    return dataset.scanner(list(names), batch_size=rows, batch_readahead=2, fragment_readahead=1).to_reader()


def _lazy_batches(frame: Any, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for batch in frame.select(names).collect_batches(maintain_order=True):
        yield from batch.to_arrow().to_batches()
