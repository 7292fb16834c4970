"""Queries that are asked again of tables which look the same, or nearly: the answer is that of a query asked first."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from ways_taken import same_answer

import rowpattern
from rowpattern import match_recognize
from rowpattern.sql.execute import asked_again
from rowpattern.sql.execute import query as whole_query

if TYPE_CHECKING:
    from collections.abc import Callable

CLAUSE = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY part ORDER BY at
    MEASURES FIRST(price) AS first, LAST(UP.at) AS last, count(*) AS n, MATCH_NUMBER() AS number
    PATTERN (A UP+) DEFINE UP AS price > PREV(price))"""
COLUMNS: dict[str, list[Any]] = {
    "part": [1, 1, 1, 2, 2, 2, 2],
    "at": [1, 2, 3, 1, 2, 3, 4],
    "price": [1.5, 2.5, 2.0, 1.0, 3.0, 4.0, 0.5],
    "other": [7, 6, 5, 4, 3, 2, 1],
}
KINDS: dict[str, Callable[[dict[str, Any]], Any]] = {"arrow": pa.table, "polars": pl.DataFrame, "pandas": pd.DataFrame}
_numbers = itertools.count()


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether queries were answered as before, one after another."""
    found: list[bool] = []
    answer_again = asked_again.answer_again

    def noted(*arguments: Any) -> Any:
        answer = answer_again(*arguments)
        found.append(answer is not None)
        return answer

    monkeypatch.setattr(whole_query, "answer_again", noted)
    return found


def asked_thrice(kind: str, clause: str = CLAUSE, columns: dict[str, Any] = COLUMNS) -> str:
    """Return a text that was asked three times."""
    sql = f"{clause} -- asked again {next(_numbers)}"
    answers: list[Any] = [match_recognize(sql, KINDS[kind](columns)) for _ in range(3)]
    assert same_answer(answers[1], answers[0])
    assert same_answer(answers[2], answers[0])
    return sql


def fresh(clause: str, table: Any, **options: Any) -> Any:
    return match_recognize(f"{clause} -- fresh {next(_numbers)}", table, **options)


# By what differs: the columns, and whether the way before is taken.
TABLES: dict[str, tuple[dict[str, Any], bool]] = {
    "nothing": (COLUMNS, True),
    "values": ({**COLUMNS, "price": [2.0, 1.0, 1.5, 1.0, 1.0, 2.0, 3.0], "at": [3, 2, 1, 4, 3, 2, 1]}, True),
    "rows": ({name: values[2:5] for name, values in COLUMNS.items()}, True),
    "one row": ({name: values[:1] for name, values in COLUMNS.items()}, False),
    "no rows": ({name: np.array(values)[:0] for name, values in COLUMNS.items()}, False),
    "order of columns": (dict(reversed(COLUMNS.items())), False),
    "a column more": ({**COLUMNS, "more": COLUMNS["at"]}, False),
    "a column less": ({name: values for name, values in COLUMNS.items() if name != "other"}, False),
    "names swapped": (dict(zip(["part", "price", "at", "other"], COLUMNS.values())), False),
    "type of a column": ({**COLUMNS, "at": np.array(COLUMNS["at"], "i2")}, False),
    "sign of a column": ({**COLUMNS, "part": np.array(COLUMNS["part"], "u8")}, False),
    "texts": ({**COLUMNS, "part": ["a", "a", "b", "b", "b", None, "b"]}, False),
    "NULLs": ({**COLUMNS, "price": np.array([1, np.nan, 2, 1, 2, np.nan, 3])}, True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("differs", TABLES)
def test_tables_that_look_alike(kind: str, differs: str, again: list[bool]) -> None:
    sql = asked_thrice(kind)
    assert again[-1:] == [True]
    columns, is_again = TABLES[differs]
    table = KINDS[kind](columns)
    expected = fresh(CLAUSE, table)
    again.clear()
    assert same_answer(match_recognize(sql, table), expected)
    # The first query of a text asks for nothing that was before.
    assert again == [is_again]
    # And then what looked as before.
    assert same_answer(match_recognize(sql, KINDS[kind](COLUMNS)), fresh(CLAUSE, KINDS[kind](COLUMNS)))


def test_kinds_have_ways_of_their_own(again: list[bool]) -> None:
    sql = asked_thrice("arrow")
    tables = [make(COLUMNS) for make in KINDS.values()]
    for table in tables * 3:
        answer = match_recognize(sql, table)
        assert type(answer) is type(table)
        assert same_answer(answer, fresh(CLAUSE, table))
    again.clear()
    assert all(len(match_recognize(sql, table)) for table in tables)
    assert again == [True] * 3
    by_name = match_recognize(sql, t=tables[0])
    assert same_answer(by_name, match_recognize(sql, tables[0]))
    assert again == [True] * 4


def test_texts_and_views_of_arrow(again: list[bool]) -> None:
    columns = {**COLUMNS, "part": ["a", "a", "a", "a text of more than twelve bytes", *["b"] * 3]}
    sql = asked_thrice("arrow", columns=columns)
    assert again[-1]
    table = pa.table(columns)
    views = table.set_column(0, "part", table["part"].cast(pa.string_view()))
    assert same_answer(match_recognize(sql, views), fresh(CLAUSE, views))
    chunks = pa.concat_tables([table[:3], table[3:]])
    assert same_answer(match_recognize(sql, chunks), fresh(CLAUSE, chunks))
    said = table.replace_schema_metadata({"a": "b"})
    field = table.schema.field("price").with_metadata({"unit": "m"})
    for other in (said, table.cast(table.schema.set(2, field))):
        expected = fresh(CLAUSE, other)
        found = match_recognize(sql, other)
        assert found.schema.equals(expected.schema, check_metadata=True)
        assert same_answer(found, expected)


def test_what_cannot_be_read_is_said_as_the_first_time() -> None:
    columns = {**COLUMNS, "part": [*"aaabbb", "c"]}
    sql = asked_thrice("arrow", columns=columns)
    table = pa.table(columns)
    broken = pa.Array.from_buffers(
        pa.string(), 7, [None, pa.py_buffer(np.arange(8, dtype="i4")), pa.py_buffer(b"aaa\xffbbb")]
    )
    wrong = table.set_column(0, "part", broken)
    with pytest.raises(rowpattern.RowsError) as first:
        fresh(CLAUSE, wrong)
    with pytest.raises(rowpattern.RowsError, match="column part") as found:
        match_recognize(sql, wrong)
    assert str(found.value) == str(first.value)


class Frame(pd.DataFrame):  # type: ignore[misc] # pandas is not typed here
    """A class of a caller's."""

    @property
    def _constructor(self) -> type[Frame]:
        return Frame


def test_frames_of_pandas_with_more_than_columns(again: list[bool]) -> None:
    clause = CLAUSE.replace("count(*) AS n", "LAST(level) AS level")
    columns = {**COLUMNS, "level": COLUMNS["other"]}
    sql = asked_thrice("pandas", clause, columns)
    frame = pd.DataFrame(columns)
    again.clear()
    # The level of an index stands for the column that is not there.
    indexed = frame.set_index("level")
    assert same_answer(match_recognize(sql, indexed), fresh(clause, indexed))
    named = frame.set_index(pd.Index(range(7), name="level"))
    assert same_answer(match_recognize(sql, named), fresh(clause, named))
    own = Frame(columns)
    assert type(match_recognize(sql, own)) is Frame
    numbers = frame.set_axis(range(len(columns)), axis=1)
    with pytest.raises(rowpattern.QueryError):
        match_recognize(sql, numbers)
    assert again[:2] == [False, False]
    assert not any(again)
    frame.index = pd.RangeIndex(5, 12)
    assert same_answer(match_recognize(sql, frame), fresh(clause, frame))


def test_whole_numbers_with_null_in_pandas(again: list[bool]) -> None:
    clause = CLAUSE.replace("count(*) AS n", "PREV(FIRST(at)) AS before")
    sql = asked_thrice("pandas", clause)
    assert again[-1]
    answer = match_recognize(sql, pd.DataFrame(COLUMNS))
    assert str(answer["before"].dtype) == "Int64"
    assert same_answer(answer, fresh(clause, pd.DataFrame(COLUMNS)))


def test_options_are_heard() -> None:
    sql = asked_thrice("arrow")
    table = pa.table(COLUMNS)
    token = rowpattern.CancelToken()
    token.cancel()
    with pytest.raises(rowpattern.QueryCancelledError):
        match_recognize(sql, table, cancel=token)
    with pytest.raises(rowpattern.QueryLimitError, match="limit of 1e-06 s"):
        match_recognize(sql, table, timeout_seconds=1e-6)
    with pytest.raises(rowpattern.QueryLimitError, match=r"limit of 1e-05 MB"):
        match_recognize(sql, table, memory_limit_mb=1e-5)
    with pytest.raises(rowpattern.QueryError, match="no parameter"):
        match_recognize(sql, table, parameters={"p": 1})
    steps: list[Any] = []
    assert same_answer(match_recognize(sql, table, progress=steps.append), match_recognize(sql, table))
    assert {step.step for step in steps} >= {"order", "match", "measures"}
    longest = fresh(CLAUSE.replace("UP+", "UP+?"), table, prefer="longest")
    reluctant = asked_thrice("arrow", CLAUSE.replace("UP+", "UP+?"))
    assert same_answer(match_recognize(reluctant, table, prefer="longest"), longest)
    assert not match_recognize(reluctant, table).equals(longest)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT last AS l, n FROM ({CLAUSE}) AS q WHERE n > 1",
        CLAUSE.replace("SELECT *", "SELECT number, first AS f"),
        CLAUSE.replace("price > PREV(price)", "price > PREV(price) AND at < (SELECT max(at) FROM t)"),
    ],
)
def test_queries_with_more_than_the_clause(sql: str) -> None:
    for other in (COLUMNS, TABLES["values"][0]):
        for _ in range(3):
            table = pa.table(other)
            assert same_answer(match_recognize(sql, table), fresh(sql, table))
