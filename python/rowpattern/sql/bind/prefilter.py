"""What rows alone can say of a condition that depends on the match, so that fewer starts and branches are tried.

`FIRST(x) > 0` says the same in all rows of a match: it is decided once, by the row where the match begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.bind.leaves import columns_in
from rowpattern.sql.bind.references import BoundExpression, Navigation, RowExists, Value, depends_on_the_match
from rowpattern.sql.expression.lambdas import renamed
from rowpattern.sql.expression.nodes import Conjunction, conditions_of
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import replace

if TYPE_CHECKING:
    from rowpattern.sql.bind.references import Reference, References
    from rowpattern.sql.expression.nodes import Node

__all__ = ["prefilter", "start_condition"]


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


def start_condition(expression: BoundExpression, references: References) -> BoundExpression | None:
    """Return what the match's first row alone decides of a condition, over that row as the current one.

    Args:
        expression: the condition.
        references: where the references to that row get their names.
    """
    if expression.tree is None or not expression.depends:
        return None
    items = dict(expression.reads)
    at_start = {name: moved for name, item in items.items() if (moved := _at_start(item)) is not None}
    decided = [
        part for part in conditions_of(expression.tree) if (names := columns_in(part)) and names <= at_start.keys()
    ]
    if not decided:
        return None
    node = decided[0] if len(decided) == 1 else Conjunction("AND", tuple(decided))
    new = {name: references.name(at_start[name]) for name in columns_in(node)}
    reads = tuple((new[name], at_start[name]) for name in new)
    tree = renamed(node, new)
    return BoundExpression(sql_of(tree), expression.text, reads, tree)


def _at_start(item: Reference) -> Reference | None:
    """Return what a reference reads at or near the match's first row, seen from there; None where it reads others."""
    if not isinstance(item, (Value, RowExists)):
        return None
    at = Navigation(rows=item.at.rows)
    return replace(item, at=at) if item.at == replace(at, first=True) else None


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
