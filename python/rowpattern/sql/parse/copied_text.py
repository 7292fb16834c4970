"""Pieces of a query, copied into what DuckDB's parser reads, in which it gets words that it takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rowpattern.sql.expression.write import quoted
from rowpattern.sql.parse.call_words import call_words
from rowpattern.sql.parse.keywords import bare_names
from rowpattern.sql.text.tokens import tokens_of

if TYPE_CHECKING:
    from rowpattern.sql.text.composed import Composed

__all__ = ["copy_piece"]

# A piece without any of these goes to DuckDB's parser as it is.
_MAY_CHANGE = re.compile(
    r"\b(?:running|final|nulls|at|authorization|binary|collation|concurrently|freeze|full|glob|left|right|verbose)\b",
    re.IGNORECASE,
)


def copy_piece(composed: Composed, begin: int, end: int, *, marks: bool) -> Composed:
    """Add a piece of the query in which what DuckDB's parser does not take is written in its way.

    Args:
        composed: what the parser reads.
        begin: the first character of the piece.
        end: the character behind its last.
        marks: whether it is an expression of a clause, in which RUNNING, FINAL and IGNORE NULLS become marks.

    Returns:
        `composed`.
    """
    if _MAY_CHANGE.search(composed.query, begin, end) is None:
        return composed.copy(begin, end)
    tokens = tokens_of(composed.query[begin:end])
    changes = [(token.begin, token.end, quoted(token.text)) for token in bare_names(tokens)]
    if marks:
        changes += call_words(tokens, composed.semantics_marks)
    at = begin
    for first, last, text in sorted(changes):
        if begin + first >= at:
            composed.copy(at, begin + first).put(text, begin + first, begin + last)
            at = begin + last
    return composed.copy(at, end)
