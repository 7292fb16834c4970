"""The worker process of `isolation="process"`: answers one query at a time, within limits that the system keeps.

Its own limits are those that a query has anywhere; the system refuses memory beyond, and the process that sent the
query ends this one when time is over.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern.errors import InternalError, QueryLimitError, RowPatternError
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.duckdb.connection import abandoned_queries, database
from rowpattern.sql.execute.explanation import explained
from rowpattern.sql.execute.query import QueryExecution, parsed_query, tables_of
from rowpattern.sql.expression.parameters import ParameterValues
from rowpattern.sql.first_use import query_module
from rowpattern.sql.isolation.channel import Channel, ClosedError, ReceivedTables, SentTables, wait_until_closed
from rowpattern.sql.parse.clause_arguments import ClauseArguments
from rowpattern.sql.runtime.context import ExecutionContext
from rowpattern.sql.tables.inputs import common_kind, only_table
from rowpattern.sql.tables.pandas_values import PandasValues
from rowpattern.sql.tables.reading import RemoteTable, table_reader
from rowpattern.sql.tables.table import Table
from rowpattern.sql.text.source_location import nesting_limited

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.runtime.context import Progress
    from rowpattern.sql.tables.answers import Answer, AnswerColumn

__all__ = ["main"]

# Added to a query's memory, for the parser, the plan, and stacks of threads.
_SLACK_BYTES = 64 << 20
# A worker that has grown by this much since it started is replaced.
_MOST_GROWTH_BYTES = 512 << 20


class _CallerFailedError(Exception):
    """What this process asked for failed there; the error is the caller's to raise."""


class _Caller:
    """The process that sent the query, as this one sees it."""

    def __init__(self, channel: Channel, memory: _Memory) -> None:
        self.channel = channel
        self.tables = ReceivedTables(memory.allow)
        self.answers = SentTables(1, memory.allow)
        # Columns are asked for by several threads.
        self._lock = threading.Lock()

    def ask(self, **question: Any) -> Any:
        """Ask for something of a table."""
        with self._lock:
            self.channel.send(question)
            reply, descriptor = self.channel.receive()
            if "failed" in reply:
                raise _CallerFailedError
            if "place" in reply:
                return self.tables.read(reply["place"], descriptor)
            return reply

    def tell(self, **message: Any) -> None:
        with self._lock:
            self.channel.send(message)


class _TableOfCaller(RemoteTable):
    """A table that the caller was given, by its name there."""

    def __init__(self, caller: _Caller, name: str) -> None:
        self._caller = caller
        self._name = name
        self._table: _OpenedTable | None = None

    def open(self) -> _OpenedTable:
        if self._table is None:
            self._table = _OpenedTable(self._caller, self._name, **self._caller.ask(open=self._name))
        return self._table


class _OpenedTable(Table):
    """A table of the caller's; its columns cross when they are asked for."""

    def __init__(self, caller: _Caller, given: str, names: list[str], rows: int, kind: str) -> None:
        self.given = given
        self.names = names
        self.rows = rows
        self.kind = kind
        self._caller = caller
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._whole: pa.Table | None = None

    def column(self, name: str) -> pa.ChunkedArray:
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = self._caller.ask(column=[self.given, name]).column(0)
        return found

    def texts(self, name: str) -> None:  # noqa: ARG002 - a column crosses once, checked
        return None

    def shown(self, name: str) -> pa.ChunkedArray:
        return self.column(name)

    def arrow(self) -> pa.Table:
        if self._whole is None:
            self._whole = self._caller.ask(whole=self.given)
        return self._whole

    def native(self, name: str, rows: Callable[[], Integers]) -> PandasValues | None:
        if self.kind != "pandas" or name in self._columns:
            return None
        return _RemoteValues(self, name, rows()) if self._caller.ask(native=[self.given, name])["native"] else None

    def restore(self, name: str, values: pa.ChunkedArray) -> Any:  # noqa: ARG002 - the caller does
        return None


class _RemoteValues(PandasValues):
    """Rows of a column that the caller takes, from values as pandas holds them."""

    def __init__(self, table: _OpenedTable, name: str, rows: Integers) -> None:
        super().__init__(None)
        self.table = table
        self.name = name
        self.rows = rows

    @property
    def values(self) -> Any:  # computed where a query goes on with them
        return self.table.column(self.name).take(self.rows).combine_chunks()

    def __len__(self) -> int:
        return len(self.rows)


class _Memory:
    """The limit of this process's address space."""

    def __init__(self) -> None:
        self._at_first = _address_space()
        self._limit = resource.RLIM_INFINITY

    @property
    def has_grown(self) -> bool:
        return _address_space() > self._at_first + _MOST_GROWTH_BYTES

    @contextlib.contextmanager
    def limited(self, memory_mb: float) -> Any:
        """Allow so much more than is taken now."""
        most = _address_space() + memory_mb * 2**20 + _SLACK_BYTES
        self._set(int(most) if most < sys.maxsize else resource.RLIM_INFINITY)
        try:
            yield
        finally:
            self._set(resource.RLIM_INFINITY)

    def allow(self, size_bytes: int) -> None:
        """Allow so much more: tables that were given do not count."""
        if self._limit != resource.RLIM_INFINITY:
            self._set(self._limit + size_bytes)

    def _set(self, limit: int) -> None:
        self._limit = limit
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY and (limit == resource.RLIM_INFINITY or limit > most):
            limit = most
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def main(descriptor: int, parent: int) -> None:
    """Answer queries until the process that sends them has gone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    end = socket.socket(fileno=descriptor)
    threading.Thread(target=_end_with, args=(end, parent), name="rowpattern-parent", daemon=True).start()
    query_module()
    _warm_up()
    memory = _Memory()
    caller = _Caller(Channel(end), memory)
    with contextlib.suppress(ClosedError):
        caller.tell(ready=os.getpid())
        while True:
            question, _ = caller.channel.receive()
            reply, answer = _replied(question, caller, memory)
            reply["replace"] = bool(reply.get("replace")) or abandoned_queries() > 0 or memory.has_grown
            caller.channel.send(reply, answer)
            caller.tables.end()
            caller.answers.end()
    # Nothing in this process has to be cleaned up.
    os._exit(0)


def _end_with(end: socket.socket, parent: int) -> None:
    wait_until_closed(end, parent)
    os._exit(0)


def _warm_up() -> None:
    """Have a query answered, so that the first one does not wait for what every query needs."""
    sql = (
        "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES sqrt(LAST(A.x)) AS m PATTERN (A+) DEFINE A AS sin(x) < 2)"
    )
    query_module().answer_query(sql, pa.table({"x": [1.0, 2.0]}), {}, ExecutionContext(256.0, 60.0))


def _replied(question: dict[str, Any], caller: _Caller, memory: _Memory) -> tuple[dict[str, Any], int | None]:
    try:
        return _answered(question, caller, memory)
    except ClosedError:
        raise
    except _CallerFailedError:
        return {"error": "failed"}, None
    except MemoryError:
        return {"error": "memory", "replace": True}, None
    except (RowPatternError, TypeError, ValueError) as error:
        reply: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
        if isinstance(error, QueryLimitError):
            # What a library makes of refused memory is not known.
            reply["replace"] = "memory" in str(error)
        return reply | {each: getattr(error, each) for each in ("line", "column") if hasattr(error, each)}, None
    except BaseException as error:  # noqa: BLE001 - it is reported there, and this process is replaced
        message = f"{type(error).__name__} in a worker process: {error}"
        return {"error": InternalError.__name__, "message": message, "replace": True}, None


def _answered(question: dict[str, Any], caller: _Caller, memory: _Memory) -> tuple[dict[str, Any], int | None]:
    def report(progress: Progress) -> None:
        caller.tell(progress=[progress.step, progress.rows, progress.seconds, progress.done])

    context = ExecutionContext(
        question["memory_mb"],
        question["seconds"],
        report if question["progress"] else None,
        question["threads"],
        begun=question["begun"],
        time_zone=question["time_zone"],
        prefer=question["prefer"],
        parameters=None if question["parameters"] is None else ParameterValues.decoded(question["parameters"]),
    )
    given = {name: _TableOfCaller(caller, name) for name in question["names"]}
    data = _TableOfCaller(caller, "") if question["data"] else None
    explain = question["explain"]
    asked = question["asked"]
    if not isinstance(asked, str):
        asked = ClauseArguments.of_plain(asked)
    # The connection then exists already: memory of DuckDB's threads does not count for the query.
    with database(context) as using:
        using.connect()
    if explain is not None:
        with memory.limited(context.memory_mb):
            explanation = explained(asked, data, given, context, analyze=explain)
        patterns = [(pattern.pattern, pattern.subset) for pattern in explanation.patterns]
        return {"explanation": explanation.text, "patterns": patterns, "steps": _steps(context)}, None
    with memory.limited(context.memory_mb):
        with nesting_limited("query"):
            parsed = parsed_query(asked, context)
            with context.step("read", 0):
                tables = tables_of(parsed, data, given, table_reader(context))
            with database(context) as using:
                answer = QueryExecution(parsed, tables, using, context).answer()
        columns, sent = _sent(answer)
        caller.answers.begin()
        place, descriptor = caller.answers.write(sent)
    one = only_table(tables)
    source = one.given if isinstance(one, _OpenedTable) else None
    kind = common_kind(tables)
    return {"columns": columns, "place": place, "kind": kind, "source": source, "steps": _steps(context)}, descriptor


def _steps(context: ExecutionContext) -> list[list[Any]]:
    return [[step.name, step.rows, step.seconds, step.begun] for step in context.steps]


def _sent(answer: Answer) -> tuple[list[dict[str, Any]], pa.Table]:
    """Return what an answer's columns are, and their values; of those that the caller takes, their rows."""
    columns: list[dict[str, Any]] = []
    arrays: list[Any] = []
    at: dict[int, int] = {}
    for column in answer.columns:
        values = column.values
        key = id(values.rows) if isinstance(values, _RemoteValues) else id(column)
        if key not in at:
            at[key] = len(arrays)
            arrays.append(_array(column, values))
        taken = values.name if isinstance(values, _RemoteValues) else None
        columns.append({"name": column.name, "origin": column.origin, "taken": taken, "at": at[key]})
    return columns, pa.Table.from_arrays(arrays, names=[str(number) for number in range(len(arrays))])


def _array(column: AnswerColumn, values: Any) -> Any:
    if isinstance(values, _RemoteValues):
        return from_numpy(np.asarray(values.rows))
    return column.arrow()
