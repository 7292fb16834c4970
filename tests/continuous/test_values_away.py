"""PREV with IGNORE NULLS in a continuous query: what is kept for it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern.errors import QueryError, UnsupportedQueryError

SCHEMA = pa.schema({"k": pa.string(), "at": pa.int64(), "x": pa.int64(), "s": pa.string()})
# True, and an error where x is 99.
FAILS = "CAST(CASE WHEN x = 99 THEN 'q' ELSE '1' END AS INT) = 1"


def clause(pattern: str, define: str, measures: str = "FIRST(at) AS f, LAST(at) AS l", more: str = "") -> str:
    return f"""SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY k ORDER BY at MEASURES {measures} {more} PATTERN ({pattern}) DEFINE {define})"""


def rows(*values: int | None, first: int = 0, key: str = "a") -> pa.Table:
    """Return rows of a partition with these values of x, one at each time from the first one on."""
    times = range(first, first + len(values))
    return pa.table([[key] * len(values), times, values, [None] * len(values)], schema=SCHEMA)


def given(query: Any, *values: int | None, first: int = 0) -> list[list[tuple[int, int]]]:
    """Push rows one by one; return what each gave."""
    answers = [query.push(rows(value, first=first + at)) for at, value in enumerate(values)]
    return [[(row["f"], row["l"]) for row in answer.to_pylist()] for answer in answers]


class TestBack:
    def test_one_row_of_a_partition_is_kept_however_far_the_value_is(self) -> None:
        sql = clause("A", "A AS x > PREV(x IGNORE NULLS, 2)", "x AS x, PREV(upper(s) IGNORE NULLS) AS u")
        query = rowpattern.continuous(sql, SCHEMA)
        pushed = rows(5, 6).append_column("u", pa.array(["b", "c"])).drop(["s"]).rename_columns(SCHEMA.names)
        query.push(pushed)
        for step in range(2, 600):
            assert not query.push(rows(None, first=step)).num_rows
            assert query.state().rows == 1
            if step == 300:
                query = rowpattern.continuous.restore(query.checkpoint(), sql)
        assert query.push(rows(6, first=600)).to_pylist() == [{"k": "a", "x": 6, "u": "C"}]
        assert "remembered for PREV" in query.explain()

    def test_a_partition_that_ended_begins_without_values(self) -> None:
        query = rowpattern.continuous(clause("A", "A AS x > PREV(x IGNORE NULLS)"), SCHEMA, idle=10)
        assert given(query, 1, 2) == [[], [(1, 1)]]
        query.finish(partition="a")
        assert given(query, 3, 4, first=5) == [[], [(6, 6)]]
        # More than 10 later: without the partition's end it would be a match.
        assert given(query, 5, 6, first=30) == [[], [(31, 31)]]

    def test_values_of_a_batch_that_was_refused_are_none(self) -> None:
        sql = clause("A", f"A AS {FAILS} AND x > PREV(x IGNORE NULLS)")
        query = rowpattern.continuous(sql, SCHEMA)
        assert given(query, 1, None) == [[], []]
        blob = query.checkpoint()
        for again in (query, rowpattern.continuous.restore(blob, sql)):
            with pytest.raises(QueryError, match="Could not convert"):
                again.push(rows(9, 99, first=2))
            assert given(again, None, 2, first=2) == [[], [(3, 3)]]

    def test_farther_back_than_rows_carry_values_is_refused(self) -> None:
        rowpattern.continuous(clause("A", "A AS x > PREV(x IGNORE NULLS, 1000)"), SCHEMA)
        with pytest.raises(UnsupportedQueryError, match="1,001 values back"):
            rowpattern.continuous(clause("A", "A AS x > PREV(x IGNORE NULLS, 1001)"), SCHEMA)
