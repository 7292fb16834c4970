"""The memory that the process seems to have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.config import performance, process
from rowpattern.config.container import MemoryLimit

if TYPE_CHECKING:
    import pytest

__all__ = ["give_memory"]


def give_memory(monkeypatch: pytest.MonkeyPatch, megabytes: int | None) -> None:
    """Let the process have so many MB, or as many as it likes."""
    limit = None if megabytes is None else MemoryLimit(megabytes << 20, "cgroup v2")

    def memory_limit() -> MemoryLimit | None:
        return limit

    memory_limit.cache_clear = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setattr(performance, "memory_limit", memory_limit)
    monkeypatch.setattr(process, "memory_limit", memory_limit)
