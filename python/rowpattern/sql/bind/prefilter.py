"""What rows alone can say of a condition that depends on the match, so that fewer starts and branches are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.bind.expressions import columns_in
from rowpattern.sql.bind.references import BoundExpression, depends_on_the_match
from rowpattern.sql.expression.nodes import Conjunction
from rowpattern.sql.expression.write import sql_of

if TYPE_CHECKING:
    from rowpattern.sql.expression.nodes import Node

__all__ = ["prefilter"]


def prefilter(expression: BoundExpression) -> BoundExpression | None:
    """Return what rows alone can say of a condition, before matching: true wherever it can be true.

    The condition itself where it does not depend on the match; None where rows say nothing.
    """
    if expression.tree is None or not expression.depends:
        return expression
    row_only = frozenset(name for name, item in expression.reads if not depends_on_the_match(item))
    node = _row_only_part(expression.tree, row_only)
    if node is None:
        return None
    names = columns_in(node)
    reads = tuple((name, item) for name, item in expression.reads if name in names)
    return BoundExpression(sql_of(node), expression.text, reads, node)


def _row_only_part(node: Node, row_only: frozenset[str]) -> Node | None:
    """Return what rows alone can say of a condition: true wherever it can be true. None where they say nothing.

    Args:
        node: the condition over references.
        row_only: names of references that are values of rows at fixed distances.
    """
    if isinstance(node, Conjunction):
        parts = [_row_only_part(each, row_only) for each in node.operands]
        known = [part for part in parts if part is not None]
        if not known or (node.word == "OR" and len(known) < len(parts)):
            return None
        return known[0] if len(known) == 1 else Conjunction(node.word, tuple(known))
    return node if columns_in(node) <= row_only else None
