"""Clauses over many rows in order, answered by the core's pipeline: what the steps answer one after another."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from ways_taken import same_answer, way_taken

from rowpattern import QueryLimitError, explain, match_recognize

ROWS = 70_001
WALK = np.random.default_rng(5).integers(-3, 4, ROWS).cumsum()
TABLE = pa.table(
    {
        "day": np.arange(ROWS) // 2,
        "price": WALK / 4,
        "size": pa.array((WALK % 100).astype("int16"), mask=WALK % 7 == 0),
        "note": pa.array([f"n{number}" for number in WALK % 10], mask=WALK % 11 == 0),
        "flag": WALK % 3 == 0,
    }
)

V_SHAPE = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY day
    MEASURES FIRST(DOWN.day) AS begun, LAST(DOWN.price) AS low, LAST(UP.price, 1) AS ended, count(UP.*) AS ups,
        LAST(size) AS size, FIRST(note) AS note, NEXT(LAST(flag)) AS flag, CLASSIFIER() AS last
    {skip} PATTERN (START{{0,1}} DOWN+ UP{{2,}}) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""
# Matches that overlap, of up to five rows; empty matches; rows that the partition's ends decide about.
OVERLAPPING = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY day
    MEASURES FIRST(size) AS size, LAST(price) AS price AFTER MATCH SKIP TO NEXT ROW
    PATTERN (UP{1,2} ANY_ONE? DOWN{2}) DEFINE UP AS price > PREV(price), DOWN AS price < PREV(price))"""
EMPTY = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY day MEASURES count(*) AS n, FIRST(note) AS note
    PATTERN (BIG*) DEFINE BIG AS size > 50)"""
ENDS = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY day MEASURES LAST(day) AS day, PREV(FIRST(day)) AS before
    PATTERN (^A B | A B{2} $ | C B) DEFINE C AS flag, B AS NEXT(price) IS NULL OR price >= PREV(price, 2))"""
QUERIES = {
    "V": V_SHAPE.format(skip=""),
    "overlapping": OVERLAPPING,
    "empty": EMPTY,
    "ends": ENDS,
    "no order": V_SHAPE.format(skip="").replace("ORDER BY day", ""),
    "in falling order": V_SHAPE.format(skip="").replace("ORDER BY day", "ORDER BY day DESC"),
}


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return, for each clause, whether a pipeline has answered it."""
    return way_taken(monkeypatch, "answer_by_pipeline")


def step_by_step(query: str, table: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr("rowpattern.sql.execute.output.answer_by_pipeline", lambda *_: None)
        return match_recognize(query, table)


@pytest.mark.parametrize("kind", [pa.table, pl.from_arrow, pa.Table.to_pandas])
@pytest.mark.parametrize("name", QUERIES)
def test_what_steps_answer(
    name: str, kind: Callable[[pa.Table], Any], ways: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = kind(TABLE if name != "in falling order" else TABLE.take(np.arange(ROWS)[::-1]))
    expected = step_by_step(QUERIES[name], table, monkeypatch)
    assert len(expected) > 0
    for threads in (1, 2):
        assert same_answer(match_recognize(QUERIES[name], table, threads=threads), expected)
    # In pandas' frames, `size` has NaN, and `note` is no plain column.
    assert ways == [kind is not pa.Table.to_pandas or name == "ends"] * 2


def test_numbers_of_pandas_and_nan(ways: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"day": np.arange(ROWS), "price": WALK / 4, "size": WALK / 8})
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY day MEASURES FIRST(day) AS begun, LAST(size) AS size
        PATTERN (DOWN UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""
    assert same_answer(match_recognize(query, frame), step_by_step(query, frame, monkeypatch))
    for column in ("price", "size"):
        with_nan = frame.copy()
        with_nan.loc[40_000, column] = np.nan
        assert same_answer(match_recognize(query, with_nan), step_by_step(query, with_nan, monkeypatch))
    assert ways == [True, False, False]


def test_parameters(ways: list[bool]) -> None:
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY day MEASURES FIRST(day) AS begun, count(*) AS n
        PATTERN (DOWN UP+) DEFINE DOWN AS price < PREV(price) - {0}, UP AS price > PREV(price) + {0})"""
    for value in (0.25, 0.5, None, 1):
        expected = match_recognize(query.format("NULL" if value is None else f"{value}"), TABLE)
        assert match_recognize(query.format("$p"), TABLE, parameters={"p": value}).equals(expected)
    assert ways == [True] * 8


def test_rows_in_no_order_and_partitions(ways: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    late = np.arange(ROWS)
    late[-2:] = late[:-3:-1]
    for table in (TABLE.take(late), TABLE.take(np.random.default_rng(1).permutation(ROWS))):
        assert same_answer(match_recognize(QUERIES["V"], table), step_by_step(QUERIES["V"], table, monkeypatch))
    partitioned = QUERIES["V"].replace("ORDER BY", "PARTITION BY price ORDER BY")
    assert same_answer(match_recognize(partitioned, TABLE), step_by_step(partitioned, TABLE, monkeypatch))
    assert ways == [False] * 3


def test_steps_and_limits(ways: list[bool]) -> None:
    ran = explain(QUERIES["V"], TABLE, analyze=True)
    assert [step.name for step in ran.steps] == ["order", "conditions", "match", "measures", "output"]
    assert [step.rows == ROWS for step in ran.steps] == [True, True, True, False, False]
    assert ways == [True]
    with pytest.raises(QueryLimitError):
        match_recognize(QUERIES["V"], TABLE, memory_limit_mb=0.05)
