"""What stands in deploy/: run where it can be run here, checked against its schema where it cannot."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from rowpattern.production_config import MatchRecognizeConfig, PerformanceConfig

from servers import free_port, get, get_json, serve, wait_for

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "service.yaml").read_text()))


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
@pytest.mark.parametrize("version", [kubernetes_validate.latest_version()])
def test_manifests_fit_the_schemas(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schema_can_refuse() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**MANIFESTS[1], "spec": {"replicas": "two"}}, "1.29", strict=True)


def test_the_manifests_fit_together() -> None:
    settings, deployment, service, scaler = MANIFESTS
    config = MatchRecognizeConfig.from_env(settings["data"]).performance
    preset = PerformanceConfig.preset("memory-constrained")
    assert (config.cache_size_limit, config.cache_memory_limit_mb) == (
        preset.cache_size_limit,
        preset.cache_memory_limit_mb,
    )
    pod = deployment["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    (container,) = pod["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/health", "port": "http"}
    assert container["ports"] == [{"name": "http", "containerPort": 8000}]
    memory = int(re.sub("Mi$", "", container["resources"]["limits"]["memory"]))
    assert memory > 2 * config.cache_memory_limit_mb


def post(url: str, data: object) -> tuple[int, Any]:
    request = urllib.request.Request(url, data=json.dumps(data).encode(), method="POST")  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_service_runs_as_the_container_runs_it(tmp_path: Path) -> None:
    """The Dockerfile's own command and settings, on another port."""
    (command,) = re.findall(r"^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    arguments = [sys.executable, "-m", *json.loads(command), f"--bind=127.0.0.1:{port}"]
    with serve(arguments, f"{base}/health", tmp_path / "log", MANIFESTS[0]["data"], cwd=DEPLOY / "service"):
        assert post(f"{base}/count", {"pattern": "A+ B", "rows": "AABAB"}) == (200, {"matches": 2})
        assert post(f"{base}/count", {"pattern": "A+ B", "rows": "AB"}) == (200, {"matches": 1})
        status, answer = post(f"{base}/count", {"pattern": "A (B", "rows": "AB"})
        assert status == 400
        assert "(line 1, column 3)" in answer["error"]
        assert post(f"{base}/count", {"rows": "AB"})[0] == 400
        health = get_json(f"{base}/health")
        assert health["status"] == "healthy"
        assert health["monitor_running"]
        assert health["statistics"]["max_size"] == 1000
        assert health["statistics"]["hits"] == 1
        assert "pattern_cache_hits 1.0" in get(f"{base}/metrics")[1]


def test_several_workers_are_found_by_their_files(tmp_path: Path) -> None:
    targets = tmp_path / "targets"
    targets.mkdir()
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    arguments = ["gunicorn", "--config=several_workers.conf.py", f"--bind=127.0.0.1:{port}", "service:application"]
    environment = {"TARGETS_FOLDER": str(targets)}
    command = [sys.executable, "-m", *arguments]
    with serve(command, f"{base}/health", tmp_path / "log", environment, cwd=DEPLOY / "service"):
        wait_for(lambda: len(list(targets.glob("*.json"))) == 2)
        found = [json.loads(path.read_text())[0] for path in targets.glob("*.json")]
        asked: set[int] = set()

        def both_asked() -> bool:
            assert post(f"{base}/count", {"pattern": "A+ B", "rows": "AABAB"}) == (200, {"matches": 2})
            asked.add(get_json(f"{base}/health")["process"])
            return len(asked) == 2

        wait_for(both_asked)
        assert {int(each["labels"]["worker"]) for each in found} == asked
        for each in found:
            assert "pattern_cache_misses" in get(f"http://{each['targets'][0]}/metrics")[1]
    assert list(targets.iterdir()) == []


def test_the_dockerfile_copies_what_there_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON_VERSION=3\.9$", text, re.MULTILINE)
    assert text.count("python:${PYTHON_VERSION}-slim") == 2
    copied = [shlex.split(line)[1:-1] for line in text.splitlines() if line.startswith("COPY") and "--from" not in line]
    assert len(copied) == 4
    for name in (name for names in copied for name in names):
        assert (ROOT / name).exists(), name
    # What the build needs is there: everything that the sdist holds comes from these.
    assert {"Cargo.toml", "Cargo.lock", "pyproject.toml", "README.md", "LICENSE"} <= set(copied[0])


def test_the_lambda_handler_cold_and_warm(tmp_path: Path) -> None:
    texts = tmp_path / "patterns.txt"
    texts.write_text("DOWN+ UP+\nA B\n")
    dump = tmp_path / "patterns.dump"
    subprocess.run(
        [sys.executable, "-m", "rowpattern", "warm", str(texts), "--output", str(dump)], check=True, capture_output=True
    )
    # Lambda imports the module once, then calls the handler for each request.
    code = """
import json, handler
event = {"pattern": "DOWN+ UP+", "rows": {"DOWN": [True, True, False], "UP": [False, False, True]}}
events = [event, event, {**event, "pattern": "("}]
print(json.dumps([handler.handler(each, None) for each in events]))
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=DEPLOY / "lambda",
        env={"PATTERNS_FILE": str(dump), "AWS_LAMBDA_FUNCTION_NAME": "rowpattern"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    cold, warm, wrong = json.loads(result.stdout)
    assert (cold["matches"], cold["cold"], cold["loaded"]) == (1, True, 2)
    # The first request already finds its pattern compiled.
    assert (cold["cache"]["hits"], cold["cache"]["misses"]) == (1, 2)
    assert (warm["matches"], warm["cold"]) == (1, False)
    assert (warm["cache"]["hits"], warm["cache"]["misses"]) == (2, 2)
    assert wrong["statusCode"] == 400
