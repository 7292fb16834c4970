"""What a table looks like whose query was answered before: one that looks the same needs no `Table` of its own.

Making one, with its names checked and each column looked up by its name, takes longer than matching a hundred rows.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.sql.arrow.encodings import PLAIN_TYPES
from rowpattern.sql.tables.pandas_table import NUMBER_TYPES, labels_of, plain_array
from rowpattern.sql.tables.polars_table import POLARS_NUMBERS
from rowpattern.sql.tables.table import Table, checked

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Shape", "shape_of"]


class Shape:
    """A table's kind, the names of all of its columns, and the types of those that a query reads."""

    kind: str

    def columns(self, value: Any) -> list[Any] | None:
        """Return the columns that the query reads as `Table.few` does; None where the table is another or has a fault.

        Args:
            value: a table of the class of which this is the shape.

        Raises:
            RowsError, pyarrow.ArrowException: a column cannot be read.
        """
        raise NotImplementedError

    def rows(self, value: Any) -> int:
        """Return how many rows a table of this class has."""
        return len(value)


def shape_of(value: Any, table: Table, names: Sequence[str]) -> Shape | None:
    """Return what a table looks like; None where it has to be looked at anew each time.

    Args:
        value: the table as it was given.
        table: the same as a query reads it.
        names: the columns that the query reads.
    """
    kind = type(value)
    if kind is pa.Table:
        return _ArrowShape.of(value, names)
    # Frames of classes that are derived from these may do anything, and their answers are of their class.
    if table.kind == "polars" and kind is sys.modules["polars"].DataFrame:
        return _PolarsShape.of(value, names)
    if table.kind == "pandas" and kind is sys.modules["pandas"].DataFrame:
        return _PandasShape.of(value, names)
    return None


class _ArrowShape(Shape):
    kind = "arrow"

    def __init__(self, schema: pa.Schema, read: list[tuple[int, str]]) -> None:
        self._schema = schema
        # By number and name.
        self._read = read

    @classmethod
    def of(cls, value: pa.Table, names: Sequence[str]) -> _ArrowShape | None:
        schema = value.schema
        numbers = [schema.get_field_index(name) for name in names]
        # Others are converted.
        if not PLAIN_TYPES.issuperset([schema.field(number).type.id for number in numbers]):
            return None
        return cls(schema, list(zip(numbers, names)))

    def columns(self, value: pa.Table) -> list[Any] | None:
        if not value.schema.equals(self._schema, check_metadata=True):
            return None
        return [checked(value.column(number), name) for number, name in self._read]


class _PolarsShape(Shape):
    kind = "polars"

    def __init__(self, names: list[str], read: list[tuple[str, type]]) -> None:
        self._names = names
        self._read = read

    @classmethod
    def of(cls, value: Any, names: Sequence[str]) -> _PolarsShape | None:
        read = [(name, type(value.get_column(name).dtype)) for name in names]
        if not all(kind.__name__ in POLARS_NUMBERS for _, kind in read):
            return None
        return cls(list(value.columns), read)

    def columns(self, value: Any) -> list[Any] | None:
        if value.columns != self._names:
            return None
        found = []
        for name, kind in self._read:
            series = value.get_column(name)
            if type(series.dtype) is not kind:
                return None
            found.append(series)
        return found


class _PandasShape(Shape):
    kind = "pandas"

    def __init__(self, columns: Any, labels: list[str], read: list[tuple[int, Any]]) -> None:
        # Most callers ask of one frame, or of frames that share this.
        self._columns = columns
        self._labels = labels
        self._read = read

    @classmethod
    def of(cls, value: Any, names: Sequence[str]) -> _PandasShape | None:
        labels = labels_of(value.columns)
        if not (all(type(label) is str for label in labels) and _has_plain_index(value)):
            return None
        places = [labels.index(name) for name in names]
        arrays = [_array(value, place) for place in places]
        if any(array is None for array in arrays):
            return None
        return cls(value.columns, labels, [(place, array.dtype) for place, array in zip(places, arrays)])

    def columns(self, value: Any) -> list[Any] | None:
        columns = value.columns
        if columns is not self._columns and labels_of(columns) != self._labels:
            return None
        if not _has_plain_index(value):
            return None
        found = []
        for place, kind in self._read:
            array = _array(value, place)
            if array is None or array.dtype != kind:
                return None
            found.append(array)
        return found


def _has_plain_index(frame: Any) -> bool:
    """Say whether no level of a frame's index can be named as a column."""
    index = frame.index
    return bool(index.nlevels == 1 and index.name is None)


def _array(frame: Any, place: int) -> Any:
    """Return a column as a numpy array of numbers; None where it is another."""
    values = plain_array(frame, place)
    return values if values is not None and values.dtype in NUMBER_TYPES else None
