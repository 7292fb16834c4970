"""What there is to say of a query that has ended, and who wants to know: metrics, spans, the log of slow queries.

Nothing is put together while nobody does.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Callable, NamedTuple

from rowpattern import errors

if TYPE_CHECKING:
    from rowpattern.sql.runtime.context import ExecutionContext, Step

__all__ = ["FAILURES", "QueryReport", "observe_queries", "report_end", "stop_observing_queries"]

#: Why queries fail, as `QueryReport.failure` says it.
FAILURES = (
    "time",
    "memory",
    "busy",
    "cancelled",
    "syntax",
    "unsupported",
    "query",
    "interrupted",
    "internal",
    "other",
)


class QueryReport(NamedTuple):
    """A query that has ended.

    Attributes:
        sql: its text.
        ended: when, by `time.time`.
        clock: when, by `time.perf_counter`, as steps say when they began.
        seconds: how long it took, its wait for a place included; of a stream without the time of its caller.
        waited_seconds: how long it had no place: it waited for one, or for what others computed.
        steps: what was done. Of those that were not ended there is nothing.
        rows_in: how many rows its tables have.
        rows_out: how many rows its answer has; 0 where it failed.
        most_bytes: the most memory that was counted for it.
        memory_limit_mb: its limit of memory.
        timeout_seconds: its limit of time.
        failure: None, or why it failed: one of `FAILURES`.
    """

    sql: str
    ended: float
    clock: float
    seconds: float
    waited_seconds: float
    steps: tuple[Step, ...]
    rows_in: int
    rows_out: int
    most_bytes: int
    memory_limit_mb: float
    timeout_seconds: float
    failure: str | None


_Observer = Callable[[QueryReport], object]

# Replaced as a whole, so that it can be gone through while another thread changes it.
_observers: tuple[_Observer, ...] = ()


def observe_queries(observer: Callable[[QueryReport], object]) -> None:
    """Call a function with each query of this process that has ended, in its thread, from now on.

    A function that is called already is not called twice. What it raises is passed over: the query has its answer.
    """
    global _observers  # noqa: PLW0603 - of the process
    if observer not in _observers:
        _observers = (*_observers, observer)


def stop_observing_queries(observer: Callable[[QueryReport], object]) -> None:
    """Take `observe_queries` back."""
    global _observers  # noqa: PLW0603 - of the process
    _observers = tuple(each for each in _observers if each != observer)


def report_end(question: object, context: ExecutionContext, error: BaseException | None) -> None:
    """Tell who wants to know that a query has ended; the question's text is `str` of it."""
    if not _observers:
        return
    clock = time.perf_counter()
    seconds = clock - context.begun
    report = QueryReport(
        str(question),
        time.time(),
        clock,
        seconds,
        max(0.0, seconds - context.run.worked_seconds),
        tuple(context.steps),
        context.read_rows,
        0 if error is not None else context.answered_rows,
        context.run.most_bytes,
        context.limit_mb,
        context.seconds,
        None if error is None else _failure(error, context),
    )
    for observer in _observers:
        with contextlib.suppress(Exception):
            observer(report)


def _failure(error: BaseException, context: ExecutionContext) -> str:
    if isinstance(error, errors.QueryLimitError) and not isinstance(error, errors.QueryBusyError):
        return "memory" if context.seconds_left else "time"
    kinds = (
        (errors.QueryBusyError, "busy"),
        (errors.QueryCancelledError, "cancelled"),
        (errors.UnsupportedQueryError, "unsupported"),
        ((errors.QuerySyntaxError, errors.PatternSyntaxError), "syntax"),
        (errors.QueryError, "query"),
        (errors.InternalError, "internal"),
        # A name of the pattern, a skip that leads nowhere.
        (errors.RowPatternError, "query"),
        ((KeyboardInterrupt, SystemExit, GeneratorExit), "interrupted"),
    )
    return next((name for kind, name in kinds if isinstance(error, kind)), "other")
