"""Errors of the texts before and around clauses, which DuckDB computes: where they are, and what to write."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.text.source_location import SourceLocation, error_at
from rowpattern.sql.text.tokens import closing_brackets, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.parsed_query import ParsedQuery
    from rowpattern.sql.text.tokens import Token

__all__ = ["error_around", "error_before"]

_NO_TABLE = re.compile('Referenced table "([^"]*)" not found')
_NO_COLUMN_OF = re.compile('"(.+)" does not have a column named "(.+)"')
_NO_COLUMN = re.compile(
    r'Referenced column "(?P<name>[^"]+)" not found in FROM clause!(?P<known>\nCandidate bindings: .*)?'
)
_KNOWN = re.compile(r'"(?:[^"]*\.)?([^".]+)"')
_MOST_NEAR = 3
# What a message of DuckDB's names: a column, or a function.
_NAMED = (
    _NO_COLUMN,
    re.compile(r'column "(?P<name>[^"]+)" must appear in the GROUP BY clause'),
    re.compile(r'Column "(?P<name>[^"]+)" does not exist on left side of join!'),
    re.compile(r"there is no (?P<name>\w+)\("),
    # An operator, between its types.
    re.compile(r"there is no [A-Z][^;]* (?P<name>[-+*/%]|LIKE|ILIKE) [A-Z]"),
)


def error_around(parsed: ParsedQuery, error: QueryError) -> QueryError:
    """Return the error of the text around clauses; where it names a variable as a table, it says what to write."""
    table = _NO_TABLE.match(str(error))
    patterns = " ".join(clause.pattern for clause in parsed.clauses)
    if table is None or table[1].upper() not in re.findall(r"\w+", patterns.upper()):
        return _placed(parsed, error)
    message = f"{table[1]} is a variable, which only its clause has; write a measure, as in"
    return QueryError(f"{message} LAST({table[1]}.x) AS y, and its name here")


def error_before(parsed: ParsedQuery, clause: Clause, error: QueryError) -> QueryError:
    """Return the error of a text before a clause; where a column of a table around is not there, it says which."""
    found = _NO_COLUMN_OF.search(str(error))
    if clause.outer is not None and found is not None:
        for (table, column), (begin, _) in clause.outer.columns.items():
            if lowered(table) == lowered(found[1]) and lowered(column) == lowered(found[2]):
                location = SourceLocation(clause.location.sql, begin)
                return error_at(f"{table} has no column {column}", location, QueryError)
    return _placed(parsed, error)


def _placed(parsed: ParsedQuery, error: QueryError) -> QueryError:
    """Return an error with its place, where it names something that stands once in the text around clauses."""
    if error.line or isinstance(error, QueryLimitError):
        return error
    message = str(error)
    named = next(filter(None, (each.match(message) for each in _NAMED)), None)
    if named is None:
        return error
    name = lowered(named["name"])
    places = [each.begin for each in _tokens_around(parsed.sql) if each.kind != "text" and lowered(each.text) == name]
    if len(places) != 1:
        return error
    if named.re is _NO_COLUMN:
        # DuckDB names the nearest ones.
        near = " or ".join(_KNOWN.findall(named["known"] or "")[:_MOST_NEAR])
        message = f"there is no column {named['name']} here" + (f"; did you mean {near}?" if near else "")
    return error_at(message, SourceLocation(parsed.sql, places[0]), QueryError)


def _tokens_around(sql: str) -> Iterator[Token]:
    """Give the tokens of a query that are not inside of its clauses."""
    tokens = tokens_of(sql)
    closing = closing_brackets(sql, tokens)
    at = 0
    while at < len(tokens):
        yield tokens[at]
        # Behind the word its brackets are left out.
        at = closing.get(at + 1, at) + 1 if tokens[at].word == "MATCH_RECOGNIZE" else at + 1
