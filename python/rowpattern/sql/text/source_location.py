"""Errors that show their place in the query."""

from __future__ import annotations

import contextlib
import difflib
from typing import TYPE_CHECKING, TypeVar

from rowpattern.errors import PatternSyntaxError, QueryError, QuerySyntaxError
from rowpattern.sql.text.argument_text import ArgumentText
from rowpattern.sql.text.rewritten import RewrittenText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

__all__ = [
    "TOO_DEEP",
    "SourceLocation",
    "candidates",
    "error_at",
    "nesting_limited",
    "pattern_error_at",
    "too_deep_error",
]

#: Said of a query, a condition, an expression.
TOO_DEEP = "is nested too deeply; replace long chains of OR by x IN (...), and of + by list_sum([...])"

# A longer line is shown around the place only.
_WIDEST = 100

_Error = TypeVar("_Error", bound=QueryError)


class SourceLocation:
    """Somewhere in a query's text.

    Where the text is made of arguments (`ArgumentText`), lines and columns are those of the argument; where its pieces
    are in another order than the user's (`RewrittenText`), they are those of the user's text.

    Attributes:
        offset: in characters, from 0.
    """

    __slots__ = ("offset", "sql")

    def __init__(self, sql: str, offset: int) -> None:
        self.sql = sql
        self.offset = min(offset, len(sql))

    def _argument(self) -> tuple[str, str, int] | None:
        """Return the name of the argument, its text, and the place in it; None where no text can be shown."""
        if isinstance(self.sql, RewrittenText):
            return "", self.sql.original, self.sql.original_place(self.offset)
        if not isinstance(self.sql, ArgumentText):
            return "", self.sql, self.offset
        found = self.sql.argument_at(self.offset)
        if found is None:
            return None
        return found.name, self.sql[found.begin : found.end], self.offset - found.begin

    @property
    def line(self) -> int:
        """The line, from 1; 0 where no argument stands there."""
        found = self._argument()
        return 0 if found is None else found[1].count("\n", 0, found[2]) + 1

    @property
    def column(self) -> int:
        """The column in characters, from 1; 0 where no argument stands there."""
        found = self._argument()
        return 0 if found is None else found[2] - (found[1].rfind("\n", 0, found[2]) + 1) + 1

    def added_to(self, message: str) -> str:
        """Return a message with the place behind it and, below it, the line with a caret."""
        found = self._argument()
        if found is None:
            return message
        name, text, offset = found
        named = f"{name}, " if name else ""
        begin = text.rfind("\n", 0, offset) + 1
        end = text.find("\n", offset)
        line, at = text[begin : None if end < 0 else end], offset - begin
        first = max(0, at - _WIDEST // 2)
        # Tabs would put the caret elsewhere than where a reader sees the place.
        shown = line[first : first + _WIDEST].expandtabs(1)
        place = f"{named}line {self.line}, column {self.column}"
        return f"{message} ({place})\n{shown}\n{' ' * (at - first)}^"


def error_at(message: str, location: SourceLocation | None, kind: type[_Error]) -> _Error:
    """Make an error of a kind that shows its place."""
    if location is None:
        return kind(message)
    return kind(location.added_to(message), location.line, location.column)


def pattern_error_at(
    error: PatternSyntaxError,
    pattern: str,
    location: SourceLocation,
    located: Callable[[int], SourceLocation | None] | None = None,
) -> PatternSyntaxError:
    """Make a row pattern's error show its place in the query.

    Args:
        error: it counts lines and columns in the pattern.
        pattern: the text inside `PATTERN (...)`.
        location: where that text begins in the query.
        located: gives the place of a byte of the text, where it is not a piece of the query as it is.
    """
    lines = pattern.split("\n")
    offset = sum(len(line) + 1 for line in lines[: error.line - 1]) + error.column - 1
    there = SourceLocation(location.sql, location.offset + offset)
    if located is not None:
        there = located(len(pattern[:offset].encode())) or location
    message = str(error).split(" (line ")[0]
    return PatternSyntaxError(there.added_to(message), there.line, there.column)


class nesting_limited(contextlib.ContextDecorator):  # noqa: N801 - used as a decorator and in `with`
    """Refuse what is nested too deeply. Expressions are read, rewritten and written by recursion, as Python allows."""

    def __init__(self, what: str) -> None:
        """Take what to call it in the error."""
        self._what = what

    def __enter__(self) -> None:
        """Begin to look."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise the error where Python's own limit was met."""
        if isinstance(error, RecursionError):
            raise too_deep_error(self._what) from None


def too_deep_error(what: str) -> QuerySyntaxError:
    """Make the error for what is nested too deeply."""
    return QuerySyntaxError(f"the {what} {TOO_DEEP}")


def candidates(name: str, known: Iterable[str], what: str) -> str:
    """Return what to use in a name's place: the nearest ones, or all when none is near."""
    known = list(known)
    near = difflib.get_close_matches(name.lower(), [each.lower() for each in known], n=3)
    nearest = [each for each in known if each.lower() in near]
    if nearest:
        return f"did you mean {' or '.join(nearest)}?"
    if not known:
        return f"there are no {what}"
    if len(known) == 1:
        return f"the only one is {known[0]}"
    return f"the {what} are {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}"  # noqa: PLR2004
