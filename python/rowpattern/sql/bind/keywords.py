"""Words that call a function without parentheses, as CURRENT_DATE: where no column has the name, as in DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.bind.leaves import leaves
from rowpattern.sql.expression.nodes import Call, Column, replaced

if TYPE_CHECKING:
    from rowpattern.sql.bind.scope import Columns
    from rowpattern.sql.expression.nodes import Node

__all__ = ["with_calls"]

# What DuckDB calls for them.
_FUNCTIONS = {
    "current_date": "current_date",
    "current_time": "get_current_time",
    "current_timestamp": "get_current_timestamp",
    "localtime": "current_localtime",
    "localtimestamp": "current_localtimestamp",
}


def with_calls(node: Node, columns: Columns) -> Node:
    """Return an expression with calls in the place of such words."""
    new: dict[int, Node] = {}
    for leaf in leaves(node):
        if isinstance(leaf, Column) and len(leaf.names) == 1 and not leaf.is_quoted(0):
            function = _FUNCTIONS.get(leaf.names[0].lower())
            if function is not None and columns.find(leaf) is None:
                new[id(leaf)] = Call(function, span=leaf.span)
    return replaced(node, new) if new else node
