"""Instances of DuckDB: one that queries share by cursors, and others for queries with limits of their own.

An instance's limits and time zone cannot be changed, as its settings are locked. Queries whose limit of memory is the
process's share an instance for each number of threads and time zone, and so the memory that it may take. A query with
a lower limit has an instance to itself, as DuckDB limits the memory of an instance and not that of a query.

Each query has a cursor of its own, made for it and closed after it. Views, registered tables and settings of a session
belong to the cursor, so a query sees nothing of others that work at the same time, nor of those before it
(`docs/decisions/0026-one-duckdb-instance.md`).

Making an instance takes 12 ms and 4 MB, a cursor 20 us. Instances without queries are kept for some time.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from rowpattern.config.process import get_config
from rowpattern.errors import ConfigurationError, UnsupportedQueryError
from rowpattern.periodic import Periodic
from rowpattern.sql.duckdb.time_zones import UTC, duckdb_zone
from rowpattern.sql.runtime import interpreter_exit  # noqa: F401 - the interpreter may end while DuckDB works
from rowpattern.sql.runtime.imports import forks_wait
from rowpattern.sql.runtime.ownership import disown, own
from rowpattern.sql.runtime.single_flight import SingleFlight
from rowpattern.sql.runtime.supervised import SupervisedThreads
from rowpattern.sql.runtime.threads import available_cores

if TYPE_CHECKING:
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.runtime.supervised import Task

__all__ = [
    "MOST_MEMORY_MB",
    "DuckdbFigures",
    "Lease",
    "Limits",
    "duckdb_figures",
    "first_connected",
    "lease",
    "limits_of",
    "own_lease",
    "supervised",
]

# The most instances that are kept without a query.
_MOST_RESTING = 4
# How long they are kept, and how often that is looked at.
_REST_SECONDS = 60.0
_BETWEEN_LOOKS_SECONDS = 15.0
# How long a connection is waited for that is to be closed.
_WAITS_FOR_CALLS = (0.001, 0.01, 0.1, 1.0)

#: DuckDB refuses a number of bytes that 64 bits do not hold.
MOST_MEMORY_MB = 1 << 40

_SETTINGS = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # These read files over a network; there would be eight of them.
    "async_threads": "1",
    # Memory is given back when a query has ended, not kept for the next one: by default up to 128 and 512 MiB are.
    "allocator_flush_threshold": "1MiB",
    "allocator_bulk_deallocation_flush_threshold": "1MiB",
}

#: The threads in which DuckDB works, within the time of queries.
supervised = SupervisedThreads("rowpattern-duckdb", "queries")


class Limits(NamedTuple):
    """What an instance cannot change.

    Attributes:
        memory_mb: the most memory, in MB of 2**20 bytes.
        threads: the most threads that work on a query.
        time_zone: in which it computes.
        spill_directory: where is what does not fit into memory; "" for nowhere.
    """

    memory_mb: float
    threads: int
    time_zone: str
    spill_directory: str = ""

    @property
    def are_shared(self) -> bool:
        """Whether queries with these limits share an instance: they may take what the process's queries may."""
        return not self.spill_directory and self.memory_mb >= get_config().performance.max_memory_mb


class DuckdbFigures(NamedTuple):
    """What this process has of DuckDB.

    Attributes:
        instances: how many instances are open.
        connections: how many queries, or parts of them, have a connection.
        memory_bytes: what DuckDB holds for them: for what they compute now, and for what it keeps.
    """

    instances: int
    connections: int
    memory_bytes: int


class _Instance:
    """An instance of DuckDB."""

    def __init__(self, limits: Limits, *, forks_wait_already: bool = False) -> None:
        self.limits = limits
        self.is_shared = limits.are_shared
        # Changed with the pool's lock.
        self.connections = 0
        self.is_retired = False
        self.rests_since = time.monotonic()
        # A child that is forked meanwhile would not have the thread that holds DuckDB's locks, and could not connect.
        with contextlib.nullcontext() if forks_wait_already else forks_wait:
            self.connection = _connect(limits)
        # Until it is closed.
        own(self.connection)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        found = self.connection.cursor()
        own(found)
        return found

    def close(self) -> None:
        _close(self.connection)


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    for wait_seconds in _WAITS_FOR_CALLS:
        try:
            connection.close()
            break
        except duckdb.ResourceInUseException:
            # Another thread has not come back from a call yet. What is not closed is freed with the last reference.
            time.sleep(wait_seconds)
    disown(connection)


def _connect(limits: Limits) -> duckdb.DuckDBPyConnection:
    given = {
        "memory_limit": f"{min(limits.memory_mb, MOST_MEMORY_MB):.3f}MiB",
        "threads": str(limits.threads),
        "temp_directory": limits.spill_directory,
    }
    connection = duckdb.connect(":memory:", config={**_SETTINGS, **given})
    # For all of the instance's cursors; that a query's progress is not printed is so for cursors anyway.
    connection.execute("SET GLOBAL python_enable_replacements = false")
    try:
        # Never the machine's.
        zone = duckdb_zone(limits.time_zone).replace("'", "''")
        connection.execute(f"SET GLOBAL TimeZone = '{zone}'")
    except duckdb.Error:
        connection.close()
        message = f"DuckDB knows no time zone {limits.time_zone}; name a region, as Europe/Paris"
        raise UnsupportedQueryError(message) from None
    connection.execute("SET lock_configuration = true")
    return connection


class Lease:
    """A query's connection to an instance.

    Attributes:
        connection: a cursor, which no other query uses.
    """

    def __init__(self, instance: _Instance, connection: duckdb.DuckDBPyConnection) -> None:
        """Take a cursor of an instance that counts it."""
        self.connection = connection
        self._instance = instance

    @property
    def is_shared(self) -> bool:
        """Whether other queries may use the instance at the same time."""
        return self._instance.is_shared

    def retire(self) -> None:
        """Have no other query begin with the instance, which is closed after its last query."""
        _pool.retire(self._instance)

    def end(self, *, retire: bool = False) -> None:
        """Close the connection.

        Args:
            retire: whether no other query is to begin with the instance, which is closed after its last query.
        """
        _close(self.connection)
        _pool.give_back(self._instance, retire=retire)


def _held_bytes(cursor: duckdb.DuckDBPyConnection) -> int:
    """Return what an instance holds, and close the cursor to it; 0 where it was closed meanwhile."""
    try:
        ((found,),) = cursor.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()
    except duckdb.Error:
        return 0
    finally:
        _close(cursor)
    return int(found or 0)


class _Pool:
    """The instances of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shared: dict[Limits, _Instance] = {}
        # Without a query; the one idle longest is first. Shared ones are in both.
        self._resting: list[_Instance] = []
        self._all: set[_Instance] = set()

    def taken(self, limits: Limits) -> Lease | None:
        """Return a connection to an instance that there is; None where there is none for it."""
        with self._lock:
            found = self._shared.get(limits) if limits.are_shared else None
            if found is None:
                found = next((each for each in reversed(self._resting) if each.limits == limits), None)
            if found is None:
                return None
            if not found.connections:
                self._resting.remove(found)
            return self._leased(found)

    def added(self, limits: Limits, *, forks_wait_already: bool = False) -> Lease:
        """Make an instance, and return a connection to it."""
        made = _Instance(limits, forks_wait_already=forks_wait_already)
        with self._lock:
            self._all.add(made)
            if made.is_shared:
                self._shared[limits] = made
            return self._leased(made)

    def _leased(self, instance: _Instance) -> Lease:
        found = Lease(instance, instance.cursor())
        instance.connections += 1
        return found

    def give_back(self, instance: _Instance, *, retire: bool) -> None:
        """Take back a connection that is closed."""
        left = None
        with self._lock:
            instance.connections -= 1
            if retire or instance.limits.spill_directory:
                self._retire(instance)
            if not instance.connections:
                if instance.is_retired:
                    left = instance
                else:
                    instance.rests_since = time.monotonic()
                    self._resting.append(instance)
                    _idle.start()
                    if len(self._resting) > _MOST_RESTING:
                        left = self._resting[0]
                        self._retire(left)
                if left is not None:
                    self._all.discard(left)
        if left is not None:
            left.close()

    def retire(self, instance: _Instance) -> None:
        """Give an instance to no other query."""
        with self._lock:
            self._retire(instance)

    def _retire(self, instance: _Instance) -> None:
        instance.is_retired = True
        if self._shared.get(instance.limits) is instance:
            del self._shared[instance.limits]
        if instance in self._resting:
            self._resting.remove(instance)

    def close_idle(self) -> None:
        """Close instances that no query has used for some time, so that the memory that they keep is free."""
        with self._lock:
            least = time.monotonic() - _REST_SECONDS
            idle = [each for each in self._resting if each.rests_since <= least]
            for each in idle:
                self._retire(each)
                self._all.discard(each)
            if not self._resting:
                _idle.stop()
        for each in idle:
            each.close()

    def figures(self) -> DuckdbFigures:
        """Return how many instances and connections there are, and what they hold."""
        with self._lock:
            every = list(self._all)
            connections = sum(each.connections for each in every)
            cursors = [each.cursor() for each in every]
        taken = sum(map(_held_bytes, cursors))
        return DuckdbFigures(len(every), connections, taken)


def _forget() -> None:
    # A child does not have the threads of its parent's instances.
    global _pool  # noqa: PLW0603 - one for the process; another thread of the parent may have held its lock
    _pool = _Pool()


def _close_idle() -> None:
    _pool.close_idle()


_pool = _Pool()
_idle = Periodic("rowpattern-idle-duckdb", _close_idle, lambda: _BETWEEN_LOOKS_SECONDS, in_child=_forget)
_flights = SingleFlight()


def limits_of(context: ExecutionContext, time_zone: str) -> Limits:
    """Return the limits of the instance for a query: of memory its own, or the process's where that is lower."""
    return Limits(min(context.memory_mb, get_config().performance.max_memory_mb), context.threads, time_zone)


def lease(limits: Limits, context: ExecutionContext) -> Lease:
    """Return a connection for a query; an instance that several ask for at once is made once.

    Raises:
        QueryLimitError: the query's time was over.
        QueryCancelledError: the query was cancelled.
        ConfigurationError: DuckDB does not know the time zone that the caller named.
        UnsupportedQueryError: or the one of a column.
    """
    found = _pool.taken(limits)
    while found is None:
        made = None

        def make() -> None:
            nonlocal made
            made = own_lease(limits, context)

        if limits.are_shared:
            _flights.make(limits, make, context)
        else:
            make()
        # Who waited finds what the other has made.
        found = made or _pool.taken(limits)
    return found


def first_connected() -> Task[None]:
    """Begin to make the instance that queries without limits of their own share, in another thread.

    A first query needs it, and it takes as long as importing what else such a query needs. Who calls this has forks
    wait until the work has ended.
    """
    performance = get_config().performance
    limits = Limits(performance.max_memory_mb, min(available_cores(), performance.max_workers), UTC)

    def make() -> None:
        taken = _pool.added(limits, forks_wait_already=True)
        try:
            # What DuckDB makes ready at the first call of these takes as long as twenty more.
            for call in ("json_serialize_sql", "json_serialize_plan"):
                taken.connection.execute(f"SELECT {call}(?, skip_null := true, skip_empty := true)", ["SELECT 1"])
        finally:
            taken.end()

    def connect() -> None:
        # A query that cannot connect says why.
        with contextlib.suppress(duckdb.Error, UnsupportedQueryError):
            _flights.make(limits, make)

    return supervised.begin(connect)


def own_lease(limits: Limits, context: ExecutionContext) -> Lease:
    """Make an instance for a query.

    Raises:
        As `lease`.
    """
    made: list[Lease] = []

    def make() -> Lease:
        made.append(_pool.added(limits))
        return made[0]

    def end() -> None:
        for each in made:
            each.end()

    def end_later(task: Task[Lease]) -> None:
        task.when_ended(end)

    try:
        return supervised.supervise(make, context, when_abandoned=end_later)
    except UnsupportedQueryError:
        if context.time_zone != limits.time_zone:
            raise
        message = f"time_zone is {limits.time_zone!r}, which DuckDB does not know; name a region, as 'Europe/Berlin'"
        raise ConfigurationError(message) from None


def duckdb_figures() -> DuckdbFigures:
    """Return how many instances and connections this process has, and what DuckDB holds. Takes 0.2 ms an instance.

    >>> from rowpattern.sql.duckdb.instances import duckdb_figures
    >>> duckdb_figures().connections
    0
    """
    return _pool.figures()
