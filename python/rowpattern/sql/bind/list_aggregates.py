"""What conditions read of lists of the match's values, without the lists.

The engine has no lists. `array_agg(A.x)[2]` is `FIRST(A.x, 1)`, and `len(array_agg(A.x))` is how many rows there are,
or NULL where there is none; both are kept while matching. All else that is made of a list is asked of DuckDB.
"""

from __future__ import annotations

from rowpattern.sql.bind.leaves import is_navigation, leaves
from rowpattern.sql.duckdb.functions import AGGREGATES
from rowpattern.sql.expression.nodes import Argument, Call, Column, Literal, Node, Operation, Semantics, walk

__all__ = ["without_list"]

_LISTS = frozenset({"array_agg", "list"})
_LENGTHS = frozenset({"len", "length", "array_length"})
_ITEMS = frozenset({"list_extract", "list_element", "array_extract"})


def without_list(node: Node) -> Node:
    """Return the same as an expression, without a list where it is an item or the length of one."""
    if isinstance(node, Operation) and node.kind == "ARRAY_EXTRACT" and len(node.operands) == 2:  # noqa: PLR2004
        return _item(node, *node.operands)
    if isinstance(node, Call) and not (node.distinct or node.filter is not None or node.order_by):
        if node.name in _ITEMS and len(node.values) == 2:  # noqa: PLR2004 - a list and a place
            return _item(node, *node.values)
        if node.name in _LENGTHS and len(node.values) == 1:
            return _length(node, node.values[0])
    return node


def _listed(node: Node) -> Call | None:
    """Return the call where a node lists values of rows in the match's order, and nothing is left out of them."""
    plain = isinstance(node, Call) and node.name in _LISTS and len(node.values) == 1 and not node.order_by
    if not isinstance(node, Call) or not plain or node.distinct or any(each.name for each in node.arguments):
        return None
    inside = list(walk(node.values[0]))
    if any(isinstance(each, Semantics) or _is_of_match(each) for each in inside):
        return None
    # What reads no row is the same where there is none.
    return node if any(isinstance(each, Column) for each in leaves(node.values[0])) else None


def _is_of_match(node: Node) -> bool:
    return isinstance(node, Call) and (is_navigation(node) or node.name in AGGREGATES)


def _item(node: Node, items: Node, place: Node) -> Node:
    call, number = _listed(items), place.integer if isinstance(place, Literal) else None
    if call is None or call.filter is not None or not number:
        return node
    name, offset = ("first", number - 1) if number > 0 else ("last", -number - 1)
    return Call(name, (call.arguments[0], Argument(Literal("INTEGER", str(offset)))), span=call.span)


def _length(node: Node, items: Node) -> Node:
    call = _listed(items)
    if call is None:
        return node
    # It is never NULL, so that all rows of the argument's variable are counted.
    is_null = Operation("IS_NULL", (call.values[0],))
    count = Call("count", (Argument(is_null),), filter=call.filter, span=call.span)
    return Call("nullif", (Argument(count), Argument(Literal("INTEGER", "0"))))
