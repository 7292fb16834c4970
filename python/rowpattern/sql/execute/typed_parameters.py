"""A typed clause for the values of a query's parameters: the plan is of their types, and stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from rowpattern.sql.bind.leaves import columns_in
from rowpattern.sql.execute.bounded import check_constants
from rowpattern.sql.expression.parameters import has_parameter, with_values
from rowpattern.sql.expression.typed import Computed, Constant, cast_sql, engine_type, map_leaves
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import replace

if TYPE_CHECKING:
    from rowpattern.sql.bind.references import Aggregate, BoundExpression, RunningAggregate
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.typed_records import Named, TypedAggregate, TypedExpression
    from rowpattern.sql.expression.parameters import ParameterValues
    from rowpattern.sql.expression.typed import Typed

__all__ = [
    "aggregate_with_values",
    "is_refused",
    "is_refused_aggregate",
    "named_with_values",
    "running_with_values",
    "typed_with_values",
]

_Aggregating = TypeVar("_Aggregating", bound="Aggregate | RunningAggregate")


def is_refused(typed: TypedExpression) -> bool:
    """Say whether DuckDB refuses an expression with a parameter for the parameter's type alone.

    It may take the value: a text is read as what it stands beside, and some arguments must be constants.
    """
    return typed.problem is not None and typed.tree is not None and has_parameter(typed.tree)


def is_refused_aggregate(typed: TypedAggregate) -> bool:
    """Say the same of an aggregate."""
    return typed.type is None and typed.whole.tree is not None and has_parameter(typed.whole.tree)


def typed_with_values(
    named: Named, typed: TypedExpression, values: ParameterValues, database: Database
) -> tuple[Named, TypedExpression]:
    """Return an expression with the values of its parameters.

    Raises:
        QueryLimitError: a value asks for more memory than there is.
    """
    if typed.tree is None or not typed.has_parameters:
        return named, typed
    found = _expression(typed, values)
    if found.native is not None and not found.changing:
        # The engine makes no values larger than those that it is given, and asks nobody for a text.
        return named, found
    if found.tree is not None:
        check_constants([found.tree], database)
    return named_with_values(named, values, typed=True), found


def aggregate_with_values(typed: TypedAggregate, values: ParameterValues) -> TypedAggregate:
    """Return an aggregate with the values of the parameters in it."""
    if typed.whole.tree is None or not has_parameter(typed.whole.tree):
        return typed
    argument = None if typed.argument is None else _expression(typed.argument, values)
    key = None if typed.key is None else _expression(typed.key, values)
    return replace(typed, whole=_expression(typed.whole, values), argument=argument, key=key)


def named_with_values(named: Named, values: ParameterValues, *, typed: bool) -> Named:
    """Return what an expression is called, with values for its parameters."""
    expression: BoundExpression = named.expression
    if expression.tree is None or not has_parameter(expression.tree):
        return named
    tree = with_values(expression.tree, values, typed=typed)
    return named._replace(expression=replace(expression, tree=tree, sql=sql_of(tree)))


def running_with_values(item: _Aggregating, values: ParameterValues) -> _Aggregating:
    """Return an aggregate of a clause with constants in the place of parameters."""
    if item.tree is None or not has_parameter(item.tree):
        return item
    tree = with_values(item.tree, values, typed=False)
    return replace(item, tree=tree, sql=sql_of(tree))


def _expression(typed: TypedExpression, values: ParameterValues) -> TypedExpression:
    if typed.tree is None:
        return typed
    tree = with_values(typed.tree, values, typed=True)
    sql = sql_of(tree)
    if typed.is_argument and typed.type is not None:
        sql = cast_sql(sql, typed.type)

    def leaf(node: Typed) -> Typed:
        if isinstance(node, Computed) and has_parameter(node.tree):
            inside = with_values(node.tree, values, typed=True)
            if columns_in(inside) or engine_type(node.type) is None:
                return Computed(node.type, inside)
            # Nothing is left that a row could change.
            return Constant(node.type, cast_sql(sql_of(inside), node.type), changes=True)
        return values.in_place(node)

    node = None if typed.node is None else map_leaves(typed.node, leaf)
    return replace(typed, node=node, sql=sql, tree=tree)
