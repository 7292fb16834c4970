"""A text made of arguments that were given one by one; it knows which argument each of its characters is of."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

__all__ = ["ArgumentText", "ArgumentTextWriter", "PlacedArgument"]


class PlacedArgument(NamedTuple):
    """An argument and where its text stands.

    Attributes:
        name: as a caller writes it: `pattern`, `define["DOWN"]`.
        begin: its first character.
        end: the character behind its last.
    """

    name: str
    begin: int
    end: int


class ArgumentText(str):
    """A text with the places of the arguments in it, in their order.

    It is shown to people. What is read of it is one argument at a time.
    """

    __slots__ = ("arguments",)

    arguments: tuple[PlacedArgument, ...]

    @classmethod
    def of(cls, name: str, text: str) -> ArgumentText:
        """Return the text of one argument."""
        return ArgumentTextWriter().argument(name, text).text()

    def argument_at(self, offset: int) -> PlacedArgument | None:
        """Return the argument of which a character is, or behind whose last one it stands; None where it is of none."""
        at = bisect_right(self.arguments, offset, key=lambda each: each.begin) - 1
        return self.arguments[at] if at >= 0 and offset <= self.arguments[at].end else None


class ArgumentTextWriter:
    """Puts a text together.

    >>> from rowpattern.sql.text.argument_text import ArgumentTextWriter
    >>> text = ArgumentTextWriter().insert("DEFINE A AS ").argument('define["A"]', "x > 1").text()
    >>> text, text.argument_at(14).name
    ('DEFINE A AS x > 1', 'define["A"]')
    """

    def __init__(self) -> None:
        """Begin with an empty text."""
        self._parts: list[str] = []
        self._length = 0
        self._arguments: list[PlacedArgument] = []

    def insert(self, text: str) -> ArgumentTextWriter:
        """Add words that are of no argument."""
        self._parts.append(text)
        self._length += len(text)
        return self

    def argument(self, name: str, text: str) -> ArgumentTextWriter:
        """Add an argument as it was given."""
        self._arguments.append(PlacedArgument(name, self._length, self._length + len(text)))
        return self.insert(text)

    @property
    def arguments(self) -> list[PlacedArgument]:
        """The arguments so far."""
        return self._arguments

    def text(self) -> ArgumentText:
        """Return the whole."""
        found = ArgumentText("".join(self._parts))
        found.arguments = tuple(self._arguments)
        return found
