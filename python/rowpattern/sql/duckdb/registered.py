"""The tables that a query has registered in its connection, so that another connection can have them too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rowpattern.sql.duckdb.names import quoted

if TYPE_CHECKING:
    import duckdb

__all__ = ["RegisteredTables"]


class _Given(NamedTuple):
    """A table, and what to select from it so that its columns have types that Arrow does not have."""

    table: Any
    enums: str | None
    casts: str | None


class RegisteredTables:
    """The tables of one connection, by name."""

    def __init__(self) -> None:
        """Begin without tables."""
        self._given: dict[str, _Given] = {}

    def add(
        self, connection: duckdb.DuckDBPyConnection, name: str, table: Any, enums: str | None, casts: str | None
    ) -> None:
        """Make a table known under a name, in place of what had it.

        Args:
            connection: where.
            name: the name.
            table: an Arrow table or a reader.
            enums: what to select from it so that its categories are ENUMs; None where it has none.
            casts: what to select from that so that columns have their types; None where they have them.
        """
        before = self._given.pop(name, None)
        if before is not None and _is_view(before):
            connection.execute(f"DROP VIEW {quoted(name)}")
        given = _Given(table, enums, casts)
        if not _is_view(given):
            connection.register(name, table)
        else:
            own = f"{name} without types"
            connection.register(own, table)
            connection.unregister(name)
            typed = quoted(own) if enums is None else f"(SELECT {enums} FROM {quoted(own)})"
            connection.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT {casts or '*'} FROM {typed}")
        self._given[name] = given

    @property
    def can_be_moved(self) -> bool:
        """Whether all can be read again; a reader may have been read already."""
        return all(isinstance(each.table, pa.Table) for each in self._given.values())

    def move_to(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the tables known to another connection, which has none."""
        given, self._given = self._given, {}
        for name, each in given.items():
            self.add(connection, name, *each)


def _is_view(given: _Given) -> bool:
    return given.enums is not None or given.casts is not None
