"""Continuous queries over sources of batches: loops that push what comes and give what is found."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

__all__ = ["Pushed", "run", "run_async"]


class Pushed(Protocol):
    """What a loop asks of a query."""

    def push(self, batch: Any, source: str = ...) -> Any:
        """Take a batch; return what is certain now."""

    def finish(self) -> Any:
        """Return the rest."""


def run(query: Pushed, batches: Iterable[Any]) -> Iterator[Any]:
    """Push batches as they come, and finish the query where they end.

    Args:
        query: the query.
        batches: batches, or pairs of a batch and its source.

    Yields:
        answers that have rows, each after the push that decided them.
    """
    for item in batches:
        found = query.push(*_batch_and_source(item))
        if len(found):
            yield found
    while len(found := query.finish()):
        # What a call puts off is raised by the next one.
        yield found


async def run_async(query: Pushed, source: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[Any]:
    """Push batches as they come, and finish the query where they end; the event loop goes on meanwhile.

    Pushes are done in a thread, one after another. Where the task is cancelled, the push that is being done is done to
    its end, and its answer is lost: restore the query from a checkpoint then.

    Args:
        query: the query.
        source: gives batches, or pairs of a batch and its source; it is closed at the end where it can be.

    Yields:
        answers that have rows, each after the push that decided them.
    """
    try:
        async for item in _items(source):
            found = await asyncio.to_thread(query.push, *_batch_and_source(item))
            if len(found):
                yield found
        while len(found := await asyncio.to_thread(query.finish)):
            # What a call puts off is raised by the next one.
            yield found
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


async def _items(source: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[Any]:
    if hasattr(source, "__aiter__"):
        async for item in source:
            yield item
        return
    batches = iter(source)
    nothing = object()
    while (item := await asyncio.to_thread(next, batches, nothing)) is not nothing:
        yield item


def _batch_and_source(item: Any) -> tuple[Any, ...]:
    """Return the arguments of a push."""
    if isinstance(item, tuple) and len(item) not in {1, 2}:
        raise TypeError(f"run takes batches, or pairs of a batch and its source, and not {len(item)} values at once")
    return item if isinstance(item, tuple) else (item,)
