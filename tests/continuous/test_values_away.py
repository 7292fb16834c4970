"""PREV and NEXT with IGNORE NULLS in a continuous query: what is kept for them, and when they are known."""

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
    @pytest.mark.slow
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


class TestOn:
    def test_a_condition_is_known_when_the_value_comes(self) -> None:
        query = rowpattern.continuous(clause("A", "A AS NEXT(x IGNORE NULLS, 2) > 1"), SCHEMA)
        assert given(query, 5, None, None, 0, None, 2) == [[], [], [], [], [], [(0, 0), (1, 1), (2, 2)]]
        # The rows from the first one on that is not decided.
        assert query.state().rows == 3
        assert "NOT bounded" in query.explain()
        assert query.finish().num_rows == 0

    def test_what_a_row_that_waits_reads_before_it_is_kept(self) -> None:
        query = rowpattern.continuous(clause("A", "A AS NEXT(x IGNORE NULLS) > PREV(x, 2)"), SCHEMA)
        assert given(query, 1, 1, None, None, 2) == [[], [], [], [], [(2, 2), (3, 3)]]

    def test_other_variables_do_not_wait(self) -> None:
        query = rowpattern.continuous(clause("A | B", "A AS x = 1, B AS NEXT(x IGNORE NULLS) = 3"), SCHEMA)
        assert given(query, 1, None, 1, 3) == [[(0, 0)], [], [(2, 2)], []]
        # The row at 3 waits for the next value.
        assert [(row["f"], row["l"]) for row in query.finish().to_pylist()] == []

    def test_a_value_behind_an_earlier_row_of_the_match_does_not_wait_for_its_own(self) -> None:
        sql = clause("A N* B", "A AS x = 1, N AS x IS NULL, B AS x = NEXT(A.x IGNORE NULLS) AND x > 2")
        query = rowpattern.continuous(sql, SCHEMA)
        assert given(query, 1, None, 3, None) == [[], [], [(0, 2)], []]

    def test_what_measures_read_holds_a_match_back_and_not_those_that_read_nothing_there(self) -> None:
        sql = clause("A B?? C", "A AS x = 1, C AS x = 2", "FIRST(at) AS f, LAST(at) AS l, NEXT({}x IGNORE NULLS) AS n")
        query = rowpattern.continuous(sql.format("C."), SCHEMA)
        assert given(query, 1, 2, None, 7) == [[], [], [], [(0, 1)]]
        # No row is mapped to B: the value is NULL.
        query = rowpattern.continuous(sql.format("B."), SCHEMA)
        assert given(query, 1, 2, None, 7) == [[], [(0, 1)], [], []]
        # The value is in the match.
        query = rowpattern.continuous(sql.format("A."), SCHEMA)
        assert given(query, 1, None, 2) == [[], [], [(0, 2)]]

    @pytest.mark.parametrize("how", ["finish", "idle", "restore"])
    def test_where_no_value_comes_the_end_decides(self, how: str) -> None:
        sql = clause(
            "A B", "B AS NEXT(x IGNORE NULLS) IS NULL", "FIRST(at) AS f, LAST(at) AS l, NEXT(x IGNORE NULLS) AS n"
        )
        query = rowpattern.continuous(sql, SCHEMA, idle=10)
        assert given(query, 1, 2, None) == [[], [], []]
        if how == "restore":
            query = rowpattern.continuous.restore(query.checkpoint(), sql)
        found = query.push(rows(4, first=40)) if how == "idle" else query.finish()
        assert found.to_pylist() == [{"k": "a", "f": 0, "l": 1, "n": None}]

    def test_each_match_is_given_when_it_is_certain(self) -> None:
        sql = clause("A | B", "A AS NEXT(x IGNORE NULLS) = 3, B AS x = 1", more="AFTER MATCH SKIP TO NEXT ROW")
        sql = sql.replace("A | B", "A N | B").replace("DEFINE", "DEFINE N AS x IS NULL,")
        query = rowpattern.continuous(sql, SCHEMA, order="certain")
        assert given(query, None, None, None, 3) == [[], [], [], [(0, 1), (1, 2)]]

    def test_a_batch_that_is_refused_decides_nothing(self) -> None:
        sql = clause("A+ B", f"A AS NEXT(x IGNORE NULLS) > 1, B AS {FAILS} AND x > 4")
        query = rowpattern.continuous(sql, SCHEMA)
        assert given(query, None, None) == [[], []]
        with pytest.raises(QueryError):
            query.push(rows(5, 99, first=2))
        assert given(query, 0, 9, None, first=2) == [[], [], []]
        assert [(row["f"], row["l"]) for row in query.finish().to_pylist()] == [(2, 3)]
