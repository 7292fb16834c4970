"""Random row patterns in windows on random small tables, against the evaluator of the rules in `window_reference.py`.

ROWPATTERN_QUERIES sets their number (2,000 by default), ROWPATTERN_SEED the first of their seeds.
"""

from __future__ import annotations

import functools
import os
import random
import re
from typing import Any

import pyarrow as pa
import pytest
import wider_queries

import rowpattern

import query_reference
import random_tables
import reference
import window_reference
from query_types import KINDS

QUERIES = int(os.environ.get("ROWPATTERN_QUERIES", "2000"))
FIRST_SEED = int(os.environ.get("ROWPATTERN_SEED", "0"))
CHUNKS = 5


plain = functools.partial(random_tables.plain, of_duckdb=True)


def check(seed: int, *, dependent: bool) -> None:
    rng = random.Random(seed)
    name = rng.choice(list(KINDS))
    names = query_reference.random_names(rng)
    rows = query_reference.random_table(rng, KINDS[name])
    table, arrow = random_tables.given(random.Random(~seed), rows, KINDS[name], names, {"o": 1})
    windows = window_reference.random_windows(rng, dependent=dependent, kind=name, names=names)
    parameters: dict[str, Any] = {}
    for window, prefix in zip(windows, "ab"):
        random_tables.limit_length(rng, window.query, arrow[names["o"]].type)
        if rng.random() < 0.5:
            wider_queries.widen(
                rng,
                window.query,
                table,
                dependent=dependent,
                several_zones=random_tables.has_several_zones(arrow),
                in_window=True,
                prefix=prefix,
            )
        parameters |= window.query.parameters
    text = window_reference.question(windows)
    for row in table:
        row["position"] = row["o"]
    try:
        wanted = window_reference.answer(windows, table)
    except reference.SkipFailedError:
        with pytest.raises(rowpattern.SkipError):
            rowpattern.match_recognize(text, arrow, parameters=parameters or None)
        return
    answer = rowpattern.match_recognize(text, arrow, parameters=parameters or None)
    wanted = [[plain(value) for value in row] for row in wanted]
    columns = (column.to_pylist() for column in answer.columns)
    found = [[plain(value) for value in row] for row in zip(*columns)]
    shown = f"seed {seed}\n{text}\n{parameters}\n{table}\n{arrow.schema}\nfound  {found}\nwanted {wanted}"
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


# Conditions that see different rows from different frames, and some that see the match.
CONDITIONS = [
    *("x < PREV(x)", "x > PREV(x, 2)", "coalesce(x < PREV(x), true)", "x <> NEXT(x)", "PREV(x, 3) IS NULL", "true"),
    *("x > FIRST(x)", "x >= PREV(LAST(A.x), 1) OR count(*) < 3", "x < avg(x)", "sum(A.x) < 6"),
]
PATTERNS = ["A B*", "A+ B?", "(A | B)+", "A B+ C", "A{2,3} B*?", "PERMUTE(A, B) C?", "A? B+", "(A B)+"]


def test_frames_matched_by_themselves_give_what_rows_in_place_give() -> None:
    """Frames to the partition's end, and of more rows than the table has, are answered in two ways."""
    rng = random.Random(FIRST_SEED)
    for _ in range(QUERIES // 10):
        count = rng.randrange(1, 60)
        columns = {
            "id": rng.sample(range(1000), count),
            "x": [rng.choice([None, 0, 1, 2, 3, 4]) for _ in range(count)],
            "p": [rng.choice("ab") for _ in range(count)],
        }
        pattern = rng.choice(PATTERNS)
        define = ", ".join(f"{name} AS {rng.choice(CONDITIONS)}" for name in "ABC" if f"{name}" in pattern)
        skip, seek = rng.choice(["PAST LAST ROW", "TO NEXT ROW"]), rng.choice(["SEEK", "INITIAL"])
        query = f"""SELECT id, a OVER w, b OVER w, c OVER w, n OVER w, count(*) OVER w, sum(x) OVER w
            FROM t WINDOW w AS (PARTITION BY p ORDER BY id
                MEASURES FIRST(id) AS a, LAST(id) AS b, PREV(x) AS c, count(x) AS n
                ROWS BETWEEN CURRENT ROW AND 100 FOLLOWING AFTER MATCH SKIP {skip} {seek}
                PATTERN ({pattern}) DEFINE {define}) ORDER BY id"""
        framed = rowpattern.match_recognize(query, pa.table(columns))
        in_place = rowpattern.match_recognize(query.replace("100 FOLLOWING", "UNBOUNDED FOLLOWING"), pa.table(columns))
        assert framed.equals(in_place), f"{query}\n{columns}"


WINDOW = """ORDER BY id MEASURES LAST(id) AS m, CLASSIFIER() AS c ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING
    AFTER MATCH SKIP TO NEXT ROW SEEK PATTERN (A B*) SUBSET U = (A, B) DEFINE B AS x < PREV(x)"""
TEXTS = [
    f"SELECT m OVER w, sum(x) FILTER (WHERE x > 1) OVER w FROM t WINDOW w AS ({WINDOW}) QUALIFY c OVER w = 'A'",
    f"SELECT *, m OVER ({WINDOW}) AS z FROM t JOIN t AS u USING (id) WHERE t.x > 1 ORDER BY z, u.x LIMIT 3",
    f"WITH q AS (SELECT m OVER w AS m FROM t WINDOW v AS (PARTITION BY x), w AS (v {WINDOW})) SELECT max(m) FROM q",
    f"SELECT x, count(*), m OVER (ORDER BY x {WINDOW[12:]}) FROM t GROUP BY x UNION SELECT 1, 2, 3 ORDER BY 1".replace(
        "LAST(id)", "LAST(x)"
    ),
]
WORDS = """
    OVER w ( ) WINDOW AS PATTERN MEASURES SEEK INITIAL DEFINE ROWS BETWEEN CURRENT ROW AND FOLLOWING m A * , . FROM
    SELECT PARTITION BY ORDER NULLS IGNORE FILTER WITHIN GROUP UNION QUALIFY "a" 'x' -1 ? $p ::INT [1] -- /* ^ $ t.*
    MATCH_RECOGNIZE SUBSET count(*) EXCLUDE LATERAL ; {- -}"""
PIECES = re.compile(r"""\w+|"[^"]*"|'[^']*'|\s+|.""", re.DOTALL)


def test_changed_texts_raise_errors_of_this_package_only() -> None:
    rng, words = random.Random(FIRST_SEED), WORDS.split()
    table = pa.table({"id": [1, 2, 3, 4], "x": [3, 1, 2, None]})
    answered = 0
    for _ in range(QUERIES):
        parts = PIECES.findall(rng.choice(TEXTS))
        for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
            at = rng.randrange(len(parts))
            parts[at : at + rng.randrange(2)] = rng.choice([[], [f" {rng.choice(words)} "]])
        try:
            rowpattern.match_recognize("".join(parts), table)
            answered += 1
        except rowpattern.RowPatternError:
            pass
    assert answered > QUERIES // 10
