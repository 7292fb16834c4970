"""What other systems write in or around a clause and this one does not take: what to write here instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.text.tokens import Token

__all__ = [
    "NOT_A_QUERY",
    "NO_TABLE_BEFORE",
    "instead_in_clause",
    "instead_of_length",
    "instead_of_skip",
    "instead_of_word",
]

#: What is wrong where a clause stands elsewhere.
NO_TABLE_BEFORE = "MATCH_RECOGNIZE stands behind a table in FROM; write FROM the_table MATCH_RECOGNIZE (...)"
#: What is wrong with a text that is another statement, or none.
NOT_A_QUERY = "expected one query, which begins with SELECT, WITH, FROM or VALUES"

_UNITS = frozenset(
    {"MICROSECOND", "MILLISECOND", "SECOND", "SEC", "MINUTE", "MIN", "HOUR", "DAY", "WEEK", "MONTH", "YEAR"}
)

_BEHIND_THE_CLAUSE = frozenset({"GROUP", "HAVING", "QUALIFY", "LIMIT"})


def instead_of_word(word: str) -> str | None:
    """Return what to write in the place of a word that stands before a bracket in FROM, where it means the clause."""
    return "write MATCH_RECOGNIZE" if word in {"MATCH_RECOGNISE", "MATCHRECOGNIZE", "MATCH_RECOGNITION"} else None


def instead_in_clause(peek: Callable[[int], Token]) -> str | None:
    """Return what to write in the place of the words that come next in a clause; None where nothing is known of them.

    Args:
        peek: gives the token so many tokens further on.
    """
    word, next_word = peek(0).word, peek(1).word
    if word == "OPTIONS" and peek(1).is_sign("("):
        return 'OPTIONS cannot stand here; for use_longest_match give match_recognize(..., prefer="longest")'
    if word == "INTERVAL":
        return "INTERVAL cannot stand here; write WITHIN INTERVAL ... behind PATTERN (...)"
    if word == "DURATION":
        return "DURATION cannot stand here; a length stands behind PATTERN (...), as in WITHIN INTERVAL 10 SECONDS"
    if (word, next_word) == ("ALL", "MATCHES"):
        return "ALL MATCHES cannot stand here; write AFTER MATCH SKIP TO NEXT ROW before PATTERN"
    if (word, next_word) == ("ROWS", "MATCH"):
        return "ROWS MATCH cannot stand here; write ONE ROW PER MATCH or ALL ROWS PER MATCH behind MEASURES"
    if (word, next_word) == ("MATCH", "SKIP"):
        return "MATCH SKIP cannot stand here; write AFTER MATCH SKIP"
    if (word, next_word) == ("WITH", "UNMATCHED"):
        return "WITH UNMATCHED ROWS stands behind ALL ROWS PER MATCH"
    if word == "PATTERN" and peek(1).is_name:
        return f"a row pattern stands in brackets; write PATTERN ({peek(1).text} ...)"
    if word == "PATTERN" and peek(1).kind == "text":
        return f"a row pattern is no text; write PATTERN ({peek(1).text[1:-1]})"
    if (word, next_word) in {("ONE", "ROW"), ("ALL", "ROWS")} and peek(2).word != "PER":
        return f"{word} {next_word} is not complete; write {word} {next_word} PER MATCH"
    if word == "WHERE":
        return "WHERE cannot stand here; write FROM (SELECT * FROM the_table WHERE ...) MATCH_RECOGNIZE (...)"
    if word in _BEHIND_THE_CLAUSE:
        return f"{word} cannot stand here; write it behind MATCH_RECOGNIZE (...)"
    if word in {"SHOW", "OMIT"} and next_word == "EMPTY":
        return f"{word} EMPTY MATCHES stands behind ALL ROWS PER MATCH"
    return None


def instead_of_skip(peek: Callable[[int], Token]) -> str | None:
    """Return what to write in the place of the words behind AFTER MATCH SKIP; None where nothing is known of them."""
    words = (peek(0).word, peek(1).word, peek(2).word)
    if words[:2] == ("TO", "NEXT") and words[2] != "ROW":
        return "write AFTER MATCH SKIP TO NEXT ROW"
    if words[:2] == ("PAST", "LAST") and words[2] != "ROW":
        return "write AFTER MATCH SKIP PAST LAST ROW"
    if words[0] == "TO" and words[1] == "CURRENT":
        return "the current row would be found again for ever; write AFTER MATCH SKIP TO NEXT ROW"
    return None


def instead_of_length(tokens: list[Token]) -> str | None:
    """Return what to write for a length as `10 SECONDS`; None where it is another one."""
    if len(tokens) == 2 and tokens[1].word.removesuffix("S") in _UNITS:  # noqa: PLR2004 - a number and a unit
        return f"a length is an interval or a number; write INTERVAL {tokens[0].text} {tokens[1].text}"
    return None
