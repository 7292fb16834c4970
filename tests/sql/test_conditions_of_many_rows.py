"""Conditions that many rows make quick: of numbers of eight bits, and of timestamps apart by less than an interval.

Matches of `PATTERN (A)` are the rows where the condition is true; DuckDB filters by the same condition.
"""

from __future__ import annotations

import random
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from rowpattern import match_recognize
from rowpattern.errors import QueryError

ROWS = 3_000
KINDS = ["visit", "view", "cart", "pay", "help"]
NUMBERS = ["x < 3", "x IN (-1, 3, 200)", "x IS NULL", "x BETWEEN -2 AND 2 OR x IS NULL", "NOT x = 1", "x % 3 = 1"]
NUMBERS += ["x + 1 > 100", "x IS DISTINCT FROM 2"]
TEXTS = ["x = 'view'", "x <> 'view'", "x IN ('cart', 'pay')", "x IS NULL", "x = 'nothing'"]


@pytest.fixture(autouse=True)
def as_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer as for more rows than those that are answered in one step."""
    monkeypatch.setattr("rowpattern.sql.execute.output.MOST_FEW_ROWS", 0)


def column(kind: str, *, nulls: bool) -> pa.Array:
    chosen = random.Random(kind)
    mask = [nulls and chosen.random() < 0.1 for _ in range(ROWS)]
    if kind == "categories":
        texts = [None if absent else chosen.choice(KINDS) for absent in mask]
        ordered = pa.array(KINDS)
        places = pa.array([None if text is None else KINDS.index(text) for text in texts], pa.uint8())
        return pa.DictionaryArray.from_arrays(places, ordered, ordered=True)
    low, high = (-128, 127) if kind == "int8" else (0, 255)
    near = [chosen.choice([chosen.randint(low, high), chosen.randint(max(low, -3), 3)]) for _ in range(ROWS)]
    return pa.array([None if absent else value for absent, value in zip(mask, near)], getattr(pa, kind)())


def matched(condition: str, rows: Any, **options: Any) -> list[int]:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY id MEASURES A.id AS id PATTERN (A) DEFINE A AS {})"
    return sorted(match_recognize(sql.format(condition), rows, **options)["id"].to_pylist())


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("kind", ["uint8", "int8", "categories"])
def test_numbers_of_eight_bits(kind: str, nulls: bool) -> None:
    whole = pa.table({"k": [0] * ROWS, "id": range(ROWS), "x": column(kind, nulls=nulls)})
    in_chunks = pa.concat_tables([whole.slice(1_000, 700), whole.slice(0, 1_000), whole.slice(1_700)])
    connection = duckdb.connect()
    connection.register("t", whole)
    for condition in TEXTS if kind == "categories" else NUMBERS:
        wanted = [row for (row,) in connection.execute(f"SELECT id FROM t WHERE {condition} ORDER BY id").fetchall()]
        assert matched(condition, whole) == wanted, condition
        assert matched(condition, in_chunks, threads=2) == wanted, condition


def test_an_enum_of_polars() -> None:
    frame = pl.DataFrame(
        {"id": range(ROWS), "x": pl.Series([KINDS[row % 5] for row in range(ROWS)]).cast(pl.Enum(KINDS))}
    )
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY id MEASURES A.id AS id PATTERN (A) DEFINE A AS x > 'view')"
    # By their ranks, and not by their texts.
    assert match_recognize(sql, frame)["id"].to_list() == [row for row in range(ROWS) if row % 5 > 1]


def test_an_error_is_that_of_a_row() -> None:
    condition = "CAST(x AS UTINYINT) > 5"
    whole = pa.table({"k": [0] * ROWS, "id": range(ROWS), "x": pa.array([row % 20 for row in range(ROWS)], pa.int8())})
    assert matched(condition, whole) == [row for row in range(ROWS) if row % 20 > 5]
    with_negative = whole.set_column(2, "x", pa.array([-1, *range(19)] * (ROWS // 20), pa.int8()))
    with pytest.raises(QueryError):
        matched(condition, with_negative)


DIFFERENCES = [
    "seen - PREV(seen) <= INTERVAL 1 HOUR",
    "seen - PREV(seen) < INTERVAL 1 HOUR",
    "INTERVAL 1 DAY >= seen - PREV(seen)",
]
DIFFERENCES += [
    "seen - PREV(seen) > INTERVAL 1 MONTH",
    "INTERVAL 1 HOUR < NEXT(seen) - seen",
    "seen - PREV(seen, 2) >= INTERVAL (-2) HOUR",
]
DIFFERENCES += ["seen - PREV(seen) = INTERVAL 1 HOUR", "NOT (seen - PREV(seen) <= INTERVAL 1 HOUR)"]


@pytest.mark.parametrize("condition", DIFFERENCES)
def test_timestamps_apart_by_an_interval(condition: str) -> None:
    chosen = random.Random(1)
    hour = 3_600_000_000
    steps = [0, 1, hour - 1, hour, hour + 1, 24 * hour, 720 * hour, -hour, -3 * hour]
    seen = [None if chosen.random() < 0.05 else 1_700_000_000_000_000 + chosen.choice(steps) for _ in range(ROWS)]
    # Further apart than a number of 64 bits says.
    seen[700:704] = [-(2**62) - 2**61, 2**62 + 2**61, -(2**62) - 2**61, 0]
    columns = {
        "k": [row // 7 for row in range(ROWS)],
        "id": range(ROWS),
        "seen": pa.array(seen, pa.int64()).cast(pa.timestamp("us")),
    }
    rows = pa.table(columns)
    window = "OVER (PARTITION BY k ORDER BY id)"
    said = condition.replace("PREV(seen, 2)", f"lag(seen, 2) {window}").replace("PREV(seen)", f"lag(seen) {window}")
    said = said.replace("NEXT(seen)", f"lead(seen) {window}")
    connection = duckdb.connect()
    connection.register("t", rows)
    found = connection.execute(f"SELECT id FROM (SELECT id, {said} AS holds FROM t) WHERE holds ORDER BY id").fetchall()
    assert matched(condition, rows) == [row for (row,) in found]


def test_infinite_timestamps_are_not_subtracted() -> None:
    seen = pa.array([0, 1, 2**63 - 1, 5], pa.int64()).cast(pa.timestamp("us"))
    alone = pa.table({"k": [0, 0, 1, 2], "id": range(4), "seen": seen})
    # Nothing is subtracted from it, nor it from others.
    assert matched("seen - PREV(seen) <= INTERVAL 1 HOUR", alone) == [1]
    with pytest.raises(QueryError):
        matched("seen - PREV(seen) <= INTERVAL 1 HOUR", alone.set_column(0, "k", pa.array([0, 0, 0, 0])))
