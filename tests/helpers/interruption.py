"""A signal that comes while a test works, and whose handler raises."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["interrupted_after"]


class Interrupted(Exception):  # noqa: N818 - it is no error
    """What the handler raises."""


@contextmanager
def interrupted_after(seconds: float, kind: type[BaseException] = Interrupted) -> Iterator[None]:
    """Interrupt the block after so many seconds by an exception of a kind, which has to come out of it."""

    def interrupt(*_: object) -> None:
        raise kind

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        with pytest.raises(kind):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
