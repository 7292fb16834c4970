"""A frame of pandas as a table that a query reads: columns of objects are converted as late as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern._core import placed_texts
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.tables.pandas_values import PandasValues, from_pandas, taken
from rowpattern.sql.tables.table import Table, check_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.arrow.arrays import Integers

__all__ = ["NUMBER_TYPES", "PandasTable", "labels_of", "plain_array"]

# So few are converted in less time than another way to read them takes to begin.
_FEW_OBJECTS = 1000
# Of so few rows, numpy takes a column's in less time than going through Arrow takes beside them.
_FEW_ROWS = 1 << 16

#: Types of numbers that the core takes as numpy has them.
NUMBER_TYPES = {
    np.dtype(name): pa.from_numpy_dtype(np.dtype(name))
    for name in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")
}


def labels_of(columns: Any) -> list[Any]:
    """Return the labels of columns; of pandas 3, which has them as Arrow's, in a tenth of the time that it takes."""
    if not isinstance(columns.dtype, np.dtype) and type(columns.array).__name__ == "ArrowStringArray":
        found: list[Any] = pa.array(columns.array).to_pylist()
        # That stands for NaN.
        if None not in found:
            return found
    labels: list[Any] = columns.tolist()
    return labels


def _is_plain_dtype(dtype: Any) -> bool:
    return type(dtype).__module__.startswith("numpy") and dtype.kind in "iufbM"


def plain_array(frame: Any, place: int) -> Any:
    """Return a column as a numpy array of numbers or times; None where it is another.

    Its series takes ten times as long to make, which is most of what reading a small table takes.
    """
    column = getattr(frame, "_get_column_array", None)
    values = None if column is None else column(place)
    return values if type(values) is np.ndarray and _is_plain_dtype(values.dtype) else None


class PandasTable(Table):
    """A frame of pandas, or of a class that is derived from it."""

    def __init__(self, frame: Any) -> None:
        """Take the frame; nothing is converted yet."""
        self._frame = frame
        self.kind = "pandas"
        labels = labels_of(frame.columns)
        self.names = list(map(str, labels))
        self.rows = len(frame)
        self._labels = labels
        self._places = {name: at for at, name in enumerate(self.names)}
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._arrays: dict[str, Any] = {}
        self._series: dict[str, Any] = {}
        self._placed: dict[str, pa.ChunkedArray | None] = {}
        check_names(self.names)

    def few(self, name: str) -> tuple[Any, pa.DataType]:
        """Return a column as a numpy array of numbers, or as Arrow's; see `Table`."""
        values = self._plain(name)
        kind = None if values is None else NUMBER_TYPES.get(values.dtype)
        return super().few(name) if kind is None else (values, kind)

    def texts(self, name: str) -> pa.ChunkedArray | None:
        """Return a column of Python texts that are only compared with others, by their places in memory."""
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

    def numbers(self, name: str) -> pa.ChunkedArray | None:
        """Return doubles as they are, where there are many; see `Table`."""
        values = self._plain(name)
        if name in self._columns or values is None or self.rows < _FEW_ROWS or values.dtype != np.float64:
            return None
        return pa.chunked_array([from_numpy(values)])

    def has_numbers(self, name: str) -> None:
        """Take doubles as they are; see `Table`."""
        numbers = self.numbers(name)
        if numbers is not None:
            self._columns[name] = numbers

    def shown(self, name: str) -> pa.ChunkedArray:
        """Return a column that is only shown; pandas has no views of text."""
        return self.column(name)

    def _own(self, name: str) -> Any:
        """Return a column as pandas has it; looking it up takes as long as converting a hundred rows."""
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = self._frame[self._labels[self._places[name]]]
        return series

    def _plain(self, name: str) -> Any:
        """Return a column as `plain_array` does."""
        if name not in self._arrays:
            self._arrays[name] = plain_array(self._frame, self._places[name])
        return self._arrays[name]

    def native(self, name: str, rows: Callable[[], Integers]) -> PandasValues | None:
        """Take rows of a column without converting it; None where that cannot be or gains nothing."""
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
        """Return all columns, checked."""
        return pa.table({name: self.column(name) for name in self.names})

    def restore(self, name: str, values: pa.ChunkedArray) -> Any:
        """Return values of a column in its dtype; None where pandas makes that of them anyway."""
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
        """Return nothing: pandas' dtypes say everything."""
        return None

    def gives_as_computed(self, name: str) -> bool:
        """Say whether a column has numbers of numpy's; see `Table`."""
        return self._plain(name) is not None

    def like(self, frame: Any) -> Any:
        """Return a frame as the class of frame that this table came from."""
        if type(self._frame) is type(frame):
            return frame
        return self._frame._constructor(frame).__finalize__(self._frame)  # noqa: SLF001 - pandas' name for subclasses
