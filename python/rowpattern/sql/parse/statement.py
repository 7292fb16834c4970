"""The one statement of a text, from the tree that DuckDB's parser gives, or its error with a place in the query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.parse.keywords import NOT_A_NAME, part_meant
from rowpattern.sql.parse.other_systems import NO_TABLE_BEFORE, NOT_A_QUERY
from rowpattern.sql.parse.window import without_window_marks
from rowpattern.sql.text.argument_text import ArgumentText
from rowpattern.sql.text.placeholders import instead_of_placeholder
from rowpattern.sql.text.source_location import TOO_DEEP, SourceLocation, error_at

if TYPE_CHECKING:
    from rowpattern.sql.text.composed import Composed

__all__ = ["statement_of"]

_NEAR = re.compile('syntax error at or near "(.*)"')
# What the parser says where these stand between comparisons, as in other languages.
_CHAINED = "Chained comparisons are not supported"
_CONNECTIVES = {"&&": "AND", "||": "OR"}
_NO_COLUMNS = "SELECT clause without selection list"
_SELECT_NOTHING = re.compile(r"\bSELECT\s*(?=FROM\b|[);]|\Z)", re.IGNORECASE)
_WORD_BEFORE = re.compile(r"([A-Za-z_]+)\s*\Z")
# What signs that DuckDB does not have are elsewhere, and what to write here.
_INSTEAD = {
    "#": "a comment begins with --",
    ":": "a parameter is written $name, a field x.name, and one of JSON x->>'name'",
    "–": "a minus is written -",  # noqa: RUF001
    "—": "a minus is written -",
    "−": "a minus is written -",  # noqa: RUF001
    "≠": "write <>",
    "≤": "write <=",
    "≥": "write >=",
}


def statement_of(text: Composed, tree: dict[str, Any], begin: SourceLocation | None = None) -> dict[str, Any]:
    """Return the one statement of a tree; `begin` is for errors of which the parser does not say where they are.

    Raises:
        QuerySyntaxError: there is none, or more.
    """
    if tree.get("error"):
        raise _syntax_error(text, tree, begin)
    statements = tree.get("statements")
    if not isinstance(statements, list) or len(statements) != 1:
        raise QuerySyntaxError(NOT_A_QUERY)
    statement: dict[str, Any] = statements[0]
    return statement


def _syntax_error(text: Composed, tree: dict[str, Any], begin: SourceLocation | None) -> QuerySyntaxError:
    message = text.without_marks(without_window_marks(str(tree.get("error_message", "this is not a query"))))
    if message.startswith("Max expression depth"):
        return QuerySyntaxError(f"the query {TOO_DEEP}")
    if message.startswith("Only SELECT"):
        return error_at(f"{NOT_A_QUERY}, in place of {text.query.split()[0]}", text.location(0), QuerySyntaxError)
    position = tree.get("position")
    location = text.location(int(position)) if position is not None else begin
    if location is None and position is None and message.startswith(_NO_COLUMNS):
        found = _SELECT_NOTHING.search(text.query)
        location = None if found is None else SourceLocation(text.query, found.start())
        message += "; write SELECT * or the columns"
    elif location is None and position is not None:
        # At an inserted word: the parenthesis that stands behind an expression, or the name of a clause's answer.
        location = text.location_before(int(position))
        message = NO_TABLE_BEFORE if begin is None else "the expression is not complete"
    if message.startswith(_CHAINED) and location is not None:
        rest = location.sql[location.offset :]
        message += "".join(f"; {sign} is written {word}" for sign, word in _CONNECTIVES.items() if sign in rest)
    if (found := _NEAR.fullmatch(message)) is not None:
        message += _hint(found[1], location, is_expression=begin is not None)
    return error_at(message, location, QuerySyntaxError)


def _hint(near: str, location: SourceLocation | None, *, is_expression: bool) -> str:
    """Say what to write where the parser met something; "" where nothing is known."""
    placeholder = None if location is None else instead_of_placeholder(location.sql, location.offset)
    if placeholder is not None:
        return f"; {placeholder}"
    if near in _INSTEAD:
        return f"; {_INSTEAD[near]}"
    if near.upper() == "AS" and is_expression and location is not None and isinstance(location.sql, ArgumentText):
        return "; leave AS and the name out, as the argument names it already"
    # A misspelt word is read as a part of the expression before it.
    meant = part_meant(near) if is_expression else None
    if meant is not None:
        return f"; did you mean {meant}?"
    before = None if near != "." or location is None else _WORD_BEFORE.search(location.sql[: location.offset])
    if before is not None and before[1].upper() in NOT_A_NAME:
        return f'; {before[1]} is a word of SQL; as a name write it in quotes: "{before[1].upper()}"'
    return ""
