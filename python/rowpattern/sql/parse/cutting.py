"""Where MATCH_RECOGNIZE clauses stand in a query, which table is before each, and which WITH lists that table sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.parse.clause import CommonTables, Spliced
from rowpattern.sql.parse.clause_reader import ClauseReader
from rowpattern.sql.parse.keywords import BEHIND_A_TABLE, NOT_A_NAME
from rowpattern.sql.parse.tokens import closing_places, tokens_of
from rowpattern.sql.problems import Place, problem

if TYPE_CHECKING:
    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.tokens import Token

__all__ = ["cut"]

_WINDOW_WORDS = frozenset({"MEASURES", "PATTERN", "DEFINE", "SUBSET", "INITIAL", "SEEK"})

# Behind each of these a table begins.
_BEFORE_A_TABLE = frozenset({"FROM", "JOIN"})


@dataclass
class _WithList:
    """A WITH list: the tokens of the query that it belongs to, and each table's name with its piece of the text."""

    begin: int
    end: int
    recursive: bool
    tables: list[tuple[str, int, int]] = field(default_factory=list)


def cut(sql: str) -> tuple[list[Clause], Spliced]:
    """Find the clauses of a query.

    Returns:
        the clauses, inner ones first, and the whole text with those that stand directly in it.

    Raises:
        QuerySyntaxError: brackets or quotes do not fit, it is more than one statement, or a clause is wrong.

    Takes time linear in the text, times the depth to which clauses stand in each other.
    """
    tokens = tokens_of(sql)
    if not tokens:
        raise QuerySyntaxError("expected one query, which begins with SELECT, WITH, FROM or VALUES")
    return _Cutter(sql, tokens).cut()


class _Cutter:
    def __init__(self, sql: str, tokens: list[Token]) -> None:
        self._sql = sql
        self._tokens = tokens
        self._closing = closing_places(sql, tokens)
        self._clauses: list[Clause] = []
        self._lists: list[_WithList] = []

    def cut(self) -> tuple[list[Clause], Spliced]:
        last = len(self._tokens)
        while last and self._tokens[last - 1].is_sign(";"):
            last -= 1
        for token in self._tokens[:last]:
            if token.is_sign(";"):
                raise self._fail("expected one query; this ; begins another", token)
        if not last:
            raise QuerySyntaxError("expected one query, which begins with SELECT, WITH, FROM or VALUES")
        self._scan(0, last)
        text = Spliced(0, self._tokens[last - 1].end)
        self._clauses.sort(key=lambda clause: clause.end)
        for number, clause in enumerate(self._clauses):
            clause.number = number
            clause.source.clauses = _directly_in(clause.source, self._clauses)
            for common in clause.common:
                for piece in common.pieces:
                    piece.clauses = _directly_in(piece, self._clauses)
        text.clauses = _directly_in(text, self._clauses)
        return self._clauses, text

    def _fail(self, message: str, token: Token) -> QuerySyntaxError:
        return problem(message, Place(self._sql, token.begin), QuerySyntaxError)

    def _word(self, at: int) -> str:
        return self._tokens[at].word if at < len(self._tokens) else ""

    def _is_sign(self, at: int, sign: str) -> bool:
        return at < len(self._tokens) and self._tokens[at].is_sign(sign)

    def _scan(self, begin: int, end: int) -> None:
        """Look through the tokens of one pair of brackets, or of the whole query."""
        table = begin
        at = begin
        while at < end:
            token = self._tokens[at]
            word = token.word
            if word in _BEFORE_A_TABLE or token.is_sign(","):
                table = at + 1
            elif word == "WITH":
                self._with_list(at, begin, end)
            elif word == "MATCH_RECOGNIZE" and self._is_sign(at + 1, "("):
                self._clause(table, at)
                at = self._closing[at + 1] + 1
                continue
            elif word in _WINDOW_WORDS and self._is_window_word(at):
                message = f"{word} belongs in MATCH_RECOGNIZE (...) after a table, not in a window"
                raise self._fail(message, token)
            if at in self._closing:
                self._scan(at + 1, self._closing[at])
                at = self._closing[at]
            at += 1

    def _is_window_word(self, at: int) -> bool:
        """Say whether a word stands where a window has its row pattern: behind a key of `OVER (... BY ...)`."""
        behind = self._tokens[at + 1] if at + 1 < len(self._tokens) else None
        if behind is None or not (behind.is_name or behind.is_sign("(")):
            return False
        before = at - 1
        if before < 0 or not (self._tokens[before].is_name or self._is_sign(before, ")")):
            return False
        while before >= 0 and not self._tokens[before].is_sign("("):
            if self._tokens[before].word == "BY":
                return True
            before -= 1
        return False

    # WITH lists.

    def _with_list(self, at: int, begin: int, end: int) -> None:
        found = _WithList(begin, end, self._word(at + 1) == "RECURSIVE")
        at += 2 if found.recursive else 1
        while at < end and self._tokens[at].is_name:
            name, first = self._tokens[at].text, self._tokens[at].begin
            at += 1
            at = self._closing[at] + 1 if self._is_sign(at, "(") else at
            if self._word(at) == "USING":
                # USING KEY (...) of a recursive one.
                at = self._closing[at + 2] + 1 if self._is_sign(at + 2, "(") else at
            if self._word(at) != "AS":
                break
            at += 1
            at += self._word(at) == "NOT"
            at += self._word(at) == "MATERIALIZED"
            if not self._is_sign(at, "("):
                break
            at = self._closing[at]
            found.tables.append((name, first, self._tokens[at].end))
            at += 1
            if not self._is_sign(at, ","):
                break
            at += 1
        if found.tables:
            self._lists.append(found)

    def _seen(self, at: int) -> list[_WithList]:
        """Return the parts of WITH lists that a table at a token sees, outer ones first."""
        begin = self._tokens[at].begin
        around = [each for each in self._lists if each.begin <= at < each.end]
        return [
            _WithList(each.begin, each.end, each.recursive, [table for table in each.tables if table[2] <= begin])
            for each in sorted(around, key=lambda each: each.begin)
        ]

    # Clauses.

    def _clause(self, table: int, at: int) -> None:
        place = Place(self._sql, self._tokens[at].begin)
        name, source_name = self._table(table, at)
        closing = self._closing[at + 1]
        source = Spliced(self._tokens[table].begin, self._tokens[at - 1].end)
        seen = [each for each in self._seen(table) if each.tables]
        if name is not None and any(name.lower() == each.lower() for one in seen for each, _, _ in one.tables):
            name = None
        clause = ClauseReader(self._sql, self._tokens, self._closing, at + 2, closing).read(
            source, name, source_name, place
        )
        clause.alias = self._alias(closing + 1)
        clause.common = [
            CommonTables(each.recursive, [Spliced(begin, end) for _, begin, end in each.tables]) for each in seen
        ]
        self._clauses.append(clause)

    def _table(self, begin: int, end: int) -> tuple[str | None, str | None]:
        """Look at the tokens before a clause: a table with or without an alias.

        Returns:
            the table's name where it is nothing but a name, and what it is called.
        """
        tokens = self._tokens[begin:end]
        if not tokens or (begin == 0 and end > 0):
            raise self._fail("MATCH_RECOGNIZE stands behind a table in FROM", self._tokens[end])
        outside = self._outside_brackets(begin, end)
        for at in outside:
            word = self._word(at)
            if word in {"ON", "USING"} and at > begin:
                message = "MATCH_RECOGNIZE stands directly behind its table; write it before ON or USING"
                raise self._fail(message, self._tokens[end])
            if word in NOT_A_NAME - {"AS", "LATERAL", "WITH"}:
                raise self._fail("MATCH_RECOGNIZE stands behind a table in FROM", self._tokens[end])
        first = tokens[0]
        rest = [each for each in tokens[1:] if each.word != "AS"]
        named = (first.is_name and first.word != "LATERAL") or (first.kind == "text" and first.text.startswith("'"))
        own = first.text[1:-1].replace("''", "'") if first.kind == "text" else first.text
        if named and not rest:
            return own, own
        if named and len(rest) == 1 and rest[0].is_name and len(tokens) <= 3:  # noqa: PLR2004 - a name, AS, an alias
            return own, rest[0].text
        return None, tokens[-1].text if tokens[-1].is_name and len(outside) > 1 else None

    def _outside_brackets(self, begin: int, end: int) -> list[int]:
        found = []
        while begin < end:
            found.append(begin)
            begin = self._closing.get(begin, begin) + 1
        return found

    def _alias(self, at: int) -> str | None:
        if self._word(at) == "AS":
            at += 1
        if at >= len(self._tokens) or not self._tokens[at].is_name:
            return None
        return None if self._tokens[at].word in BEHIND_A_TABLE else self._tokens[at].text


def _directly_in(piece: Spliced, clauses: list[Clause]) -> list[Clause]:
    inside = [clause for clause in clauses if piece.begin <= clause.source.begin and clause.end <= piece.end]
    outermost = [
        clause
        for clause in inside
        if not any(
            other is not clause and other.source.begin <= clause.source.begin and clause.end < other.end
            for other in inside
        )
    ]
    return sorted(outermost, key=lambda clause: clause.source.begin)
