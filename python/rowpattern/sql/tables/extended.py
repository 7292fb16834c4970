"""A table with further columns, which a query reads and does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.sql.tables.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.tables.pandas_values import PandasValues

__all__ = ["ExtendedTable"]


class ExtendedTable(Table):
    """A table and columns beside its own, of as many rows."""

    def __init__(self, table: Table, columns: Mapping[str, pa.ChunkedArray]) -> None:
        """Take the table, and the columns by names that it has not."""
        self._of = table
        self._more = columns
        self.kind = table.kind
        self.names = table.names
        self.rows = table.rows

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column."""
        found = self._more.get(name)
        return self._of.column(name) if found is None else found

    def shown(self, name: str) -> pa.ChunkedArray:
        """Return a column that is only shown; see `Table`."""
        return self._more[name] if name in self._more else self._of.shown(name)

    def texts(self, name: str) -> pa.ChunkedArray | None:
        """Return a column of texts as it is; see `Table`."""
        return None if name in self._more else self._of.texts(name)

    def typed(self, name: str) -> pa.ChunkedArray:
        """Return a column of which only the type counts."""
        return self._more[name] if name in self._more else self._of.typed(name)

    @property
    def has_intervals(self) -> bool:
        """Whether a column that was read is of Arrow's interval type."""
        return self._of.has_intervals

    def metadata(self, name: str) -> dict[bytes, bytes] | None:
        """Return what the field of a column says beside its type."""
        return self._of.metadata(name)

    def arrow(self) -> pa.Table:
        """Return the table's own columns."""
        return self._of.arrow()

    def native(self, name: str, rows: Callable[[], Integers]) -> PandasValues | None:
        """Take rows of a column without converting it."""
        return self._of.native(name, rows)

    def restore(self, name: str, values: pa.ChunkedArray) -> Any:
        """Return values of a column in the form that it had."""
        return self._of.restore(name, values)

    def like(self, frame: Any) -> Any:
        """Return a frame as the class of frame that the table came from."""
        return self._of.like(frame)
