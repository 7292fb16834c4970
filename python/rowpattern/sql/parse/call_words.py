"""Words of a call that DuckDB's parser does not take there: RUNNING and FINAL before it, IGNORE NULLS in or behind it.

They become marks in the name of the call, which the reader of the tree turns back (`Composed.semantics_marks`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.expression.write import quoted
from rowpattern.sql.text.composed import IGNORE_NULLS, SEMANTICS_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rowpattern.sql.text.tokens import Token

__all__ = ["call_words"]

# Calls that may pass over NULLs.
_NAVIGATION = frozenset({"first", "last", "prev", "next", "lag", "lead"})


def call_words(tokens: Sequence[Token], marks: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """Return what to write in the place of which characters.

    Args:
        tokens: those of an expression.
        marks: what stands for each word at the beginning of a name.
    """
    changes = []
    words: dict[int, list[str]] = {}
    begins: dict[int, int] = {}
    for at, (token, behind, opening) in enumerate(zip(tokens, tokens[1:], tokens[2:])):
        if token.word in SEMANTICS_WORDS and behind.is_name and opening.is_sign("("):
            words[at + 1], begins[at + 1] = [token.word], token.begin
    for called, at in _words_about_nulls(tokens):
        changes.append((tokens[at].begin, tokens[at + 1].end, ""))
        if tokens[at].word == "IGNORE":
            words.setdefault(called, []).append(IGNORE_NULLS)
    for at, of_name in words.items():
        name = "".join(marks[word] for word in of_name) + tokens[at].text.lower()
        changes.append((begins.get(at, tokens[at].begin), tokens[at].end, quoted(name)))
    return changes


def _words_about_nulls(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Give the places of the names of calls, and of IGNORE or RESPECT in or behind them."""
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.is_sign("("):
            opened.append(at)
        elif token.is_sign(")") and opened:
            name = opened.pop() - 1
            if _passes_over_nulls(tokens, name) and _is_about_nulls(tokens, at + 1):
                yield name, at + 1
        elif opened and at > opened[-1] + 1 and _is_about_nulls(tokens, at):
            yield from [(opened[-1] - 1, at)] if _passes_over_nulls(tokens, opened[-1] - 1) else []


def _passes_over_nulls(tokens: Sequence[Token], name: int) -> bool:
    return name >= 0 and tokens[name].is_name and tokens[name].text.lower() in _NAVIGATION


def _is_about_nulls(tokens: Sequence[Token], at: int) -> bool:
    return [token.word for token in tokens[at : at + 2]] in (["IGNORE", "NULLS"], ["RESPECT", "NULLS"])
