"""`match_recognize_async` and `recognize_async`: queries awaited in asyncio, which end with their tasks."""

from __future__ import annotations

import os
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Literal, overload

from rowpattern._core import CancelToken
from rowpattern.config.process import get_config
from rowpattern.recognition.arguments import asked
from rowpattern.sql import answered
from rowpattern.sql.kinds import QueryOptions
from rowpattern.sql.options import check_cancel, execution_context

if TYPE_CHECKING:
    import concurrent.futures
    from asyncio import Future
    from collections.abc import Callable, Mapping
    from concurrent.futures import ThreadPoolExecutor

    from typing_extensions import Unpack

    from rowpattern.recognition.arguments import RecognizeArguments
    from rowpattern.sql.kinds import Frame, Parameters
    from rowpattern.sql.runtime.context import ExecutionContext, Progress

__all__ = ["match_recognize_async", "recognize_async"]

# Threads for each query that works at once: one that makes way for others keeps its thread.
_THREADS_A_PLACE = 4
_LEAST_THREADS = 8
# How long a task that is cancelled waits for its query to end, so that what it held is free.
_PATIENCE_SECONDS = 0.1


@overload
async def match_recognize_async(sql: str, data: Frame, /, **options: Unpack[QueryOptions]) -> Frame: ...
@overload
async def match_recognize_async(
    sql: str,
    data: Any = None,
    /,
    *,
    memory_limit_mb: float | None = None,
    timeout_seconds: float | None = None,
    threads: int | None = None,
    progress: bool | Callable[[Progress], object] | None = None,
    isolation: Literal["process"] | None = None,
    time_zone: str | None = None,
    cancel: CancelToken | None = None,
    parameters: Parameters = None,
    prefer: Literal["first", "longest"] = "first",
    **tables: Any,
) -> Any: ...
async def match_recognize_async(sql: str, data: Any = None, /, **options: Any) -> Any:
    """Answer a query as `match_recognize` does, in a thread, while the event loop goes on.

    When the task that awaits it is cancelled (`asyncio.wait_for`, `asyncio.timeout`, a client that has gone), the query
    ends within 0.1 s and gives back its place and its memory.

    Args:
        sql: as for `match_recognize`.
        data: as for `match_recognize`.
        options: the options of `match_recognize` but `stream`, and tables by their names. The time of `timeout_seconds`
            counts from when the query is awaited. A function given as `progress` is called in the query's thread.
            `cancel` ends the query as the end of its task does.

    Returns:
        what `match_recognize` returns. There is no `stream`: a reader is read by threads of the caller's.

    Raises:
        RowPatternError: what `match_recognize` raises.
        asyncio.CancelledError: the task was cancelled.

    The threads are four for each query that works at once, and 8 at least, however many tasks wait. The first query of
    the process imports what queries need, in one of them.

    Examples:
        >>> import asyncio
        >>> import pyarrow as pa
        >>> import rowpattern
        >>> async def main():
        ...     prices = pa.table({"day": [1, 2, 3], "price": [3, 2, 4]})
        ...     sql = '''SELECT * FROM prices MATCH_RECOGNIZE (
        ...         ORDER BY day MEASURES LAST(DOWN.day) AS ended PATTERN (DOWN+) DEFINE DOWN AS price < PREV(price))'''
        ...     return await asyncio.wait_for(rowpattern.match_recognize_async(sql, prices), 10)
        >>> asyncio.run(main()).to_pylist()
        [{'ended': 2}]
    """
    limits = {name: options.pop(name) for name in QueryOptions.__annotations__ if name in options}
    context, isolation, token = _execution(limits)
    return await _answered_in_thread(lambda: answered(sql, data, options, context, isolation), context, token)


@overload
async def recognize_async(data: Mapping[str, Frame], /, **arguments: Unpack[RecognizeArguments]) -> Frame: ...
@overload
async def recognize_async(data: Frame, /, **arguments: Unpack[RecognizeArguments]) -> Frame: ...
async def recognize_async(data: Any, /, **arguments: Any) -> Any:
    """Answer as `recognize` does, in a thread, while the event loop goes on; it ends with its task.

    Args:
        data: as for `recognize`.
        arguments: those of `recognize` but `stream`; the limits as for `match_recognize_async`.

    Returns:
        what `recognize` returns without `stream`.

    Raises:
        RowPatternError: what `recognize` raises.
        asyncio.CancelledError: the task was cancelled.

    Its threads and places are those of `match_recognize_async`.

    Examples:
        >>> import asyncio
        >>> import pyarrow as pa
        >>> import rowpattern
        >>> prices = pa.table({"day": [1, 2, 3], "price": [3, 2, 4]})
        >>> answer = rowpattern.recognize_async(
        ...     prices,
        ...     order_by="day",
        ...     pattern="DOWN+",
        ...     define={"DOWN": "price < PREV(price)"},
        ...     measures={"ended": "LAST(DOWN.day)"},
        ... )
        >>> asyncio.run(answer).to_pylist()
        [{'ended': 2}]
    """
    limits = {name: arguments.pop(name) for name in QueryOptions.__annotations__ if name in arguments}
    context, isolation, token = _execution(limits)

    def work() -> Any:
        # The first query of the process imports what queries need.
        clause, table, given = asked(data, **arguments)
        return answered(clause, table, {}, context, isolation, given)

    return await _answered_in_thread(work, context, token)


def _execution(limits: dict[str, Any]) -> tuple[ExecutionContext, Any, CancelToken]:
    """Return the context of a query with these options, its isolation, and the token by which its task ends it."""
    isolation = limits.pop("isolation", None)
    cancel = limits.pop("cancel", None)
    check_cancel(cancel)
    token = CancelToken(cancel)
    return execution_context(**limits, cancel=token), isolation, token


async def _answered_in_thread(answer: Callable[[], Any], context: ExecutionContext, token: CancelToken) -> Any:
    """Have a query answered in a thread; `token` ends it where the task is cancelled."""
    import asyncio

    work = _threads.submit(copy_context().run, answer)
    if work is None:
        raise context.no_place_error("full")
    future = asyncio.wrap_future(work)
    # Where nobody awaits it any more, asyncio would log what it raises.
    future.add_done_callback(_take_error)
    try:
        await asyncio.wait({future}, timeout=context.seconds_left)
        if not future.done() and work.cancel():
            raise context.no_place_error("time")
        # Its work keeps the limit by itself.
        await asyncio.wait({future})
    except asyncio.CancelledError:
        token.cancel("its task was cancelled")
        if not work.cancel():
            await asyncio.wait({future}, timeout=_PATIENCE_SECONDS)
        raise
    return future.result()


def _take_error(future: Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


class _Threads:
    """Threads in which queries that are awaited are answered, as many as there have to be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executors: dict[int, ThreadPoolExecutor] = {}
        self._pending = 0

    def submit(self, work: Callable[..., Any], *arguments: Any) -> concurrent.futures.Future[Any] | None:
        """Have something called in a thread; None where as many queries work and wait already as may."""
        from concurrent.futures import ThreadPoolExecutor

        performance = get_config().performance
        count = max(_LEAST_THREADS, _THREADS_A_PLACE * performance.max_concurrent_queries)
        with self._lock:
            if self._pending >= performance.max_concurrent_queries + performance.query_queue_size:
                return None
            self._pending += 1
            executor = self._executors.get(count)
            if executor is None:
                executor = self._executors.setdefault(count, ThreadPoolExecutor(count, "rowpattern-async"))
        submitted = executor.submit(work, *arguments)
        submitted.add_done_callback(self._ended)
        return submitted

    def _ended(self, _: object) -> None:
        with self._lock:
            self._pending -= 1


_threads = _Threads()


def _forget() -> None:
    # A forked child does not have the threads.
    global _threads  # noqa: PLW0603 - one for the process
    _threads = _Threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
