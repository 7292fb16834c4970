"""What a deployment waits for: loading a dump, a health check, stopping the monitor. Each fails past its promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern import pattern_cache
from rowpattern.cache_monitor import start_cache_monitoring, stop_cache_monitoring
from rowpattern.health import health_check

if TYPE_CHECKING:
    from pathlib import Path


def test_loading_ten_thousand_patterns(benchmark: Any, tmp_path: Path) -> None:
    pattern_cache.clear_pattern_cache()
    pattern_cache.warm(f"A{{{number % 50 + 1}}} (B | C)+ D{{{number // 50 + 1}}} E?" for number in range(10_000))
    assert pattern_cache.dump(tmp_path / "patterns") == 10_000
    benchmark.pedantic(
        pattern_cache.load, (tmp_path / "patterns",), setup=pattern_cache.clear_pattern_cache, rounds=3, warmup_rounds=1
    )
    assert benchmark.stats.stats.max < 1


def test_health(benchmark: Any) -> None:
    pattern_cache.clear_pattern_cache()
    pattern_cache.warm(f"A{{{number}}}" for number in range(1, 10_001))
    benchmark(health_check)
    assert benchmark.stats.stats.median < 0.001


def test_stopping_the_monitor(benchmark: Any) -> None:
    benchmark.pedantic(stop_cache_monitoring, setup=lambda: start_cache_monitoring() and None, rounds=50)
    assert benchmark.stats.stats.max < 0.1
