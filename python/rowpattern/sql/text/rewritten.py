"""A query's text with its pieces in another order; it knows where in the user's text each of them stands."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Piece", "RewrittenText"]

#: Words that are inserted, or a piece of the user's text: its first character, and the one behind its last.
Piece = Union[str, tuple[int, int]]


class RewrittenText(str):
    """A text made of pieces of another one.

    Attributes:
        original: that text.

    >>> from rowpattern.sql.text.rewritten import RewrittenText
    >>> text = RewrittenText.of("FROM t |> SELECT x", ["FROM (", (0, 6), ") ", (10, 18)])
    >>> text, text.original_place(15)
    ('FROM (FROM t) SELECT x', 11)
    """

    __slots__ = ("_copied", "original")

    original: str
    # Where each copied piece begins: here, and in the original.
    _copied: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, original: str, pieces: Sequence[Piece]) -> RewrittenText:
        """Put pieces together, in their order."""
        copied: list[tuple[int, int]] = []
        parts: list[str] = []
        length = 0
        for piece in pieces:
            if isinstance(piece, tuple):
                copied.append((length, piece[0]))
                parts.append(original[slice(*piece)])
            else:
                parts.append(piece)
            length += len(parts[-1])
        found = cls("".join(parts))
        found.original = original
        found._copied = tuple(copied)
        return found

    def original_place(self, offset: int) -> int:
        """Return where a character stands in the original; one that was inserted stands behind the piece before it."""
        at = bisect_right(self._copied, offset, key=lambda each: each[0]) - 1
        if at < 0:
            return 0
        own, there = self._copied[at]
        return min(there + offset - own, len(self.original))
