"""How often caches of one size hit, on requests by Zipf's law and with scans mixed in: exact LRU beside TinyLFU.

`pytest benches/test_hit_ratio.py --benchmark-only` prints each ratio; times are those of the whole trace.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Callable

import cachetools
import moka_py
import numpy as np
import pytest
import theine

from rowpattern import PatternCache

from promises import keep

pytestmark = pytest.mark.cache

PATTERNS = 100_000
REQUESTS = 500_000

# Put: what a caller does after a miss.
Cache = tuple[Callable[[str], Any], Callable[[str, Any], Any]]


@lru_cache(maxsize=1)
def zipf() -> np.ndarray[Any, Any]:
    """Pattern numbers by Zipf's law with exponent 0.99, as YCSB asks."""
    weights = 1.0 / np.arange(1, PATTERNS + 1) ** 0.99
    return np.random.default_rng(0).choice(PATTERNS, REQUESTS, p=weights / weights.sum())


@lru_cache(maxsize=8)
def trace(kind: str, size: int) -> list[str]:
    """Return the keys asked for, one after another."""
    numbers = zipf()
    if kind == "with scans":
        # After every 10 sizes of requests, a scan over 2 sizes of patterns that are asked for once.
        parts = []
        for at, first in enumerate(range(0, REQUESTS, 10 * size)):
            parts += [numbers[first : first + 10 * size], PATTERNS + 2 * size * at + np.arange(2 * size)]
        numbers = np.concatenate(parts)
    if kind == "moving":
        # What is popular changes by degrees: every 10 sizes of requests, all numbers move on by a tenth of a size.
        numbers = numbers + np.arange(REQUESTS) // (10 * size) * (size // 10)
    return [f"pattern {number}" for number in numbers.tolist()]


def ours(policy: str) -> Callable[[int], Cache]:
    def make(size: int) -> Cache:
        cache = PatternCache(max_size=size, max_memory_mb=1 << 20, policy=policy)
        return cache.get, lambda key, value: cache.put(key, value, size_bytes=1)

    return make


def moka(policy: str) -> Callable[[int], Cache]:
    def make(size: int) -> Cache:
        cache: Any = moka_py.Moka(size, policy=policy)
        return cache.get, cache.set

    return make


def cachetools_lru(size: int) -> Cache:
    cache: Any = cachetools.LRUCache(size)
    return cache.get, cache.__setitem__


def theine_adaptive(size: int) -> Cache:
    cache: Any = theine.Cache(size)
    return lambda key: cache.get(key)[0], cache.set


# Ours is compared with moka-py's, so it comes behind.
CONTENDERS = {
    "rowpattern": ours("lru"),
    "moka-py, TinyLFU": moka("tiny_lfu"),
    "rowpattern, tinylfu": ours("tinylfu"),
    "moka-py, LRU": moka("lru"),
    "cachetools LRUCache": cachetools_lru,
    "theine, adaptive W-TinyLFU": theine_adaptive,
}

_RATIOS: dict[tuple[str, int, str], float] = {}


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("size", [100, 1_000, 10_000])
@pytest.mark.parametrize("kind", ["Zipf", "with scans", "moving"])
def test_hit_ratio(benchmark: Any, kind: str, size: int, contender: str) -> None:
    benchmark.group = f"hit ratio, {kind}, {size:,} places for {PATTERNS:,} patterns"
    keys = trace(kind, size)
    hits = [0]

    def ask() -> None:
        get, put = CONTENDERS[contender](size)
        count = 0
        for key in keys:
            if get(key) is None:
                put(key, True)
            else:
                count += 1
        hits[0] = count

    benchmark.pedantic(ask, rounds=1)
    _RATIOS[kind, size, contender] = hits[0] / len(keys)
    benchmark.extra_info["columns"] = {"hits, %": f"{100 * hits[0] / len(keys):.1f}"}
    theirs = _RATIOS.get((kind, size, "moka-py, TinyLFU"))
    if contender == "rowpattern, tinylfu" and theirs is not None:
        points = 100 * (hits[0] / len(keys) - theirs)
        asked = f"{benchmark.group}: tinylfu hits as often as moka-py's, within a point"
        keep(benchmark, asked, f"{points:+.1f} points", reached=points >= -1)
    print(f"{benchmark.group}, {contender}: {100 * hits[0] / len(keys):.1f} %")
