"""What hits cost when several threads ask at once: 1, 2, 4 and 8, over 1, 1,000 and 8,000 keys; 25,600 look-ups."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from test_cache_hit import ASKED, FAST, KEYS, contenders

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_UPS = 25_600

# Those whose hit is not slower by a hundred times, and a dict as the floor.
COMPARED = ["rowpattern", "moka-py", "cachebox TTLCache", "cachetools TTLCache and a lock", "theine", "dict"]


# The slower ones over one number of keys only.
CASES = [(contender, 1_000) for contender in COMPARED]
CASES += [(contender, count) for count in (1, KEYS) for contender in COMPARED if contender in FAST]


@pytest.mark.parametrize(("contender", "count"), CASES)
@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_threads(benchmark: Any, threads: int, contender: str, count: int) -> None:
    of_keys = {1: " on one key", 1_000: ""}.get(count, f" on {count:,} keys")
    benchmark.group = f"cache contention, {threads} thread{'s' if threads > 1 else ''}{of_keys}"
    if contender in ASKED:
        benchmark.extra_info["at_least"] = ASKED[contender]
    from rowpattern import pattern_cache

    get: Callable[[str], Any] = contenders()[contender]()
    keys = [pattern_cache.get_cache_key(f"A{{{number}}}") for number in range(count)]

    def work(begin: threading.Barrier) -> None:
        begin.wait()
        for number in range(LOOK_UPS // threads):
            get(keys[number % count])

    def all_threads() -> None:
        begin = threading.Barrier(threads)
        running = [threading.Thread(target=work, args=(begin,)) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    benchmark.pedantic(all_threads, rounds=60 if contender in FAST else 10, warmup_rounds=2)
