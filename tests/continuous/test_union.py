"""The union of all pushes and the end is the batch's answer, however rows are cut, and whoever restores the state.

With `idle` it is the answer over each partition's rows between two gaps.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

import rowpattern

from continuous_cases import (
    TABLES_A_CASE,
    Case,
    Push,
    answered,
    by_partition,
    cuts,
    in_time,
    plain_rows,
    random_case,
    without_gaps,
)

CASES = int(os.environ.get("ROWPATTERN_CONTINUOUS_CASES", "5000"))
FIRST_SEED = int(os.environ.get("ROWPATTERN_SEED", "0"))
CHUNKS = 8


def check(seed: int, *, dependent: bool) -> tuple[int, str | None]:
    """Check one query; return of how many tables it was asked, and why it was refused."""
    case = random_case(seed, dependent=dependent)
    rng = random.Random(~seed)
    pushes = cuts(rng, case)
    # Rows that are equal in ORDER BY stay as they arrived.
    rows, late = in_time(case, pushes)
    failed = None
    try:
        wanted = [case.batch(part) for part in without_gaps(case, rows)]
    except rowpattern.SkipError as error:
        failed = error

    def made() -> Any:
        return rowpattern.continuous(case.sql, case.rows.schema, **case.options, **case.named)

    def restored(blob: bytes) -> Any:
        return rowpattern.continuous.restore(blob, case.sql)

    try:
        found = answered(case, pushes, made, rng, restored if rng.random() < 0.5 else None)
    except rowpattern.QueryError as error:
        # Types of sums are known before their values are.
        assert isinstance(error, rowpattern.UnsupportedQueryError) or "cast it in MEASURES" in str(error), (seed, error)
        return case.tables, str(error)
    assert (found.error is None) == (failed is None), (seed, case.sql, found.error, failed)
    if case.options["late"] == "collect" and failed is None:
        assert plain_rows(found.late) == plain_rows([late.select(found.late[0].column_names)]), (seed, case.sql)
    if failed is None:
        # Where several tables are given, the batch has texts in the place of views.
        is_same = all(each.schema.equals(wanted[0].schema) for each in found.answers)
        assert is_same or case.given, (seed, case.sql)
        expected = by_partition(plain_rows(wanted), partitioned=case.partitioned)
        ours = by_partition(plain_rows(found.answers), partitioned=case.partitioned)
        assert ours == expected, (seed, case.sql, case.options)
    return case.tables, None


@pytest.mark.parametrize("chunk", [0, *(pytest.param(chunk, marks=pytest.mark.slow) for chunk in range(1, CHUNKS))])
@pytest.mark.slow
def test_the_union_of_pushes_is_the_answer_over_all_rows(chunk: int) -> None:
    tables, refused, seed = 0, [], FIRST_SEED + chunk
    while tables < CASES / CHUNKS:
        count, why = check(seed, dependent=seed % 2 == 1)
        tables += count
        refused += [] if why is None else [why]
        seed += CHUNKS
    assert len(refused) < 0.3 * tables / TABLES_A_CASE, refused


class Never(random.Random):
    """Decides that nothing is done beside pushes."""

    def random(self) -> float:
        return 1.0


def in_pushes(case: Case, rng: random.Random, most: int) -> tuple[Any, ...]:
    """Return what pushes of so many rows at most give, in order."""
    pushes, begin = [], 0
    while begin < case.rows.num_rows:
        count = rng.randint((most + 1) // 2, most)
        pushes.append(Push(case.rows.slice(begin, count), ""))
        begin += count

    def made() -> Any:
        return rowpattern.continuous(case.sql, case.rows.schema, **case.options, **case.named)

    given = answered(case, pushes, made, Never())
    return plain_rows(given.answers), plain_rows(given.late), str(given.error)


@pytest.mark.parametrize("dependent", [False, True])
@pytest.mark.slow
def test_answers_come_in_the_same_order_however_rows_are_cut(*, dependent: bool) -> None:
    """Also what time decides (WITHIN, a condition, `idle`), and what comes before a match with nowhere to skip to."""
    compared, by_time = 0, 0
    for seed in range(int(dependent), 70, 2):
        case, rng = random_case(seed, dependent=dependent), random.Random(seed)
        if len(set(case.sources)) > 1:
            # Which rows are late, and when others go on, depends on how the sources' rows follow one another.
            continue
        try:
            first, *others = (in_pushes(case, rng, most) for most in (case.rows.num_rows + 1, 7, 60))
        except rowpattern.QueryError:
            # It cannot be answered batch by batch.
            continue
        assert all(each == first for each in others), (seed, case.sql, case.options)
        compared += bool(first[0])
        by_time += case.options["idle"] is not None or "WITHIN" in case.sql
    assert compared > 10
    assert by_time > 5
