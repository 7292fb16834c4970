"""Scripts of users to type checkers: tables, columns and statistics have their types, and wrong calls are refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "tests" / "data" / "typed_scripts").glob("*.py"))
PYRIGHT = {
    "include": ["."],
    "extraPaths": [str(ROOT / "python")],
    "typeCheckingMode": "standard",
    # What mypy refuses, pyright does too.
    "reportUnnecessaryTypeIgnoreComment": True,
}


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 3


def complaints(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    result = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def test_mypy_says_the_same() -> None:
    """Strict mypy refuses a type that is another one, and an `ignore` where nothing is wrong."""
    # With the project's settings, and so with what `make types` has kept of the package.
    assert complaints([sys.executable, "-m", "mypy", *map(str, SCRIPTS)], ROOT) == ""


def test_pyright_says_the_same(tmp_path: Path) -> None:
    for script in SCRIPTS:
        (tmp_path / script.name).write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(PYRIGHT), encoding="utf-8")
    assert complaints([sys.executable, "-m", "pyright", "--pythonpath", sys.executable], tmp_path) == ""
