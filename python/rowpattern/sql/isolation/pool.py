"""The worker processes of this process: they start without a fork, are kept from query to query, and end with it."""

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
from typing import TYPE_CHECKING

from rowpattern.errors import ConfigurationError, InternalError, QueryBusyError
from rowpattern.sql.isolation.channel import Channel, ClosedError, ReceivedTables, SentTables
from rowpattern.sql.runtime.threads import available_cores

if TYPE_CHECKING:
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["BETWEEN_SIGNALS_SECONDS", "MOST_START_SECONDS", "Worker", "pool", "start_workers", "worker_processes"]

BETWEEN_SIGNALS_SECONDS = 0.03
MOST_START_SECONDS = 60.0
_MOST_END_SECONDS = 1.0
_MOST_STDERR_BYTES = 4000
# What a worker gets of the environment: no secrets of the service's.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TZDIR", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
# Address space is limited there: allocators must not reserve what they do not use.
_ALLOCATORS = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}
_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from rowpattern.sql.isolation.worker import main
main(int(sys.argv[2]), int(sys.argv[3]))
"""


class Worker:
    """One process, with this side's end of its socket."""

    def __init__(self) -> None:
        """Start the process; it is not ready yet."""
        if not sys.executable:
            raise ConfigurationError('isolation="process" needs sys.executable, to start Python with')
        own_end, worker_end = socket.socketpair()
        self._stderr = os.memfd_create("rowpattern-errors", os.MFD_CLOEXEC)
        path = json.dumps(_import_path())
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        settings = {name: value for name, value in os.environ.items() if name.startswith("MR_")}
        with worker_end:
            self.process = subprocess.Popen(  # noqa: S603 - Python, and a program that is a constant
                [
                    sys.executable,
                    "-I",
                    "-c",
                    _PROGRAM,
                    path,
                    str(worker_end.fileno()),
                    str(os.getpid()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                pass_fds=[worker_end.fileno()],
                env=environment | settings | _ALLOCATORS,
                # Ctrl-C at a terminal is for this process.
                start_new_session=True,
            )
        self.channel = Channel(own_end)
        self.tables = SentTables(min(2, available_cores()))
        self.answers = ReceivedTables()

    def wait_until_ready(self) -> None:
        """Wait for the process.

        Raises:
            InternalError: it does not start.
        """
        until = time.perf_counter() + MOST_START_SECONDS
        try:
            self.channel.receive(lambda: max(0.0, until - time.perf_counter()))
        except (ClosedError, TimeoutError):
            self.kill()
            raise InternalError(f"a worker process does not start: {self.stderr_tail() or 'it says nothing'}") from None

    def stderr_tail(self) -> str:
        """Return the end of what the process wrote to standard error."""
        size = os.fstat(self._stderr).st_size
        begin = max(0, size - _MOST_STDERR_BYTES)
        return os.pread(self._stderr, _MOST_STDERR_BYTES, begin).decode(errors="replace").strip()

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
        os.close(self._stderr)


def _import_path() -> list[str]:
    """Return where a worker imports from: this package, and what was found for this process.

    A folder that is meant by where the process runs is none, but where it has this package.
    """
    package = str(Path(__file__).resolve().parents[3])
    found = []
    for entry in sys.path:
        if Path(entry).is_absolute():
            found.append(entry)
        elif str(Path(entry).resolve()) == package:
            found.append(package)
    return found if package in found else [package, *found]


class WorkerPool:
    """The workers of this process."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._resting: list[Worker] = []
        self._all: list[Worker] = []
        self._ending: list[Worker] = []
        self._starting = 0
        self._failure: Exception | None = None
        #: Whether the interpreter ends.
        self.closing = False

    @property
    def most(self) -> int:
        return max(2, available_cores())

    def count(self) -> int:
        return len(self._all)

    def take(self, context: ExecutionContext) -> Worker:
        """Wait for a worker. Time counts while all are at work, not while one starts.

        Raises:
            QueryBusyError: all were at work until time was over.
            QueryCancelledError: the run was cancelled.
            InternalError: none can be started.
        """
        main = threading.current_thread() is threading.main_thread()
        while True:
            began = time.perf_counter()
            context.check_cancelled()
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
                left = context.seconds_left
                if not starting and not left:
                    raise QueryBusyError(
                        f"all {self.most} worker processes were at work for the query's limit of "
                        f"{context.seconds:g} s; give timeout_seconds, or have fewer queries at once"
                    )
                wait = MOST_START_SECONDS if starting else left
                self._changed.wait(min(wait, BETWEEN_SIGNALS_SECONDS) if main or context.cancellable else wait)
            if starting:
                context.exclude_since(began)

    def give(self, worker: Worker) -> None:
        """Take a worker back that has done its work."""
        with self._changed:
            self._resting.append(worker)
            self._changed.notify()

    def replace(self, worker: Worker) -> None:
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
        """Start workers until there are `count`, and wait for them."""
        with self._changed:
            self._start_more(min(count, self.most) - len(self._all) - self._starting)
            while self._starting:
                self._changed.wait(BETWEEN_SIGNALS_SECONDS)
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
            worker = Worker()
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


pool = WorkerPool()
atexit.register(pool.end)
os.register_at_fork(after_in_child=pool.after_fork)


def start_workers(count: int) -> None:
    """Start worker processes until there are `count`, so that first queries need not wait.

    There are at most as many as this process may use cores, or 2 where it may use one.

    Raises:
        InternalError: one does not start; the message has what it said.
    """
    pool.start(count)


def worker_processes() -> int:
    """Return how many worker processes there are."""
    return pool.count()
