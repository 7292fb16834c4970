"""WITH lists, found by their tokens: which tables they make, and which of them a place in the query sees."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Literal

from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.records import Record, field
from rowpattern.sql.text.tokens import outside_brackets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rowpattern.sql.text.tokens import Token

__all__ = ["IN_A_RECURSION", "MadeTable", "Unseen", "WithList", "WithLists", "read_with_list"]

#: Said of a clause, and of a window, over rows that a recursive query has so far.
IN_A_RECURSION = "a row pattern cannot stand in a recursive query; write it in the query around"

#: Why a name means no table that a WITH list has made: it means the rows that a recursive query has so far, or the list
#: makes it further on.
Unseen = Literal["recursion", "later"]


class MadeTable(Record):
    """A table that a WITH list makes.

    Attributes:
        name: as names of tables are compared.
        begin: the first character of its definition, which begins with the name.
        end: the character behind its definition.
        recursion: from which character of it on the name means the rows that it has so far; None where it never does.
        is_inlined: whether it is NOT MATERIALIZED.
    """

    name: str
    begin: int
    end: int
    recursion: int | None
    is_inlined: bool = False


class WithList(Record, frozen=False):
    """A WITH list.

    Attributes:
        recursive: whether it is WITH RECURSIVE.
        begin: its first character.
        end: the character behind the query that has the list.
        tables: those that it makes, in order.
        behind: the token behind the list.
    """

    recursive: bool
    begin: int
    end: int
    tables: list[MadeTable] = field(default_factory=list)
    behind: int = 0


def read_with_list(tokens: Sequence[Token], closing: Mapping[int, int], at: int, end: int) -> WithList:
    """Read the list that begins with the word WITH at a token, in a query that ends before another one.

    It has no tables where the word begins something else.
    """

    def word(at: int) -> str:
        return tokens[at].word if at < end else ""

    def is_sign(at: int, sign: str) -> bool:
        return at < end and tokens[at].is_sign(sign)

    found = WithList(word(at + 1) == "RECURSIVE", tokens[at].begin, tokens[end - 1].end)
    at += 2 if found.recursive else 1
    while at < end and tokens[at].is_name:
        name = tokens[at]
        at += 1
        at = closing[at] + 1 if is_sign(at, "(") else at
        if word(at) == "USING":
            # USING KEY (...) of a recursive one.
            at = closing[at + 2] + 1 if is_sign(at + 2, "(") else at
        if word(at) != "AS":
            break
        at += 1
        is_inlined = word(at) == "NOT"
        at += is_inlined
        at += word(at) == "MATERIALIZED"
        if not is_sign(at, "("):
            break
        begin, at = at, closing[at]
        recursion = _recursion(tokens, closing, begin, at) if found.recursive else None
        found.tables.append(MadeTable(lowered(name.text), name.begin, tokens[at].end, recursion, is_inlined))
        at += 1
        if not is_sign(at, ","):
            break
        at += 1
    found.behind = at
    return found


def _recursion(tokens: Sequence[Token], closing: Mapping[int, int], begin: int, end: int) -> int | None:
    """Return the character behind the first UNION of a query in brackets; None where it has none."""
    while closing.get(begin + 1) == end - 1:
        begin, end = begin + 1, end - 1
    unions = (tokens[at].end for at in outside_brackets(closing, begin + 1, end) if tokens[at].word == "UNION")
    return next(unions, None)


class WithLists:
    """The WITH lists of a query, as they are found from its beginning to its end."""

    def __init__(self) -> None:
        """Begin without any."""
        self._lists: list[WithList] = []
        self._by_name: dict[str, list[tuple[WithList, MadeTable]]] = {}

    def add(self, found: WithList) -> None:
        """Add the next one; outer ones come before those in them."""
        if found.tables:
            self._lists.append(found)
        for each in found.tables:
            self._by_name.setdefault(each.name, []).append((found, each))

    def seen(self, offset: int) -> list[WithList]:
        """Return the parts of the lists that a character of the query sees, outer ones first."""
        seen = []
        for each in self._lists:
            before = bisect_left([table.end for table in each.tables], offset + 1)
            if before and offset < each.end:
                seen.append(WithList(each.recursive, each.begin, each.end, each.tables[:before]))
        return seen

    def lists(self) -> list[WithList]:
        """Return all lists, in the order of the text."""
        return self._lists

    def tables(self) -> list[MadeTable]:
        """Return the tables of all lists."""
        return [table for each in self._lists for table in each.tables]

    def meant(self, name: str, offset: int) -> MadeTable | None:
        """Return the table that a name means at a character of the query.

        None where no list has made it, and where it means the rows that a recursive query has so far.

        Args:
            name: as names of tables are compared.
            offset: the character.
        """
        found = self._found(name, offset)
        return None if isinstance(found, str) else found

    def unseen(self, name: str, offset: int) -> Unseen | None:
        """Say why a name means no table that a list has made, at a character of the query.

        None where it means one, and where no list has to do with it.

        Args:
            name: as names of tables are compared.
            offset: the character.
        """
        found = self._found(name, offset)
        return found if isinstance(found, str) else None

    def _found(self, name: str, offset: int) -> MadeTable | Unseen | None:
        """Return the table that a name means at a character, or why it means none; None where no list has the name."""
        is_later = False
        for seen, table in reversed(self._by_name.get(name, ())):
            if not seen.begin <= offset < seen.end:
                continue
            if table.end <= offset:
                return table
            if table.recursion is not None and table.recursion <= offset:
                return "recursion"
            is_later |= offset < table.begin
        return "later" if is_later else None

    def recursions(self, offset: int) -> list[str]:
        """Return the names that mean, at a character of the query, rows that a recursive query has so far."""
        return [name for name in self._by_name if self.unseen(name, offset) == "recursion"]
