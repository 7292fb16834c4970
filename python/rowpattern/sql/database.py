"""DuckDB, embedded: evaluates what is plain SQL, over the tables that it is handed and nothing else.

Connections have no access to files, the network, extensions, or the caller's variables; settings are locked; memory and
time are limited. They rest in a pool, empty, because making one costs more than most queries on small tables.
"""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING

import duckdb

from rowpattern.errors import QueryError
from rowpattern.sql.running import Run, interrupt_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

__all__ = ["Database", "aggregate_names", "database"]

# More would hold memory for nothing.
_MOST_RESTING = 4

_SETTINGS = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "temp_directory": "",
}

_resting: dict[float, list[duckdb.DuckDBPyConnection]] = {}


def _forget() -> None:
    # A child does not have the threads of its parent's connections; dropping them would wait for those.
    _abandoned.append(dict(_resting))
    _resting.clear()


_abandoned: list[object] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _connect(memory_mb: float) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={**_SETTINGS, "memory_limit": f"{memory_mb:.3f}MiB"})
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET lock_configuration = true")
    return connection


class Database:
    """A connection for one query, with the tables that are registered in it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, run: Run) -> None:
        """Use a connection within the limits of a run."""
        self._connection = connection
        self._run = run
        self._registered: set[str] = set()

    def register(self, name: str, table: pa.Table) -> None:
        """Make a table known under a name, in place of what had it."""
        self._connection.register(name, table)
        self._registered.add(name)

    def forget(self) -> None:
        """Unregister all tables."""
        for name in self._registered:
            self._connection.unregister(name)
        self._registered.clear()

    def query(self, sql: str) -> pa.Table:
        """Run a query over registered tables.

        Raises:
            QueryError: DuckDB refuses it, with DuckDB's message.
            QueryLimitError: it took too long or too much memory.
        """
        return self._run_within_limits(lambda: self._connection.sql(sql))

    def project(self, columns: str, table: pa.Table) -> pa.Table:
        """Compute expressions over one table that is not registered, which is quicker for small ones.

        Raises:
            As `query`.
        """
        return self._run_within_limits(lambda: self._connection.from_arrow(table).project(columns))

    def _run_within_limits(self, relation: Callable[[], duckdb.DuckDBPyRelation]) -> pa.Table:
        try:
            with interrupt_after(self._run.deadline, self._connection.interrupt):
                return relation().to_arrow_table()
        except duckdb.OutOfMemoryException:
            raise self._run.too_large() from None
        except duckdb.InterruptException:
            self._run.check()
            raise KeyboardInterrupt from None
        except duckdb.Error as error:
            raise QueryError(_message(error)) from None

    def refuses(self, expression: str, table: pa.Table) -> str | None:
        """Return why an expression cannot be computed over a table; None when it can."""
        try:
            self._connection.from_arrow(table).project(expression).to_arrow_table()
        except duckdb.Error as error:
            return _message(error)
        return None


def _message(error: duckdb.Error) -> str:
    """Return DuckDB's message without its excerpt, which shows a text that the caller did not write."""
    text = str(error)
    for begin in ("\nLINE ", "\n\nLINE "):
        text = text.split(begin, maxsplit=1)[0]
    kind, _, rest = text.partition(": ")
    return (rest if kind.endswith("Error") else text).strip()


@contextlib.contextmanager
def database(run: Run) -> Iterator[Database]:
    """Take a connection for one query; it is given back without tables."""
    resting = _resting.setdefault(run.memory_mb, [])
    try:
        connection = resting.pop()
    except IndexError:
        connection = _connect(run.memory_mb)
    used = Database(connection, run)
    try:
        yield used
    finally:
        used.forget()
        if len(resting) < _MOST_RESTING:
            resting.append(connection)
        else:
            connection.close()


@functools.lru_cache(maxsize=1)
def aggregate_names() -> frozenset[str]:
    """Return the names of DuckDB's aggregates, in lower case."""
    connection = duckdb.connect(":memory:")
    names = connection.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'"
    )
    found = frozenset(name.lower() for (name,) in names.fetchall())
    connection.close()
    return found
