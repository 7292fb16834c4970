"""What belongs to one process: a forked child neither uses nor frees it.

DuckDB's connections and readers have threads, which a child does not have: freeing one there waits for them, or
crashes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["disown", "keep_for_ever", "keep_owned_for_ever", "own", "owned"]

_owned: dict[int, Any] = {}
_lock = threading.Lock()


def own(thing: Any) -> None:
    """Say that a child must leave a thing alone, until `disown`."""
    with _lock:
        _owned[id(thing)] = thing


def disown(thing: Any) -> None:
    """Take back `own`; the thing can be freed. Nothing happens where it is not owned, as in a child."""
    with _lock:
        _owned.pop(id(thing), None)


@contextlib.contextmanager
def owned(thing: Any) -> Iterator[Any]:
    """Own a thing within a block."""
    own(thing)
    try:
        yield thing
    finally:
        disown(thing)


def keep_for_ever(thing: Any) -> None:
    """Take a reference to a thing that is never given back, not even when the interpreter ends."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def keep_owned_for_ever() -> None:
    """Free nothing that is owned now, not even when the interpreter ends."""
    for thing in list(_owned.values()):
        keep_for_ever(thing)


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.Lock()
    keep_owned_for_ever()
    _owned.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
