"""Every Python snippet of docs/deployment.md is run, each in a process of its own."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from commands import run_python

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```(?:\s*prints\s*```text\n(.*?)```)?", GUIDE, re.DOTALL)


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) == GUIDE.count("```python") >= 14


@pytest.mark.parametrize(("code", "printed"), SNIPPETS)
def test_snippets_print_what_the_guide_says(code: str, printed: str, tmp_path: Path) -> None:
    # No AWS is asked, but boto3 wants credentials to sign with.
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    result = run_python("-W", "error::DeprecationWarning:__main__", "-c", code, cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    assert result.stdout == printed


def test_links_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line[3:].lower()).replace(" ", "-")
        for line in GUIDE.splitlines()
        if line.startswith("## ")
    }
    for target in re.findall(r"\]\(([^)]+)\)", GUIDE):
        assert target[1:] in headings if target.startswith("#") else (ROOT / "docs" / target).exists(), target


def test_files_that_are_named_are_there() -> None:
    for name in re.findall(r"`((?:deploy|tests|examples)/[\w./-]+)`", GUIDE):
        assert (ROOT / name).exists(), name


def test_every_setting_is_in_the_guide() -> None:
    from rowpattern.config.sources import CONFIG_FILE, VARIABLES

    assert [name for name in (*VARIABLES, CONFIG_FILE) if f"`{name}`" not in GUIDE] == []
