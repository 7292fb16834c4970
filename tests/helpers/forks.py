"""Forked children of the process with tests."""

from __future__ import annotations

import os
import signal
import warnings
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["child_status", "needs_fork"]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")


def child_status(work: Callable[[], bool], seconds: int = 60) -> int:
    """Fork, and do something in the child, which never goes on with the tests.

    Returns:
        how the child ends: 0 where `work` gives True, 1 where it does not, 2 where it raises; the negative number of a
        signal where one ends it. A child that works longer than so many seconds is ended by one: what a thread of the
        parent's held is held for good in the child.
    """
    with warnings.catch_warnings():
        # Python says that the process has several threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 2
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
