"""Typed expressions as the core takes them: trees of tuples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.sql.expression.typed import Call, Literal, engine_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.expression.typed import Typed

__all__ = ["CoreNode", "core_node"]

#: Nested tuples: what a part is, its type in the engine, and what belongs to it.
CoreNode = tuple[Any, ...]


def core_node(node: Typed, other: Callable[[Typed, str], CoreNode]) -> CoreNode:
    """Return an expression as the core takes it.

    Args:
        node: the expression.
        other: gives the node for a part that is neither a literal nor a call, from it and its type in the engine.

    >>> from rowpattern.sql.expression.core_nodes import core_node
    >>> from rowpattern.sql.expression.typed import Call, Literal, Reference
    >>> sum_of = Call("BIGINT", "+", (Reference("BIGINT", "price"), Literal("BIGINT", 1)))
    >>> core_node(sum_of, lambda part, kind: ("read", kind, part.name))
    ('call', 'BIGINT', '+', (('read', 'BIGINT', 'price'), ('literal', 'BIGINT', 1)))
    """
    kind = engine_type(node.type) or node.type
    if isinstance(node, Literal):
        return ("literal", kind, node.value)
    if isinstance(node, Call):
        return ("call", kind, node.name, tuple(core_node(each, other) for each in node.arguments))
    return other(node, kind)
