"""Subqueries in the expressions of a clause: found by their brackets, and put into the expressions as constants.

They read no column of the match, so each is computed once, before matching. Its text is a text of its own, checked like
those around clauses; in the expression a call of a made-up name stands in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.errors import UnsupportedQueryError
from rowpattern.sql.expression.nodes import Literal, Operation, SubqueryValue, map_children
from rowpattern.sql.parse.clause import ExpressionSource, Subquery
from rowpattern.sql.records import replace
from rowpattern.sql.text.source_location import SourceLocation, error_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.parse.clause import Clause, SubqueryForm
    from rowpattern.sql.text.tokens import Token

__all__ = ["find_subqueries", "with_constants"]

_BEGINNINGS = frozenset({"SELECT", "WITH", "FROM", "TABLE"})
_QUANTIFIERS = frozenset({"ANY", "SOME", "ALL"})


def find_subqueries(
    sql: str, tokens: Sequence[Token], closing: Mapping[int, int], begin: int, end: int
) -> tuple[Subquery, ...]:
    """Find those among the tokens of an expression, outermost ones.

    Raises:
        UnsupportedQueryError: one is compared by ANY, SOME or ALL.
    """
    found = []
    at = begin
    while at < end:
        token = tokens[at]
        if not (token.is_sign("(") and _begins_query(tokens, at + 1)):
            at += 1
            continue
        before = tokens[at - 1] if at > begin else None
        word = "" if before is None else before.word
        location = SourceLocation(sql, token.begin)
        if word in _QUANTIFIERS:
            message = f"{word} (...) cannot stand in MATCH_RECOGNIZE; compare with its max or min, or use IN"
            raise error_at(message, location, UnsupportedQueryError)
        form: SubqueryForm = "exists" if word == "EXISTS" else "list" if word == "IN" else "value"
        first = before.begin if before is not None and form == "exists" else token.end
        close = tokens[closing[at]]
        behind = close.end if form == "exists" else close.begin
        found.append(Subquery(form, token.end, close.begin, first, behind, location))
        at = closing[at] + 1
    return tuple(found)


def _begins_query(tokens: Sequence[Token], at: int) -> bool:
    # A column may be called VALUES.
    return tokens[at].word in _BEGINNINGS or (tokens[at].word == "VALUES" and tokens[at + 1].is_sign("("))


def with_constants(clause: Clause, constants: Mapping[int, Sequence[Node]]) -> Clause:
    """Return a clause with the values of its subqueries in their places; `constants` has those of each, by place."""

    def put_in(node: Node) -> Node:
        if isinstance(node, SubqueryValue):
            return constants[node.place][0]
        if isinstance(node, Operation) and node.kind == "IN" and isinstance(node.operands[1], SubqueryValue):
            values = tuple(constants[node.operands[1].place])
            if not values:
                # Nothing is in an empty list, NULL included.
                return Literal("BOOLEAN", "false")
            return replace(node, operands=(put_in(node.operands[0]), *values))
        return map_children(node, put_in)

    def changed(written: ExpressionSource) -> ExpressionSource:
        return replace(written, node=put_in(written.node)) if written.subqueries else written

    return replace(
        clause,
        partition_by=[replace(key, expression=changed(key.expression)) for key in clause.partition_by],
        order_by=[replace(key, expression=changed(key.expression)) for key in clause.order_by],
        measures=[replace(each, expression=changed(each.expression)) for each in clause.measures],
        define=[replace(each, condition=changed(each.condition)) for each in clause.define],
        within=None if clause.within is None else changed(clause.within),
    )
