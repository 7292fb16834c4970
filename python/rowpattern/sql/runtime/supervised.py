"""Work in another thread, so that the caller gets control back when its time is over or a signal comes.

What a library does not stop then goes on in the background: it is counted, bounded in number, and told to stop until it
does. The threads are daemons, as an interpreter that ends does not wait for such work; see `interpreter_exit`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rowpattern.errors import QueryBusyError
from rowpattern.sql.runtime.ownership import keep_for_ever
from rowpattern.sql.runtime.threads import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["SupervisedThreads", "Task", "all_supervised_threads", "wait_forever"]

_Found = TypeVar("_Found")

# A signal may be taken by another thread, which does not wake the main one, and a cancellation wakes nobody here: one
# looks so often.
_BETWEEN_SIGNALS_SECONDS = 0.03
_BETWEEN_CANCELLATIONS_SECONDS = 0.01
# How long work may take to end once it is interrupted, before it is left to end alone.
_PATIENCE_SECONDS = 0.1
# After Ctrl-C, or a cancellation: somebody waits.
_SIGNAL_PATIENCE_SECONDS = 0.04
_BETWEEN_INTERRUPTS_SECONDS = 0.01
# More would hold memory for nothing.
_MOST_RESTING = 4
# The thread that does something wrong gets these.
_FAULTS = {
    getattr(signal, name)
    for name in ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")
    if hasattr(signal, name)
}


def _between_looks(context: ExecutionContext, *, main: bool) -> float:
    if context.cancellable:
        return _BETWEEN_CANCELLATIONS_SECONDS
    return _BETWEEN_SIGNALS_SECONDS if main else threading.TIMEOUT_MAX


def _nothing() -> None:
    """Interrupt nothing: for work that cannot be interrupted."""


class Task(Generic[_Found]):
    """Work that a thread does."""

    def __init__(self, work: Callable[[], _Found], interrupt: Callable[[], object]) -> None:
        """Take the work, and what tells it to stop; that is called from other threads, again and again."""
        self.interrupt = interrupt
        self._work: Callable[[], _Found] | None = work
        self._found: _Found | None = None
        self._error: BaseException | None = None
        self._ended = threading.Lock()
        self._ended.acquire()
        self._state = threading.Lock()
        self._done = False
        self._abandoned = False
        self._after: list[Callable[[], object]] = []

    @property
    def done(self) -> bool:
        """Whether the work has ended."""
        return self._done

    def wait(self, seconds: float) -> bool:
        """Wait until the work has ended, at most so long; say whether it has."""
        if self._ended.acquire(timeout=max(0.0, min(seconds, threading.TIMEOUT_MAX))):
            self._ended.release()
            return True
        return False

    def result(self) -> _Found:
        """Return what the work found, or raise what it raised."""
        if self._error is not None:
            try:
                raise self._error
            finally:
                # The traceback holds this frame.
                self._error = None
        return self._found  # type: ignore[return-value] # it has ended, and raised nothing

    def stop(self, patience_seconds: float) -> bool:
        """Interrupt the work for some time; say whether it has ended."""
        until = time.perf_counter() + patience_seconds
        while not self._done and time.perf_counter() < until:
            self.interrupt()
            self.wait(_BETWEEN_INTERRUPTS_SECONDS)
        return self._done

    def abandon(self) -> bool:
        """Leave the work to end alone; False where it has ended."""
        with self._state:
            self._abandoned = not self._done
            return self._abandoned

    def when_ended(self, call: Callable[[], object]) -> None:
        """Call something when the work has ended: at once, or later in its thread."""
        with self._state:
            if not self._done:
                self._after.append(call)
                return
        call()

    def run(self, rest: Callable[[], bool]) -> bool:
        """Do the work; return what `rest`, called before the caller continues, says: whether the thread is kept."""
        work, self._work = self._work, None
        try:
            self._found = work() if work is not None else None
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._error = error
        del work
        with self._state:
            self._done = True
            abandoned, after = self._abandoned, self._after
        if abandoned:
            self._found = self._error = None
            for call in after:
                with contextlib.suppress(Exception):
                    call()
        goes_on = rest()
        self._ended.release()
        return goes_on


class SupervisedThreads:
    """Threads for one kind of work, and what of it was abandoned."""

    def __init__(self, name: str, what: str, *, calls_python: bool = False) -> None:
        """Prepare; threads are made when they are needed.

        Args:
            name: of the threads.
            what: what the work is, in errors.
            calls_python: whether most of it may be the caller's Python code: the interpreter's end waits for it longer.
        """
        self._name = name
        self._what = what
        self.calls_python = calls_python
        #: The most work that goes on in the background.
        self.most_abandoned = max(4, available_cores())
        self.closing = False
        self._begin()
        _all.append(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._slot_freed = threading.Condition(self._lock)
        self._resting: list[SimpleQueue[Task[Any]]] = []
        self._running: set[Task[Any]] = set()
        self._abandoned: set[Task[Any]] = set()
        self._interrupting = False

    def after_fork(self) -> None:
        """Forget the parent's threads and their work, which a child does not have."""
        for task in self._running:
            keep_for_ever(task)
        self._begin()

    @property
    def abandoned(self) -> int:
        """How much work goes on in the background."""
        return len(self._abandoned)

    def running(self) -> list[Task[Any]]:
        """Return the work under way, supervised or abandoned."""
        with self._lock:
            return list(self._running)

    def supervise(
        self,
        work: Callable[[], _Found],
        context: ExecutionContext,
        interrupt: Callable[[], object] = _nothing,
        when_abandoned: Callable[[Task[Any]], object] = lambda _: None,
    ) -> _Found:
        """Do work within the time of a run.

        Args:
            work: what to do.
            context: its limits.
            interrupt: tells the work to stop.
            when_abandoned: called with the work where it did not stop and was left to end in the background.

        Raises:
            QueryLimitError: time is over.
            QueryBusyError: it was over before the work was begun, as too much goes on in the background.
            QueryCancelledError: the run was cancelled.
        """
        main = threading.current_thread() is threading.main_thread()
        if self.closing and not main:
            wait_forever()
        self._wait_for_slot(context, main=main)
        task = Task(work, interrupt)
        try:
            self._submit(task)
            while True:
                left = context.seconds_left
                ended = task.wait(min(left, _between_looks(context, main=main)))
                if not ended:
                    context.check_cancelled()
                if ended or (not left and task.stop(_PATIENCE_SECONDS)):
                    if self.closing and not main:
                        wait_forever()
                    return task.result()
                if not left:
                    break
        except BaseException:
            # Ctrl-C, or what another signal's handler raised; a cancellation; or the work's own.
            if task in self._running and not task.stop(_SIGNAL_PATIENCE_SECONDS):
                self._abandon(task, when_abandoned)
            raise
        self._abandon(task, when_abandoned)
        raise context.timeout_error()

    def begin(self, work: Callable[[], _Found]) -> Task[_Found]:
        """Begin work that is short and has no limits; who asks for it waits for its end at some time."""
        task = Task(work, _nothing)
        self._submit(task)
        return task

    def _wait_for_slot(self, context: ExecutionContext, *, main: bool) -> None:
        if len(self._abandoned) < self.most_abandoned:
            return
        with self._slot_freed:
            while len(self._abandoned) >= self.most_abandoned:
                context.check_cancelled()
                left = context.seconds_left
                if not left:
                    raise QueryBusyError(
                        f"{len(self._abandoned)} {self._what} that passed their limits have not stopped yet, and no "
                        f"more are begun until one has; waited for the limit of {context.seconds:g} s. Give "
                        'isolation="process", which ends them'
                    )
                self._slot_freed.wait(min(left, _between_looks(context, main=main)))

    def _submit(self, task: Task[Any]) -> None:
        with self._lock:
            self._running.add(task)
            inbox = self._resting.pop() if self._resting else None
        if inbox is not None:
            inbox.put(task)
            return
        inbox = SimpleQueue()
        inbox.put(task)
        try:
            threading.Thread(target=self._serve, args=(inbox,), name=self._name, daemon=True).start()
        except RuntimeError:
            # There can be no more threads: the interpreter ends, or the system has too many.
            inbox.get()
            task.run(lambda: self._ended(task, None))

    def _serve(self, inbox: SimpleQueue[Task[Any]]) -> None:
        if hasattr(signal, "pthread_sigmask"):
            # Signals are for the main thread; threads that are started here do as this one.
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _FAULTS)
        while self._do_next(inbox):
            pass

    def _do_next(self, inbox: SimpleQueue[Task[Any]]) -> bool:
        task = inbox.get()
        return task.run(lambda: self._ended(task, inbox))

    def _ended(self, task: Task[Any], inbox: SimpleQueue[Task[Any]] | None) -> bool:
        """Forget work that has ended; say whether its thread is to wait for more."""
        with self._slot_freed:
            self._running.discard(task)
            if task in self._abandoned:
                self._abandoned.discard(task)
                self._slot_freed.notify_all()
            if inbox is None or len(self._resting) >= _MOST_RESTING:
                return False
            self._resting.append(inbox)
            return True

    def _abandon(self, task: Task[Any], when_abandoned: Callable[[Task[Any]], object]) -> None:
        with self._lock:
            # Tasks that began while a slot was free may be abandoned together, and then exceed the limit.
            if not task.abandon():
                return
            self._abandoned.add(task)
            begins, self._interrupting = not self._interrupting, True
        when_abandoned(task)
        if begins:
            threading.Thread(target=self._interrupt, name=f"{self._name}-interrupts", daemon=True).start()

    def _interrupt(self) -> None:
        """Tell abandoned work to stop, until none is left: what begins anew forgets that it was told before."""
        while True:
            with self._lock:
                left = list(self._abandoned)
                if not left:
                    self._interrupting = False
                    return
            for task in left:
                task.interrupt()
            del left
            time.sleep(_BETWEEN_INTERRUPTS_SECONDS)


_all: list[SupervisedThreads] = []


def all_supervised_threads() -> list[SupervisedThreads]:
    """Return those of every kind."""
    return list(_all)


def wait_forever() -> None:
    """Wait for ever: the interpreter ends, and this daemon thread may not begin anything."""
    while True:
        threading.Event().wait()


def _after_fork() -> None:
    for threads in _all:
        threads.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
