"""The shapes of the trees that DuckDB's parser gives: of each class and type of node, the keys and the kinds of values.

Run as a program, it records those of the installed version in `data/duckdb_shapes.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.expression.nodes import Node, TypeName, children

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[1] / "data"
RECORD = DATA / "duckdb_shapes.json"


def lines(name: str) -> list[str]:
    """Return the lines of a file of texts, without what explains it."""
    return [
        line for line in (DATA / name).read_text(encoding="utf-8").split("\n") if line and not line.startswith("# ")
    ]


def nodes(node: Node) -> Iterator[Node]:
    """Give a node and all that is in it, types too."""
    yield node
    inside = [part for _, part in node.parts] if isinstance(node, TypeName) else list(children(node))
    if isinstance(to := getattr(node, "to", None), TypeName):
        inside.append(to)
    for each in inside:
        yield from nodes(each)


def _shapes(value: Any, found: dict[str, set[str]], where: str) -> None:
    if isinstance(value, list):
        for each in value:
            _shapes(each, found, where)
    elif isinstance(value, dict):
        name = " ".join(str(value[key]) for key in ("class", "type") if key in value and isinstance(value[key], str))
        name = name or where
        kinds = {f"{key}: {type(each).__name__}" for key, each in value.items()}
        found.setdefault(name, set()).update(kinds)
        for key, each in value.items():
            _shapes(each, found, key)


def shapes() -> list[str]:
    """Return for all texts the shapes of their trees, and which texts are not parsed."""
    texts = [f"SELECT ({line}\n)" for line in lines("expressions.txt")] + lines("queries.txt")
    found: dict[str, set[str]] = {}
    errors = []
    for text, tree in zip(texts, parse_texts(texts), strict=True):
        if tree["error"]:
            errors.append(f"not parsed: {text}")
        else:
            _shapes(tree["statements"], found, "statement")
    return sorted([f"{name} | {key}" for name, keys in found.items() for key in keys] + errors)


if __name__ == "__main__":
    recorded = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    recorded[duckdb.__version__] = shapes()
    RECORD.write_text(json.dumps(dict(sorted(recorded.items())), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
