"""`_core.pyi` says exactly what the built extension offers."""

from __future__ import annotations

from pathlib import Path

from commands import run_python
from stub_docstrings import STUB, missing_docstrings

ROOT = Path(__file__).parents[2]


def test_the_stub_is_the_module() -> None:
    result = run_python("-m", "mypy.stubtest", "rowpattern._core", "--mypy-config-file", "pyproject.toml", cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_stub_has_the_docstrings_of_what_is_public() -> None:
    """Editors show them; `python tests/helpers/stub_docstrings.py` writes them."""
    assert missing_docstrings(STUB.read_text(encoding="utf-8")) == []
