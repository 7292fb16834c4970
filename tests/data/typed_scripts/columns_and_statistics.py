"""Columns of matches, statistics of the cache, and a monitor, as a user's script has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Optional

from typing_extensions import assert_type

import rowpattern
from rowpattern import Column, Matches, MatchSpan, pattern_cache
from rowpattern.cache_monitor import CacheMonitor, start_cache_monitoring, stop_cache_monitoring
from rowpattern.pattern_cache import CacheEntry, CacheStatistics
from rowpattern.production_config import MatchRecognizeConfig, PerformanceConfig, get_config, set_config


def lengths(matches: Matches) -> list[int]:
    """Return how many rows each match has."""
    return [end - start for start, end in zip(matches.start, matches.end)]


def longest(column: Column[int]) -> int:
    """Return the largest number of a column."""
    return max(column.to_list())


pattern = rowpattern.compile("A B+", subset={"U": ["A", "B"]})
matches = pattern.match(["A", "B", "B"], skip=("to last", "B"), threads=2)
assert_type(matches.start, "Column[int]")
assert_type(matches.start[0], int)
assert_type(iter(matches.end), Iterator[int])
assert_type(matches.rows.classifier.to_list(), list[str])
assert_type(matches.rows.excluded[0], bool)
assert_type(matches.navigate(["B"], first=True), "Column[int]")
assert_type(next(iter(matches)), MatchSpan)
assert_type(next(iter(matches)).start, int)
assert_type(pattern.spans(["A", "B"]).partition.to_list(), list[int])
for match in pattern.find_iter({"A": [True, False], "B": [False, True]}, partitions=[2]):
    assert_type(match.labels, tuple[str, ...])
print(lengths(matches), longest(matches.end))

statistics = pattern_cache.get_cache_stats()
assert_type(statistics, CacheStatistics)
assert_type(statistics["hits"], int)
assert_type(statistics["cache_efficiency"], float)
assert_type(statistics["ttl_seconds"], Optional[float])
assert_type(statistics["policy"], Literal["lru", "tinylfu"])
assert_type(pattern_cache.cache_entries(limit=1, order="bytes"), list[CacheEntry])
assert_type(rowpattern.PatternCache(10).statistics()["evictions"], int)


def report(figures: CacheStatistics) -> None:
    """Take what a monitor reports."""
    print(figures["memory_used_mb"], "MB in", figures["size"])


monitor = start_cache_monitoring()
assert_type(monitor, CacheMonitor)
monitor.register_threshold_callback(report)
monitor.register_efficiency_callback(report)
monitor.register_efficiency_callback(lambda figures: print(figures["interval_efficiency"]))
assert_type(monitor.force_check()["size"], int)
stop_cache_monitoring()
set_config(MatchRecognizeConfig(performance=PerformanceConfig(cache_size_limit=100)))
assert_type(get_config().performance.cache_size_limit, int)

try:
    rowpattern.compile("A (")
except rowpattern.PatternSyntaxError as error:
    assert_type(error.line, int)

# What is wrong is refused.
longest(matches.rows.classifier)  # type: ignore[arg-type]
statistics["hit"]  # type: ignore[typeddict-item]
pattern_cache.cache_entries(order="size")  # type: ignore[arg-type]
pattern.match(["A"], skip="to last row")  # type: ignore[arg-type]
rowpattern.compile(["A"])  # type: ignore[arg-type]
