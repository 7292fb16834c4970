"""Continuous queries over sources of batches: loops that push what comes and give what is found."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from rowpattern.counted import with_article

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator

__all__ = ["Pushed", "PushedAsync", "run", "run_async"]


class Pushed(Protocol):
    """What a loop asks of a query."""

    def push(self, batch: Any, source: str = ...) -> Any:
        """Take a batch; return what is certain now."""

    def finish(self) -> Any:
        """Return the rest."""


class PushedAsync(Pushed, Protocol):
    """What a loop asks of a query that may be left while a call works."""

    def give_again(self) -> None:
        """Give the answer of the last call with the next one, since nobody has taken it."""


def run(query: Pushed, batches: Iterable[Any]) -> Iterator[Any]:
    """Push batches as they come, and finish the query where they end.

    Args:
        query: the query.
        batches: batches, or pairs of a batch and its source.

    Yields:
        answers that have rows, each after the push that decided them.
    """
    for item in _batches(batches):
        found = query.push(*_batch_and_source(item))
        if len(found):
            yield found
    while len(found := query.finish()):
        # What a call puts off is raised by the next one.
        yield found


async def run_async(query: PushedAsync, source: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[Any]:
    """Push batches as they come, and finish the query where they end; the event loop goes on meanwhile.

    Pushes are done in a thread, one after another. Where the task is cancelled, the push that is being done is done to
    its end, which is waited for, and its answer is given by the query's next call. A batch that is being taken from an
    iterator that is not asynchronous is waited for too, and pushed: it would be lost otherwise.

    Args:
        query: the query.
        source: gives batches, or pairs of a batch and its source; it is closed at the end where it can be.

    Yields:
        answers that have rows, each after the push that decided them.
    """
    try:
        async for found in _answers(query, source):
            if len(found):
                yield found
        while len(found := await _whole(query, query.finish)):
            # What a call puts off is raised by the next one.
            yield found
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


async def _whole(query: PushedAsync, call: Callable[..., Any], *arguments: Any) -> Any:
    """Do a call in a thread, to its end whatever happens; the query gives the answer again where nobody takes it."""
    work = _in_thread(call, *arguments)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError as cancelled:
        # A thread cannot be stopped, and who goes on with the query must not meet one that still works.
        await _ended(work)
        error = work.exception()
        if error is None and work.result() is not None:
            await _ended(_in_thread(query.give_again))
        raise cancelled from error


def _in_thread(call: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
    """Begin a call in a thread. It is no task, so that a loop which ends and cancels all of its tasks leaves it."""
    work = functools.partial(contextvars.copy_context().run, call, *arguments)
    return asyncio.get_running_loop().run_in_executor(None, work)


async def _ended(work: asyncio.Future[Any]) -> None:
    """Wait until a call has ended, also where the task is cancelled again meanwhile."""
    while not work.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([work])


async def _answers(query: PushedAsync, source: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[Any]:
    """Push batches as they come, and give the answer of each push."""
    if hasattr(source, "__aiter__"):
        async for item in source:
            yield await _whole(query, query.push, *_batch_and_source(item))
        return
    batches = iter(_batches(source))
    while (found := await _whole(query, _pushed_next, query, batches)) is not None:
        yield found


def _batches(source: Any) -> Iterable[Any]:
    """Return what gives batches.

    Raises:
        TypeError: it gives none. Tables are iterable too: they give their columns, or the names of these.
    """
    is_iterable = hasattr(source, "__iter__") or hasattr(source, "__getitem__")
    if not is_iterable or isinstance(source, (str, Mapping)) or hasattr(source, "columns"):
        kind = type(source).__name__
        message = f"run takes batches, and not {with_article(kind)}; give a list of tables, as [batch], or an iterator"
        raise TypeError(f"{message}; one table is pushed by query.push(batch)")
    found: Iterable[Any] = source
    return found


def _pushed_next(query: Pushed, batches: Iterator[Any]) -> Any:
    """Push the next batch; return None where there is none."""
    for item in batches:
        return query.push(*_batch_and_source(item))
    return None


def _batch_and_source(item: Any) -> tuple[Any, ...]:
    """Return the arguments of a push."""
    if isinstance(item, tuple) and len(item) not in {1, 2}:
        raise TypeError(f"run takes batches, or pairs of a batch and its source, and not {len(item)} values at once")
    return item if isinstance(item, tuple) else (item,)
