"""Imports for which a fork waits.

A child does not have the thread that imports, and so would wait for its modules' locks for ever.
"""

from __future__ import annotations

# It wants to be told before a fork as well as after it, so it must not come in while a fork waits for what imports it.
import concurrent.futures.thread  # noqa: F401
import importlib
import os
import threading
from typing import Any

__all__ = ["forks_wait", "imported"]

# A fork inside a module that the importing thread waits for would wait for ever.
_MOST_WAIT_SECONDS = 20

#: Held by who imports something; the importing thread may enter again.
forks_wait = threading.RLock()

_imported: dict[str, Any] = {}
_locked_for_fork = False


def imported(name: str) -> Any:
    """Return a module of this package; it is imported at the first call, by one thread."""
    module = _imported.get(name)
    if module is None:
        with forks_wait:
            module = _imported[name] = importlib.import_module(name)
    return module


def _before_fork() -> None:
    global _locked_for_fork  # noqa: PLW0603 - one for the process
    _locked_for_fork = forks_wait.acquire(timeout=_MOST_WAIT_SECONDS)


def _after_fork() -> None:
    if _locked_for_fork:
        forks_wait.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
