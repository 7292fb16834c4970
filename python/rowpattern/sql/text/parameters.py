"""Parameters of a query, `$name`, `$1` and `?`: where they stand in its text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.text.argument_text import ArgumentText
from rowpattern.sql.text.source_location import SourceLocation, error_at
from rowpattern.sql.text.tokens import tokens_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["PlacedParameter", "find_parameters"]

# A bound of a quantifier, `{$n,5}`, and what can hold a brace that is none.
_PATTERN_PIECES = re.compile(
    r"""
    '[^']*(?:'|\Z) | "[^"]*(?:"|\Z) | --[^\n]* | /\*.*?(?:\*/|\Z)
    | \{ \s* (?: (?P<low>\$\w+|\?) | [0-9]* ) \s* (?: , \s* (?: (?P<high>\$\w+|\?) | [0-9]* ) \s* )? \}
    """,
    re.VERBOSE | re.DOTALL,
)


class PlacedParameter(NamedTuple):
    """A parameter and where it stands.

    Attributes:
        name: without the `$`; of those written `?` the number, from 1.
        begin: its first character.
        end: the character behind its last.
        is_bound: whether it is a bound of a quantifier in a row pattern.
    """

    name: str
    begin: int
    end: int
    is_bound: bool = False


def find_parameters(text: str, shown: Collection[str] = ()) -> tuple[PlacedParameter, ...]:
    """Find the parameters of a query's text, in order. Takes time linear in the text.

    Args:
        text: the text.
        shown: names of arguments that are no expressions.

    Raises:
        QuerySyntaxError: some have a name and others have none, or one without a name stands in an argument.

    >>> from rowpattern.sql.text.parameters import find_parameters
    >>> [each.name for each in find_parameters("SELECT $low, '$text' FROM t LIMIT $n")]
    ['low', 'n']
    """
    if "$" not in text and "?" not in text:
        return ()
    written = list(_written(text, shown))
    nameless = [each for each in written if text[each.begin] == "?"]
    if nameless and isinstance(text, ArgumentText):
        message = "? has no number here, as arguments have no order; give it a name, as in $low"
        raise error_at(message, SourceLocation(text, nameless[0].begin), QuerySyntaxError)
    if nameless and len(nameless) < len(written):
        other = next(each for each in written if text[each.begin] != text[written[0].begin])
        message = "a query has parameters with names ($low) or without (?), not both"
        raise error_at(message, SourceLocation(text, other.begin), QuerySyntaxError)
    if nameless:
        return tuple(each._replace(name=str(number)) for number, each in enumerate(written, 1))
    return tuple(written)


def _written(text: str, shown: Collection[str]) -> Iterator[PlacedParameter]:
    if not isinstance(text, ArgumentText):
        yield from _in_sql(text, 0)
        return
    for each in text.arguments:
        if each.name in shown:
            continue
        argument = text[each.begin : each.end]
        yield from _in_pattern(argument, each.begin) if each.name == "pattern" else _in_sql(argument, each.begin)


def _in_sql(text: str, first: int) -> Iterator[PlacedParameter]:
    for token in tokens_of(text):
        if token.kind == "pattern":
            yield from _in_pattern(token.text, first + token.begin)
        elif token.kind == "sign" and token.text[0] in "$?":
            yield PlacedParameter(token.text[1:], first + token.begin, first + token.end)


def _in_pattern(text: str, first: int) -> Iterator[PlacedParameter]:
    for piece in _PATTERN_PIECES.finditer(text):
        for bound in ("low", "high"):
            if piece[bound] is not None:
                begin, end = piece.span(bound)
                yield PlacedParameter(piece[bound][1:], first + begin, first + end, is_bound=True)
