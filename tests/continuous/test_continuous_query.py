"""The object that `rowpattern.continuous` gives: what its methods promise, by examples with known answers."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import (
    QueryError,
    SkipError,
    UnsupportedQueryError,
)

from continuous_queries import RISES, SCHEMA, clause, rows, spans


class TestPush:
    def test_a_match_leaves_with_the_row_that_decides_it(self) -> None:
        query = rowpattern.continuous(RISES, SCHEMA)
        assert spans(query.push(rows(("a", 1, 1), ("b", 1, 9), ("a", 2, 2)))) == []
        assert spans(query.push(rows(("a", 3, 3)))) == []
        assert spans(query.push(rows(("a", 4, 0)))) == [("a", 1, 3)]
        assert spans(query.finish()) == []

    def test_matches_come_in_the_order_of_the_rows_that_decide_them(self) -> None:
        query = rowpattern.continuous(RISES, SCHEMA)
        found = query.push(
            rows(("a", 1, 1), ("b", 2, 1), ("b", 3, 2), ("a", 4, 2), ("b", 5, 0), ("a", 6, 0), ("b", 7, 1))
        )
        assert spans(found) == [("b", 2, 3), ("a", 1, 4)]
        assert spans(query.finish()) == [("b", 5, 7)]

    @pytest.mark.parametrize("kind", ["table", "batch", "pandas", "polars"])
    def test_the_kind_of_table_given_comes_back(self, kind: str) -> None:
        table = rows(("a", 1, 1), ("a", 2, 2), ("a", 3, 0))
        given: Any = {
            "table": table,
            "batch": table.to_batches()[0],
            "pandas": table.to_pandas(),
            "polars": pl.from_arrow(table),
        }[kind]
        query = rowpattern.continuous(RISES, SCHEMA)
        for _ in range(2):
            found = query.push(given)
            assert type(found) is type(given)
            assert len(found) == 1
            given = given[:0] if kind in {"pandas", "polars"} else given.slice(0, 0)
            nothing = query.push(given)
            assert type(nothing) is type(given)
            assert len(nothing) == 0
            given = {"table": table, "batch": table.to_batches()[0]}.get(kind, given)
            break

    def test_rows_that_callers_change_afterwards_are_kept_as_they_were(self) -> None:
        frame = pd.DataFrame({"k": ["a", "a"], "at": [1, 2], "x": [1, 2]})
        query = rowpattern.continuous(RISES, frame)
        query.push(frame)
        frame.loc[:, "at"] = 0
        assert query.push(pd.DataFrame({"k": ["a"], "at": [3], "x": [0]})).f.tolist() == [1]

    def test_columns_that_are_not_read_may_lack_and_types_are_those_of_the_schema(self) -> None:
        query = rowpattern.continuous(RISES, SCHEMA)
        small = pa.table({"at": pa.array([1, 2, 3], pa.int32()), "x": [1, 2, 0], "k": ["a"] * 3, "other": [0, 0, 0]})
        assert spans(query.push(small)) == [("a", 1, 2)]
        with pytest.raises(QueryError, match="no column x"):
            query.push(small.drop_columns(["x"]))
        with pytest.raises(QueryError, match="column x of the batch"):
            query.push(small.set_column(1, "x", pa.array(["a", "b", "c"])))

    def test_dictionaries_may_differ_from_batch_to_batch(self) -> None:
        schema = pa.schema({"k": pa.dictionary(pa.int8(), pa.string()), "at": pa.int64(), "x": pa.int64()})
        query = rowpattern.continuous(clause("A B", "B AS k = 'b' OR x > PREV(x)"), schema)

        def batch(key: str, at: int, x: int) -> pa.Table:
            return pa.table(
                [pa.array([key]).dictionary_encode().cast(schema.field("k").type), [at], [x]], schema=schema
            )

        query.push(batch("a", 1, 1))
        query.push(batch("b", 2, 1))
        found = query.push(batch("a", 3, 2))
        assert found.schema.field("k").type == pa.dictionary(pa.int32(), pa.string())
        assert spans(found) == [("a", 1, 3)]

    def test_a_batch_whose_conditions_fail_takes_no_row(self) -> None:
        query = rowpattern.continuous(clause("A B+", "B AS 10 / x > A.x AND CAST(k AS INT) > 0"), SCHEMA)
        query.push(rows(("1", 1, 1), ("1", 2, 2)))
        before = query.state()
        with pytest.raises(QueryError):
            query.push(rows(("2", 3, 1), ("z", 4, 1), ("z", 5, 1), ("1", 6, 3)))
        assert query.state()._replace(size_bytes=0) == before._replace(size_bytes=0)
        assert spans(query.push(rows(("1", 3, 20)))) == [("1", 1, 2)]

    def test_measures_that_fail_take_no_row(self) -> None:
        query = rowpattern.continuous(clause("A B", "B AS x > 0", "CAST(LAST(k) AS INT) AS n"), SCHEMA)
        with pytest.raises(QueryError):
            query.push(rows(("z", 1, 1), ("z", 2, 1)))
        assert query.state().partitions == 0
        assert query.push(rows(("7", 1, 1), ("7", 2, 1))).column("n").to_pylist() == [7]


class TestWhatIsCertain:
    def test_a_reluctant_loop_ends_at_once(self) -> None:
        query = rowpattern.continuous(clause("A B+?", "B AS x > 0"), SCHEMA)
        assert spans(query.push(rows(("a", 1, 0), ("a", 2, 1)))) == [("a", 1, 2)]

    def test_a_later_row_does_not_make_a_match_final(self) -> None:
        query = rowpattern.continuous(clause("A B C D | A B", "A AS x = 1, B AS x = 2, C AS x = 3, D AS x = 4"), SCHEMA)
        assert spans(query.push(rows(("a", 1, 1), ("a", 2, 2), ("a", 3, 3)))) == []
        assert spans(query.push(rows(("a", 4, 5)))) == [("a", 1, 2)]

    def test_ways_that_cannot_end_are_not_waited_for(self) -> None:
        query = rowpattern.continuous(clause("A B ^ | A", "A AS x = 1, B AS x = 2"), SCHEMA)
        assert spans(query.push(rows(("a", 1, 1)))) == [("a", 1, 1)]

    def test_next_makes_only_its_variable_wait(self) -> None:
        query = rowpattern.continuous(clause("A | B", "A AS x = 1, B AS NEXT(x, 2) IS NULL"), SCHEMA)
        assert spans(query.push(rows(("a", 1, 1), ("a", 2, 0)))) == [("a", 1, 1)]
        assert spans(query.push(rows(("a", 3, 0)))) == []
        assert spans(query.finish()) == [("a", 2, 2), ("a", 3, 3)]

    def test_next_in_measures_holds_the_answer_back_and_not_the_decision(self) -> None:
        query = rowpattern.continuous(clause("A", "A AS x = 1", "FIRST(at) AS f, NEXT(x, 2) AS l"), SCHEMA)
        assert spans(query.push(rows(("a", 1, 1), ("a", 2, 0)))) == []
        assert spans(query.push(rows(("a", 3, 7)))) == [("a", 1, 7)]
        assert query.state().rows == 0

    def test_answers_that_wait_keep_their_order(self) -> None:
        more = "AFTER MATCH SKIP TO NEXT ROW"
        sql = clause("A C C | C", "A AS x = 1, C AS x = 2", "FIRST(at) AS f, NEXT(at) AS l", more)
        table = rows(("a", 1, 1), ("a", 2, 2), ("a", 3, 2), ("a", 4, 0))
        # The first match is longer than the second one, which would be known earlier.
        assert spans(rowpattern.continuous(sql, SCHEMA).push(table)) == [("a", 1, 4), ("a", 2, 3), ("a", 3, 4)]
        query = rowpattern.continuous(sql, SCHEMA)
        found = [spans(query.push(table.slice(at, 1))) for at in range(4)]
        assert found == [[], [], [], [("a", 1, 4), ("a", 2, 3), ("a", 3, 4)]]

    def test_within_ends_matches_by_the_clock(self) -> None:
        sql = clause("A B*", "A AS x = 1, B AS x = 2", more="").replace("PATTERN (A B*)", "PATTERN (A B*) WITHIN 5")
        query = rowpattern.continuous(sql, SCHEMA)
        assert spans(query.push(rows(("a", 1, 1), ("a", 3, 2)))) == []
        # A row of another partition says what time it is.
        assert spans(query.push(rows(("b", 6, 0)))) == []
        assert spans(query.push(rows(("b", 7, 0)))) == [("a", 1, 3)]
        query.push(rows(("a", 8, 1)))
        assert spans(query.advance(13)) == []
        assert spans(query.advance(14)) == [("a", 8, 8)]
        assert query.state().partitions == 0

    @pytest.mark.parametrize(
        ("condition", "latest"),
        [("at < FIRST(at) + 5", 5), ("at <= A.at + 5", 6), ("5 > at - A.at", 5), ("at < FIRST(at) + 5 AND x = 2", 5)],
    )
    def test_conditions_on_time_end_matches_by_the_clock(self, condition: str, latest: int) -> None:
        query = rowpattern.continuous(clause("A B*", f"A AS x = 1, B AS {condition}"), SCHEMA)
        assert spans(query.push(rows(("a", 1, 1), ("a", 3, 2)))) == []
        assert spans(query.advance(latest)) == []
        assert spans(query.advance(latest + 1)) == [("a", 1, 3)]

    def test_overlapping_matches_each_when_it_is_certain(self) -> None:
        sql = clause("A B+ C | A C", "A AS x < 3, B AS x = 1, C AS x = 2", more="AFTER MATCH SKIP TO NEXT ROW")
        values = rows(("a", 1, 1), ("a", 2, 1), ("a", 3, 2), ("a", 4, 0), ("a", 5, 2))
        in_order = rowpattern.continuous(clause("A B* C+ D", "D AS x = 9", more="AFTER MATCH SKIP TO NEXT ROW"), SCHEMA)
        assert spans(in_order.push(rows(("a", 1, 0)))) == []
        certain = rowpattern.continuous(sql, SCHEMA, order="certain")
        found = [*spans(certain.push(values)), *spans(certain.finish())]
        assert sorted(found) == sorted(spans(rowpattern.match_recognize(sql, values)))

    @pytest.mark.parametrize(
        ("more", "measures"),
        [("", "FIRST(at) AS f"), ("AFTER MATCH SKIP TO NEXT ROW", "MATCH_NUMBER() AS f")],
    )
    def test_order_certain_is_refused_where_matches_have_an_order(self, more: str, measures: str) -> None:
        with pytest.raises(UnsupportedQueryError, match="certain"):
            rowpattern.continuous(clause("A B", measures=measures, more=more), SCHEMA, order="certain")

    def test_a_skip_that_fails_comes_after_the_matches_before_it(self) -> None:
        query = rowpattern.continuous(
            clause("A B? C", "A AS x = 1, B AS x = 2, C AS x = 3", more="AFTER MATCH SKIP TO FIRST B"), SCHEMA
        )
        found = query.push(
            rows(("a", 1, 1), ("a", 2, 2), ("a", 3, 3), ("a", 4, 1), ("a", 5, 3), ("a", 6, 1), ("a", 7, 3))
        )
        assert spans(found) == [("a", 1, 3)]
        for _ in range(2):
            with pytest.raises(SkipError, match="nowhere to go to B"):
                query.push(rows(("b", 8, 1)))

    def test_a_skip_that_fails_at_the_end_is_raised_by_run_and_by_a_second_finish(self) -> None:
        sql = clause("A B? C*", "A AS x = 1, B AS x = 2, C AS x = 3", more="AFTER MATCH SKIP TO FIRST B")
        batch = rows(("a", 1, 1), ("a", 2, 2), ("b", 3, 1))
        found: list[list[tuple[str, int, int]]] = []
        with pytest.raises(SkipError):
            found.extend(spans(answer) for answer in rowpattern.continuous(sql, SCHEMA).run([batch]))
        assert found == [[("a", 1, 2)]]
        query = rowpattern.continuous(sql, SCHEMA)
        query.push(batch)
        assert spans(query.finish()) == [("a", 1, 2)]
        with pytest.raises(SkipError):
            query.finish()


class TestQueries:
    @pytest.mark.parametrize(
        ("sql", "why"),
        [
            (f"SELECT count(*) FROM ({RISES})", "needs all rows"),
            (f"{RISES} ORDER BY f", "needs all rows"),
            (f"SELECT row_number() OVER () FROM ({RISES})", "window function"),
            (f"SELECT *, (SELECT 1) FROM ({RISES})", "subquery"),
            (RISES.replace("FROM t", "FROM (SELECT DISTINCT * FROM t)"), "needs all rows"),
            (RISES.replace("x > PREV(x)", "random() > 0.5"), "another value"),
            (RISES.replace("x > PREV(x)", "x > PREV(x IGNORE NULLS, 1001)"), "values back"),
            (RISES.replace("x > PREV(x)", "NEXT(x + random() IGNORE NULLS) > 1"), "another value"),
            ("SELECT * FROM t", "none"),
        ],
    )
    def test_what_has_no_end_is_refused_with_the_reason(self, sql: str, why: str) -> None:
        with pytest.raises(UnsupportedQueryError, match=why):
            rowpattern.continuous(sql, SCHEMA)

    def test_projection_and_filters_around_the_clause(self) -> None:
        sql = RISES.replace("SELECT *", "SELECT upper(k) AS key, l - f AS length").replace(
            "FROM t", "FROM (SELECT k, at, -x AS x FROM t WHERE x IS NOT NULL)"
        )
        sql += " WHERE f > 1"
        table = rows(("a", 1, 5), ("a", 2, None), ("a", 3, 4), ("a", 4, 9), ("a", 5, 3), ("a", 6, 2), ("a", 7, 9))
        query = rowpattern.continuous(sql, SCHEMA)
        found = [row for at in range(7) for row in query.push(table.slice(at, 1)).to_pylist()]
        assert found == rowpattern.match_recognize(sql, table).to_pylist() == [{"key": "A", "length": 2}]

    def test_the_arguments_of_recognize(self) -> None:
        query = rowpattern.continuous(
            schema=SCHEMA,
            partition_by="k",
            order_by="at",
            pattern="A B+",
            define={"B": "x > PREV(x)"},
            measures={"f": "FIRST(at)", "l": "LAST(at)"},
        )
        assert spans(query.push(rows(("a", 1, 1), ("a", 2, 2), ("a", 3, 0)))) == [("a", 1, 2)]
        with pytest.raises(TypeError, match="not both"):
            rowpattern.continuous(RISES, SCHEMA, pattern="A")  # type: ignore[call-overload]

    def test_keys_that_are_computed(self) -> None:
        sql = RISES.replace("PARTITION BY k", "PARTITION BY upper(k) AS k").replace("ORDER BY at", "ORDER BY at + 0")
        query = rowpattern.continuous(sql, SCHEMA)
        assert spans(query.push(rows(("a", 1, 1), ("A", 2, 2), ("a", 3, 0)))) == [("A", 1, 2)]

    def test_conditions_that_duckdb_computes_while_matching(self) -> None:
        sql = clause("A B+ C", "B AS md5(A.k || x::VARCHAR) > '4', C AS median(x) > 2")
        table = rows(*[("ab"[at % 2], at, at * 5 % 7) for at in range(40)])
        query = rowpattern.continuous(sql, SCHEMA)
        found = [row for at in range(40) for row in spans(query.push(table.slice(at, 1)))]
        assert sorted([*found, *spans(query.finish())]) == sorted(spans(rowpattern.match_recognize(sql, table)))

    def test_what_it_keeps_is_explained(self) -> None:
        assert "NOT bounded" in rowpattern.continuous(clause("A B+ C"), SCHEMA).explain()
        assert "no loop" in rowpattern.continuous(clause("A B C"), SCHEMA).explain()
        within = clause("A B+ C").replace("PATTERN (A B+ C)", "PATTERN (A B+ C) WITHIN 5")
        assert "within 5" in rowpattern.continuous(within, SCHEMA).explain()
        assert "forgotten" in rowpattern.continuous(clause("A B C"), SCHEMA).explain()

    def test_times_and_zones(self) -> None:
        zoned = pa.timestamp("us", "Europe/Berlin")
        schema = pa.schema({"k": pa.string(), "at": zoned, "x": pa.int64()})
        sql = clause("A B+", "B AS x > 1").replace("PATTERN (A B+)", "PATTERN (A B+) WITHIN INTERVAL 1 HOUR")
        query = rowpattern.continuous(sql, schema, lateness="1 min")
        begin = dt.datetime(2026, 3, 29, 0, 30, tzinfo=dt.timezone.utc)
        times = [begin + dt.timedelta(minutes=minutes) for minutes in (0, 30, 59, 61)]
        query.push(pa.table([["a"] * 4, pa.array(times, zoned), [2, 2, 2, 1]], schema=schema))
        (found,) = query.advance(begin + dt.timedelta(hours=2)).to_pylist()
        assert (found["f"], found["l"]) == (times[0], times[2])
