"""Tables of WITH lists that more than one text around clauses reads, which are computed once for all of them.

Each text is executed by itself: the table before a clause, a subquery in a clause, what is around the clauses. A table
that two of them read would be computed twice, and have other rows the second time where it has `random()`. DuckDB
computes a table of a WITH list once, unless it is NOT MATERIALIZED.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.parse.clause import CommonTables, TextPiece
from rowpattern.sql.parse.parsed_query import shared_name
from rowpattern.sql.parse.with_list import MadeTable
from rowpattern.sql.records import Record, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.with_list import WithList, WithLists
    from rowpattern.sql.text.tokens import Token

__all__ = ["SharedTable", "shared_tables"]

_TOKENS_BETWEEN_LOOKS = 4096

# A text that is executed, or the definition of a table: what it is, and a number that no other one has.
_Text = tuple[str, int]
# Where it begins, where it ends, and what it is: a clause with the table before it, or the definition of a table.
_Region = tuple[int, int, "Clause | MadeTable"]


class SharedTable(Record):
    """A table of a WITH list that is computed once.

    Attributes:
        begin: the first character of its definition; no other has the same.
        end: the character behind its definition.
        name: as the query calls it.
        stored: under which name DuckDB knows its rows.
        common: the tables of WITH lists that computing it needs, outer lists first; it is the last one.
    """

    begin: int
    end: int
    name: str
    stored: str
    common: list[CommonTables]


class _Reads(Record, frozen=False):
    """Where tables are read.

    Attributes:
        readers: by a table's first character the texts that read it, and those tables (by their first characters) in
            whose definitions it is read.
        inside: by a table's first character the tables that its definition reads.
    """

    readers: dict[int, set[_Text]] = field(default_factory=dict)
    inside: dict[int, set[int]] = field(default_factory=dict)


def shared_tables(
    tokens: Sequence[Token],
    clauses: Sequence[Clause],
    windows: Sequence[int],
    with_lists: WithLists,
    check: Callable[[], None],
) -> list[SharedTable]:
    """Find the tables that are computed once, in the order of the text.

    Args:
        tokens: of the query.
        clauses: those of the query, with their numbers.
        windows: where windows with row patterns stand; a SELECT with some is executed in parts.
        with_lists: those of the query.
        check: called now and then; it raises an error where time is over.

    Takes time in proportion to the tokens, and to how deep tables stand in each other's definitions.
    """
    lists = {table.begin: (each, table) for each in with_lists.lists() for table in each.tables}
    if not lists:
        return []
    reads = _reads(tokens, clauses, windows, with_lists, check)
    shared: dict[int, MadeTable] = {}
    # Those that read a table end behind it.
    for table in sorted(with_lists.tables(), key=lambda table: -table.end):
        texts: set[_Text] = set()
        for reader in reads.readers.get(table.begin, ()):
            texts |= _texts(reader, shared, reads)
            if len(texts) > 1:
                break
        if len(texts) > 1 and not table.is_inlined:
            shared[table.begin] = table
        reads.readers[table.begin] = texts
    return [
        SharedTable(begin, table.end, table.name, shared_name(number), _needed(table, lists, shared, reads, check))
        for number, (begin, table) in enumerate(sorted(shared.items()))
    ]


def _texts(reader: _Text, shared: Mapping[int, MadeTable], reads: _Reads) -> set[_Text]:
    """Return the texts in which something is computed that stands in a text, or in the definition of a table."""
    kind, place = reader
    if kind != "table" or place in shared:
        return {reader}
    return reads.readers.get(place, set())


def _needed(
    table: MadeTable,
    lists: Mapping[int, tuple[WithList, MadeTable]],
    shared: Mapping[int, MadeTable],
    reads: _Reads,
    check: Callable[[], None],
) -> list[CommonTables]:
    """Return what of the WITH lists that a table sees is needed to compute it: what others are computed by is not."""
    check()
    needed, left = {table.begin}, [table.begin]
    while left:
        more = reads.inside.get(left.pop(), set()) - needed
        needed |= more
        left += [each for each in more if each not in shared]
    found: dict[int, CommonTables] = {}
    for begin in sorted(needed):
        # Lists within the definitions come with these.
        own, each = lists[begin]
        if own.begin <= table.begin < own.end:
            common = found.setdefault(own.begin, CommonTables(own.recursive, []))
            common.pieces.append(TextPiece(begin, each.end))
    return list(found.values())


def _reads(
    tokens: Sequence[Token],
    clauses: Sequence[Clause],
    windows: Sequence[int],
    with_lists: WithLists,
    check: Callable[[], None],
) -> _Reads:
    """Find where each table is read: a name that may be a column's counts, too."""
    found = _Reads()
    regions: list[_Region] = [(each.source.begin, each.end, each) for each in clauses]
    regions += [(each.begin, each.end, each) for each in with_lists.tables()]
    defined = {begin for begin, _, each in regions if isinstance(each, MadeTable)}
    regions.sort(key=lambda region: (region[0], -region[1]))
    laterals = [clause for clause in clauses if clause.outer is not None]
    in_parts = _seen_by_windows(windows, with_lists)
    around: list[_Region] = []
    scopes = _Scopes(with_lists)
    following = 0
    for at, token in enumerate(tokens):
        if at % _TOKENS_BETWEEN_LOOKS == 0:
            check()
        scopes.move_to(token.begin)
        while around and around[-1][1] <= token.begin:
            around.pop()
        while following < len(regions) and regions[following][0] <= token.begin:
            around.append(regions[following])
            following += 1
        name = None if token.begin in defined else _name(tokens, at)
        table = None if name is None else scopes.meant(name, token.begin)
        if table is None:
            continue
        text = _text_at(token.begin, around[-1][2] if around else None)
        if text[0] != "source" and table.begin in in_parts:
            # Which part of the SELECT that has the window reads it is not known.
            text = ("part", token.begin)
        texts = {text}
        for each in laterals:
            if each.outer is not None and each.outer.piece.begin <= token.begin < each.outer.piece.end:
                texts.add(("source", each.number))
        for _, _, definition in around:
            if isinstance(definition, MadeTable):
                found.inside.setdefault(definition.begin, set()).add(table.begin)
        found.readers.setdefault(table.begin, set()).update(texts)
    return found


def _seen_by_windows(windows: Sequence[int], with_lists: WithLists) -> set[int]:
    """Return those tables of WITH lists that some window may read, by their first characters."""
    places = sorted(windows)
    found = set()
    for each in with_lists.lists():
        for table in each.tables:
            at = bisect_left(places, table.end)
            if at < len(places) and places[at] < each.end:
                found.add(table.begin)
    return found


class _Scopes:
    """Which table a name means at a character, going through the text from its beginning."""

    def __init__(self, with_lists: WithLists) -> None:
        self._lists = with_lists.lists()
        self._following = 0
        # Those around the character, outer ones first, and their tables by name.
        self._around: list[WithList] = []
        self._tables: dict[str, list[MadeTable]] = {}

    def move_to(self, offset: int) -> None:
        """Go on to a character."""
        while self._around and self._around[-1].end <= offset:
            for table in self._around.pop().tables:
                self._tables[table.name].pop()
        while self._following < len(self._lists) and self._lists[self._following].begin <= offset:
            self._around.append(self._lists[self._following])
            self._following += 1
            for table in self._around[-1].tables:
                self._tables.setdefault(table.name, []).append(table)

    def meant(self, name: str, offset: int) -> MadeTable | None:
        """As `WithLists.meant`, at the character where this is."""
        for table in reversed(self._tables.get(name, ())):
            if table.end <= offset:
                return table
            if table.recursion is not None and table.recursion <= offset:
                return None
        return None


def _name(tokens: Sequence[Token], at: int) -> str | None:
    """Return the name that a token is, as names of tables are compared; None where it cannot mean a table."""
    token = tokens[at]
    if token.kind == "text" and token.text.startswith("'"):
        # FROM 'q'.
        return lowered(token.text[1:-1].replace("''", "'"))
    if not token.is_name or (at and (tokens[at - 1].is_sign(".") or tokens[at - 1].word == "AS")):
        return None
    return None if at + 1 < len(tokens) and tokens[at + 1].is_sign(".") else lowered(token.text)


def _text_at(offset: int, innermost: Clause | MadeTable | None) -> _Text:
    """Return the text that has what stands in some character, which is directly in a clause or a definition."""
    if innermost is None:
        return ("around", 0)
    if isinstance(innermost, MadeTable):
        return ("table", innermost.begin)
    if offset < innermost.source.end:
        return ("source", innermost.number)
    # Each subquery of a clause is a text of its own.
    return ("in a clause", offset)
