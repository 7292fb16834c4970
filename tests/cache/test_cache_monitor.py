"""The monitor: thresholds, callbacks, sizes, logs, threads and forks."""

from __future__ import annotations

import itertools
import logging
import random
import threading
from typing import TYPE_CHECKING, Any

import pytest

from rowpattern import pattern_cache
from rowpattern._core import ManualClock
from rowpattern.cache import monitor as monitor_module
from rowpattern.cache.process import ProcessCache
from rowpattern.cache.sizing import SizeAdvisor
from rowpattern.cache_monitor import CacheMonitor, get_cache_monitor, start_cache_monitoring, stop_cache_monitoring
from rowpattern.production_config import MatchRecognizeConfig, PerformanceConfig

from forks import child_status, needs_fork

if TYPE_CHECKING:
    from collections.abc import Mapping

KILOBYTE = 1 << 10


def config(**settings: Any) -> MatchRecognizeConfig:
    return MatchRecognizeConfig(
        performance=PerformanceConfig(**{"cache_monitoring_interval_seconds": 10**6, **settings})
    )


@pytest.fixture
def cache() -> ProcessCache:
    return ProcessCache(10_000, 500.0, 10.0)


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.name, vars(record)["event"]) for record in caplog.records if record.name.startswith("rowpattern")]


def fill(cache: ProcessCache, kilobytes: int, first: int = 0) -> None:
    for number in range(first, first + kilobytes):
        cache.put(str(number), number, size_bytes=KILOBYTE - 571 - len(str(number)))


def test_memory_above_the_threshold(cache: ProcessCache, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rowpattern")
    monitor = CacheMonitor(config(cache_clear_threshold_mb=0.5), cache=cache)
    seen: list[Mapping[str, Any]] = []
    monitor.register_threshold_callback(seen.append)
    fill(cache, 500)
    monitor.force_check()
    assert seen == []
    fill(cache, 300, first=500)
    after = monitor.force_check()
    assert [statistics["memory_used_mb"] > 0.5 for statistics in seen] == [True]
    assert seen[0]["size"] == 800
    assert 0.49 < after["memory_used_mb"] <= 0.5
    assert after["evictions_shed"] == 800 - after["size"]
    # The ones used longest ago went.
    assert cache.get("0") is None
    assert cache.get("799") == 799
    # Nothing changes: nobody is called.
    monitor.force_check()
    assert len(seen) == 1
    fill(cache, 300, first=1000)
    monitor.force_check()
    assert len(seen) == 2
    assert {record.levelname for record in caplog.records} == {"INFO"}
    records = [vars(record) for record in caplog.records]
    crossing = next(record for record in records if record["event"] == "threshold")
    assert crossing["threshold_mb"] == 0.5
    assert crossing["memory_used_mb"] == seen[0]["memory_used_mb"]
    left = next(record for record in records if record["event"] == "evict")
    assert (left["cause"], left["count"]) == ("threshold", after["evictions_shed"])


def test_the_threshold_may_clear_everything(cache: ProcessCache) -> None:
    monitor = CacheMonitor(config(cache_clear_threshold_mb=0.5, cache_threshold_action="clear"), cache=cache)
    fill(cache, 800)
    assert monitor.force_check()["size"] == 0


def test_callbacks(cache: ProcessCache, caplog: pytest.LogCaptureFixture) -> None:
    monitor = CacheMonitor(config(cache_clear_threshold_mb=0), cache=cache)
    seen: list[float] = []

    def fails(_: Mapping[str, Any]) -> None:
        raise RuntimeError("on purpose")

    def asks_again(_: Mapping[str, Any]) -> None:
        monitor.force_check()

    def works(statistics: Mapping[str, Any]) -> None:
        seen.append(statistics["memory_used_mb"])

    for callback in (fails, asks_again, works):
        monitor.register_threshold_callback(callback)
    cache.put("a", 1, size_bytes=10)
    monitor.force_check()
    assert len(seen) == 1
    assert ("rowpattern.cache_monitor", "callback") in events(caplog)
    assert "on purpose" in caplog.text
    assert monitor.unregister_threshold_callback(works)
    assert not monitor.unregister_threshold_callback(works)
    cache.put("a", 1, size_bytes=10)
    monitor.force_check()
    assert len(seen) == 1


def test_efficiency_is_of_the_interval(cache: ProcessCache, caplog: pytest.LogCaptureFixture) -> None:
    monitor = CacheMonitor(config(), cache=cache)
    seen: list[Mapping[str, Any]] = []
    monitor.register_efficiency_callback(seen.append)
    cache.put("a", 1, size_bytes=1)
    for _ in range(10_000):
        cache.get("a")
    monitor.force_check()
    assert monitor.interval_efficiency == 100.0
    for number in range(99):
        cache.get(f"none {number}")
    monitor.force_check()
    assert seen == []
    assert monitor.interval_efficiency is None
    for number in range(100):
        cache.get("a" if number % 10 == 0 else f"none {number}")
    # Of the process's life it is still above 20 %.
    assert monitor.force_check()["cache_efficiency"] > 90
    assert [each["interval_efficiency"] for each in seen] == [10.0]
    assert [record.levelname for record in caplog.records if vars(record)["event"] == "efficiency"] == ["WARNING"]
    for number in range(200):
        cache.get(f"none {number}")
    monitor.force_check()
    assert len(seen) == 1
    for _ in range(200):
        cache.get("a")
    monitor.force_check()
    cache.reset_statistics()
    for number in range(200):
        cache.get(f"none {number}")
    monitor.force_check()
    assert [each["interval_efficiency"] for each in seen] == [10.0, 0.0]
    assert monitor.unregister_efficiency_callback(seen.append)


def test_what_left_is_logged_by_cause(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "rowpattern")
    clock = ManualClock()
    cache = ProcessCache(10, 1.0, 5.0, clock=clock)
    monitor = CacheMonitor(config(), cache=cache)
    for number in range(15):
        cache.put(str(number), number, size_bytes=1)
    cache.resize(max_memory_mb=0.003)
    monitor.force_check()
    clock.advance(5)
    monitor.force_check()
    left = [
        (vars(record)["event"], vars(record)["cause"], vars(record)["count"])
        for record in caplog.records
        if vars(record)["event"] in {"evict", "expire"}
    ]
    statistics = cache.statistics()
    assert left == [
        ("evict", "size", 5),
        ("evict", "memory", statistics["evictions_memory"]),
        ("evict", "threshold", statistics["evictions_shed"]),
        ("expire", "ttl", statistics["expirations"]),
    ]
    assert statistics["expirations"] > 0
    resized = next(vars(record) for record in caplog.records if vars(record)["event"] == "resize")
    assert (resized["old_max_memory_mb"], resized["max_size"]) == (1.0, 10)
    cache.set_enabled(False)
    cache.set_enabled(False)
    cache.set_enabled(True)
    assert [event for _, event in events(caplog)][-2:] == ["disable", "enable"]


def zipf(rng: random.Random, keys: int) -> str:
    return str(int(keys ** rng.random()))


def drive(cache: ProcessCache, monitor: CacheMonitor, asked: Any, rounds: int) -> list[int]:
    """Ask, put in what is missing, check; the limit after each round."""
    sizes = []
    for _ in range(rounds):
        for _ in range(2000):
            key = asked()
            if cache.get(key) is None:
                cache.put(key, key, size_bytes=10)
        monitor.force_check()
        sizes.append(cache.statistics()["max_size"])
    return sizes


def test_size_grows_where_evictions_cost_hits(cache: ProcessCache, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rowpattern")
    cache.resize(100)
    monitor = CacheMonitor(config(cache_size_limit=1500), cache=cache)
    rng = random.Random(1)

    def hits_of(rounds: int) -> float:
        before = cache.statistics()["hits"]
        sizes.extend(drive(cache, monitor, lambda: zipf(rng, 1000), rounds))
        return float(cache.statistics()["hits"] - before) / (2000 * rounds)

    sizes: list[int] = []
    at_first = hits_of(1)
    hits_of(2)
    # One step to what was missed, and perhaps one more for keys that were new then.
    assert 600 <= sizes[0] <= sizes[1] == sizes[2] <= 1500
    assert hits_of(1) > at_first + 0.15
    decision = next(vars(record) for record in caplog.records if vars(record)["event"] == "optimize")
    assert (decision["reason"], decision["old_max_size"], decision["levelname"]) == ("grow", 100, "INFO")
    assert decision["max_size"] == 100 + decision["evicted_misses"] * 3 // 2 == sizes[0]
    assert decision["look_ups"] == 2000


def test_size_stays_where_it_must(cache: ProcessCache) -> None:
    # A scan asks for each key once: what is evicted is never missed.
    cache.resize(200)
    monitor = CacheMonitor(config(cache_size_limit=5000), cache=cache)
    keys = iter(range(10**6))
    assert set(drive(cache, monitor, lambda: str(next(keys)), 8)) == {200}
    # Nor does it change where all fits and most places are used.
    rng = random.Random(1)
    cache.resize(1000)
    assert set(drive(cache, monitor, lambda: str(rng.randrange(900)), 8)) == {1000}


def hit_ratios(optimize: bool | str) -> tuple[list[int], list[float]]:
    """Limits and hits in percent by interval: 20 patterns in three quiet ones, then a working set of 2,000 in turn."""
    cache = ProcessCache(10_000, 500.0, None)
    monitor = CacheMonitor(config(cache_size_limit=10_000, cache_optimize_size=optimize), cache=cache)
    limits, ratios, before = [], [], 0
    for keys in (20, 20, 20, 2000, 2000, 2000, 2000, 2000):
        turn = itertools.cycle(map(str, range(keys)))
        limits += drive(cache, monitor, lambda turn=turn: next(turn), 1)
        hits = cache.statistics()["hits"]
        ratios.append((hits - before) / 20)
        before = hits
    return limits, ratios


def test_a_working_set_that_comes_back() -> None:
    """By default the limit stays what it was set to, and the working set costs one interval of misses."""
    limits, ratios = hit_ratios(True)
    assert limits == [10_000] * 8
    assert ratios[3:] == [1.0, 100.0, 100.0, 100.0, 100.0]
    # By choice the limit shrinks. As soon as evicted keys are missed it grows to the working set, in one step.
    limits, ratios = hit_ratios("shrink")
    assert limits[:4] == [10_000, 10_000, 100, 100]
    assert 2000 <= limits[4] <= 3100
    assert limits[5:] == [limits[4]] * 3
    assert ratios[3:] == [1.0, 0.0, 5.0, 100.0, 100.0]
    assert hit_ratios(False)[0] == [10_000] * 8


@pytest.mark.parametrize("optimize", [True, False])
def test_the_limit_never_goes_below_the_configured_one(optimize: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rowpattern")
    cache = ProcessCache(10_000, 500.0, 3600.0)
    monitor = CacheMonitor(config(cache_optimize_size=optimize), cache=cache)
    fill(cache, 20)
    for _ in range(20):
        assert monitor.force_check()["max_size"] == 10_000
    assert monitor.resize_to_optimal() == 10_000
    assert events(caplog) == []


def test_size_shrinks_by_choice_and_grows_back(cache: ProcessCache) -> None:
    cache.resize(8000)
    monitor = CacheMonitor(config(cache_size_limit=8000, cache_optimize_size="shrink"), cache=cache)
    rng = random.Random(1)
    assert drive(cache, monitor, lambda: str(rng.randrange(300)), 3) == [8000, 8000, 600]
    assert cache.statistics()["evictions"] == 0
    grown = drive(cache, monitor, lambda: str(rng.randrange(2000)), 4)
    assert 1200 <= grown[0] < grown[1] <= 2600
    assert grown[1:] == [grown[1]] * 3


def test_a_threshold_holds_below_a_limit_set_by_hand(cache: ProcessCache) -> None:
    monitor = CacheMonitor(config(cache_clear_threshold_mb=0.5), cache=cache)
    seen: list[Mapping[str, Any]] = []
    monitor.register_threshold_callback(seen.append)
    cache.resize(max_memory_mb=0.25)
    fill(cache, 500)
    assert cache.statistics()["memory_used_mb"] > 0.24
    assert monitor.force_check()["memory_used_mb"] <= 0.2
    assert len(seen) == 1


def test_limits_set_by_hand_are_the_ceiling(cache: ProcessCache) -> None:
    cache.resize(100)
    monitor = CacheMonitor(config(cache_size_limit=5000), cache=cache)
    rng = random.Random(1)
    monitor.force_check()
    cache.resize(150)
    assert set(drive(cache, monitor, lambda: zipf(rng, 1000), 3)) == {150}
    off = CacheMonitor(config(cache_optimize_size=False), cache=cache)
    assert set(drive(cache, off, lambda: zipf(rng, 1000), 3)) == {150}


def test_resize_to_optimal(cache: ProcessCache) -> None:
    monitor = CacheMonitor(config(cache_size_limit=10_000), cache=cache)
    fill(cache, 150)
    cache.clear()
    assert monitor.resize_to_optimal() == 10_000
    fill(cache, 150)
    cache.clear()
    # Places were used since the last look, so it looks from now on.
    assert monitor.resize_to_optimal(shrink=True) == 300
    assert monitor.resize_to_optimal(shrink=True) == 100
    assert monitor.resize_to_optimal(shrink=True) == 100


def test_advice_needs_enough_look_ups() -> None:
    advisor = SizeAdvisor(3)
    figures = {"hits": 9, "misses": 90, "evicted_misses": 90, "evictions": 90, "last_reset": 1.0, "max_size": 100}
    assert advisor.look(figures, 100, 1000, may_shrink=True) is None
    more = {**figures, "misses": 290, "evicted_misses": 290, "evictions": 290}
    advice = advisor.look(more, 100, 1000, may_shrink=False)
    assert advice is not None
    assert advice.max_size == 100 + 300
    assert (
        advisor.look({**more, "misses": 490, "evicted_misses": 490, "evictions": 490}, 100, 100, may_shrink=True)
        is None
    )


def test_starting_and_stopping(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rowpattern")
    assert get_cache_monitor() is None
    monitor = start_cache_monitoring(config())
    assert start_cache_monitoring() is monitor is get_cache_monitor()
    monitor.start_monitoring()
    assert monitor.running
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("rowpattern-cache-monitor") == 1
    stop_cache_monitoring()
    stop_cache_monitoring()
    assert get_cache_monitor() is None
    assert not monitor.running
    assert "rowpattern-cache-monitor" not in [thread.name for thread in threading.enumerate()]
    assert [event for _, event in events(caplog)] == ["start", "stop"]


def test_the_thread_checks_and_takes_new_settings() -> None:
    monitor = start_cache_monitoring(config())
    checked = threading.Event()
    monitor.register_threshold_callback(lambda _: checked.set())
    pattern_cache.cache_pattern("k", 1, 2)
    start_cache_monitoring(config(cache_clear_threshold_mb=0, cache_monitoring_interval_seconds=0.01))
    assert checked.wait(10)
    checked.clear()
    pattern_cache.cache_pattern("k", 1, 2)
    assert checked.wait(10)


def test_stop_does_not_wait_for_a_callback() -> None:
    release, begun = threading.Event(), threading.Event()

    def slow(_: Mapping[str, Any]) -> None:
        begun.set()
        release.wait(10)

    monitor = CacheMonitor(config(cache_clear_threshold_mb=0), cache=ProcessCache())
    monitor.register_threshold_callback(slow)
    fill(monitor._cache, 1)  # type: ignore[arg-type]
    monitor.start_monitoring()
    assert begun.wait(10)
    monitor.stop_monitoring()
    assert not release.is_set()
    assert not monitor.running
    monitor.start_monitoring()
    assert monitor.running
    release.set()
    monitor.stop_monitoring()


def test_a_callback_may_stop_the_monitor() -> None:
    done = threading.Event()
    monitor = CacheMonitor(config(cache_clear_threshold_mb=0), cache=ProcessCache())

    def stop(_: Mapping[str, Any]) -> None:
        monitor.stop_monitoring()
        done.set()

    monitor.register_threshold_callback(stop)
    fill(monitor._cache, 1)  # type: ignore[arg-type]
    monitor.start_monitoring()
    assert done.wait(10)
    assert not monitor.running


@needs_fork
@pytest.mark.parametrize("running", [True, False])
def test_a_forked_child_has_a_running_monitor(running: bool) -> None:
    monitor = start_cache_monitoring(config(cache_clear_threshold_mb=0, cache_monitoring_interval_seconds=0.01))
    checked = threading.Event()
    monitor.register_threshold_callback(lambda _: checked.set())
    if not running:
        stop_cache_monitoring()
    stop = threading.Event()

    def check() -> None:
        while not stop.is_set():
            monitor.force_check()
            start_cache_monitoring() if running else stop_cache_monitoring()

    def child() -> bool:
        checked.clear()
        pattern_cache.cache_pattern("k", 1, 2)
        came = checked.wait(10 if running else 0.2)
        same = (get_cache_monitor() is monitor) == running
        stop_cache_monitoring()
        return came == running and same and monitor_module._monitor is None

    busy = threading.Thread(target=check)
    busy.start()
    try:
        for _ in range(10):
            assert child_status(child, 30) == 0
    finally:
        stop.set()
        busy.join()
