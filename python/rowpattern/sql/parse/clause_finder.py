"""Where MATCH_RECOGNIZE clauses stand in a query, which table is before each, and which WITH lists that table sees."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING

from rowpattern.errors import QuerySyntaxError, UnsupportedQueryError
from rowpattern.sql.duckdb.functions import RANDOM
from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.parse.clause import CommonTables, OuterTables, TextPiece
from rowpattern.sql.parse.clause_reader import ClauseReader
from rowpattern.sql.parse.keywords import JOIN_WORDS, NOT_A_NAME
from rowpattern.sql.parse.lateral import name_outer_columns
from rowpattern.sql.parse.other_systems import NO_TABLE_BEFORE, NOT_A_QUERY, instead_of_word
from rowpattern.sql.parse.shared_tables import shared_tables
from rowpattern.sql.parse.table_alias import alias_at, called, names_in_from
from rowpattern.sql.parse.window import FoundWindows
from rowpattern.sql.parse.with_list import IN_A_RECURSION, WithLists, read_with_list
from rowpattern.sql.records import Record
from rowpattern.sql.runtime.imports import imported
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.text.source_location import SourceLocation, error_at
from rowpattern.sql.text.tokens import closing_brackets, outside_brackets, query_end, tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.shared_tables import SharedTable
    from rowpattern.sql.parse.window import PatternWindow, WindowMarks
    from rowpattern.sql.parse.with_list import WithList
    from rowpattern.sql.text.tokens import Token

__all__ = ["FoundClauses", "find_clauses"]

# Behind each of these a table begins.
_BEFORE_A_TABLE = frozenset({"FROM", "JOIN"})

# Those that can stand in a table, or in a join with its condition.
_IN_A_JOIN = frozenset({"AND", "AS", "CASE", "CAST", "COLLATE", "ELSE", "END", "FALSE", "IN", "LATERAL", "NOT", "NULL"})
_IN_A_JOIN |= {"ON", "OR", "THEN", "TRUE", "USING", "WHEN", "WITH"}

# Words before LATERAL that are no part of the tables before it.
_JOINING = JOIN_WORDS | {"LATERAL"}

# Each of these ends FROM.
_BEHIND_FROM = frozenset({"WHERE", "GROUP", "HAVING", "QUALIFY", "WINDOW", "ORDER", "LIMIT", "OFFSET", "SELECT"})
_SET_OPERATIONS = frozenset({"UNION", "EXCEPT", "INTERSECT"})
_BEHIND_FROM |= _SET_OPERATIONS


# The time that a query takes before its first row is read grows with these.
_MOST_CLAUSES = 100
_MOST_COPIED = 1 << 22
_MOST_TOKENS_OF_A_TABLE = 1000


class FoundClauses(Record):
    """What was found in a query.

    Attributes:
        clauses: inner ones first.
        whole: the whole text with those that stand directly in it.
        windows: those with row patterns.
        shared: tables of WITH lists that are computed once for several texts.
        with_lists: all WITH lists.
    """

    clauses: list[Clause]
    whole: TextPiece
    shared: list[SharedTable]
    windows: FoundWindows
    with_lists: WithLists


def find_clauses(sql: str, marks: WindowMarks, check: Callable[[], None] = no_limit) -> FoundClauses:
    """Find the clauses of a query, and its windows with row patterns.

    Args:
        sql: its text.
        marks: what calls over such windows become.
        check: called now and then; it raises an error where time is over.

    Raises:
        QuerySyntaxError: brackets or quotes do not fit, it is more than one statement, or a clause is wrong.
        UnsupportedQueryError: a clause stands where it cannot.

    Takes time linear in the text.
    """
    tokens = tokens_of(sql, check)
    check()
    if not tokens:
        raise QuerySyntaxError(NOT_A_QUERY)
    finder = _ClauseFinder(sql, tokens)
    windows = FoundWindows()
    if any(token.word in {"OVER", "WINDOW"} for token in tokens):
        finder_module = imported("rowpattern.sql.parse.window_finder")
        windows = finder_module.find_windows(sql, tokens, finder.closing, marks, check)
    return FoundClauses(*finder.find_clauses(windows.windows, check), windows, finder.with_lists)


class _ClauseFinder:
    """Finds clauses by tokens.

    Attributes:
        closing: which bracket closes which.
        with_lists: those that were found.
    """

    def __init__(self, sql: str, tokens: list[Token]) -> None:
        self._sql = sql
        self._tokens = tokens
        self.closing = closing_brackets(sql, tokens)
        self._clauses: list[Clause] = []
        self.with_lists = WithLists()
        self._copied = 0
        # The tables of queries around the place that is looked at, outer ones first: first token, and the one behind.
        self._outer: list[tuple[int, int]] = []
        # Windows with subqueries, by where they begin in the text.
        self._windows: dict[int, PatternWindow] = {}

    def find_clauses(
        self, windows: Sequence[PatternWindow], check: Callable[[], None]
    ) -> tuple[list[Clause], TextPiece, list[SharedTable]]:
        """Find the clauses, which WITH lists windows with subqueries see, and what of all these lists is shared."""
        self._windows = {each.clause.location.offset: each for each in windows if each.clause.has_subqueries}
        last = query_end(self._tokens)
        for token in self._tokens[:last]:
            if token.is_sign(";"):
                raise self._fail("expected one query; this ; begins another", token)
        if not last:
            raise QuerySyntaxError(NOT_A_QUERY)
        self._scan(0, last)
        text = TextPiece(0, self._tokens[last - 1].end)
        self._clauses.sort(key=_last_needed)
        by_begin = sorted(self._clauses, key=lambda clause: (clause.source.begin, -clause.end))
        pieces = [text]
        for number, clause in enumerate(self._clauses):
            clause.number = number
            pieces.append(clause.source)
            pieces += [piece for common in clause.common for piece in common.pieces]
            if clause.outer is not None:
                pieces.append(clause.outer.piece)
        pieces += [piece for each in windows for common in each.clause.common for piece in common.pieces]
        places = [each.clause.location.offset for each in windows]
        shared = shared_tables(self._tokens[:last], self._clauses, places, self.with_lists, check)
        definitions = [piece for each in shared for common in each.common for piece in common.pieces]
        self._count_copied(definitions, self._tokens[0])
        pieces += definitions
        begins = [clause.source.begin for clause in by_begin]
        for piece in pieces:
            among = by_begin[bisect_left(begins, piece.begin) : bisect_left(begins, piece.end)]
            piece.clauses = _outermost([clause for clause in among if clause.end <= piece.end])
        return self._clauses, text, shared

    def _fail(self, message: str, token: Token) -> QuerySyntaxError:
        return error_at(message, SourceLocation(self._sql, token.begin), QuerySyntaxError)

    def _word(self, at: int) -> str:
        return self._tokens[at].word if at < len(self._tokens) else ""

    def _is_sign(self, at: int, sign: str) -> bool:
        return at < len(self._tokens) and self._tokens[at].is_sign(sign)

    def _scan(self, begin: int, end: int) -> None:
        """Look through the tokens of one pair of brackets, or of the whole query."""
        table = at = item = first = begin
        is_on = is_from = False
        parts: list[tuple[int, tuple[int, int] | None]] | None = None
        while at < end:
            token = self._tokens[at]
            word = token.word
            if word in _BEFORE_A_TABLE or token.is_sign(","):
                table, is_on = at + 1, False
                if word != "JOIN":
                    item = at + 1
                if word == "FROM":
                    first, is_from = at + 1, True
            elif word in {"ON", "USING"} and not is_on and table > item:
                # Behind the condition of a join stands what is made of the whole join.
                table, is_on = item, True
            elif word in _BEHIND_FROM:
                is_from = False
            elif word == "WITH":
                self.with_lists.add(read_with_list(self._tokens, self.closing, at, end))
            elif word == "MATCH_RECOGNIZE" and self._is_sign(at + 1, "("):
                self._clause(table, at, end)
                at = self.closing[at + 1] + 1
                continue
            if self._is_sign(at + 1, "(") and (instead := instead_of_word(word)) is not None:
                raise self._fail(f"{token.text} is no clause here; {instead}", token)
            if at in self.closing:
                window = self._windows.pop(token.begin, None)
                if window is not None:
                    window.clause.common = self._common(self.with_lists.seen(token.begin), token)
                around: tuple[int, int] | None = None
                if first < at - 1 and self._is_lateral(at, is_table=is_from):
                    around = (first, at - 1)
                elif not is_from and self._word(at - 1) not in {"AS", "MATERIALIZED"}:
                    # A query in these brackets, or in brackets in them, may read columns of the tables of this one.
                    if parts is None:
                        parts = self._tables_of_queries(begin, end)
                    around = next(tables for behind, tables in parts if at < behind)
                self._outer += [] if around is None else [around]
                self._scan(at + 1, self.closing[at])
                del self._outer[len(self._outer) - (around is not None) :]
                at = self.closing[at]
            at += 1

    def _tables_of_queries(self, begin: int, end: int) -> list[tuple[int, tuple[int, int] | None]]:
        """Return of each SELECT directly in some brackets the token behind it, and where its tables stand."""
        found: list[tuple[int, tuple[int, int] | None]] = []
        first = behind = None
        for at in [*outside_brackets(self.closing, begin, end), end]:
            word = self._word(at) if at < end else ""
            if word == "FROM" and first is None and self._word(at - 1) != "DISTINCT":
                first = at + 1
            elif first is not None and behind is None and (at == end or word in _BEHIND_FROM):
                behind = at
            if at == end or word in _SET_OPERATIONS:
                found.append((at, None if first is None or behind is None or first >= behind else (first, behind)))
                first = behind = None
        return found

    def _is_lateral(self, at: int, *, is_table: bool) -> bool:
        """Say whether a query in brackets may read columns of the tables before it; LATERAL may be left out."""
        word = self._word(at - 1)
        return word == "LATERAL" or (is_table and (word == "JOIN" or self._is_sign(at - 1, ",")))

    # Clauses.

    def _clause(self, table: int, at: int, end: int) -> None:
        if len(self._clauses) == _MOST_CLAUSES:
            raise self._fail(
                f"the query has more than {_MOST_CLAUSES} clauses; write several queries", self._tokens[at]
            )
        location = SourceLocation(self._sql, self._tokens[at].begin)
        name, source_name = self._table(table, at)
        closing = self.closing[at + 1]
        source = TextPiece(self._tokens[table].begin, self._tokens[at - 1].end)
        seen = self.with_lists.seen(source.begin)
        names = {each.name for one in seen for each in one.tables}
        if not names.isdisjoint(self.with_lists.recursions(source.begin)):
            # In the clause's texts the name would mean the table of an outer list.
            raise error_at(IN_A_RECURSION, location, UnsupportedQueryError)
        made = None if name is None or lowered(name) not in names else lowered(name)
        if made is not None:
            name = None
        clause = ClauseReader(self._sql, self._tokens, self.closing, at + 2, closing).read(
            source, name, source_name, location
        )
        clause.alias = alias_at(self._tokens, closing + 1, len(self._tokens))
        clause.made = made
        conditions = self._conditions(closing + 1, end) if self._outer and self._word(table - 1) == "FROM" else []
        for around in reversed(self._outer):
            tokens = self._tokens[table:closing]
            name_outer_columns(clause, self._outer_tables(*around), self._sql, tokens, conditions)
            if clause.outer is not None:
                name = clause.table
                self._refuse_other_rows(*around)
                break
        clause.has_subqueries = bool(clause.subqueries())
        if name is None or clause.has_subqueries:
            clause.common = self._common(seen, self._tokens[at])
        self._clauses.append(clause)

    def _conditions(self, at: int, end: int) -> list[list[Token]]:
        """Return the conditions that WHERE directly behind a clause joins by AND; none where it is not that plain."""
        at += self._word(at) == "AS"
        at += at < end and alias_at(self._tokens, at, end) is not None
        if at >= end or self._word(at) != "WHERE":
            return []
        found: list[list[Token]] = [[]]
        for place in outside_brackets(self.closing, at + 1, end):
            word = self._word(place)
            if word in _BEHIND_FROM:
                break
            if word in {"OR", "NOT", "BETWEEN", "CASE"}:
                return []
            if word == "AND":
                found.append([])
            else:
                found[-1].append(self._tokens[place])
        return found

    def _common(self, seen: list[WithList], token: Token) -> list[CommonTables]:
        """Return WITH lists as what is copied into the texts of a clause, or a window, that begins with a token."""
        found = [CommonTables(each.recursive, [TextPiece(one.begin, one.end) for one in each.tables]) for each in seen]
        self._count_copied((piece for common in found for piece in common.pieces), token)
        return found

    def _count_copied(self, pieces: Iterable[TextPiece], token: Token) -> None:
        self._copied += sum(each.end - each.begin for each in pieces)
        if self._copied > _MOST_COPIED:
            message = "the tables before clauses see too long a WITH list; pass what it makes as tables"
            raise self._fail(message, token)

    def _outer_tables(self, begin: int, end: int) -> OuterTables:
        """Return what stands before LATERAL, of which the last comma or JOIN is no part."""
        while end > begin and (self._is_sign(end - 1, ",") or self._word(end - 1) in _JOINING):
            end -= 1
        names = names_in_from(self._tokens[at] for at in self._outside_brackets(begin, end))
        piece = TextPiece(self._tokens[begin].begin, self._tokens[end - 1].end)
        return OuterTables(piece, frozenset(map(lowered, names)))

    def _refuse_other_rows(self, begin: int, end: int) -> None:
        """Refuse tables before LATERAL that are others each time: they are computed for the clause and around it."""
        for at in range(begin, end):
            token = self._tokens[at]
            if token.word != "TABLESAMPLE" and not (lowered(token.text) in RANDOM and self._is_sign(at + 1, "(")):
                continue
            if any(each.source.begin <= token.begin < each.end for each in self._clauses):
                # A clause is answered once.
                continue
            message = (
                f"{token.text} gives other rows for the clause in LATERAL than around it; write the table in WITH, "
                "where it is computed once, and its name here"
            )
            raise error_at(message, SourceLocation(self._sql, token.begin), UnsupportedQueryError)

    def _table(self, begin: int, end: int) -> tuple[str | None, str | None]:
        """Look at the tokens before a clause: a table with or without an alias.

        Returns:
            the table's name where it is nothing but a name, and what it is called.
        """
        if begin in {0, end}:
            raise self._fail(NO_TABLE_BEFORE, self._tokens[end])
        outside = self._outside_brackets(begin, end)
        tokens = self._tokens[begin:end]
        for at in outside:
            word = self._word(at)
            if word in NOT_A_NAME - _IN_A_JOIN:
                if self._tokens[at - 1].is_sign("`"):
                    message = f'a name is not written in ` here; write it in double quotes: "{self._tokens[at].text}"'
                    raise self._fail(message, self._tokens[at - 1])
                raise self._fail(NO_TABLE_BEFORE, self._tokens[end])
        first = tokens[0]
        text = first.kind == "text" and first.text.startswith("'")
        own = first.text[1:-1].replace("''", "'") if text else first.text
        alias = tokens[1:]
        if alias and alias[0].word == "AS":
            alias = alias[1:]
            if not alias:
                raise self._fail("expected the name of a table behind AS", self._tokens[end])
        if any(each.word in NOT_A_NAME for each in (first, *alias[:1])) or not (first.is_name or text):
            return None, self._called(outside)
        if len(tokens) == 1:
            return own, own
        return (own, alias[0].text) if len(alias) == 1 and alias[0].is_name else (None, self._called(outside))

    def _called(self, outside: list[int]) -> str | None:
        return called([self._tokens[at] for at in outside])

    def _outside_brackets(self, begin: int, end: int) -> list[int]:
        found = list(islice(outside_brackets(self.closing, begin, end), _MOST_TOKENS_OF_A_TABLE + 1))
        if len(found) > _MOST_TOKENS_OF_A_TABLE:
            raise self._fail(NO_TABLE_BEFORE, self._tokens[end])
        return found


def _last_needed(clause: Clause) -> tuple[int, bool]:
    """Return the end of a clause, or of the tables around it that it reads, which may stand behind it."""
    return (clause.end, False) if clause.outer is None else (max(clause.end, clause.outer.piece.end), True)


def _outermost(clauses: list[Clause]) -> list[Clause]:
    """Return those of some clauses, outer ones first where they begin at one place, that stand in no other of them."""
    found: list[Clause] = []
    for clause in clauses:
        if not found or clause.source.begin >= found[-1].end:
            found.append(clause)
    return found
