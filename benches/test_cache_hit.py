"""What a hit costs."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any, Callable, cast

import cachebox
import cachetools
import moka_py
import pytest
import theine
from src.utils import pattern_cache as original_cache

import rowpattern
from rowpattern import pattern_cache

from promises import keep

ENTRIES = 10_000
TTL = 3600
ROUNDS = {"rounds": 100, "iterations": 20_000, "warmup_rounds": 5}

KEYS = 8000

# A round is over before the scheduler of a busy machine hands the core to another: the least round is undisturbed.
A_ROUND = 2_000


@pytest.mark.parametrize("contender", ["rowpattern", "re.compile"])
def test_compile_of_a_cached_pattern(benchmark: Any, contender: str) -> None:
    benchmark.group = "compile of a cached pattern"
    if contender == "rowpattern":
        rowpattern.compile("A B+ C")
        benchmark.pedantic(rowpattern.compile, ("A B+ C",), **ROUNDS)
    else:
        benchmark.extra_info["at_least"] = 1
        re.compile("AB+C")
        benchmark.pedantic(re.compile, ("AB+C",), **ROUNDS)


def contenders() -> dict[str, Callable[[], Callable[[str], Any]]]:
    value = (object(), object(), 0.1)
    keys = [pattern_cache.get_cache_key(f"A{{{number}}}") for number in range(KEYS)]

    def ours() -> Callable[[str], Any]:
        for key in keys:
            pattern_cache.cache_pattern(key, *value)
        return pattern_cache.get_cached_pattern

    def original() -> Callable[[str], Any]:
        # Its levels have fewer places.
        for key in keys[:1000]:
            original_cache.cache_pattern(key, *value)
        return cast("Callable[[str], Any]", original_cache.get_cached_pattern)

    def moka() -> Callable[[str], Any]:
        cache: Any = moka_py.Moka(ENTRIES, ttl=TTL)
        for key in keys:
            cache.set(key, value)
        return cast("Callable[[str], Any]", cache.get)

    def cachebox_ttl() -> Callable[[str], Any]:
        cache: Any = cachebox.TTLCache(ENTRIES, TTL)
        for key in keys:
            cache[key] = value
        return cast("Callable[[str], Any]", cache.get)

    def cachetools_ttl() -> Callable[[str], Any]:
        cache: Any = cachetools.TTLCache(ENTRIES, TTL)
        lock = threading.Lock()
        for key in keys:
            cache[key] = value

        def get(key: str) -> Any:
            with lock:
                return cache.get(key)

        return get

    def theine_ttl() -> Callable[[str], Any]:
        cache: Any = theine.Cache(ENTRIES)
        for key in keys:
            cache.set(key, value, timedelta(seconds=TTL))
        return cast("Callable[[str], Any]", cache.get)

    return {
        "rowpattern": ours,
        "moka-py": moka,
        "cachebox TTLCache": cachebox_ttl,
        "cachetools TTLCache and a lock": cachetools_ttl,
        "theine": theine_ttl,
        "pandas-match-recognize": original,
        "dict": lambda: dict.fromkeys(keys, value).get,
    }


# How many times our time these must take: a hit takes at most moka-py's time, and 1.3 times cachebox's.
ASKED = {"moka-py": 1, "cachebox TTLCache": 1 / 1.3}

# Whose rounds are so short that many can be run.
FAST = {"rowpattern", "dict", *ASKED}

# A look-up in the pure-Python system takes microseconds.
SLOW = "pandas-match-recognize"


@pytest.mark.parametrize("contender", contenders())
@pytest.mark.parametrize("keys", [1, 1_000, KEYS])
def test_get(benchmark: Any, keys: int, contender: str) -> None:
    benchmark.group = f"get_cached_pattern of {f'{keys:,} keys in turn' if keys > 1 else 'one key'}"
    if contender == SLOW and keys == KEYS:
        pytest.skip("has no room for so many")
    if contender in ASKED:
        benchmark.extra_info["at_least"] = ASKED[contender]
    get = contenders()[contender]()
    # Each key is a text of its own, as callers make them.
    asked = [pattern_cache.get_cache_key(f"A{{{number}}}") for number in range(keys)]
    asked *= max(1, A_ROUND // keys)

    def all_keys() -> None:
        for key in asked:
            get(key)

    rounds = 10 if contender == SLOW else 300 if contender in FAST else 50
    benchmark.pedantic(all_keys, rounds=rounds, warmup_rounds=1)


@pytest.mark.parametrize("contender", ["rowpattern", "moka-py", "cachebox TTLCache", "dict"])
@pytest.mark.parametrize("keys", [1, 1_000, KEYS])
def test_miss(benchmark: Any, keys: int, contender: str) -> None:
    benchmark.group = f"get_cached_pattern of {f'{keys:,} missing keys' if keys > 1 else 'a missing key'}"
    if contender == "moka-py":
        benchmark.extra_info["at_least"] = 1
    get = contenders()[contender]()
    asked = [f"missing {number:060}" for number in range(keys)] * max(1, A_ROUND // keys)

    def all_keys() -> None:
        for key in asked:
            get(key)

    benchmark.pedantic(all_keys, rounds=300, warmup_rounds=3)


Putter = Callable[[list[str]], None]


def putters(size: int) -> dict[str, Callable[[], Putter]]:
    value = (1, 2, 0.1)

    def ours() -> Putter:
        pattern_cache.clear_pattern_cache()
        pattern_cache.resize_cache(size)

        def put_all(keys: list[str]) -> None:
            put = pattern_cache.cache_pattern
            for key in keys:
                put(key, 1, 2, 0.1)

        return put_all

    def putting(put: Callable[[str, Any], Any]) -> Putter:
        def put_all(keys: list[str]) -> None:
            for key in keys:
                put(key, value)

        return put_all

    return {
        "rowpattern": ours,
        "moka-py": lambda: putting(moka_py.Moka(size, ttl=TTL).set),
        "moka-py, LRU": lambda: putting(moka_py.Moka(size, ttl=TTL, policy="lru").set),
        "cachebox TTLCache": lambda: putting(cachebox.TTLCache(size, TTL).insert),
        "cachebox LRUCache": lambda: putting(cachebox.LRUCache(size).insert),
    }


@pytest.mark.parametrize("contender", putters(1))
@pytest.mark.parametrize("size", [1_000, 10_000])
def test_put_at_capacity(benchmark: Any, size: int, contender: str) -> None:
    benchmark.group = f"putting keys never seen into a full cache of {size:,}"
    if contender == "moka-py":
        # At most twice its time.
        benchmark.extra_info["at_least"] = 0.5
    put_all = putters(size)[contender]()
    put_all([f"{number:064}" for number in range(size)])
    rounds = iter(range(1, 10**6))

    def new_keys() -> tuple[tuple[list[str]], dict[str, Any]]:
        first = next(rounds) * 1_000_000
        return ([f"{first + number:064}" for number in range(A_ROUND)],), {}

    benchmark.pedantic(put_all, setup=new_keys, rounds=200)
    pattern_cache.resize_cache(ENTRIES)


def test_cache_key(benchmark: Any) -> None:
    define = {"A": "x > 1"}
    benchmark.pedantic(pattern_cache.get_cache_key, ("A B+ C", define, {}), **ROUNDS)
    seconds = benchmark.stats.stats.min
    keep(benchmark, "a cache key takes at most 1.5 us", f"{seconds * 1e6:.2f} us", reached=seconds <= 1.5e-6)
