"""The reader of a stream's answer, which gives back what the query holds when it is closed.

pyarrow's reader over a Python iterator does nothing when it is closed. Its classes can be derived from, but Arrow's
functions in C++ (`pyarrow.dataset.write_dataset`) go past methods in Python to a reader in C++, which only pyarrow can
set: here it is one of Arrow's IPC format, fed with the same batches. Methods called from Python, and the C interface
that DuckDB and Polars use, give the batches themselves.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from typing_extensions import Self

__all__ = ["AnswerReader"]

# What ends a stream in Arrow's IPC format.
_END_BYTES = 8


class AnswerReader(pa.ipc.RecordBatchStreamReader):  # type: ignore[misc] # pyarrow has no types
    """A `pyarrow.RecordBatchReader` over a generator.

    `close`, or the end of a `with` block, ends the query and removes its temporary files; so does freeing the reader.
    """

    def __init__(self, schema: pa.Schema, batches: Generator[pa.RecordBatch, None, None]) -> None:
        """Take batches of a schema."""
        self._schema = schema
        self._batches = batches
        self._closed = False
        super().__init__(pa.PythonFile(_Serialized(schema, batches), mode="r"))

    @property
    def schema(self) -> pa.Schema:
        """The columns of all batches."""
        return self._schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Return itself."""
        return self

    def __next__(self) -> pa.RecordBatch:
        """Return the next batch."""
        return self.read_next_batch()

    def read_next_batch(self) -> pa.RecordBatch:
        """Return the next batch; raise StopIteration when there is none, `QueryError` when the reader is closed."""
        if self._closed:
            raise QueryError("the answer cannot be read any more: its reader is closed")
        return next(self._batches)

    def read_all(self) -> pa.Table:
        """Return all batches that are left, as a table."""
        return pa.Table.from_batches(iter(self), self._schema)

    def cast(self, target_schema: pa.Schema) -> pa.RecordBatchReader:
        """Return a reader that casts batches as they come."""
        return self._plain().cast(target_schema)

    def close(self) -> None:
        """End the query, and remove its temporary files."""
        self._closed = True
        self._batches.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        """Export it by Arrow's C stream interface, in the protocol of capsules."""
        return self._plain().__arrow_c_stream__(requested_schema)

    def _export_to_c(self, out_ptr: int) -> None:
        """Export it by Arrow's C stream interface; DuckDB calls this."""
        self._plain()._export_to_c(out_ptr)  # noqa: SLF001

    def _plain(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self._schema, iter(self))


class _Serialized:
    """A file, open to be read, of batches in Arrow's IPC format, which are computed as it is read."""

    closed = False

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._written = io.BytesIO()
        self._writer: Any = pa.ipc.new_stream(self._written, schema)
        # The writer writes the schema with the first batch; a reader wants to read it before.
        begin = io.BytesIO()
        pa.ipc.new_stream(begin, schema).close()
        self._left = memoryview(begin.getvalue())[:-_END_BYTES]
        self._read_before = len(self._left)

    def _taken(self) -> bytes:
        taken = self._written.getvalue()[self._read_before :]
        self._read_before = 0
        self._written.seek(0)
        self._written.truncate()
        return taken

    def read(self, size: int) -> bytes:
        """Return `size` bytes, or fewer at the end."""
        parts = []
        while size and (self._left or self._wrote_more()):
            part = self._left[:size]
            self._left = self._left[len(part) :]
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _wrote_more(self) -> bool:
        if self._writer is None:
            return False
        batch = next(self._batches, None)
        if batch is None:
            self._writer.close()
            self._writer = None
        else:
            self._writer.write_batch(batch)
        self._left = memoryview(self._taken())
        return len(self._left) > 0

    def close(self) -> None:
        """Do nothing: the reader that has the file ends what computes batches."""
