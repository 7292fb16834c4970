"""Ordered categories as DuckDB's ENUM: it takes Arrow's dictionaries for texts, and is told what they are by a cast."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from rowpattern.sql.arrow.categories import is_ordered, labels_of
from rowpattern.sql.duckdb.names import quoted

__all__ = ["enum_columns", "enum_type"]


def enum_type(labels: list[str]) -> str:
    """Return DuckDB's type for texts in this order.

    >>> from rowpattern.sql.duckdb.enums import enum_type
    >>> enum_type(["low", "high"])
    "ENUM('low', 'high')"
    """
    # Without any text there is no such type; a column of these has no values.
    written = ", ".join("'" + label.replace("'", "''") + "'" for label in labels or [""])
    return f"ENUM({written})"


def enum_columns(table: Any) -> str | None:
    """Return what to select from a table so that its ordered categories are ENUMs; None where it has none.

    A reader has none: its categories are not known before it is read.
    """
    if not isinstance(table, pa.Table) or not any(is_ordered(field.type) for field in table.schema):
        return None
    return ", ".join(
        f"CAST({quoted(name)} AS {enum_type(labels_of(values))}) AS {quoted(name)}"
        if is_ordered(values.type)
        else quoted(name)
        for name, values in zip(table.column_names, table.columns)
    )
