"""Spans on rows of one letter each, against Python's `re`."""

from __future__ import annotations

import random
import re
import warnings

import rowpattern

import reference

LETTERS = "ABC"


def as_regular_expression(part: reference.Part) -> str:
    kind = part[0]
    if kind == "variable":
        return str(part[1])
    if kind == "sequence":
        return "(?:" + "".join(map(as_regular_expression, part[1])) + ")"
    if kind == "choice":
        return "(?:" + "|".join(map(as_regular_expression, part[1])) + ")"
    _, body, least, most, greedy = part
    upper = "" if most is None else most
    return f"(?:{as_regular_expression(body)}){{{least},{upper}}}{'' if greedy else '?'}"


def random_part(rng: random.Random, depth: int) -> reference.Part:
    """Make up a pattern whose loops cannot iterate over nothing: there `re` has a rule of its own."""
    roll = rng.random()
    if depth == 0 or roll < 0.25:
        return ("variable", rng.choice(LETTERS))
    if roll < 0.5:
        return ("sequence", [random_part(rng, depth - 1) for _ in range(rng.randint(2, 3))])
    if roll < 0.7:
        return ("choice", [random_part(rng, depth - 1) for _ in range(rng.randint(2, 3))])
    body = random_part(rng, depth - 1)
    if can_be_empty(body):
        return body
    least, most = rng.choice([(0, None), (1, None), (0, 1), (2, None), (1, 2), (2, 3)])
    return ("repeat", body, least, most, rng.random() < 0.6)


def can_be_empty(part: reference.Part) -> bool:
    return re.fullmatch(as_regular_expression(part), "") is not None


def test_spans_are_those_of_re() -> None:
    matches = 0
    for seed in range(5_000):
        rng = random.Random(seed)
        pattern = random_part(rng, rng.randint(1, 4))
        text = "".join(rng.choices(LETTERS + "-", weights=[4, 3, 2, 1], k=rng.randint(0, 40)))
        expression = re.compile(as_regular_expression(pattern))
        spans = rowpattern.compile(reference.text(pattern)).spans(text)
        found = [spans[at] for at in range(len(spans))]
        # `re` looks for another match where a match ended, even an empty one; the standard goes on from there only
        # with a next row, and never behind the last. So step through `re` by the standard's rule.
        wanted, row = [], 0
        while row < len(text):
            each = expression.search(text, row)
            if each is None or each.start() == len(text):
                break
            wanted.append(each.span())
            row = max(each.end(), each.start() + 1)
        assert found == wanted, (reference.text(pattern), text)
        matches += len(wanted)
    # A generator that made no matches would test nothing.
    assert matches > 20_000


def test_long_rows() -> None:
    rng = random.Random(1)
    text = "".join(rng.choices("ABCD", k=300_000))
    with warnings.catch_warnings():
        for pattern in ("A+ B+", "A (B|C)+ D", "(A|B)+ (C{1,3} D*)+", "A{1,50} B", "(A|B)* A (A|B){9}"):
            expression = re.compile(pattern.replace(" ", ""))
            spans = rowpattern.compile(pattern).spans(text)
            assert list(zip(spans.start.to_list(), spans.end.to_list())) == [
                each.span() for each in expression.finditer(text)
            ]
