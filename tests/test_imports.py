"""How the package's modules import each other, beside what `make lint` checks of their layers."""

from __future__ import annotations

import ast
from pathlib import Path

import rowpattern

PACKAGE = Path(rowpattern.__file__).parent


def test_no_module_imports_the_package_s_root() -> None:
    """The root imports them all, so such an import would be part of a circle; `rowpattern.patterns` has its names."""
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            if isinstance(node, ast.ImportFrom) and node.module == "rowpattern":
                modules = {each.stem for each in PACKAGE.iterdir()}
                wrong += [f"{path.name}: {name}" for name in names if name not in modules]
            elif isinstance(node, ast.Import) and "rowpattern" in names:
                wrong.append(f"{path.name}: import rowpattern")
    assert wrong == []
