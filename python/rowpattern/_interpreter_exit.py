"""The end of the interpreter while daemon threads drain Arrow streams whose producers need Python.

`rowpattern.sql.runtime.interpreter_exit` does so for queries.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Callable

from rowpattern._core import _close_streams, _forget_streams, _keep_aborting_threads

#: So long the interpreter waits for threads to come to a place where they can stop.
PATIENCE_SECONDS = 0.2
# A producer that computes, as one that imports a module, is waited for longer: where it comes back after the
# interpreter has ended, Python prints an error.
_MOST_SECONDS = 5.0
_BETWEEN_LOOKS_SECONDS = 0.01


def have_stopped(wait: Callable[[float], bool], most_seconds: float = _MOST_SECONDS) -> bool:
    """Wait for threads to come to a place where they can stop, and say whether they have.

    Args:
        wait: waits at most so many seconds, and says whether they have stopped.
        most_seconds: how long they are waited for while threads of the process compute.
    """
    begun = idle_since = time.perf_counter()
    while not wait(_BETWEEN_LOOKS_SECONDS):
        now = time.perf_counter()
        if _others_compute():
            idle_since = now
        if now - idle_since > PATIENCE_SECONDS or now - begun > most_seconds:
            return False
    return True


def _others_compute() -> bool:
    """Say whether another thread runs, or wants to, or reads from a disk; only Linux says so."""
    own = str(threading.get_native_id())
    with contextlib.suppress(OSError):
        for thread in Path("/proc/self/task").iterdir():
            # Behind the thread's name, in which there may be anything.
            state = (thread / "stat").read_bytes().rpartition(b")")[2].split()[0]
            if thread.name != own and state in {b"R", b"D"}:
                return True
    return False


def _at_exit() -> None:
    if not have_stopped(lambda seconds: not _close_streams(seconds)):
        # A producer that comes back later, and before the process has ended, finds no interpreter.
        _keep_aborting_threads()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_streams)
