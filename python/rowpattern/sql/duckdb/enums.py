"""Ordered categories as DuckDB's ENUM: it takes Arrow's dictionaries for texts, and is told what they are by a cast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.sql.arrow.categories import empty_column, is_ordered, labels_of, marked
from rowpattern.sql.duckdb.beyond_arrow import in_arrows_range
from rowpattern.sql.duckdb.names import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["arrow_table", "enum_columns", "enum_labels", "enum_type"]

_BATCH_ROWS = 1 << 17


def arrow_table(relation: Any, hold: Callable[[pa.RecordBatch], None] | None = None) -> pa.Table:
    """Return what a relation gives, its ENUMs as ordered categories, whose texts are there without rows too.

    Args:
        relation: what DuckDB computes.
        hold: takes each batch, to count its memory.
    """
    relation = in_arrows_range(relation)
    table = relation.to_arrow_table() if hold is None else _held(relation.to_arrow_reader(_BATCH_ROWS), hold)
    for at, kind in enumerate(table.schema.types):
        if not isinstance(kind, pa.DictionaryType):
            continue
        values = marked(table.column(at), ordered=True)
        if not values.num_chunks:
            values = empty_column(values.type, enum_labels(relation.types[at]))
        table = table.set_column(at, table.schema.field(at).with_type(values.type), values)
    return table


def _held(reader: pa.RecordBatchReader, hold: Callable[[pa.RecordBatch], None]) -> pa.Table:
    batches = []
    for batch in reader:
        hold(batch)
        batches.append(batch)
    return pa.Table.from_batches(batches, reader.schema)


def enum_labels(kind: Any) -> list[str]:
    """Return the texts of DuckDB's type ENUM, in order."""
    return list(dict(kind.children)["values"])


def enum_type(labels: Sequence[str]) -> str:
    """Return DuckDB's type for texts in this order.

    >>> from rowpattern.sql.duckdb.enums import enum_type
    >>> enum_type(["low", "high"])
    "ENUM('low', 'high')"
    """
    # Without any text there is no such type; a column of these has no values.
    written = ", ".join("'" + label.replace("'", "''") + "'" for label in labels or [""])
    return f"ENUM({written})"


def enum_columns(table: Any, labels: Mapping[str, Sequence[str]] | None = None) -> str | None:
    """Return what to select from a table so that its ordered categories are ENUMs; None where it has none.

    Args:
        table: an Arrow table or a reader.
        labels: the categories by column, for a reader.
    """
    if not any(map(is_ordered, table.schema.types)):
        return None
    known = dict(labels or {})
    if isinstance(table, pa.Table):
        known = {
            field.name: labels_of(values)
            for field, values in zip(table.schema, table.columns)
            if is_ordered(field.type)
        }
    return ", ".join(
        f"CAST({quoted(name)} AS {enum_type(known[name])}) AS {quoted(name)}" if name in known else quoted(name)
        for name in table.schema.names
    )
