"""Calls that fail, are cancelled, or meet others: nothing that was decided is lost, and no lock stays held."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import ConfigurationError, LateRowError, QueryCancelledError, QueryError, QueryLimitError, SkipError
from rowpattern.continuous_query import calls
from rowpattern.production_config import reload, reset_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from rowpattern.continuous_query.query import ContinuousQuery

SCHEMA = pa.schema({"k": pa.string(), "at": pa.int64(), "x": pa.int64(), "s": pa.string()})
SQL = """
    SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY k ORDER BY at MEASURES CAST(LAST(B.s) AS INTEGER) AS c
        PATTERN (A B+) DEFINE A AS x = 1, B AS x = 2)"""


def rows(*values: tuple[str, int, int, str]) -> pa.Table:
    """Return rows of the schema."""
    return pa.table([list(column) for column in zip(*values)] or [[]] * 4, schema=SCHEMA)


MATCH = rows(("a", 1, 1, "1"), ("a", 2, 2, "7"), ("a", 3, 0, ""))
FOUND = [{"k": "a", "c": 7}]


def is_free(query: ContinuousQuery) -> bool:
    """Say whether another thread can call the query."""
    thread = threading.Thread(target=query.state, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


class TestWhatWasDecided:
    def test_is_given_by_the_next_call_where_the_end_of_others_fails(self) -> None:
        query = rowpattern.continuous(SQL, SCHEMA, lateness=5)
        waiting = rows(("b", 1, 1, "1"), ("b", 2, 2, "3"), ("b", 3, 3, "3"), ("a", 4, 1, "1"), ("a", 5, 2, "zz"))
        assert query.push(waiting).num_rows == 0
        for _ in range(2):
            with pytest.raises(QueryError):
                query.finish()
        again = rowpattern.continuous.restore(query.checkpoint(), SQL)
        for each in (query, again):
            # A row before those that were let through would be out of order among them.
            with pytest.raises(LateRowError):
                each.push(rows(("b", 4, 1, "1")))
            assert each.finish(partition="c").to_pylist() == [{"k": "b", "c": 3}]
            assert each.finish(partition="b").num_rows == 0

    @pytest.mark.parametrize("kind", ["arrow", "pandas"])
    def test_is_decided_again_where_the_table_cannot_be_made(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        query = rowpattern.continuous(SQL, SCHEMA)
        batch = MATCH if kind == "arrow" else MATCH.to_pandas()
        with monkeypatch.context() as patch:
            patch.setattr("rowpattern.continuous_query.answer_tables.as_kind", _cancelled)
            with pytest.raises(QueryCancelledError):
                query.push(batch)
        assert query.state()[:2] == (0, 0)
        found = query.push(batch)
        assert (found.to_pylist() if kind == "arrow" else found.to_dict("records")) == FOUND

    def test_is_given_by_the_next_call_where_a_task_is_cancelled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        query = rowpattern.continuous(SQL, SCHEMA)
        begun, goes_on = threading.Event(), threading.Event()

        async def source() -> AsyncIterator[Any]:
            yield MATCH

        def slowly(*arguments: Any) -> Any:
            begun.set()
            assert goes_on.wait(60)
            return push(*arguments)

        async def cancelled() -> None:
            async def collect() -> list[Any]:
                return [found async for found in query.run_async(source())]

            task = asyncio.create_task(collect())
            await asyncio.to_thread(begun.wait, 60)
            for _ in range(2):
                task.cancel()
                await asyncio.sleep(0.01)
            assert not task.done()
            goes_on.set()
            with pytest.raises(asyncio.CancelledError):
                await task

        push = query._steps.push
        monkeypatch.setattr(query._steps, "push", slowly)
        asyncio.run(cancelled())
        again = rowpattern.continuous.restore(query.checkpoint(), SQL)
        assert query.finish().to_pylist() == again.finish().to_pylist() == FOUND
        assert query.finish().num_rows == 0

    def test_is_given_by_a_finish_behind_one_that_nobody_took(self) -> None:
        query = rowpattern.continuous(SQL, SCHEMA)
        query.push(MATCH.slice(0, 2))
        query._give_again(query._finish())
        again = rowpattern.continuous.restore(query.checkpoint(), SQL)
        for each in (query, again):
            assert each.finish().to_pylist() == FOUND
            assert each.finish().num_rows == 0

    def test_is_given_before_a_skip_that_failed_is_raised(self) -> None:
        sql = SQL.replace("PATTERN (A B+)", "AFTER MATCH SKIP TO FIRST B PATTERN (A B? C)").replace(
            "x = 2", "x = 2, C AS x = 0"
        )
        query = rowpattern.continuous(sql, SCHEMA)
        query._give_again(query._push(pa.concat_tables([MATCH, rows(("a", 4, 1, "1"), ("a", 5, 0, "1"))]), None))
        again = rowpattern.continuous.restore(query.checkpoint(), sql)
        for each in (query, again):
            assert each.finish().num_rows == 1
            with pytest.raises(SkipError):
                each.finish()


def _cancelled(*_: object, **__: object) -> None:
    raise QueryCancelledError("the call was cancelled")


class TestLocks:
    def test_no_rows_are_taken_by_a_push_that_waited_for_the_end(self) -> None:
        query = rowpattern.continuous(SQL, SCHEMA)
        query.push(rows(("a", 1, 1, "1")))
        entered = threading.Event()
        refused: list[Exception] = []

        def push() -> None:
            entered.set()
            try:
                query.push(rows(("a", 5, 1, "1")))
            except QueryError as error:
                refused.append(error)

        with query._lock:
            thread = threading.Thread(target=push)
            thread.start()
            assert entered.wait(60)
            # Whether or not the push waits already, it takes nothing.
            thread.join(0.1)
            query.finish()
        thread.join(60)
        assert "finished" in str(refused[0])
        assert query.state().partitions == 0

    def test_a_call_that_cannot_begin_holds_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        query = rowpattern.continuous(SQL, SCHEMA)
        with monkeypatch.context() as patch:
            patch.setattr(calls, "database", _no_database)
            with pytest.raises(QueryLimitError):
                query.push(MATCH)
        assert is_free(query)
        assert query.push(MATCH).to_pylist() == FOUND
        query.finish()
        with pytest.raises(QueryError, match="finished"):
            query.push(MATCH)
        assert is_free(query)


def _no_database(_: object) -> None:
    raise QueryLimitError("no connection")


class TestAfterAFailedCall:
    def test_answers_are_of_the_kind_of_the_last_batch_that_was_taken(self) -> None:
        query = rowpattern.continuous(SQL, SCHEMA)
        query.push(rows(("a", 5, 1, "1")))
        with pytest.raises(LateRowError):
            query.push(rows(("a", 1, 1, "1")).to_pandas())
        assert isinstance(query.finish(), pa.Table)

    def test_there_are_no_late_rows_of_the_call_before(self) -> None:
        query = rowpattern.continuous(SQL, SCHEMA, lateness=0, late="collect")
        query.push(rows(("a", 5, 1, "1")))
        query.push(rows(("a", 1, 1, "1")))
        assert query.late_rows.num_rows == 1
        with pytest.raises(TypeError):
            query.push(5)
        assert query.late_rows.num_rows == 0

    def test_a_zone_that_is_none_is_found_at_once(self) -> None:
        with pytest.raises(ConfigurationError, match="time_zone is 'Mars/X'"):
            rowpattern.continuous(SQL.replace("CAST(LAST(B.s) AS INTEGER)", "A.at"), SCHEMA, time_zone="Mars/X")


class TestMemory:
    @pytest.fixture
    def _small_process(self) -> Iterator[None]:
        reload(max_memory_mb=20)
        yield
        reload()
        reset_config()

    @pytest.mark.usefixtures("_small_process")
    def test_without_a_limit_of_its_own_that_of_the_process_counts(self) -> None:
        query = rowpattern.continuous(SQL.replace("x = 1", "x > 0"), SCHEMA)

        def fill() -> None:
            for first in range(0, 10_000_000, 50_000):
                query.push(
                    pa.table([["a"] * 50_000, range(first, first + 50_000), [2] * 50_000, ["1"] * 50_000], SCHEMA)
                )

        with pytest.raises(QueryLimitError, match=r"rows that the query keeps take .*MR_MAX_MEMORY_MB=20"):
            fill()
        assert query.state().size_bytes < 30 << 20

    def test_rows_that_are_not_kept_are_not_refused(self) -> None:
        query = rowpattern.continuous(SQL, SCHEMA, lateness=0, late="drop", memory_limit_mb=0.001)
        query.push(rows(("a", 10, 1, "1")))
        late = rows(*[("a", 1, 1, "1")] * 200)
        assert query.push(late).num_rows == 0
        with pytest.raises(QueryLimitError, match=r"memory_limit_mb=0\.001"):
            query.push(rows(*[("a", 11, 1, "1")] * 200))
        assert query.push(rows()).num_rows == 0
        assert query.push(pd.concat([late.to_pandas(), rows(("a", 12, 0, "")).to_pandas()])).shape == (0, 2)


def test_a_query_that_its_own_batch_ends() -> None:
    """A reader runs code of the caller's while it is read."""
    schema = pa.schema({"k": pa.string(), "at": pa.int64(), "x": pa.int64()})

    def batch(at: int) -> pa.RecordBatch:
        return pa.record_batch([["a"], [at], [1]], schema=schema)

    def ending() -> Iterator[pa.RecordBatch]:
        yield batch(5)
        query.push(batch(1))
        yield batch(6)
        query.finish()

    sql = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY at MEASURES count(*) AS n PATTERN (A{9}))"
    query: Any = rowpattern.continuous(sql, schema)
    with pytest.raises(rowpattern.QueryError, match="the query is finished, and takes no rows"):
        query.push(pa.RecordBatchReader.from_batches(schema, ending()))
    assert query.finish().num_rows == 0


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_query_is_not_copied(copied: Any) -> None:
    query = rowpattern.continuous(SQL, SCHEMA)
    with pytest.raises(TypeError, match=r"is not copied or pickled; rowpattern\.continuous\.restore"):
        copied(query)
