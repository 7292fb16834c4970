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

import duckdb

from rowpattern._core import _keep_aborting_threads
from rowpattern._interpreter_exit import PATIENCE_SECONDS
from rowpattern.sql.runtime.ownership import keep_owned_for_ever
from rowpattern.sql.runtime.supervised import all_supervised_threads

__all__: list[str] = []

_BETWEEN_INTERRUPTS_SECONDS = 0.01


def _at_exit() -> None:
    for threads in all_supervised_threads():
        # Daemon threads begin nothing more.
        threads.closing = True
    until = time.perf_counter() + PATIENCE_SECONDS
    while True:
        running = [task for threads in all_supervised_threads() for task in threads.running()]
        if not running or time.perf_counter() > until:
            break
        for task in running:
            task.interrupt()
        time.sleep(_BETWEEN_INTERRUPTS_SECONDS)
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
