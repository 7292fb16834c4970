"""The tokens of a query: words, quoted names, texts, numbers, signs, and row patterns as one token each.

The query is cut into clauses by these tokens only; what stands between the cuts is read by DuckDB's own parser. A text
that the two would cut differently is therefore refused by one of them, never executed unread.

>>> from rowpattern.sql.text.tokens import tokens_of
>>> [token.text for token in tokens_of('SELECT "a b", 1.5')]
['SELECT', 'a b', ',', '1.5']
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.text.source_location import SourceLocation, error_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["DEEPEST_BRACKETS", "Token", "closing_brackets", "outside_brackets", "query_end", "tokens_of"]

#: Brackets inside brackets: DuckDB's parser takes time that grows with the square of this where they do not close.
DEEPEST_BRACKETS = 200

# Reading a query takes some microseconds for each.
_MOST_TOKENS = 100_000
_TOKENS_BETWEEN_LOOKS = 4096

# As DuckDB's parser has it: these are spaces, and every other character that is not ASCII is one of a name, as are
# control characters. `tests/slow/test_sql_hostile.py` asks it about every character.
_SPACES = r"\t\n\x0b\f\r "
_LETTERS = r"A-Za-z_\x01-\x08\x0e-\x1f\x7f"
_OTHER_SPACES = r"\xa0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
_OTHER_LETTERS = r"\x80-\x9f\xa1-\u1fff\u200c-\u202e\u2030-\u205e\u2061-\u2fff\u3001-\ufefe\uff00-\U0010ffff"


@cache
def _token_pattern(*, ascii_only: bool) -> re.Pattern[str]:
    """Return the expression for one token; compiling the one for all characters takes ten times as long.

    Every text has a match at every place, so that nothing is ever tried again from another one.
    """
    spaces = f"[{_SPACES if ascii_only else _SPACES + _OTHER_SPACES}]*"
    letters = _LETTERS if ascii_only else _LETTERS + _OTHER_LETTERS
    return re.compile(
        rf"""
        {spaces}(?:--[^\r\n]*{spaces})*
        (?:
            (?P<comment>/\*)
            |(?P<escaped>[eE]'[^'\\]*(?:(?:''|\\.)[^'\\]*)*')
            |(?P<literal>[xXbB]'[^']*')
            |(?P<text>'[^']*(?:''[^']*)*')
            |(?P<quoted>"[^"]*(?:""[^"]*)*")
            |(?P<dollars>\$(?:[{letters}][0-9{letters}]*)?\$)
            |(?P<parameter>\$[0-9{letters}]+)
            |(?P<number>(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]*)?)
            |(?P<word>[{letters}][$0-9{letters}]*)
            |(?P<unclosed>["'])
            |(?P<sign>.)
            |(?P<end>)
        )
        """,
        re.VERBOSE | re.DOTALL,
    )


# What a group of the expression is as a token, where it has another name.
_KINDS = {"escaped": "text", "literal": "text", "dollars": "text", "parameter": "sign"}

_COMMENT_MARKS = re.compile(r"/\*|\*/")
# What can hold a parenthesis that is none, in a row pattern.
_PATTERN_PIECES = re.compile(r"""'[^']*(?:'|\Z)|"[^"]*(?:"|\Z)|--[^\n]*|/\*.*?(?:\*/|\Z)|[()]""", re.DOTALL)

_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_OPENING.values())


class Token(NamedTuple):
    """A token and where it stands.

    Attributes:
        kind: `"word"`, `"quoted"` (a name in double quotes), `"text"`, `"number"`, `"sign"` or `"pattern"` (all between
            the parentheses of PATTERN).
        text: the name in a quoted one, and otherwise what was written.
        begin: its first character.
        end: the character behind its last.
        word: a word in upper case; empty for everything else, and where it has other letters than SQL's words have.
    """

    kind: str
    text: str
    begin: int
    end: int
    word: str = ""

    @property
    def is_name(self) -> bool:
        """Whether it can name something."""
        return self.kind in {"word", "quoted"}

    def is_sign(self, sign: str) -> bool:
        """Say whether it is this sign."""
        return self.kind == "sign" and self.text == sign


def tokens_of(sql: str, check: Callable[[], None] = lambda: None) -> list[Token]:
    """Cut a text into tokens. Takes time linear in the text.

    Args:
        sql: the text.
        check: called now and then; it raises an error where time is over.

    Raises:
        QuerySyntaxError: a quote, a comment or a row pattern is not closed, or there are too many tokens.
    """
    found: list[Token] = []
    at, behind_pattern = 0, False
    pattern = _token_pattern(ascii_only=sql.isascii())
    # A token is made in a third of the time that its class takes, which has a default to fill in.
    make = tuple.__new__
    while True:
        match = pattern.match(sql, at)
        kind = match.lastgroup if match else None
        if match is None or kind is None or kind == "end":
            return found
        begin, at = match.span(kind)
        if kind == "comment":
            at = _comment_end(sql, begin)
            continue
        if kind == "unclosed":
            raise _unclosed(sql, begin)
        if kind == "dollars":
            closing = sql.find(sql[begin:at], at)
            if closing < 0:
                raise _unclosed(sql, begin)
            at += closing - begin
        text = sql[begin:at]
        if kind == "word":
            # The upper case of some letters outside of ASCII is in it: "\u017felect" is not SELECT.
            word = text.upper() if text.isascii() else ""
            found.append(make(Token, (kind, text, begin, at, word)))
            behind_pattern = word == "PATTERN"
        elif kind == "sign":
            found.append(make(Token, (kind, text, begin, at, "")))
            if behind_pattern and text == "(":
                begin, at = at, _pattern_end(sql, at)
                found.append(Token("pattern", sql[begin:at], begin, at))
            behind_pattern = False
        elif kind == "quoted":
            if text == '""':
                raise error_at(
                    "a name needs a character between its quotes", SourceLocation(sql, begin), QuerySyntaxError
                )
            found.append(Token(kind, text[1:-1].replace('""', '"'), begin, at))
            behind_pattern = False
        else:
            found.append(Token(_KINDS.get(kind, kind), text, begin, at))
            behind_pattern = False
        if not len(found) % _TOKENS_BETWEEN_LOOKS:
            check()
        if len(found) > _MOST_TOKENS:
            message = f"the query has more than {_MOST_TOKENS:,} words and signs; put long lists into a table"
            raise error_at(message, SourceLocation(sql, begin), QuerySyntaxError)


def _unclosed(sql: str, begin: int) -> QuerySyntaxError:
    return error_at("a quote or a comment that begins here is not closed", SourceLocation(sql, begin), QuerySyntaxError)


def _comment_end(sql: str, begin: int) -> int:
    depth = 0
    for mark in _COMMENT_MARKS.finditer(sql, begin):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    raise _unclosed(sql, begin)


def _pattern_end(sql: str, begin: int) -> int:
    depth = 1
    for piece in _PATTERN_PIECES.finditer(sql, begin):
        depth += {"(": 1, ")": -1}.get(piece.group(), 0)
        if depth == 0:
            return piece.start()
    raise error_at("this ( of PATTERN is never closed", SourceLocation(sql, begin - 1), QuerySyntaxError)


def closing_brackets(sql: str, tokens: list[Token]) -> dict[int, int]:
    """Return for the place of each opening bracket the place of the one that closes it, counted in tokens.

    Raises:
        QuerySyntaxError: brackets do not fit, or stand too deep in each other.
    """
    found: dict[int, int] = {}
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.kind != "sign":
            continue
        if token.text in _OPENING:
            opened.append(at)
            if len(opened) > DEEPEST_BRACKETS:
                message = f"the query is nested too deeply: more than {DEEPEST_BRACKETS} brackets are open here"
                raise error_at(message, SourceLocation(sql, token.begin), QuerySyntaxError)
        elif token.text in _CLOSING:
            if not opened or _OPENING[tokens[opened[-1]].text] != token.text:
                raise error_at(f"this {token.text} closes nothing", SourceLocation(sql, token.begin), QuerySyntaxError)
            found[opened.pop()] = at
    if opened:
        begin = tokens[opened[-1]]
        raise error_at(f"this {begin.text} is never closed", SourceLocation(sql, begin.begin), QuerySyntaxError)
    return found


def outside_brackets(closing: Mapping[int, int], begin: int, end: int) -> Iterator[int]:
    """Give the places of tokens of a range, without what stands in brackets that open in it; their openings are there.

    Args:
        closing: which bracket closes which, as `closing_brackets` says.
        begin: the first token.
        end: the one behind the last.
    """
    while begin < end:
        yield begin
        begin = closing.get(begin, begin) + 1


def query_end(tokens: Sequence[Token]) -> int:
    """Return the place behind a query's last token, without the semicolons that end it."""
    last = len(tokens)
    while last and tokens[last - 1].is_sign(";"):
        last -= 1
    return last
