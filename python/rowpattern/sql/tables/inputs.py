"""Tables as they are given: pandas, Polars, Arrow, DuckDB, as Arrow columns that cross only when they are asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern._core import _check_column, placed_texts
from rowpattern.errors import QueryError, RowsError
from rowpattern.sql.arrow.casting import has_intervals
from rowpattern.sql.arrow.categories import marked, with_one_dictionary
from rowpattern.sql.arrow.encodings import is_view, readable
from rowpattern.sql.duckdb.names import check_name
from rowpattern.sql.tables.foreign import adapter_hint
from rowpattern.sql.tables.pandas_values import PandasValues, from_pandas, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rowpattern.sql.arrow.arrays import Integers

# So few are converted in less time than another way to read them takes to begin.
_FEW_OBJECTS = 1000
# Of so few rows, numpy takes a column's in less time than going through Arrow takes beside them.
_FEW_ROWS = 1 << 16

__all__ = [
    "RelationTable",
    "StoppedError",
    "Table",
    "check_names",
    "check_no_objects",
    "checked",
    "common_kind",
    "is_frame",
    "is_wide",
    "only_table",
    "read_table",
]


# Types that are read as they are: numbers, times and texts.
_PLAIN = frozenset(
    kind.id
    for kind in (
        *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float32(), pa.float64(), pa.date32(), pa.timestamp("us"), pa.string(), pa.large_string()),
    )
)


# Types of Polars' that Arrow has too.
_POLARS_NUMBERS = frozenset({"Boolean", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"})
_POLARS_NUMBERS |= {"Float32", "Float64"}


class Table:
    """A table that a query reads.

    Attributes:
        kind: `"pandas"`, `"polars"`, `"polars lazy"`, `"arrow"`, `"reader"` or `"duckdb"`.
        names: its columns, in order.
        rows: how many there are.
        remaining: gives what is left of the query's limits, as arguments of the core's functions.
        hold: takes the number of bytes that a column is about to take, against the limits of the query.
        check: raises an error where the query's time is over.
    """

    kind = "arrow"
    remaining: Callable[[], Mapping[str, Any]] = staticmethod(dict)
    hold: Callable[[int], None] = staticmethod(lambda _: None)
    check: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, table: pa.Table, kind: str = "arrow") -> None:
        """Take an Arrow table."""
        self._table = table
        self.kind = kind
        self.names = list(table.column_names)
        self.rows: int = table.num_rows
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._views: dict[str, pa.ChunkedArray] = {}
        check_names(self.names)

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column, checked and converted at the first call.

        Raises:
            RowsError: its values cannot be read, as text that is not UTF-8.
        """
        found = self._columns.get(name)
        if found is None:
            found = checked(self._convert(name), name)
            if found.type.id not in _PLAIN:
                found = with_one_dictionary(readable(found, name, self.hold), name)
            self._columns[name] = found
        return found

    def texts(self, name: str) -> pa.ChunkedArray | None:
        """Return a column of texts that are only compared with others, not checked and in whatever encoding it has.

        None where it has no texts, or where `column` gives them as quickly. Whoever reads them has to check each.
        """
        return None if name in self._columns else self._text_views(name)

    def _text_views(self, name: str) -> pa.ChunkedArray | None:
        """Return a column of texts that are views; None where it is another."""
        is_text_view = pa.types.is_string_view(self._table.schema.field(name).type)
        return self._table.column(name) if is_text_view else None

    def shown(self, name: str) -> pa.ChunkedArray:
        """Return a column by which rows are ordered, or which is shown, and with which nothing is computed.

        As `column`, but that views of text may stay what they are, so that only views are taken and no text is copied.

        Raises:
            RowsError: as for `column`.
        """
        found = self._columns.get(name)
        if found is None:
            found = self._views.get(name)
        if found is None:
            views = self._text_views(name) if self.rows else None
            # A view says where its text is in the memory of its own chunk.
            if views is None or views.num_chunks != 1:
                return self.column(name)
            found = self._views[name] = checked(views, name)
        return found

    def typed(self, name: str) -> pa.ChunkedArray:
        """Return a column of which only the type, and the categories, count: perhaps without its rows.

        Raises:
            RowsError: as for `column`.
        """
        return self.column(name) if self.texts(name) is None else pa.chunked_array([], pa.string())

    def _convert(self, name: str) -> pa.ChunkedArray:
        return self._table.column(name)

    @property
    def has_intervals(self) -> bool:
        """Whether a column that was read is of Arrow's interval type: then intervals that are computed stay that."""
        return any(has_intervals(values.type) for values in self._columns.values())

    def metadata(self, name: str) -> dict[bytes, bytes] | None:
        """Return what the field of a column says beside its type: of extension types that pyarrow does not know."""
        found: dict[bytes, bytes] | None = self._table.schema.field(name).metadata
        return found

    def arrow(self) -> pa.Table:
        """Return all columns, checked.

        Raises:
            RowsError: as for `column`.
        """
        columns = [self.column(name) for name in self.names]
        # DuckDB reads views of text, and does not take every other encoding: of runs of runs it ends in an assertion.
        both = [own if is_view(own.type) else found for own, found in zip(self._table.columns, columns)]
        # Extension types that pyarrow does not know, as geometry, are what their fields say.
        fields = [field.with_type(values.type) for field, values in zip(self._table.schema, both)]
        return pa.Table.from_arrays(both, schema=pa.schema(fields))

    def native(self, name: str, rows: Callable[[], Integers]) -> PandasValues | None:  # noqa: ARG002 - for tables that can
        """Take rows of a column without converting it; None where that cannot be or gains nothing."""
        return None

    def restore(self, name: str, values: pa.ChunkedArray) -> Any:
        """Return values of a column in the form that the column had; None where they are in it already."""
        kind = self._table.schema.field(name).type
        return values.cast(kind) if is_view(kind) else None

    def like(self, frame: Any) -> Any:
        """Return a frame of pandas or Polars as the class of frame that this table came from."""
        return frame


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
    kind = values.type
    called = f"column {name}" if not first else f"column {name}, of the rows from {first} on,"
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


class _PandasTable(Table):
    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.kind = "pandas"
        labels = frame.columns.tolist()
        self.names = list(map(str, labels))
        self.rows = len(frame)
        self._labels = labels
        self._places = {name: at for at, name in enumerate(self.names)}
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._arrays: dict[str, Any] = {}
        self._series: dict[str, Any] = {}
        self._placed: dict[str, pa.ChunkedArray | None] = {}
        check_names(self.names)

    def texts(self, name: str) -> pa.ChunkedArray | None:
        if self._plain(name) is not None:
            return None
        series = self._own(name)
        if name in self._columns or series.dtype != object or self.rows < _FEW_OBJECTS:
            return None
        if name not in self._placed:
            found = placed_texts(series.to_numpy(), **self.remaining())
            self._placed[name] = None if found is None else pa.chunked_array([pa.array(found)])
            self.hold(0 if found is None else 2 * self.rows)
        return self._placed[name]

    def shown(self, name: str) -> pa.ChunkedArray:
        return self.column(name)

    def _own(self, name: str) -> Any:
        """Return a column as pandas has it; looking it up takes as long as converting a hundred rows."""
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = self._frame[self._labels[self._places[name]]]
        return series

    def _plain(self, name: str) -> Any:
        """Return a column as a numpy array of numbers or times; None where it is another.

        Its series takes ten times as long to make, which is most of what reading a small table takes.
        """
        if name not in self._arrays:
            column = getattr(self._frame, "_get_column_array", None)
            values = None if column is None else column(self._places[name])
            is_plain = type(values) is np.ndarray and _is_plain_dtype(values.dtype)
            self._arrays[name] = values if is_plain else None
        return self._arrays[name]

    def native(self, name: str, rows: Callable[[], Integers]) -> PandasValues | None:
        plain = self._plain(name)
        if plain is not None:
            if self.rows > _FEW_ROWS or plain.dtype.kind == "M" or not plain.dtype.isnative:
                return None
            wanted = rows()
            # Matches that overlap have more rows than the table.
            if len(wanted) > _FEW_ROWS:
                return None
            self.check()
            self.hold(len(wanted) * plain.itemsize)
            return PandasValues(plain.take(wanted))
        series = self._own(name)
        if name in self._columns or _is_plain_dtype(series.dtype):
            return None
        # To Arrow and back, a million Python strings take ten times as long.
        own = series.to_numpy() if series.dtype == object else series.array
        wanted = rows()
        self.hold(8 * len(wanted))
        return PandasValues(taken(own, wanted, self.check))

    def _convert(self, name: str) -> pa.ChunkedArray:
        values = self._plain(name)
        if values is not None:
            return from_pandas(values, name, self.check)
        series = self._own(name)
        # Plain arrays cross without pandas' own checks, which take longer than small columns.
        return from_pandas(series.to_numpy() if _is_plain_dtype(series.dtype) else series, name, self.check)

    def arrow(self) -> pa.Table:
        return pa.table({name: self.column(name) for name in self.names})

    def restore(self, name: str, values: pa.ChunkedArray) -> Any:
        if self._plain(name) is not None:
            return None
        dtype = self._own(name).dtype
        kind = self.column(name).type
        if pa.types.is_dictionary(values.type):
            return self._categories(name, values)
        if values.type != kind and pa.types.is_large_string(kind) and pa.types.is_string(values.type):
            # DuckDB's texts.
            values = values.cast(kind)
        if hasattr(dtype, "__from_arrow__") and values.type == kind:
            import pandas as pd

            return pd.Series(dtype.__from_arrow__(values), copy=False)
        return None

    def _categories(self, name: str, values: pa.ChunkedArray) -> Any:
        """Return values with the column's own categories, as new ones take long to make; None where they differ."""
        dtype, own = self._own(name).dtype, self.column(name)
        if values.type != own.type or not values.num_chunks or not hasattr(dtype, "categories"):
            return None
        labels = own.chunk(0).dictionary
        if len(labels) != len(dtype.categories) or any(not each.dictionary.equals(labels) for each in values.chunks):
            return None
        import pandas as pd

        codes = pa.chunked_array([each.indices for each in values.chunks]).fill_null(-1)
        return pd.Series(pd.Categorical.from_codes(codes.to_numpy(), dtype=dtype), copy=False)

    def metadata(self, name: str) -> dict[bytes, bytes] | None:  # noqa: ARG002 - its types say everything
        return None

    def like(self, frame: Any) -> Any:
        if type(self._frame) is type(frame):
            return frame
        return self._frame._constructor(frame).__finalize__(self._frame)  # noqa: SLF001 - pandas' name for subclasses


class _PolarsTable(Table):
    def __init__(self, frame: Any, kind: str) -> None:
        self._frame = frame
        self.kind = kind
        self.names = list(frame.columns)
        self.rows = frame.height
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._views: dict[str, pa.ChunkedArray] = {}
        check_names(self.names)

    def _text_views(self, name: str) -> pa.ChunkedArray | None:
        series = self._frame.get_column(name)
        return pa.chunked_array(series) if series.dtype == sys.modules["polars"].String else None

    def _convert(self, name: str) -> pa.ChunkedArray:
        polars = sys.modules["polars"]
        series = self._frame.get_column(name)
        dtype = series.dtype
        if type(dtype).__name__ in _POLARS_NUMBERS:
            return pa.chunked_array(series)
        check_no_objects(name, dtype)
        try:
            if dtype == polars.String:
                # As views, whose conversion takes a third of that of Polars.
                return pa.chunked_array(series)
            if is_wide(dtype):
                series = series.cast(polars.Decimal(38, 0))
            return series.to_frame().to_arrow().column(0)
        except pa.ArrowException as error:
            message = f"column {name} of the type {dtype} cannot be read: {str(error).splitlines()[0]}"
            raise QueryError(f"{message}; cast it to another type") from None
        except polars.exceptions.InvalidOperationError:
            message = f"column {name} of the type {dtype} has a value of more than 38 digits, which no query can read"
            raise QueryError(f"{message}; cast it to another type") from None

    def arrow(self) -> pa.Table:
        if any(_has_objects(dtype) or is_wide(dtype) for dtype in self._frame.dtypes):
            return pa.table({name: self.column(name) for name in self.names})
        try:
            table = self._frame.to_arrow()
        except pa.ArrowException:
            # Column by column, which takes longer, to find which one it is.
            return pa.table({name: self.column(name) for name in self.names})
        for name in self.names:
            if name not in self._columns:
                checked(table.column(name), name)
        return table

    def restore(self, name: str, values: pa.ChunkedArray) -> Any:
        dtype = self._frame.get_column(name).dtype
        if is_wide(dtype) and pa.types.is_decimal(values.type):
            return sys.modules["polars"].from_arrow(values).cast(dtype)
        # Polars has its own types of Arrow's.
        return None

    def metadata(self, name: str) -> dict[bytes, bytes] | None:  # noqa: ARG002 - its types say everything
        return None

    def like(self, frame: Any) -> Any:
        return frame if type(self._frame) is type(frame) else type(self._frame)(frame)


def is_wide(dtype: Any) -> bool:
    """Say whether Arrow has no type for the integers of a column of Polars'."""
    return str(dtype) in {"Int128", "UInt128"}


def check_no_objects(name: str, dtype: Any) -> None:
    """Refuse a column of Polars' that has Python's objects: Arrow gets their addresses.

    Raises:
        QueryError: it has some.
    """
    if _has_objects(dtype):
        message = f"column {name} of the type {dtype} has Python's objects, which no query can read"
        raise QueryError(f"{message}; give it a type of Polars', or leave it out of the table")


def _has_objects(dtype: Any) -> bool:
    inner = getattr(dtype, "inner", None)
    fields = getattr(dtype, "fields", ())
    return (
        str(dtype) == "Object"
        or (inner is not None and _has_objects(inner))
        or any(_has_objects(each.dtype) for each in fields)
    )


class RelationTable(Table):
    """What a DuckDB relation gives; its types come back where Arrow has others for them."""

    def __init__(self, relation: Any) -> None:
        self._types = dict(zip(relation.columns, relation.types))
        super().__init__(relation.to_arrow_table(), "duckdb")

    def _convert(self, name: str) -> pa.ChunkedArray:
        values = self._table.column(name)
        # Of an ENUM.
        return marked(values, ordered=True) if pa.types.is_dictionary(values.type) else values

    @property
    def has_intervals(self) -> bool:
        """Whether durations are intervals there: DuckDB has those only."""
        return True

    def type_of(self, name: str) -> Any:
        """Return a column's type in DuckDB."""
        return self._types[name]


def check_names(names: list[str]) -> None:
    """Raise `QueryError` when two columns have the same name, or one has a name that is none."""
    for name in names:
        check_name(name, "column")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise QueryError(f"the table has two columns {twice}; give each a name of its own")


def is_frame(value: Any, library: str, kind: str) -> bool:
    """Say whether a value is of a class of a library, or of one that is derived from it; nothing is imported."""
    module = sys.modules.get(library)
    return module is not None and isinstance(value, getattr(module, kind, ()))


class StoppedError(Exception):
    """What a table gives is wanted no more."""


def _never() -> bool:
    return False


def _read_all(reader: pa.RecordBatchReader, stopped: Callable[[], bool]) -> pa.Table:
    """Read batches one by one: a producer that is written in Python may never end."""
    batches = []
    for batch in reader:
        batches.append(batch)
        if stopped():
            raise StoppedError
    return pa.Table.from_batches(batches, reader.schema)


def read_table(value: Any, name: str, stopped: Callable[[], bool] = _never) -> Table:
    """Take a table of any kind that is known.

    Args:
        value: what is a table.
        name: its name, for errors.
        stopped: asked between batches whether the table is wanted no more.

    Raises:
        TypeError: it is no table.
        QueryError: two columns have the same name, or a column has one that DuckDB would change.
        RowsError: what it gives through Arrow's interface is no table, as a stream that was read before.
        StoppedError: it is wanted no more.
    """
    if isinstance(value, pa.Table):
        return Table(value)
    if is_frame(value, "pandas", "DataFrame"):
        return _PandasTable(value)
    if isinstance(value, pa.RecordBatchReader):
        return Table(_read_all(value, stopped), "reader")
    if is_frame(value, "polars", "DataFrame"):
        return _PolarsTable(value, "polars")
    if is_frame(value, "polars", "LazyFrame"):
        return _PolarsTable(value.collect(), "polars lazy")
    if type(value).__name__ == "DuckDBPyRelation":
        return RelationTable(value)
    if hasattr(value, "__arrow_c_stream__"):
        try:
            return Table(_read_all(pa.RecordBatchReader.from_stream(value), stopped))
        except pa.ArrowInvalid as error:
            # Series have the interface too, and are no tables.
            if "non-struct" not in str(error):
                message = f"{name} cannot be read from Arrow: {str(error).splitlines()[0]}"
                raise RowsError(f"{message}; a stream can be read once") from None
    hint = adapter_hint(value)
    if hint is not None:
        raise TypeError(f"{name} is {hint}")
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
