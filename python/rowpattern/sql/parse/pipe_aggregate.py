"""The pipe operator AGGREGATE: `AGGREGATE aggregates GROUP BY keys` as a SELECT in which the keys come first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.duckdb.functions import AGGREGATES
from rowpattern.sql.duckdb.names import lowered

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.parse.pipe_text import PipeText
    from rowpattern.sql.text.rewritten import Piece

__all__ = ["Aggregation"]

# Other parts of SELECT, and the operators that do what they do.
_OPERATORS = {
    "HAVING": "WHERE",
    "LIMIT": "LIMIT",
    "OFFSET": "OFFSET",
    "ORDER": "ORDER BY",
    "QUALIFY": "WHERE",
    "WHERE": "WHERE",
}
_SETS = frozenset({"CUBE", "GROUPING", "ROLLUP"})
_SHOWN = 40


class Aggregation:
    """Reads the operator.

    Keys are named in GROUP BY by their places, so that what is no aggregate and no key is an error of DuckDB's.
    """

    def __init__(self, text: PipeText, copied: Callable[[int, int], list[Piece]]) -> None:
        """Take the query's text, and what copies pieces of it."""
        self._text = text
        self._copied = copied
        self._keys: list[list[Piece]] = []
        # The places of keys by what was written, where grouping sets name keys more than once.
        self._places: dict[tuple[str, ...], int] = {}
        self._has_sets = False
        self._is_ordered = False
        self._order: list[str] = []

    def select(self, begin: int, end: int) -> list[Piece]:
        """Write what stands behind AGGREGATE as a SELECT.

        Raises:
            QuerySyntaxError: it is not complete, an item is no aggregate, or a key is one.
        """
        text = self._text
        outside = text.outside(begin, end)
        # As in mode() WITHIN GROUP (ORDER BY x).
        within = {at + 1 for at in outside if text.tokens[at].word == "WITHIN"}
        group = next((at for at in outside if text.tokens[at].word == "GROUP" and at not in within), end)
        groups: list[str] = []
        keys = end
        if group < end:
            words = [text.word(at, end) for at in range(group + 1, group + 4)]
            self._is_ordered = words == ["AND", "ORDER", "BY"]
            keys = group + (4 if self._is_ordered else 2)
            if not (self._is_ordered or words[0] == "BY") or keys >= end:
                raise text.fail("expected GROUP BY and the keys", group)
            elements = text.elements(keys, end)
            self._has_sets = any(text.word(first, end) in _SETS for first, _ in elements)
            groups = [written for first, behind in elements for written in self._grouping(first, behind)]
        for at in [each for each in outside if each < group or each >= keys]:
            operator = _OPERATORS.get(text.tokens[at].word)
            if operator is not None:
                message = f"{text.tokens[at].text} cannot stand in AGGREGATE; write it as an operator, |> {operator}"
                raise text.fail(message, at)
        items = self._items(begin, group)
        shown = [*self._keys, *items]
        if not shown:
            raise text.fail("expected an aggregate or a key, as in AGGREGATE count(*) AS n GROUP BY k", begin)
        found: list[Piece] = ["SELECT "]
        for number, each in enumerate(shown):
            found += [*([", "] if number else []), *each]
        found += [f" GROUP BY {', '.join(groups)}"] if groups else []
        return [*found, f" ORDER BY {', '.join(self._order)}"] if self._order and groups else found

    def _items(self, begin: int, end: int) -> list[list[Piece]]:
        text = self._text
        found: list[list[Piece]] = []
        elements = text.elements(begin, end) if begin < end else []
        if len(elements) > 1 and elements[-1][0] >= elements[-1][1]:
            # A comma before GROUP BY.
            elements.pop()
        for first, behind in elements:
            if first >= behind:
                raise text.fail("expected an aggregate", first)
            if self._aggregate(first, behind) is None:
                raise text.fail(self._no_aggregate(first, behind), first)
            pieces, order = self._without_order(first, behind)
            found.append(pieces)
            if order:
                columns = next((at for at in range(begin, end) if text.tokens[at].word == "COLUMNS"), None)
                if columns is not None:
                    raise text.fail("COLUMNS cannot stand beside an aggregate that orders; write |> ORDER BY", columns)
                self._order.append(f"{len(self._keys) + len(found)} {order}")
        return found

    def _no_aggregate(self, first: int, behind: int) -> str:
        written = self._text.written(first, behind)
        if written == "*":
            return "* is no aggregate; write count(*), or keys behind GROUP BY"
        alias = self._text.tokens[behind - 2].word == "AS"
        plain = self._text.written(first, behind - 2) if alias and behind - 2 > first else written
        if any(self._text.tokens[at].word == "OVER" for at in range(first, behind)):
            return "a window function is no aggregate; write it before, as an operator |> EXTEND"
        plain = plain if len(plain) <= _SHOWN else "..."
        return f"{plain} is no aggregate; write any_value({plain}), or write {plain} behind GROUP BY"

    def _aggregate(self, begin: int, end: int) -> int | None:
        """Return the first call of an aggregate that is over the rows of a group; None where there is none."""
        text = self._text
        at = begin
        while at < end:
            token = text.tokens[at]
            if token.is_sign("(") and text.word(at + 1, end) in {"FROM", "SELECT", "WITH"}:
                at = text.closing[at]
            elif token.is_name and text.is_sign(at + 1, end, "(") and self._is_aggregate(token.text):
                behind = text.closing[at + 1] + 1
                if text.word(behind, end) == "FILTER" and text.is_sign(behind + 1, end, "("):
                    behind = text.closing[behind + 1] + 1
                if text.word(behind, end) != "OVER":
                    return at
            at += 1
        return None

    @staticmethod
    def _is_aggregate(name: str) -> bool:
        return lowered(name) in AGGREGATES or lowered(name) in {"grouping", "grouping_id"}

    def _without_order(self, first: int, behind: int) -> tuple[list[Piece], str]:
        """Return an element without how it orders, and that."""
        text = self._text
        at = next((at for at in text.outside(first, behind) if text.tokens[at].word in {"ASC", "DESC"}), behind)
        if at == behind:
            return self._copied(first, behind), ""
        after = at + 1
        order = text.tokens[at].word
        if text.word(after, behind) == "NULLS" and text.word(after + 1, behind) in {"FIRST", "LAST"}:
            order += f" NULLS {text.word(after + 1, behind)}"
            after += 2
        return [*self._copied(first, at), " ", *self._copied(after, behind)], order

    # Keys.

    def _grouping(self, first: int, behind: int, *, is_in_set: bool = False) -> list[str]:
        """Write an element of GROUP BY as the places of its keys."""
        text = self._text
        if first >= behind:
            raise text.fail("expected a key", first)
        opening = first + {"CUBE": 1, "GROUPING": 2, "ROLLUP": 1}.get(text.tokens[first].word, 0)
        is_all = text.is_sign(opening, behind, "(") and text.closing[opening] == behind - 1
        inside = text.elements(opening + 1, behind - 1) if is_all and opening + 2 < behind else []
        is_query = text.word(opening + 1, behind) in {"FROM", "SELECT", "WITH"}
        is_list = is_all and not is_query and (is_in_set or len(inside) != 1)
        if is_all and opening > first:
            keys = [key for begin, end in inside for key in self._grouping(begin, end, is_in_set=True)]
            return [f"{text.written(first, opening)} ({', '.join(keys)})"]
        if is_list:
            keys = [key for begin, end in inside for key in self._grouping(begin, end)]
            return [f"({', '.join(keys)})"] if is_in_set else keys
        return [str(self._key(first, behind))]

    def _key(self, first: int, behind: int) -> int:
        """Take a key; return its place."""
        text = self._text
        token = text.tokens[first]
        if token.is_sign("*") or token.word in {"ALL", "COLUMNS"}:
            raise text.fail(f"{token.text} is no key of AGGREGATE; write the columns to group by", first)
        aggregate = self._aggregate(first, behind)
        if aggregate is not None:
            message = f"{text.tokens[aggregate].text} is an aggregate, and no key; write it before GROUP BY"
            raise text.fail(message, aggregate)
        written = tuple(lowered(text.tokens[at].text) for at in range(first, behind))
        if self._has_sets and written in self._places:
            return self._places[written]
        pieces, order = self._without_order(first, behind)
        is_place = token.kind == "number" and token.text.isdigit() and text.word(first + 1, behind) in {"", "AS"}
        if is_place and (behind == first + 1 or text.tokens[first + 1].word == "AS"):
            # The place of a column of the table before the operator.
            if not int(token.text):
                raise text.fail("columns are counted from 1", first)
            pieces = ["#", *pieces]
        self._keys.append(pieces)
        self._places[written] = len(self._keys)
        if self._is_ordered or order:
            self._order.append(f"{len(self._keys)} {order or 'ASC'}")
        return len(self._keys)
