"""Clauses that are asked again over few rows: the same answers, errors and steps as when they are asked first."""

from __future__ import annotations

import random
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern.sql.execute import few_rows
from rowpattern.sql.runtime.reports import observe_queries, stop_observing_queries

QUERIES = {
    "by partitions, with keys, values, counts and classifiers": """SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY name, part ORDER BY at DESC, price
        MEASURES FIRST(price) AS first, LAST(DOWN.at) AS last, count(UP.*) AS ups, PREV(LAST(UP.name)) AS before,
            MATCH_NUMBER() AS number, CLASSIFIER(DOWN) AS called
        AFTER MATCH SKIP TO NEXT ROW PATTERN (DOWN+ UP*)
        DEFINE DOWN AS price < NEXT(price) OR name = 'a', UP AS at > 3)""",
    "without keys": """SELECT number, last AS "The Last" FROM t MATCH_RECOGNIZE (
        MEASURES MATCH_NUMBER() AS number, LAST(name) AS last PATTERN (A B?) DEFINE B AS price >= PREV(price))""",
    "without columns": "SELECT * FROM t MATCH_RECOGNIZE (MEASURES count(*) AS n, MATCH_NUMBER() AS m PATTERN (A B? A))",
    "by one key": """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY price NULLS FIRST MEASURES A.at AS at, count(*) AS n
        AFTER MATCH SKIP TO LAST A PATTERN (B A) DEFINE A AS at - PREV(at) <> 0)""",
}


def tables(seed: int) -> dict[str, Any]:
    chosen = random.Random(seed)
    rows = chosen.randrange(2, 60)
    values = {
        "name": [chosen.choice(["a", "bc", "a text of more than twelve bytes", None]) for _ in range(rows)],
        "part": [chosen.randrange(2) for _ in range(rows)],
        "at": [chosen.choice([None, *range(9)]) for _ in range(rows)],
        "price": [chosen.choice([None, 1.5, 2.5, -1.0]) for _ in range(rows)],
    }
    if seed % 3 == 0:
        values["at"] = list(range(rows))
    table = pa.table(
        values, pa.schema({"name": pa.string(), "part": pa.int8(), "at": pa.int64(), "price": pa.float64()})
    )
    frame = pl.DataFrame(table)
    return {
        "arrow": table,
        "polars": frame,
        "pandas": table.to_pandas(),
        "chunks": pa.concat_tables([table[:1], table[1:]]),
    }


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether clauses were answered by a plan, one after another."""
    found = []
    answer = few_rows.answer_few_rows

    def answer_few_rows(*arguments: Any) -> Any:
        answered = answer(*arguments)
        found.append(answered is not None)
        return answered

    monkeypatch.setattr("rowpattern.sql.execute.output.answer_few_rows", answer_few_rows)
    return found


def same(one: Any, other: Any) -> bool:
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
        return True
    return bool(one.equals(other)) and one.schema == other.schema


@pytest.mark.parametrize("query", QUERIES)
def test_asked_again(query: str, planned: list[bool]) -> None:
    for seed in range(12):
        # Another text, so that it is asked for the first time.
        sql = f"{QUERIES[query]} -- {seed} {query}"
        for kind, table in tables(seed).items():
            first = match_recognize(f"{sql} {kind}", table)
            assert not planned[-1]
            assert same(match_recognize(f"{sql} {kind}", table), first), (seed, kind)
            assert planned[-1] == (kind != "chunks" or query == "without columns")
            assert same(match_recognize(f"{sql} {kind}", table), first), (seed, kind)


@pytest.mark.parametrize(
    ("kinds", "are_planned"),
    [
        ([pa.int64(), pa.int8(), pa.float32()], [True, True, True]),
        ([pa.timestamp("us", "UTC"), pa.bool_(), pa.string()], [True, True, True]),
        ([pa.int64(), pa.dictionary(pa.int8(), pa.string()), pa.decimal128(25, 2)], [True, False, False]),
    ],
)
def test_tables_of_other_types(kinds: list[pa.DataType], are_planned: list[bool], planned: list[bool]) -> None:
    define = "DEFINE B AS x IS DISTINCT FROM PREV(x)"
    sql = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES LAST(x) AS x PATTERN (A B) {define}) -- {kinds}"
    for _ in range(3):
        for kind in kinds:
            texts = pa.types.is_dictionary(kind) or pa.types.is_string(kind)
            values = pa.array(["b", "a"] if texts else [1, 0]).cast(kind)
            found = match_recognize(sql, pa.table({"x": values}))
            assert found["x"].to_pylist() == [values[0].as_py()]
            assert found["x"].type == kind
    assert planned[-len(kinds) :] == are_planned


def test_errors_are_those_of_the_first_time() -> None:
    table = pa.table({"x": pa.array([1, 2**63 - 1], pa.int64())})
    questions = [
        ("DEFINE A AS x + PREV(x) > 0", "AFTER MATCH SKIP PAST LAST ROW"),
        ("DEFINE A AS x > 0, B AS x < 0", "AFTER MATCH SKIP TO FIRST B"),
    ]
    for define, skip in questions:
        sql = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES A.x AS x {skip} PATTERN (A B?) {define})"
        with pytest.raises(rowpattern.RowPatternError) as first:
            match_recognize(sql, table)
        for _ in range(2):
            with pytest.raises(type(first.value)) as found:
                match_recognize(sql, table)
            assert str(found.value) == str(first.value)


def test_limits_and_cancellation() -> None:
    table = tables(1)["arrow"]
    sql = f"{QUERIES['by one key']} -- limits"
    for _ in range(3):
        match_recognize(sql, table)
    with pytest.raises(rowpattern.QueryLimitError, match=r"limit of 0\.0001 MB"):
        match_recognize(sql, table, memory_limit_mb=1e-4)
    token = rowpattern.CancelToken()
    token.cancel()
    with pytest.raises(rowpattern.QueryCancelledError):
        match_recognize(sql, table, cancel=token)


def test_steps_are_reported() -> None:
    found: list[Any] = []
    sql, table = f"{QUERIES['by one key']} -- steps", tables(2)["arrow"]
    observe_queries(found.append)
    try:
        for _ in range(3):
            match_recognize(sql, table)
    finally:
        stop_observing_queries(found.append)
    first, *again = [[(step.name, step.rows) for step in report.steps] for report in found]
    assert again == [first, first]
    assert all(report.most_bytes > 0 for report in found)


def test_answers_of_pandas_can_be_written_to() -> None:
    sql, table = f"{QUERIES['without keys']} -- written", tables(3)["pandas"]
    for _ in range(3):
        answer = match_recognize(sql, table)
        before = answer["number"].tolist()
        answer.loc[:, "number"] += 1
        assert answer["number"].tolist() == [number + 1 for number in before]
