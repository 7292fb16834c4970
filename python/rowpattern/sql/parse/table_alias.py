"""What tables in FROM are called, by their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.parse.keywords import BEHIND_A_TABLE, JOIN_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rowpattern.sql.text.tokens import Token

__all__ = ["alias_at", "called", "names_in_from"]


def alias_at(tokens: Sequence[Token], at: int, end: int) -> str | None:
    """Return the alias that stands at a token before `end`, with or without AS; None where there is none."""
    if at < end and tokens[at].word == "AS":
        at += 1
    if at >= end or not tokens[at].is_name:
        return None
    return None if tokens[at].word in BEHIND_A_TABLE else tokens[at].text


def called(tokens: Sequence[Token]) -> str | None:
    """Return what a table is called, given its tokens outside of brackets; None where it has no alias."""
    tokens = list(tokens)
    words = [token.word for token in tokens]
    if "TABLESAMPLE" in words:
        tokens = tokens[: words.index("TABLESAMPLE")]
    if len(tokens) > 1 and tokens[1].is_sign(":"):
        return tokens[0].text
    if len(tokens) > 2 and tokens[-1].is_sign("(") and _is_alias(tokens[-2], tokens[-3]):  # noqa: PLR2004
        # The names of its columns.
        tokens.pop()
    if len(tokens) > 2 and tokens[-1].is_sign("(") and tokens[-2].word == "MATCH_RECOGNIZE":  # noqa: PLR2004
        return called(tokens[:-2])
    if len(tokens) == 1 and tokens[0].is_name:
        return tokens[0].text
    return tokens[-1].text if len(tokens) > 1 and _is_alias(tokens[-1], tokens[-2]) else None


def _is_alias(token: Token, before: Token) -> bool:
    """Say whether a token names the table that another one ends, or the AS behind it."""
    if not token.is_name or token.word in BEHIND_A_TABLE or token.word == "ORDINALITY":
        return False
    if before.word == "AS":
        return True
    return before.word not in BEHIND_A_TABLE and (before.is_name or before.is_sign("(") or before.kind == "text")


def names_in_from(tokens: Iterable[Token]) -> list[str]:
    """Return what the tables of FROM are called that stand before what follows it: not those behind SEMI or ANTI JOIN.

    Args:
        tokens: those outside of brackets of tables and what joins them.
    """
    tables: list[list[Token]] = [[]]
    is_condition = False
    for token in tokens:
        if token.word == "JOIN" or token.is_sign(","):
            tables.append([])
            is_condition = False
            continue
        # Words of the next join stand behind a condition too.
        is_condition = (is_condition or token.word in {"ON", "USING"}) and token.word not in {"ANTI", "SEMI"}
        if not is_condition:
            tables[-1].append(token)
    names = []
    is_shown = True
    for table in tables:
        was_shown, is_shown = is_shown, not (table and table[-1].word in {"ANTI", "SEMI"})
        while table and table[-1].word in JOIN_WORDS:
            table.pop()
        name = called(table[1:] if table and table[0].word == "LATERAL" else table)
        if name is not None and was_shown:
            names.append(name)
    return names
