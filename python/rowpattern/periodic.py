"""Work that a daemon thread repeats, which starts and stops at once and goes on in a forked child."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from typing import Callable

from rowpattern.events import log_event

__all__ = ["Periodic"]

# How long `stop` waits for work that is under way; it is promised to return within a tenth of a second.
_PATIENCE_SECONDS = 0.05


class Periodic:
    """Repeats work in a daemon thread.

    A fork leaves a child without its parent's threads: what ran in the parent is started again in the child.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], object],
        interval_seconds: Callable[[], float],
        *,
        in_child: Callable[[], object] = lambda: None,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            name: the thread's name.
            work: called each time; what it raises is logged, and the next time comes all the same.
            interval_seconds: asked before each wait.
            in_child: called first in a forked child; makes locks anew that another thread of the parent may have held.
        """
        self._name = name
        self._work = work
        self._interval_seconds = interval_seconds
        self._in_child = in_child
        self._forget()
        _all.add(self)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._stopped: threading.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._stopped is not None

    def start(self) -> bool:
        """Start the thread, with its work done once at once; False when it runs already."""
        with self._lock:
            if self._stopped is not None:
                return False
            # Each thread has an event of its own, so a late one never takes a new one's place.
            self._stopped = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stopped,), name=self._name, daemon=True)
            self._thread.start()
            return True

    def stop(self) -> bool:
        """Stop; False when it does not run. Work under way ends in its own time; it is not begun again."""
        with self._lock:
            stopped, thread = self._stopped, self._thread
            self._stopped = self._thread = None
        if stopped is None or thread is None:
            return False
        stopped.set()
        if thread is not threading.current_thread():
            thread.join(_PATIENCE_SECONDS)
        return True

    def _run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            try:
                self._work()
            except Exception as error:  # noqa: BLE001 - it must go on
                log_event(
                    "periodic",
                    logging.ERROR,
                    "failure",
                    "%(worker)s failed and goes on: %(error)s",
                    worker=self._name,
                    error=f"{type(error).__name__}: {error}",
                )
            # Longer waits than a thread can wait are cut.
            stopped.wait(min(self._interval_seconds(), threading.TIMEOUT_MAX))

    def _after_fork(self) -> None:
        ran = self.running
        self._in_child()
        self._forget()
        if ran:
            self.start()


_all: weakref.WeakSet[Periodic] = weakref.WeakSet()


def _start_again() -> None:
    for periodic in list(_all):
        periodic._after_fork()  # noqa: SLF001 - this module's own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_again)
