"""Temporary directories for what does not fit into memory; only the process that made one removes it.

A directory holds a locked file. The lock goes with the process, however that ends, so the next process that spills can
tell what was left behind, whatever the processes' numbers mean where it runs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from rowpattern.errors import QueryLimitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from rowpattern.sql.runtime.context import ExecutionContext

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["FULL_DISK", "SpillDirectory", "made_spill_directory", "remove_left_behind"]

#: A full disk, a quota, and the process's limit of file sizes, as numbers of errors of the system.
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_PREFIX = "rowpattern-spill-"
_LOCK = "lock"
# A directory this new may not have its lock yet.
_YOUNG_SECONDS = 60
_TRIES = 5
_BETWEEN_TRIES_SECONDS = 0.02


class SpillDirectory:
    """A directory of this process, removed by `remove`, when it is freed, when the interpreter ends, and on SIGTERM.

    The system ends a process without a handler for SIGTERM at once. Where the process has none, and a directory is made
    in the main thread, a handler of this module removes the directories and lets the system end the process then; it
    goes with the last directory, since handlers of Python run only when the main thread runs Python.

    Attributes:
        path: where what does not fit goes.
    """

    def __init__(self) -> None:
        """Make the directory; remove those of processes that have ended."""
        remove_left_behind()
        directory = tempfile.mkdtemp(prefix=_PREFIX)
        lock = os.open(Path(directory, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        self.path = str(Path(directory, "spilled"))
        self._lock = lock
        self._remove = weakref.finalize(self, _remove, directory, lock)
        _all.add(self)
        _remove_on_sigterm()

    def remove(self) -> None:
        """Remove the directory; in a forked child, nothing happens."""
        _all.discard(self)
        self._remove()

    def forget(self) -> None:
        """Leave the directory to the parent, which keeps its lock."""
        if self._remove.detach() is not None:
            os.close(self._lock)

    def full(self, context: ExecutionContext) -> QueryLimitError:
        """Make the error for a full disk: what does not fit into memory does not fit there either."""
        place = Path(self.path).parent.parent
        free = ""
        with contextlib.suppress(OSError):
            disk = shutil.disk_usage(place)
            free = f"; {disk.free / 2**20:,.0f} of the disk's {disk.total / 2**20:,.0f} MB are free without it"
        return QueryLimitError(
            f"the disk of the temporary directory {place} has no room for what does not fit into the limit of "
            f"{context.limit_mb:g} MB: the query had read {context.read_bytes / 2**20:,.0f} MB, and all that it reads "
            f"has to fit there{free}. Set TMPDIR to a directory on a larger disk, or give a larger memory_limit_mb"
        )


def made_spill_directory() -> SpillDirectory:
    """Make a directory.

    Raises:
        QueryLimitError: the system does not let us.
    """
    try:
        return SpillDirectory()
    except OSError as error:
        message = f"no temporary directory can be made for what does not fit into memory: {error}; set TMPDIR"
        raise QueryLimitError(message) from error


def remove_left_behind() -> None:
    """Remove the directories of this user's processes that have ended, as by a signal that nobody handled."""
    for left in _left_behind():
        shutil.rmtree(left, ignore_errors=True)


def _remove(directory: str, lock: int) -> None:
    # The lock last: while it is there, other processes can tell whether this one still runs.
    spilled = Path(directory, "spilled")
    for _ in range(_TRIES):
        shutil.rmtree(spilled, ignore_errors=True)
        if not spilled.exists():
            shutil.rmtree(directory, ignore_errors=True)
            break
        # DuckDB, which has not noticed yet that the process ends, still writes.
        time.sleep(_BETWEEN_TRIES_SECONDS)
    os.close(lock)
    if not _all and _is_main_thread() and signal.getsignal(signal.SIGTERM) is _end:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _remove_on_sigterm() -> None:
    if _is_main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        # Other interpreters of the process than the main one cannot set handlers.
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, _end)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's arguments
    for directory in list(_all):
        directory.remove()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _left_behind() -> Iterator[Path]:
    """Find the directories of this user's processes that have ended."""
    if fcntl is None:
        return
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = directory.lstat()
            lock = Path(directory, _LOCK)
            if found.st_uid != os.getuid() or directory.is_symlink():
                continue
            if not lock.exists():
                # Made by this moment, or by a version that had no locks.
                if time.time() - found.st_mtime > _YOUNG_SECONDS and not any(directory.iterdir()):
                    yield directory
                continue
            opened = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield directory
            finally:
                os.close(opened)


_all: weakref.WeakSet[SpillDirectory] = weakref.WeakSet()


def _after_fork() -> None:
    for directory in list(_all):
        directory.forget()
    _all.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
