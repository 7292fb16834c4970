"""A call of a continuous query: its limits, its place among the process's queries, and its connection."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rowpattern.sql.duckdb.connection import database
from rowpattern.sql.options import execution_context

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from types import TracebackType

    from rowpattern.continuous_query.options import Options
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["Call", "call_context"]


class Call:
    """A call: one at a time, with a place among the process's queries, within limits."""

    def __init__(self, lock: threading.RLock, options: Options, check: Callable[[], None] | None = None) -> None:
        """Begin nothing yet; `check` is called when no other call works, and raises where this one may not either."""
        self._lock = lock
        self._options = options
        self._check = check

    def __enter__(self) -> tuple[Database, ExecutionContext]:
        self._lock.acquire()
        # Whatever fails, all that was taken is given back. An ExitStack takes 10 us, of the 400 of a small push.
        try:
            if self._check is not None:
                self._check()
            self._context = call_context(self._options)
            self._admitted = self._context.admitted()
            self._admitted.__enter__()
            try:
                self._database = database(self._context)
                return self._database.__enter__(), self._context
            except BaseException:
                self._leave(*sys.exc_info())
                raise
        except BaseException:
            self._lock.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._database.__exit__(kind, error, traceback)
        finally:
            try:
                self._leave(kind, error, traceback)
            finally:
                self._lock.release()

    def _leave(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._admitted.__exit__(kind, error, traceback)
        self._context.run.end()


def call_context(options: Options) -> ExecutionContext:
    """Return the limits of a call."""
    # The limit is of what is kept; work on a batch has that of any query of the process.
    return execution_context(
        None,
        None,
        options.threads,
        None,
        options.time_zone,
        options.cancel,
        options.parameters,
        options.prefer,
    )
