"""Answers that the core reads in one call, and batches that look as the one before: the same as in any other way."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest
from ways_taken import same_answer

import rowpattern
from rowpattern.continuous_query.read_answers import ReadAnswers
from rowpattern.continuous_query.row_schema import _ReadBefore

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = pa.schema({"part": pa.string(), "at": pa.int64(), "price": pa.float64(), "name": pa.string(), "i": pa.int32()})
QUERIES = {
    "plain": """PARTITION BY part ORDER BY at MEASURES FIRST(price) AS first, LAST(UP.name) AS name, count(*) AS n,
        MATCH_NUMBER() AS number, CLASSIFIER() AS called, PREV(FIRST(i)) AS before, NEXT(LAST(price)) AS behind
        PATTERN (A UP+) DEFINE UP AS price > PREV(price)""",
    "depends": """PARTITION BY part, i ORDER BY at MEASURES A.at AS at, count(UP.*) AS ups AFTER MATCH SKIP TO NEXT ROW
        PATTERN (A UP+ DOWN?) WITHIN 30 DEFINE UP AS price > A.price, DOWN AS price < LAST(UP.price)""",
    "no partitions": """ORDER BY at MEASURES LAST(A.at, 1) AS at, A.name AS name PATTERN (A{2,4} B)
        DEFINE A AS i > 0, B AS name IS NOT NULL""",
    "expressions": """PARTITION BY part ORDER BY at MEASURES price + 1 AS more, sum(i) AS i PATTERN (A B?)
        DEFINE B AS price IS NULL""",
    "all rows": """PARTITION BY part ORDER BY at MEASURES CLASSIFIER() AS called ALL ROWS PER MATCH PATTERN (A B)
        DEFINE B AS i > PREV(i)""",
}
KINDS: dict[str, Callable[[pa.Table], Any]] = {
    "batch": lambda rows: rows.combine_chunks().to_batches()[0],
    "arrow": lambda rows: rows,
    "polars": pl.DataFrame,
    "pandas": pa.Table.to_pandas,
}


def pieces(seed: int) -> list[pa.Table]:
    """Return rows in order of time, in pieces of some rows."""
    chosen = random.Random(seed)
    count = 150
    table = pa.table(
        {
            "part": [chosen.choice(["a", "bc", "a text of more than twelve bytes"]) for _ in range(count)],
            "at": list(range(count)),
            "price": [chosen.choice([1.0, 2.5, 3.5, None]) for _ in range(count)],
            "name": [chosen.choice(["x", "ü", None]) for _ in range(count)],
            "i": [chosen.randrange(3) for _ in range(count)],
        },
        SCHEMA,
    )
    found, at = [], 0
    while at < count:
        rows = chosen.randrange(1, 30)
        found.append(table.slice(at, rows))
        at += rows
    return found


def given(sql: str, tables: list[Any], schema: Any = SCHEMA) -> list[Any]:
    query = rowpattern.continuous(sql, schema)
    return [*(query.push(table) for table in tables), query.finish()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", QUERIES)
def test_the_same_answers_as_column_by_column(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = f"SELECT * FROM t MATCH_RECOGNIZE ({QUERIES[name]})"
    read: list[bool] = []
    answer = ReadAnswers.answer

    def noted(self: ReadAnswers, *arguments: Any) -> Any:
        found = answer(self, *arguments)
        read.append(found is not None)
        return found

    for seed in range(3):
        tables = [KINDS[kind](each) for each in pieces(seed)]
        with monkeypatch.context() as patch:
            patch.setattr(ReadAnswers, "answer", lambda *_: None)
            patch.setattr(_ReadBefore, "reads", lambda *_: False)
            expected = given(sql, tables)
        with monkeypatch.context() as patch:
            patch.setattr(ReadAnswers, "answer", noted)
            found = given(sql, tables)
        assert sum(map(len, expected)) > 0
        for one, other in zip(found, expected):
            assert type(one) is type(other)
            assert same_answer(one, other)
            assert not isinstance(one, pa.RecordBatch) or one.schema.equals(other.schema, check_metadata=True)
    assert all(read)
    assert bool(read) == (name not in {"expressions", "all rows"})


def test_batches_that_look_otherwise() -> None:
    sql = f"SELECT * FROM t MATCH_RECOGNIZE ({QUERIES['plain']})"
    tables = [KINDS["batch"](each) for each in pieces(5)]
    expected = given(sql, tables)

    def changed(at: int, batch: pa.RecordBatch) -> Any:
        if at % 3 == 0:
            return batch
        if at % 3 == 1:
            return batch.cast(SCHEMA.set(4, pa.field("i", pa.int8()))).replace_schema_metadata({"a": "b"})
        columns = [pa.nulls(len(batch), pa.int8()), *reversed(batch.columns)]
        return pa.RecordBatch.from_arrays(columns, names=["more", *reversed(SCHEMA.names)])

    for order in (0, 1, 2):
        found = given(sql, [changed(at // 2 + order, batch) for at, batch in enumerate(tables)])
        assert [each.to_pylist() for each in found] == [each.to_pylist() for each in expected]
        assert all(each.schema.equals(expected[0].schema) for each in found)


def test_what_a_later_batch_has_wrong_is_said() -> None:
    sql = f"SELECT * FROM t MATCH_RECOGNIZE ({QUERIES['plain']})"
    good, later = (KINDS["batch"](each) for each in pieces(6)[:2])
    texts = [None, pa.py_buffer(bytes(4 * len(later)) + b"\x01\0\0\0"), pa.py_buffer(b"\xff")]
    broken = later.set_column(0, "part", pa.Array.from_buffers(pa.string(), len(later), texts))
    first = rowpattern.continuous(sql, SCHEMA)
    with pytest.raises(rowpattern.RowsError) as said:
        first.push(broken)
    query = rowpattern.continuous(sql, SCHEMA)
    query.push(good)
    query.push(good.slice(0, 0))
    with pytest.raises(rowpattern.RowsError, match="column part") as again:
        query.push(broken)
    assert str(again.value) == str(said.value)
    query.push(later)
    assert query.state().rows > 0


def test_fields_that_say_more_of_a_column() -> None:
    schema = SCHEMA.set(2, pa.field("price", pa.float64(), metadata={"unit": "m"}))
    sql = f"SELECT * FROM t MATCH_RECOGNIZE ({QUERIES['plain']})"
    tables = [KINDS["batch"](each.cast(schema)) for each in pieces(7)]
    found = given(sql, tables, schema)
    assert all(each.schema.field("first").metadata == {b"unit": b"m"} for each in found[:-1])
    expected = given(sql, [KINDS["batch"](each) for each in pieces(7)])
    assert [each.to_pylist() for each in found] == [each.to_pylist() for each in expected]
