"""Random queries on random small tables, against the evaluator of the standard in `query_reference.py`.

ROWPATTERN_QUERIES sets their number (5,000 by default), ROWPATTERN_SEED the first of their seeds.
"""

from __future__ import annotations

import math
import os
import random
from typing import Any

import pyarrow as pa
import pytest

import rowpattern

import query_reference
import reference

QUERIES = int(os.environ.get("ROWPATTERN_QUERIES", "5000"))
FIRST_SEED = int(os.environ.get("ROWPATTERN_SEED", "0"))
CHUNKS = 10

SCHEMA = pa.schema([("p", pa.string()), ("o", pa.int64()), ("x", pa.int64()), ("y", pa.float64()), ("s", pa.string())])


def same(found: Any, wanted: Any) -> bool:
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(found, float) and isinstance(wanted, (int, float)):
        return math.isclose(found, wanted, abs_tol=1e-9)
    return bool(found == wanted) and (found is None) == (wanted is None)


def check(seed: int, *, dependent: bool) -> None:
    rng = random.Random(seed)
    table = query_reference.random_table(rng)
    query = query_reference.random_query(rng, dependent=dependent)
    text = query_reference.query_text(query)
    try:
        wanted = query_reference.answer(query, table)
    except reference.SkipFailedError:
        with pytest.raises(rowpattern.SkipError):
            rowpattern.match_recognize(text, pa.Table.from_pylist(table, SCHEMA))
        return
    answer = rowpattern.match_recognize(text, pa.Table.from_pylist(table, SCHEMA))
    found = [list(row) for row in zip(*(column.to_pylist() for column in answer.columns))]
    if not answer.num_columns:
        found = [[] for _ in range(answer.num_rows)]
    assert same(found, wanted), f"seed {seed}\n{text}\n{table}\nfound  {found}\nwanted {wanted}"


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("dependent", [False, True], ids=["row-local", "dependent"])
def test_random_queries(chunk: int, dependent: bool) -> None:
    passed_over = 0
    seeds = range(FIRST_SEED + chunk, FIRST_SEED + QUERIES, CHUNKS)
    for seed in seeds:
        try:
            check(seed, dependent=dependent)
        except (reference.TooManyWaysError, rowpattern.PatternTooLargeError):
            passed_over += 1
    # Cases that the reference cannot decide must stay the exception.
    assert passed_over <= len(seeds) // 50
