"""Expressions over one row: keys of PARTITION BY and ORDER BY, lengths of WITHIN, columns that are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.errors import QueryError
from rowpattern.sql.bind.aggregate_calls import is_aggregate
from rowpattern.sql.bind.keywords import with_calls
from rowpattern.sql.bind.leaves import is_navigation, leaves
from rowpattern.sql.bind.scope import folded
from rowpattern.sql.expression.nodes import Column, Literal, Node, Operation, Semantics, Star, replaced, walk
from rowpattern.sql.text.source_location import SourceLocation, error_at

if TYPE_CHECKING:
    from rowpattern.sql.bind.scope import Scope
    from rowpattern.sql.parse.clause import ExpressionSource

__all__ = ["row_expression", "with_fields"]


def with_fields(read: Node, fields: tuple[str, ...]) -> Node:
    """Return the field of a field ... of a value."""
    for name in fields:
        read = Operation("STRUCT_EXTRACT", (read, Literal("STRING", name)))
    return read


def row_expression(
    written: ExpressionSource, scope: Scope, location: SourceLocation, what: str
) -> tuple[Node, tuple[str, ...]]:
    """Look up the columns of an expression of PARTITION BY or ORDER BY.

    Returns:
        the expression over the columns' own names, and those names.

    Raises:
        QueryError: a column does not exist, or the expression reads more than one row.
    """
    columns, variables = scope.columns, scope.variables
    names: dict[str, None] = {}
    new: dict[int, Node] = {}
    whole = with_calls(written.node, columns)
    for node in walk(whole):
        if isinstance(node, (Star, Semantics)) or is_navigation(node) or is_aggregate(node):
            message = f"{what} takes expressions over one row; {written.text} is not"
            raise error_at(message, location, QueryError)
    for leaf in leaves(whole):
        if isinstance(leaf, Column):
            if len(leaf.names) > 1 and columns.find(leaf) is None and not columns.is_table(leaf.names[0]):
                members = variables.members(folded(leaf))
                if members is not None:
                    message = f"{leaf.names[0]} is a variable of the pattern, and {what} comes before it"
                    raise error_at(f"{message}; write {leaf.names[1]} alone", columns.location(leaf), QueryError)
            _, name, fields = columns.resolve(leaf)
            names[name] = None
            new[id(leaf)] = with_fields(Column((name,), span=leaf.span), fields)
    return replaced(whole, new), tuple(names)
