"""What patterns of several kinds cost: to compile, to keep, and to match over random rows."""

from __future__ import annotations

import argparse
import random
import time
from typing import Callable

import rowpattern
from rowpattern import pattern_cache

PATTERNS = [
    "A+ B",
    "A B+ C",
    "(A | B)+ (C{1,3} D*)+",
    "A{1,50} B",
    "A{1,1000} B",
    "(A | B)* A (A | B){12}",
    "PERMUTE(A, B, C)",
    "PERMUTE(A, B, C, D, E)",
    "PERMUTE(A, B, C, D, E, F, G, H)",
]


def fastest(work: Callable[[], object], times: int) -> float:
    """Return the least of several timings, in seconds."""
    best = float("inf")
    for _ in range(times):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="random rows to match (1,000,000)")
    count = parser.parse_args().rows
    rng = random.Random(0)  # noqa: S311 - not for secrets
    rows = "".join(rng.choices("ABCD", k=count))
    print("| pattern | compile, us | in the cache, KB | after matching, KB | million rows a second |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for text in PATTERNS:

        def cold(text: str = text) -> None:
            pattern_cache.invalidate(text)
            rowpattern.compile(text)

        seconds = fastest(cold, 20)
        before = pattern_cache.cache_entries(limit=1)[0]["size_bytes"]
        pattern = rowpattern.compile(text)
        rate = count / fastest(lambda pattern=pattern: pattern.count(rows), 3) / 1e6  # type: ignore[misc]
        after = pattern_cache.cache_entries(limit=1)[0]["size_bytes"]
        shown = text.replace("|", "\\|")
        print(f"| `{shown}` | {seconds * 1e6:,.0f} | {before / 1024:,.1f} | {after / 1024:,.1f} | {rate:,.0f} |")


if __name__ == "__main__":
    main()
