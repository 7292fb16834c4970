"""One query that a worker process answers: its tables, what the worker asks for, and what comes back."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern import errors
from rowpattern.errors import InternalError, RowPatternError
from rowpattern.patterns import compile  # noqa: A004
from rowpattern.sql.execute.explanation import Explanation
from rowpattern.sql.isolation.channel import ClosedError
from rowpattern.sql.isolation.pool import BETWEEN_SIGNALS_SECONDS, MOST_START_SECONDS, pool
from rowpattern.sql.parse.clause_arguments import question_text
from rowpattern.sql.runtime.context import Progress, Step
from rowpattern.sql.runtime.supervised import wait_forever
from rowpattern.sql.tables.answers import Answer, AnswerColumn, as_kind
from rowpattern.sql.tables.pandas_index import with_index_levels
from rowpattern.sql.tables.reading import table_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern.sql.isolation.pool import Worker
    from rowpattern.sql.parse.clause_arguments import Question
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["answer_isolated", "explain_isolated"]

# A worker's own error says more than that time is over; it gets so long to say it.
_GRACE_SECONDS = 0.08
_MOST_WAIT_FOR_STATUS_SECONDS = 5.0
# What a library says that gets no memory, where it then ends the process.
_NO_MEMORY = ("bad_alloc", "memory allocation of", "out of memory", "Out of Memory", "MemoryError", "Cannot allocate")

_KINDS: dict[str, type[Exception]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, RowPatternError) and not name.startswith("_")
} | {"TypeError": TypeError, "ValueError": ValueError}


def answer_isolated(question: Question, data: Any, named: Mapping[str, Any], context: ExecutionContext) -> Any:
    """Answer a query in a worker process; see `rowpattern.match_recognize`."""
    return _Query(question, data, named, context).answer()


def explain_isolated(
    question: Question, data: Any, named: Mapping[str, Any], context: ExecutionContext, *, analyze: bool
) -> Explanation:
    """Explain a query in a worker process; see `rowpattern.explain`."""
    return _Query(question, data, named, context).explanation(analyze=bool(analyze))


class _Query:
    """A query that a worker answers, and the tables that it may ask for."""

    def __init__(self, question: Question, data: Any, named: Mapping[str, Any], context: ExecutionContext) -> None:
        self._question = question
        self._given = dict(named) if data is None else {**named, "": data}
        self._has_data = data is not None
        self._context = context
        self._tables: dict[str, Table] = {}

    def answer(self) -> Any:
        reply, table = self._exchange(None)
        if table is None:
            raise InternalError("a worker process gave no answer")
        self._context.read_rows = sum(each.rows for each in self._tables.values())
        self._context.answered_rows = table.num_rows
        with self._context.step("answer", table.num_rows):
            source = None if reply["source"] is None else self._tables[reply["source"]]
            columns = [_column(each, table, source) for each in reply["columns"]]
            return as_kind(Answer(columns), reply["kind"], source, self._context.check)

    def explanation(self, *, analyze: bool) -> Explanation:
        reply, _ = self._exchange(analyze)
        patterns = tuple(compile(text, subset=subset or None) for text, subset in reply["patterns"])
        return Explanation(reply["explanation"], tuple(self._context.steps) if analyze else (), patterns)

    def _exchange(self, explain: bool | None) -> tuple[dict[str, Any], pa.Table | None]:
        context = self._context
        worker = pool.take(context)
        rests = False
        try:
            question = {
                "asked": self._question if isinstance(self._question, str) else self._question.plain(),
                "names": [name for name in self._given if name],
                "data": self._has_data,
                "memory_mb": context.memory_mb,
                "seconds": context.seconds,
                # By the system's monotonic clock, which all processes have.
                "begun": context.begun,
                "threads": context.threads,
                "time_zone": context.time_zone,
                "prefer": context.prefer,
                "parameters": None if context.parameters is None else context.parameters.encoded(),
                "progress": bool(context.progress),
                "explain": explain,
            }
            worker.tables.begin()
            worker.channel.send(question)
            reply, table = self._serve_requests(worker)
            worker.tables.end()
            worker.answers.end()
            rests = not reply.get("replace")
        except ClosedError:
            if pool.closing and threading.current_thread() is not threading.main_thread():
                wait_forever()
            raise self._reason_of_end(worker) from None
        except TimeoutError:
            raise context.timeout_error() from None
        finally:
            # Whatever was raised, Ctrl-C while the worker's end was waited for included.
            (pool.give if rests else pool.replace)(worker)
        if "error" in reply:
            raise self._error(reply)
        context.steps += [Step(*step) for step in reply["steps"]]
        return reply, table

    def _serve_requests(self, worker: Worker) -> tuple[dict[str, Any], pa.Table | None]:
        """Give the worker what it asks for until it is done."""
        self._failure: Exception | None = None
        deadline = self._context.deadline + _GRACE_SECONDS
        main = threading.current_thread() is threading.main_thread()
        look = BETWEEN_SIGNALS_SECONDS if main or self._context.cancellable else MOST_START_SECONDS

        def seconds_left() -> float:
            self._context.check_cancelled()
            return max(0.0, deadline - time.perf_counter())

        while True:
            message, descriptor = worker.channel.receive(seconds_left, look)
            if "columns" in message:
                return message, worker.answers.copy(message["place"], descriptor)
            if "error" in message or "explanation" in message:
                return message, None
            if "progress" in message:
                self._context.report(Progress(*message["progress"]))
                continue
            try:
                reply, sent = self._reply_to(worker, message)
            except Exception as error:  # noqa: BLE001 - it is raised when the worker has stopped
                self._failure = error
                reply, sent = {"failed": True}, None
            worker.channel.send(reply, sent)

    def _reply_to(self, worker: Worker, message: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
        if "open" in message:
            table = self._table(message["open"])
            return {"names": table.names, "rows": table.rows, "kind": table.kind}, None
        if "native" in message:
            name, column = message["native"]
            return {"native": self._table(name).native(column, _no_rows) is not None}, None
        if "column" in message:
            name, column = message["column"]
            sent = pa.Table.from_arrays([self._table(name).column(column)], names=["0"])
        else:
            sent = self._table(message["whole"]).arrow()
        place, descriptor = worker.tables.write(sent)
        return {"place": place}, descriptor

    def _table(self, name: str) -> Table:
        found = self._tables.get(name)
        if found is None:
            given = with_index_levels(self._given[name], question_text(self._question))
            found = table_reader(self._context)(given, name or "data")
            self._tables[name] = found
        return found

    def _error(self, reply: dict[str, Any]) -> Exception:
        name = reply["error"]
        if self._failure is not None:
            return self._failure
        if name == "memory":
            return self._context.memory_error()
        kind = _KINDS.get(name, InternalError)
        message = str(reply.get("message"))
        return kind(message, reply["line"], reply["column"]) if "line" in reply else kind(message)

    def _reason_of_end(self, worker: Worker) -> Exception:
        """Say why a worker has ended."""
        status: int | None
        try:
            # It has closed its end already; one that crashes may have its memory written to a file first.
            status = worker.process.wait(_MOST_WAIT_FOR_STATUS_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        said = worker.stderr_tail()
        # Nobody here ended it: the system does so where memory is short.
        if status == -9 or any(each in said for each in _NO_MEMORY):  # noqa: PLR2004 - SIGKILL
            return self._context.memory_error()
        return InternalError(
            f"the worker process of a query ended (status {status}); please report it, with the query and this: "
            f"{said or 'it said nothing'}"
        )


def _no_rows() -> Any:
    import numpy as np

    return np.zeros(0, dtype=np.int64)


def _column(described: dict[str, Any], table: pa.Table, source: Table | None) -> AnswerColumn:
    values = table.column(described["at"])
    name, origin, taken = described["name"], described["origin"], described["taken"]
    if taken is None or source is None:
        return AnswerColumn(name, values, origin)
    rows = values.to_numpy()
    native = source.native(taken, lambda: rows)
    if native is None:
        return AnswerColumn(name, source.column(taken).take(values), origin)
    return AnswerColumn(name, native, origin)
