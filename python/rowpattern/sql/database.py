"""DuckDB, embedded: evaluates what is plain SQL, over the tables that it is handed and nothing else.

Connections have no access to files, the network, extensions, or the caller's variables; settings are locked; memory and
time are limited. They rest in a pool, empty, because making one costs more than most queries on small tables.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from rowpattern.errors import QueryError, QueryLimitError, UnsupportedQueryError
from rowpattern.sql.problems import candidates
from rowpattern.sql.running import Run, interrupt_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet
    from concurrent.futures import Future

    import pyarrow as pa

__all__ = ["Database", "aggregate_names", "database", "relation_reader", "spilling_database"]

# More would hold memory for nothing.
_MOST_RESTING = 4

# Two threads that sorted 5 GB in 256 MB ran out of it; one did not.
_SORT_MB_A_THREAD = 192

_BETWEEN_SIGNALS_SECONDS = 0.03
# How long work may take to end once it is interrupted, before it is left to end alone.
_MOST_PATIENCE_SECONDS = 0.04

_Found = TypeVar("_Found")

_SETTINGS = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

# Functions that give tables and touch nothing but their arguments. Others read files, settings, or addresses in memory.
_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree", "repeat", "repeat_row"})

# With their limits of memory and threads and their time zone, which cannot be changed any more; the one that rests
# longest is first.
_resting: list[tuple[tuple[float, int, str | None], duckdb.DuckDBPyConnection]] = []
_resting_lock = threading.Lock()


def _forget() -> None:
    # A child does not have the threads of its parent's connections; dropping them would wait for those.
    global _workers, _resting_lock  # noqa: PLW0603 - one for the process
    _abandoned.append((list(_resting), _workers))
    _resting.clear()
    # Another thread of the parent may have held it.
    _resting_lock = threading.Lock()
    _workers = ThreadPoolExecutor(_MOST_RESTING, "rowpattern-duckdb")


_abandoned: list[object] = []

# As many as connections that rest; they wait for work without taking time.
_workers = ThreadPoolExecutor(_MOST_RESTING, "rowpattern-duckdb")

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _connect(
    memory_mb: float, threads: int, time_zone: str | None, spill_directory: str = ""
) -> duckdb.DuckDBPyConnection:
    limits = {"memory_limit": f"{memory_mb:.3f}MiB", "threads": str(threads), "temp_directory": spill_directory}
    connection = duckdb.connect(":memory:", config={**_SETTINGS, **limits})
    connection.execute("SET python_enable_replacements = false")
    # It would be printed, where a query takes seconds.
    connection.execute("SET enable_progress_bar = false")
    if time_zone is not None:
        try:
            connection.execute(f"SET TimeZone = '{time_zone.replace(chr(39), chr(39) * 2)}'")
        except duckdb.Error:
            connection.close()
            message = f"DuckDB knows no time zone {time_zone}; name a region, as Europe/Paris"
            raise UnsupportedQueryError(message) from None
    connection.execute("SET lock_configuration = true")
    return connection


class Database:
    """A connection for one query, with the tables that are registered in it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, run: Run) -> None:
        """Use a connection within the limits of a run."""
        self._connection = connection
        self._run = run
        self._registered: set[str] = set()
        self._left: Future[Any] | None = None

    @property
    def threads(self) -> int:
        """The most threads that work on the query."""
        return self._run.threads

    def register(self, name: str, table: pa.Table) -> None:
        """Make a table known under a name, in place of what had it."""
        self._connection.register(name, table)
        self._registered.add(name)

    def forget(self) -> None:
        """Unregister all tables."""
        for name in self._registered:
            self._connection.unregister(name)
        self._registered.clear()

    def close(self, and_then: Callable[[], object] = lambda: None) -> None:
        """Close the connection, and then do something; later, and elsewhere, where work was left that has not ended."""
        left = self._left
        if left is None or left.done():
            self._connection.close()
            and_then()
            return

        def end() -> None:
            while not left.done():
                self._connection.interrupt()
                wait([left], timeout=0.01)
            self._connection.close()
            and_then()

        # Not a daemon: a process that ends waits for it, as DuckDB must not call Python when that is gone.
        threading.Thread(target=end, name="rowpattern-interrupted").start()

    def query(self, sql: str) -> pa.Table:
        """Run a query over registered tables.

        Raises:
            QueryError: DuckDB refuses it, with DuckDB's message.
            QueryLimitError: it took too long or too much memory.
        """
        return self._within_limits(lambda: self._connection.sql(sql).to_arrow_table())

    def stream(self, sql: str, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """Run a query over registered tables, and give its answer in batches as it comes.

        Raises:
            As `query`.
        """
        reader = self._within_limits(lambda: relation_reader(self._connection.sql(sql), batch_rows))
        while True:
            batch = self._within_limits(lambda: next(reader, None))
            if batch is None:
                return
            yield batch

    def check(self, sql: str, tables: AbstractSet[str]) -> Counter[str]:
        """Refuse a text of a stranger's that reads anything but tables of these names (in lower case).

        The text is read by DuckDB's own parser, so nothing passes because two parsers read it differently. Says how
        often it names each.

        Raises:
            QueryError: it is no query.
            UnsupportedQueryError: it reads something else, which the message names.
        """
        serialize = "SELECT json_serialize_sql(?, skip_null := true, skip_empty := true)"
        ((text,),) = self._within_limits(lambda: self._connection.execute(serialize, [sql]).fetchall())
        tree = json.loads(text)
        if tree.get("error"):
            raise QueryError(tree["error_message"])
        nodes = list(_nodes(tree))
        common = {entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", [])}
        for node in nodes:
            kind = node.get("type")
            if kind == "SHOW_REF":
                raise UnsupportedQueryError("SHOW, DESCRIBE and SUMMARIZE cannot stand in a query here")
            if kind == "TABLE_FUNCTION" and (name := node["function"]["function_name"]) not in _TABLE_FUNCTIONS:
                message = f"{name}() cannot stand in FROM: a query sees the tables that it was given and nothing else; "
                raise UnsupportedQueryError(message + candidates(name, sorted(_TABLE_FUNCTIONS), "functions allowed"))
            if kind == "BASE_TABLE" and (
                node.get("schema_name") or node.get("catalog_name") or node["table_name"].lower() not in tables | common
            ):
                raise UnsupportedQueryError(f"the query sees no table {node['table_name']}: it was not given")
        return Counter(node["table_name"].lower() for node in nodes if node.get("type") == "BASE_TABLE")

    def project(self, columns: str, table: pa.Table) -> pa.Table:
        """Compute expressions over one table that is not registered, which is quicker for small ones.

        Raises:
            As `query`.
        """
        return self._within_limits(lambda: self._connection.from_arrow(table).project(columns).to_arrow_table())

    def _within_limits(self, work: Callable[[], _Found]) -> _Found:
        try:
            with interrupt_after(self._run.deadline, self._connection.interrupt):
                if threading.current_thread() is not threading.main_thread():
                    return work()
                return self._attended(work)
        except duckdb.OutOfMemoryException:
            raise self._run.too_large() from None
        except duckdb.InterruptException:
            raise self._run.late() from None
        except duckdb.Error as error:
            raise QueryError(_message(str(error))) from None
        except OSError as error:
            # From a reader, through Arrow, which keeps the text only.
            text = str(error)
            if text.startswith("Out of Memory Error"):
                raise self._run.too_large() from None
            raise (self._run.late() if text.startswith("INTERRUPT") else QueryError(_message(text))) from None

    def _attended(self, work: Callable[[], _Found]) -> _Found:
        """Work in another thread, so that this one, the main one, sees signals; DuckDB looks at them too seldom."""
        future = _workers.submit(work)
        try:
            # A signal may have been taken by another thread, which does not wake this one.
            while not future.done():
                wait([future], timeout=_BETWEEN_SIGNALS_SECONDS)
        except BaseException:
            # Ctrl-C, or what another signal's handler raised. The work ends now, whatever comes of it; but a sort looks
            # at interrupts too seldom to be waited for.
            patience = time.perf_counter() + _MOST_PATIENCE_SECONDS
            while not future.done() and time.perf_counter() < patience:
                self._connection.interrupt()
                wait([future], timeout=0.01)
            self._left = future
            raise
        return future.result()

    def refuses(self, expression: str, table: pa.Table) -> str | None:
        """Return why an expression cannot be computed over a table; None when it can."""
        try:
            self.project(expression, table)
        except QueryLimitError:
            raise
        except QueryError as error:
            return str(error)
        return None


def relation_reader(relation: duckdb.DuckDBPyRelation, batch_rows: int) -> pa.RecordBatchReader:
    """Return a reader of what a relation gives; DuckDB computes it as it is read."""
    # Before 1.5 it had another name.
    read = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    return read(batch_rows)


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _message(text: str) -> str:
    """Return DuckDB's message without its excerpt, which shows a text that the caller did not write."""
    text = text.split("\nLINE ", maxsplit=1)[0]
    kind, _, rest = text.partition(": ")
    return (rest if kind.endswith("Error") else text).strip()


@contextlib.contextmanager
def database(run: Run) -> Iterator[Database]:
    """Take a connection for one query; it is given back without tables."""
    limits = (run.memory_mb, run.threads, run.time_zone)
    with _resting_lock:
        fitting = [each for each in _resting if each[0] == limits]
        if fitting:
            _resting.remove(fitting[-1])
    connection = fitting[-1][1] if fitting else _connect(*limits)
    used = Database(connection, run)
    try:
        yield used
        used.forget()
    except BaseException:
        # What state it is in is not known.
        used.close()
        raise
    with _resting_lock:
        _resting.append((limits, connection))
        left = _resting.pop(0)[1] if len(_resting) > _MOST_RESTING else None
    if left is not None:
        left.close()


@contextlib.contextmanager
def spilling_database(run: Run) -> Iterator[Database]:
    """Make a connection for one query over more than fits into memory: what does not is in a directory of its own."""
    directory = tempfile.TemporaryDirectory(prefix="rowpattern-")
    # Each thread that sorts holds blocks of its own.
    threads = max(1, min(run.threads, int(run.memory_mb / _SORT_MB_A_THREAD)))
    used = Database(_connect(run.memory_mb, threads, run.time_zone, directory.name), run)
    try:
        yield used
    finally:
        used.close(directory.cleanup)


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
