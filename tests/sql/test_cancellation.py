"""Calls that are ended by a token, in threads and in asyncio: when, with which error, and what they give back."""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from queries_at_work import EXPLODES, hard_rows, nothing_left, seconds_after_cancel, wait_until_none_runs, working_query

import rowpattern
from rowpattern import CancelToken, QueryBusyError, QueryCancelledError, QueryLimitError, match_recognize
from rowpattern.production_config import reload
from rowpattern.sql.runtime.admission import query_figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A cancelled call ends within a tenth of a second (benches/test_cancellation.py); here the machine may be loaded.
MOST_SECONDS = 0.5
TRIES = 3

FALLS = """SELECT * FROM prices MATCH_RECOGNIZE (
    ORDER BY day MEASURES FIRST(DOWN.day) AS begun PATTERN (DOWN+) DEFINE DOWN AS price < PREV(price))"""


def prices() -> pa.Table:
    return pa.table({"day": [0, 1, 2], "price": [5, 4, 3]})


def endless() -> Iterator[pa.RecordBatch]:
    for day in itertools.count():
        yield pa.RecordBatch.from_pydict({"day": [day], "price": [day % 3]})


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    match_recognize(FALLS, prices())
    with nothing_left():
        yield


def cancelled_after(call: Callable[[CancelToken], object], seconds: float = 0.3) -> float:
    """How long a call goes on after it was cancelled."""
    token = CancelToken()
    when = []

    def cancel() -> None:
        when.append(time.perf_counter())
        token.cancel("nobody waits for it")

    timer = threading.Timer(seconds, cancel)
    timer.start()
    with pytest.raises(QueryCancelledError, match="the call was cancelled: nobody waits for it"):
        call(token)
    timer.join()
    return time.perf_counter() - when[0]


def assert_ends_soon(call: Callable[[CancelToken], object], seconds: float = 0.3) -> None:
    late: list[float] = []
    while not late or late[-1] >= MOST_SECONDS:
        assert len(late) < TRIES, late
        late.append(cancelled_after(call, seconds))


def test_token() -> None:
    token = CancelToken()
    assert not token.is_cancelled
    assert token.reason is None
    assert repr(token) == "<rowpattern.CancelToken: not cancelled>"
    assert token.cancel("first")
    assert not token.cancel("second")
    assert token.is_cancelled
    assert token.reason == "first"
    assert not CancelToken(CancelToken()).is_cancelled


def test_a_token_is_cancelled_with_its_parent() -> None:
    parent = CancelToken()
    child, other = CancelToken(parent), CancelToken(parent)
    child.cancel("alone")
    assert (parent.is_cancelled, other.is_cancelled) == (False, False)
    parent.cancel("together")
    assert (child.reason, other.reason) == ("alone", "together")


@pytest.mark.parametrize("wrong", [1, "token", object()])
def test_what_is_no_token(wrong: Any) -> None:
    with pytest.raises(TypeError, match="cancel"):
        match_recognize(FALLS, prices(), cancel=wrong)
    with pytest.raises(TypeError, match=r"cancel must be a rowpattern\.CancelToken or None"):
        rowpattern.compile("A").count({"A": [True]}, cancel=wrong)


def test_a_cancelled_token_ends_every_call_at_once() -> None:
    token = CancelToken()
    token.cancel()
    pattern, rows = rowpattern.compile("A+"), {"A": [True]}
    calls: list[Callable[[], object]] = [
        lambda: match_recognize(FALLS, prices(), cancel=token),
        lambda: match_recognize(FALLS, prices(), cancel=token, stream=True),
        lambda: match_recognize(FALLS, prices(), cancel=token, isolation="process"),
        lambda: rowpattern.explain(FALLS, prices(), cancel=token),
        lambda: pattern.match(rows, cancel=token),
        lambda: pattern.spans(rows, cancel=token),
        lambda: pattern.count(rows, cancel=token),
        lambda: pattern.is_match(rows, cancel=token),
        lambda: list(pattern.find_iter(rows, cancel=token)),
        lambda: list(pattern.find_iter(prices(), conditions={"A": "A.price > 1"}, cancel=token)),
        lambda: pattern.match(rows).navigate(["A"], cancel=token),
        lambda: asyncio.run(rowpattern.match_recognize_async(FALLS, prices(), cancel=token)),
    ]
    if sys.platform != "linux":
        del calls[2]
    for call in calls:
        with pytest.raises(QueryCancelledError, match=r"^the call was cancelled$"):
            call()


def test_a_search_that_explodes() -> None:
    assert_ends_soon(lambda token: match_recognize(EXPLODES, hard_rows(), cancel=token))


def test_a_query_of_duckdb() -> None:
    sql = FALLS.replace("SELECT *", "SELECT (SELECT count(*) FROM range(100000000000) r(i) WHERE sin(i) > 2) AS n")
    assert_ends_soon(lambda token: match_recognize(sql, prices(), cancel=token))


def test_the_rows_of_a_reader_that_does_not_end() -> None:
    schema = pa.schema({"day": pa.int64(), "price": pa.int64()})

    def call(token: CancelToken) -> object:
        return match_recognize(FALLS, pa.RecordBatchReader.from_batches(schema, endless()), cancel=token)

    assert_ends_soon(call)


@pytest.mark.parametrize("stream", [True, "in order"])
def test_a_stream(stream: Any) -> None:
    def call(token: CancelToken) -> object:
        return match_recognize(FALLS, endless(), stream=stream, cancel=token).read_all()

    assert_ends_soon(call)


def test_a_wait_for_a_place() -> None:
    reload(max_concurrent_queries=1)
    with working_query(FALLS, prices()):
        assert_ends_soon(lambda token: match_recognize(FALLS, prices(), cancel=token))
        assert query_figures()[:2] == (1, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="workers need Linux")
@pytest.mark.slow
def test_a_worker_process() -> None:
    match_recognize(FALLS, prices(), isolation="process")

    def call(token: CancelToken) -> object:
        return match_recognize(EXPLODES, hard_rows(), isolation="process", cancel=token)

    assert_ends_soon(call)
    assert match_recognize(FALLS, prices(), isolation="process").num_rows == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_matches_of_a_pattern(threads: int) -> None:
    # Overlapping matches that reach to the end: their rows are a billion.
    rows = {"A": [True] * 200_000}
    pattern = rowpattern.compile("A+")
    call: Callable[[CancelToken], object] = lambda token: pattern.match(  # noqa: E731
        rows, skip="to next row", threads=threads, cancel=token
    )
    assert_ends_soon(call, 0.1)


def test_labels_in_a_list_that_does_not_end() -> None:
    pattern = rowpattern.compile("A+")

    class Labels:
        def __iter__(self) -> Iterator[str]:
            return itertools.repeat("A")

    rows: Any = Labels()
    assert_ends_soon(lambda token: pattern.count(rows, cancel=token))


# Others than a search: what takes long, and the query.
STEPS = {
    "ordering": "PARTITION BY name ORDER BY price MEASURES count(*) AS n PATTERN (A+) DEFINE A AS price > 0.2",
    "conditions": """ORDER BY day MEASURES count(*) AS n PATTERN (A+)
        DEFINE A AS name LIKE '%12%' OR price * 2 > PREV(price) + 0.1""",
    "conditions of DuckDB": "MEASURES count(*) AS n PATTERN (A+) DEFINE A AS levenshtein(name, 'abc') > 2",
    "rounds": """PARTITION BY user ORDER BY day MEASURES count(*) AS n PATTERN (A B+)
        DEFINE B AS levenshtein(name, FIRST(A.name)) > 2""",
    "aggregates": """PARTITION BY user ORDER BY day MEASURES median(A.price) AS m PATTERN (A+ B?)
        DEFINE A AS price > 0.2""",
    "measures": """PARTITION BY user ORDER BY day MEASURES upper(concat(FIRST(name), LAST(name))) AS m
        PATTERN (A B?)""",
    "output": "PARTITION BY user ORDER BY day ALL ROWS PER MATCH PATTERN (A+ B?) DEFINE A AS price > 0.2",
    "what is around": """PARTITION BY user ORDER BY day ALL ROWS PER MATCH PATTERN (A+)
        DEFINE A AS price > 0.2) ORDER BY (name""",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Arrow", "pandas"])
@pytest.mark.parametrize("step", STEPS)
def test_a_query_ends_at_any_moment(step: str, kind: str) -> None:
    rows, numbers = 300_000, np.random.default_rng(0)
    table: Any = pa.table(
        {
            "day": numbers.permutation(rows),
            "user": numbers.integers(0, rows // 10, rows),
            "price": numbers.random(rows),
            "name": pa.array(numbers.integers(0, rows, rows)).cast(pa.string()),
        }
    )
    table = table.to_pandas() if kind == "pandas" else table
    sql = f"SELECT * FROM t MATCH_RECOGNIZE ({STEPS[step]})"
    begun = time.perf_counter()
    match_recognize(sql, table)
    seconds = time.perf_counter() - begun
    moments = random.Random(step)
    for _ in range(4):
        late: list[float | None] = []
        while not late or (late[-1] or 0) >= MOST_SECONDS:
            assert len(late) < TRIES, late
            late.append(seconds_after_cancel(sql, table, moments.random() * seconds))
        assert query_figures()[:2] == (0, 0)
        assert query_figures().held_bytes == 0


# In asyncio.


def test_answers_are_those_of_match_recognize() -> None:
    async def ask() -> list[Any]:
        return await asyncio.gather(
            *(rowpattern.match_recognize_async(FALLS, prices()) for _ in range(20)),
            rowpattern.match_recognize_async(FALLS, prices=prices()),
        )

    assert [each.to_pylist() for each in asyncio.run(ask())] == [[{"begun": 1}]] * 21


def test_errors_are_those_of_match_recognize() -> None:
    with pytest.raises(rowpattern.QuerySyntaxError):
        asyncio.run(rowpattern.match_recognize_async("SELECT", prices()))
    with pytest.raises(rowpattern.ConfigurationError, match="timeout_seconds"):
        asyncio.run(rowpattern.match_recognize_async(FALLS, prices(), timeout_seconds=-1))
    with pytest.raises(QueryLimitError):
        asyncio.run(rowpattern.match_recognize_async(EXPLODES, hard_rows(), timeout_seconds=0.2))


def test_the_event_loop_goes_on() -> None:
    async def ask() -> int:
        turns = 0
        query = asyncio.ensure_future(rowpattern.match_recognize_async(EXPLODES, hard_rows(), timeout_seconds=0.5))
        while not query.done():
            turns += 1
            await asyncio.sleep(0.005)
        assert isinstance(query.exception(), QueryLimitError)
        return turns

    assert asyncio.run(ask()) > 10


def test_a_query_ends_with_its_task() -> None:
    async def ask() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(rowpattern.match_recognize_async(EXPLODES, hard_rows()), 0.3)
        begun = time.perf_counter()
        await asyncio.to_thread(wait_until_none_runs)
        assert time.perf_counter() - begun < 2 * MOST_SECONDS
        # And others are answered.
        assert (await rowpattern.match_recognize_async(FALLS, prices())).num_rows == 1

    asyncio.run(ask())


def test_tasks_that_wait_end_too_and_have_no_threads() -> None:
    reload(max_concurrent_queries=1)

    async def ask() -> None:
        before = threading.active_count()
        first = asyncio.ensure_future(rowpattern.match_recognize_async(EXPLODES, hard_rows()))
        waiting = [asyncio.ensure_future(rowpattern.match_recognize_async(EXPLODES, hard_rows())) for _ in range(100)]
        await asyncio.sleep(0.3)
        assert threading.active_count() - before < 40
        begun = time.perf_counter()
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
        assert all(each.cancelled() for each in waiting)
        assert time.perf_counter() - begun < 2 * MOST_SECONDS
        assert not first.done()
        first.cancel()
        await asyncio.wait([first])

    asyncio.run(ask())


def test_too_many_tasks() -> None:
    reload(max_concurrent_queries=1, query_queue_size=2)

    async def ask() -> list[Any]:
        tasks = [
            asyncio.ensure_future(rowpattern.match_recognize_async(EXPLODES, hard_rows(), timeout_seconds=0.5))
            for _ in range(5)
        ]
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    errors = asyncio.run(ask())
    assert [isinstance(each, QueryBusyError) for each in errors[3:]] == [True, True]
    assert all(isinstance(each, QueryLimitError) for each in errors)
