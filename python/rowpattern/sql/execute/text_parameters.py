"""Parameters in the texts around clauses, which DuckDB executes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.sql.expression.nodes import Parameter
from rowpattern.sql.expression.parameters import ParameterValues
from rowpattern.sql.expression.write import sql_of

if TYPE_CHECKING:
    from rowpattern.sql.parse.parsed_query import ParsedQuery
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["bound_values", "check_parameters", "with_constants"]

_NONE = ParameterValues(None)


def check_parameters(parsed: ParsedQuery, context: ExecutionContext | None) -> None:
    """Refuse values that are missing, and values that the query has no parameter for.

    Raises:
        QueryError: there is one; it is named.
    """
    values = None if context is None else context.parameters
    if parsed.parameters or values is not None:
        (values or _NONE).check(parsed.parameters, parsed.sql)


def bound_values(parsed: ParsedQuery, text: str, context: ExecutionContext) -> dict[str, Any] | None:
    """Return the values that DuckDB binds when it executes a text; None where the text has no parameter."""
    placed = parsed.text_parameters.get(text)
    return {each.identifier: context.parameters.value(each.name) for each in placed} if placed else None


def with_constants(parsed: ParsedQuery, text: str, context: ExecutionContext) -> str:
    """Return a text with constants in the place of its parameters, written as those of a clause are.

    DuckDB gives what a statement with bound values answers as a whole only, which a stream must not hold.
    """
    placed = parsed.text_parameters.get(text)
    if not placed:
        return text
    parts: list[str] = []
    at = 0
    for each in sorted(placed, key=lambda one: one.begin):
        parts += (text[at : each.begin], f"({sql_of(context.parameters.node(Parameter(each.name), typed=False))})")
        at = each.end
    return "".join([*parts, text[at:]])
