"""What a window with a row pattern says (ISO/IEC 9075-2, 7.15 <window clause>), and how calls over it are marked."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, NamedTuple, Union

from rowpattern.sql.records import Record, field

if TYPE_CHECKING:
    from rowpattern.sql.parse.clause import Clause, ExpressionSource

__all__ = ["Edit", "FoundWindows", "MarkedCall", "PatternWindow", "WindowMarks", "without_window_marks"]


class PatternWindow(Record):
    """A window with a row pattern.

    Attributes:
        number: from 0, in the order of the text.
        clause: what it has in common with MATCH_RECOGNIZE: keys, measures, pattern, conditions.
        bounded: whether the frame ends before the partition does: at CURRENT ROW or n FOLLOWING.
        following: how many rows behind the current one are in a bounded frame; None for CURRENT ROW.
        seek: whether a match may begin behind the current row (SEEK).
        keys: the texts of PARTITION BY and ORDER BY, by their first character and the one behind their last.
        name: as WINDOW calls it; None where it stands behind OVER.
    """

    number: int
    clause: Clause
    bounded: bool
    following: ExpressionSource | None
    seek: bool
    keys: tuple[tuple[int, int], ...]
    name: str | None

    def expressions(self) -> list[ExpressionSource]:
        """Return all its expressions."""
        return [*self.clause.expressions(), *([] if self.following is None else [self.following])]


#: What an edit puts into the text: words of ours, or a piece of the query.
EditPiece = Union[str, tuple[int, int]]


class Edit(NamedTuple):
    """A piece of the query's text that is written in a way that DuckDB's parser takes.

    Attributes:
        begin: its first character.
        end: the character behind its last.
        pieces: what stands in its place.
    """

    begin: int
    end: int
    pieces: tuple[EditPiece, ...]


class FoundWindows(Record, frozen=False):
    """The windows with row patterns of a query, and what their calls become, in the order of the text."""

    windows: list[PatternWindow] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)


_MARK = re.compile("rowpattern [0-9a-f]{16} [0-9]+ (?:measure|function) ((?:[0-9a-f]{2})*)")


class MarkedCall(NamedTuple):
    """A call over a window with a row pattern.

    Attributes:
        window: the window's number.
        measure: whether a measure is called by its name, and no function.
        name: that of the measure, or of the function, in lower case.
    """

    window: int
    measure: bool
    name: str


class WindowMarks:
    """What the names of functions and measures become that are called over a window with a row pattern.

    A quoted name in the query cannot begin so: the mark is made up after the query was written.
    """

    def __init__(self) -> None:
        """Make the mark up."""
        self._begin = f"rowpattern {secrets.token_hex(8)} "

    def marked(self, call: MarkedCall) -> str:
        """Return the name under which a call stands in what DuckDB parses."""
        # As hexadecimal digits, since DuckDB changes the names of functions to lower case.
        return f"{self._begin}{call.window} {'measure' if call.measure else 'function'} {call.name.encode().hex()}"

    def read(self, name: object) -> MarkedCall | None:
        """Return the call that stands under a name; None for other names."""
        if not isinstance(name, str) or not name.startswith(self._begin):
            return None
        window, what, called = name.removeprefix(self._begin).split(" ", 2)
        return MarkedCall(int(window), what == "measure", bytes.fromhex(called).decode())

    def hidden(self, number: int) -> str:
        """Return how names begin in what is written for the SELECT of a number, which the query cannot have."""
        return f"{self._begin}{number} part "


def without_window_marks(message: str) -> str:
    """Return a message of DuckDB's parser with the names of the query instead of marked ones."""
    return _MARK.sub(lambda found: bytes.fromhex(found[1]).decode(), message)
