"""The end of the interpreter while daemon threads drain Arrow streams whose producers need Python.

`rowpattern.sql.runtime.interpreter_exit` does so for queries.
"""

from __future__ import annotations

import atexit
import os

from rowpattern._core import _close_streams, _forget_streams, _keep_aborting_threads

#: So long the interpreter waits for threads to come to a place where they can stop.
PATIENCE_SECONDS = 0.2


def _at_exit() -> None:
    if _close_streams(PATIENCE_SECONDS):
        # A producer that comes back later, and before the process has ended, finds no interpreter.
        _keep_aborting_threads()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_streams)
