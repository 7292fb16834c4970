"""What conditions read of lists of the match's values, without the lists.

The engine has no lists. `array_agg(A.x)[2]` is `FIRST(A.x, 1)`, `list_sum(array_agg(A.x))` is `sum(A.x)`, and
`len(array_agg(A.x))` is how many rows there are, or NULL where there is none; all are kept while matching. What else is
made of a list is asked of DuckDB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.bind.leaves import is_navigation, leaves
from rowpattern.sql.duckdb.functions import AGGREGATES
from rowpattern.sql.expression.nodes import (
    Argument,
    Branch,
    Call,
    Case,
    Cast,
    Column,
    Comparison,
    Literal,
    Node,
    Operation,
    Semantics,
    TypeName,
    walk,
)
from rowpattern.sql.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["without_list"]

_LISTS = frozenset({"array_agg", "list"})
_NULL = Literal("NULL_LITERAL")

# Aggregates that give the same over the rows as over the list of their values.
_OF_ITEMS = frozenset({"sum", "min", "max", "avg", "bool_and", "bool_or", "any_value"})
_OF_ITEMS |= {"var_pop", "var_samp", "stddev_pop", "stddev_samp"}

_AGGREGATING = frozenset({"list_aggregate", "list_aggr", "array_aggregate", "array_aggr", "aggregate"})


def without_list(node: Node) -> Node:
    """Return the same as an expression, without a list where it is made of one and need not be."""
    if isinstance(node, Operation) and node.kind == "ARRAY_EXTRACT" and len(node.operands) == 2:  # noqa: PLR2004
        return _item(node, *node.operands)
    if not isinstance(node, Call) or node.distinct or node.filter is not None or node.order_by:
        return node
    if len(node.values) == 1:
        function = node.name.removeprefix("list_")
        if function in _OF_ITEMS and function != node.name:
            return _aggregate(node, node.values[0], function)
        of_list = _OF_A_LIST.get(node.name)
        return node if of_list is None else of_list(node, node.values[0])
    if len(node.values) != 2:  # noqa: PLR2004 - a list, and what is asked of it
        return node
    items, asked = node.values
    if node.name in _AGGREGATING and isinstance(asked, Literal) and asked.is_text and asked.text in _OF_ITEMS:
        return _aggregate(node, items, asked.text)
    of_both = _OF_A_LIST_AND_MORE.get(node.name)
    return node if of_both is None else of_both(node, items, asked)


def _listed(node: Node, *, distinct: bool = False) -> Call | None:
    """Return the call where a node lists values of rows in the match's order, and perhaps each once."""
    plain = isinstance(node, Call) and node.name in _LISTS and len(node.values) == 1 and not node.order_by
    if not isinstance(node, Call) or not plain or any(each.name for each in node.arguments):
        return None
    if node.distinct and not distinct:
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


def _aggregate(node: Node, items: Node, function: str) -> Node:
    """Return an aggregate over a list as one over rows: NULLs are left out of both, and there may be none in both."""
    call = _listed(items, distinct=True)
    return node if call is None else replace(call, name=function)


def _length(node: Node, items: Node) -> Node:
    if isinstance(items, Call) and items.name in {"list_distinct", "array_distinct"} and len(items.values) == 1:
        return _different(node, items.values[0])
    call = _listed(items)
    return node if call is None else Call("nullif", (Argument(_rows(call)), Argument(Literal("INTEGER", "0"))))


def _counted(node: Node, items: Node) -> Node:
    call = _listed(items, distinct=True)
    return node if call is None else _where_rows(call, replace(call, name="count"))


def _different(node: Node, items: Node) -> Node:
    """Return how many different values a list has, NULL left out."""
    call = _listed(items, distinct=True)
    return node if call is None else _where_rows(call, replace(call, name="count", distinct=True))


def _unique(node: Node, items: Node) -> Node:
    found = _different(node, items)
    return node if found is node else Cast(found, TypeName("UBIGINT"))


def _contains(node: Node, items: Node, value: Node) -> Node:
    call = _listed(items, distinct=True)
    if call is None or not isinstance(value, Literal) or value.is_null:
        return node
    is_it = replace(call, name="bool_or", arguments=(Argument(Comparison("=", call.values[0], value)),), distinct=False)
    return _where_rows(call, Operation("COALESCE", (is_it, Literal("BOOLEAN", "false"))))


def _where_rows(call: Call, value: Node) -> Node:
    """Return a value where a list has items; it is NULL where there is no row."""
    return Case((Branch(Comparison(">", _rows(call), Literal("INTEGER", "0")), value),), _NULL)


def _rows(call: Call) -> Call:
    """Return how many rows a list is of."""
    # It is never NULL, so that all rows of the argument's variable are counted.
    is_null = Operation("IS_NULL", (call.values[0],))
    return Call("count", (Argument(is_null),), filter=call.filter, span=call.span)


_OF_A_LIST: dict[str, Callable[[Node, Node], Node]] = {
    "len": _length,
    "length": _length,
    "array_length": _length,
    "list_count": _counted,
    "list_unique": _unique,
    "array_unique": _unique,
}

_OF_A_LIST_AND_MORE: dict[str, Callable[[Node, Node, Node], Node]] = {
    **dict.fromkeys(("list_extract", "list_element", "array_extract"), _item),
    **dict.fromkeys(("list_contains", "list_has", "array_contains", "array_has"), _contains),
}
