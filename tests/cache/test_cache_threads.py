"""The store in several threads, in forked children, and when finalisers call it."""

from __future__ import annotations

import gc
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import rowpattern
from rowpattern._core import ManualClock

from forks import child_status, needs_fork
from pattern_caches import MEGABYTE, adds_up, cache, within_limits

if TYPE_CHECKING:
    from collections.abc import Mapping


def test_threads() -> None:
    clock = ManualClock()
    values = cache(max_size=50, max_memory_mb=0.06, ttl_seconds=1, clock=clock)
    problems: list[BaseException] = []
    look_ups = [0] * 8

    def work(number: int) -> None:
        rng = random.Random(number)
        try:
            for _ in range(6000):
                key = str(int(rng.paretovariate(1)))
                action = rng.random()
                if action < 0.6:
                    look_ups[number] += 1
                    assert values.get(key) in (None, key)
                elif action < 0.95:
                    values.put(key, key, size_bytes=rng.randrange(3000) if rng.random() < 0.99 else MEGABYTE)
                    assert within_limits(values.statistics())
                elif action < 0.97:
                    values.resize(rng.randrange(60), max_memory_mb=rng.random() / 10)
                elif action < 0.98:
                    values.clear()
                elif action < 0.99:
                    clock.advance(0.3)
                else:
                    values.invalidate(key)
        except BaseException as problem:  # noqa: BLE001 - handed to the main thread
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    statistics: Mapping[str, Any] = values.statistics()
    assert adds_up(statistics)
    assert statistics["hits"] + statistics["misses"] == sum(look_ups)
    exercised = ("hits", "evictions", "expirations", "replacements", "invalidations", "oversize")
    assert [name for name in exercised if statistics[name] == 0] == []


def test_readers_see_no_hole_while_a_key_is_replaced_and_limits_change() -> None:
    values = cache(max_size=100)
    values.put("k", 0, size_bytes=1)
    stop = threading.Event()
    holes = [0]

    def read() -> None:
        while not stop.is_set():
            if values.get("k") is None:
                holes[0] += 1

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(5000):
        values.put("k", number, size_bytes=1)
        values.resize(100 + number % 3)
    stop.set()
    for reader in readers:
        reader.join()
    assert holes == [0]


def test_a_finaliser_may_call_the_cache() -> None:
    calls: list[int] = []

    class Thing:
        def __init__(self, number: int) -> None:
            self.number = number

        def __del__(self) -> None:
            values.put(f"from {self.number}", None, size_bytes=1)
            values.get("a")
            values.statistics()
            calls.append(self.number)

    values = cache(max_size=2)
    for number in range(20):
        values.put(str(number), Thing(number), size_bytes=1)
    values.resize(0)
    values.resize(5)
    values.put("k", Thing(20), size_bytes=1)
    values.put("k", None, size_bytes=1)
    values.clear()
    gc.collect()
    assert sorted(calls) == list(range(21))


@needs_fork
def test_a_forked_child_has_a_working_cache() -> None:
    values = cache(max_size=100)
    pattern = rowpattern.compile("A+ B /* fork */")
    stop = threading.Event()

    def work(number: int) -> None:
        step = 0
        while not stop.is_set():
            step += 1
            values.put(f"{number} {step % 200}", step, size_bytes=10)
            values.get(f"{number} {step % 150}")
            pattern.count("AAB" * 5000)
            rowpattern.compile(f"A{{{step % 90 + 1}}} B{{{number + 1},300}} C")

    def child() -> bool:
        values.put("child", 1, size_bytes=10)
        assert values.get("child") == 1
        assert pattern.count("AAB" * 100) == 100
        for bound in range(1, 91):
            assert rowpattern.compile(f"A{{{bound}}} B{{1,300}} C").count("A" * bound + "BC") == 1
        values.clear()
        return len(values) == 0

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(25):
            assert child_status(child) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_stampede_compiles_once() -> None:
    process = rowpattern._core._process_cache()
    before = process.statistics()
    barrier = threading.Barrier(64)
    text = "PERMUTE(A, B, C, D, E, F, G, H) /* stampede */"

    def ask() -> rowpattern.Pattern:
        barrier.wait()
        return rowpattern.compile(text)

    with ThreadPoolExecutor(64) as pool:
        patterns = [future.result() for future in [pool.submit(ask) for _ in range(64)]]
    after = process.statistics()
    assert after["insertions"] - before["insertions"] == 1
    look_ups = after["hits"] + after["misses"] - before["hits"] - before["misses"]
    assert look_ups == 64
    assert len(set(patterns)) == 1
