"""Scripts of users to type checkers: tables, columns and statistics have their types, and wrong calls are refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The package's own files are checked elsewhere.
MYPY = "[mypy]\nstrict = true\nignore_missing_imports = true\nfollow_imports = silent\n"
PYRIGHT = {
    "include": ["."],
    "extraPaths": [str(ROOT / "python")],
    "typeCheckingMode": "standard",
    # What mypy refuses, pyright does too.
    "reportUnnecessaryTypeIgnoreComment": True,
}
SCRIPTS = sorted((ROOT / "tests" / "data" / "typed_scripts").glob("*.py"))


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """Put the scripts into a folder, where a user has them."""
    assert len(SCRIPTS) >= 3
    for script in SCRIPTS:
        (tmp_path / script.name).write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def complaints(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "MYPYPATH": str(ROOT / "python"), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    result = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def test_mypy_says_the_same(scripts: Path) -> None:
    """Strict mypy refuses a type that is another one, and an `ignore` where nothing is wrong."""
    (scripts / "mypy.ini").write_text(MYPY, encoding="utf-8")
    assert complaints([sys.executable, "-m", "mypy", "."], scripts) == ""


def test_pyright_says_the_same(scripts: Path) -> None:
    (scripts / "pyrightconfig.json").write_text(json.dumps(PYRIGHT), encoding="utf-8")
    assert complaints([sys.executable, "-m", "pyright", "--pythonpath", sys.executable], scripts) == ""
