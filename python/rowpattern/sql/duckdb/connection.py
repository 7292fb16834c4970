"""Connections of DuckDB, which evaluate plain SQL over the tables that they are given, and nothing else.

Connections have no access to files, the network, extensions, or the caller's variables; settings are locked; memory and
time are limited. They rest in a pool, empty, because making one costs more than most queries on small tables.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from rowpattern.errors import QueryError, QueryLimitError, RowPatternError, UnsupportedQueryError
from rowpattern.sql.arrow.categories import is_ordered, marked_ordered
from rowpattern.sql.arrow.encodings import for_duckdb
from rowpattern.sql.duckdb.arrow_types import duckdb_type
from rowpattern.sql.duckdb.enums import arrow_table, enum_columns
from rowpattern.sql.duckdb.names import quoted
from rowpattern.sql.duckdb.spill_directory import FULL_DISK, made_spill_directory
from rowpattern.sql.duckdb.time_zones import UTC, duckdb_zone
from rowpattern.sql.runtime import interpreter_exit  # noqa: F401 - the interpreter may end while DuckDB works
from rowpattern.sql.runtime.ownership import disown, own, owned
from rowpattern.sql.runtime.supervised import SupervisedThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa
    from typing_extensions import Self

    from rowpattern.sql.duckdb.spill_directory import SpillDirectory
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.runtime.supervised import Task

__all__ = ["Database", "abandoned_queries", "database", "relation_reader", "spilling_database"]

# The most idle connections that are kept.
_MOST_RESTING = 4
# After a query over more rows its connection is closed: DuckDB may hold hundreds of megabytes as long as it is open.
# Making another one takes little beside such a query.
_MOST_ROWS_RESTING = 1 << 20

# Two threads that sorted 5 GB in 256 MB ran out of it; one did not.
_SORT_MB_A_THREAD = 192

# DuckDB refuses a number of bytes that 64 bits do not hold.
_MOST_MEMORY_MB = 1 << 40

_PLAN = "SELECT json_serialize_plan(?, skip_null := true, skip_empty := true)"

_Found = TypeVar("_Found")

_SETTINGS = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

# Idle connections, each with its limits and time zone, which cannot be changed; the one idle longest is first.
_resting: list[tuple[tuple[float, int, str], duckdb.DuckDBPyConnection]] = []
_resting_lock = threading.Lock()


_supervised = SupervisedThreads("rowpattern-duckdb", "queries")


def abandoned_queries() -> int:
    """Return how many queries passed a limit or were given up, and go on in the background as DuckDB has not stopped.

    At most as many as this process has cores, or 4 where it has fewer, go on while more are begun: a further one waits
    until one of them has ended, and when its own time is over it fails with `QueryBusyError`.
    """
    return _supervised.abandoned


def _forget() -> None:
    # A child does not have the threads of its parent's connections.
    global _resting_lock  # noqa: PLW0603 - another thread of the parent may have held it
    _resting.clear()
    _resting_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _connect(memory_mb: float, threads: int, time_zone: str, spill_directory: str = "") -> duckdb.DuckDBPyConnection:
    limits = {
        "memory_limit": f"{min(memory_mb, _MOST_MEMORY_MB):.3f}MiB",
        "threads": str(threads),
        "temp_directory": spill_directory,
    }
    connection = duckdb.connect(":memory:", config={**_SETTINGS, **limits})
    # Progress would be printed when a query takes seconds.
    connection.execute("SET python_enable_replacements = false; SET enable_progress_bar = false")
    try:
        # Never the machine's.
        connection.execute(f"SET TimeZone = '{duckdb_zone(time_zone).replace(chr(39), chr(39) * 2)}'")
    except duckdb.Error:
        connection.close()
        message = f"DuckDB knows no time zone {time_zone}; name a region, as Europe/Paris"
        raise UnsupportedQueryError(message) from None
    connection.execute("SET lock_configuration = true")
    return connection


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    connection.close()
    disown(connection)


class Database:
    """A connection for one query, with the tables that are registered in it.

    It is taken when DuckDB is first asked for something: what the engine computes needs none.

    Attributes:
        time_zone: in which it computes.
    """

    def __init__(
        self,
        context: ExecutionContext,
        time_zone: str,
        connection: duckdb.DuckDBPyConnection | None = None,
        directory: SpillDirectory | None = None,
    ) -> None:
        """Work within the limits of a run.

        Args:
            context: the limits.
            time_zone: in which it computes.
            connection: one of its own; without one, one of the pool.
            directory: where is what does not fit into memory.
        """
        self.time_zone = time_zone
        self._taken = connection
        self._limits = (context.memory_mb, context.threads, time_zone)
        self._context = context
        self._directory = directory
        self._registered: set[str] = set()
        self._views: set[str] = set()
        self._others: dict[str, Database] = {}
        self._until_end: contextlib.ExitStack | None = None
        self._left: Task[Any] | None = None
        self._broken = False
        self._process = os.getpid()
        if connection is not None:
            # Until `_close`.
            own(connection)

    def __enter__(self) -> Self:
        """Begin a query."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the connection back to the pool, without tables; close it where what state it is in is not known."""
        if error is None:
            try:
                if self.own:
                    self.forget()
            except BaseException as failed:
                self.end(failed)
                self.close()
                raise
        self.end(error)
        refused = isinstance(error, RowPatternError) and not isinstance(error, QueryLimitError)
        broken = error is not None and not (refused and self.forgotten())
        if broken or self._context.read_rows > _MOST_ROWS_RESTING:
            self.close()
        elif self._taken is not None and self.own:
            _put_back(self._limits, self._taken)

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        assert self._taken is not None  # noqa: S101 - `connect` was called
        return self._taken

    def connect(self) -> None:
        """Take the connection, where it was not taken yet.

        Raises:
            QueryLimitError: it took too long.
            UnsupportedQueryError: DuckDB does not know the time zone.
        """
        if self._taken is None:
            connection = _resting_connection(self._limits)
            if connection is None:
                connection = _supervised.supervise(lambda: _connect(*self._limits), self._context)
            own(connection)
            self._taken = connection

    @property
    def context(self) -> ExecutionContext:
        """The limits of the query."""
        return self._context

    @property
    def threads(self) -> int:
        """The most threads that work on the query."""
        return self._context.threads

    @property
    def free_bytes(self) -> int:
        """How much of the query's memory is left."""
        return max(0, int(min(self._context.memory_mb, _MOST_MEMORY_MB)) * 2**20 - self._context.held_bytes)

    def memory_error(self) -> QueryLimitError:
        """Make the error for memory that is used up."""
        return self._context.memory_error()

    @property
    def remaining(self) -> dict[str, Any]:
        """What is left of the query's limits, and the query, as arguments of the core's functions."""
        return self._context.remaining

    @property
    def zone_given(self) -> bool:
        """Whether the caller named a time zone, so that no column's own counts."""
        return self._context.time_zone is not None

    def in_zone(self, time_zone: str) -> Database:
        """Return a connection for the same query that computes in a time zone; it has tables of its own.

        Raises:
            UnsupportedQueryError: DuckDB does not know the time zone.
        """
        if time_zone == self.time_zone:
            return self
        found = self._others.get(time_zone)
        if found is None:
            self._until_end = self._until_end or contextlib.ExitStack()
            found = self._until_end.enter_context(database(self._context, time_zone))
            self._others[time_zone] = found
        return found

    def register(self, name: str, table: Any, labels: Mapping[str, Sequence[str]] | None = None) -> None:
        """Make a table known under a name, in place of what had it.

        Args:
            name: the name.
            table: an Arrow table or a reader.
            labels: the ordered categories of a reader's columns.

        Raises:
            QueryError: DuckDB has no type for one of its columns.
        """
        given = for_duckdb(table)
        enums = enum_columns(given, labels)
        try:
            # In the main thread DuckDB would make an error of its own of the exception that a signal raises.
            self._within_limits(lambda: self._register(name, given, enums))
        except QueryLimitError:
            raise
        except QueryError as error:
            raise QueryError(f"the table cannot be given to DuckDB: {error}") from None

    def _register(self, name: str, given: Any, enums: str | None) -> None:
        if name in self._views:
            self._connection.execute(f"DROP VIEW {quoted(name)}")
            self._views.discard(name)
        if enums is None:
            self._connection.register(name, given)
            self._registered.add(name)
            return
        own = f"{name} without types"
        self._connection.register(own, given)
        self._registered.add(own)
        self._connection.unregister(name)
        self._connection.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT {enums} FROM {quoted(own)}")
        self._views.add(name)

    def forget(self) -> None:
        """Unregister all tables."""
        for name in self._views:
            self._connection.execute(f"DROP VIEW {quoted(name)}")
        self._views.clear()
        for name in self._registered:
            self._connection.unregister(name)
        self._registered.clear()

    def forgotten(self) -> bool:
        """Unregister all tables after an error; say whether the connection can go on: DuckDB only refused something."""
        if not self.own or self._left is not None or self._broken:
            return False
        try:
            self.forget()
        except duckdb.Error:
            return False
        return True

    def end(self, error: BaseException | None) -> None:
        """Give back the connections for other time zones."""
        if self._until_end is not None:
            self._others.clear()
            self._until_end.__exit__(None if error is None else type(error), error, None)

    @property
    def own(self) -> bool:
        """Whether this process made it; a forked child must leave it alone."""
        return self._process == os.getpid()

    def close(self, and_then: Callable[[], object] = lambda: None) -> None:
        """Close the connection, and then do something; later, and elsewhere, where work was left that has not ended."""
        if not self.own:
            return

        def end() -> None:
            if self._taken is not None:
                _close(self._taken)
            and_then()

        if self._left is None:
            end()
        else:
            self._left.when_ended(end)

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> pa.Table:
        """Run a query over registered tables.

        Args:
            sql: the query.
            parameters: the values that are bound to its parameters.

        Raises:
            QueryError: DuckDB refuses it, with DuckDB's message.
            QueryLimitError: it took too long or too much memory.
        """
        if parameters is None:
            return self._within_limits(lambda: arrow_table(self._connection.sql(sql)))
        return self._within_limits(lambda: arrow_table(self._connection.sql(sql, params=parameters)))

    def plan(self, sql: str) -> str:
        """Return DuckDB's plan of a query that reads no table, as JSON; nothing is executed.

        Raises:
            QueryLimitError: it took too long or too much memory.
        """
        found = self.rows(_PLAN, [sql])
        # DuckDB answers an interrupt there as it answers what it refuses, and the plan would be kept.
        self._context.check()
        return str(found[0][0])

    def rows(self, sql: str, parameters: list[str], *, quick: bool = False) -> list[tuple[Any, ...]]:
        """Run a query that reads no table.

        Args:
            sql: the query.
            parameters: its parameters.
            quick: whether it takes too little time to have another thread do it, so that it can be interrupted.

        Raises:
            QueryLimitError: it took too long or too much memory.
        """
        return self._within_limits(lambda: self._connection.execute(sql, parameters).fetchall(), quick=quick)

    def stream(self, sql: str, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """Run a query over registered tables, and give its answer in batches as it comes.

        Raises:
            As `query`.
        """
        with owned(self._within_limits(lambda: relation_reader(self._connection.sql(sql), batch_rows))) as reader:
            while True:
                batch = self._within_limits(lambda: next(reader, None))
                if batch is None:
                    return
                yield marked_ordered(batch)

    def project(self, columns: str, table: pa.Table, types: Mapping[str, str] | None = None) -> pa.Table:
        """Compute expressions over one table that is not registered, which is quicker for small ones.

        Args:
            columns: the expressions.
            table: what they read.
            types: what columns were in DuckDB before, by name: Arrow has no type for some, as UUID.

        Raises:
            As `query`.
        """
        given = for_duckdb(table)
        enums = enum_columns(given)

        def projected() -> pa.Table:
            relation = self._connection.from_arrow(given)
            typed = relation if enums is None else relation.project(enums)
            if types is not None and (casts := _casts(given, types)) is not None:
                typed = typed.project(casts)
            return arrow_table(typed.project(columns))

        return self._within_limits(projected)

    def _within_limits(self, work: Callable[[], _Found], *, quick: bool = False) -> _Found:
        if not self.own:
            raise QueryError("a stream cannot be read in a forked child of the process that made it")
        self.connect()
        try:
            return work() if quick else _supervised.supervise(work, self._context, self._interrupt, self._leave)
        except duckdb.OutOfMemoryException as error:
            raise self._too_large(str(error)) from None
        except duckdb.InterruptException:
            raise self._context.timeout_error() from None
        except duckdb.Error as error:
            self._broken |= isinstance(error, (duckdb.FatalException, duckdb.InternalException))
            if self._is_full(str(error)):
                raise self._too_large(str(error)) from None
            raise QueryError(_message(str(error))) from None
        except UnicodeDecodeError as error:
            # DuckDB's message has a part of a value that is no UTF-8.
            raise QueryError(_message(error.object.decode(errors="replace"))) from None
        except OSError as error:
            # From a reader, through Arrow, which keeps the text only.
            text = str(error)
            if text.startswith("Out of Memory Error") or self._is_full(text):
                raise self._too_large(text) from None
            raise (
                self._context.timeout_error() if text.startswith("INTERRUPT") else QueryError(_message(text))
            ) from None

    def _is_full(self, text: str) -> bool:
        """Say whether a message of DuckDB's is about the disk for what does not fit into memory."""
        return self._directory is not None and (
            "'max_temp_directory_size'" in text
            or (self._directory.path in text and any(os.strerror(code) in text for code in FULL_DISK))
        )

    def _too_large(self, text: str) -> QueryLimitError:
        if self._directory is not None and self._is_full(text):
            return self._directory.full(self._context)
        return self._context.memory_error()

    def _interrupt(self) -> None:
        # It may have been closed just now.
        with contextlib.suppress(duckdb.Error):
            self._connection.interrupt()

    def _leave(self, work: Task[Any]) -> None:
        self._left = work

    def refuses(self, expression: str, table: pa.Table, types: Mapping[str, str] | None = None) -> str | None:
        """Return why an expression cannot be computed over a table, as `project` takes them; None when it can."""
        try:
            self.project(expression, table, types)
        except QueryLimitError:
            raise
        except QueryError as error:
            return str(error)
        return None


def relation_reader(relation: duckdb.DuckDBPyRelation, batch_rows: int) -> pa.RecordBatchReader:
    """Return a reader of what a relation gives; DuckDB computes it as it is read."""
    return relation.to_arrow_reader(batch_rows)


def _casts(table: pa.Table, types: Mapping[str, str]) -> str | None:
    """Return what to select from a table so that columns have these types; None where they have them."""
    lost = {
        field.name: types[field.name]
        for field in table.schema
        if field.name in types and not is_ordered(field.type) and duckdb_type(field.type) != types[field.name]
    }
    if not lost:
        return None
    return ", ".join(
        f"CAST({quoted(name)} AS {lost[name]}) AS {quoted(name)}" if name in lost else quoted(name)
        for name in table.column_names
    )


def _message(text: str) -> str:
    """Return DuckDB's message without its excerpt, which shows a text that the caller did not write."""
    text = text.split("\nLINE ", maxsplit=1)[0]
    kind, _, rest = text.partition(": ")
    return (rest if kind.endswith("Error") else text).strip()


def database(context: ExecutionContext, time_zone: str | None = None) -> Database:
    """Return a connection for one query, which `with` gives back to the pool.

    Args:
        context: the query's limits.
        time_zone: in which it computes; by default the one that the caller named, or UTC.
    """
    return Database(context, time_zone or context.time_zone or UTC)


def _resting_connection(limits: tuple[float, int, str]) -> duckdb.DuckDBPyConnection | None:
    """Take a connection with these limits out of the pool, the one that was used last; None where there is none."""
    with _resting_lock:
        fitting = [each for each in _resting if each[0] == limits]
        if not fitting:
            return None
        _resting.remove(fitting[-1])
    return fitting[-1][1]


def _put_back(limits: tuple[float, int, str], connection: duckdb.DuckDBPyConnection) -> None:
    with _resting_lock:
        _resting.append((limits, connection))
        left = _resting.pop(0)[1] if len(_resting) > _MOST_RESTING else None
    if left is not None:
        _close(left)


@contextlib.contextmanager
def spilling_database(context: ExecutionContext, time_zone: str | None = None) -> Iterator[Database]:
    """Make a connection for one query over more than fits into memory: what does not is in a directory of its own.

    Args:
        context: as for `database`.
        time_zone: as for `database`.
    """
    zone = time_zone or context.time_zone or UTC
    directory = made_spill_directory()
    # Each thread that sorts holds blocks of its own.
    threads = max(1, min(context.threads, int(context.memory_mb / _SORT_MB_A_THREAD)))
    try:
        connection = _supervised.supervise(lambda: _connect(context.memory_mb, threads, zone, directory.path), context)
    except BaseException:
        directory.remove()
        raise
    used = Database(context, zone, connection, directory)
    try:
        yield used
    finally:
        used.close(directory.remove)
