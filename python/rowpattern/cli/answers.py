"""What a query answered, to the terminal or a file: a table, CSV, Parquet, Arrow or JSON, batch by batch."""

from __future__ import annotations

import contextlib
import json
import math
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rowpattern.counted import counted
from rowpattern.errors import ConfigurationError
from rowpattern.sql.arrow.python_values import python_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

__all__ = ["FORMATS", "output_format", "write_answer"]

FORMATS = ("table", "csv", "json", "jsonl", "parquet", "arrow")
_SUFFIXES = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".txt": "table",
}
_BINARY = frozenset({"parquet", "arrow"})
_MOST_LETTERS = 60


def output_format(given: str | None, output: Path | None) -> str:
    """Return the format of the answer: the one given, or what the file's name says, or a table on the terminal.

    Raises:
        ConfigurationError: the file's name does not say it, or a terminal would get a binary format.
    """
    if given is None and output is not None and output.suffix.lower() not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise ConfigurationError(
            f"the name of {output} does not say its format; end it in one of {known}, or give --format"
        )
    found = given or ("table" if output is None else _SUFFIXES[output.suffix.lower()])
    if found in _BINARY and output is None and sys.stdout.isatty():
        raise ConfigurationError(f"--format {found} is not for a terminal; give a file by --output")
    return found


def write_answer(reader: pa.RecordBatchReader, output: Path | None, form: str, most_rows: int) -> int:
    """Write an answer, and return how many rows were written.

    Args:
        reader: the answer.
        output: the file; None is standard output. It is there only when all of the answer is in it.
        form: one of `FORMATS`.
        most_rows: a table has no more rows than that.
    """
    if output is None:
        sys.stdout.flush()
        return _WRITERS[form](reader, sys.stdout.buffer, most_rows)
    # Where it is a link, the file that it points to is written, and the link stays.
    output = output.resolve()
    if output.exists() and not output.is_file():
        # A pipe or a device takes what is written; it cannot be replaced.
        with output.open("wb") as device:
            return _WRITERS[form](reader, device, most_rows)
    mode = stat.S_IMODE(output.stat().st_mode) if output.exists() else 0o666 & ~_umask()
    # With a random name, so that it cannot be a file or a link of somebody else.
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    except OSError as error:
        # The caller knows the folder, and not the random name.
        raise OSError(error.errno, error.strerror, str(output.parent)) from None
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            rows = _WRITERS[form](reader, file, most_rows)
        unfinished.chmod(mode)
        unfinished.replace(output)
    finally:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
    return rows


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _table(reader: pa.RecordBatchReader, file: Any, most_rows: int) -> int:
    header = [_cell(name) for name in reader.schema.names]
    rows: list[list[str]] = []
    numbers = [_is_number(field.type) for field in reader.schema]
    for batch in reader:
        left = most_rows + 1 - len(rows)
        rows += [[_cell(value) for value in row] for row in _rows(batch.slice(0, left))]
        if len(rows) > most_rows:
            break
    shown = rows[:most_rows]
    widths = [max(map(len, column)) for column in zip(header, *shown)]

    def line(cells: list[str]) -> str:
        aligned = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(cells, widths, numbers)
        ]
        return "  ".join(aligned).rstrip()

    lines = [line(header), line(["-" * width for width in widths]), *map(line, shown)]
    if len(rows) > most_rows:
        lines.append(f"the first {counted(most_rows, 'row')}; --rows shows more, --output writes all")
    elif not shown:
        lines.append("no rows")
    file.write(("\n".join(lines) + "\n").encode())
    file.flush()
    return len(shown)


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    return zip(*(python_values(column) for column in batch.columns))


def _cell(value: object) -> str:
    """Return a value as a table shows it. What a terminal would act on is escaped: data may come from strangers."""
    text = "NULL" if value is None else str(value)
    text = text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 3]}..."
    return (
        text
        if text.isprintable()
        else "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    )


def _csv(reader: pa.RecordBatchReader, file: Any, _: int) -> int:
    import pyarrow as pa
    import pyarrow.csv

    rows = 0
    schema = pa.schema([(field.name, _csv_type(field.type)) for field in reader.schema])
    with pyarrow.csv.CSVWriter(file, schema) as writer:
        for batch in reader:
            columns = [_as_text(column, kind) for column, kind in zip(batch.columns, schema.types)]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
            rows += batch.num_rows
    return rows


def _csv_type(kind: pa.DataType) -> pa.DataType:
    """Return a type that CSV has: the type itself, or text."""
    import pyarrow as pa

    is_own = pa.types.is_primitive(kind) and not pa.types.is_duration(kind) and not pa.types.is_interval(kind)
    return kind if is_own or pa.types.is_string(kind) else pa.string()


def _as_text(column: pa.Array, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if column.type == kind:
        return column
    values = [
        None if value is None else value if isinstance(value, str) else _text(value) for value in python_values(column)
    ]
    return pa.array(values, kind)


def _text(value: Any) -> str:
    return json.dumps(_plain(value), default=str) if isinstance(value, (list, dict)) else str(_plain(value))


def _json(reader: pa.RecordBatchReader, file: Any, _: int) -> int:
    rows = 0
    for row in _json_rows(reader):
        file.write(b"[\n" if rows == 0 else b",\n")
        file.write(row)
        rows += 1
    file.write(b"[]\n" if rows == 0 else b"\n]\n")
    file.flush()
    return rows


def _jsonl(reader: pa.RecordBatchReader, file: Any, _: int) -> int:
    rows = 0
    for rows, row in enumerate(_json_rows(reader), 1):  # noqa: B007 - the count is the answer
        file.write(row + b"\n")
    file.flush()
    return rows


def _json_rows(reader: pa.RecordBatchReader) -> Iterator[bytes]:
    names = reader.schema.names
    for batch in reader:
        for row in _rows(batch):
            yield json.dumps(dict(zip(names, map(_plain, row))), default=str, ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    """Return a value that JSON has: null for NaN and infinity, hexadecimal digits for bytes."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return value


def _parquet(reader: pa.RecordBatchReader, file: Any, _: int) -> int:
    import pyarrow.parquet as pq

    return _binary(reader, pq.ParquetWriter(file, reader.schema))


def _arrow(reader: pa.RecordBatchReader, file: Any, _: int) -> int:
    import pyarrow as pa

    return _binary(reader, pa.ipc.new_file(file, reader.schema))


def _binary(reader: pa.RecordBatchReader, writer: Any) -> int:
    rows = 0
    with writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


_WRITERS: dict[str, Callable[[Any, Any, int], int]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "arrow": _arrow,
}
