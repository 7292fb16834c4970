"""Everything that the README shows is run; what it shows of Spark by tests/distributed/test_readme_on_spark.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```(?:\s*prints\s*```text\n(.*?)```)?", README, re.DOTALL)


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) >= 3


def test_the_first_example_is_short_and_asks_in_both_ways() -> None:
    code = SNIPPETS[0][0]
    assert len(code.splitlines()) <= 15
    assert "match_recognize(" in code
    assert "recognize(prices" in code
    assert (ROOT / "docs" / "shapes.png").exists()
    assert "](docs/shapes.png)" in README


@pytest.mark.parametrize(("code", "printed"), [each for each in SNIPPETS if "SparkSession" not in each[0]])
def test_snippets_print_what_the_readme_says(code: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - our own text
    assert capsys.readouterr().out == printed


def test_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\S+)$", README, re.MULTILINE)
    assert targets[:2] == ["demo", "test"]
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
