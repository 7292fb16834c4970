"""Plans of queries: apart from patterns, made once however many threads ask, and before there is traffic."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize, pattern_cache
from rowpattern.cache.plans import clear_plan_cache, get_plan_cache, get_plan_stats
from rowpattern.production_config import reload, reset_config
from rowpattern.sql.execute import query
from rowpattern.sql.runtime.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Iterator

FALLS = """SELECT * FROM prices MATCH_RECOGNIZE (
    ORDER BY day MEASURES FIRST(DOWN.day) AS begun PATTERN (DOWN+) DEFINE DOWN AS price < PREV(price))"""


def prices() -> pa.Table:
    return pa.table({"day": [0, 1, 2], "price": [5, 4, 3]})


@pytest.fixture(autouse=True)
def _settings_again() -> Iterator[None]:
    clear_plan_cache()
    yield
    reload()
    reset_config()


def test_new_texts_evict_nothing_of_the_caller_s() -> None:
    reload(cache_size_limit=300, plan_cache_size_limit=50)
    for number in range(200):
        pattern_cache.cache_pattern(f"key {number}", number, None)
    before = pattern_cache.get_cache_stats()
    for number in range(200):
        match_recognize(FALLS.replace("begun", f"begun_{number}"), prices())
    after = pattern_cache.get_cache_stats()
    assert after["evictions"] == before["evictions"]
    assert all(pattern_cache.get_cached_pattern(f"key {number}") for number in range(200))
    plans = get_plan_stats()
    assert plans["size"] == plans["max_size"] == 50
    assert plans["evictions"] == 2 * 200 - 50
    # What nobody repeats is a miss of the plans only.
    assert after["misses"] - before["misses"] <= 1
    assert plans["hits"] == 0


def test_plans_have_limits_of_their_own() -> None:
    reload(plan_cache_size_limit=7, plan_cache_memory_limit_mb=3, cache_ttl_seconds=100)
    statistics = get_plan_stats()
    assert (statistics["max_size"], statistics["max_memory_used_mb"], statistics["ttl_seconds"]) == (7, 3, 100)
    pattern_cache.set_caching_enabled(False)
    match_recognize(FALLS, prices())
    assert len(get_plan_cache()) == 0
    pattern_cache.set_caching_enabled(True)
    match_recognize(FALLS, prices())
    assert len(get_plan_cache()) == 2


def test_a_burst_plans_once(monkeypatch: pytest.MonkeyPatch) -> None:
    match_recognize(FALLS, prices())
    clear_plan_cache()
    reload(max_concurrent_queries=16)
    calls: list[str] = []

    def counted(name: str) -> None:
        original = getattr(query, name)

        def call(*arguments: Any) -> Any:
            calls.append(name)
            # Others come by meanwhile.
            threading.Event().wait(0.2)
            return original(*arguments)

        monkeypatch.setattr(query, name, call)

    counted("parse")
    counted("bind")
    together = threading.Barrier(16)
    answers = []

    def ask() -> None:
        together.wait()
        answers.append(match_recognize(FALLS, prices()).to_pylist())

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [[{"begun": 1}]] * 16
    assert calls == ["parse", "bind"]


def test_who_waits_tries_where_the_first_has_failed() -> None:
    flights = SingleFlight()
    in_it, may_fail = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def fail() -> None:
        in_it.set()
        may_fail.wait(30)
        raise ZeroDivisionError

    def first() -> None:
        try:
            flights.make("k", fail)
        except ZeroDivisionError as error:
            failed.append(error)

    found: list[int] = []
    threads = [
        threading.Thread(target=first),
        threading.Thread(target=lambda: found.append(flights.make("k", lambda: 5))),
    ]
    threads[0].start()
    assert in_it.wait(30)
    threads[1].start()
    may_fail.set()
    for thread in threads:
        thread.join(30)
    assert (len(failed), found) == (1, [5])
    # A thread that makes something may need the same again.
    assert flights.make("k", lambda: flights.make("k", lambda: 6)) == 6


def test_warm_up_plans() -> None:
    schema = prices().schema
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    text_only = FALLS.replace("begun", "started")
    tables = [
        schema,
        prices(),
        pandas.DataFrame({"day": [0], "price": [1]}),
        polars.DataFrame({"day": [0], "price": [1]}),
    ]
    queries: list[Any] = [text_only, *((FALLS, table) for table in tables), (FALLS, {"prices": schema})]
    assert rowpattern.warm_up(queries) == 6
    before = get_plan_stats()
    match_recognize(FALLS, prices())
    assert get_plan_stats()["misses"] == before["misses"]
    match_recognize(text_only, prices())
    # The clause had to be bound, as its table was not known.
    assert get_plan_stats()["misses"] == before["misses"] + 1
    with pytest.raises(rowpattern.QuerySyntaxError):
        rowpattern.warm_up(["SELECT"])
    assert rowpattern.warm_up() == 0
