"""Words that are no names in a query where they stand bare, and words that are names although DuckDB wants quotes."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rowpattern.sql.text.tokens import Token

__all__ = ["BEHIND_A_TABLE", "JOIN_WORDS", "NOT_A_NAME", "bare_names", "ends_expression", "part_meant"]

#: DuckDB's reserved words.
NOT_A_NAME = frozenset(
    """
    ALL ANALYSE ANALYZE AND ANY ARRAY AS ASC ASYMMETRIC BOTH CASE CAST CHECK COLLATE COLUMN CONSTRAINT CREATE
    DEFAULT DEFERRABLE DESC DESCRIBE DISTINCT DO ELSE END EXCEPT FALSE FETCH FOR FOREIGN FROM GROUP HAVING IN
    INITIALLY INTERSECT INTO LAMBDA LATERAL LEADING LIMIT NOT NULL OFFSET ON ONLY OR ORDER PIVOT PIVOT_LONGER
    PIVOT_WIDER PLACING PRIMARY QUALIFY REFERENCES RETURNING SELECT SHOW SOME SUMMARIZE SYMMETRIC TABLE THEN TO
    TRAILING TRUE UNION UNIQUE UNPIVOT USING VARIADIC WHEN WHERE WINDOW WITH
    """.split()
)

#: Words that continue FROM behind a table, and so cannot be its alias.
BEHIND_A_TABLE = NOT_A_NAME | frozenset(
    "ANTI ASOF AT CROSS FULL INNER JOIN LEFT MATCH_RECOGNIZE NATURAL OUTER POSITIONAL RIGHT SEMI TABLESAMPLE".split()
)

# Words that join two values, or a clause and its list, and so end no expression.
_BETWEEN_VALUES = frozenset({"IS", "LIKE", "ILIKE", "GLOB", "SIMILAR", "BETWEEN", "ESCAPE", "ZONE", "OVERLAPS", "BY"})

# DuckDB takes these as names of functions and types only, but columns have such names (`at` above all).
_QUOTED_FOR_DUCKDB = frozenset(
    "AT AUTHORIZATION BINARY COLLATION CONCURRENTLY FREEZE FULL GLOB LEFT RIGHT VERBOSE".split()
)
#: Words of a join between two tables.
JOIN_WORDS = frozenset(
    {"ANTI", "ASOF", "CROSS", "FULL", "INNER", "JOIN", "LEFT", "NATURAL", "OUTER", "POSITIONAL", "RIGHT", "SEMI"}
)


# Words with which parts of a clause begin, and for which others may be meant.
_PARTS = ("PARTITION", "ORDER", "MEASURES", "AFTER", "PATTERN", "WITHIN", "SUBSET", "DEFINE")


def part_meant(word: str) -> str | None:
    """Return the word of a clause's part that another one nearly is."""
    word = word.upper()
    found = [] if word in _PARTS else difflib.get_close_matches(word, _PARTS, 1, 0.8)
    return found[0] if found else None


def ends_expression(token: Token) -> bool:
    """Say whether an expression can end with a token."""
    if token.kind == "sign":
        return token.text in {")", "]", "}", "?"} or token.text.startswith("$")
    word = token.word
    if word in _BETWEEN_VALUES:
        return False
    return word not in NOT_A_NAME or word in {"NULL", "TRUE", "FALSE", "END", "ASC", "DESC"}


def bare_names(tokens: Sequence[Token]) -> Iterator[Token]:
    """Give the words that name columns where DuckDB would want them in quotes: `at` in `at - FIRST(at) < 5`."""
    for at, token in enumerate(tokens):
        if token.word not in _QUOTED_FOR_DUCKDB:
            continue
        before = tokens[at - 1] if at else None
        behind = tokens[at + 1] if at + 1 < len(tokens) else None
        if before is not None and (ends_expression(before) or before.is_sign(".") or before.word in JOIN_WORDS):
            continue
        if behind is not None and (behind.text in {"(", "{"} or behind.kind == "text" or behind.word in JOIN_WORDS):
            continue
        yield token
