"""The worker processes of isolated queries: limits that hold whatever a query calls, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern.errors import InternalError

if sys.platform != "linux":
    pytest.skip("worker processes need Linux", allow_module_level=True)

from queries_at_work import interrupted

from rowpattern.sql.isolation import pool as isolation
from rowpattern.sql.isolation import query as isolated_query

from isolated_queries import CLAUSE, SMALL, raised

# No interrupt is looked at inside; it takes minutes, and hardly any memory.
UNSTOPPABLE = "jaro_similarity(repeat('a', 3000000 + {}), repeat('b', 3000000)) > 2"
SHARED = Path("/dev/shm")  # noqa: S108 - looked at only


@pytest.fixture(scope="module", autouse=True)
def workers() -> None:
    isolation.start_workers(2)


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
