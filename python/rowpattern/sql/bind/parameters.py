"""Parameters of a clause before its names are looked up, and their values after that.

A plan is made for the types of parameters, whatever their values. Bounds of quantifiers and offsets of navigation
decide what is done, so that plans are made for their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.expression.nodes import Call, Literal, Node, Parameter, map_children
from rowpattern.sql.expression.parameters import has_parameter, with_values
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.parse.clause_parameters import offset_of
from rowpattern.sql.records import replace
from rowpattern.sql.text.composed import Composed
from rowpattern.sql.text.parameters import PlacedParameter

if TYPE_CHECKING:
    from rowpattern.sql.bind.bound import BoundClause, Key
    from rowpattern.sql.expression.parameters import ParameterValues
    from rowpattern.sql.parse.clause import Clause, ClauseParameters, ExpressionSource

__all__ = ["bound_with_values", "parameters_key", "with_types"]

_OFFSET = "the offset of a navigation"
_BOUND = "the bound of a quantifier"


def parameters_key(clause: Clause, values: ParameterValues) -> str:
    """Return what a clause's plan depends on beside its text and the table: types, and values that decide what is done.

    Raises:
        QueryError: a bound or an offset is no whole number from 0 on.
    """
    parameters = clause.parameters
    if parameters is None:
        return ""
    text = clause.location.sql
    fixed = [values.whole(each, text, _BOUND) for each in parameters.bounds]
    fixed += [values.whole(each, text, _OFFSET) for each in parameters.offsets]
    types = [values.type(name) for name in parameters.names]
    # What has no type by itself is a constant of the plan.
    constants = values.values(parameters.names) if None in types else None
    return repr((fixed, types, constants))


def with_types(clause: Clause, values: ParameterValues) -> Clause:
    """Return a clause whose parameters have types, and whose bounds and offsets are numbers.

    Raises:
        QueryError: a bound or an offset is no whole number from 0 on.
    """
    parameters = clause.parameters
    if parameters is None:
        return clause
    text = clause.location.sql
    as_constants = any(values.type(name) is None for name in parameters.names)

    def changed(node: Node) -> Node:
        offset = offset_of(node)
        if offset is not None and isinstance(node, Call):
            # Only its first argument has more in it.
            span = offset.span or (0, 0)
            number = values.whole(PlacedParameter(offset.name, *span), text, _OFFSET)
            first, second = node.arguments
            literal = Literal("INTEGER", str(number), span=offset.span)
            return replace(node, arguments=(replace(first, value=changed(first.value)), replace(second, value=literal)))
        if isinstance(node, Parameter):
            if as_constants:
                return values.node(node, typed=False)
            return replace(node, kind=values.type(node.name) or "")
        return map_children(node, changed)

    def source(written: ExpressionSource) -> ExpressionSource:
        return replace(written, node=changed(written.node))

    pattern = _pattern(clause, parameters, values)
    return replace(
        clause,
        pattern=pattern.text,
        pattern_source=pattern,
        partition_by=[replace(key, expression=source(key.expression)) for key in clause.partition_by],
        order_by=[replace(key, expression=source(key.expression)) for key in clause.order_by],
        measures=[replace(each, expression=source(each.expression)) for each in clause.measures],
        define=[replace(each, condition=source(each.condition)) for each in clause.define],
        within=None if clause.within is None else source(clause.within),
    )


def _pattern(clause: Clause, parameters: ClauseParameters, values: ParameterValues) -> Composed:
    """Return the pattern with numbers for its parameters; it knows where each part of it stands in the query."""
    text = clause.location.sql
    composed = Composed(text)
    at = clause.pattern_location.offset
    end = at + len(clause.pattern)
    for each in parameters.bounds:
        number = values.whole(each, text, _BOUND)
        composed.copy(at, each.begin).put(str(number), each.begin, each.end)
        at = each.end
    return composed.copy(at, end)


def bound_with_values(bound: BoundClause, values: ParameterValues) -> BoundClause:
    """Return a bound clause for the values of a query; what is kept of it is shared."""

    def key_with_values(key: Key) -> Key:
        if key.tree is None or not has_parameter(key.tree):
            return key
        tree = with_values(key.tree, values, typed=False)
        return replace(key, tree=tree, sql=sql_of(tree))

    within = bound.within
    if within is not None and has_parameter(within.tree):
        tree = with_values(within.tree, values, typed=False)
        within = replace(within, tree=tree, sql=sql_of(tree))
    return replace(
        bound,
        within=within,
        partition_by=tuple(map(key_with_values, bound.partition_by)),
        order_by=tuple(map(key_with_values, bound.order_by)),
        computed=tuple((name, key_with_values(key)) for name, key in bound.computed),
        plans=bound.plans.for_values(values),
    )
