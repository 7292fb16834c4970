"""The text of a query with pipes: its tokens, and copies of pieces of it for a query without."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.duckdb.names import lowered, quoted
from rowpattern.sql.parse.keywords import BEHIND_A_TABLE
from rowpattern.sql.text.source_location import SourceLocation, error_at
from rowpattern.sql.text.tokens import closing_brackets, outside_brackets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.sql.text.rewritten import Piece
    from rowpattern.sql.text.tokens import Token

__all__ = ["PipeText"]

# A query in brackets begins with one of these.
_QUERY_WORDS = frozenset({"FROM", "SELECT", "TABLE", "VALUES", "WITH"})
# Behind `*`, these change which columns it stands for.
_STAR_WORDS = frozenset({"EXCEPT", "EXCLUDE", "RENAME", "REPLACE"})


class PipeText:
    """A query's text.

    Names of tables that have no place in FROM any more are written as the columns that hold these tables' rows.

    Attributes:
        tokens: those of the query.
        closing: which bracket closes which.
    """

    def __init__(
        self,
        sql: str,
        tokens: list[Token],
        pipes: list[int],
        query: Callable[[int, int, Mapping[str, str]], list[Piece]],
    ) -> None:
        """Take a query.

        Args:
            sql: its text.
            tokens: its tokens.
            pipes: those of them at which pipes begin, in order.
            query: writes the query that stands between two tokens, with the names that mean columns there.
        """
        self.tokens = tokens
        self.closing = closing_brackets(sql, tokens)
        self._sql = sql
        self._pipes = pipes
        self._query = query

    def fail(self, message: str, at: int) -> QuerySyntaxError:
        """Make an error at a token."""
        begin = self.tokens[at].begin if at < len(self.tokens) else len(self._sql)
        return error_at(message, SourceLocation(self._sql, begin), QuerySyntaxError)

    def written(self, begin: int, end: int) -> str:
        """Return what the user wrote between two tokens, in one line."""
        return " ".join(self._sql[self.tokens[begin].begin : self.tokens[end - 1].end].split())

    def pipes(self, begin: int, end: int) -> list[int]:
        """Return the tokens of a range at which pipes begin."""
        return self._pipes[bisect_left(self._pipes, begin) : bisect_left(self._pipes, end)]

    def _has_pipes(self, begin: int, end: int) -> bool:
        at = bisect_left(self._pipes, begin)
        return at < len(self._pipes) and self._pipes[at] < end

    def outside(self, begin: int, end: int) -> list[int]:
        """Return the tokens of a range that stand in no brackets that open in it."""
        return list(outside_brackets(self.closing, begin, end))

    def elements(self, begin: int, end: int) -> list[tuple[int, int]]:
        """Return the elements of a list, as their first tokens and those behind their last."""
        commas = [at for at in self.outside(begin, end) if self.tokens[at].is_sign(",")]
        return list(zip([begin, *(at + 1 for at in commas)], [*commas, end]))

    def word(self, at: int, end: int) -> str:
        """Return the word at a token; empty where it is none, or not before `end`."""
        return self.tokens[at].word if at < end else ""

    def is_sign(self, at: int, end: int, sign: str) -> bool:
        """Say whether a token before `end` is a sign."""
        return at < end and self.tokens[at].is_sign(sign)

    def table_names(self, begin: int, end: int) -> set[str]:
        """Return the names before points, as they are compared: those of tables are among them."""
        return {lowered(self.tokens[at].text) for at in range(begin, end) if self._is_before_point(at, end)}

    def _is_before_point(self, at: int, end: int) -> bool:
        is_first = not (at and self.tokens[at - 1].is_sign("."))
        return self.tokens[at].is_name and self.is_sign(at + 1, end, ".") and is_first

    # Copies.

    def copied(self, begin: int, end: int, names: Mapping[str, str]) -> list[Piece]:
        """Copy tokens; what stands in brackets may have pipes of its own.

        Args:
            begin: the first token.
            end: the one behind the last.
            names: those of tables, as they are compared, that are written as the columns given.
        """
        if begin >= end:
            return []
        found: list[Piece] = []
        first = self.tokens[begin].begin
        at = begin
        while at < end:
            token = self.tokens[at]
            behind = self.closing.get(at, end)
            if behind < end:
                seen = self._seen(names, at + 1, behind)
                if self._has_pipes(at + 1, behind) or seen is not names:
                    found += [(first, token.end), *self._query(at + 1, behind, seen)]
                    first, at = self.tokens[behind].begin, behind
                elif not names:
                    at = behind
            elif names and self._is_before_point(at, end) and lowered(token.text) in names:
                found += [(first, token.begin), quoted(names[lowered(token.text)])]
                first = token.end
            at += 1
        return [*found, (first, self.tokens[end - 1].end)]

    def _seen(self, names: Mapping[str, str], begin: int, end: int) -> Mapping[str, str]:
        """Return the names that a part in brackets sees: none of which a query in them calls a table of its own."""
        if not names or begin >= end or self.tokens[begin].word not in _QUERY_WORDS:
            return names
        own = {lowered(self.tokens[at].text) for at in self.outside(begin, end) if self._names_table(at, end)}
        return names if own.isdisjoint(names) else {name: names[name] for name in names if name not in own}

    def _names_table(self, at: int, end: int) -> bool:
        """Say whether a token may be what a table of FROM is called."""
        before = self.tokens[at - 1]
        is_behind = before.is_name or before.is_sign(",") or before.is_sign(")")
        behind = self.tokens[at + 1] if at + 1 < end else None
        has_alias = behind is not None and behind.is_name and (behind.word == "AS" or behind.word not in BEHIND_A_TABLE)
        is_table = behind is not None and behind.is_sign(".")
        return self.tokens[at].is_name and is_behind and not (has_alias or is_table)

    def shown(self, begin: int, end: int, names: Mapping[str, str], hidden: Sequence[str]) -> list[Piece]:
        """Copy a list of SELECT, in which `*` is without some columns.

        Raises:
            QuerySyntaxError: COLUMNS would have these columns.
        """
        found: list[Piece] = []
        first = begin
        for at in range(begin, end) if hidden else ():
            if self.tokens[at].word == "COLUMNS" and self.is_sign(at + 1, end, "("):
                message = "COLUMNS cannot stand beside the name of a table that was joined or changed before; "
                raise self.fail(message + "write the columns", at)
        without = ", ".join(map(quoted, hidden))
        for at in self.outside(begin, end) if hidden else ():
            if not self._is_all_columns(at, begin, end):
                continue
            behind = at + 1
            if self.word(behind, end) not in {"EXCEPT", "EXCLUDE"}:
                found += [*self.copied(first, behind, names), f" EXCLUDE ({without}) "]
                first = behind
            elif self.is_sign(behind + 1, end, "("):
                found += [*self.copied(first, behind + 1, names), f" ({without}, "]
                first = behind + 2
            else:
                found += [*self.copied(first, behind + 1, names), f" ({without}, "]
                found += [*self.copied(behind + 1, behind + 2, names), ") "]
                first = behind + 2
        return [*found, *self.copied(first, end, names)]

    def _is_all_columns(self, at: int, begin: int, end: int) -> bool:
        """Say whether a token is `*` for all columns."""
        if not self.tokens[at].is_sign("*"):
            return False
        if at == begin or self.tokens[at - 1].is_sign(",") or self.tokens[at - 1].word in {"ALL", "DISTINCT"}:
            return True
        is_last = at + 1 == end or self.is_sign(at + 1, end, ",") or self.word(at + 1, end) in _STAR_WORDS
        # Behind DISTINCT ON (...).
        return self.tokens[at - 1].is_sign(")") and is_last
