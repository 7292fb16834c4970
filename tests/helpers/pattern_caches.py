"""Caches for tests, and what their statistics must always say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rowpattern

if TYPE_CHECKING:
    from collections.abc import Mapping

MEGABYTE = 1 << 20


def cache(**options: Any) -> rowpattern.PatternCache:
    return rowpattern.PatternCache(**options)


def entry_bytes(key: str) -> int:
    probe = cache()
    probe.put(key, None, size_bytes=0)
    return int(probe.statistics()["memory_used_mb"] * MEGABYTE)


def adds_up(statistics: Mapping[str, Any]) -> bool:
    left = sum(statistics[name] for name in ("evictions", "expirations", "replacements", "invalidations"))
    return bool(statistics["insertions"] == statistics["size"] + left)


def within_limits(statistics: Mapping[str, Any]) -> bool:
    return bool(
        statistics["size"] <= statistics["max_size"]
        and statistics["memory_used_mb"] <= statistics["max_memory_used_mb"]
    )
