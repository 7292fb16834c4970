"""One condition that is given without a query around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.parse.clause import Definition, ExpressionSource
from rowpattern.sql.parse.expression_texts import expressions_text, read_expressions
from rowpattern.sql.parse.text_check import check_text
from rowpattern.sql.text.source_location import SourceLocation, error_at, nesting_limited
from rowpattern.sql.text.tokens import closing_brackets, outside_brackets, tokens_of

if TYPE_CHECKING:
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["parse_condition"]


@nesting_limited("condition")
def parse_condition(variable: str, text: str, context: ExecutionContext | None = None) -> Definition:
    """Read one condition, as it would stand in DEFINE.

    Args:
        variable: whose it is.
        text: the condition.
        context: the limits that it is read within.

    Raises:
        QuerySyntaxError: it is not an expression.
    """
    check_text(text, "condition")
    tokens = tokens_of(text)
    closing = closing_brackets(text, tokens)
    if not tokens:
        raise QuerySyntaxError("the condition is empty; write an expression that is true or false")
    for at in outside_brackets(closing, 0, len(tokens)):
        if tokens[at].is_sign(",") or tokens[at].is_sign(";"):
            raise error_at(
                "expected the end of the condition", SourceLocation(text, tokens[at].begin), QuerySyntaxError
            )
    begin, end = tokens[0].begin, tokens[-1].end
    written = ExpressionSource(begin, end, " ".join(text[begin:end].split()))
    composed = expressions_text(text, [written])
    (tree,) = parse_texts([composed.text], context)
    read_expressions(composed, tree, [written])
    return Definition(variable, written, SourceLocation(text, begin))
