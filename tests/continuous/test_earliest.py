"""A match is given after the first push with which it is certain, and none before.

After the rows so far, exactly the matches are given that begin every answer over these rows and any that may follow
(`certain_matches`). That nothing else is given is seen by the answers over what follows; that nothing is held back, by
two continuations whose answers differ right behind what was given.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

import rowpattern

from certain_matches import Found, Question, Rows, certain, grouped, matches, random_question, table

QUESTIONS = int(os.environ.get("ROWPATTERN_CONTINUOUS_QUESTIONS", "45"))
FIRST_SEED = int(os.environ.get("ROWPATTERN_SEED", "0"))
PARTITIONS, LENGTH = 6, 5
CHUNKS = 3
DEEPEST = 5

#: Gives, for each length of a prefix, the matches of each partition that were given so far.
Emitter = Callable[[Question, list[Rows]], list[list[list[Found]]]]


def continuous(question: Question, partitions: list[Rows]) -> list[list[list[Found]]]:
    """Push a row of each partition at a time."""
    query = rowpattern.continuous(question.sql, table([]).schema)
    given: list[list[Found]] = [[] for _ in partitions]
    found = []
    for step in range(LENGTH):
        rows = table([(number, each[: step + 1], (), (1, 1)) for number, each in enumerate(partitions)])
        answer = query.push(rows.filter(rows["i"].to_numpy() == step))
        for number, more in grouped(answer).items():
            given[number] += more
        found.append([list(each) for each in given])
    return found


def eager(question: Question, partitions: list[Rows]) -> list[list[list[Found]]]:
    """Give all that the batch finds so far."""
    found = []
    for step in range(LENGTH):
        answers = matches(question, table([(at, each[: step + 1], (), (1, 1)) for at, each in enumerate(partitions)]))
        found.append([answers.get(at, []) for at in range(len(partitions))])
    return found


def a_row_late(question: Question, partitions: list[Rows]) -> list[list[list[Found]]]:
    """Give what was certain a row before."""
    before = [certain(question, [each[: step + 1] for each in partitions], 3) for step in range(LENGTH - 1)]
    return [[[] for _ in partitions], *before]


def check(seed: int, emitter: Emitter, known_share: float = 0.3) -> str | None:
    """Return what is wrong with what an emitter gives for a random query."""
    rng = random.Random(seed)
    question = random_question(rng, known_share)
    bits = 3 if "C" in question.variables else 2
    partitions: list[Rows] = [
        [rng.randrange(1 << bits) | rng.choice([0, 0, 1, 3]) << 3 for _ in range(LENGTH)] for _ in range(PARTITIONS)
    ]
    depth = 2 if bits == 3 else 3
    given = emitter(question, partitions)
    for step in range(LENGTH):
        prefixes = [each[: step + 1] for each in partitions]
        for prefix, found, sure in zip(prefixes, given[step], certain(question, prefixes, depth)):
            if found != sure[: len(found)]:
                return f"early: {seed} {question.sql} over {prefix}: {found}, certain are {sure}"
            # Fewer matches may be certain than seem to be, where more rows that may follow are looked at.
            if question.looks_on:
                continue
            if len(found) < len(sure) and len(found) < min(
                len(certain(question, [prefix], deeper)[0]) for deeper in range(depth, DEEPEST + 1)
            ):
                return f"late: {seed} {question.sql} over {prefix}: {found}, certain are {sure}"
    return None


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.slow
def test_matches_are_given_when_they_are_certain_and_not_before(chunk: int) -> None:
    for seed in range(FIRST_SEED + chunk, FIRST_SEED + QUESTIONS, CHUNKS):
        assert check(seed, continuous) is None


@pytest.mark.parametrize(("emitter", "verdict"), [(eager, "early"), (a_row_late, "late")])
@pytest.mark.slow
def test_the_test_sees_what_is_early_and_what_is_late(emitter: Emitter, verdict: str) -> None:
    found = [check(seed, emitter, known_share=1) for seed in range(12)]
    assert sum(each is not None and each.startswith(verdict) for each in found) >= 4
