"""Macros of DuckDB's that aggregate, as the aggregates that they stand for.

DuckDB refuses some of them over the rows up to a row, and takes no order of rows for those that make lists. Their
definitions are those that `duckdb_functions()` gives for DuckDB 2.0.1; `tests/sql/test_aggregates_of_rows.py` compares
the values of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.expression.nodes import Argument, Branch, Call, Case, Cast, Literal, Node, Operation, TypeName

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["macro_body"]


def macro_body(call: Call) -> Node | None:
    """Return what a macro stands for; None where the call is of none, or not as the macro takes it.

    >>> from rowpattern.sql.bind.aggregate_macros import macro_body
    >>> from rowpattern.sql.expression.nodes import Argument, Call, Column
    >>> from rowpattern.sql.expression.write import sql_of
    >>> sql_of(macro_body(Call("geomean", (Argument(Column(("x",))),))))
    '"exp"("avg"("ln"("x")))'
    """
    made = _MACROS.get(call.name)
    if made is None or call.distinct or call.filter is not None or call.order_by:
        return None
    parameters, body = made
    return body(*call.values) if len(call.values) == parameters else None


def _call(name: str, *values: Node) -> Call:
    return Call(name, tuple(map(Argument, values)))


def _operator(sign: str, left: Node, right: Node) -> Call:
    return Call(sign, (Argument(left), Argument(right)), operator=True)


def _text(text: str) -> Literal:
    return Literal("STRING", text)


def _joined(*texts: Node) -> Node:
    first, *others = texts
    for each in others:
        first = _operator("||", first, each)
    return first


def _where_null(value: Node, then: Node, otherwise: Node) -> Case:
    return Case((Branch(Operation("IS_NULL", (value,)), then),), otherwise)


def _weighted_average(value: Node, weight: Node) -> Node:
    weights = _where_null(value, Literal("INTEGER", "0"), weight)
    return _operator("/", _call("sum", _operator("*", value, weight)), _call("sum", weights))


def _geometric_mean(value: Node) -> Node:
    return _call("exp", _call("avg", _call("ln", value)))


def _json(value: Node) -> Node:
    json = TypeName("JSON")
    return _where_null(value, Cast(_text("null"), json), _call("to_json", value))


def _json_array(value: Node) -> Node:
    items = _call("string_agg", _json(value), _text(","))
    return Cast(_joined(_text("["), items, _text("]")), TypeName("JSON"))


def _json_object(name: Node, value: Node) -> Node:
    missing = _call("error", _text("json_group_object key cannot be NULL"))
    key = _where_null(name, missing, _call("to_json", Cast(name, TypeName("VARCHAR"))))
    items = _call("string_agg", _joined(key, _text(":"), _json(value)), _text(","))
    return Cast(_joined(_text("{"), items, _text("}")), TypeName("JSON"))


def _json_structure(value: Node) -> Node:
    return _operator("->", _call("json_structure", _json_array(value)), Literal("INTEGER", "0"))


def _variant_array(value: Node) -> Node:
    return Cast(_call("list", value), TypeName("VARIANT"))


# How many arguments each takes, and what it stands for.
_MACROS: dict[str, tuple[int, Callable[..., Node]]] = {
    "geomean": (1, _geometric_mean),
    "geometric_mean": (1, _geometric_mean),
    "json_group_array": (1, _json_array),
    "json_group_object": (2, _json_object),
    "json_group_structure": (1, _json_structure),
    "variant_group_array": (1, _variant_array),
    "wavg": (2, _weighted_average),
    "weighted_avg": (2, _weighted_average),
}
