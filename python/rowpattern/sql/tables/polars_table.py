"""A frame of Polars as a table that a query reads."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.errors import QueryError
from rowpattern.sql.tables.table import Table, check_names, checked

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["POLARS_NUMBERS", "PolarsTable", "check_dtype", "is_wide"]

#: Types of Polars' that Arrow has too.
POLARS_NUMBERS = {
    "Boolean": pa.bool_(),
    **{
        f"{kind}{bits}": pa.type_for_alias(f"{kind}{bits}".lower())
        for kind in ("Int", "UInt")
        for bits in (8, 16, 32, 64)
    },
    "Float32": pa.float32(),
    "Float64": pa.float64(),
}


class PolarsTable(Table):
    """A frame of Polars, or of a class that is derived from it."""

    def __init__(self, frame: Any, kind: str) -> None:
        """Take the frame; nothing is converted yet."""
        self._frame = frame
        self.kind = kind
        self.names = list(frame.columns)
        self.rows = frame.height
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._views: dict[str, pa.ChunkedArray] = {}
        check_names(self.names)

    def few(self, name: str) -> tuple[Any, pa.DataType]:
        """Return a column of numbers as Polars has it, or as Arrow's; see `Table`."""
        series = self._frame.get_column(name)
        kind = POLARS_NUMBERS.get(type(series.dtype).__name__)
        return super().few(name) if kind is None else (series, kind)

    def _text_views(self, name: str) -> pa.ChunkedArray | None:
        series = self._frame.get_column(name)
        return pa.chunked_array(series) if series.dtype == sys.modules["polars"].String else None

    def _convert(self, name: str) -> pa.ChunkedArray:
        polars = sys.modules["polars"]
        series = self._frame.get_column(name)
        dtype = series.dtype
        if type(dtype).__name__ in POLARS_NUMBERS:
            return pa.chunked_array(series)
        check_dtype(name, dtype)
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
        """Return all columns, checked."""
        if any(_has(dtype, _is_refused) or is_wide(dtype) for dtype in self._frame.dtypes):
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
        """Return integers of 128 bits as what they were; None where Polars makes that of them anyway."""
        # Polars has its own types of all others of Arrow's.
        if not pa.types.is_decimal(values.type):
            return None
        dtype = self._frame.get_column(name).dtype
        return sys.modules["polars"].from_arrow(values).cast(dtype) if is_wide(dtype) else None

    def metadata(self, name: str) -> dict[bytes, bytes] | None:  # noqa: ARG002 - its types say everything
        """Return nothing: Polars' types say everything."""
        return None

    def gives_as_computed(self, name: str) -> bool:  # noqa: ARG002 - Polars has types of its own of all that is computed
        """Say that it has; see `Table`."""
        return True

    def like(self, frame: Any) -> Any:
        """Return a frame as the class of frame that this table came from."""
        return frame if type(self._frame) is type(frame) else type(self._frame)(frame)


def is_wide(dtype: Any) -> bool:
    """Say whether Arrow has no type for the integers of a column of Polars'."""
    return str(dtype) in {"Int128", "UInt128"}


def check_dtype(name: str, dtype: Any) -> None:
    """Refuse a column of Polars' that has Python's objects: Arrow gets their addresses; or arrays of no values.

    Polars panics where it is given those.

    Raises:
        QueryError: it has some.
    """
    if _has(dtype, _is_objects):
        message = f"column {name} of the type {dtype} has Python's objects, which no query can read"
        raise QueryError(f"{message}; give it a type of Polars', or leave it out of the table")
    if _has(dtype, _is_of_no_values):
        message = f"column {name} of the type {dtype} has arrays of no values, which no query can read"
        raise QueryError(f"{message}; cast it to lists, or leave it out of the table")


def _is_refused(dtype: Any) -> bool:
    return _is_objects(dtype) or _is_of_no_values(dtype)


def _is_objects(dtype: Any) -> bool:
    return str(dtype) == "Object"


def _is_of_no_values(dtype: Any) -> bool:
    return getattr(dtype, "size", None) == 0


def _has(dtype: Any, asked: Callable[[Any], bool]) -> bool:
    """Say whether something is so of a type, or of one inside of it."""
    inner = getattr(dtype, "inner", None)
    fields = getattr(dtype, "fields", ())
    return asked(dtype) or (inner is not None and _has(inner, asked)) or any(_has(each.dtype, asked) for each in fields)
