"""The end of the interpreter while queries run in daemon threads or go on in the background.

Before 3.14, CPython ends a thread that asks for the interpreter after its end by unwinding the thread's stack. DuckDB's
frames, and Arrow's, do not allow that: the C++ runtime then calls its terminate handler, which aborts the process. Here
work gets a moment to stop; after that, a thread that comes so far waits for the process's end instead, and the process
leaves, with the status that it has, before the libraries take down what such work still uses.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

import duckdb

from rowpattern._core import _keep_aborting_threads
from rowpattern._interpreter_exit import PATIENCE_SECONDS, have_stopped
from rowpattern.sql.runtime.ownership import keep_owned_for_ever
from rowpattern.sql.runtime.supervised import all_supervised_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.runtime.supervised import SupervisedThreads

__all__: list[str] = []


def _at_exit() -> None:
    every = all_supervised_threads()
    for threads in every:
        # Daemon threads begin nothing more.
        threads.closing = True
    if not _have_ended(every, PATIENCE_SECONDS):
        _have_ended([threads for threads in every if threads.calls_python])
    running = any(threads.running() for threads in every)
    if running:
        # Freeing a connection waits for its work.
        keep_owned_for_ever()
        _unregister_duckdbs_exit_functions()
    # A daemon thread may be inside DuckDB without owning anything yet.
    if sys.platform == "linux" and (running or threading.active_count() > 1):
        # Where the C library or the C++ runtime is another one, nothing can be done.
        with contextlib.suppress(OSError, AttributeError):
            _have_late_threads_wait()
        # Others, as Polars, take their locks and memory down while they are unwound.
        _keep_aborting_threads()
        if running:
            with contextlib.suppress(OSError, AttributeError):
                _exit_before_destructors()


def _have_ended(kinds: Sequence[SupervisedThreads], most_seconds: float | None = None) -> bool:
    """Interrupt the work of some kinds until it ends; say whether it has."""

    def wait(seconds: float) -> bool:
        running = [task for threads in kinds for task in threads.running()]
        for task in running:
            task.interrupt()
        if running:
            time.sleep(seconds)
        return not running

    return have_stopped(wait) if most_seconds is None else have_stopped(wait, most_seconds)


def _unregister_duckdbs_exit_functions() -> None:
    """Take back what DuckDB registered for the interpreter's end: it waits for the results of queries that run.

    That function has no name; those of DuckDB's functions that were not registered are not concerned.
    """
    kind = type(duckdb.connect)
    for function in gc.get_objects():
        if type(function) is kind:
            atexit.unregister(function)


def _have_late_threads_wait() -> None:
    """Have a thread that CPython would end wait for the end of the process."""
    if sys.version_info >= (3, 14):
        # It does so itself.
        return
    runtime = ctypes.CDLL("libstdc++.so.6", mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    set_terminate = runtime["_ZSt13set_terminatePFvvE"]
    set_terminate.argtypes = [ctypes.c_void_p]
    set_terminate.restype = ctypes.c_void_p
    set_terminate(ctypes.cast(ctypes.CDLL(None).pause, ctypes.c_void_p))


def _exit_before_destructors() -> None:
    """Have `exit`, which the interpreter calls last, leave with its status before C++ destroys global objects."""
    library = ctypes.CDLL(None)
    for name in ("on_exit", "__cxa_atexit"):
        library[name].argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p][: 2 if name == "on_exit" else 3]
    # Called in reverse order: what C's own streams hold is written first.
    library["on_exit"](ctypes.cast(library["_exit"], ctypes.c_void_p), None)
    library["__cxa_atexit"](ctypes.cast(library["fflush"], ctypes.c_void_p), None, None)


atexit.register(_at_exit)
