"""Failures as the pure-Python system answers them: the caller gets False or None, and the log what was wrong."""

from __future__ import annotations

import logging
from typing import Callable, TypeVar

from rowpattern.events import log_event

__all__ = ["answered", "log_failure"]

_Answer = TypeVar("_Answer")


def answered(what: str, subject: object, call: Callable[[], _Answer], otherwise: _Answer) -> _Answer:
    """Call a function, and where it raises, log that and return `otherwise`.

    Args:
        what: what was tried, for the log: "cache".
        subject: with what, as "cannot cache 'key'".
        call: takes nothing.
        otherwise: the answer to a failure.
    """
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller goes on without a cache
        log_failure(what, subject, error)
        return otherwise


def log_failure(what: str, subject: object, error: BaseException) -> None:
    """Log what could not be done; called by the extension too."""
    log_event(
        "cache",
        logging.ERROR,
        "failure",
        "cannot %(what)s %(key)r: %(error)s",
        what=what,
        key=subject,
        error=f"{type(error).__name__}: {error}",
    )
