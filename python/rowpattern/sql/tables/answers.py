"""Answers, as the kind of table that was given: columns get the types of the table's columns back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.sql.arrow.casting import has_intervals, with_durations
from rowpattern.sql.arrow.categories import as_categories, is_ordered, labels_of
from rowpattern.sql.duckdb.enums import enum_columns
from rowpattern.sql.duckdb.names import quoted
from rowpattern.sql.records import Record
from rowpattern.sql.tables.inputs import RelationTable, Table
from rowpattern.sql.tables.pandas_values import PandasValues, as_objects, from_pandas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern.sql.arrow.arrays import Array

__all__ = [
    "Answer",
    "AnswerColumn",
    "answer_values",
    "as_kind",
    "plain_integers",
    "restored",
]


class AnswerColumn(Record):
    """A column of an answer.

    Attributes:
        origin: the column of the one table behind it, whose values it holds.
    """

    name: str
    values: Array | PandasValues
    origin: str | None = None

    def arrow(self) -> Array:
        """Return its values as Arrow's."""
        return from_pandas(self.values.values, self.name) if isinstance(self.values, PandasValues) else self.values


class Answer(Record, frozen=False):
    """A table that a clause or a query gives."""

    columns: list[AnswerColumn]

    def arrow(self, source: Table | None = None) -> pa.Table:
        """Return it as an Arrow table, with what the fields of the one table behind it say of extension types."""
        columns = [column.arrow() for column in self.columns]
        about = {
            column.name: found
            for column in self.columns
            if source is not None and column.origin is not None and (found := source.metadata(column.origin))
        }
        if not about:
            return pa.Table.from_arrays(columns, names=[column.name for column in self.columns])
        fields = [
            pa.field(column.name, values.type, metadata=about.get(column.name))
            for column, values in zip(self.columns, columns)
        ]
        return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def answer_values(values: Array, name: str, *, keep_intervals: bool) -> Array:
    """Return what was computed in the types of an answer: an interval is a duration, a sum of integers int64.

    Args:
        values: a column.
        name: what to call it in an error.
        keep_intervals: leave intervals, which may have months.

    Raises:
        QueryError: an interval has months.
    """
    if not keep_intervals and has_intervals(values.type):
        chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
        return with_durations(chunked, name)
    return plain_integers(values)


def plain_integers(values: Array) -> Array:
    """Return DuckDB's 128-bit integers (what `sum` of integers gives, as decimals in Arrow) as int64 where they fit."""
    if values.type != _HUGE:
        return values
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        return values


_HUGE = pa.decimal128(38, 0)


def restored(table: pa.Table, origins: Mapping[str, str], source: Table) -> Answer:
    """Give columns that went through DuckDB their types back, where they are columns of the table."""
    columns = []
    for name, values in zip(table.column_names, table.columns):
        origin = origins.get(name)
        if origin is not None:
            kind = source.column(origin).type
            if pa.types.is_timestamp(kind) and pa.types.is_timestamp(values.type) and kind.tz and values.type.tz:
                values = values.cast(pa.timestamp(values.type.unit, kind.tz))  # noqa: PLW2901 - the same instants
            if is_ordered(kind) and is_ordered(values.type):
                values = as_categories(values, kind)  # noqa: PLW2901 - the same values
            elif pa.types.is_dictionary(kind) and values.type == kind.value_type:
                values = values.dictionary_encode().cast(kind)  # noqa: PLW2901 - the same values
            elif pa.types.is_dictionary(kind) and not pa.types.is_dictionary(values.type):
                origin = None
        if origin is None or source.column(origin).type != _HUGE:
            values = plain_integers(values)  # noqa: PLW2901 - the same values
        columns.append(AnswerColumn(name, values, origin))
    return Answer(columns)


def as_kind(answer: Answer, kind: str, source: Table | None) -> Any:
    """Return an answer as the kind of table that was given.

    Args:
        answer: its columns.
        kind: as `Table.kind`.
        source: the one table that origins are columns of.
    """
    if kind != "duckdb" and any(_has_intervals(column) for column in answer.columns):
        keep = source is not None and source.has_intervals
        answer = Answer([_answered(column, keep_intervals=keep) for column in answer.columns])
    if kind == "pandas":
        frame = _as_pandas(answer, source)
        return frame if source is None else source.like(frame)
    if kind in {"polars", "polars lazy"}:
        frame = _as_polars(answer, source)
        frame = frame if source is None else source.like(frame)
        return frame.lazy() if kind == "polars lazy" else frame
    if source is not None and kind in {"arrow", "reader"}:
        answer = Answer([_restored_view(column, source) for column in answer.columns])
    table = answer.arrow(source)
    if kind == "reader":
        return table.to_reader()
    return _as_relation(answer, table, source) if kind == "duckdb" else table


def _has_intervals(column: AnswerColumn) -> bool:
    return not isinstance(column.values, PandasValues) and has_intervals(column.values.type)


def _answered(column: AnswerColumn, *, keep_intervals: bool) -> AnswerColumn:
    values = column.values
    if isinstance(values, PandasValues):
        return column
    return AnswerColumn(column.name, answer_values(values, column.name, keep_intervals=keep_intervals), column.origin)


def _as_polars(answer: Answer, source: Table | None) -> Any:
    polars = sys.modules["polars"]
    plain: list[AnswerColumn] = []
    typed: dict[str, Any] = {}
    for column in answer.columns:
        values = column.arrow()
        own = None if source is None or column.origin is None else source.restore(column.origin, values)
        if own is not None:
            typed[column.name] = own
            plain.append(AnswerColumn(column.name, pa.nulls(len(values))))
        elif is_ordered(values.type):
            typed[column.name] = polars.Series(
                values.cast(values.type.value_type), dtype=polars.Enum(labels_of(values))
            )
            plain.append(AnswerColumn(column.name, pa.nulls(len(values))))
        else:
            plain.append(AnswerColumn(column.name, values))
    frame = polars.from_arrow(Answer(plain).arrow())
    return frame.with_columns(own.alias(name) for name, own in typed.items()) if typed else frame


# DuckDB's types that Arrow has others for, from which a cast gives the same values (not so for BIT).
_CAST_BACK = frozenset({"UUID", "JSON", "HUGEINT", "UHUGEINT"})


def _as_relation(answer: Answer, table: pa.Table, source: Table | None) -> Any:
    """Return an answer as a relation, with the types of the relation that it came from."""
    relation = sys.modules["duckdb"].from_arrow(table)
    enums = enum_columns(table)
    if enums is not None:
        relation = relation.project(enums)
    if not isinstance(source, RelationTable):
        return relation
    own = [None if column.origin is None else source.type_of(column.origin) for column in answer.columns]
    own = [kind if kind is not None and str(kind) in _CAST_BACK else None for kind in own]
    if all(kind is None or kind == found for kind, found in zip(own, relation.types)):
        return relation
    return relation.project(
        ", ".join(
            quoted(name) if kind is None or kind == found else f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}"
            for name, kind, found in zip(relation.columns, own, relation.types)
        )
    )


def _restored_view(column: AnswerColumn, source: Table) -> AnswerColumn:
    values = None if column.origin is None else source.restore(column.origin, column.arrow())
    return column if values is None else AnswerColumn(column.name, values, column.origin)


def _as_pandas(answer: Answer, source: Table | None) -> Any:
    import pandas as pd

    arrays: dict[int, Any] = {}
    for at, column in enumerate(answer.columns):
        values = column.values
        if isinstance(values, PandasValues):
            # With its type said: pandas would guess that Python strings are texts of its own.
            arrays[at] = pd.Series(values.values, dtype=values.values.dtype, copy=False)
            continue
        chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
        restored_values = None
        if column.origin is not None and source is not None:
            restored_values = source.restore(column.origin, chunked)
        if restored_values is not None:
            arrays[at] = restored_values
        elif _is_plain(chunked.type) and not chunked.null_count:
            # As pandas' own conversion does, without a series for each column.
            arrays[at] = chunked.to_numpy()
        elif pa.types.is_integer(chunked.type):
            # pandas' own conversion makes doubles of them, which have 53 bits.
            dtype = pd.api.types.pandas_dtype(str(chunked.type).replace("int", "Int").replace("uI", "UI"))
            arrays[at] = pd.Series(dtype.__from_arrow__(chunked), copy=False)
        elif isinstance(chunked.type, pa.UuidType):
            arrays[at] = as_objects(chunked.to_pylist())
        else:
            arrays[at] = chunked.to_pandas()
    rows = len(answer.columns[0].values) if answer.columns else 0
    frame = pd.DataFrame(arrays, index=pd.RangeIndex(rows), copy=False)
    frame.columns = pd.Index([column.name for column in answer.columns])
    return frame


def _is_plain(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))
