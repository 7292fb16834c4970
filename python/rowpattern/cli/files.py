"""Files as tables of a query: CSV, Parquet and Arrow IPC, read while the query goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rowpattern.errors import ConfigurationError, QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["InputFile", "empty_tables", "input_files", "streams", "whole_tables"]

_CSV = frozenset({".csv", ".tsv", ".txt", ".gz", ".zst"})
# A petabyte; DuckDB takes no limit of any size.
_MOST_MB = 1 << 30
_MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow"}


class InputFile(NamedTuple):
    """A file that a query reads.

    Attributes:
        name: what the query calls it.
        path: where it is.
        format: `"csv"`, `"parquet"` or `"arrow"`.
    """

    name: str
    path: Path
    format: str

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
        ConfigurationError: two files have one name.
    """
    found: dict[str, InputFile] = {}
    for argument in arguments:
        name, mark, path = argument.partition("=")
        # A path may have the mark in it.
        if not mark or not name.isidentifier() or Path(argument).exists():
            path = argument
            name = Path(argument).name.partition(".")[0]
        if name.lower() in found:
            first = found[name.lower()].path
            raise ConfigurationError(f"the files {first} and {path} are both called {name}; write NAME={path} for one")
        found[name.lower()] = InputFile(name, Path(path), _format(Path(path)))
    return list(found.values())


def _format(path: Path) -> str:
    with path.open("rb") as file:
        begin = file.read(8)
    for magic, name in _MAGIC.items():
        if begin.startswith(magic):
            return name
    if path.suffix.lower() in _CSV:
        return "csv"
    raise QueryError(f"the file {path} is no Parquet and no Arrow IPC file; one of CSV has a name that ends in .csv")


def streams(files: Sequence[InputFile], memory_limit_mb: float | None) -> dict[str, Any]:
    """Return the files by name, as `match_recognize(..., stream=True)` takes them."""
    return {each.name: _csv(each.path, memory_limit_mb) if each.format == "csv" else each.path for each in files}


def _csv(path: Path, memory_limit_mb: float | None) -> Any:
    """Return a CSV file as a relation of a DuckDB of its own, which reads this file and installs nothing."""
    import duckdb

    if any(letter in str(path) for letter in "*?["):
        raise QueryError(
            f"the name of the file {path} has one of the letters * ? [, by which DuckDB means several files"
        )
    settings: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        # Reading in order needs no temporary files.
        "temp_directory": "",
    }
    # The query refuses limits that are none.
    if memory_limit_mb is not None and 1 <= memory_limit_mb < _MOST_MB:
        settings["memory_limit"] = f"{memory_limit_mb:.0f}MiB"
    try:
        return duckdb.connect(config=settings).read_csv(str(path.resolve()))
    except duckdb.Error as error:
        raise QueryError(f"the file {path} cannot be read as CSV: {str(error).splitlines()[0]}") from None


def whole_tables(files: Sequence[InputFile], memory_limit_mb: float | None) -> dict[str, Any]:
    """Return the files as Arrow tables, read whole."""
    return {
        each.name: _csv(each.path, memory_limit_mb).to_arrow_table()
        if each.format == "csv"
        else _dataset(each).to_table()
        for each in files
    }


def empty_tables(files: Sequence[InputFile], memory_limit_mb: float | None) -> dict[str, Any]:
    """Return tables without rows that have the files' columns."""
    import pyarrow as pa

    tables = {}
    for each in files:
        if each.format == "csv":
            tables[each.name] = _csv(each.path, memory_limit_mb).limit(0).to_arrow_table()
        else:
            tables[each.name] = pa.Table.from_batches([], _dataset(each).schema)
    return tables


def _dataset(file: InputFile) -> Any:
    from rowpattern.sql.tables.datasets import file_dataset

    return file_dataset(file.path, file.name)
