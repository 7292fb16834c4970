"""What stands in deploy/ beside the service: manifests, the container's file and the Lambda handler."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest

from rowpattern.production_config import MatchRecognizeConfig, PerformanceConfig

from commands import run_python
from deploy_files import DEPLOY, MANIFESTS, ROOT

if TYPE_CHECKING:
    from pathlib import Path


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


def version() -> str:
    (found,) = re.findall(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    return str(found)


def test_one_tag_of_the_image_everywhere() -> None:
    tags = {
        name: set(re.findall(r"rowpattern-service:?\S*", (ROOT / name).read_text()))
        for name in ("deploy/Dockerfile", "deploy/kubernetes/service.yaml", "docs/deployment.md")
    }
    assert set.union(*tags.values()) == {f"rowpattern-service:{version()}"}
    assert all(tags.values())


def test_the_server_s_version_is_pinned_and_tested() -> None:
    lines = (DEPLOY / "service" / "requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert pins["gunicorn"] == metadata.version("gunicorn")


def test_the_dockerfile_copies_what_there_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON_VERSION=3\.13$", text, re.MULTILINE)
    assert text.count("python:${PYTHON_VERSION}-slim") == 2
    copied = [shlex.split(line)[1:-1] for line in text.splitlines() if line.startswith("COPY") and "--from" not in line]
    assert len(copied) == 5
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    # Everything is ignored but what is copied.
    assert "*" in ignored
    sent = {line[1:] for line in ignored if line.startswith("!")}
    for name in (name for names in copied for name in names):
        assert (ROOT / name).exists(), name
        assert name in sent or any(name.startswith(f"{folder}/") for folder in sent), name
    assert all((ROOT / name).exists() for name in sent)
    # What the build needs is there: everything that the sdist holds comes from these.
    assert {"Cargo.toml", "Cargo.lock", "pyproject.toml", "README.md", "LICENSE"} <= set(copied[0])


def run_handler(events: str, **environment: str) -> tuple[list[dict[str, Any]], str]:
    """Lambda imports the module once, then calls the handler for each request; the answers, and what was logged."""
    code = f"""
import json, handler
event = {{"pattern": "DOWN+ UP+", "rows": {{"DOWN": [True, True, False], "UP": [False, False, True]}}}}
print(json.dumps([handler.handler(each, None) for each in {events}]))
"""
    result = run_python(
        "-c", code, cwd=DEPLOY / "lambda", env={"AWS_LAMBDA_FUNCTION_NAME": "rowpattern", **environment}
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout), result.stderr


def test_the_lambda_handler_cold_and_warm(tmp_path: Path) -> None:
    texts = tmp_path / "patterns.txt"
    texts.write_text("DOWN+ UP+\nA B\n")
    dump = tmp_path / "patterns.dump"
    subprocess.run(
        [sys.executable, "-m", "rowpattern", "warm", str(texts), "--output", str(dump)], check=True, capture_output=True
    )
    (cold, warm), _ = run_handler("[event, event]", MR_WARM_FILE=str(dump))
    assert (cold["matches"], cold["cold"], cold["loaded"]) == (1, True, 2)
    # The first request already finds its pattern compiled.
    assert (cold["cache"]["hits"], cold["cache"]["misses"]) == (1, 2)
    assert (warm["matches"], warm["cold"]) == (1, False)
    assert (warm["cache"]["hits"], warm["cache"]["misses"]) == (2, 2)


def test_the_lambda_handler_and_the_mistakes_of_callers() -> None:
    events = """[event, {**event, "pattern": "("}, {**event, "pattern": 5}, {"rows": "A"}, {}, None, "text",
        {**event, "rows": 5}, {**event, "rows": {"A": [True]}}, event]"""
    answers, log = run_handler(events)
    assert [answer["statusCode"] for answer in answers] == [200, *[400] * 8, 200]
    assert all(answer["error"] for answer in answers[1:-1])
    assert log == ""


def test_the_lambda_handler_and_a_setting_that_is_wrong(tmp_path: Path) -> None:
    answers, log = run_handler("[event, event]", MR_CACHE_SIZE_LIMIT="many")
    assert [answer["statusCode"] for answer in answers] == [500, 500]
    assert "many" not in str(answers)
    # Once when it starts, and with each request.
    assert log.count("MR_CACHE_SIZE_LIMIT: cache_size_limit is 'many'") == 3
    # A file that is missing or damaged costs warmth only.
    (tmp_path / "damaged").write_text("rubbish")
    for name in ("damaged", "none"):
        (answer,), log = run_handler("[event]", MR_WARM_FILE=str(tmp_path / name))
        assert (answer["statusCode"], answer["loaded"]) == (200, 0)
        assert "WARNING - the process starts without the patterns of " in log
