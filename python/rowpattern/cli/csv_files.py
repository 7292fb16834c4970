"""CSV files as relations of DuckDB, and what is wrong with one in a sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rowpattern.errors import QueryError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["csv_problem", "csv_relation"]

# A petabyte; DuckDB takes no limit of any size.
_MOST_MB = 1 << 30
# DuckDB shows the line, the options that it found and those that its caller could give.
_AT_LINE = re.compile(r"CSV Error on Line: (\d+)\n(?:Original Line: [^\n]*\n)?([^\n]+)")
_FILE = re.compile(r"\n  file = ([^\n]+)\n")
_CLASS = re.compile(r"\A[A-Z]\w*(?: \w+)? Error: ")
# By words of DuckDB's, what to do.
_REMEDIES = {
    "Could not convert": "columns have the types of the first 20,480 rows: put the value right, or give a Parquet file",
    "not utf-8": "save it as UTF-8, as by iconv -f LATIN1 -t UTF-8",
    "Expected Number of Columns": "each row has as many values as the first one",
    "Error when sniffing": "its lines are no rows of values with one sign between them; is it a CSV file?",
}


def csv_relation(path: Path, compression: Any, memory_limit_mb: float | None) -> Any:
    """Return a CSV file as a relation of a DuckDB of its own, which reads this file and installs nothing.

    Args:
        path: the file.
        compression: by what it is packed: `"none"`, `"gzip"` or `"zstd"`.
        memory_limit_mb: the most memory of that DuckDB; None for its own limit.

    Raises:
        QueryError: it is none.
    """
    import duckdb

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
        return duckdb.connect(config=settings).read_csv(_literal(path), compression=compression)
    except duckdb.Error as error:
        raise QueryError(csv_problem(str(error), path)) from None


def _literal(path: Path) -> str:
    """Return a path of which DuckDB takes no letter for a pattern of names."""
    return re.sub(r"[*?[]", r"[\g<0>]", str(path.resolve()))


def csv_problem(message: str, path: Path | None = None) -> str:
    """Return what DuckDB says of a CSV file in a sentence; what is no such message as it is."""
    found = _AT_LINE.search(message)
    if found is None and path is None:
        return message
    named = _FILE.search(message)
    shown = path or (named[1] if named else "")
    problem = f"line {found[1]}: {found[2]}" if found else _CLASS.sub("", message.split("\n", maxsplit=1)[0])
    remedy = next((each for words, each in _REMEDIES.items() if words in problem), None)
    text = f"the file {shown} cannot be read as CSV: {problem.rstrip('.')}"
    return text if remedy is None else f"{text}; {remedy}"
