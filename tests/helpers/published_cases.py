"""Cases that other systems publish, as rows of a table: columns, what is selected, a clause, and the rows as texts."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from rowpattern import match_recognize

Columns = dict[str, list[Any]]


def numbered(count: int, **columns: Any) -> Columns:
    """A table of rows that are numbered from 1, with more columns: a text of one letter a row, or values."""
    return {"id": list(range(1, count + 1)), **{name: list(values) for name, values in columns.items()}}


def answer(columns: Columns, shown: str, clause: str) -> list[str]:
    """Ask a clause: each row's values with colons between them, `-` for NULL, without spaces."""
    found = match_recognize(f"SELECT {shown} FROM t MATCH_RECOGNIZE ({clause})", t=pa.table(columns))
    rows = zip(*(column.to_pylist() for column in found.columns))
    return [":".join("-" if each is None else str(each).replace(" ", "") for each in row) for row in rows]
