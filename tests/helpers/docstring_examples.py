"""Examples in docstrings, as tests of doctest."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING, Any

import rowpattern
from rowpattern import _core

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SPARK", "examples_of_module", "examples_of_package", "failed_examples"]

#: Its examples need a cluster.
SPARK = "rowpattern.distributed.spark"
# It runs a program.
_NOT_IMPORTED = {"rowpattern.__main__", _core.__name__}


def examples_of_package() -> Iterator[doctest.DocTest]:
    """Return the examples of each docstring of the package, those of the extension's classes too; but for Spark's."""
    for module in pkgutil.walk_packages(rowpattern.__path__, "rowpattern."):
        if module.name not in {*_NOT_IMPORTED, SPARK}:
            yield from examples_of_module(module.name)
    yield from examples_of_module("rowpattern")
    parser = doctest.DocTestParser()
    for name, item in vars(_core).items():
        parts: dict[str, Any] = {name: item}
        if inspect.isclass(item):
            parts |= {f"{name}.{member}": value for member, value in vars(item).items()}
        for path, part in parts.items():
            test = parser.get_doctest(inspect.getdoc(part) or "", {}, f"rowpattern._core.{path}", None, None)
            if test.examples:
                yield test


def examples_of_module(name: str) -> Iterator[doctest.DocTest]:
    """Return the examples of each docstring of a module."""
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    yield from (test for test in found if test.examples)


def failed_examples(test: doctest.DocTest) -> int:
    """Run examples, and return how many print something else than they say; what differs is printed."""
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    return runner.run(test, clear_globs=False).failed
