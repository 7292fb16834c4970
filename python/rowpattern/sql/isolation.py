"""Queries in worker processes, for SQL from strangers: `match_recognize(..., isolation="process")`.

The system keeps the limits: a worker cannot take more memory than its query may, and is ended when time is over,
whatever it does. Tables stay with their owner; a worker asks for the columns that its query reads, and they cross in
shared memory. Workers are made without a fork of this process, are kept, and end with it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern import errors
from rowpattern.errors import ConfigurationError, InternalError, QueryLimitError, RowPatternError
from rowpattern.sql.attended import park
from rowpattern.sql.channel import Channel, ClosedError, ReceivedTables, SentTables
from rowpattern.sql.explanation import Explanation
from rowpattern.sql.reading import table_reader
from rowpattern.sql.running import Progress, Step
from rowpattern.sql.tables import Answer, AnswerColumn, Table, as_kind
from rowpattern.sql.workers import available_cores

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern.sql.running import Run

__all__ = ["answer_isolated", "explain_isolated", "start_workers", "worker_processes"]

# A worker's own error says more than that time is over; it gets so long to say it.
_GRACE_SECONDS = 0.08
_MOST_WAIT_FOR_STATUS_SECONDS = 5.0
_BETWEEN_SIGNALS_SECONDS = 0.03
_MOST_START_SECONDS = 60.0
_MOST_END_SECONDS = 1.0
_MOST_LAST_WORDS = 4000
# What a worker gets of the environment: no secrets of the service's.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TZDIR", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
# Address space is limited there: allocators must not reserve what they do not use.
_ALLOCATORS = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}
_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from rowpattern.sql.isolation_worker import main
main(int(sys.argv[2]), int(sys.argv[3]))
"""
# What a library says that gets no memory, where it then ends the process.
_NO_MEMORY = ("bad_alloc", "memory allocation of", "out of memory", "Out of Memory", "MemoryError", "Cannot allocate")

_KINDS: dict[str, type[Exception]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, RowPatternError) and not name.startswith("_")
} | {"TypeError": TypeError, "ValueError": ValueError}


class _Worker:
    """One process, with this side's end of its socket."""

    def __init__(self) -> None:
        """Start the process; it is not ready yet."""
        if not sys.executable:
            raise ConfigurationError('isolation="process" needs sys.executable, to start Python with')
        ours, theirs = socket.socketpair()
        self._last_words = os.memfd_create("rowpattern-errors", os.MFD_CLOEXEC)
        path = json.dumps(_import_path())
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        settings = {name: value for name, value in os.environ.items() if name.startswith("MR_")}
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - Python, and a program that is a constant
                [
                    sys.executable,
                    "-I",
                    "-c",
                    _PROGRAM,
                    path,
                    str(theirs.fileno()),
                    str(os.getpid()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._last_words,
                pass_fds=[theirs.fileno()],
                env=environment | settings | _ALLOCATORS,
                # Ctrl-C at a terminal is for this process.
                start_new_session=True,
            )
        self.channel = Channel(ours)
        self.tables = SentTables(min(2, available_cores()))
        self.answers = ReceivedTables()

    def wait_until_ready(self) -> None:
        """Wait for the process.

        Raises:
            InternalError: it does not start.
        """
        until = time.perf_counter() + _MOST_START_SECONDS
        try:
            self.channel.receive(lambda: max(0.0, until - time.perf_counter()))
        except (ClosedError, TimeoutError):
            self.kill()
            raise InternalError(f"a worker process does not start: {self.last_words() or 'it says nothing'}") from None

    def last_words(self) -> str:
        """Return the end of what the process wrote to standard error."""
        size = os.fstat(self._last_words).st_size
        begin = max(0, size - _MOST_LAST_WORDS)
        return os.pread(self._last_words, _MOST_LAST_WORDS, begin).decode(errors="replace").strip()

    def kill(self) -> None:
        """End the process at once; the system takes its memory back while this one goes on."""
        self.process.kill()
        self.channel.close()
        self.tables.close()
        self.answers.close()

    def forget(self) -> None:
        """In a forked child: let go of the parent's worker."""
        self.channel.close()
        self.tables.close()
        self.answers.close()
        self.close()
        # It is no child of this process's.
        self.process.returncode = 0

    def close(self) -> None:
        """Free what is left when the process has ended."""
        os.close(self._last_words)


def _import_path() -> list[str]:
    """Return where a worker imports from: this package, and what was found for this process.

    A folder that is meant by where the process runs is none, but where it has this package.
    """
    package = str(Path(__file__).resolve().parents[2])
    found = []
    for entry in sys.path:
        if Path(entry).is_absolute():
            found.append(entry)
        elif str(Path(entry).resolve()) == package:
            found.append(package)
    return found if package in found else [package, *found]


class _Pool:
    """The workers of this process."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._resting: list[_Worker] = []
        self._all: list[_Worker] = []
        self._ending: list[_Worker] = []
        self._starting = 0
        self._failure: Exception | None = None
        #: Whether the interpreter ends.
        self.closing = False

    @property
    def most(self) -> int:
        return max(2, available_cores())

    def count(self) -> int:
        return len(self._all)

    def take(self, run: Run) -> _Worker:
        """Wait for a worker. Time counts while all are at work, not while one starts.

        Raises:
            QueryLimitError: all were at work until time was over.
            InternalError: none can be started.
        """
        main = threading.current_thread() is threading.main_thread()
        while True:
            began = time.perf_counter()
            with self._changed:
                self._reap()
                self._leave_out_dead()
                if self._resting:
                    return self._resting.pop()
                if self._failure is not None:
                    failure, self._failure = self._failure, None
                    raise failure
                self._start_more(1 if not self._starting else 0)
                starting = bool(self._starting)
                left = run.seconds_left
                if not starting and not left:
                    raise QueryLimitError(
                        f"all {self.most} worker processes were at work for the query's limit of {run.seconds:g} s; "
                        "give timeout_seconds, or have fewer queries at once"
                    )
                wait = _MOST_START_SECONDS if starting else left
                self._changed.wait(min(wait, _BETWEEN_SIGNALS_SECONDS) if main else wait)
            if starting:
                run.wait(began)

    def give(self, worker: _Worker) -> None:
        """Take a worker back that has done its work."""
        with self._changed:
            self._resting.append(worker)
            self._changed.notify()

    def replace(self, worker: _Worker) -> None:
        """End a worker, and start another."""
        worker.kill()
        with self._changed:
            if worker in self._all:
                self._all.remove(worker)
                self._ending.append(worker)
            self._reap()
            if not self.closing:
                self._start_more(1)

    def start(self, count: int) -> None:
        """Start workers until there are so many, and wait for them."""
        with self._changed:
            self._start_more(min(count, self.most) - len(self._all) - self._starting)
            while self._starting:
                self._changed.wait(_BETWEEN_SIGNALS_SECONDS)
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure

    def _start_more(self, count: int) -> None:
        for _ in range(min(count, self.most - len(self._all) - self._starting)):
            self._starting += 1
            threading.Thread(target=self._start, name="rowpattern-start", daemon=True).start()

    def _start(self) -> None:
        worker = None
        failure: Exception | None = None
        try:
            worker = _Worker()
            worker.wait_until_ready()
        except Exception as error:  # noqa: BLE001 - it is raised where a worker was asked for
            failure, worker = error, None
        with self._changed:
            self._starting -= 1
            self._failure = failure
            if worker is not None:
                self._all.append(worker)
                self._resting.append(worker)
            self._changed.notify_all()

    def _reap(self) -> None:
        ended = [worker for worker in self._ending if worker.process.poll() is not None]
        for worker in ended:
            self._ending.remove(worker)
            worker.close()

    def _leave_out_dead(self) -> None:
        """Forget workers that were ended while they had nothing to do, as by the system where memory is short."""
        for worker in [each for each in self._resting if each.process.poll() is not None]:
            self._resting.remove(worker)
            self._all.remove(worker)
            worker.kill()
            worker.close()

    def end(self) -> None:
        """End all workers: the interpreter ends."""
        self.closing = True
        with self._changed:
            workers, self._all, self._resting = self._all, [], []
            for worker in workers:
                # Daemon threads may still wait for their sockets, which the process's end closes.
                worker.process.kill()
            until = time.perf_counter() + _MOST_END_SECONDS
            for worker in [*workers, *self._ending]:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    worker.process.wait(max(0.0, until - time.perf_counter()))
                if worker.process.returncode is None:
                    # The system is still taking its memory back, and does not need this process for it.
                    worker.process.returncode = 0

    def after_fork(self) -> None:
        """In a forked child: leave the parent's workers alone."""
        for worker in [*self._all, *self._ending]:
            worker.forget()
        self._begin()


_pool = _Pool()
atexit.register(_pool.end)
os.register_at_fork(after_in_child=_pool.after_fork)


def start_workers(count: int) -> None:
    """Start worker processes until there are so many, so that first queries need not wait.

    There are at most as many as this process may use cores, or 2 where it may use one.

    Raises:
        InternalError: one does not start; the message has what it said.
    """
    _pool.start(count)


def worker_processes() -> int:
    """Return how many worker processes there are."""
    return _pool.count()


def answer_isolated(sql: str, data: Any, named: Mapping[str, Any], run: Run) -> Any:
    """Answer a query in a worker process; see `rowpattern.match_recognize`."""
    return _Query(sql, data, named, run).answer()


def explain_isolated(sql: str, data: Any, named: Mapping[str, Any], run: Run, *, analyze: bool) -> Explanation:
    """Explain a query in a worker process; see `rowpattern.explain`."""
    return _Query(sql, data, named, run).explanation(analyze=bool(analyze))


class _Query:
    """A query that a worker answers, and the tables that it may ask for."""

    def __init__(self, sql: str, data: Any, named: Mapping[str, Any], run: Run) -> None:
        self._sql = sql
        self._given = dict(named) if data is None else {**named, "": data}
        self._has_data = data is not None
        self._run = run
        self._tables: dict[str, Table] = {}

    def answer(self) -> Any:
        reply, table = self._asked(None)
        if table is None:
            raise InternalError("a worker process gave no answer")
        with self._run.step("answer", table.num_rows):
            source = None if reply["source"] is None else self._tables[reply["source"]]
            columns = [_column(each, table, source) for each in reply["columns"]]
            return as_kind(Answer(columns), reply["kind"], source)

    def explanation(self, *, analyze: bool) -> Explanation:
        reply, _ = self._asked(analyze)
        return Explanation(reply["explanation"], tuple(self._run.steps) if analyze else ())

    def _asked(self, explain: bool | None) -> tuple[dict[str, Any], pa.Table | None]:
        run = self._run
        worker = _pool.take(run)
        rests = False
        try:
            question = {
                "sql": self._sql,
                "names": [name for name in self._given if name],
                "data": self._has_data,
                "memory_mb": run.memory_mb,
                "seconds": run.seconds,
                # By the system's monotonic clock, which all processes have.
                "begun": run.begun,
                "threads": run.threads,
                "progress": bool(run.progress),
                "explain": explain,
            }
            worker.tables.begin()
            worker.channel.send(question)
            reply, table = self._served(worker)
            worker.tables.end()
            worker.answers.end()
            rests = not reply.get("replace")
        except ClosedError:
            if _pool.closing and threading.current_thread() is not threading.main_thread():
                park()
            raise self._lost(worker) from None
        except TimeoutError:
            raise run.late() from None
        finally:
            # Whatever was raised, Ctrl-C while the worker's end was waited for included.
            (_pool.give if rests else _pool.replace)(worker)
        if "error" in reply:
            raise self._error(reply)
        run.steps += [Step(*step) for step in reply["steps"]]
        return reply, table

    def _served(self, worker: _Worker) -> tuple[dict[str, Any], pa.Table | None]:
        """Give the worker what it asks for until it is done."""
        self._failure: Exception | None = None
        deadline = self._run.deadline + _GRACE_SECONDS
        main = threading.current_thread() is threading.main_thread()
        look = _BETWEEN_SIGNALS_SECONDS if main else _MOST_START_SECONDS
        while True:
            message, descriptor = worker.channel.receive(lambda: max(0.0, deadline - time.perf_counter()), look)
            if "columns" in message:
                return message, worker.answers.copy(message["place"], descriptor)
            if "error" in message or "explanation" in message:
                return message, None
            if "progress" in message:
                self._run.report(Progress(*message["progress"]))
                continue
            try:
                reply, sent = self._given_to(worker, message)
            except Exception as error:  # noqa: BLE001 - it is raised when the worker has stopped
                self._failure = error
                reply, sent = {"failed": True}, None
            worker.channel.send(reply, sent)

    def _given_to(self, worker: _Worker, message: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
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
            found = table_reader(self._run)(self._given[name], name or "data")
            self._tables[name] = found
        return found

    def _error(self, reply: dict[str, Any]) -> Exception:
        name = reply["error"]
        if self._failure is not None:
            return self._failure
        if name == "memory":
            return self._run.too_large()
        kind = _KINDS.get(name, InternalError)
        message = str(reply.get("message"))
        return kind(message, reply["line"], reply["column"]) if "line" in reply else kind(message)

    def _lost(self, worker: _Worker) -> Exception:
        """Say why a worker has ended."""
        status: int | None
        try:
            # It has closed its end already; one that crashes may have its memory written to a file first.
            status = worker.process.wait(_MOST_WAIT_FOR_STATUS_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        said = worker.last_words()
        # Nobody here ended it: the system does so where memory is short.
        if status == -9 or any(each in said for each in _NO_MEMORY):  # noqa: PLR2004 - SIGKILL
            return self._run.too_large()
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
