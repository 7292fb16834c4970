"""Random row patterns in windows on random small tables, against the evaluator of the rules in `window_reference.py`.

ROWPATTERN_QUERIES sets their number (2,000 by default), ROWPATTERN_SEED the first of their seeds.
"""

from __future__ import annotations

import os
import random
import uuid
from typing import Any

import pytest

import rowpattern

import query_reference
import random_tables
import reference
import window_reference
from query_types import KINDS

QUERIES = int(os.environ.get("ROWPATTERN_QUERIES", "2000"))
FIRST_SEED = int(os.environ.get("ROWPATTERN_SEED", "0"))
CHUNKS = 5


def plain(value: Any) -> Any:
    """Return a value of an answer, or of the reference; what DuckDB gives of a UUID is its text."""
    found = random_tables.plain(value)
    if isinstance(found, list):
        return list(map(plain, found))
    return str(found) if isinstance(found, uuid.UUID) else found


def check(seed: int, *, dependent: bool) -> None:
    rng = random.Random(seed)
    name = rng.choice(list(KINDS))
    names = query_reference.random_names(rng)
    rows = query_reference.random_table(rng, KINDS[name])
    table, arrow = random_tables.given(random.Random(~seed), rows, KINDS[name], names, {"o": 1})
    windows = window_reference.random_windows(rng, dependent=dependent, kind=name, names=names)
    text = window_reference.question(windows)
    for row in table:
        row["position"] = row["o"]
    try:
        wanted = window_reference.answer(windows, table)
    except reference.SkipFailedError:
        with pytest.raises(rowpattern.SkipError):
            rowpattern.match_recognize(text, arrow)
        return
    answer = rowpattern.match_recognize(text, arrow)
    wanted = [[plain(value) for value in row] for row in wanted]
    columns = (column.to_pylist() for column in answer.columns)
    found = [[plain(value) for value in row] for row in zip(*columns)]
    shown = f"seed {seed}\n{text}\n{table}\n{arrow.schema}\nfound  {found}\nwanted {wanted}"
    assert random_tables.same(found, wanted), shown


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("dependent", [False, True], ids=["row-local", "dependent"])
def test_random_windows(chunk: int, dependent: bool) -> None:
    passed_over = 0
    seeds = range(FIRST_SEED + chunk, FIRST_SEED + QUERIES // 2, CHUNKS)
    for seed in seeds:
        try:
            check(seed, dependent=dependent)
        except (reference.TooManyWaysError, rowpattern.PatternTooLargeError):
            passed_over += 1
    # Cases that the reference cannot decide must stay the exception.
    assert passed_over <= len(seeds) // 50 + 1
