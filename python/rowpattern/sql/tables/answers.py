"""Answers, as the kind of table that was given: columns get the types of the table's columns back."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.casting import has_intervals, with_durations
from rowpattern.sql.arrow.categories import as_categories, is_ordered, labels_of
from rowpattern.sql.arrow.encodings import PLAIN_TYPES, is_view, readable_type
from rowpattern.sql.duckdb.enums import enum_columns
from rowpattern.sql.duckdb.names import named_twice, quoted
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.tables.own_memory import own_numbers, writable
from rowpattern.sql.tables.own_types import in_own_type
from rowpattern.sql.tables.pandas_values import PandasValues, from_pandas, objects_of
from rowpattern.sql.tables.table import RelationTable, Table
from rowpattern.sql.tables.whole_answers import frame_maker, is_given_whole, pandas_index, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rowpattern._core import ComputedTable
    from rowpattern.sql.arrow.arrays import Array

__all__ = [
    "Answer",
    "AnswerColumn",
    "ComputedAnswer",
    "answer_values",
    "as_kind",
    "plain_integers",
    "restored",
]


class AnswerColumn(NamedTuple):
    """A column of an answer.

    Attributes:
        origin: the column of the one table behind it, whose values it holds.
        is_own: whether its memory was made for this answer by the core, so that whoever has the answer may write there.
    """

    name: str
    values: Array | PandasValues
    origin: str | None = None
    is_own: bool = False

    def arrow(self) -> Array:
        """Return its values as Arrow's."""
        return from_pandas(self.values.values, self.name) if isinstance(self.values, PandasValues) else self.values


class Answer:
    """A table that a clause or a query gives."""

    def __init__(self, columns: list[AnswerColumn]) -> None:
        """Take its columns, in order."""
        self.columns = columns

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.columns[0].values) if self.columns else 0

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


class ComputedAnswer(Answer):
    """Columns that the core computed together; they are taken apart where somebody asks for them one by one.

    Attributes:
        table: all of them.
        shown: for each its name, and its origin as of `AnswerColumn`.
        computed_by: what it was computed by, for whoever computed it.
    """

    def __init__(self, table: ComputedTable, shown: list[tuple[str, str | None]], computed_by: Any = None) -> None:
        """Take the columns."""
        self.table = table
        self.shown = shown
        self.computed_by = computed_by

    @cached_property
    def columns(self) -> list[AnswerColumn]:  # type: ignore[override]
        """The columns one by one."""
        return [
            AnswerColumn(name, pa.array(values), origin, is_own=True)
            for (name, origin), values in zip(self.shown, self.table.columns())
        ]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.table)


# Types of values that no table has as views.
_NEVER_VIEWS = PLAIN_TYPES - {pa.string().id, pa.large_string().id}
# Columns of so few bytes are copied in less time than pandas takes to make a block.
_SMALL_COLUMN_BYTES = 1 << 16


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
            elif pa.types.is_dictionary(kind) and not pa.types.is_dictionary(values.type):
                found = in_own_type(values, kind) if values.type == kind.value_type else None
                origin, values = (None, values) if found is None else (origin, found)  # noqa: PLW2901 - the same values
        if origin is None or source.column(origin).type != _HUGE:
            values = plain_integers(values)  # noqa: PLW2901 - the same values
        columns.append(AnswerColumn(name, values, origin))
    return Answer(columns)


def as_kind(
    answer: Answer,
    kind: str,
    source: Table | None,
    check: Callable[[], None] = no_limit,
    *,
    keep_intervals: bool | None = None,
) -> Any:
    """Return an answer as the kind of table that was given.

    Args:
        answer: its columns.
        kind: as `Table.kind`.
        source: the one table that origins are columns of.
        check: called now and then where it takes long; it raises an error where time is over.
        keep_intervals: leave intervals, which may have months; None for where a column read of the source has them.
    """
    if isinstance(answer, ComputedAnswer) and source is not None and (made := _whole(answer, kind, source)) is not None:
        return made
    if kind != "duckdb" and any(map(_has_intervals, answer.columns)):
        keep = keep_intervals
        if keep is None:
            keep = source is not None and source.has_intervals
        answer = Answer([_answered(column, keep_intervals=keep) for column in answer.columns])
    if kind == "pandas":
        frame = _as_pandas(answer, source, check)
        return frame if source is None else source.like(frame)
    if kind in {"polars", "polars lazy"}:
        frame = _as_polars(answer, source)
        frame = frame if source is None else source.like(frame)
        return frame.lazy() if kind == "polars lazy" else frame
    if kind in {"arrow", "reader"}:
        answer = Answer([_restored_view(column, source) for column in answer.columns])
    table = answer.arrow(source)
    if kind == "reader":
        return table.to_reader()
    return _as_relation(answer, table, source) if kind == "duckdb" else table


def _whole(answer: ComputedAnswer, kind: str, source: Table) -> Any:
    """Return what was computed together without taking it apart; None where a column needs a look of its own."""
    if not is_given_whole(answer.shown, source):
        return None
    found = whole(answer.table, kind, tuple([name for name, _ in answer.shown]))
    return None if found is None else source.like(found)


def _has_intervals(column: AnswerColumn) -> bool:
    if isinstance(column.values, PandasValues):
        return False
    kind = column.values.type
    return kind.id not in PLAIN_TYPES and has_intervals(kind)


def _answered(column: AnswerColumn, *, keep_intervals: bool) -> AnswerColumn:
    values = column.values
    if isinstance(values, PandasValues):
        return column
    return AnswerColumn(column.name, answer_values(values, column.name, keep_intervals=keep_intervals), column.origin)


def _as_polars(answer: Answer, source: Table | None) -> Any:
    polars = sys.modules["polars"]
    if (twice := named_twice([column.name for column in answer.columns])) is not None:
        raise QueryError(f"the answer has two columns {twice}, and frames of Polars cannot; name one by AS")
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
    if not all(column.name for column in plain):
        # Polars gives a name of its own to a column without one.
        frame.columns = [column.name for column in plain]
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


def _restored_view(column: AnswerColumn, source: Table | None) -> AnswerColumn:
    values = column.arrow()
    if values.type.id in _NEVER_VIEWS:
        return column
    if source is not None:
        values = None if column.origin is None else source.restore(column.origin, values)
    elif is_view(values.type):
        # Of tables of several kinds, some may have had views.
        values = values.cast(readable_type(values.type))
    return column if values is None else AnswerColumn(column.name, values, column.origin)


def _as_pandas(answer: Answer, source: Table | None, check: Callable[[], None]) -> Any:
    import pandas as pd

    arrays = [writable(_pandas_array(column, source, check)) for column in _without_shared(answer.columns)]
    rows = len(answer.columns[0].values) if answer.columns else 0
    # What an index is called can be changed, by all who have it.
    names = pandas_index(tuple(column.name for column in answer.columns)).view()
    index = pd.RangeIndex(rows)
    made = frame_maker()
    if made is not None and arrays and all(type(each) is np.ndarray and each.dtype != object for each in arrays):
        return made(_blocks(arrays), index=index, columns=names)
    frame = pd.DataFrame(dict(enumerate(arrays)), index=index, copy=False)
    frame.columns = names
    return frame


def _without_shared(columns: Sequence[AnswerColumn]) -> Iterator[AnswerColumn]:
    """Give columns, of which those that share their values with one before are no longer their own."""
    seen = set()
    for column in columns:
        yield column._replace(is_own=False) if column.is_own and id(column.values) in seen else column
        seen.add(id(column.values))


def _blocks(arrays: list[Any]) -> list[tuple[Any, Any]]:
    """Return columns as pandas' blocks, with their places: small ones of one type together, as a block takes longer."""
    by_type: dict[Any, list[int]] = {}
    for at, values in enumerate(arrays):
        by_type.setdefault(values.dtype if values.nbytes <= _SMALL_COLUMN_BYTES else at, []).append(at)
    return [
        (
            np.stack([arrays[at] for at in places]) if len(places) > 1 else arrays[places[0]].reshape(1, -1),
            np.array(places),
        )
        for places in by_type.values()
    ]


def _pandas_array(column: AnswerColumn, source: Table | None, check: Callable[[], None]) -> Any:
    """Return a column as pandas holds it: a series, or an array of numbers or objects."""
    import pandas as pd

    values = column.values
    if isinstance(values, PandasValues):
        if type(values.values) is np.ndarray and values.values.dtype != object:
            return values.values
        # With its type said: pandas would guess that Python strings are texts of its own.
        return pd.Series(values.values, dtype=values.values.dtype, copy=False)
    chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    if column.origin is not None and source is not None:
        restored_values = source.restore(column.origin, chunked)
        if restored_values is not None:
            return restored_values
    if column.is_own and chunked.num_chunks == 1 and chunked.type.id in _NUMBERS:
        own = own_numbers(chunked.chunk(0))
        if own is not None:
            return own
    if chunked.type.id in _NUMBERS and not chunked.null_count:
        # As pandas' own conversion does, without a series for each column.
        return chunked.to_numpy()
    if pa.types.is_integer(chunked.type):
        # pandas' own conversion makes doubles of them, which have 53 bits.
        dtype = pd.api.types.pandas_dtype(str(chunked.type).replace("int", "Int").replace("uI", "UI"))
        return pd.Series(dtype.__from_arrow__(chunked), copy=False)
    check()
    if _becomes_objects(chunked.type):
        return pd.Series(objects_of(chunked, check), dtype=object, copy=False)
    return chunked.to_pandas()


def _becomes_objects(kind: pa.DataType) -> bool:
    """Say whether pandas has values of a type as Python's objects, whatever their values are."""
    types = pa.types
    return bool(
        isinstance(kind, pa.UuidType)
        or types.is_decimal(kind)
        or types.is_date(kind)
        or types.is_time(kind)
        or types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_struct(kind)
        or types.is_map(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    )


# Types that numpy has too.
_NUMBERS = frozenset(
    kind.id
    for kind in (
        *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64()),
    )
)
