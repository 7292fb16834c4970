"""What the reference of the site describes: its functions and classes, with the methods of these."""

from __future__ import annotations

import inspect
import re
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PublicItem", "public_items"]

REFERENCE = Path(__file__).parents[2] / "docs" / "api"


class PublicItem(NamedTuple):
    """A function, a class, a method or a property.

    Attributes:
        name: its path, as `rowpattern.Pattern.match`.
        value: the object.
        owner: the class of a method or property; None for others.
    """

    name: str
    value: Any
    owner: type | None = None

    @property
    def docstring(self) -> str:
        """Its own docstring, or an empty text."""
        return inspect.getdoc(self.value) or ""

    @property
    def is_property(self) -> bool:
        """Whether it is read like an attribute."""
        return isinstance(self.value, (property, cached_property)) or inspect.isgetsetdescriptor(self.value)


def public_items() -> Iterator[PublicItem]:
    """Return what the pages of the reference name, one by one or as modules."""
    pages = "".join(page.read_text(encoding="utf-8") for page in sorted(REFERENCE.glob("*.md")))
    for path in re.findall(r"^::: (\S+)$", pages, re.MULTILINE):
        found = _imported(path)
        if inspect.ismodule(found):
            for name in found.__all__:
                yield from _with_members(f"{path}.{name}", getattr(found, name))
        else:
            yield from _with_members(path, found)


def _imported(path: str) -> Any:
    """Import a module, or an item of a module."""
    try:
        return import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(import_module(module), name)


def _with_members(path: str, value: Any) -> Iterator[PublicItem]:
    if not inspect.isclass(value) and not callable(value):
        # A constant has no docstring.
        return
    yield PublicItem(path, value)
    if inspect.isclass(value):
        for name, member in vars(value).items():
            if not name.startswith("_") and (inspect.isroutine(member) or PublicItem("", member).is_property):
                yield PublicItem(f"{path}.{name}", member, value)
