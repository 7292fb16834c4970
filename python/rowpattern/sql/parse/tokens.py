"""The tokens of a query: words, quoted names, texts, numbers, signs, and row patterns as one token each.

The query is cut into clauses by these tokens only; what stands between the cuts is read by DuckDB's own parser. A text
that the two would cut differently is therefore refused by one of them, never executed unread.

>>> from rowpattern.sql.parse.tokens import tokens_of
>>> [token.text for token in tokens_of('SELECT "a b", 1.5')]
['SELECT', 'a b', ',', '1.5']
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.problems import Place, problem

__all__ = ["DEEPEST_BRACKETS", "Token", "closing_places", "tokens_of"]

#: Brackets inside brackets: DuckDB's parser takes time that grows with the square of this where they do not close.
DEEPEST_BRACKETS = 200

_TOKENS = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*)
    |(?P<comment>/\*)
    |(?P<escaped>[eE]'(?:[^'\\]|''|\\.)*')
    |(?P<literal>[xXbB]'[^']*')
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<dollars>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
    |(?P<parameter>\$\w+)
    |(?P<number>(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<unclosed>["'])
    |(?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_COMMENT_MARKS = re.compile(r"/\*|\*/")
# What can hold a parenthesis that is none, in a row pattern.
_PATTERN_PIECES = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|[()]""", re.DOTALL)

_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_OPENING.values())


@dataclass(frozen=True)
class Token:
    """A token and where it stands.

    Attributes:
        kind: `"word"`, `"quoted"` (a name in double quotes), `"text"`, `"number"`, `"sign"` or `"pattern"` (all between
            the parentheses of PATTERN).
        text: the name in a quoted one, and otherwise what was written.
        begin: its first character.
        end: the character behind its last.
    """

    kind: str
    text: str
    begin: int
    end: int

    @property
    def word(self) -> str:
        """A word in upper case; empty for everything else."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def is_name(self) -> bool:
        """Whether it can name something."""
        return self.kind in {"word", "quoted"}

    def is_sign(self, sign: str) -> bool:
        """Say whether it is this sign."""
        return self.kind == "sign" and self.text == sign


def tokens_of(sql: str) -> list[Token]:
    """Cut a text into tokens. Takes time linear in the text.

    Raises:
        QuerySyntaxError: a quote, a comment or a row pattern is not closed.
    """
    found: list[Token] = []
    at = 0
    while at < len(sql):
        match = _TOKENS.match(sql, at)
        assert match is not None  # noqa: S101 - the last alternative takes any character
        kind = match.lastgroup or ""
        kind = "dollars" if kind == "tag" else kind
        end = match.end()
        if kind == "comment":
            at = _comment_end(sql, at)
            continue
        if kind == "unclosed":
            raise problem("a quote or a comment that begins here is not closed", Place(sql, at), QuerySyntaxError)
        if kind != "space":
            found.append(_token(kind, match.group(), at, end))
        at = end
        if _opens_pattern(found):
            end = _pattern_end(sql, at)
            found.append(Token("pattern", sql[at:end], at, end))
            at = end
    return found


def _token(kind: str, text: str, begin: int, end: int) -> Token:
    if kind == "quoted":
        return Token("quoted", text[1:-1].replace('""', '"'), begin, end)
    if kind in {"escaped", "literal", "dollars"}:
        kind = "text"
    return Token("sign" if kind == "parameter" else kind, text, begin, end)


def _comment_end(sql: str, begin: int) -> int:
    depth = 0
    for mark in _COMMENT_MARKS.finditer(sql, begin):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    raise problem("a quote or a comment that begins here is not closed", Place(sql, begin), QuerySyntaxError)


def _opens_pattern(tokens: list[Token]) -> bool:
    return len(tokens) > 1 and tokens[-2].word == "PATTERN" and tokens[-1].is_sign("(")


def _pattern_end(sql: str, begin: int) -> int:
    depth = 1
    for piece in _PATTERN_PIECES.finditer(sql, begin):
        depth += {"(": 1, ")": -1}.get(piece.group(), 0)
        if depth == 0:
            return piece.start()
    raise problem("this ( of PATTERN is never closed", Place(sql, begin - 1), QuerySyntaxError)


def closing_places(sql: str, tokens: list[Token]) -> dict[int, int]:
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
                message = f"the query nests too deeply: more than {DEEPEST_BRACKETS} brackets stand in each other"
                raise problem(message, Place(sql, token.begin), QuerySyntaxError)
        elif token.text in _CLOSING:
            if not opened or _OPENING[tokens[opened[-1]].text] != token.text:
                raise problem(f"this {token.text} closes nothing", Place(sql, token.begin), QuerySyntaxError)
            found[opened.pop()] = at
    if opened:
        begin = tokens[opened[-1]]
        raise problem(f"this {begin.text} is never closed", Place(sql, begin.begin), QuerySyntaxError)
    return found
