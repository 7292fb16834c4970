"""Commands that tests run, as pip and the Python of an environment that was made for a test."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def output_of(*command: str, cwd: Path, python_path: str | None = None, **environment: str) -> str:
    """Return what a command prints; it has to succeed.

    Args:
        command: the program and its arguments.
        cwd: the folder in which it runs.
        python_path: folders of modules that a Python finds; none of the test's own.
        environment: further variables.
    """
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    own |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment}
    if python_path is not None:
        own["PYTHONPATH"] = python_path
    result = subprocess.run(command, cwd=cwd, env=own, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def run_python(*arguments: str | Path, check: bool = False, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the Python of the tests, as `python -c CODE`; return what it prints, and how it ends.

    Args:
        arguments: those of its command line.
        check: it has to succeed.
        options: those of `subprocess.run`, as `cwd`, `env` and `timeout`.
    """
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=check, **options)
