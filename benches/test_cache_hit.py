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

ENTRIES = 10_000
TTL = 3600
ROUNDS = {"rounds": 200, "iterations": 20_000, "warmup_rounds": 5}


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
    keys = [pattern_cache.get_cache_key(f"A{{{number}}}") for number in range(1000)]

    def ours() -> Callable[[str], Any]:
        for key in keys:
            pattern_cache.cache_pattern(key, *value)
        return pattern_cache.get_cached_pattern

    def original() -> Callable[[str], Any]:
        for key in keys:
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


# How many times our time these must take: we are asked to be as fast as the one, and within twice the other.
ASKED = {"moka-py": 1, "cachebox TTLCache": 0.5}


@pytest.mark.parametrize("contender", contenders())
def test_get_of_one_key(benchmark: Any, contender: str) -> None:
    benchmark.group = "get_cached_pattern of one key"
    if contender in ASKED:
        benchmark.extra_info["at_least"] = ASKED[contender]
    get = contenders()[contender]()
    key = pattern_cache.get_cache_key("A{7}")
    assert get(key) is not None
    iterations = 200 if contender == "pandas-match-recognize" else 20_000
    benchmark.pedantic(get, (key,), rounds=100, iterations=iterations, warmup_rounds=3)


@pytest.mark.parametrize("contender", contenders())
def test_get_of_a_thousand_keys(benchmark: Any, contender: str) -> None:
    # More keys than a thread's front has places, each key a str of its own.
    benchmark.group = "get_cached_pattern of 1,000 keys in turn"
    get = contenders()[contender]()
    asked = [pattern_cache.get_cache_key(f"A{{{number}}}") for number in range(1000)]

    def all_keys() -> None:
        for key in asked:
            get(key)

    benchmark.pedantic(all_keys, rounds=20 if contender == "pandas-match-recognize" else 200, warmup_rounds=2)
