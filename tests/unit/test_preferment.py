"""Matches, rows, classifiers, exclusions and skips, against the preference rules written out in `reference.py`.

ROWPATTERN_CASES sets the number of random cases (20,000 by default), ROWPATTERN_SEED the first of their seeds.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import rowpattern

import reference

CASES = int(os.environ.get("ROWPATTERN_CASES", "20000"))
FIRST_SEED = int(os.environ.get("ROWPATTERN_SEED", "0"))
CHUNKS = 20
NAMES = "ABC"


def expected(pattern: reference.Part, rows: list[set[str]], skip: Any) -> tuple[list[Any], str | None]:
    found = []
    try:
        for start, end, mapped in reference.scan(pattern, rows, skip):
            labels = tuple(name for name, _ in mapped)
            found.append((start, end, labels, tuple(excluded for _, excluded in mapped)))
    except reference.SkipFailedError as error:
        return found, str(error)
    return found, None


def check(pattern: reference.Part, rows: list[set[str]], skip: Any) -> None:
    text = reference.text(pattern)
    compiled = rowpattern.compile(text, subset={"U": set("AB")} if skip[-1] == "U" else None)
    conditions: Any = {name: [name in row for row in rows] for name in compiled.variables} or "-" * len(rows)
    members = {"U": {"A", "B"}}.get(skip[-1], {skip[-1]})
    wanted, problem = expected(pattern, rows, skip if isinstance(skip, str) else (skip[0], members))
    found = []
    try:
        for each in compiled.find_iter(conditions, skip=skip):
            found.append((each.start, each.end, each.labels, each.excluded))  # noqa: PERF401 - the error comes late
    except rowpattern.SkipError as error:
        assert problem is not None, (text, rows, skip)
        assert {"not in match": "no row of the match", "first row": "at the first row"}[problem] in str(error)
        with pytest.raises(rowpattern.SkipError):
            compiled.count(conditions, skip=skip)
        with pytest.raises(rowpattern.SkipError):
            compiled.match(conditions, skip=skip)
    else:
        assert problem is None, (text, rows, skip)
        matches = compiled.match(conditions, skip=skip)
        spans = compiled.spans(conditions, skip=skip)
        assert list(zip(matches.start.to_list(), matches.end.to_list())) == [each[:2] for each in wanted]
        assert matches.number.to_list() == list(range(1, len(wanted) + 1))
        assert matches.rows.classifier.to_list() == [label for each in wanted for label in each[2]]
        assert matches.rows.excluded.to_list() == [flag for each in wanted for flag in each[3]]
        assert matches.rows.row.to_list() == [row for each in wanted for row in range(each[0], each[1])]
        assert [spans[at] for at in range(len(spans))] == [each[:2] for each in wanted], (text, rows, skip)
        assert compiled.count(conditions, skip=skip) == len(wanted)
        assert compiled.is_match(conditions) == bool(wanted)
    assert found == wanted, (text, rows, skip)


def random_case(seed: int) -> None:
    rng = random.Random(seed)
    pattern = reference.random_part(rng, NAMES, rng.randint(1, 5))
    rows = reference.random_rows(rng, NAMES, 6)
    try:
        variables = rowpattern.compile(reference.text(pattern)).variables
    except rowpattern.PatternTooLargeError:
        # A PERMUTE of PERMUTEs can pass the limit; what the limits are is tested elsewhere.
        return
    skips: list[Any] = ["past last row", "to next row"]
    skips += [(mode, name) for mode in ("to first", "to last") for name in variables]
    if {"A", "B"} <= set(variables):
        skips += [("to first", "U"), ("to last", "U")]
    check(pattern, rows, rng.choice(skips))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_patterns_and_rows(chunk: int) -> None:
    passed_over = 0
    seeds = range(FIRST_SEED + chunk, FIRST_SEED + CASES, CHUNKS)
    for seed in seeds:
        try:
            random_case(seed)
        except reference.TooManyWaysError:
            passed_over += 1
        except BaseException:
            print(f"seed {seed}")
            raise
    # Cases that the reference cannot decide must stay the exception.
    assert passed_over <= len(seeds) // 100


def parts() -> st.SearchStrategy[reference.Part]:
    bounds = st.sampled_from([(0, None), (1, None), (0, 1), (2, None), (1, 2), (2, 3), (2, 2)])
    leaves: st.SearchStrategy[reference.Part] = st.one_of(
        st.tuples(st.just("variable"), st.sampled_from(NAMES)), st.just(("empty",)), st.sampled_from([("^",), ("$",)])
    )

    def larger(inner: st.SearchStrategy[reference.Part]) -> st.SearchStrategy[reference.Part]:
        several = st.lists(inner, min_size=2, max_size=3)
        return st.one_of(
            st.tuples(st.sampled_from(["sequence", "choice", "permute"]), several),
            st.tuples(st.just("exclude"), inner),
            st.tuples(inner, bounds, st.booleans()).map(lambda made: ("repeat", made[0], *made[1], made[2])),
        )

    return st.recursive(leaves, larger, max_leaves=6)


@settings(max_examples=300, deadline=None)
@given(parts(), st.lists(st.sets(st.sampled_from(NAMES)), max_size=6))
def test_shrinking(pattern: reference.Part, rows: list[set[str]]) -> None:
    try:
        check(pattern, rows, "past last row")
    except reference.TooManyWaysError:
        reject()


# Patterns for which pruning by state alone, or compiling `x*` as `(x+)?`, gives another answer than the rule:
# once the minimum is met, an iteration that consumed nothing ends its loop.
EMPTY_ITERATIONS = [
    ("((C|A)|B*?)*", ["AB", "B", "B", "B"], [(0, 1, "A"), (1, 1, ""), (2, 2, ""), (3, 3, "")]),
    ("(A|B*?)*", ["A", "B", "A"], [(0, 1, "A"), (1, 1, ""), (2, 3, "A")]),
    ("(B*?|A)*", ["A", "A"], [(0, 0, ""), (1, 1, "")]),
    ("(A*?){2,}", ["A"], [(0, 0, "")]),
    ("(A??){2} B", ["A", "B"], [(0, 2, "AB")]),
    ("(A? B??)+ C", ["A", "B", "C"], [(0, 3, "ABC")]),
    ("((A?)*)* B", ["A", "A", "B"], [(0, 3, "AAB")]),
    ("(()|A)* B", ["A", "B"], [(0, 2, "AB")]),
    ("(()|A)+ B", ["A", "B"], [(0, 2, "AB")]),
    ("(A|()){3,} B", ["A", "B"], [(0, 2, "AB")]),
    ("^* A", ["A", "A"], [(0, 1, "A"), (1, 2, "A")]),
    ("(){5,} A", ["A"], [(0, 1, "A")]),
]


@pytest.mark.parametrize(("text", "rows", "wanted"), EMPTY_ITERATIONS)
def test_empty_iterations(text: str, rows: list[str], wanted: list[tuple[int, int, str]]) -> None:
    pattern = rowpattern.compile(text)
    conditions = {name: [name in row for row in rows] for name in pattern.variables}
    found = [(each.start, each.end, "".join(each.labels)) for each in pattern.find_iter(conditions)]
    assert found == wanted


def test_permute_prefers_all_of_one_order_to_any_of_the_next() -> None:
    # Greedy A+ of the order A, C, B would take two rows; but the order A, B, C comes first, with one row for A.
    pattern = rowpattern.compile("PERMUTE(A+, B, C)")
    rows = ["A", "AB", "C", "B"]
    (found,) = pattern.find_iter({name: [name in row for row in rows] for name in "ABC"})
    assert found.labels == ("A", "B", "C")
