"""The one statement of a text, from the tree that DuckDB's parser gives, or its error with a place in the query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.parse.keywords import part_meant
from rowpattern.sql.parse.window import without_window_marks
from rowpattern.sql.text.source_location import TOO_DEEP, error_at

if TYPE_CHECKING:
    from rowpattern.sql.text.composed import Composed
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["statement_of"]

_NEAR = re.compile('syntax error at or near "([A-Za-z]+)"')


def statement_of(text: Composed, tree: dict[str, Any], begin: SourceLocation | None = None) -> dict[str, Any]:
    """Return the one statement of a tree; `begin` is for errors of which the parser does not say where they are.

    Raises:
        QuerySyntaxError: there is none, or more.
    """
    if tree.get("error"):
        raise _syntax_error(text, tree, begin)
    statements = tree.get("statements")
    if not isinstance(statements, list) or len(statements) != 1:
        raise QuerySyntaxError("expected one query, which begins with SELECT, WITH, FROM or VALUES")
    statement: dict[str, Any] = statements[0]
    return statement


def _syntax_error(text: Composed, tree: dict[str, Any], begin: SourceLocation | None) -> QuerySyntaxError:
    message = text.without_marks(without_window_marks(str(tree.get("error_message", "this is not a query"))))
    if message.startswith("Max expression depth"):
        return QuerySyntaxError(f"the query {TOO_DEEP}")
    if message.startswith("Only SELECT"):
        return QuerySyntaxError("expected one query, which begins with SELECT, WITH, FROM or VALUES")
    position = tree.get("position")
    location = text.location(int(position)) if position is not None else begin
    if location is None and position is not None:
        # At an inserted word: the parenthesis that stands behind an expression, or the name of a clause's answer.
        location = text.location_before(int(position))
        message = "MATCH_RECOGNIZE stands behind a table in FROM" if begin is None else "the expression is not complete"
    if begin is not None and (found := _NEAR.fullmatch(message)) is not None:
        # A misspelt word is read as a part of the expression before it.
        meant = part_meant(found[1])
        message += "" if meant is None else f"; did you mean {meant}?"
    return error_at(message, location, QuerySyntaxError)
