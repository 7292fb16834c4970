"""Queries that work while a test looks, and ones that would take for ever."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from rowpattern import CancelToken, QueryCancelledError, match_recognize
from rowpattern.production_config import reload, reset_config
from rowpattern.sql.runtime.admission import query_figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def working_query(sql: str, table: pa.Table) -> Iterator[None]:
    """Have a query that works until the block ends."""
    begun, may_end = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        begun.set()
        may_end.wait(30)

    thread = threading.Thread(target=match_recognize, args=(sql, table), kwargs={"progress": wait})
    thread.start()
    try:
        assert begun.wait(30)
        yield
    finally:
        may_end.set()
        thread.join(30)
        assert not thread.is_alive()


def seconds_after_cancel(sql: str, table: Any, after: float) -> float | None:
    """Cancel a query after some seconds; return how long it goes on, None where it had ended before."""
    token = CancelToken()
    ended: list[float] = []

    def ask() -> None:
        try:
            match_recognize(sql, table, cancel=token)
        except QueryCancelledError:
            ended.append(time.perf_counter())

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(after)
    cancelled = time.perf_counter()
    token.cancel()
    asking.join(60)
    assert not asking.is_alive()
    return ended[0] - cancelled if ended else None


def wait_until_none_runs() -> None:
    """Wait until no query of the process has a place."""
    while query_figures().running:
        time.sleep(0.001)


@contextmanager
def nothing_left() -> Iterator[None]:
    """Have the default settings again behind the block; no query works or waits then, and none holds memory."""
    yield
    reload()
    reset_config()
    end = time.perf_counter() + 10
    while query_figures()[:2] != (0, 0) or query_figures().held_bytes:
        assert time.perf_counter() < end, query_figures()
        time.sleep(0.01)


# Each way to choose rows of A has another sum, and no row makes it true.
EXPLODES = """SELECT * FROM rows MATCH_RECOGNIZE (
    MEASURES COUNT(*) AS n PATTERN ((A | B)+ C) DEFINE A AS SUM(A.x) > -1, C AS SUM(A.x) = 0.123)"""


def hard_rows() -> pa.Table:
    """Return rows for which `EXPLODES` does not end."""
    return pa.table({"x": [1.0 + 1 / (number + 3) for number in range(60)]})


def interrupted(work: Callable[[], object], after: float = 0.5) -> float:
    """Press Ctrl-C while something works; return the seconds after which the caller had control."""
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(after, press).start()
    with pytest.raises(KeyboardInterrupt):
        work()
    took = time.monotonic() - pressed[0]
    print(f"KeyboardInterrupt after {took:.3f} s")
    return took
