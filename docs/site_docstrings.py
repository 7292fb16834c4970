"""An extension of griffe: what the stub describes has its docstrings in the extension module."""

from __future__ import annotations

import inspect
from typing import Any

import griffe

from rowpattern import _core


class RuntimeDocstrings(griffe.Extension):
    """Take the docstrings of what the stub describes from the module itself."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Add the docstring of a class, a method, a property or a function that has none."""
        path = obj.path.removeprefix("rowpattern._core.")
        if path == obj.path or obj.docstring is not None:
            return
        found: Any = _core
        for name in path.split("."):
            found = inspect.getattr_static(found, name, None)
        text = inspect.getdoc(found)
        if text:
            obj.docstring = griffe.Docstring(text, parent=obj)
