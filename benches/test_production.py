"""What a deployment waits for: importing the package, loading a dump, a health check, stopping the monitor.

Each fails past its promise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern import pattern_cache
from rowpattern.cache_monitor import start_cache_monitoring, stop_cache_monitoring
from rowpattern.health import health_check

from promises import keep
from waiting_process import WaitingProcess

if TYPE_CHECKING:
    from pathlib import Path


IMPORTS = "print('ready', flush=True); input(); import rowpattern; print(rowpattern.__version__, flush=True)"


def test_importing_the_package(benchmark: Any) -> None:
    benchmark.pedantic(
        WaitingProcess.ask,
        setup=lambda: ((WaitingProcess("-c", IMPORTS),), {}),
        teardown=WaitingProcess.end,
        rounds=15,
        warmup_rounds=1,
    )
    median = benchmark.stats.stats.median
    keep(benchmark, "the package is imported within 0.1 s", f"{median * 1e3:.0f} ms", reached=median < 0.1)


def test_loading_ten_thousand_patterns(benchmark: Any, tmp_path: Path) -> None:
    pattern_cache.clear_pattern_cache()
    pattern_cache.warm(f"A{{{number % 50 + 1}}} (B | C)+ D{{{number // 50 + 1}}} E?" for number in range(10_000))
    assert pattern_cache.dump(tmp_path / "patterns") == 10_000
    benchmark.pedantic(
        pattern_cache.load, (tmp_path / "patterns",), setup=pattern_cache.clear_pattern_cache, rounds=3, warmup_rounds=1
    )
    slowest = benchmark.stats.stats.max
    keep(benchmark, "10,000 patterns are loaded within 1 s", f"{slowest:.2f} s", reached=slowest < 1)


def test_health(benchmark: Any) -> None:
    pattern_cache.clear_pattern_cache()
    pattern_cache.warm(f"A{{{number}}}" for number in range(1, 10_001))
    benchmark(health_check)
    median = benchmark.stats.stats.median
    keep(benchmark, "a health check of 10,000 patterns within 1 ms", f"{median * 1e6:.0f} us", reached=median < 0.001)


def test_stopping_the_monitor(benchmark: Any) -> None:
    benchmark.pedantic(stop_cache_monitoring, setup=lambda: start_cache_monitoring() and None, rounds=50)
    slowest = benchmark.stats.stats.max
    keep(benchmark, "the monitor stops within 0.1 s", f"{slowest * 1e3:.2f} ms", reached=slowest < 0.1)
