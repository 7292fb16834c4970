"""Instances of DuckDB: queries that share one see nothing of each other; how many there are, and when they end."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern.config.process import get_config
from rowpattern.errors import QueryError
from rowpattern.production_config import reload, reset_config
from rowpattern.sql.duckdb import instances
from rowpattern.sql.duckdb.connection import database
from rowpattern.sql.duckdb.instances import duckdb_figures
from rowpattern.sql.runtime.context import ExecutionContext
from rowpattern.sql.runtime.threads import available_cores

from forks import child_status, needs_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# DuckDB computes what is around the clause, and one of its conditions.
AROUND = """SELECT sum(m.n)::BIGINT AS n, min(m.first) AS first, (SELECT sum(x)::BIGINT FROM t) AS total
    FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES count(*) AS n, FIRST(x) AS first PATTERN (A+)
        DEFINE A AS levenshtein(x::VARCHAR, '') > 0) AS m"""
CLAUSE = "MATCH_RECOGNIZE (ORDER BY x MEASURES count(*) AS n PATTERN (A+))"


def numbers(first: int, count: int = 3) -> pa.Table:
    return pa.table({"x": range(first, first + count)})


@pytest.fixture(autouse=True)
def _own_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(instances, "_pool", instances._Pool())
    yield
    monkeypatch.setattr(instances, "_REST_SECONDS", 0.0)
    instances._pool.close_idle()
    assert duckdb_figures() == (0, 0, 0)
    reload()
    reset_config()


def until(condition: Callable[[], bool]) -> None:
    end = time.perf_counter() + 30
    while not condition():
        assert time.perf_counter() < end
        time.sleep(0.005)


def context(**limits: Any) -> ExecutionContext:
    """The limits of a query that says none."""
    performance = get_config().performance
    threads = min(available_cores(), performance.max_workers)
    return ExecutionContext(**{"memory_mb": performance.max_memory_mb, "seconds": 30, "threads": threads, **limits})


def resting(memory_mb: float) -> list[Any]:
    return [each for each in instances._pool._resting if each.limits.memory_mb == memory_mb]


def test_queries_of_one_name_at_once_read_their_own_tables() -> None:
    reload(max_concurrent_queries=8)
    together = threading.Barrier(8)

    def ask(client: int) -> None:
        together.wait()
        for number in range(25):
            first = 1 + 1000 * client + number
            (found,) = match_recognize(AROUND, t=numbers(first)).to_pylist()
            assert found == {"n": 3, "first": first, "total": 3 * first + 3}

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    assert duckdb_figures()[:2] == (1, 0)


def test_cursors_of_one_instance_see_nothing_of_each_other() -> None:
    """Given SQL that no check of ours has seen: what a session makes, and how it is set up, is its own."""
    with database(context()) as one, database(context()) as other:
        one.register("t", numbers(1))
        one.register("c", pa.table({"x": pa.array(["a"]).dictionary_encode()}))
        one.query("CREATE TEMP TABLE made AS SELECT 42 AS x")
        one.query("CREATE TEMP MACRO peek() AS 42")
        one.query("CREATE TEMP TYPE kind AS ENUM ('a')")
        one.query("SET VARIABLE secret = 42")
        one.query("PREPARE asked AS SELECT 42")
        one.query("SELECT setseed(0.5)")
        other.connect()
        assert duckdb_figures()[:2] == (1, 2)
        for sql in (
            "SELECT * FROM t",
            "SELECT * FROM temp.main.t",
            "SELECT * FROM made",
            "SELECT * FROM temp.main.made",
            "SELECT peek()",
            "SELECT 'a'::kind",
            "EXECUTE asked",
        ):
            with pytest.raises(QueryError):
                other.query(sql)
        assert other.query("SELECT getvariable('secret') AS s").to_pylist() == [{"s": None}]
        for catalog in ("tables", "views", "types", "columns", "prepared_statements", "variables"):
            own = {"types": "type_name = 'kind'", "prepared_statements": "true", "variables": "true"}
            where = own.get(catalog, "NOT internal")
            assert other.query(f"SELECT * FROM duckdb_{catalog}() WHERE {where}").num_rows == 0
            assert one.query(f"SELECT * FROM duckdb_{catalog}() WHERE {where}").num_rows > 0
        # The names are free.
        other.register("t", numbers(7))
        assert other.query("SELECT min(x) AS x FROM t").to_pylist() == [{"x": 7}]
        assert one.query("SELECT min(x) AS x FROM t").to_pylist() == [{"x": 1}]
    with database(context()) as later:
        later.connect()
        assert duckdb_figures()[:2] == (1, 1)
        assert later.query("SELECT * FROM duckdb_views() WHERE NOT internal").num_rows == 0
        assert later.query("SELECT getvariable('secret') AS s").to_pylist() == [{"s": None}]


@pytest.mark.parametrize(
    "around",
    [
        "SELECT (SELECT min(x) FROM {name}) AS found FROM u " + CLAUSE,
        "SELECT m.n AS found FROM {name} " + CLAUSE + " AS m",
        "SELECT (SELECT count(*) FROM duckdb_views() WHERE NOT internal) AS found FROM u " + CLAUSE,
        "SELECT (SELECT count(*) FROM pg_catalog.pg_class) AS found FROM u " + CLAUSE,
        "SELECT (SELECT count(*) FROM information_schema.tables) AS found FROM u " + CLAUSE,
        "CREATE TABLE kept AS SELECT * FROM u " + CLAUSE,
        "SELECT setseed(0.1) AS found FROM u " + CLAUSE,
        "SELECT getvariable('secret') AS found FROM u " + CLAUSE,
    ],
)
@pytest.mark.parametrize("name", ["t", "temp.main.t", '"t without types"', "memory.main.t", "system.main.t"])
def test_hostile_queries_find_no_table_of_a_query_that_runs(around: str, name: str) -> None:
    refused = []

    def ask(progress: Any) -> None:
        # The outer query has registered its tables, and waits.
        if progress.step == "query" and not progress.done:
            with pytest.raises(rowpattern.RowPatternError) as error:
                match_recognize(around.format(name=name), u=numbers(1))
            refused.append(str(error.value))

    ordered = pa.array(["a", "b", "c"]).dictionary_encode()
    table = pa.table(
        {"x": [1, 2, 3], "c": pa.DictionaryArray.from_arrays(ordered.indices, ordered.dictionary, ordered=True)}
    )
    assert match_recognize(AROUND, t=table, progress=ask).num_rows == 1
    assert len(refused) == 1


def test_what_a_query_was_given_is_free_when_it_has_ended() -> None:
    match_recognize(AROUND, t=numbers(1))
    gc.collect()
    before = pa.total_allocated_bytes()
    table = numbers(1, 100_000)
    match_recognize(AROUND, t=table)
    with pytest.raises(QueryError):
        match_recognize(AROUND.replace("sum(m.n)", "error(m.n::VARCHAR)"), t=table)
    del table
    gc.collect()
    assert pa.total_allocated_bytes() <= before


def test_one_that_is_stopped_stops_no_other() -> None:
    reload(max_concurrent_queries=4)
    token = rowpattern.CancelToken()
    slow = "SELECT (SELECT count(*) FROM range({}) r(i) WHERE sin(i) > 2) AS n FROM t " + CLAUSE
    with ThreadPoolExecutor(3) as pool:
        stopped = pool.submit(match_recognize, slow.format(10**11), t=numbers(1), cancel=token)
        limited = pool.submit(match_recognize, slow.format(10**11), t=numbers(1), timeout_seconds=0.3)
        goes_on = pool.submit(match_recognize, slow.format(2 * 10**7), t=numbers(1))
        until(lambda: duckdb_figures().connections == 3 or goes_on.done())
        token.cancel()
        with pytest.raises(rowpattern.QueryCancelledError):
            stopped.result(30)
        with pytest.raises(rowpattern.QueryLimitError):
            limited.result(30)
        assert goes_on.result(60).to_pylist() == [{"n": 0}]
    assert duckdb_figures().instances == 1


@pytest.mark.slow
def test_threads_of_the_system_do_not_grow_with_clients() -> None:
    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    if not Path("/proc/self/task").exists():
        pytest.skip("threads of the system are counted by /proc")
    reload(max_concurrent_queries=2)
    most = []
    for clients in (2, 24):
        ended = threading.Event()
        seen: list[int] = []

        def count(seen: list[int] = seen, ended: threading.Event = ended) -> None:
            while not ended.is_set():
                seen.append(threads() - threading.active_count())
                time.sleep(0.002)

        counting = threading.Thread(target=count)
        counting.start()
        with ThreadPoolExecutor(clients) as pool:
            for found in pool.map(lambda number: match_recognize(AROUND, t=numbers(number)), range(10 * clients)):
                assert found.num_rows == 1
            # Before the clients' threads end: Python counts them no more while the system still does.
            ended.set()
            counting.join()
        most.append(max(seen))
    # Without those of Python, of which each client has one.
    assert most[1] <= most[0] + 4


def test_a_burst_makes_one_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    reload(max_concurrent_queries=16)
    connect = instances._connect
    made = []

    def connected(limits: Any) -> Any:
        made.append(limits)
        time.sleep(0.1)
        return connect(limits)

    monkeypatch.setattr(instances, "_connect", connected)
    together = threading.Barrier(16)

    def ask(number: int) -> Any:
        together.wait()
        return match_recognize(AROUND, t=numbers(number)).to_pylist()[0]["first"]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(1, 17))) == list(range(1, 17))
    assert len(made) == 1


def test_warm_up_connects() -> None:
    assert rowpattern.warm_up() == 0
    assert duckdb_figures()[:2] == (1, 0)
    # That is the one of queries.
    match_recognize(AROUND, t=numbers(1))
    assert duckdb_figures()[:2] == (1, 0)


def test_few_instances_rest_whatever_limits_queries_have() -> None:
    for megabytes in range(50, 70):
        assert match_recognize(AROUND, t=numbers(1), memory_limit_mb=megabytes).num_rows == 1
    assert 0 < duckdb_figures().instances == len(instances._pool._resting) <= instances._MOST_RESTING
    for zone in ("UTC", "Europe/Paris", "Asia/Tokyo", "Asia/Seoul", "Asia/Dubai", "Africa/Cairo"):
        assert match_recognize(AROUND, t=numbers(1), time_zone=zone).num_rows == 1
    assert duckdb_figures().instances <= instances._MOST_RESTING


def test_queries_with_a_limit_of_their_own_share_no_memory() -> None:
    with database(context(memory_mb=77)) as one, database(context(memory_mb=77)) as other:
        one.connect()
        other.connect()
        assert duckdb_figures()[:2] == (2, 2)


def test_a_limit_above_the_process_s_is_the_process_s() -> None:
    reload(max_memory_mb=300)
    with database(context(memory_mb=10_000)) as using:
        assert using.query("SELECT current_setting('memory_limit') AS m").to_pylist() == [{"m": "300.0 MiB"}]


def test_an_instance_of_one_query_goes_on_after_what_duckdb_refuses() -> None:
    """Its tables are gone; after a limit it is not used again."""
    query = f"SELECT nosuch.n FROM t {CLAUSE} AS m".replace("count(*)", "sum(x)")
    query = query.replace("(A+)", "(A+) DEFINE A AS {}")
    match_recognize(query.format("true").replace("nosuch", "m"), t=numbers(1), memory_limit_mb=77)
    before = resting(77)
    assert len(before) == 1
    for condition in ("true", "abs('a') = 1", "error('no') IS NULL", "x < 'a'", "median(nosuch) > 1"):
        with pytest.raises(QueryError):
            match_recognize(query.format(condition), t=numbers(1), memory_limit_mb=77)
        assert resting(77) == before
    with pytest.raises(rowpattern.QueryLimitError):
        match_recognize(query.format("len(range(100000000)) > sum(x)"), t=numbers(1), memory_limit_mb=77)
    assert resting(77) in ([], before)
    with pytest.raises(rowpattern.QueryLimitError), database(context(memory_mb=77)) as using:
        using.query("SELECT list(i) AS l FROM range(100000000) r(i)")
    assert resting(77) == []


def test_an_instance_that_is_broken_is_used_by_no_further_query(monkeypatch: pytest.MonkeyPatch) -> None:
    match_recognize(AROUND, t=numbers(1))
    (before,) = instances._pool._resting

    def fail(*_: Any) -> Any:
        raise duckdb.FatalException("FATAL Error: it cannot go on")

    with monkeypatch.context() as patched:
        patched.setattr("rowpattern.sql.duckdb.connection.arrow_table", fail)
        with pytest.raises(QueryError, match="it cannot go on"):
            match_recognize(AROUND, t=numbers(1))
    assert duckdb_figures().instances == 0
    assert match_recognize(AROUND, t=numbers(1)).num_rows == 1
    assert instances._pool._resting != [before]


def end_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask a query that makes DuckDB give up its instance: it compares categories that are structs."""
    structs = pa.DictionaryArray.from_arrays(pa.array([0, None, 0]), pa.array([{"a": 1}, {"a": 2}]))
    clause = "ORDER BY x MEASURES 1 AS n PATTERN (A B*) DEFINE B AS v = PREV(v)"
    with monkeypatch.context() as patched:
        # These are written out otherwise.
        patched.setattr("rowpattern.sql.arrow.encodings._is_nested", lambda _: False)
        with pytest.raises(QueryError, match="DEFINE B: DuckDB failed, which is a fault of its own: ") as caught:
            match_recognize(f"SELECT * FROM t MATCH_RECOGNIZE ({clause})", pa.table({"x": range(3), "v": structs}))
    assert "invalidated" not in str(caught.value)
    assert caught.value.line == 1


def test_queries_whose_instance_another_one_ends_go_on_with_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = pa.table({"c": pa.DictionaryArray.from_arrays(pa.array([0, 1, 1]), ["b", "a"], ordered=True)})
    with database(context()) as one, database(context()) as other:
        for using in (one, other):
            using.register("t", numbers(1))
            using.register("t", ordered)
            using.register("more", numbers(7))
        ended = set(instances._pool._all)
        end_instance(monkeypatch)
        assert one.query("SELECT DISTINCT c FROM t ORDER BY c").to_pylist() == [{"c": "b"}, {"c": "a"}]
        assert one.query("SELECT min(x) AS x FROM more").to_pylist() == [{"x": 7}]
        assert other.project("x + 1 AS x", numbers(1, 1)).to_pylist() == [{"x": 2}]
        # A query that was ended by itself begins anew too, and both have the same instance again.
        assert duckdb_figures()[:2] == (1, 2)
        assert not ended & instances._pool._all
        # What can be read once only may have been read.
        other.register("once", numbers(1).to_reader())
        end_instance(monkeypatch)
        with pytest.raises(QueryError, match="shares with others was ended by an error of another query; ask again"):
            other.query("SELECT * FROM once")
    with database(context()) as using:
        assert using.query("SELECT 42 AS x").to_pylist() == [{"x": 42}]


def test_all_ways_of_asking_go_on_when_their_instance_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its instance ended after its first call of DuckDB, as by another query."""
    conditions = {"A": "levenshtein(x::VARCHAR, s) >= 0"}
    clause = CLAUSE.replace("(A+)", f"(A+) DEFINE A AS {conditions['A']}")
    sql = f"SELECT n FROM t {clause}"
    table = pa.table({"x": [1, 2, 3], "s": ["a", "b", "c"]})
    continuous = rowpattern.continuous(sql, table.schema)

    def lengths(found: Any) -> Any:
        return found["n"].to_pylist()

    ways: list[Callable[[], Any]] = [
        lambda: lengths(match_recognize(sql, table)),
        lambda: lengths(match_recognize(sql, table, stream=True).read_all()),
        lambda: [each.end - each.start for each in rowpattern.compile("A+").match(table, conditions=conditions)],
        lambda: lengths(continuous.push(table)) or lengths(continuous.finish()),
    ]
    lease = instances.lease
    for way in ways:
        ended = []
        with monkeypatch.context() as patched:

            def ending(*given: Any, patched: Any = patched, ended: list[Any] = ended) -> Any:
                patched.undo()
                found = lease(*given)
                ended.append(end_instance(monkeypatch))
                return found

            patched.setattr("rowpattern.sql.duckdb.connection.lease", ending)
            assert way() == [3]
        assert ended


def test_what_duckdb_keeps_after_large_queries_is_given_back() -> None:
    match_recognize(AROUND, t=numbers(1))
    with database(context()) as other:
        other.connect()
        match_recognize(AROUND, t=numbers(1, 1_200_000))
        # Its instance ends with its last query; the next one begins another.
        assert duckdb_figures()[:2] == (1, 1)
        match_recognize(AROUND, t=numbers(1))
        assert duckdb_figures()[:2] == (2, 1)
    assert duckdb_figures()[:2] == (1, 0)


@pytest.mark.slow
def test_what_is_idle_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "_BETWEEN_LOOKS_SECONDS", 0.05)
    instances._idle.stop()
    for _ in range(2):
        monkeypatch.setattr(instances, "_REST_SECONDS", 60)
        match_recognize(AROUND, t=numbers(1))
        match_recognize(AROUND, t=numbers(1), memory_limit_mb=77)
        assert duckdb_figures().instances == 2
        monkeypatch.setattr(instances, "_REST_SECONDS", 0.1)
        # The thread that looks ends with the last of them, and begins anew.
        until(lambda: duckdb_figures().instances == 0 and not instances._idle.running)


def test_memory_that_duckdb_takes_is_counted() -> None:
    seen = []
    with database(context()) as using:
        using.connect()
        ended = threading.Event()

        def watch() -> None:
            while not ended.is_set():
                seen.append(duckdb_figures().memory_bytes)

        watching = threading.Thread(target=watch)
        watching.start()
        using.query("SELECT count(*) AS n FROM (SELECT DISTINCT hash(i) AS h FROM range(3000000) r(i))")
        ended.set()
        watching.join()
    assert max(seen) > 16 << 20


@needs_fork
def test_a_forked_child_leaves_its_parent_s_instances_alone() -> None:
    assert match_recognize(AROUND, t=numbers(1)).num_rows == 1
    with database(context()) as using:
        using.connect()

        def child() -> bool:
            same = match_recognize(AROUND, t=numbers(5)).to_pylist() == [{"n": 3, "first": 5, "total": 18}]
            using.close()
            return same and duckdb_figures()[:2] == (1, 0)

        assert child_status(child) == 0
        assert using.query("SELECT 1 AS x").to_pylist() == [{"x": 1}]


def test_a_connection_that_another_thread_is_leaving_is_closed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy:
        calls = 0

        def close(self) -> None:
            self.calls += 1
            if self.calls < 3:
                raise duckdb.ResourceInUseException("connection is busy with another call")

    monkeypatch.setattr(instances, "_WAITS_FOR_CALLS", (0.0, 0.0, 0.0))
    connection: Any = Busy()
    instances._close(connection)
    assert connection.calls == 3
