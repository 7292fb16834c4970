"""The texts around clauses that DuckDB executes, composed of words and of pieces of the query.

In a text, the name of a table that holds a clause's answer stands in the place of the clause and the table before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

from rowpattern.sql.expression.write import quoted
from rowpattern.sql.parse.clause import TextPiece
from rowpattern.sql.parse.copied_text import copy_piece
from rowpattern.sql.parse.parsed_query import OWN_NAMES, result_name, shared_rows
from rowpattern.sql.parse.shared_tables import SharedTable
from rowpattern.sql.records import Record
from rowpattern.sql.text.composed import Composed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rowpattern.sql.parse.clause import Clause, CommonTables, Subquery
    from rowpattern.sql.parse.window import Edit

__all__ = ["TextAround", "TextsAround"]

# What the different rows of the tables before LATERAL are called.
_OUTER_ROWS = f"{OWN_NAMES}outer"

_TEXTS_OF = "SELECT CAST(COLUMNS(*) AS VARCHAR), typeof(COLUMNS(*)) FROM ("
_AROUND_SUBQUERIES = {"value": ("SELECT (", "))"), "exists": ("SELECT EXISTS (", "))"), "list": ("", ")")}


class TextAround(Record, frozen=False):
    """A text around clauses.

    Attributes:
        answers: how often it reads the answer of each clause, and the rows of each table of a WITH list that is
            computed once, by the names under which DuckDB knows these.
    """

    composed: Composed
    answers: Counter[str]


class TextsAround:
    """Composes the texts of one query."""

    def __init__(
        self, sql: str, parameters: Mapping[int, str], edits: Sequence[Edit], shared: Sequence[SharedTable]
    ) -> None:
        """Take what was found in the query.

        Args:
            sql: its text.
            parameters: the names of its parameters by their places.
            edits: what is written in another way.
            shared: tables of WITH lists that are computed once.
        """
        self._sql = sql
        self._shared = shared
        self._begins = [each.begin for each in shared]
        self._names = parameters
        self._edits = edits

    def whole(self, piece: TextPiece) -> TextAround:
        """Compose the text that gives the answer of the whole query."""
        around = self._empty()
        self._add_piece(piece, around)
        return around

    def _empty(self) -> TextAround:
        return TextAround(Composed(self._sql, self._names), Counter())

    def source(self, clause: Clause) -> TextAround:
        """Compose the text that gives the table before a clause."""
        if clause.outer is None:
            return self._with_common(clause, "SELECT * FROM ", clause.source)
        # Tables before LATERAL become columns with fields, so that names of their columns mean the same.
        fields: dict[str, list[str]] = {}
        for table, column in clause.outer.columns:
            fields.setdefault(table, []).append(f"{quoted(column)}: {quoted(table)}.{quoted(column)}")
        structs = ", ".join(f"{{{', '.join(of)}}} AS {quoted(table)}" for table, of in fields.items())
        lateral = f") AS {quoted(_OUTER_ROWS)}, LATERAL (SELECT * FROM "
        distinct = f"SELECT * FROM (SELECT DISTINCT {structs} FROM "
        wanted: list[str | TextPiece] = []
        for key, of_outer in clause.outer.equal_keys:
            wanted += [" AND (" if wanted else " WHERE (", TextPiece(*key), ") = (", TextPiece(*of_outer), ")"]
        return self._with_common(clause, distinct, clause.outer.piece, lateral, clause.source, *wanted, ")")

    def table(self, shared: SharedTable) -> TextAround:
        """Compose the text that gives the rows of a table of a WITH list."""
        return self._seeing(shared.common, "SELECT * FROM ", quoted(shared.name), own=shared)

    def subquery(self, clause: Clause, subquery: Subquery) -> TextAround:
        """Compose the text that gives the values of a subquery, as texts, and their types."""
        before, behind = _AROUND_SUBQUERIES[subquery.form]
        return self._with_common(clause, _TEXTS_OF + before, TextPiece(subquery.begin, subquery.end), behind)

    def _with_common(self, clause: Clause, *parts: str | TextPiece) -> TextAround:
        """Compose a text of words and pieces of the query that sees the WITH lists that a clause sees."""
        return self._seeing(clause.common, *parts)

    def _seeing(
        self, seen: Sequence[CommonTables], *parts: str | TextPiece, own: SharedTable | None = None
    ) -> TextAround:
        around = self._empty()
        composed = around.composed
        for common in seen:
            if composed.text:
                composed.insert("SELECT * FROM (")
            composed.insert("WITH RECURSIVE " if common.recursive else "WITH ")
            for number, each in enumerate(common.pieces):
                if number:
                    composed.insert(", ")
                self._add_piece(each, around, own)
            composed.insert(" ")
        for part in parts:
            if isinstance(part, TextPiece):
                self._add_piece(part, around)
            else:
                composed.insert(part)
        composed.insert(")" * (len(seen) - 1))
        return around

    def _add_piece(self, piece: TextPiece, around: TextAround, own: SharedTable | None = None) -> None:
        """Add a piece of the text with names in the place of its clauses, and of what is computed once.

        Args:
            piece: the piece.
            around: to what it is added.
            own: the table that is computed by this text.
        """
        composed = around.composed
        at = piece.begin
        for each in self._replaced(piece, own):
            if isinstance(each, SharedTable):
                around.answers[each.stored] += 1
                self._copy_around(composed, at, each.begin)
                composed.insert(f"{quoted(each.name)} AS {shared_rows(each.stored)}")
                at = each.end
                continue
            around.answers[result_name(each)] += 1
            self._copy_around(composed, at, each.source.begin)
            self._add_answer(each, composed)
            if each.alias is None and each.source_name is not None:
                # The query may go on to call it by the name of the table before it.
                composed.insert(f" AS {quoted(each.source_name)}")
            at = each.end
        self._copy_around(composed, at, piece.end)

    def _replaced(self, piece: TextPiece, own: SharedTable | None) -> Iterator[Clause | SharedTable]:
        """Give what in a piece has names in its place, in order; what stands in others of these is not given."""
        begin = bisect_left(self._begins, piece.begin)
        tables = [each for each in self._shared[begin : bisect_left(self._begins, piece.end)] if each is not own]
        places: list[tuple[int, int, Clause | SharedTable]] = [(each.begin, each.end, each) for each in tables]
        places += [(each.source.begin, each.end, each) for each in piece.clauses]
        behind = piece.begin
        for first, end, each in sorted(places, key=lambda place: place[0]):
            if first >= behind:
                yield each
                behind = end

    def _copy_around(self, composed: Composed, begin: int, end: int) -> Composed:
        """Add a piece of the text around clauses, in which calls over windows with row patterns are marked."""
        for edit in self._edits[bisect_left(self._edits, (begin,)) :]:
            if edit.begin >= end:
                break
            copy_piece(composed, begin, edit.begin, marks=False)
            for each in edit.pieces:
                if isinstance(each, str):
                    composed.put(each, edit.begin, edit.end)
                else:
                    copy_piece(composed, *each, marks=False)
            begin = edit.end
        return copy_piece(composed, begin, end, marks=False)

    def _add_answer(self, clause: Clause, composed: Composed) -> None:
        """Add the name of a clause's answer; in LATERAL, what of it is for the row of the tables before."""
        name = quoted(result_name(clause))
        if clause.outer is None:
            composed.insert(name)
            return
        hidden = [f"{table}.{column}" for table, column in clause.outer.columns]
        if clause.rows_shown != "one row":
            hidden += dict.fromkeys(table for table, _ in clause.outer.columns)
        keys = [f"{OWN_NAMES}key {number}" for number in range(len(clause.outer.columns))]
        composed.insert(f"(SELECT * EXCLUDE ({', '.join(map(quoted, [*hidden, *keys]))}) FROM (SELECT ")
        # Apart from the answer, so that none of its columns is meant by these names.
        for number, (key, (begin, end)) in enumerate(zip(keys, clause.outer.columns.values(), strict=True)):
            composed.insert(", " if number else "").copy(begin, end).insert(f" AS {quoted(key)}")
        same = (
            f"{quoted(f'{table}.{column}')} IS NOT DISTINCT FROM {quoted(key)}"
            for (table, column), key in zip(clause.outer.columns, keys, strict=True)
        )
        composed.insert(f") AS {quoted(_OUTER_ROWS)}, {name} WHERE {' AND '.join(same)})")
