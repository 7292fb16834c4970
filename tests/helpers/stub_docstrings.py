"""Docstrings of the extension's public classes and functions in its stub, where editors and pages find them.

    python tests/helpers/stub_docstrings.py

writes them into python/rowpattern/_core.pyi as the built extension has them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import rowpattern
from rowpattern import _core

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STUB", "missing_docstrings", "with_docstrings"]

STUB = Path(__file__).parents[2] / "python" / "rowpattern" / "_core.pyi"
_Documented = Union[ast.ClassDef, ast.FunctionDef]


def _documented(tree: ast.Module) -> Iterator[tuple[str, _Documented, str]]:
    """Return the public items of the stub, each with its path and its docstring at run time."""
    for item in tree.body:
        if not isinstance(item, (ast.ClassDef, ast.FunctionDef)) or item.name not in rowpattern.__all__:
            continue
        found: Any = getattr(_core, item.name)
        yield item.name, item, inspect.getdoc(found) or ""
        for member in item.body if isinstance(item, ast.ClassDef) else []:
            if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                text = inspect.getdoc(inspect.getattr_static(found, member.name)) or ""
                yield f"{item.name}.{member.name}", member, text


def missing_docstrings(stub: str) -> list[str]:
    """Return the paths of what has no docstring in a stub, or another than at run time."""
    return [path for path, item, text in _documented(ast.parse(stub)) if not text or ast.get_docstring(item) != text]


def with_docstrings(stub: str) -> str:
    """Return a stub with the docstrings that the extension has at run time."""
    lines = stub.splitlines()
    edits = []
    for _, item, text in _documented(ast.parse(stub)):
        indent = " " * (item.col_offset + 4)
        prefix = "r" if "\\" in text else ""
        ending = "\n" if "\n" in text else ""
        docstring = textwrap.indent(f'{prefix}"""{text}{ending}"""', indent).splitlines()
        edits.append((item.body[0], docstring))
    for first, docstring in reversed(edits):
        at, end = first.lineno - 1, first.end_lineno or first.lineno
        is_literal = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        if is_literal:
            # `...` or an older docstring; the text before it in its line stays.
            before = lines[at][: first.col_offset].rstrip()
            lines[at:end] = [*([before] if before else []), *docstring]
        else:
            # The decorators of a method stand before its `def`.
            decorators = getattr(first, "decorator_list", [])
            at = min([at, *(each.lineno - 1 for each in decorators)])
            lines[at:at] = [*docstring, ""]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    STUB.write_text(with_docstrings(STUB.read_text(encoding="utf-8")), encoding="utf-8")
