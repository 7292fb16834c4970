"""What a query answered, to the terminal or a file: a table, CSV, Parquet, Arrow or JSON, batch by batch."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

from rowpattern.counted import counted
from rowpattern.errors import ConfigurationError, QueryError
from rowpattern.sql.arrow.python_values import python_values
from rowpattern.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
    if output is not None and output.is_dir():
        raise ConfigurationError(f"{output} is a directory; --output takes the name of a file")
    if given is None and output is not None and output.suffix.lower() not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise ConfigurationError(
            f"the name of {output} does not say its format; end it in one of {known}, or give --format"
        )
    found = given or ("table" if output is None else _SUFFIXES[output.suffix.lower()])
    if found in _BINARY and output is None and sys.stdout is not None and sys.stdout.isatty():
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
    if output is not None:
        with whole_file(output) as file:
            return _WRITERS[form](reader, file, most_rows)
    if sys.stdout is None:
        raise ConfigurationError("standard output is closed; give a file by --output")
    sys.stdout.flush()
    return _WRITERS[form](reader, sys.stdout.buffer, most_rows)


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
        lines.append(f"the first {counted(most_rows, 'row')}; --rows shows more, other formats have all")
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
    text = "NULL" if value is None else str(value) if isinstance(value, (str, bytes)) else _text(value)
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
    plain = value if isinstance(value, float) else _plain(value)
    return json.dumps(plain, default=str, ensure_ascii=False) if isinstance(plain, (list, dict)) else str(plain)


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
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        message = f"the answer has two columns {twice}, and an object of JSON one"
        raise QueryError(f"{message}; give one another name, as in {twice} AS other")
    for batch in reader:
        for row in _rows(batch):
            yield json.dumps(dict(zip(names, map(_plain, row))), default=str, ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    """Return a value that JSON has: null for NaN and infinity, hexadecimal digits for bytes, a text for an interval."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "nanoseconds") and hasattr(value, "months"):
        return _interval(value.months, value.days, value.nanoseconds)
    # Entries of maps are tuples.
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return value


def _interval(months: int, days: int, nanoseconds: int) -> str:
    """Return an interval as DuckDB writes it: `1 month 2 days 00:00:00.5`."""
    sign = -1 if months < 0 else 1
    years, months = divmod(abs(months), 12)
    units = ((sign * years, "year"), (sign * months, "month"), (days, "day"))
    parts = [f"{number} {unit}{'' if abs(number) == 1 else 's'}" for number, unit in units if number]
    if nanoseconds or not parts:
        seconds, fraction = divmod(abs(nanoseconds), 10**9)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        digits = f".{fraction:09}".rstrip("0") if fraction else ""
        parts.append(f"{'-' if nanoseconds < 0 else ''}{clock}{digits}")
    return " ".join(parts)


def _parquet(reader: pa.RecordBatchReader, file: Any, _: int) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        writer = pq.ParquetWriter(file, reader.schema)
    except pa.ArrowException:
        field = next((each for each in reader.schema if not _is_of_parquet(each)), None)
        if field is None:
            raise
        message = f"Parquet has no type for the column {field.name}, {field.type}"
        raise QueryError(f"{message}; cast it in the query, as in {field.name}::VARCHAR") from None
    return _binary(reader, writer)


def _is_of_parquet(field: pa.Field) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.ParquetWriter(pa.BufferOutputStream(), pa.schema([field])).close()
    except pa.ArrowException:
        return False
    return True


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
