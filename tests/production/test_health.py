"""Health, and its pages over real WSGI and ASGI servers."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

import rowpattern
from rowpattern import pattern_cache
from rowpattern.cache_monitor import start_cache_monitoring
from rowpattern.health import health_check
from rowpattern.production_config import MatchRecognizeConfig, PerformanceConfig

from commands import run_python
from servers import free_port, get, get_json, serve, wait_for

if TYPE_CHECKING:
    from pathlib import Path


def test_healthy() -> None:
    rowpattern.compile("A B")
    answer = json.loads(json.dumps(health_check()))
    assert answer["status"] == "healthy"
    assert answer["reasons"] == []
    assert answer["statistics"]["size"] == 1
    assert answer["monitor_running"] is False


def test_degraded_says_why() -> None:
    pattern_cache.cache_pattern("k", "x" * 2**20, None)
    settings = PerformanceConfig(cache_clear_threshold_mb=0.5, cache_monitoring_interval_seconds=10**6)
    monitor = start_cache_monitoring(MatchRecognizeConfig(performance=settings))
    wait_for(lambda: pattern_cache.get_cache_stats()["size"] == 0)
    for number in range(200):
        pattern_cache.get_cached_pattern(f"none {number}")
    monitor.force_check()
    pattern_cache.cache_pattern("k", "x" * 2**20, None)
    pattern_cache.set_caching_enabled(False)
    answer = health_check()
    assert answer["status"] == "degraded"
    assert answer["monitor_running"] is True
    disabled, memory, efficiency = answer["reasons"]
    assert disabled.startswith("caching is disabled")
    assert "more than the threshold of 0.5 MB" in memory
    assert "hit in 0.0 % of its look-ups" in efficiency


def test_unhealthy_when_settings_cannot_be_read() -> None:
    code = "from rowpattern.health import health_check; import json; print(json.dumps(health_check()))"
    environment = {"MR_CACHE_SIZE_LIMIT": "many"}
    result = run_python("-c", code, env=environment, check=True)
    answer = json.loads(result.stdout)
    assert answer["status"] == "unhealthy"
    assert answer["reasons"][0].startswith("MR_CACHE_SIZE_LIMIT: cache_size_limit is 'many'")


SERVERS = {
    "wsgi": ["gunicorn", "--workers=1", "--bind=127.0.0.1:{port}", "rowpattern.endpoints:wsgi"],
    "asgi": ["uvicorn", "--host=127.0.0.1", "--port={port}", "rowpattern.endpoints:asgi"],
}


@pytest.mark.parametrize("interface", SERVERS)
def test_pages_over_http(interface: str, tmp_path: Path) -> None:
    port = free_port()
    module, *arguments = (argument.format(port=port) for argument in SERVERS[interface])
    base = f"http://127.0.0.1:{port}"
    with serve([sys.executable, "-m", module, *arguments], f"{base}/health", tmp_path / "log"):
        status, text = get(f"{base}/health")
        assert (status, json.loads(text)["status"]) == (200, "healthy")
        status, text = get(f"{base}/mounted/metrics")
        assert status == 200
        assert "pattern_cache_efficiency 0.0" in text
        assert get(f"{base}/other")[0] == 404
    with serve(
        [sys.executable, "-m", module, *arguments],
        f"{base}/metrics/none",
        tmp_path / "log",
        {"MR_ENABLE_CACHING": "maybe"},
    ):
        status, text = get(f"{base}/health")
        assert (status, json.loads(text)["status"]) == (503, "unhealthy")


PREFORK = """
import json, os
from rowpattern import pattern_cache
from rowpattern.cache_monitor import get_cache_monitor, start_cache_monitoring
from rowpattern.production_config import MatchRecognizeConfig, PerformanceConfig

# Started in the parent: gunicorn imports the application once (--preload) and forks its workers then.
monitor = start_cache_monitoring(
    MatchRecognizeConfig(
        performance=PerformanceConfig(cache_clear_threshold_mb=0, cache_monitoring_interval_seconds=0.05)
    )
)
calls = []
monitor.register_threshold_callback(lambda statistics: calls.append(os.getpid()))

def application(environ, start_response):
    pattern_cache.cache_pattern("k", 1, 2)
    start_response("200 OK", [("Content-Type", "application/json")])
    answer = {"process": os.getpid(), "running": get_cache_monitor().running, "calls": calls.count(os.getpid())}
    return [json.dumps(answer).encode()]
"""


def test_each_gunicorn_worker_has_a_running_monitor(tmp_path: Path) -> None:
    (tmp_path / "prefork.py").write_text(PREFORK)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers=2", f"--bind=127.0.0.1:{port}"]
    base = f"http://127.0.0.1:{port}/"
    with serve([*command, "prefork:application"], base, tmp_path / "log", cwd=tmp_path) as parent:
        answers: dict[int, dict[str, int]] = {}

        def both() -> bool:
            answer = get_json(base)
            answers[answer["process"]] = answer
            return len(answers) == 2 and all(each["calls"] >= 2 for each in answers.values())

        wait_for(both)
        assert parent.pid not in answers
        assert all(answer["running"] for answer in answers.values())
