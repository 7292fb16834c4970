"""How many queries work at once, who waits and for how long, and the memory that they share."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from queries_at_work import EXPLODES, hard_rows, nothing_left, working_query

import rowpattern
from rowpattern import QueryBusyError, QueryLimitError, match_recognize
from rowpattern.production_config import describe, reload
from rowpattern.sql.runtime.admission import query_figures

from forks import child_status, needs_fork

if TYPE_CHECKING:
    from collections.abc import Iterator

FALLS = """SELECT * FROM prices MATCH_RECOGNIZE (
    ORDER BY day MEASURES FIRST(DOWN.day) AS begun, LAST(DOWN.day) AS ended
    PATTERN (DOWN+) DEFINE DOWN AS price < PREV(price))"""
FOUND = [{"begun": 1, "ended": 2}, {"begun": 4, "ended": 4}]


def prices() -> pa.Table:
    return pa.table({"day": [0, 1, 2, 3, 4], "price": [5, 4, 3, 9, 8]})


@pytest.fixture(autouse=True)
def _settings_again() -> Iterator[None]:
    match_recognize(FALLS, prices())
    with nothing_left():
        yield


def until(condition: Any, seconds: float = 30) -> None:
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end
        time.sleep(0.002)


def test_settings() -> None:
    described = describe()
    assert described["max_concurrent_queries"].detail == "one for each core"
    assert described["query_queue_size"].value == 1000
    reload(max_concurrent_queries=3, query_queue_size=7, max_memory_mb=12)
    figures = query_figures()
    assert (figures.most_running, figures.most_waiting, figures.limit_bytes) == (3, 7, 12 << 20)
    with pytest.raises(rowpattern.ConfigurationError, match="max_concurrent_queries is 0"):
        reload(max_concurrent_queries=0)


@pytest.mark.parametrize("limit", [1, 3])
def test_so_many_queries_work_at_once(limit: int) -> None:
    reload(max_concurrent_queries=limit)
    lock, at_work, most = threading.Lock(), 0, 0

    def note(_: object) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work, query_figures().running)
        time.sleep(0.001)
        with lock:
            at_work -= 1

    def ask(_: int) -> Any:
        return match_recognize(FALLS, prices(), progress=note).to_pylist()

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(ask, range(60))) == [FOUND] * 60
    assert most == limit


def test_who_comes_first_is_answered_first() -> None:
    reload(max_concurrent_queries=1)
    order: list[int] = []
    threads = []
    with working_query(FALLS, prices()):
        for number in range(6):

            def note(progress: Any, number: int = number) -> None:
                if progress.step == "read" and not progress.done:
                    order.append(number)

            thread = threading.Thread(target=match_recognize, args=(FALLS, prices()), kwargs={"progress": note})
            thread.start()
            threads.append(thread)
            until(lambda number=number: query_figures().waiting == number + 1)
    for thread in threads:
        thread.join(30)
    assert order == [0, 1, 2, 3, 4, 5]


def test_a_full_queue_refuses() -> None:
    reload(max_concurrent_queries=1, query_queue_size=1)
    refused = query_figures().refused
    with working_query(FALLS, prices()):
        waiting = threading.Thread(target=match_recognize, args=(FALLS, prices()))
        waiting.start()
        until(lambda: query_figures().waiting == 1)
        with pytest.raises(QueryBusyError, match="1 queries work and 1 wait, as many as may"):
            match_recognize(FALLS, prices())
        assert query_figures().refused == refused + 1
    waiting.join(30)
    assert not waiting.is_alive()


def test_waiting_counts_in_the_time_limit() -> None:
    reload(max_concurrent_queries=1)
    with working_query(FALLS, prices()):
        begun = time.perf_counter()
        with pytest.raises(QueryBusyError, match=r"waited for others until its limit of 0\.2 s was over"):
            match_recognize(FALLS, prices(), timeout_seconds=0.2)
        assert 0.2 <= time.perf_counter() - begun < 2
        assert query_figures()[:2] == (1, 0)


def test_ctrl_c_ends_the_wait() -> None:
    reload(max_concurrent_queries=1)
    with working_query(FALLS, prices()):
        timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            match_recognize(FALLS, prices())
        timer.join()
        assert query_figures()[:2] == (1, 0)


def test_a_query_in_a_callback_of_another() -> None:
    reload(max_concurrent_queries=1, query_queue_size=0)
    inner = []

    def ask(_: object) -> None:
        inner.append(match_recognize(FALLS, prices(), timeout_seconds=20).to_pylist())

    assert match_recognize(FALLS, prices(), progress=ask, timeout_seconds=20).to_pylist() == FOUND
    assert inner
    assert all(each == FOUND for each in inner)


@pytest.mark.parametrize("order_by", ["day", "day + 1"])
@pytest.mark.parametrize("stream", [True, "in order"])
def test_a_query_in_the_rows_of_a_stream(order_by: str, stream: Any) -> None:
    reload(max_concurrent_queries=1, query_queue_size=0)

    def rows() -> Iterator[pa.RecordBatch]:
        assert match_recognize(FALLS, prices(), timeout_seconds=20).to_pylist() == FOUND
        yield from prices().to_batches()

    sql = FALLS.replace("ORDER BY day", f"ORDER BY {order_by}")
    assert match_recognize(sql, rows(), stream=stream, timeout_seconds=20).read_all().to_pylist() == FOUND


def test_a_query_in_a_lazy_frame() -> None:
    pl = pytest.importorskip("polars")
    reload(max_concurrent_queries=1, query_queue_size=0)

    def ask(frame: Any) -> Any:
        assert match_recognize(FALLS, prices(), timeout_seconds=20).to_pylist() == FOUND
        return frame

    lazy = pl.from_arrow(prices()).lazy().map_batches(ask)
    assert match_recognize(FALLS, lazy, timeout_seconds=20).collect().to_dicts() == FOUND


def test_a_stream_has_a_place_only_while_it_works() -> None:
    reload(max_concurrent_queries=1, query_queue_size=0)
    sql = FALLS.replace("ORDER BY", "PARTITION BY p ORDER BY")
    table = pa.table({"p": [1] * 5 + [2] * 5, "day": list(range(5)) * 2, "price": [5, 4, 3, 9, 8] * 2})
    reader = match_recognize(sql, table, stream="in order")
    assert query_figures().running == 0
    # Whoever reads it has to be admitted; others are meanwhile.
    assert match_recognize(FALLS, prices()).to_pylist() == FOUND
    rows = 0
    for batch in reader:
        rows += batch.num_rows
        assert query_figures().running == 0
        assert match_recognize(FALLS, prices()).to_pylist() == FOUND
    assert rows == 4
    reader = match_recognize(sql, table, stream="in order")
    with working_query(FALLS, prices()), pytest.raises(QueryBusyError):
        next(match_recognize(sql, table, stream="in order", timeout_seconds=0.3))
    reader.close()


@needs_fork
def test_a_forked_child_has_places_of_its_own() -> None:
    reload(max_concurrent_queries=1)
    with working_query(FALLS, prices()):
        # It forgets what its parent's threads do.
        assert child_status(lambda: query_figures()[:4] == (0, 0, 1, 1000) and query_figures().held_bytes == 0) == 0
        assert query_figures().running == 1


def test_queries_share_memory() -> None:
    rows = pa.table({"day": range(200_000), "price": [float(day % 7) for day in range(200_000)]})
    sql = "SELECT * FROM r MATCH_RECOGNIZE (ORDER BY day ALL ROWS PER MATCH PATTERN (A) DEFINE A AS price >= 0)"
    assert match_recognize(sql, rows).num_rows == 200_000
    reload(max_memory_mb=1)
    with pytest.raises(QueryLimitError, match="than the queries of this process may take together, 1 MB"):
        # What its call says lies within what the process says.
        match_recognize(sql, rows, memory_limit_mb=500)
    assert query_figures().held_bytes == 0
    reload()
    assert match_recognize(sql, rows).num_rows == 200_000


def test_what_explodes_makes_way_for_others() -> None:
    reload(max_concurrent_queries=1)
    ended = threading.Event()

    def explode() -> None:
        with pytest.raises(QueryLimitError):
            match_recognize(EXPLODES, hard_rows(), timeout_seconds=3)
        ended.set()

    thread = threading.Thread(target=explode)
    thread.start()
    until(lambda: query_figures().running == 1)
    answered = 0
    while not ended.is_set():
        assert match_recognize(FALLS, prices()).to_pylist() == FOUND
        answered += 1
    thread.join(30)
    # With one place, the first would be answered after it only.
    assert answered > 2
