"""Tables as they are given: pandas, Polars, Arrow, DuckDB; which kind one is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.counted import with_article
from rowpattern.errors import RowsError
from rowpattern.sql.tables.foreign import foreign_hint
from rowpattern.sql.tables.pandas_table import PandasTable
from rowpattern.sql.tables.polars_table import PolarsTable
from rowpattern.sql.tables.table import RelationTable, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["StoppedError", "common_kind", "is_frame", "only_table", "read_table"]


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
        return PandasTable(value)
    if isinstance(value, pa.RecordBatchReader):
        return Table(_read_all(value, stopped), "reader")
    if is_frame(value, "polars", "DataFrame"):
        return PolarsTable(value, "polars")
    if is_frame(value, "polars", "LazyFrame"):
        return PolarsTable(value.collect(), "polars lazy")
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
    hint = foreign_hint(value)
    if hint is not None:
        raise TypeError(f"{name} is {hint}")
    raise TypeError(
        f"{name} is {with_article(type(value).__name__)}; a table is a pandas or Polars frame, an Arrow table or "
        "reader, a DuckDB relation, or anything with __arrow_c_stream__"
    )


def common_kind(tables: Mapping[str, Table]) -> str:
    """Return the kind in which to answer: that of the tables, or Arrow where there are none or several kinds."""
    if len(tables) == 1:
        return next(iter(tables.values())).kind
    kinds = {table.kind for table in tables.values()}
    return kinds.pop() if len(kinds) == 1 else "arrow"


def only_table(tables: Mapping[str, Table]) -> Table | None:
    """Return the one table that all names mean, or None where they mean several or there is none."""
    if len(tables) == 1:
        return next(iter(tables.values()))
    different = {id(table): table for table in tables.values()}
    return next(iter(different.values())) if len(different) == 1 else None
