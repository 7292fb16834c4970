"""Every type with every expression in every place of a query: the value is DuckDB's, or both have an error.

A sample of 5,000 cases; ROWPATTERN_LONG=1 asks all of them.
ROWPATTERN_SEED chooses another sample.
"""

from __future__ import annotations

import itertools
import os
import random
import re
from dataclasses import dataclass
from functools import cache

import pytest

import expression_matrix
from expression_matrix import Case, DifferenceError
from matrix_values import TYPES

LONG = bool(os.environ.get("ROWPATTERN_LONG"))
SEED = int(os.environ.get("ROWPATTERN_SEED", "0"))
SAMPLE = 5000
# Cases of one type and place in a sample, which are asked together by few queries.
TOGETHER = 16
# Every how many cases the pairs for which DuckDB has an error are asked, too.
ERRORS = 1 if LONG else 5
PARTS = 20
SHOWN = 10


@dataclass(frozen=True)
class Refusal:
    """Cases that are refused by an UnsupportedQueryError; patterns of their types, expressions and places."""

    reason: str
    types: str = ".*"
    expressions: str = ".*"
    places: str = ".*"

    def has(self, case: Case) -> bool:
        parts = ((self.types, case.type), (self.expressions, case.expression), (self.places, case.place))
        return all(re.fullmatch(pattern, text) for pattern, text in parts)


# docs/dialects.md lists them too.
REFUSED: list[Refusal] = []


@cache
def chosen() -> list[Case]:
    """Return the cases that are asked, by type and place: connections of DuckDB have one time zone."""
    every = list(expression_matrix.cases())
    if not LONG:
        every = _sample(every)
    return sorted(every, key=lambda case: (TYPES[case.type].zone or "", case.type, case.place))


def _sample(every: list[Case]) -> list[Case]:
    rng = random.Random(SEED)
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in every:
        groups.setdefault((case.type, case.place), []).append(case)
    chosen = rng.sample(list(groups.values()), SAMPLE // TOGETHER)
    return [case for group in chosen for case in rng.sample(group, min(TOGETHER, len(group)))]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_value_is_duckdbs_wherever_it_stands(part: int) -> None:
    cases = chosen()[part * len(chosen()) // PARTS : (part + 1) * len(chosen()) // PARTS]
    found: list[DifferenceError] = []
    for _, group in itertools.groupby(cases, key=lambda case: (case.type, case.place)):
        found += expression_matrix.ask_together(list(group), ERRORS)
    different = [each for each in found if not (each.refused and any(refusal.has(each.case) for refusal in REFUSED))]
    shown = different if LONG else different[:SHOWN]
    assert not different, f"{len(different)} cases:\n\n" + "\n\n".join(map(str, shown))


def test_few_cases_are_refused() -> None:
    every = list(expression_matrix.cases())
    refused = [case for case in every if any(each.has(case) for each in REFUSED)]
    assert len(refused) <= len(every) // 100


def test_what_is_listed_as_refused_is_refused() -> None:
    """Some case is: a list that has more than that hides differences."""
    for refusal in REFUSED:
        cases = [case for case in expression_matrix.cases() if refusal.has(case)]
        assert any(map(_is_refused, cases[:: max(1, len(cases) // 20)])), refusal


def _is_refused(case: Case) -> bool:
    try:
        expression_matrix.ask(case)
    except DifferenceError as found:
        return found.refused
    return False
