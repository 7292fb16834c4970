"""Everything at once for a while: eight threads, all limits moving, promises checked throughout.

`ROWPATTERN_SOAK_SECONDS=600 pytest tests/slow/test_soak.py` takes ten minutes.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import rowpattern
from rowpattern import pattern_cache
from rowpattern.cache_monitor import CacheMonitor
from rowpattern.health import health_check
from rowpattern.observe.metrics import prometheus

from commands import run_python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECONDS = int(os.environ.get("ROWPATTERN_SOAK_SECONDS", "18"))

# In a process of its own, so that its memory is its own. Prints a JSON object.
SOAK = """
import gc, json, random, sys, threading, time
from statistics import median as median_of
import rowpattern
from rowpattern import pattern_cache

SECONDS, THREADS = int(sys.argv[1]), 8
cache = pattern_cache.get_pattern_cache()
problems, look_ups, found_of, done = [], [0] * THREADS, [0] * THREADS, [0] * THREADS
end = time.monotonic() + SECONDS

def check():
    s = rowpattern.PatternCache.statistics(cache)
    left = s["evictions"] + s["expirations"] + s["replacements"] + s["invalidations"]
    assert s["insertions"] == s["size"] + left, s
    assert s["evictions"] == s["evictions_size"] + s["evictions_memory"] + s["evictions_shed"], s
    assert s["size"] <= s["max_size"], s
    assert s["memory_used_mb"] <= s["max_memory_used_mb"], s

def work(number):
    rng = random.Random(number)
    try:
        while time.monotonic() < end:
            done[number] += 1
            action = rng.random()
            key = f"key {int(2000 ** rng.random())}"
            if action < 0.45:
                look_ups[number] += 1
                found = cache.get(key)
                assert found is None or found[0] == key
                found_of[number] += found is not None
            elif action < 0.75:
                cache.put(key, (key, bytes(rng.randrange(2000))), size_bytes=rng.randrange(4000))
            elif action < 0.80:
                cache.put(key, (key,), size_bytes=1 << 30)
            elif action < 0.90:
                text = f"A{{{rng.randrange(1, 60)}}} (B|C)+ D{{{rng.randrange(1, 60)}}}"
                look_ups[number] += 1
                pattern = rowpattern.compile(text)
                assert pattern.pattern == text
                pattern.count("AABBCCDDAB" * 30)
            elif action < 0.94:
                check()
            elif action < 0.96:
                cache.resize(rng.randrange(200, 1200), max_memory_mb=rng.uniform(0.5, 4))
            elif action < 0.97:
                cache.invalidate(key)
            elif action < 0.98:
                cache.set_ttl(rng.choice([0.01, 0.5, 5, None]))
            elif action < 0.983:
                cache.shed(rng.uniform(0.2, 2))
            elif action < 0.984:
                cache.clear()
            elif action < 0.99:
                entries = cache.entries(limit=20, order=rng.choice(["recent", "bytes", "hits", "age"]))
                assert all(entry["size_bytes"] > 0 for entry in entries)
            else:
                cache.set_enabled(False)
                cache.set_enabled(True)
    except BaseException as problem:
        problems.append(f"{type(problem).__name__}: {problem}")

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

# Random limits and keys reach the most memory that they allow late and by chance; the heap is brought there first, so
# that what grows later is a leak.
def fill():
    cache.resize(1200, max_memory_mb=64)
    for number in range(1200):
        cache.put(f"filling {number} {threading.get_ident()}", bytes(4000), size_bytes=0)
    for number in range(1, 60):
        rowpattern.compile(f"A{{{number}}} (B|C)+ D{{{number}}}").count("AABBCCDDAB" * 30)

for target in (fill, work):
    threads = [threading.Thread(target=target, args=(number,) * (target is work)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    if target is fill:
        for thread in threads:
            thread.join()
        cache.clear()
        cache.reset_statistics()
        end = time.monotonic() + SECONDS
begun, readings = time.monotonic(), []
while time.monotonic() < end:
    time.sleep(0.2)
    readings.append((time.monotonic() - begun, resident()))
for thread in threads:
    thread.join()
check()
statistics = cache.statistics()
# Look-ups while caching was disabled are not counted.
assert sum(found_of) <= statistics["hits"], (sum(found_of), statistics)
assert statistics["hits"] + statistics["misses"] <= sum(look_ups), (sum(look_ups), statistics)

# The median: the most at one moment depends on which threads compile at once, and is not the same twice.
def resident_between(first, last):
    return median_of(size for at, size in readings if first <= at <= last)

sixth = SECONDS / 6
medians = [resident_between(part * sixth, (part + 1) * sixth) for part in range(6)]
print(json.dumps({
    "problems": problems,
    "steps": sum(done),
    "growth": medians[5] / medians[1],
    "medians": medians,
    "not exercised": [name for name in (
        "hits", "misses", "evictions_size", "evictions_memory", "evictions_shed", "expirations", "replacements",
        "invalidations", "oversize") if not statistics[name]],
}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_soak() -> None:
    result = run_python("-c", SOAK, str(SECONDS), timeout=SECONDS + 120)
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    print(answer)
    assert answer["problems"] == []
    assert answer["not exercised"] == []
    assert answer["steps"] > 1000 * SECONDS
    # The median of memory is flat from the second sixth of the time to the last.
    assert answer["growth"] < 1.05


def test_each_function_at_once_from_many_threads(tmp_path: Path) -> None:
    """As pytest-run-parallel does: the same call from all threads at the same moment, each function in turn."""
    monitor = CacheMonitor(cache=pattern_cache.get_pattern_cache())
    path = tmp_path / "dump"
    rowpattern.compile("A B")
    pattern_cache.cache_pattern("k", 1, 2)
    pattern_cache.dump(path)
    calls: list[Callable[[], object]] = [
        lambda: rowpattern.compile("A B").count("AABAB") == 2,
        lambda: pattern_cache.cache_pattern("k", 1, 2),
        lambda: pattern_cache.get_cached_pattern("k") == (1, 2, 0.0),
        lambda: pattern_cache.get_cache_stats()["size"] >= 2,
        lambda: len(pattern_cache.cache_entries()) >= 2,
        lambda: pattern_cache.resize_cache(5000, max_memory_mb=100),
        lambda: pattern_cache.set_cache_ttl(1000),
        lambda: pattern_cache.set_caching_enabled(True),
        pattern_cache.is_caching_enabled,
        lambda: pattern_cache.warm(["A B", "A C"]) == 2,
        lambda: pattern_cache.load(path) == 1,
        lambda: pattern_cache.dump(tmp_path / f"dump {threading.get_ident()}") >= 2,
        lambda: health_check()["status"] in {"healthy", "degraded"},
        lambda: b"pattern_cache_size" in prometheus.exposition()[1],
        lambda: monitor.force_check()["size"] >= 2,
        lambda: monitor.resize_to_optimal() >= 100,
        lambda: pattern_cache.invalidate("none") is False,
        pattern_cache.clear_pattern_cache,
    ]
    threads = 8
    problems: list[str] = []
    barrier = threading.Barrier(threads)

    def work() -> None:
        for number, call in enumerate(calls):
            for _ in range(20):
                barrier.wait(60)
                try:
                    if call() is False:
                        problems.append(f"call {number} gave the wrong answer")
                except Exception as problem:  # noqa: BLE001 - reported by the main thread
                    problems.append(f"call {number}: {type(problem).__name__}: {problem}")

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert problems == []
