"""Loops over sources of batches, and the figures of queries for metrics."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest

from rowpattern.continuous_query.figures import ContinuousFigures, continuous_figures, watch
from rowpattern.continuous_query.sources import run, run_async
from rowpattern.observe.metrics.query_metrics import query_counters, query_gauges

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Pairs:
    """Gives each batch of two numbers back, one push later, and the rest at the end."""

    def __init__(self) -> None:
        self.kept: list[int] = []
        self.sources: list[str] = []
        self.threads: set[int] = set()

    def push(self, batch: list[int], source: str = "") -> list[int]:
        self.sources.append(source)
        self.threads.add(threading.get_ident())
        if batch == [0]:
            raise ValueError("no batch")
        found, self.kept = self.kept, batch
        return found

    def give_again(self) -> None:
        raise AssertionError("no answer was lost")

    def finish(self) -> list[int]:
        found, self.kept = self.kept, []
        return found


BATCHES: list[Any] = [[1], [2], ([], "p1"), [], [3, 4]]


def test_run_gives_what_has_rows_and_the_rest() -> None:
    query = Pairs()
    assert list(run(query, BATCHES)) == [[1], [2], [3, 4]]
    assert query.sources == ["", "", "p1", "", ""]


def test_run_pushes_a_batch_when_the_answer_before_was_taken() -> None:
    taken: list[int] = []

    def batches() -> Iterator[list[int]]:
        for number in range(1, 4):
            taken.append(number)
            yield [number]

    found = run(Pairs(), batches())
    assert next(found) == [1]
    assert taken == [1, 2]


@pytest.mark.parametrize("kind", ["list", "generator"])
def test_run_async_pushes_beside_the_event_loop(kind: str) -> None:
    closed = []

    async def batches() -> AsyncIterator[Any]:
        try:
            for each in BATCHES:
                await asyncio.sleep(0)
                yield each
        finally:
            closed.append(True)

    async def collected() -> list[Any]:
        return [found async for found in run_async(query, batches() if kind == "generator" else BATCHES)]

    query = Pairs()
    assert asyncio.run(collected()) == [[1], [2], [3, 4]]
    assert threading.get_ident() not in query.threads
    assert closed == [True] * (kind == "generator")


def test_an_error_of_a_push_ends_the_loop_and_closes_the_source() -> None:
    closed = []

    async def batches() -> AsyncIterator[Any]:
        try:
            yield [0]
            yield [1]
        finally:
            closed.append(True)

    async def collected() -> list[Any]:
        return [found async for found in run_async(Pairs(), batches())]

    with pytest.raises(ValueError, match="no batch"):
        asyncio.run(collected())
    assert closed == [True]


def test_a_batch_that_is_being_taken_when_the_task_is_cancelled_is_pushed() -> None:
    is_asked, may_come = threading.Event(), threading.Event()

    def batches() -> Iterator[list[int]]:
        yield [1]
        is_asked.set()
        may_come.wait(60)
        yield [2]
        yield [3]

    class Left(Pairs):
        given_again = 0

        def give_again(self) -> None:
            self.given_again += 1

    query, source = Left(), batches()

    async def collected() -> list[Any]:
        return [found async for found in run_async(query, source)]

    async def cancelled() -> None:
        task = asyncio.create_task(collected())
        await asyncio.to_thread(is_asked.wait, 60)
        task.cancel()
        asyncio.get_running_loop().call_later(0.1, may_come.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    # The answer of its push is given by the next call; the batches behind it are still to come.
    assert (query.kept, query.given_again) == ([2], 1)
    assert list(source) == [[3]]


class Open:
    """A query with given figures."""

    def __init__(self, figures: ContinuousFigures) -> None:
        self.figures = figures
        watch(self)

    def _figures(self) -> ContinuousFigures:
        return self.figures


def test_figures_are_added_up_and_counters_never_fall() -> None:
    gc.collect()
    before = continuous_figures()
    first = Open(ContinuousFigures(partitions=3, rows=10, rows_in=100, lag_seconds=5))
    second = Open(ContinuousFigures(partitions=1, rows=2, rows_in=50, lag_seconds=7, late_rows=1))
    both = continuous_figures()
    assert both.queries == before.queries + 2
    assert both.partitions == before.partitions + 4
    assert both.rows_in == before.rows_in + 150
    assert both.lag_seconds == max(before.lag_seconds, 7)
    first.figures = first.figures._replace(rows=1)
    assert continuous_figures().rows == before.rows + 3
    shown = {each.name: each.value for each in [*query_gauges(), *query_counters()]}
    assert shown["rowpattern_continuous_rows"] == before.rows + 3
    assert shown["rowpattern_continuous_late_rows"] == before.late_rows + 1
    del second
    gc.collect()
    after = continuous_figures()
    assert after.queries == before.queries + 1
    assert after.rows_in == both.rows_in
    assert after.rows == before.rows + 1
    del first
