"""Docstrings of what is public say what it does, with examples that print what they say."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from docstring_examples import examples_of_package, failed_examples
from public_items import PublicItem, public_items

if TYPE_CHECKING:
    import doctest
    from pathlib import Path

EXAMPLES = sorted(examples_of_package(), key=lambda test: test.name)
ITEMS = sorted(public_items(), key=lambda item: item.name)


def test_there_are_examples() -> None:
    names = {test.name for test in EXAMPLES}
    assert "rowpattern.sql" in names
    assert any(name.startswith("rowpattern._core.") for name in names)


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: test.name)
def test_examples_print_what_they_say(
    test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert failed_examples(test) == 0, capsys.readouterr().out


def has_example(item: PublicItem) -> bool:
    """Say whether an item has an example of its own, or, as a method, a call in its class's."""
    call = f".{item.name.rpartition('.')[2]}("
    return ">>>" in item.docstring or (item.owner is not None and call in (inspect.getdoc(item.owner) or ""))


def test_everything_public_has_a_docstring_and_an_example() -> None:
    assert len(ITEMS) > 100
    assert [item.name for item in ITEMS if not item.docstring] == []
    # Attributes are described where they stand.
    assert [item.name for item in ITEMS if not item.is_property and not has_example(item)] == []
