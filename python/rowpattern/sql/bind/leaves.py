"""What an expression reads: its columns, stars and navigation, without the parameters of lambdas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.expression.nodes import Call, Column, Lambda, Star, children
from rowpattern.sql.expression.read import NAVIGATION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from rowpattern.sql.expression.nodes import Node

__all__ = ["columns_in", "is_navigation", "leaves"]


def is_navigation(node: Node) -> bool:
    """Say whether a node is FIRST, LAST, PREV, NEXT, CLASSIFIER or MATCH_NUMBER."""
    return isinstance(node, Call) and node.name in NAVIGATION


def leaves(node: Node, bound: AbstractSet[str] = frozenset()) -> Iterator[Node]:
    """Give the columns, stars and navigation in a node from left to right, without the parameters of lambdas."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Column):
            if node.names[0] not in bound:
                yield node
        elif isinstance(node, Star) or is_navigation(node):
            yield node
        elif isinstance(node, Lambda):
            for child in children(node):
                yield from leaves(child, bound | set(node.parameters))
        else:
            waiting += reversed(children(node))


def columns_in(node: Node) -> set[str]:
    """Return the names of the columns in an expression over references."""
    return {leaf.names[0] for leaf in leaves(node) if isinstance(leaf, Column)}
