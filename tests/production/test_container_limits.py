"""The memory that a container gives the process: where it is read, and the defaults that fit it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from rowpattern import pattern_cache
from rowpattern.config import container
from rowpattern.errors import ConfigurationWarning
from rowpattern.production_config import (
    PerformanceConfig,
    reload,
    reset_config,
)

from commands import run_python
from memory_given import give_memory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("megabytes", "limit", "query_limit"),
    [(None, 500, 8192), (16384, 500, 8192), (2000, 500, 1000), (512, 128, 256), (511, 127, 255), (2, 0.5, 1)],
)
def test_defaults_fit_the_container(
    megabytes: int | None, limit: float, query_limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_memory(monkeypatch, megabytes)
    performance = PerformanceConfig()
    assert (performance.cache_memory_limit_mb, performance.max_memory_mb) == (limit, query_limit)
    assert performance.cache_clear_threshold_mb == pytest.approx(limit * 0.8)
    if megabytes == 512:
        origin = performance.origin("cache_memory_limit_mb")
        assert origin.source == "container"
        assert origin.detail == "a quarter of the 512 MB of memory that this process may have (cgroup v2)"


def test_an_explicit_limit_is_kept_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    give_memory(monkeypatch, 512)
    try:
        monkeypatch.setenv("MR_CACHE_MEMORY_LIMIT_MB", "257")
        with pytest.warns(ConfigurationWarning, match="cache_memory_limit_mb is 257, more than half of the 512 MB"):
            reload()
        assert pattern_cache.get_cache_stats()["max_memory_used_mb"] == 257
        monkeypatch.setenv("MR_CACHE_MEMORY_LIMIT_MB", "256")
        reload()
        with pytest.warns(ConfigurationWarning, match="max_memory_mb is 600, more than all of the 512 MB"):
            reload(max_memory_mb=600)
        # The container's limit is nobody's choice: a threshold that was right above it is no mistake.
        monkeypatch.delenv("MR_CACHE_MEMORY_LIMIT_MB")
        assert reload(cache_clear_threshold_mb=300).performance.cache_clear_threshold_mb == pytest.approx(102.4)
    finally:
        reset_config()


GIGABYTE = 1 << 30


# What a container has in /proc/self/cgroup, and files below /sys/fs/cgroup.
CONTAINERS: dict[str, tuple[str | None, dict[str, Any], tuple[int, str] | None]] = {
    "version 2, in a namespace": ("0::/\n", {"memory.max": GIGABYTE}, (GIGABYTE, "cgroup v2")),
    "version 2, a group of the host": (
        "0::/a/b\n",
        {"a/b/memory.max": "max", "a/memory.max": GIGABYTE, "memory.max": "max"},
        (GIGABYTE, "cgroup v2"),
    ),
    "version 2, without limit": ("0::/\n", {"memory.max": "max"}, None),
    "version 2, the path of the host": ("0::/docker/4e1\n", {"memory.max": GIGABYTE}, (GIGABYTE, "cgroup v2")),
    "version 2, above the namespace": ("0::/../x\n", {"memory.max": GIGABYTE}, (GIGABYTE, "cgroup v2")),
    "version 1": (
        "5:cpu,cpuacct:/\n4:memory:/docker/4e1\n1:name=systemd:/\n",
        {"memory/memory.limit_in_bytes": GIGABYTE},
        (GIGABYTE, "cgroup v1"),
    ),
    "version 1, nested": (
        "4:memory:/a/b\n",
        {"memory/a/memory.limit_in_bytes": 2 * GIGABYTE, "memory/a/b/memory.limit_in_bytes": GIGABYTE},
        (GIGABYTE, "cgroup v1"),
    ),
    "version 1, without limit": ("4:memory:/\n", {"memory/memory.limit_in_bytes": 9223372036854771712}, None),
    "both": (
        "4:memory:/a\n0::/\n",
        {"memory/a/memory.limit_in_bytes": GIGABYTE, "memory.max": 2 * GIGABYTE},
        (GIGABYTE, "cgroup v1"),
    ),
    "files that say nothing": ("4:memory:/\n0::/\nrubbish\n\n", {"memory.max": "\n", "memory/x": "1"}, None),
    "no cgroups": (None, {}, None),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_limits_of_containers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups, files, expected = CONTAINERS[name]
    monkeypatch.setattr(container, "_address_space", list)
    if groups is not None:
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
    for path, content in files.items():
        target = tmp_path / "sys" / "fs" / "cgroup" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"{content}\n")
    container.memory_limit.cache_clear()
    try:
        assert container.memory_limit(tmp_path) == expected
    finally:
        container.memory_limit.cache_clear()


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_the_limit_of_the_address_space() -> None:
    code = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (900 << 20, -1))
from rowpattern.production_config import describe
from rowpattern.pattern_cache import get_cache_stats
described = describe()
print(get_cache_stats()["max_memory_used_mb"], described["cache_memory_limit_mb"])
"""
    result = run_python("-c", code)
    detail = "a quarter of the 900 MB of memory that this process may have (RLIMIT_AS)"
    assert result.stdout == f"225.0 Origin(value=225, source='container', detail={detail!r})\n", result.stderr
