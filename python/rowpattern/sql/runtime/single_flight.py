"""What several threads ask for at once is made once: the first makes it, the others wait for that.

Parsing and binding the same text in every thread of a burst took as many times as long, and all of them waited for each
other's locks.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["SingleFlight"]

_Made = TypeVar("_Made")


class _Flight:
    """Something that a thread makes; others wait until it has ended."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.thread = threading.get_ident()
        self.ended = threading.Event()
        self.was_made = False
        self.made: Any = None


class SingleFlight:
    """Things that are being made, by key."""

    def __init__(self) -> None:
        """Begin without any."""
        self._under_way: dict[object, _Flight] = {}

    def make(self, key: object, make: Callable[[], _Made], context: ExecutionContext | None = None) -> _Made:
        """Make something, or wait for the thread that makes it.

        Args:
            key: what it is.
            make: makes it, and puts it where later callers find it. What it raises is raised by the thread that called
                it; of those that waited another one tries, as limits are each query's own.
            context: the limits within which to wait.

        Raises:
            QueryLimitError, QueryCancelledError: while it waited.
            What `make` raises.
        """
        while True:
            own = _Flight()
            flight = self._under_way.setdefault(key, own)
            if flight is own:
                try:
                    own.made = make()
                    own.was_made = True
                    return own.made  # type: ignore[no-any-return]
                finally:
                    self._under_way.pop(key, None)
                    own.ended.set()
            if flight.process != own.process:
                # This is a forked child, which has no threads of its parent's.
                self._under_way.pop(key, None)
                continue
            if flight.thread == own.thread:
                # What is made here asks for itself: this thread would wait for ever.
                return make()
            if context is None:
                flight.ended.wait()
            else:
                context.wait_for(flight.ended)
            if flight.was_made:
                return flight.made  # type: ignore[no-any-return]
