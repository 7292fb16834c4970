"""How much memory and how many cores this process may have.

Of memory, the limit of its container (cgroups of version 1 and 2), or of the process.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["MemoryLimit", "available_cores", "memory_limit"]

# Version 1 says "no limit" by the largest number of pages that fits 63 bits; no machine has this much.
_NO_LIMIT = 1 << 60


class MemoryLimit(NamedTuple):
    """The least of the limits that hold.

    Attributes:
        bytes: so much memory.
        source: `"cgroup v1"`, `"cgroup v2"` or `"RLIMIT_AS"`.
    """

    bytes: int
    source: str

    def __str__(self) -> str:
        return f"{self.bytes / 2**20:,.0f} MB of memory that this process may have ({self.source})"


def available_cores() -> int:
    """Return how many cores this process may use."""
    affinity: Any = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@functools.lru_cache(maxsize=1)
def memory_limit(root: Path = Path("/")) -> MemoryLimit | None:
    """Return the limit of this process's memory, or None where there is none; read once, until `cache_clear()`.

    Args:
        root: the folder that holds `proc` and `sys`.
    """
    limits = [*_cgroup_limits(root), *_address_space()]
    return min(limits, default=None)


def _cgroup_limits(root: Path) -> list[MemoryLimit]:
    """Read the limits of the process's groups, and of all groups above them: each of them holds."""
    limits: list[MemoryLimit] = []
    for line in _lines(root / "proc" / "self" / "cgroup"):
        hierarchy, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if hierarchy == "0" and not controllers:
            folder, name, source = root / "sys/fs/cgroup", "memory.max", "cgroup v2"
        elif "memory" in controllers.split(","):
            folder, name, source = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "cgroup v1"
        else:
            continue
        # Inside a container, the group's own path may be that of the host, where its files are not: then the files at
        # the top are the container's.
        parts = [part for part in group.split("/") if part not in {"", ".", ".."}]
        for depth in range(len(parts) + 1):
            values = [int(value) for value in _lines(folder.joinpath(*parts[:depth], name)) if value.isdigit()]
            limits.extend(MemoryLimit(value, source) for value in values if value < _NO_LIMIT)
    return limits


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _address_space() -> list[MemoryLimit]:
    try:
        import resource
    except ImportError:
        # Windows has no such limits.
        return []
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return [] if soft in {resource.RLIM_INFINITY, -1} or soft >= _NO_LIMIT else [MemoryLimit(soft, "RLIMIT_AS")]
