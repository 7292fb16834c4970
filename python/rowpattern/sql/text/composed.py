"""A text made of pieces of the query and of inserted words; it knows where in the query each piece stands."""

from __future__ import annotations

import secrets
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from rowpattern.sql.text.source_location import SourceLocation
from rowpattern.sql.text.tokens import tokens_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["IGNORE_NULLS", "SEMANTICS_WORDS", "Composed"]

#: Words before a call that DuckDB's parser does not know.
SEMANTICS_WORDS = frozenset({"RUNNING", "FINAL"})
#: Words in or behind a call that it knows in windows only.
IGNORE_NULLS = "IGNORE NULLS"


class Composed:
    """What is given to DuckDB's parser, which counts in bytes of UTF-8 from the text's beginning.

    >>> from rowpattern.sql.text.composed import Composed
    >>> text = Composed("PREV(x) < y").insert("SELECT (").copy(0, 11).insert(")")
    >>> text.text, text.span(13, 1)
    ('SELECT (PREV(x) < y)', (5, 6))
    """

    def __init__(self, query: str, parameters: Mapping[int, str] | None = None) -> None:
        """Begin with an empty text.

        Args:
            query: the query.
            parameters: the names of its parameters by their first characters.
        """
        self.query = query
        self.parameters = parameters or {}
        self._parts: list[str] = []
        self._length = 0
        # Where each part begins in the text, where in the query (None where it was inserted), and where it ends there.
        self._begins: list[int] = []
        self._origins: list[tuple[int, int] | None] = []
        self._byte_ends: list[int] | None = None

    @cached_property
    def semantics_marks(self) -> dict[str, str]:
        """What RUNNING, FINAL and IGNORE NULLS at a call become: a beginning of its name, for DuckDB's parser.

        A quoted name in the query cannot begin so: the marks are made up after the query was written.
        """
        token = secrets.token_hex(8)
        return {word: f"{word.lower()} {token} " for word in (*SEMANTICS_WORDS, IGNORE_NULLS)}

    @cached_property
    def subquery_mark(self) -> str:
        """What the name of the call begins with that stands for a subquery; its place in the query is behind it."""
        return f"subquery {secrets.token_hex(8)} "

    def without_marks(self, message: str) -> str:
        """Return a message of DuckDB's parser with the words in the place of their marks."""
        for word, mark in self.semantics_marks.items():
            message = message.replace(mark, f"{word} ")
        return message

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._parts)

    def insert(self, text: str) -> Composed:
        """Insert words that are not in the query."""
        return self._add(text, None)

    def copy(self, begin: int, end: int) -> Composed:
        """Add a piece of the query."""
        return self._add(self.query[begin:end], (begin, end))

    def put(self, text: str, begin: int, end: int) -> Composed:
        """Add a text that stands for a piece of the query, and may be longer or shorter."""
        return self._add(text, (begin, end - 1))

    def _add(self, text: str, origin: tuple[int, int] | None) -> Composed:
        if text:
            self._parts.append(text)
            self._begins.append(self._length)
            self._origins.append(origin)
            self._length += len(text)
        return self

    def _characters(self, byte: int) -> int:
        if self._byte_ends is None:
            text = self.text
            sizes = () if text.isascii() else (len(each.encode("utf-8", "surrogatepass")) for each in text)
            self._byte_ends = list(accumulate(sizes))
        return bisect_right(self._byte_ends, byte) if self._byte_ends else byte

    def origin(self, byte: int) -> int | None:
        """Return where in the query a byte of the text comes from; None where it was inserted or does not exist."""
        at = self._characters(byte)
        if not 0 <= at <= self._length or not self._begins:
            return None
        part = bisect_right(self._begins, at) - 1
        origin = self._origins[part]
        return None if origin is None else min(origin[0] + at - self._begins[part], origin[1])

    def place(self, byte: int, length: int) -> tuple[int, int]:
        """Return the characters of the text that some of its bytes are: the first, and the one behind the last."""
        return self._characters(byte), self._characters(byte + length)

    def location(self, byte: int) -> SourceLocation | None:
        """Return the place in the query of a byte of the text."""
        at = self.origin(byte)
        return None if at is None else SourceLocation(self.query, at)

    def location_before(self, byte: int) -> SourceLocation | None:
        """Return the last character of the query that stands before a byte of the text."""
        part = bisect_right(self._begins, self._characters(byte)) - 1
        ends = (origin[1] for origin in reversed(self._origins[: part + 1]) if origin is not None)
        return next((SourceLocation(self.query, max(0, end - 1)) for end in ends), None)

    def span(self, byte: int, length: int) -> tuple[int, int] | None:
        """Return where in the query some bytes of the text stand; None where they do not stand there in one piece."""
        at = self._characters(byte)
        if not self._begins or not 0 <= at <= self._length:
            return None
        part = bisect_right(self._begins, at) - 1
        origin = self._origins[part]
        if origin is None:
            return None
        first, end = origin
        begin = min(first + at - self._begins[part], end)
        last = self._characters(byte + length - 1) - self._begins[part] + first if length > 0 else -1
        if last > end:
            # It ends in another part.
            beyond = self.origin(byte + length - 1)
            last = -1 if beyond is None else beyond
        return (begin, begin) if last < begin else (begin, last + 1)

    def quoted_names(self, span: tuple[int, int] | None, names: int) -> tuple[bool, ...]:
        """Say of each of the first names at a place of the query whether it stands in double quotes."""
        if span is None:
            return ()
        piece = self.query[span[0] : span[1]]
        if '"' not in piece:
            return (False,) * names
        found: Sequence[bool] = [token.kind == "quoted" for token in tokens_of(piece) if token.is_name]
        return tuple(found[:names]) if len(found) >= names else ()
