"""Connections of DuckDB, which evaluate plain SQL over the tables that they are given, and nothing else.

Connections have no access to files, the network, extensions, or the caller's variables; settings are locked; memory and
time are limited. Each is one query's own, of an instance that others may use too (`instances.py`).
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from rowpattern.errors import QueryError, QueryLimitError, RowPatternError
from rowpattern.sql.arrow.categories import marked_ordered
from rowpattern.sql.arrow.encodings import for_duckdb
from rowpattern.sql.arrow.sizes import size_bytes
from rowpattern.sql.duckdb.beyond_arrow import kept_exactly
from rowpattern.sql.duckdb.enums import arrow_table, enum_columns
from rowpattern.sql.duckdb.exchange import casts_to, check_column_names, relation_reader
from rowpattern.sql.duckdb.failures import failure, is_fatal, was_ended_before
from rowpattern.sql.duckdb.instances import MOST_MEMORY_MB, lease, limits_of, own_lease, supervised
from rowpattern.sql.duckdb.registered import RegisteredTables
from rowpattern.sql.duckdb.spill_directory import made_spill_directory
from rowpattern.sql.duckdb.time_zones import UTC
from rowpattern.sql.runtime.imports import forks_wait
from rowpattern.sql.runtime.ownership import owned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa
    from typing_extensions import Self

    from rowpattern.sql.duckdb.instances import Lease
    from rowpattern.sql.duckdb.spill_directory import SpillDirectory
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.runtime.supervised import Task

__all__ = ["Database", "abandoned_queries", "database", "spilling_database"]

# After a query over more rows its instance begins no other one: it may hold hundreds of megabytes as long as it is
# open. Making another one takes little beside such a query.
_MOST_ROWS_RESTING = 1 << 20

# Two threads that sorted 5 GB in 256 MB ran out of it; one did not.
_SORT_MB_A_THREAD = 192

# Texts up to this length are bound in the thread that asks, as nothing of them is executed: another thread would cost
# a tenth of the time. Longer ones can be interrupted there.
_MOST_CHARACTERS_BOUND_AT_ONCE = 1 << 12
_PLAN = "SELECT json_serialize_plan(?, skip_null := true, skip_empty := true)"

_Found = TypeVar("_Found")

# What DuckDB raises, and what comes through it from readers of tables.
_FAILURES = (duckdb.Error, UnicodeDecodeError, OSError)


def abandoned_queries() -> int:
    """Return how many queries passed a limit or were given up, and go on in the background as DuckDB has not stopped.

    At most as many as this process has cores, or 4 where it has fewer, go on while more are begun: a further one waits
    until one of them has ended, and when its own time is over it fails with `QueryBusyError`.
    """
    return supervised.abandoned


# A fork waits for this many of the process's short calls of DuckDB, the first ones: one of them parses a query's text.
_first_calls = 8


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
        taken: Lease | None = None,
        directory: SpillDirectory | None = None,
    ) -> None:
        """Work within the limits of a run.

        Args:
            context: the limits.
            time_zone: in which it computes.
            taken: the connection; without one it is taken when it is needed.
            directory: where is what does not fit into memory.
        """
        self.time_zone = time_zone
        self._taken = taken
        self._context = context
        self._directory = directory
        self._tables = RegisteredTables()
        self._others: dict[str, Database] = {}
        self._until_end: contextlib.ExitStack | None = None
        self._left: Task[Any] | None = None
        self._broken = False
        self._process = os.getpid()

    def __enter__(self) -> Self:
        """Begin a query."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection, and the connections for other time zones."""
        self.end(error)
        refused = isinstance(error, RowPatternError) and not isinstance(error, QueryLimitError)
        # Of an instance that is this query's alone it is not known in which state it is.
        is_unknown = error is not None and not refused and self._taken is not None and not self._taken.is_shared
        self.close(retire=self._broken or is_unknown or self._context.read_rows > _MOST_ROWS_RESTING)

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        assert self._taken is not None  # noqa: S101 - `connect` was called
        return self._taken.connection

    def connect(self) -> None:
        """Take the connection, where it was not taken yet.

        Raises:
            QueryLimitError: it took too long.
            UnsupportedQueryError: DuckDB does not know the time zone.
        """
        if self._taken is None:
            self._taken = lease(limits_of(self._context, self.time_zone), self._context)

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
        return max(0, int(min(self._context.memory_mb, MOST_MEMORY_MB)) * 2**20 - self._context.held_bytes)

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

    def register(
        self,
        name: str,
        table: Any,
        labels: Mapping[str, Sequence[str]] | None = None,
        types: Mapping[str, str] | None = None,
    ) -> None:
        """Make a table known under a name, in place of what had it.

        Args:
            name: the name.
            table: an Arrow table or a reader.
            labels: the ordered categories of a reader's columns.
            types: as for `project`.

        Raises:
            QueryError: DuckDB has no type for one of its columns, or two of their names differ in the case of letters
                only: it would read one of them for both.
        """
        check_column_names(table.schema.names)
        given = for_duckdb(table)
        enums = enum_columns(given, labels)
        casts = None if types is None else casts_to(given, types)
        try:
            # In the main thread DuckDB would make an error of its own of the exception that a signal raises.
            self._within_limits(lambda: self._tables.add(self._connection, name, given, enums, casts))
        except QueryLimitError:
            raise
        except QueryError as error:
            raise QueryError(f"the table cannot be given to DuckDB: {error}") from None

    def end(self, error: BaseException | None) -> None:
        """Give back the connections for other time zones."""
        if self._until_end is not None:
            self._others.clear()
            self._until_end.__exit__(None if error is None else type(error), error, None)

    @property
    def own(self) -> bool:
        """Whether this process made it; a forked child must leave it alone."""
        return self._process == os.getpid()

    def close(self, and_then: Callable[[], object] = lambda: None, *, retire: bool = False) -> None:
        """Close the connection; later, and elsewhere, where work was left that has not ended.

        Args:
            and_then: called when it is closed.
            retire: whether no other query is to begin with its instance.
        """
        if not self.own:
            return
        taken, self._taken = self._taken, None

        def end() -> None:
            if taken is not None:
                taken.end(retire=retire)
            and_then()

        if self._left is None:
            end()
        else:
            self._left.when_ended(end)

    def query(self, sql: str, parameters: dict[str, Any] | None = None, *, counted: bool = False) -> pa.Table:
        """Run a query over registered tables.

        Args:
            sql: the query.
            parameters: the values that are bound to its parameters.
            counted: whether the memory of the answer counts in the query's limit, until the query ends: DuckDB does not
                count what it gives.

        Raises:
            QueryError: DuckDB refuses it, with DuckDB's message.
            QueryLimitError: it took too long or too much memory.
        """
        return self.typed_query(sql, parameters, counted=counted)[0]

    def typed_query(
        self, sql: str, parameters: dict[str, Any] | None = None, *, counted: bool = False, kept: bool = False
    ) -> tuple[pa.Table, list[Any]]:
        """Run a query as `query` does, and return with its answer DuckDB's types of the columns.

        Args:
            sql: the query.
            parameters: the values that are bound to its parameters.
            counted: as for `query`.
            kept: whether the answer is to be registered with these types, and has texts of what Arrow does not hold.
        """
        given: dict[str, Any] = {} if parameters is None else {"params": parameters}

        def hold(batch: pa.RecordBatch) -> None:
            self._context.hold(size_bytes(batch))

        def answered() -> tuple[pa.Table, list[Any]]:
            relation = self._connection.sql(sql, **given)
            shown = kept_exactly(relation) if kept else relation
            return arrow_table(shown, hold if counted else None), relation.types

        return self._within_limits(answered)

    def plan(self, sql: str) -> str:
        """Return DuckDB's plan of a query that reads no table, as JSON; nothing is executed.

        Raises:
            QueryLimitError: it took too long or too much memory.
        """
        found = self.rows(_PLAN, [sql], quick=len(sql) <= _MOST_CHARACTERS_BOUND_AT_ONCE)
        # DuckDB answers an interrupt there as it answers what it refuses, and the plan would be kept.
        self._context.check()
        return str(found[0][0])

    def rows(self, sql: str, parameters: Sequence[str | list[str]], *, quick: bool = False) -> list[tuple[Any, ...]]:
        """Run a query that reads no table.

        Args:
            sql: the query.
            parameters: its parameters: texts, or lists of texts.
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
            if types is not None and (casts := casts_to(given, types)) is not None:
                typed = typed.project(casts)
            return arrow_table(typed.project(columns))

        return self._within_limits(projected)

    def _within_limits(self, work: Callable[[], _Found], *, quick: bool = False) -> _Found:
        if not self.own:
            raise QueryError("a stream cannot be read in a forked child of the process that made it")
        self.connect()
        held_bytes = self._context.held_bytes
        try:
            return self._worked(work, quick=quick)
        except _FAILURES as error:
            if not (was_ended_before(error) and self._can_begin_again):
                raise self._failed(error) from None
        self._context.release(max(0, self._context.held_bytes - held_bytes))
        try:
            self._begin_again()
            return self._worked(work, quick=quick)
        except _FAILURES as error:
            raise self._failed(error) from None

    def _worked(self, work: Callable[[], _Found], *, quick: bool) -> _Found:
        return self._at_once(work) if quick else supervised.supervise(work, self._context, self._interrupt, self._leave)

    def _failed(self, error: Exception) -> QueryError:
        if is_fatal(error):
            self._broken = True
            if self._taken is not None:
                # Now, and not when this query ends, so that fewer queries meet it.
                self._taken.retire()
        return failure(error, self._context, self._directory)

    @property
    def _can_begin_again(self) -> bool:
        """Whether another instance can do what was asked: nothing is read that can be read once only."""
        return self._directory is None and self._left is None and self._tables.can_be_moved

    def _begin_again(self) -> None:
        """Take a connection to another instance: a fatal error, of another query or a call before, ended this one's."""
        taken, self._taken = self._taken, None
        if taken is not None:
            taken.end(retire=True)
        self.connect()
        self._worked(lambda: self._tables.move_to(self._connection), quick=False)

    @staticmethod
    def _at_once(work: Callable[[], _Found]) -> _Found:
        global _first_calls  # noqa: PLW0603 - of the process
        if _first_calls == 0:
            return work()
        # DuckDB initialises itself in its first calls. A child that is forked meanwhile does not have the thread that
        # does it, and would wait for it for ever.
        with forks_wait:
            _first_calls = max(0, _first_calls - 1)
            return work()

    def _interrupt(self) -> None:
        # It may have been closed just now.
        with contextlib.suppress(duckdb.Error):
            if (taken := self._taken) is not None:
                taken.connection.interrupt()

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


def database(context: ExecutionContext, time_zone: str | None = None) -> Database:
    """Return a connection for one query, which `with` closes.

    Args:
        context: the query's limits.
        time_zone: in which it computes; by default the one that the caller named, or UTC.
    """
    return Database(context, time_zone or context.time_zone or UTC)


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
    limits = limits_of(context, zone)._replace(threads=threads, spill_directory=directory.path)
    try:
        taken = own_lease(limits, context)
    except BaseException:
        directory.remove()
        raise
    used = Database(context, zone, taken, directory)
    try:
        yield used
    finally:
        used.close(directory.remove)
