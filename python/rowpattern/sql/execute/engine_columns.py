"""Columns and values between Arrow, as DuckDB gives them, and the engine."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.sql.arrow.categories import of_ranks, ranks
from rowpattern.sql.expression.typed import INSTANTS, Literal, engine_type

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["engine_column", "literal_of", "query_column"]

# More than any decimal has.
_DIGITS = decimal.Context(prec=50)
_UNITS = {"TIMESTAMP_S": "s", "TIMESTAMP_MS": "ms", "TIMESTAMP": "us", "TIMESTAMP_NS": "ns"}


def engine_column(values: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    """Return a column as the engine takes it, which reads all of Arrow's forms of a type.

    Args:
        values: as a table has them, or as DuckDB computed them.
        kind: the engine's type, or DuckDB's.
    """
    if kind == "BIGINT" and pa.types.is_duration(values.type):
        # In their unit, which those that are compared with them have too.
        return pa.chunked_array([chunk.view(pa.int64()) for chunk in values.chunks], pa.int64())
    return ranks(values) if engine_type(kind) == "RANK" else values


def literal_of(values: pa.ChunkedArray, kind: str) -> Literal:
    """Return the one value of a column that DuckDB computed, as a literal of its type there."""
    own = engine_type(kind)
    (value,) = engine_column(values, kind)
    if own in _UNITS:
        value = value.cast(pa.timestamp(_UNITS[own or ""], value.type.tz)).cast(pa.int64())
    elif own == "TIME":
        value = value.cast(pa.time64("us")).cast(pa.int64())
    elif own == "DATE":
        value = value.cast(pa.date32()).cast(pa.int32())
    found: Any = value.as_py()
    if found is None:
        return Literal(kind, None)
    if own == "INTERVAL":
        found = (found.months, found.days, found.nanoseconds // 1000)
    elif isinstance(value.type, pa.Decimal128Type):
        found = int(found.scaleb(value.type.scale, _DIGITS))
    return Literal(kind, found)


def query_column(values: pa.Array, kind: str, labels: Sequence[str], zone: str) -> pa.ChunkedArray:
    """Return what the engine computed as DuckDB gives it.

    Args:
        values: the engine's answer.
        kind: DuckDB's type.
        labels: the texts of ordered categories of this type.
        zone: that of timestamps with a zone.
    """
    if kind == "NULL":
        return pa.chunked_array([pa.nulls(len(values))])
    column = pa.chunked_array([values])
    if engine_type(kind) == "RANK":
        return of_ranks(column, pa.dictionary(pa.int32(), pa.string(), ordered=True), labels)
    if kind in INSTANTS:
        return column.cast(pa.timestamp(column.type.unit, zone))
    return column
