"""A WITH list, found by its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.records import Record, field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rowpattern.sql.text.tokens import Token

__all__ = ["WithList", "read_with_list"]


class WithList(Record, frozen=False):
    """A WITH list.

    Attributes:
        recursive: whether it is WITH RECURSIVE.
        tables: each table's name, the first character of its definition, and the one behind its last.
        behind: the token behind the list.
    """

    recursive: bool
    tables: list[tuple[str, int, int]] = field(default_factory=list)
    behind: int = 0


def read_with_list(tokens: Sequence[Token], closing: Mapping[int, int], at: int, end: int) -> WithList:
    """Read the list that begins with the word WITH at a token, and ends before another one.

    It has no tables where the word begins something else.
    """

    def word(at: int) -> str:
        return tokens[at].word if at < end else ""

    def is_sign(at: int, sign: str) -> bool:
        return at < end and tokens[at].is_sign(sign)

    found = WithList(word(at + 1) == "RECURSIVE")
    at += 2 if found.recursive else 1
    while at < end and tokens[at].is_name:
        name, first = tokens[at].text, tokens[at].begin
        at += 1
        at = closing[at] + 1 if is_sign(at, "(") else at
        if word(at) == "USING":
            # USING KEY (...) of a recursive one.
            at = closing[at + 2] + 1 if is_sign(at + 2, "(") else at
        if word(at) != "AS":
            break
        at += 1
        at += word(at) == "NOT"
        at += word(at) == "MATERIALIZED"
        if not is_sign(at, "("):
            break
        at = closing[at]
        found.tables.append((name, first, tokens[at].end))
        at += 1
        if not is_sign(at, ","):
            break
        at += 1
    found.behind = at
    return found
