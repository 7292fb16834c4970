"""What hits cost when several threads ask at once: 1, 2, 4 and 8 threads over 1,000 keys, 25,600 look-ups in all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from test_cache_hit import ASKED, FAST, contenders

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_UPS = 25_600

# Those whose hit is not slower by a hundred times, and a dict as the floor.
COMPARED = ["rowpattern", "moka-py", "cachebox TTLCache", "cachetools TTLCache and a lock", "theine", "dict"]


@pytest.mark.parametrize("contender", COMPARED)
@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_threads(benchmark: Any, threads: int, contender: str) -> None:
    benchmark.group = f"cache contention, {threads} thread{'s' if threads > 1 else ''}"
    if contender in ASKED:
        benchmark.extra_info["at_least"] = ASKED[contender]
    from rowpattern import pattern_cache

    get: Callable[[str], Any] = contenders()[contender]()
    keys = [pattern_cache.get_cache_key(f"A{{{number}}}") for number in range(1000)]

    def work(begin: threading.Barrier) -> None:
        begin.wait()
        for number in range(LOOK_UPS // threads):
            get(keys[number % 1000])

    def all_threads() -> None:
        begin = threading.Barrier(threads)
        running = [threading.Thread(target=work, args=(begin,)) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    benchmark.pedantic(all_threads, rounds=60 if contender in FAST else 10, warmup_rounds=2)
