"""Examples in docstrings print what they say, those of the extension's classes too."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING, Any

import pytest

import rowpattern
from rowpattern import _core

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# They run a program, or need a cluster.
_NOT_IMPORTED = {"rowpattern.__main__"}


def examples() -> Iterator[doctest.DocTest]:
    """Return the examples of each docstring that has some."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for module in pkgutil.walk_packages(rowpattern.__path__, "rowpattern."):
        if module.name not in _NOT_IMPORTED and module.name != _core.__name__:
            yield from (test for test in finder.find(importlib.import_module(module.name)) if test.examples)
    yield from (test for test in finder.find(rowpattern) if test.examples)
    parser = doctest.DocTestParser()
    for name, item in vars(_core).items():
        parts: dict[str, Any] = {name: item}
        if inspect.isclass(item):
            parts |= {f"{name}.{member}": value for member, value in vars(item).items()}
        for path, part in parts.items():
            test = parser.get_doctest(inspect.getdoc(part) or "", {}, f"rowpattern._core.{path}", None, None)
            if test.examples:
                yield test


EXAMPLES = sorted(examples(), key=lambda test: test.name)


def test_there_are_examples() -> None:
    names = {test.name for test in EXAMPLES}
    assert "rowpattern.sql" in names
    assert any(name.startswith("rowpattern._core.") for name in names)


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: test.name)
def test_examples_print_what_they_say(
    test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    result = runner.run(test, clear_globs=False)
    assert result.failed == 0, capsys.readouterr().out
