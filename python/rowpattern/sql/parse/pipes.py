"""Pipe syntax (`FROM t |> WHERE ... |> MATCH_RECOGNIZE (...) |> SELECT ...`), which DuckDB's parser does not have.

A query with pipes is written as queries in FROM, one for each operator, from pieces of its text; DuckDB's parser reads
what comes out as all else, and errors show the place in the user's text. Operators are those of GoogleSQL, and DuckDB's
clauses that stand behind FROM.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.expression.write import quoted
from rowpattern.sql.parse.table_alias import alias_at, called
from rowpattern.sql.parse.with_list import read_with_list
from rowpattern.sql.text.rewritten import RewrittenText
from rowpattern.sql.text.source_location import SourceLocation, error_at
from rowpattern.sql.text.tokens import closing_brackets, outside_brackets, query_end, tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.text.rewritten import Piece
    from rowpattern.sql.text.tokens import Token

__all__ = ["without_pipes"]

_JOINS = frozenset({"JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "SEMI", "ANTI", "ASOF", "POSITIONAL"})
# Operators that are written behind FROM as they stand, and keep the names of tables.
_BEHIND_FROM = frozenset({"WHERE", "ORDER", "LIMIT", "OFFSET", "QUALIFY", "TABLESAMPLE", "MATCH_RECOGNIZE"})
# The same, but the tables' names are gone behind them.
_OTHERS = frozenset({"SELECT", "UNION", "INTERSECT", "EXCEPT", "PIVOT", "UNPIVOT"})
_OWN = ("AGGREGATE", "EXTEND", "SET", "DROP", "RENAME", "DISTINCT", "AS")
# Words of which one makes a query of what began with FROM and tables.
_CLAUSES = frozenset({"SELECT", "GROUP", "HAVING", "WINDOW", "USING"}) | _OTHERS | _BEHIND_FROM


def without_pipes(sql: str, check: Callable[[], None]) -> str:
    """Return a query without pipes: the text itself, or one that knows where its pieces stand in it.

    Raises:
        QuerySyntaxError: an operator is not known, or not complete; AGGREGATE has parameters without names.

    Takes time linear in the text, times how deep operators nest.
    """
    tokens = tokens_of(sql, check)
    pipes = [
        at
        for at, (one, other) in enumerate(zip(tokens, tokens[1:]))
        if one.is_sign("|") and other.is_sign(">") and one.end == other.begin
    ]
    if not pipes:
        return sql
    return RewrittenText.of(sql, _Pipes(sql, tokens, pipes, check).pieces())


class _Query:
    """What the operators so far have made.

    Attributes:
        pieces: its text.
        alias: what it is called for the next operator; None where it has no name.
        is_bare: whether it is FROM and tables, and nothing more.
    """

    def __init__(self, pieces: list[Piece], alias: str | None, *, is_bare: bool) -> None:
        self.pieces = pieces
        self.alias = alias
        self.is_bare = is_bare

    def wrap(self, *behind: Piece) -> None:
        """Make it a table in FROM, with more behind that."""
        alias = [] if self.alias is None else [f" AS {quoted(self.alias)}"]
        self.pieces = ["FROM (", *self.pieces, ")", *alias, " ", *behind]
        self.is_bare = False


class _Pipes:
    def __init__(self, sql: str, tokens: list[Token], pipes: list[int], check: Callable[[], None]) -> None:
        self._sql = sql
        self._tokens = tokens
        self._pipes = pipes
        self._check = check
        self._closing = closing_brackets(sql, tokens)

    def pieces(self) -> list[Piece]:
        """Write the whole query."""
        last = query_end(self._tokens)
        behind: list[Piece] = [(self._tokens[last - 1].end, len(self._sql))]
        return [*self._query(0, last), *behind]

    def _fail(self, message: str, at: int) -> QuerySyntaxError:
        begin = self._tokens[at].begin if at < len(self._tokens) else len(self._sql)
        return error_at(message, SourceLocation(self._sql, begin), QuerySyntaxError)

    def _has_pipes(self, begin: int, end: int) -> bool:
        at = bisect_left(self._pipes, begin)
        return at < len(self._pipes) and self._pipes[at] < end

    def _outside_brackets(self, begin: int, end: int) -> list[int]:
        return list(outside_brackets(self._closing, begin, end))

    def _copied(self, begin: int, end: int) -> list[Piece]:
        """Copy tokens; what stands in brackets may have pipes of its own."""
        if begin >= end:
            return []
        found: list[Piece] = []
        first = self._tokens[begin].begin
        for at in self._outside_brackets(begin, end):
            behind = self._closing.get(at)
            if behind is not None and self._has_pipes(at + 1, behind):
                found += [(first, self._tokens[at].end), *self._query(at + 1, behind)]
                first = self._tokens[behind].begin
        return [*found, (first, self._tokens[end - 1].end)]

    def _query(self, begin: int, end: int) -> list[Piece]:
        """Write what stands between brackets."""
        self._check()
        outside = self._outside_brackets(begin, end)
        at_level = set(outside) & set(self._pipes[bisect_left(self._pipes, begin) : bisect_left(self._pipes, end)])
        if not at_level:
            return self._copied(begin, end)
        body = self._behind_with(begin, end)
        ends = [*sorted(at_level), end]
        if body >= ends[0]:
            raise self._fail("expected a query before |>, as FROM t", ends[0])
        query = self._base(body, ends[0])
        for pipe, behind in zip(ends, ends[1:]):
            if pipe + 2 >= behind:
                raise self._fail(f"expected an operator behind |>; they are {self._operators()}", pipe + 2)
            self._operator(query, pipe + 2, behind)
        lists = self._copied(begin, body)
        return [*lists, *([" "] if lists else []), *query.pieces]

    @staticmethod
    def _operators() -> str:
        return ", ".join(sorted({*_BEHIND_FROM, *_OTHERS, *_OWN, "JOIN", "ORDER BY"} - {"ORDER"}))

    def _behind_with(self, begin: int, end: int) -> int:
        """Return the token behind a WITH list; the first one where there is none."""
        if self._tokens[begin].word != "WITH":
            return begin
        found = read_with_list(self._tokens, self._closing, begin, end)
        return found.behind if found.tables else end

    def _base(self, begin: int, end: int) -> _Query:
        """Read what stands before the first pipe."""
        outside = self._outside_brackets(begin, end)
        words = {self._tokens[at].word for at in outside[1:]}
        is_bare = self._tokens[begin].word == "FROM" and not words & _CLAUSES
        is_one = is_bare and not words & _JOINS and not any(self._tokens[at].is_sign(",") for at in outside)
        alias = called([self._tokens[at] for at in outside[1:]]) if is_one else None
        return _Query(self._copied(begin, end), alias, is_bare=is_bare)

    # Operators.

    def _operator(self, query: _Query, begin: int, end: int) -> None:
        """Add an operator to a query."""
        word = self._tokens[begin].word
        rest = self._copied(begin + 1, end)
        if word == "AS":
            named = end - begin == 2 and self._tokens[begin + 1].is_name  # noqa: PLR2004 - AS and a name
            if not named:
                raise self._fail("expected one name behind AS", begin + 1)
            query.alias = self._tokens[begin + 1].text
            query.is_bare = False
        elif word in _JOINS | _BEHIND_FROM or self._tokens[begin].is_sign(","):
            if query.is_bare:
                query.pieces += [" ", *self._copied(begin, end)]
            else:
                query.wrap(*self._copied(begin, end))
            query.is_bare = word in _JOINS or self._tokens[begin].is_sign(",")
            query.alias = None if query.is_bare else query.alias
            if word == "MATCH_RECOGNIZE":
                behind = self._closing.get(begin + 1, end) + 1
                query.alias = alias_at(self._tokens, behind, end) or query.alias
        elif word in _OTHERS:
            query.wrap(*self._copied(begin, end))
            query.alias = None
        elif word == "DISTINCT" and not rest:
            query.wrap("SELECT DISTINCT *")
        elif word == "EXTEND" and rest:
            query.wrap("SELECT *, ", *rest)
        elif word == "DROP" and rest:
            query.wrap("SELECT * EXCLUDE (", *rest, ")")
        elif word == "RENAME" and rest:
            query.wrap("SELECT * RENAME (", *rest, ")")
        elif word == "SET" and rest:
            query.wrap("SELECT * REPLACE (", *self._assignments(begin + 1, end), ")")
        elif word == "AGGREGATE" and rest:
            query.wrap(*self._aggregated(begin + 1, end))
            query.alias = None
        else:
            shown = self._tokens[begin].text
            known = f"{shown} is not complete" if word in _OWN else f"{shown} is no operator behind |>"
            raise self._fail(f"{known}; they are {self._operators()}", begin)

    def _list(self, begin: int, end: int) -> list[tuple[int, int]]:
        """Return the elements of a list, as their first tokens and those behind their last."""
        commas = [at for at in self._outside_brackets(begin, end) if self._tokens[at].is_sign(",")]
        return list(zip([begin, *(at + 1 for at in commas)], [*commas, end]))

    def _assignments(self, begin: int, end: int) -> list[Piece]:
        """Write `column = expression, ...` as `expression AS column, ...`."""
        found: list[Piece] = []
        for first, behind in self._list(begin, end):
            plain = behind - first > 2 and self._tokens[first].is_name and self._tokens[first + 1].is_sign("=")  # noqa: PLR2004
            if not plain:
                raise self._fail("expected column = expression behind SET", first)
            found += [", "] if found else []
            found += [*self._copied(first + 2, behind), " AS ", *self._copied(first, first + 1)]
        return found

    def _aggregated(self, begin: int, end: int) -> list[Piece]:
        """Write `aggregates GROUP BY keys` as a SELECT, in which the keys come first."""
        outside = self._outside_brackets(begin, end)
        group = next((at for at in outside if self._tokens[at].word == "GROUP"), None)
        if group is None:
            return ["SELECT ", *self._copied(begin, end)]
        if group + 2 >= end or self._tokens[group + 1].word != "BY":
            raise self._fail("expected GROUP BY and the keys", group)
        if any(token.is_sign("?") for token in self._tokens[begin:end]):
            message = "parameters ? in AGGREGATE ... GROUP BY would change their order; give them names, as $name"
            raise self._fail(message, begin)
        keys = self._copied(group + 2, end)
        values = self._copied(begin, group)
        return ["SELECT ", *keys, *([", ", *values] if values else []), " GROUP BY ALL"]
