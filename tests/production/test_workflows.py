"""The workflows of .github: what GitHub's schema says of them, and what they say of this project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomllib
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS: dict[str, dict[str, Any]] = {path.stem: yaml.safe_load(path.read_text()) for path in FILES}
RELEASE = WORKFLOWS["release"]["jobs"]


def check(*paths: Path, schema: str = "vendor.github-workflows") -> subprocess.CompletedProcess[str]:
    """Ask the schema of GitHub's workflows, as check-jsonschema ships it."""
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        schema,
        *map(str, paths),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_forms_of_issues_and_hooks_fit_their_schemas() -> None:
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert [path.stem for path in forms] == ["bug", "config", "feature"]
    for path in forms:
        kind = "config" if path.stem == "config" else "forms"
        result = check(path, schema=f"vendor.github-issue-{kind}")
        assert result.returncode == 0, result.stdout + result.stderr
    # What the hooks run is what `make lint` runs.
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    makefile = (ROOT / "Makefile").read_text()
    for hook in hooks:
        assert hook["entry"].replace(".venv/bin/", "$(BIN)/").removesuffix(" format") in makefile, hook


def test_they_fit_the_schema() -> None:
    assert [path.stem for path in FILES] == ["ci", "release"]
    result = check(*FILES)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_schema_can_refuse(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(FILES[0].read_text().replace("runs-on:", "runs-in:"))
    assert check(wrong).returncode != 0


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not installed")
def test_actionlint_has_nothing_to_say() -> None:
    # Not of shell scripts: whether shellcheck is there shall not matter.
    command = ["actionlint", "-no-color", "-shellcheck=", "-pyflakes=", *map(str, FILES)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


@pytest.mark.parametrize("name", WORKFLOWS)
def test_jobs_fit_together(name: str) -> None:
    jobs = WORKFLOWS[name]["jobs"]
    for job in jobs.values():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(jobs)
        matrix = job.get("strategy", {}).get("matrix", {})
        used = set(re.findall(r"matrix\.(\w+(?:\.\w+)?)", yaml.safe_dump(job)))
        for path in used:
            key, _, inner = path.partition(".")
            assert key in matrix, path
            assert not inner or all(inner in entry for entry in matrix[key]), path
        for step in job["steps"]:
            # Each action has a version.
            assert "uses" not in step or re.fullmatch(r"[\w./-]+@(v\d+|release/v1)", step["uses"]), step
    # Nobody but the job that publishes may do more than read.
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    assert [job for job, said in jobs.items() if "permissions" in said] == (["publish"] if name == "release" else [])


def pythons_of_the_makefile() -> list[str]:
    (line,) = re.findall(r"^WHEEL_PYTHONS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return str(line).split()


def test_every_wheel_is_built_and_tested() -> None:
    pythons = pythons_of_the_makefile()
    platforms = {each["name"] for each in RELEASE["wheels"]["strategy"]["matrix"]["platform"]}
    assert platforms == {
        *("linux-x86_64", "linux-aarch64", "musl-x86_64", "musl-aarch64"),
        *("macos-arm64", "macos-x86_64", "windows-x86_64"),
    }
    installed, built, _ = RELEASE["wheels"]["steps"][2:]
    assert installed["with"]["python-version"].split() == pythons
    assert built["with"]["args"].split("--interpreter ")[1].split() == [f"python{each}" for each in pythons]
    tested = [RELEASE[job]["strategy"]["matrix"] for job in ("test-linux", "test-others")]
    assert {each["name"] for matrix in tested for each in matrix["platform"]} == platforms
    assert tested[1]["python"] == pythons
    script = RELEASE["test-linux"]["steps"][-1]["run"]
    tags = [f"cp{each.rstrip('t').replace('.', '')}-cp{each.replace('.', '')}" for each in pythons]
    assert re.findall(r"cp\d+-cp\d+t?", script) == tags
    # As many as are published, and what runs is there.
    assert f"= {len(platforms) * len(pythons)}\n" in RELEASE["publish"]["steps"][1]["run"]
    for name in re.findall(r"\btests/[\w/]+\.py", (ROOT / ".github/workflows/release.yml").read_text()):
        assert (ROOT / name).exists(), name


def test_classifiers_are_of_the_same_pythons() -> None:
    stated = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text())
    assert stated == [each for each in pythons_of_the_makefile() if not each.endswith("t")]


def test_publishing_is_trusted_and_attested() -> None:
    publish = RELEASE["publish"]
    assert publish["environment"] == "pypi"
    assert publish["if"] == "startsWith(github.ref, 'refs/tags/')"
    assert publish["permissions"] == {"contents": "read", "id-token": "write", "attestations": "write"}
    assert {"test-linux", "test-others", "test-sdist"} == set(publish["needs"])
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text()


@pytest.mark.parametrize("job", ["sdist", "wheels"])
def test_what_is_built_names_the_repository_that_builds_it(job: str, tmp_path: Path) -> None:
    (script,) = [step["run"] for step in RELEASE[job]["steps"] if "[project.urls]" in step.get("run", "")]
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    environment = {**os.environ, "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "owner/project"}
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=environment, check=True)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    assert project["name"] == "rowpattern"
    address = "https://github.com/owner/project"
    assert project["urls"] == {
        "Source": address,
        "Issues": f"{address}/issues",
        "Changelog": f"{address}/blob/main/CHANGELOG.md",
    }
    assert (ROOT / "CHANGELOG.md").exists()


def test_the_gate_is_the_gate() -> None:
    assert WORKFLOWS["ci"]["jobs"]["gate"]["steps"][-1] == {"run": "bash .ci/run"}
    assert (ROOT / ".ci" / "run").exists()
