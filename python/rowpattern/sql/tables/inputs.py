"""Tables in and out: pandas, Polars, Arrow, DuckDB, as Arrow columns that cross only when they are asked for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern._core import _check_column
from rowpattern.errors import QueryError, RowsError
from rowpattern.sql.arrow.encodings import is_view, readable
from rowpattern.sql.duckdb.names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rowpattern.sql.arrow.arrays import Array, Integers

__all__ = [
    "Answer",
    "AnswerColumn",
    "PandasValues",
    "Table",
    "as_kind",
    "check_names",
    "checked",
    "common_kind",
    "only_table",
    "plain_integers",
    "read_table",
    "restored",
]


class Table:
    """A table that a query reads.

    Attributes:
        kind: `"pandas"`, `"polars"`, `"polars lazy"`, `"arrow"`, `"reader"` or `"duckdb"`.
        names: its columns, in order.
        rows: how many there are.
        hold: takes the number of bytes that a column is about to take, against the limits of the query.
    """

    kind = "arrow"
    hold: Callable[[int], None] = staticmethod(lambda _: None)

    def __init__(self, table: pa.Table, kind: str = "arrow") -> None:
        """Take an Arrow table."""
        self._table = table
        self.kind = kind
        self.names = list(table.column_names)
        self.rows: int = table.num_rows
        self._columns: dict[str, pa.ChunkedArray] = {}
        check_names(self.names)

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column, checked and converted at the first call.

        Raises:
            RowsError: its values cannot be read, as text that is not UTF-8.
        """
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = readable(checked(self._convert(name), name), name, self.hold)
        return found

    def _convert(self, name: str) -> pa.ChunkedArray:
        return self._table.column(name)

    def arrow(self) -> pa.Table:
        """Return all columns, checked.

        Raises:
            RowsError: as for `column`.
        """
        columns = [self.column(name) for name in self.names]
        # DuckDB reads views of text, and does not take every other encoding: of runs of runs it ends in an assertion.
        both = zip(self._table.columns, columns)
        return pa.Table.from_arrays([own if is_view(own.type) else found for own, found in both], names=self.names)

    def equal(self, name: str, text: str) -> pa.Array | None:  # noqa: ARG002 - for tables that can
        """Say in which rows a column is a text, without converting the column; None where that cannot be.

        NULL is not equal, where SQL says unknown.
        """
        return None

    def native(self, name: str, rows: Callable[[], Integers]) -> PandasValues | None:  # noqa: ARG002 - for tables that can
        """Take rows of a column without converting it; None where that cannot be or gains nothing."""
        return None

    def restore(self, name: str, values: pa.ChunkedArray) -> Any:
        """Return values of a column in the form that the column had; None where they are in it already."""
        kind = self._table.schema.field(name).type
        return values.cast(kind) if is_view(kind) else None


def checked(values: pa.ChunkedArray, name: str, first: int = 0) -> pa.ChunkedArray:
    """Return the values of a column when all of them can be read.

    pyarrow takes over what it is given, DuckDB what pyarrow has: offsets and keys out of range are read through, text
    that is not UTF-8 comes out broken. The extension checks text and dictionaries, and its errors name the row in the
    column; pyarrow's own full check does so for the other types.

    Args:
        values: the column.
        name: its name, for errors.
        first: the number of its first row, for errors.

    Raises:
        RowsError: a value cannot be read; the message names the column and, where it is known, the row.
    """
    called = f"column {name}" if not first else f"column {name}, of the rows from {first} on,"
    kind = values.type
    try:
        for chunk in values.chunks:
            # Whether buffers are as long as they must be, in constant time.
            chunk.validate()
        if not (pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or _check_column(values, called)):
            for chunk in values.chunks:
                chunk.validate(full=True)
    except pa.ArrowException as error:
        raise RowsError(f"cannot read {called} from Arrow: {str(error).splitlines()[0]}") from None
    return values


def _is_plain_dtype(dtype: Any) -> bool:
    return type(dtype).__module__.startswith("numpy") and dtype.kind in "iufbM"


def _from_pandas(values: Any, name: str) -> pa.ChunkedArray:
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        message = f"column {name} cannot be read: {str(error).splitlines()[0]}; give it one type, as with astype"
        raise QueryError(message) from None
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


class _PandasTable(Table):
    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.kind = "pandas"
        self.names = [str(name) for name in frame.columns]
        self.rows = len(frame)
        self._labels = dict(zip(self.names, frame.columns))
        self._columns: dict[str, pa.ChunkedArray] = {}
        check_names(self.names)

    def equal(self, name: str, text: str) -> pa.Array | None:
        series = self._frame[self._labels[name]]
        if series.dtype != object or name in self._columns:
            return None
        # Making Arrow's text of a million Python strings takes twice as long as comparing them.
        found = np.asarray(series.to_numpy() == text)
        return pa.array(found) if found.dtype == np.bool_ and found.shape == (self.rows,) else None

    def native(self, name: str, rows: Callable[[], Integers]) -> PandasValues | None:
        series = self._frame[self._labels[name]]
        if name in self._columns or _is_plain_dtype(series.dtype):
            return None
        # To Arrow and back, a million Python strings take ten times as long.
        own = series.to_numpy() if series.dtype == object else series.array
        return PandasValues(own.take(rows()))

    def _convert(self, name: str) -> pa.ChunkedArray:
        series = self._frame[self._labels[name]]
        # Plain arrays cross without pandas' own checks, which take longer than small columns.
        return _from_pandas(series.to_numpy() if _is_plain_dtype(series.dtype) else series, name)

    def arrow(self) -> pa.Table:
        return pa.table({name: self.column(name) for name in self.names})

    def restore(self, name: str, values: pa.ChunkedArray) -> Any:
        dtype = self._frame[self._labels[name]].dtype
        kind = self.column(name).type
        if values.type != kind and pa.types.is_large_string(kind) and pa.types.is_string(values.type):
            # DuckDB's texts.
            values = values.cast(kind)
        if hasattr(dtype, "__from_arrow__") and values.type == kind:
            import pandas as pd

            return pd.Series(dtype.__from_arrow__(values), copy=False)
        return None


class _PolarsTable(Table):
    def __init__(self, frame: Any, kind: str) -> None:
        self._frame = frame
        self.kind = kind
        self.names = list(frame.columns)
        self.rows = frame.height
        self._columns: dict[str, pa.ChunkedArray] = {}
        check_names(self.names)

    def _convert(self, name: str) -> pa.ChunkedArray:
        try:
            return self._frame.select(name).to_arrow().column(0)
        except pa.ArrowException as error:
            # Arrow has no type for Int128.
            dtype = self._frame.schema[name]
            message = f"column {name} of the type {dtype} cannot be read: {str(error).splitlines()[0]}"
            raise QueryError(f"{message}; cast it to another type") from None

    def equal(self, name: str, text: str) -> pa.Array | None:
        # Polars compares a million texts in an eighth of Arrow's time.
        series = self._frame.get_column(name)
        return (series == text).to_arrow() if str(series.dtype) in {"String", "Utf8"} else None

    def arrow(self) -> pa.Table:
        try:
            table = self._frame.to_arrow()
        except pa.ArrowException:
            # Column by column, which takes longer, to find which one it is.
            return pa.table({name: self.column(name) for name in self.names})
        for name in self.names:
            if name not in self._columns:
                checked(table.column(name), name)
        return table

    def restore(self, name: str, values: pa.ChunkedArray) -> Any:  # noqa: ARG002 - Polars has its own types of Arrow's
        return None


def check_names(names: list[str]) -> None:
    """Raise `QueryError` when two columns have the same name, or one has a name that is none."""
    for name in names:
        check_name(name, "column")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise QueryError(f"the table has two columns {twice}; give each a name of its own")


def read_table(value: Any, name: str) -> Table:
    """Take a table of any kind that is known.

    Raises:
        TypeError: it is no table.
        QueryError: two columns have the same name, or a column has one that DuckDB would change.
        RowsError: what it gives through Arrow's interface is no table, as a stream that was read before.
    """
    module = type(value).__module__.split(".")[0]
    kind = type(value).__name__
    if module == "pandas" and kind == "DataFrame":
        return _PandasTable(value)
    if isinstance(value, pa.RecordBatchReader):
        return Table(value.read_all(), "reader")
    if isinstance(value, pa.Table):
        return Table(value)
    if module == "polars" and kind in {"DataFrame", "LazyFrame"}:
        lazy = kind == "LazyFrame"
        return _PolarsTable(value.collect() if lazy else value, "polars lazy" if lazy else "polars")
    if kind == "DuckDBPyRelation":
        return Table(value.to_arrow_table() if hasattr(value, "to_arrow_table") else value.arrow(), "duckdb")
    if hasattr(value, "__arrow_c_stream__"):
        try:
            return Table(pa.table(value))
        except pa.ArrowInvalid as error:
            # Series have the interface too, and are no tables.
            if "non-struct" not in str(error):
                message = f"{name} cannot be read from Arrow: {str(error).splitlines()[0]}"
                raise RowsError(f"{message}; a stream can be read once") from None
    raise TypeError(
        f"{name} is a {type(value).__name__}; a table is a pandas or Polars frame, an Arrow table or reader, a DuckDB "
        "relation, or anything with __arrow_c_stream__"
    )


def common_kind(tables: Mapping[str, Table]) -> str:
    """Return the kind in which to answer: that of the tables, or Arrow where there are none or several kinds."""
    kinds = {table.kind for table in tables.values()}
    return kinds.pop() if len(kinds) == 1 else "arrow"


def only_table(tables: Mapping[str, Table]) -> Table | None:
    """Return the one table that all names mean, or None where they mean several or there is none."""
    different = {id(table): table for table in tables.values()}
    return next(iter(different.values())) if len(different) == 1 else None


@dataclass(frozen=True)
class PandasValues:
    """Values of a column as pandas holds them."""

    values: Any

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.values)


@dataclass(frozen=True)
class AnswerColumn:
    """A column of an answer.

    Attributes:
        origin: the column of the one table behind it, whose values it holds.
    """

    name: str
    values: Array | PandasValues
    origin: str | None = None

    def arrow(self) -> Array:
        """Return its values as Arrow's."""
        return _from_pandas(self.values.values, self.name) if isinstance(self.values, PandasValues) else self.values


@dataclass
class Answer:
    """A table that a clause or a query gives."""

    columns: list[AnswerColumn]

    def arrow(self) -> pa.Table:
        """Return it as an Arrow table."""
        return pa.Table.from_arrays(
            [column.arrow() for column in self.columns], names=[column.name for column in self.columns]
        )


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
            if pa.types.is_dictionary(kind) and values.type == kind.value_type:
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
    if kind == "pandas":
        return _as_pandas(answer, source)
    if source is not None and kind in {"arrow", "reader"}:
        answer = Answer([_restored_view(column, source) for column in answer.columns])
    table = answer.arrow()
    if kind == "reader":
        return table.to_reader()
    if kind in {"polars", "polars lazy"}:
        frame = sys.modules["polars"].from_arrow(table)
        return frame.lazy() if kind == "polars lazy" else frame
    if kind == "duckdb":
        return sys.modules["duckdb"].from_arrow(table)
    return table


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
        else:
            arrays[at] = chunked.to_pandas()
    rows = len(answer.columns[0].values) if answer.columns else 0
    frame = pd.DataFrame(arrays, index=pd.RangeIndex(rows), copy=False)
    frame.columns = pd.Index([column.name for column in answer.columns])
    return frame


def _is_plain(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))
