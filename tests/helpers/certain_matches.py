"""Which matches are certain after some rows of a partition: those that begin every answer over all that may follow.

What may follow is tried out: rows where any set of variables' conditions holds, to some depth, at once, later or much
later, and none. The answers over each are those of `match_recognize`. More depth makes fewer matches certain: what is
not certain here is not certain, and what is certain here may turn out not to be with more depth.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

import rowpattern

import reference

if TYPE_CHECKING:
    import random

__all__ = [
    "Found",
    "Outlook",
    "Question",
    "Rows",
    "certain",
    "grouped",
    "matches",
    "outlooks",
    "random_question",
    "table",
]

#: A match: its first row, its rows, their variables.
Found = tuple[int, int, tuple[str, ...]]
#: A row for each number: bit 0 says whether the condition of A may hold, bit 1 of B, bit 2 of C.
Rows = Sequence[int]

# How far in time the first row to come is behind the last one, and each behind the one before.
_NEXT, _FAR, _AT_ONCE = (1, 1), (1000, 1), (0, 0)
# Patterns in which a later row does not make a match final, or nothing may follow.
_KNOWN = [
    *(
        "A+",
        "A B*",
        "A+ B+",
        "A B+?",
        "(A B ^ | A)",
        "A B A B | A B",
        "A B B | B",
        "A (B | A B)*",
        "(A | B)* A",
        "A?? B",
    ),
    *(
        "A{2,} | B A*",
        "(A B?)+",
        "A* B",
        "A B* A",
        "((A B) | A)+ B",
        "B | A A B",
        "A*? B?",
        "(A | ^ B)+",
        "PERMUTE(A, B) B*",
    ),
]


class Question(NamedTuple):
    """A query over the columns p (partition), i (time), x, and a, b, c.

    Attributes:
        sql: the query.
        variables: as a text.
        is_bounded: whether it has WITHIN, so that time decides too.
        looks_on: whether a condition depends on rows behind its own, so that conditions of several rows are not
            independent of each other: fewer matches may be given than are certain.
    """

    sql: str
    variables: str
    is_bounded: bool
    looks_on: bool


def _pattern(rng: random.Random, variables: str, known_share: float) -> str:
    """Make up a pattern in which something is chosen."""
    if rng.random() < known_share:
        return rng.choice(_KNOWN)
    while True:
        found = reference.text(reference.random_part(rng, variables, rng.randint(2, 4)))
        found = found.replace("{-", " ").replace("-}", " ")
        if sum(map(found.count, variables)) > 1 and any(mark in found for mark in "*+?{|"):
            return found


def random_question(rng: random.Random, known_share: float = 0.3) -> Question:
    """Make up a query each of whose conditions may hold or not in a row to come, whatever has been.

    Args:
        rng: what decides.
        known_share: how many have one of the patterns that are known to be hard, which few rows complete.
    """
    variables = rng.choice(["AB", "AB", "AB", "ABC"])
    pattern = _pattern(rng, variables, known_share)
    named = {name for name in variables if name in pattern} or {"A"}
    pattern = pattern if set(pattern) & set(variables) else f"{pattern} A"
    forms = [
        "{v}",
        "{v}",
        "{v} AND x >= FIRST(x)",
        "{v} AND x >= COALESCE(LAST(x, 1), 0)",
        "{v} AND x >= COALESCE(PREV(x), 0)",
        "{v} AND x * 100 >= SUM(x)",
        "{v} AND x >= COALESCE(PREV(NULLIF(x, 0) IGNORE NULLS, 2), 0)",
        "{v} AND x >= COALESCE(PREV(LAST(x)), PREV(A.x IGNORE NULLS), 0)" if "A" in named else "{v}",
        # Of the next row where x is above 0.
        "NEXT(CASE WHEN x > 0 THEN {v} END IGNORE NULLS)",
    ]
    conditions = ", ".join(f"{name} AS {rng.choice(forms).format(v=name.lower())}" for name in sorted(named))
    within = rng.choice(["", "", " WITHIN 2", " WITHIN 3"])
    anchor = rng.choice(["{}", "{}", "{}", "{}", "{}", "^ ({})", "({}) $"])
    skip = rng.choice(["PAST LAST ROW", "PAST LAST ROW", "TO NEXT ROW"])
    sql = f"""SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY p ORDER BY i
        MEASURES FIRST(i) AS begun, COUNT(*) AS n, ARRAY_AGG(CLASSIFIER()) AS labels
        ONE ROW PER MATCH AFTER MATCH SKIP {skip}
        PATTERN ({anchor.format(pattern)}){within} DEFINE {conditions})"""
    return Question(sql, "".join(sorted(named)), bool(within), "NEXT(" in conditions)


def table(partitions: Sequence[tuple[int, Rows, Rows, tuple[int, int]]]) -> pa.Table:
    """Return rows as a table: of each partition its number, the rows so far, those behind them, and when these come.

    Rows to come have an x that is above all sums, so that conditions on it hold.
    """
    numbers, times, values, flags = [], [], [], []
    for number, so_far, to_come, (first, step) in partitions:
        count = len(so_far) + len(to_come)
        numbers += [number] * count
        times += [*range(len(so_far)), *(len(so_far) - 1 + first + step * at for at in range(len(to_come)))]
        values += [*(row >> 3 for row in so_far), *[8] * len(to_come)]
        flags += [*so_far, *to_come]
    bits = np.array(flags, dtype=np.int64)
    columns = {name: pa.array((bits >> place & 1).astype(bool)) for place, name in enumerate("abc")}
    return pa.table(
        {
            "p": pa.array(numbers, pa.int64()),
            "i": pa.array(times, pa.int64()),
            "x": pa.array(values, pa.int64()),
            **columns,
        }
    )


def matches(question: Question, rows: pa.Table) -> dict[int, list[Found]]:
    """Return the batch's matches by partition."""
    return grouped(rowpattern.match_recognize(question.sql, rows))


def grouped(answer: pa.Table) -> dict[int, list[Found]]:
    """Return an answer's matches by partition."""
    found: dict[int, list[Found]] = {}
    for number, begun, count, labels in zip(*(column.to_pylist() for column in answer.columns)):
        found.setdefault(number, []).append((begun, count, tuple(labels or ())))
    return found


class Outlook(NamedTuple):
    """What is known of a partition after some rows.

    Attributes:
        certain: the matches that begin every answer.
        open_rows: how many of its last rows are in a match that may come next.
    """

    certain: list[Found]
    open_rows: int


def certain(question: Question, prefixes: Sequence[Rows], depth: int) -> list[list[Found]]:
    """Return for each prefix of a partition the matches that begin every answer over it and what follows."""
    return [each.certain for each in outlooks(question, prefixes, depth)]


def outlooks(question: Question, prefixes: Sequence[Rows], depth: int) -> list[Outlook]:
    """Return for each prefix of a partition what the answers over it and what follows have in common."""
    symbols = range(1 << 3) if "C" in question.variables else range(1 << 2)
    tails = [tail for length in range(depth + 1) for tail in itertools.product(symbols, repeat=length)]
    gaps = [_NEXT, _FAR, _AT_ONCE] if question.is_bounded else [_NEXT]
    partitions = [
        (number, prefix, tail, gap)
        for number, (prefix, tail, gap) in enumerate(itertools.product(prefixes, tails, gaps))
    ]
    answers = matches(question, table(partitions))
    count = len(tails) * len(gaps)
    found = []
    for at, prefix in enumerate(prefixes):
        lists = [answers.get(number, []) for number in range(at * count, (at + 1) * count)]
        sure = _common(lists)
        # A match is known by its first row's time, which tells rows apart but where all come at once.
        apart = [each for each, gap in zip(lists, itertools.cycle(gaps)) if gap != _AT_ONCE]
        following = [found_there[len(sure)] for found_there in apart if len(found_there) > len(sure)]
        begun = min((begun for begun, rows, _ in following if rows), default=len(prefix))
        found.append(Outlook(sure, max(0, len(prefix) - begun)))
    return found


def _common(lists: Sequence[list[Found]]) -> list[Found]:
    """Return what all lists begin with."""
    shortest = min(lists, key=len)
    for at, found in enumerate(shortest):
        if any(other[at] != found for other in lists):
            return shortest[:at]
    return shortest
