"""Files as tables of a query: CSV, Parquet and Arrow IPC, read while the query goes on."""

from __future__ import annotations

import errno
import gzip
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rowpattern.cli.csv_files import csv_relation
from rowpattern.errors import ConfigurationError, QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["InputFile", "empty_tables", "input_files", "streams", "whole_tables"]

_CSV = frozenset({".csv", ".tsv", ".txt", ".gz", ".zst"})
_MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow"}
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
# What files of other formats begin with, and what to do.
_OTHERS = {
    b"BZh": "is packed by bzip2; unpack it, or pack it by gzip",
    b"\xfd7zXZ": "is packed by xz; unpack it, or pack it by gzip",
    b"PK\x03\x04": "is a zip file or a workbook of Excel; unpack it, or save it as CSV",
    b"\xff\xff\xff\xff": "is a stream of Arrow IPC; write it as a file, as pyarrow.ipc.new_file does",
    b"FEA1": "is of the first version of Feather; write it with version=2",
    b"ORC": "is an ORC file; write it as Parquet",
    b"Obj\x01": "is an Avro file; write it as Parquet",
    b"SQLite f": "is a database of SQLite; write its tables as CSV",
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
}


class InputFile(NamedTuple):
    """A file that a query reads.

    Attributes:
        name: what the query calls it.
        path: where it is.
        format: `"csv"`, `"parquet"` or `"arrow"`.
        compression: by what CSV is packed: `"none"`, `"gzip"` or `"zstd"`.
    """

    name: str
    path: Path
    format: str
    compression: str = "none"

    @property
    def rows(self) -> int | None:
        """How many rows it has; None where that is known only after it was read."""
        if self.format != "parquet":
            return None
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return int(pq.read_metadata(self.path).num_rows)
        except pa.ArrowException:
            # The query says what is wrong with it.
            return None


def input_files(arguments: Sequence[str]) -> list[InputFile]:
    """Read the command's files: paths, or a name, `=` and a path. A file without a name is called as its file is.

    Raises:
        OSError: a file cannot be read.
        QueryError: it is of another format.
        ConfigurationError: two files have one name, or an argument names no file.
    """
    found: dict[str, InputFile] = {}
    for argument in arguments:
        name, path = _named(argument)
        if not name and len(arguments) > 1:
            raise ConfigurationError(
                f"the file {path} has nothing before its first dot to call it by; write NAME={path}"
            )
        if name.lower() in found:
            first = found[name.lower()].path
            raise ConfigurationError(f"the files {first} and {path} are both called {name}; write NAME={path} for one")
        found[name.lower()] = InputFile(name, Path(path), *_format(Path(path)))
    return list(found.values())


def _named(argument: str) -> tuple[str, str]:
    """Return the name and the path of an argument."""
    name, mark, path = argument.partition("=")
    # A path may have the mark in it.
    is_named = bool(mark and name and "/" not in name) and not Path(argument).exists()
    if not is_named:
        path = argument
        name = Path(argument).name.partition(".")[0]
    if not path:
        shown = f"{argument} has no file behind the mark" if argument else "a FILE is an empty text"
        raise ConfigurationError(f"{shown}; write the path of one")
    if path == "-":
        raise ConfigurationError(
            "- is no file here, as only the query may come from standard input; save the rows first"
        )
    return name, path


def _format(path: Path) -> tuple[str, str]:
    """Return the format of a file, and by what it is packed."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise QueryError(f"{path} is a pipe or a device, and a file is read more than once; save the rows first")
    with path.open("rb") as file:
        begin = file.read(8)
    if not begin:
        raise QueryError(f"the file {path} is empty; a CSV file has at least the line of its columns' names")
    for magic, name in _MAGIC.items():
        if begin.startswith(magic):
            return name, "none"
    for magic, compression in _PACKED.items():
        if begin.startswith(magic):
            _refuse_packed(path, compression)
            return "csv", compression
    for magic, what in _OTHERS.items():
        if begin.startswith(magic):
            raise QueryError(f"the file {path} {what}")
    if path.suffix.lower() in _CSV:
        return "csv", "none"
    raise QueryError(f"the file {path} is no Parquet and no Arrow IPC file; one of CSV has a name that ends in .csv")


def _refuse_packed(path: Path, compression: str) -> None:
    """Refuse Parquet and Arrow files that were packed once more; `zstd` is looked into by DuckDB only."""
    if compression != "gzip":
        return
    try:
        with gzip.open(path) as file:
            begin = file.read(8)
    except (OSError, EOFError, zlib.error):
        # Reading it says so.
        return
    for magic, name in _MAGIC.items():
        if begin.startswith(magic):
            raise QueryError(f"the file {path} is {name.capitalize()} packed by gzip; unpack it")


def streams(files: Sequence[InputFile], memory_limit_mb: float | None) -> dict[str, Any]:
    """Return the files by name, as `match_recognize(..., stream=True)` takes them."""
    return {each.name: _csv(each, memory_limit_mb) if each.format == "csv" else each.path for each in files}


def whole_tables(files: Sequence[InputFile], memory_limit_mb: float | None) -> dict[str, Any]:
    """Return the files as Arrow tables, read whole.

    Raises:
        QueryError: a file cannot be read.
    """
    return {each.name: _whole(each, memory_limit_mb) for each in files}


def _whole(file: InputFile, memory_limit_mb: float | None) -> Any:
    import duckdb
    import pyarrow as pa

    try:
        if file.format == "csv":
            return _csv(file, memory_limit_mb).to_arrow_table()
        return _dataset(file).to_table()
    except (duckdb.Error, pa.ArrowException) as error:
        raise QueryError(f"the file {file.path} cannot be read: {error}") from None


def empty_tables(files: Sequence[InputFile], memory_limit_mb: float | None) -> dict[str, Any]:
    """Return tables without rows that have the files' columns."""
    import pyarrow as pa

    tables = {}
    for each in files:
        if each.format == "csv":
            tables[each.name] = _csv(each, memory_limit_mb).limit(0).to_arrow_table()
        else:
            tables[each.name] = pa.Table.from_batches([], _dataset(each).schema)
    return tables


def _csv(file: InputFile, memory_limit_mb: float | None) -> Any:
    return csv_relation(file.path, file.compression, memory_limit_mb)


def _dataset(file: InputFile) -> Any:
    from rowpattern.sql.tables.datasets import file_dataset

    return file_dataset(file.path, file.name)
