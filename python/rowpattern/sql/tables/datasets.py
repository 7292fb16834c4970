"""Reading pyarrow datasets and files batch by batch, so that no more than some megabytes are held at a time.

Arrow's scanner decodes whole row groups of Parquet files, several ahead of what is asked for; here each file is read by
a reader that decodes page after page, and nothing is read ahead. Files of other formats are read by Arrow's scanner
with the least read-ahead that it has: what it holds at a time is a record batch as the file has it.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.arrays import one_array
from rowpattern.sql.arrow.casting import as_type

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["dataset_batches", "file_dataset"]

_BUFFER_BYTES = 1 << 16
_BATCH_BYTES = 8 << 20
# Files begin with these bytes; Arrow's name for the format.
_FORMATS = {b"PAR1": "parquet", b"ARROW1": "ipc"}

# Arrow says first what it was about to do, with the file's name twice.
_ATTEMPT = re.compile(
    r"\AError creating dataset\. Could not read schema from '.*'\. Is this a '\w+' file\?: "
    r"(Could not open \w+ input source '.*': )?"
)


def file_dataset(path: str | os.PathLike[str], name: str) -> Any:
    """Return the dataset that a Parquet or Arrow IPC file is, or a directory of Parquet files.

    Raises:
        QueryError: there is no such file, or it is of another format or damaged.
    """
    import pyarrow.dataset as ds

    found = Path(path)
    if found.is_dir():
        with _readable(name, found):
            return ds.dataset(str(found), format="parquet", partitioning="hive")
    try:
        with found.open("rb") as file:
            begin = file.read(8)
    except OSError as error:
        raise QueryError(f"{name}, the file {found}, cannot be read: {error.strerror}") from error
    for magic, format_name in _FORMATS.items():
        if begin.startswith(magic):
            with _readable(name, found):
                return ds.dataset(str(found), format=format_name)
    raise QueryError(
        f"{name}, the file {found}, is neither a Parquet file nor an Arrow IPC file; for another format give "
        "a relation of DuckDB's, as duckdb.read_csv(path)"
    )


@contextlib.contextmanager
def _readable(name: str, path: Path) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        problem = _ATTEMPT.sub("", str(error).splitlines()[0])
        raise QueryError(f"{name}, the file {path}, cannot be read: {problem}") from error


def dataset_batches(
    dataset: Any, names: Sequence[str], rows_of: Callable[[pa.Schema], int]
) -> Iterator[pa.RecordBatch]:
    """Read columns of a dataset.

    Args:
        dataset: a `pyarrow.dataset.Dataset`.
        names: the columns.
        rows_of: says how many rows a batch of some columns may have.
    """
    import pyarrow.dataset as ds

    if isinstance(dataset, ds.UnionDataset):
        for child in dataset.children:
            yield from dataset_batches(child.replace_schema(dataset.schema), names, rows_of)
        return
    schema = pa.schema([dataset.schema.field(name) for name in names])
    rows = rows_of(schema)
    limits = {"columns": list(names), "batch_size": rows, "use_threads": False}
    ahead = {"batch_readahead": 1, "fragment_readahead": 1}
    try:
        fragments = dataset.get_fragments()
    except ValueError:
        # It has a filter, which only Arrow's scanner can apply.
        options = ds.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
        parquet = isinstance(getattr(dataset, "format", None), ds.ParquetFileFormat)
        scanner = dataset.scanner(**limits, **ahead, fragment_scan_options=options if parquet else None)
        yield from scanner.to_reader()
        return
    for fragment in fragments:
        if isinstance(fragment, ds.ParquetFileFragment) and not _is_encrypted(fragment):
            yield from _parquet_batches(fragment, schema, rows)
        else:
            yield from fragment.scanner(schema=dataset.schema, **limits, **ahead).to_reader()


def _is_encrypted(fragment: Any) -> bool:
    options = fragment.format.default_fragment_scan_options
    return any(
        getattr(options, name, None) is not None for name in ("decryption_properties", "parquet_decryption_config")
    )


def _parquet_batches(fragment: Any, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    """Read a Parquet file, or those of its row groups that the fragment means, page after page."""
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    options = fragment.format.read_options
    with fragment.open() as opened:
        file = pq.ParquetFile(
            opened,
            read_dictionary=options.dictionary_columns,
            buffer_size=_BUFFER_BYTES,
            pre_buffer=False,
            coerce_int96_timestamp_unit=options.coerce_int96_timestamp_unit,
        )
        constants = ds.get_partition_keys(fragment.partition_expression)
        stored = set(file.schema_arrow.names)
        names = [name for name in schema.names if name in stored and name not in constants]
        for group in fragment.row_groups:
            about = file.metadata.row_group(group.id)
            rows_a_batch = max(1, min(rows, _BATCH_BYTES * about.num_rows // max(1, about.total_byte_size)))
            if not names:
                batches = _without_columns(about.num_rows, rows_a_batch)
            else:
                batches = file.iter_batches(rows_a_batch, row_groups=[group.id], columns=names, use_threads=False)
            for batch in batches:
                yield _completed(batch, schema, constants)


def _without_columns(rows: int, rows_a_batch: int) -> Iterator[pa.RecordBatch]:
    """Give batches of so many rows where no column is in the file: without a column they would have no rows."""
    for first in range(0, rows, rows_a_batch):
        yield pa.record_batch([pa.nulls(min(rows_a_batch, rows - first))], names=[""])


def _completed(batch: pa.RecordBatch, schema: pa.Schema, constants: dict[str, Any]) -> pa.RecordBatch:
    """Give the columns of a dataset: those of the file in its types, those that paths say, and NULL for others."""
    columns = []
    for field in schema:
        if field.name in constants:
            scalar = pa.scalar(constants[field.name]).cast(_plain(field.type))
            column = as_type(pa.chunked_array([pa.repeat(scalar, batch.num_rows)]), field.type, field.name)
        elif field.name in batch.schema.names:
            column = as_type(pa.chunked_array([batch.column(field.name)]), field.type, field.name)
        else:
            column = pa.chunked_array([pa.nulls(batch.num_rows, field.type)])
        columns.append(one_array(column))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
