"""What a continuous query keeps between pushes, when it forgets it, and that a checkpoint has all of it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import (
    CheckpointError,
    ConfigurationError,
    QueryError,
    QueryLimitError,
)

from continuous_queries import RISES, SCHEMA, clause, rows, spans


class TestWhatIsKept:
    def test_rows_of_the_open_match_and_no_others(self) -> None:
        query = rowpattern.continuous(clause("A B+ C", "A AS x = 1, B AS x = 2, C AS x = 3"), SCHEMA)
        query.push(rows(("a", 1, 0), ("a", 2, 1), ("a", 3, 2), ("a", 4, 2), ("b", 5, 9), ("c", 6, 1)))
        state = query.state()
        assert (state.partitions, state.rows) == (2, 4)
        assert state.oldest == ({"k": "a"}, 2, 3)
        assert spans(query.push(rows(("a", 7, 3)))) == [("a", 2, 7)]
        assert query.state()[:2] == (1, 1)

    def test_keys_without_an_open_match_leave_nothing(self) -> None:
        query = rowpattern.continuous(clause("A B", "A AS x = 1, B AS x = 2"), SCHEMA)
        query.push(rows(("a", 0, 1)))
        before = query.state().size_bytes
        for first in range(0, 100_000, 10_000):
            names = [str(number) for number in range(first, first + 10_000)]
            query.push(pa.table([names, [first] * 10_000, [0] * 10_000], schema=SCHEMA))
        assert query.state()[:2] == (1, 1)
        assert query.state().size_bytes < before + 100_000

    def test_match_numbers_and_previous_rows_are_remembered(self) -> None:
        query = rowpattern.continuous(clause("A", "A AS x > PREV(x)", "MATCH_NUMBER() AS f, PREV(x) AS l"), SCHEMA)
        found = [spans(query.push(rows(("a", at, x)))) for at, x in enumerate([1, 2, 0, 5])]
        assert found == [[], [("a", 1, 1)], [], [("a", 2, 0)]]

    def test_the_memory_limit_names_the_oldest_open_match(self) -> None:
        query = rowpattern.continuous(clause("A B* C", "C AS x = 9"), SCHEMA, memory_limit_mb=0.05)

        def fill() -> None:
            for at in range(100):
                query.push(rows(*[("a", at, 1)] * 100))

        with pytest.raises(QueryLimitError, match=r"oldest open match began at at = 0 in the partition k = 'a'"):
            fill()
        # What was there goes on.
        assert spans(query.finish()) == []

    def test_idle_partitions_end(self) -> None:
        query = rowpattern.continuous(clause("A B*", "A AS x = 1, B AS x = 2"), SCHEMA, idle=10)
        query.push(rows(("a", 1, 1), ("a", 5, 2), ("b", 9, 0)))
        assert spans(query.push(rows(("b", 15, 0)))) == []
        assert query.expired == []
        assert spans(query.push(rows(("b", 16, 0)))) == [("a", 1, 5)]
        assert query.expired == [{"k": "a"}]
        assert query.push(rows(("b", 17, 0))).num_rows == 0
        assert query.expired == []

    def test_a_partition_whose_rows_come_is_not_idle(self) -> None:
        query = rowpattern.continuous(clause("A B+", "A AS x = 1, B AS x = 2"), SCHEMA, idle=5)
        query.push(rows(("a", 1, 1)))
        query.push(rows(("a", 3, 1), ("a", 6, 1), ("a", 9, 1), ("a", 12, 1)))
        assert query.expired == []
        assert spans(query.push(rows(("a", 13, 2), ("a", 14, 0)))) == [("a", 12, 13)]

    @pytest.mark.parametrize("size", [1, 2, 3, 4, 8])
    @pytest.mark.parametrize("names", [("a", "a", "a"), ("b", "c", "d")])
    def test_a_gap_ends_the_rows_before_it_in_whatever_push_it_comes(self, size: int, names: tuple[str, ...]) -> None:
        """A row behind the gap begins another partition: `^`, MATCH_NUMBER() and PREV know nothing of those before."""
        b, c, d = names
        table = rows(
            ("a", 1, 1), ("a", 2, 2), ("a", 3, 2), (b, 9, 0), ("a", 100, 1), ("a", 101, 2), (c, 102, 0), (d, 110, 1)
        )
        wanted: dict[str, list[tuple[Any, ...]]] = {
            clause("A B+", "A AS x = 1, B AS x = 2"): [("a", 1, 3), ("a", 100, 101)],
            clause("^ A", "A AS x = 1", "at AS f, 0 AS l"): [("a", 1, 0), ("a", 100, 0), (d, 110, 0)],
            clause("A", "A AS x = 1", "at AS f, MATCH_NUMBER() AS l"): [("a", 1, 1), ("a", 100, 1), (d, 110, 1)],
            clause("A", "A AS PREV(x) IS NULL", "at AS f, 0 AS l"): [
                ("a", 1, 0),
                (b, 9, 0),
                ("a", 100, 0),
                *([] if c == "a" else [(c, 102, 0)]),
                (d, 110, 0),
            ],
            clause("A", "A AS x > NEXT(x)", "at AS f, NEXT(x) AS l"): [] if c != "a" else [("a", 101, 0)],
            clause("A", "A AS x = 2", "at AS f, NEXT(x) AS l"): [
                ("a", 2, 2),
                ("a", 3, None),
                ("a", 101, 0 if c == "a" else None),
            ],
            clause("A B* $", "A AS x = 1, B AS x = 2"): [
                ("a", 1, 3),
                *([] if c == "a" else [("a", 100, 101)]),
                (d, 110, 110),
            ],
        }
        for sql, spans_wanted in wanted.items():
            query = rowpattern.continuous(sql, SCHEMA, idle=5)
            found = [query.push(table.slice(first, size)) for first in range(0, table.num_rows, size)]
            found.append(query.finish())
            assert sorted(row for each in found for row in spans(each)) == sorted(spans_wanted), sql
            assert query.state().rows == 0

    def test_a_partition_ends_by_the_time_of_the_push_that_has_its_last_row(self) -> None:
        query = rowpattern.continuous(clause("A B*", "A AS x = 1, B AS x = 2"), SCHEMA, idle=5)
        assert spans(query.push(rows(("a", 1, 1), ("c", 2, 0), ("b", 100, 0)))) == [("a", 1, 1)]
        # Of c nothing was open, so nothing would have been kept.
        assert query.expired == [{"k": "a"}]
        assert query.state().partitions == 0

    def test_idle_partitions_that_are_remembered_are_forgotten(self) -> None:
        query = rowpattern.continuous(clause("A", "A AS x = 1", "MATCH_NUMBER() AS f, at AS l"), SCHEMA, idle=5)
        query.push(rows(("a", 1, 1), ("b", 3, 1)))
        assert query.state().partitions == 2
        assert spans(query.push(rows(("b", 7, 1)))) == [("b", 2, 7)]
        assert query.expired == [{"k": "a"}]
        assert query.state().partitions == 1

    def test_a_failed_push_leaves_the_rows_before_a_gap_open(self) -> None:
        query = rowpattern.continuous(
            clause("A B*", "A AS x = 1, B AS x = 2 AND SUM(CAST(A.k AS INTEGER)) > 0"), SCHEMA, idle=5
        )
        query.push(rows(("1", 1, 1)))
        with pytest.raises(QueryError):
            query.push(rows(("1", 50, 1), ("1", 51, 2), ("z", 51, 1), ("z", 52, 2)))
        assert (query.state().partitions, query.state().rows) == (1, 1)
        assert spans(query.push(rows(("1", 6, 2)))) == []
        assert spans(query.push(rows(("1", 60, 1)))) == [("1", 1, 6)]

    def test_one_partition_can_end(self) -> None:
        query = rowpattern.continuous(clause("A B*", "A AS x = 1, B AS x = 2"), SCHEMA)
        query.push(rows(("a", 1, 1), ("b", 2, 1)))
        assert spans(query.finish(partition="a")) == [("a", 1, 1)]
        assert spans(query.finish(partition={"k": "c"})) == []
        assert spans(query.finish(partition=("b",))) == [("b", 2, 2)]
        for wrong in (("a", "b"), {"q": 1}, 5):
            with pytest.raises(ConfigurationError):
                query.finish(partition=wrong)
        assert query.state().partitions == 0

    def test_after_the_end_it_takes_no_rows(self) -> None:
        query = rowpattern.continuous(RISES, SCHEMA)
        query.finish()
        assert query.finish().num_rows == 0
        with pytest.raises(QueryError, match="finished"):
            query.push(rows(("a", 1, 1)))


class TestCheckpoints:
    def test_a_query_goes_on_where_it_was(self) -> None:
        sql = clause("A B+ C", "B AS x > A.x, C AS x < PREV(x)", "MATCH_NUMBER() AS f, LAST(at) AS l")
        query = rowpattern.continuous(sql, SCHEMA, lateness=2, late="collect", idle=100)
        table = rows(*[("ab"[at % 2], at, at * 7 % 5) for at in range(60)])
        found = [row for part in range(0, 30, 3) for row in spans(query.push(table.slice(part, 3)))]
        again = rowpattern.continuous.restore(query.checkpoint(b"offset 30"), sql)
        assert again.positions == b"offset 30"
        assert again.state() == query.state()._replace(size_bytes=again.state().size_bytes)
        for each in (query, again):
            rest = [*spans(each.push(table.slice(30))), *spans(each.finish())]
            whole = sorted(spans(rowpattern.match_recognize(sql, table)))
            assert sorted([*found, *rest]) == whole

    def test_it_is_of_one_query(self) -> None:
        blob = rowpattern.continuous(RISES, SCHEMA).checkpoint()
        with pytest.raises(CheckpointError, match="another query"):
            rowpattern.continuous.restore(blob, RISES.replace("B+", "B*"))
        with pytest.raises(CheckpointError):
            rowpattern.continuous.restore(blob[:-1], RISES)

    def test_what_is_held_back_is_found_again(self) -> None:
        sql = clause("A", "A AS x = 1", "FIRST(at) AS f, NEXT(x, 2) AS l")
        query = rowpattern.continuous(sql, SCHEMA)
        query.push(rows(("a", 1, 1), ("a", 2, 0)))
        again = rowpattern.continuous.restore(query.checkpoint(), sql)
        assert spans(again.push(rows(("a", 3, 7)))) == [("a", 1, 7)]
