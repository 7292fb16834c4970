"""Calls of aggregates in a clause: which they are, in which order they see rows, and what the engine keeps of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.duckdb.functions import AGGREGATES
from rowpattern.sql.expression.nodes import (
    Argument,
    Branch,
    Call,
    Case,
    Column,
    Literal,
    Node,
    OrderItem,
    Star,
)
from rowpattern.sql.expression.read import NAVIGATION
from rowpattern.sql.records import replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rowpattern.sql.bind.references import RowValue

__all__ = [
    "by_place",
    "counts_rows",
    "counts_star",
    "in_row_order",
    "is_aggregate",
    "takes_rows_in_order",
    "without_filter",
]

# Their answer depends on the order of rows, which is the match's unless the call says otherwise.
_ORDERED_AGGREGATES = frozenset(
    {"array_agg", "list", "string_agg", "group_concat", "listagg", "any_value", "arbitrary"}
)
# Of values that are equal, or as frequent as others, the first row's counts.
_ORDERED_AGGREGATES |= {"arg_max", "arg_max_null", "arg_max_nulls_last", "argmax", "max_by", "mode", "approx_top_k"}
_ORDERED_AGGREGATES |= {"arg_min", "arg_min_null", "arg_min_nulls_last", "argmin", "min_by"}

# They give the same over values with and without those that are there twice.
_OF_A_SET = frozenset({"min", "max", "bool_and", "bool_or", "any_value", "arbitrary"})
# Aggregates that the engine keeps; they leave NULLs out.
_WITHOUT_NULLS = _OF_A_SET | {"count", "sum", "avg", "var_pop", "var_samp", "variance", "stddev_pop", "stddev_samp"}
_WITHOUT_NULLS |= {"stddev", "arg_min", "arg_max", "argmin", "argmax", "min_by", "max_by"}
_WITHOUT_NULLS |= {"string_agg", "group_concat", "listagg"}
# Those of them that it keeps with DISTINCT.
_TAKING_EACH_ONCE = frozenset({"count", "sum", "avg"})

#: The order of the match.
_ROW_ORDER = (OrderItem(Column(("row",)), "ASCENDING"),)


def is_aggregate(node: Node) -> bool:
    """Say whether a node is a call of an aggregate."""
    return isinstance(node, Call) and node.name in AGGREGATES and node.name not in NAVIGATION


def counts_rows(call: Call) -> bool:
    """Say whether a call is `count(*)` or `count(A.*)`."""
    plain = not call.distinct and call.filter is None and not call.order_by
    stars = call.name == "count" and len(call.values) == 1 and isinstance(call.values[0], Star)
    return plain and (call.name == "count_star" or stars)


def counts_star(node: Call) -> bool:
    """Say whether a call is `count(A.*)`, with or without a FILTER."""
    return node.name == "count" and len(node.values) == 1 and isinstance(node.values[0], Star)


def by_place(call: Call, *, by_row: bool) -> str | None:
    """Return what the engine calls an aggregate that gives the first or the last value, NULLs left out."""
    if call.distinct or call.filter is not None or call.order_by or len(call.arguments) != 1:
        return None
    if by_row:
        return "last_not_null" if call.name == "arg_max" else None
    return "any_value" if call.name in {"any_value", "arbitrary"} else None


def in_row_order(call: Call, reads: Mapping[str, RowValue], order: Sequence[tuple[str, bool, bool]]) -> Call:
    """Have an aggregate that depends on the order of rows see them in the match's, unless it says otherwise.

    Args:
        call: the aggregate, over references.
        reads: what these read.
        order: columns by which the match's rows are in order; an aggregate that says the same says nothing else.
    """
    if call.distinct:
        return call
    if call.order_by:
        said = [_key(each, reads) for each in call.order_by]
        return replace(call, order_by=_ROW_ORDER) if said == list(order[: len(said)]) else call
    return replace(call, order_by=_ROW_ORDER) if call.name in _ORDERED_AGGREGATES else call


def _key(item: OrderItem, reads: Mapping[str, RowValue]) -> tuple[RowValue | None, bool, bool]:
    """Return the column of an ORDER BY in a call, whether it descends, and whether NULL is first."""
    column = reads.get(item.value.names[0]) if isinstance(item.value, Column) else None
    return column, item.direction == "DESCENDING", item.nulls == "NULLS FIRST"


def takes_rows_in_order(call: Call) -> bool:
    """Say whether an aggregate over references has the order of the match for its ORDER BY."""
    return call.order_by == _ROW_ORDER


def without_filter(call: Call) -> Call:
    """Return an aggregate with NULL in the place of values that its FILTER leaves out, where it leaves NULLs out, too.

    So the engine keeps it as one without a FILTER. DISTINCT goes where it changes nothing.
    """
    if call.distinct and call.name in _OF_A_SET:
        call = replace(call, distinct=False)
    if call.filter is None or (call.distinct and (call.order_by or call.name not in _TAKING_EACH_ONCE)):
        return call
    if call.name == "count_star":
        value: Node = Literal("INTEGER", "1")
        more: tuple[Argument, ...] = ()
    elif call.name in _WITHOUT_NULLS and call.arguments:
        value, more = call.arguments[0].value, call.arguments[1:]
    else:
        return call
    chosen = Case((Branch(call.filter, value),), Literal("NULL_LITERAL"))
    name = "count" if call.name == "count_star" else call.name
    return replace(call, name=name, arguments=(Argument(chosen), *more), filter=None)
