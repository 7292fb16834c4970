"""Scripts of users to type checkers: kinds of tables come back, and wrong calls are refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "tests" / "data" / "typed_scripts").glob("*.py"))


def test_there_are_scripts() -> None:
    assert SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.stem))
def test_mypy_says_the_same(script: Path) -> None:
    """Strict mypy refuses a type that is another one, and an `ignore` where nothing is wrong."""
    # With the project's settings, and so with what `make types` has kept of the package.
    command = [sys.executable, "-m", "mypy", str(script)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.stem))
def test_pyright_says_the_same(script: Path, tmp_path: Path) -> None:
    """Where pyright is installed (`pip install 'pyright[nodejs]'`)."""
    pyright = shutil.which("pyright")
    if pyright is None:
        pytest.skip("pyright is not installed")
    (tmp_path / script.name).write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    settings = {
        "include": ["."],
        "extraPaths": [str(ROOT / "python")],
        "typeCheckingMode": "standard",
        "reportUnnecessaryTypeIgnoreComment": True,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [pyright, "--pythonpath", sys.executable]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
