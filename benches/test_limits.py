"""What must be quick in absolute terms: refusing a pattern past a limit, and ending a match when a signal comes.

These two fail when the promise is broken: 50 ms and a tenth of a second are said to users.
"""

from __future__ import annotations

import signal
import time
from typing import Any

import numpy as np
import pytest

import rowpattern

from promises import keep

TOO_LARGE = {
    "nested bounds": "((A{1,1000}){1,1000}){1,1000}",
    "a million parentheses": "(" * 1_000_000,
    "PERMUTE of 60": "PERMUTE(" + ", ".join(f"V{number}" for number in range(60)) + ")",
    "10 MB": "A" * 10_000_000,
    "many optional parts": "A? " * 20_000,
}


@pytest.mark.parametrize("contender", TOO_LARGE)
def test_refusal(benchmark: Any, contender: str) -> None:
    benchmark.group = "refusing a pattern past a limit"

    def refuse() -> None:
        with pytest.raises(rowpattern.PatternTooLargeError):
            rowpattern.compile(TOO_LARGE[contender])

    benchmark.pedantic(refuse, rounds=5, warmup_rounds=1)
    least = benchmark.stats.stats.min
    keep(benchmark, f"{contender}: refused within 50 ms", f"{least * 1e3:.1f} ms", reached=least < 0.05)


class Interrupted(Exception):  # noqa: N818 - it is no error
    """Raised by the signal's handler."""


@pytest.mark.parametrize("contender", ["numpy booleans, 100 M rows", "overlapping matches with all their rows"])
def test_signal(benchmark: Any, contender: str) -> None:
    benchmark.group = "a match and how late a signal ends it, at the worst"
    conditions = {"A": np.ones(100_000_000, dtype=bool)}
    letters = "A" * 3_000_000
    late = []

    def interrupt(_number: int, _frame: object) -> None:
        raise Interrupted

    def match(after: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, after)
        begun = time.perf_counter()
        try:
            if contender.startswith("numpy"):
                rowpattern.compile("A+").spans(conditions)
            else:
                rowpattern.compile("A+ B?").match(letters, skip="to next row")
            # It finished first: that signal says nothing.
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Interrupted:
            late.append(time.perf_counter() - begun - after)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        delays = iter(np.linspace(0.02, 0.3, 15).tolist())
        benchmark.pedantic(match, setup=lambda: ((next(delays),), {}), rounds=15)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    benchmark.extra_info["late_seconds"] = max(late)
    measured = f"{max(late) * 1e3:.0f} ms late at the worst of {len(late)}"
    keep(benchmark, f"{contender}: a signal ends it within 0.1 s", measured, reached=max(late) < 0.1)
