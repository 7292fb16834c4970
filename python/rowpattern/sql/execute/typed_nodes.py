"""Programs of conditions (`match_dependent`) as the typed nodes that the core takes, with casts written out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["TypedNodes", "column_type"]

Node = tuple[Any, ...]

_LITERALS = {"bool": "BOOLEAN", "int": "BIGINT", "float": "DOUBLE", "text": "VARCHAR"}
_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%"})
# A type that holds the values of those before it.
_NUMBERS = ("BIGINT", "HUGEINT", "DOUBLE")


def column_type(values: pa.ChunkedArray) -> str:
    """Return the type of a column that conditions read: of 64-bit integers, doubles, booleans or text."""
    if pa.types.is_boolean(values.type):
        return "BOOLEAN"
    if pa.types.is_floating(values.type):
        return "DOUBLE"
    return "BIGINT" if pa.types.is_integer(values.type) else "VARCHAR"


def _node_type(node: Node) -> str:
    return str(node[1])


def _call(kind: str, name: str, *arguments: Node) -> Node:
    return ("call", kind, name, arguments)


def _cast(node: Node, kind: str) -> Node:
    if _node_type(node) == kind:
        return node
    if _node_type(node) == "NULL":
        return ("literal", kind, None)
    return _call(kind, "cast", node)


def _of_one_type(parts: Iterable[Node]) -> list[Node]:
    found = list(parts)
    types = {_node_type(each) for each in found} - {"NULL"}
    if not types:
        return found
    wanted = types.pop() if len(types) == 1 else max(types, key=_NUMBERS.index)
    return [_cast(each, wanted) for each in found]


class TypedNodes:
    """Gives programs types."""

    def __init__(self, columns: Sequence[str], aggregates: Sequence[str]) -> None:
        """Take the types of columns and of aggregates."""
        self._columns = columns
        self._aggregates = aggregates

    def node(self, program: Node) -> Node:
        """Return a program as a typed node."""
        kind = program[0]
        if kind in _LITERALS:
            return ("literal", _LITERALS[kind], program[1])
        if kind == "null":
            return ("literal", "NULL", None)
        if kind == "read":
            return ("read", self._columns[program[1]], *program[1:])
        if kind == "label":
            return ("classifier", "VARCHAR", *program[1:])
        if kind == "match number":
            return ("match number", "BIGINT")
        if kind == "aggregate":
            return ("aggregate", self._aggregates[program[1]], program[1])
        if kind == "case":
            conditions = [self.node(condition) for condition, _ in program[1]]
            values = _of_one_type([*(self.node(value) for _, value in program[1]), self.node(program[2])])
            branches = [part for pair in zip(conditions, values) for part in pair]
            return _call(_node_type(values[-1]), "case", *branches, values[-1])
        if kind == "in":
            return _call("BOOLEAN", "in", *_of_one_type([self.node(program[1]), *map(self.node, program[2])]))
        if kind in {"coalesce", "greatest", "least"}:
            parts = _of_one_type(map(self.node, program[1]))
            return _call(_node_type(parts[0]), kind, *parts)
        if kind == "round":
            return _call("DOUBLE", "round", _cast(self.node(program[1]), "DOUBLE"), ("literal", "INTEGER", program[2]))
        return self._operation(kind, [self.node(each) for each in program[1:]])

    @staticmethod
    def _operation(kind: str, parts: list[Node]) -> Node:
        if kind == "to float":
            return _cast(parts[0], "DOUBLE")
        if kind in _COMPARISONS:
            return _call("BOOLEAN", kind, *_of_one_type(parts))
        if kind in _ARITHMETIC:
            parts = [_cast(each, "DOUBLE") for each in parts] if kind == "/" else _of_one_type(parts)
        if kind in _ARITHMETIC or kind in {"abs", "negate"}:
            if _node_type(parts[0]) == "NULL":
                return parts[0]
            return _call(_node_type(parts[0]), kind, *parts)
        return _call("BOOLEAN", kind, *parts)
