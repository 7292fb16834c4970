"""Queries in worker processes: the same answers, limits that hold whatever a query calls, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import explain, match_recognize
from rowpattern.errors import InternalError

if sys.platform != "linux":
    pytest.skip("worker processes need Linux", allow_module_level=True)

from queries_at_work import interrupted

from rowpattern.sql.isolation import pool as isolation
from rowpattern.sql.isolation import query as isolated_query

ROWS = 5_000

QUERIES = {
    "one row": """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY kind ORDER BY tick
        MEASURES FIRST(A.name) AS name, LAST(B.price) AS price, count(*) AS n, CLASSIFIER() AS label
        PATTERN (A B+) DEFINE B AS price < PREV(price))""",
    "all rows": """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY kind ORDER BY tick
        MEASURES sum(B.price) AS total, sqrt(abs(LAST(B.price))) AS root
        ALL ROWS PER MATCH PATTERN (A B+) DEFINE B AS price < PREV(price) + sin(tick))""",
    "around": """SELECT kind, n, (SELECT max(tick) FROM t) AS latest FROM t MATCH_RECOGNIZE (
        PARTITION BY kind ORDER BY tick MEASURES count(*) AS n PATTERN (A B+) DEFINE B AS price < PREV(price))
        WHERE n > 2 ORDER BY kind, n""",
    "no rows": """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY tick
        MEASURES LAST(A.name) AS name PATTERN (A) DEFINE A AS price > 1e9)""",
}

# No interrupt is looked at inside; it takes minutes, and hardly any memory.
UNSTOPPABLE = "jaro_similarity(repeat('a', 3000000 + {}), repeat('b', 3000000)) > 2"
CLAUSE = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES count(*) AS n PATTERN (A+) DEFINE A AS {})"
SMALL = pa.table({"x": [1, 2, 3]})
SHARED = Path("/dev/shm")  # noqa: S108 - looked at only
OPTIONS: list[dict[str, Any]] = [{}, {"isolation": "process"}]


@pytest.fixture(scope="module", autouse=True)
def workers() -> None:
    isolation.start_workers(2)


@pytest.fixture(scope="module")
def ticks() -> pa.Table:
    random = np.random.default_rng(5)
    names = [f"n{number}" for number in random.integers(0, 50, ROWS)]
    return pa.table(
        {
            "name": pa.array(names, mask=random.random(ROWS) < 0.05),
            "kind": pa.array(random.choice(["x", "y", "z"], ROWS)).dictionary_encode(),
            "tick": np.arange(ROWS),
            "price": np.round(random.normal(0, 5, ROWS), 1),
            "seen": pa.array(random.integers(0, 10**12, ROWS)).cast(pa.timestamp("ms", "Asia/Tokyo")),
            "fee": pa.array(random.integers(0, 10**6, ROWS)).cast(pa.decimal128(22, 2)),
            "view": pa.array([f"v{number}" for number in range(ROWS)]).cast(pa.string_view()),
        }
    )


def in_pandas(table: pa.Table) -> pd.DataFrame:
    frame = table.to_pandas()
    # Neither crosses: the caller takes their rows.
    frame["objects"] = pd.Series([Decimal(number) for number in range(ROWS)], dtype=object)
    frame["categories"] = frame["name"].astype("category")
    return frame


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_arrow_is_answered_as_here(query: str, ticks: pa.Table) -> None:
    here = match_recognize(query, ticks)
    there = match_recognize(query, ticks, isolation="process")
    assert there.schema == here.schema
    assert there.equals(here)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_pandas_is_answered_as_here(query: str, ticks: pa.Table) -> None:
    frame = in_pandas(ticks)
    pd.testing.assert_frame_equal(match_recognize(query, frame, isolation="process"), match_recognize(query, frame))


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_polars_is_answered_as_here(query: str, ticks: pa.Table) -> None:
    frame = pl.from_arrow(ticks)
    assert isinstance(frame, pl.DataFrame)
    here, there = match_recognize(query, frame), match_recognize(query, frame, isolation="process")
    assert there.equals(here)
    assert there.schema == here.schema
    lazy = match_recognize(query, frame.lazy(), isolation="process")
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(here)


def test_other_kinds_come_back_as_here(ticks: pa.Table) -> None:
    query = QUERIES["all rows"]
    here = match_recognize(query, ticks)
    reader = match_recognize(query, ticks.to_reader(), isolation="process")
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.read_all().equals(here)
    relation = match_recognize(query, duckdb.from_arrow(ticks), isolation="process")
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    assert relation.fetchall() == match_recognize(query, duckdb.from_arrow(ticks)).fetchall()


def test_several_tables_and_none(ticks: pa.Table) -> None:
    query = QUERIES["one row"].replace("SELECT *", "SELECT count(*) AS n").replace("FROM t ", "FROM other, t ")
    tables = {"t": ticks, "other": pd.DataFrame({"y": [1, 2]}), "unread": object()}
    assert match_recognize(query, **tables, isolation="process").equals(match_recognize(query, **tables))
    assert match_recognize("SELECT 1 AS one", isolation="process").to_pylist() == [{"one": 1}]


def test_columns_that_the_query_does_not_read_do_not_cross() -> None:
    frame = pd.DataFrame({"x": [1, 2], "mixed": [1, "a"]})
    assert match_recognize(CLAUSE.format("x > 0"), frame, isolation="process")["n"].tolist() == [2]
    with pytest.raises(rowpattern.QueryError, match="column mixed cannot be read"):
        match_recognize(CLAUSE.format("mixed > 0"), frame, isolation="process")


def raised(query: str, data: Any, **options: Any) -> Exception:
    with pytest.raises(Exception) as found:  # noqa: PT011 - compared with the one of no isolation
        match_recognize(query, data, **options)
    return found.value


@pytest.mark.parametrize(
    "query",
    [
        "SELECT",
        "SELECT * FROM t MATCH_RECOGNIZE (PATTERN (A+",
        "SELECT *\nFROM t MATCH_RECOGNIZE (PATTERN (A | ) )",
        CLAUSE.format("nosuch > 1"),
        CLAUSE.format("x::DATE > 1"),
        CLAUSE.format("B.x > 1"),
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x PATTERN (A B) AFTER MATCH SKIP TO FIRST A)",
    ],
)
def test_errors_are_those_of_here(query: str) -> None:
    here, there = raised(query, SMALL), raised(query, SMALL, isolation="process")
    assert type(there) is type(here)
    assert str(there) == str(here)
    assert vars(there) == vars(here)


def test_what_fails_here_is_raised_as_it_is() -> None:
    with pytest.raises(TypeError, match="data is a int; a table is"):
        match_recognize(CLAUSE.format("x > 1"), 3, isolation="process")

    def batches() -> Any:
        yield SMALL.to_batches()[0]
        raise LookupError("the wire was cut")

    reader = pa.RecordBatchReader.from_batches(SMALL.schema, batches())
    with pytest.raises(LookupError, match="the wire was cut"):
        match_recognize(CLAUSE.format("x > 1"), reader, isolation="process")
    with pytest.raises(rowpattern.ConfigurationError, match="isolation is 'thread'; allowed are None and \"process\""):
        match_recognize("SELECT 1", isolation="thread")  # type: ignore[call-overload]
    with pytest.raises(rowpattern.ConfigurationError, match="leave out stream"):
        match_recognize("SELECT 1", isolation="process", stream=True)


def test_explaining_and_progress(ticks: pa.Table) -> None:
    query = QUERIES["one row"]
    # What a pattern has found out stays with it, in each process.
    local, there = (re.sub(r"\d+ bytes", "", str(explain(query, ticks, **how))) for how in OPTIONS)
    assert there == local
    analyzed = explain(query, ticks, isolation="process", analyze=True)
    assert [step.name for step in analyzed.steps] == [step.name for step in explain(query, ticks, analyze=True).steps]
    # Any false value is no analysis, as without isolation.
    assert explain(query, ticks, isolation="process", analyze=cast("Any", None)).steps == ()
    seen: list[Any] = []
    match_recognize(query, ticks, isolation="process", progress=seen.append)
    here: list[Any] = []
    match_recognize(query, ticks, progress=here.append)
    assert [(each.step, each.rows, each.done) for each in seen] == [(each.step, each.rows, each.done) for each in here]


@pytest.mark.parametrize("limits", [{"memory_limit_mb": 1e308}, {"timeout_seconds": 10**400}])
def test_limits_beyond_all_bounds(limits: dict[str, Any], ticks: pa.Table) -> None:
    query = "SELECT * FROM t MATCH_RECOGNIZE (MEASURES count(*) AS n PATTERN (A+))"
    assert match_recognize(query, ticks, isolation="process", **limits).num_rows == 1


def pids() -> set[int]:
    return {worker.process.pid for worker in isolation.pool._all}


def test_time_is_limited_and_the_worker_is_replaced() -> None:
    isolation.start_workers(2)
    before = pids()
    begun = time.monotonic()
    with pytest.raises(rowpattern.QueryLimitError, match=r"longer than its limit of 1 s"):
        match_recognize(CLAUSE.format(UNSTOPPABLE.format("x")), SMALL, isolation="process", timeout_seconds=1)
    took = time.monotonic() - begun
    print(f"control after {took:.3f} s of a limit of 1 s")
    assert took < 2
    ended = before - pids()
    assert len(ended) == 1
    until = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in ended) and time.monotonic() < until:
        match_recognize(CLAUSE.format("x > 0"), SMALL, isolation="process")
    assert not any(Path(f"/proc/{pid}").exists() for pid in ended)
    isolation.start_workers(2)
    assert isolation.worker_processes() == 2


@pytest.mark.parametrize(
    "condition",
    [
        "len(range(300000000 + x)) > 0",
        "length(repeat('a', 800000000 + x)) > 0",
        "length(lpad('a', 700000000 + x::INT, 'b')) > 0",
        "len(list_transform(range(100000000 + x), v -> v::VARCHAR)) > 0",
    ],
)
def test_memory_is_limited(condition: str) -> None:
    """What DuckDB takes outside its own limit is refused by the system; measured in a process of its own."""
    code = f"""
    import json, resource, pyarrow as pa, rowpattern
    from rowpattern.sql.isolation import pool as isolation
    isolation.start_workers(1)
    worker = isolation.pool._all[0].process
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    def resident():
        text = open(f"/proc/{{worker.pid}}/status").read()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))
    at_rest = resident()
    try:
        rowpattern.match_recognize({CLAUSE.format(condition)!r}, pa.table({{"x": [1, 2, 3]}}), isolation="process",
                                   memory_limit_mb=100, timeout_seconds=30)
        error = "none"
    except rowpattern.RowPatternError as found:
        error = type(found).__name__ + ": " + str(found)
    worker.wait(10)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({{"error": error, "mb": (most - at_rest) / 1024}}))
    """
    result = run(code)
    found = json.loads(result.stdout)
    print(found)
    assert found["error"].startswith("QueryLimitError: the query needs more memory than its limit of 100 MB")
    # The limit and what is allowed beyond it.
    assert found["mb"] < 100 + 64


def run(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


@pytest.mark.panics
def test_a_worker_that_is_killed_or_crashes() -> None:
    for number, kind, text in (
        (signal.SIGKILL, rowpattern.QueryLimitError, "needs more memory"),
        (signal.SIGSEGV, InternalError, r"status -11\); please report"),
    ):
        isolation.start_workers(2)
        before = pids()

        def kill(number: int = number, before: set[int] = before) -> None:
            busy = before - {worker.process.pid for worker in isolation.pool._resting}
            for pid in busy:
                os.kill(pid, number)

        timer = threading.Timer(0.5, kill)
        timer.start()
        with pytest.raises(kind, match=text):
            match_recognize(CLAUSE.format(UNSTOPPABLE.format("x")), SMALL, isolation="process", timeout_seconds=30)
        timer.join()
        assert match_recognize(CLAUSE.format("x > 0"), SMALL, isolation="process").to_pylist() == [{"n": 3}]


def test_workers_that_are_killed_at_rest_are_replaced_without_a_word() -> None:
    isolation.start_workers(2)
    before = pids()
    killed = list(isolation.pool._all)
    for worker in killed:
        worker.process.kill()
    for worker in killed:
        worker.process.wait(10)
    for _ in range(2):
        assert match_recognize(CLAUSE.format("x > 0"), SMALL, isolation="process").to_pylist() == [{"n": 3}]
    assert not pids() & before


def test_ctrl_c_while_the_end_of_a_worker_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Exception:
        raise KeyboardInterrupt

    isolation.start_workers(2)
    before = pids()
    monkeypatch.setattr(isolated_query._Query, "_reason_of_end", interrupted)

    def kill() -> None:
        for pid in before:
            os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(0.5, kill)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        match_recognize(CLAUSE.format(UNSTOPPABLE.format("x")), SMALL, isolation="process", timeout_seconds=30)
    timer.join()
    monkeypatch.undo()
    isolation.start_workers(2)
    assert match_recognize(CLAUSE.format("x > 0"), SMALL, isolation="process").to_pylist() == [{"n": 3}]
    # None is lost for the queries that come.
    assert {worker.process.pid for worker in isolation.pool._resting} >= pids() - before


def test_ctrl_c_ends_the_worker() -> None:
    isolation.start_workers(2)
    before = pids()
    query = CLAUSE.format(UNSTOPPABLE.format("x"))
    assert interrupted(lambda: match_recognize(query, SMALL, isolation="process", timeout_seconds=60)) < 1
    assert len(before - pids()) == 1


def test_at_once_from_threads(ticks: pa.Table) -> None:
    expected = [match_recognize(query, ticks) for query in QUERIES.values()]

    def work(number: int) -> None:
        for step in range(5):
            at = (number + step) % len(expected)
            query = list(QUERIES.values())[at]
            assert match_recognize(query, ticks, isolation="process").equals(expected[at])

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, range(5)))
    assert isolation.worker_processes() <= isolation.pool.most


def test_waiting_for_a_worker_counts() -> None:
    isolation.start_workers(isolation.pool.most)
    with ThreadPoolExecutor(isolation.pool.most) as pool:
        slow = [
            pool.submit(raised, CLAUSE.format(UNSTOPPABLE.format("x")), SMALL, isolation="process", timeout_seconds=3)
            for _ in range(isolation.pool.most)
        ]
        time.sleep(0.5)
        begun = time.monotonic()
        with pytest.raises(rowpattern.QueryLimitError, match="waited for others until its limit of"):
            match_recognize(CLAUSE.format("x > 0"), SMALL, isolation="process", timeout_seconds=0.5)
        assert time.monotonic() - begun < 1.5
        assert all(isinstance(each.result(), rowpattern.QueryLimitError) for each in slow)


START = """
import os, signal, sys, time, pyarrow as pa
from rowpattern import match_recognize
from rowpattern.sql.isolation import pool as isolation
isolation.start_workers(2)
assert match_recognize("SELECT * FROM t MATCH_RECOGNIZE (MEASURES count(*) AS n PATTERN (A+))", pa.table({"x": [1]}),
                       isolation="process").to_pylist() == [{"n": 1}]
print(*[worker.process.pid for worker in isolation.pool._all], flush=True)
"""


def gone(numbers: list[int], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(_lives(number) for number in numbers):
            return True
        time.sleep(0.02)
    return False


def _lives(number: int) -> bool:
    try:
        # A zombie has ended; nobody may be there to ask for its status.
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("end", ["sys.exit(7)", "os.kill(os.getpid(), signal.SIGKILL)", "os._exit(7)"])
def test_workers_end_with_their_process(end: str) -> None:
    before = set(SHARED.iterdir())
    result = run(START + end)
    assert result.returncode == (-9 if "KILL" in end else 7)
    assert result.stderr == ""
    numbers = list(map(int, result.stdout.split()))
    assert len(numbers) == 2
    assert gone(numbers)
    assert set(SHARED.iterdir()) - before == set()


# A process whose daemon thread waits for a worker that does not stop.
AT_WORK = (
    START
    + f"""
import threading
threading.Thread(target=match_recognize, args=({CLAUSE.format(UNSTOPPABLE.format("x"))!r}, pa.table({{"x": [1]}})),
                 kwargs={{"isolation": "process", "timeout_seconds": 100}}, daemon=True).start()
time.sleep(1)
"""
)


def test_a_daemon_thread_that_waits_for_a_worker_says_nothing_at_the_end() -> None:
    result = run(AT_WORK + "sys.exit(7)")
    assert (result.returncode, result.stderr) == (7, "")
    assert gone(list(map(int, result.stdout.split())))


def test_a_worker_at_work_ends_when_its_process_is_killed() -> None:
    result = run(AT_WORK + "os.kill(os.getpid(), signal.SIGKILL)")
    assert gone(list(map(int, result.stdout.split())))


def test_a_forked_child_has_workers_of_its_own() -> None:
    code = (
        START
        + """
table = pa.table({"x": [1, 2]})
query = "SELECT * FROM t MATCH_RECOGNIZE (MEASURES count(*) AS n PATTERN (A+))"
child = os.fork()
if child == 0:
    assert isolation.worker_processes() == 0
    sys.exit(0 if match_recognize(query, table, isolation="process").to_pylist() == [{"n": 2}] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
parents = {worker.process.pid for worker in isolation.pool._all}
assert match_recognize(query, table, isolation="process").to_pylist() == [{"n": 2}]
assert parents == {worker.process.pid for worker in isolation.pool._all}
print("both")
"""
    )
    result = run(code)
    assert result.stdout.endswith("both\n"), result.stderr
    assert result.stderr == ""


def test_the_worker_imports_this_package_whatever_is_where_the_process_runs(tmp_path: Path) -> None:
    package = Path(rowpattern.__file__).parents[1]
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    code = f"""
    import sys
    sys.path.insert(0, {str(package)!r})
    sys.path.remove("")
    from rowpattern import match_recognize
    sys.path.insert(0, "")
    print(match_recognize("SELECT 42 AS x", isolation="process").to_pylist())
    """
    result = run(code, cwd=tmp_path, env={"PATH": os.environ["PATH"], "SECRET": "s"})
    assert result.stdout == "[{'x': 42}]\n", result.stderr


def test_a_worker_does_not_see_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "of the service")
    worker = isolation.Worker()
    try:
        worker.wait_until_ready()
        environment = Path(f"/proc/{worker.process.pid}/environ").read_bytes()
    finally:
        worker.kill()
        worker.process.wait(10)
        worker.close()
    assert b"A_SECRET" not in environment
    assert b"PATH=" in environment
