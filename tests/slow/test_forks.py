"""A forked child leaves alone what its parent made, and can answer queries; an interpreter ends with its own status."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

if not hasattr(os, "fork"):
    pytest.skip("forks", allow_module_level=True)

START = """
import os, signal, sys, tempfile, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import numpy as np, pyarrow as pa
from rowpattern import QueryError, match_recognize

def child_of(work):
    child = os.fork()
    if child == 0:
        # What a thread of the parent's held would be held for good here.
        signal.alarm(60)
        work()
        sys.exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

random = np.random.default_rng(1)
rows = 200_000
table = pa.table({"s": random.integers(0, 1000, rows), "x": random.permutation(rows), "p": random.normal(size=rows)})
query = '''SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY s ORDER BY x
    MEASURES FIRST(A.p) AS f, sum(B.p) AS g, sqrt(abs(LAST(B.p))) AS h
    PATTERN (A B+) DEFINE B AS p < PREV(p) + sin(x))'''
small = pa.table({"s": [1, 1, 1], "x": [1, 2, 3], "p": [3.0, 2.0, 1.0]})

def answers():
    assert match_recognize(query, small).num_rows == 1
"""


def run(code: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START + textwrap.dedent(code), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("end", ["sys.exit(0)", "del stream; gc.collect(); sys.exit(0)", "reads(stream)"])
def test_a_child_leaves_the_parents_stream_alone(end: str, tmp_path: Path) -> None:
    code = f"""
    import gc
    from rowpattern.sql.execute import gathering
    # Rows that fit into memory would not be written to disk.
    gathering._GATHERED_SHARE = 0
    def reads(stream):
        try:
            stream.read_next_batch()
        except QueryError as error:
            assert "forked child" in str(error)
            answers()
            sys.exit(0)
        sys.exit(1)
    stream = match_recognize(query.replace("PATTERN", "ALL ROWS PER MATCH PATTERN"), table, stream=True,
                             memory_limit_mb=40)
    first = stream.read_next_batch()
    folder = os.environ["TMPDIR"]
    before = sorted(os.walk(folder))
    assert len(os.listdir(folder)) == 1
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        {end}
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sorted(os.walk(folder)) == before
    rest = stream.read_all()
    print(first.num_rows + rest.num_rows)
    del stream
    gc.collect()
    assert os.listdir(folder) == []
    whole = match_recognize(query.replace("PATTERN", "ALL ROWS PER MATCH PATTERN"), table)
    assert first.num_rows + rest.num_rows == whole.num_rows
    """
    result = run(code, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


@pytest.mark.parametrize("source", ["dataset", "relation", "lazy"])
def test_a_child_leaves_what_the_stream_reads_alone(source: str, tmp_path: Path) -> None:
    code = """
    import duckdb, polars as pl, pyarrow.dataset as ds, pyarrow.parquet as pq
    path = os.environ["TMPDIR"] + "/t.parquet"
    pq.write_table(table.sort_by([("s", "ascending"), ("x", "ascending")]), path, row_group_size=5000)
    data = {"dataset": lambda: ds.dataset(path), "relation": lambda: duckdb.read_parquet(path),
            "lazy": lambda: pl.scan_parquet(path)}[sys.argv[1]]()
    stream = match_recognize(query, data, stream="in order", memory_limit_mb=40)
    first = stream.read_next_batch()
    if sys.argv[1] != "lazy":
        assert child_of(answers) == 0
    else:
        # Polars itself does not end in a forked child where it was used before.
        assert child_of(lambda: (answers(), os._exit(0))) == 0
    assert first.num_rows + stream.read_all().num_rows == match_recognize(query, table).num_rows
    """
    result = run(code, source, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert result.returncode == 0, result.stderr


def test_a_fork_waits_for_a_first_query() -> None:
    """At any moment of it: the delay walks through the imports."""
    code = """
    delay = float(sys.argv[1])
    first = threading.Thread(target=answers)
    first.start()
    time.sleep(delay)
    status = child_of(answers)
    first.join()
    answers()
    sys.exit(status)
    """
    statuses = [run(code, str(delay)).returncode for delay in (0, 0.05, 0.2, 0.5, 1.0)]
    assert statuses == [0] * len(statuses)


def test_whatever_queries_import_forks_wait_for() -> None:
    code = """
    import polars
    from rowpattern import compile, explain
    from rowpattern.sql.runtime.imports import forks_wait
    unguarded = []
    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if not forks_wait._is_owned():
                unguarded.append(name)
    sys.meta_path.insert(0, Finder)
    answers()
    explain(query, small, analyze=True)
    match_recognize(f"SELECT count(*) FROM ({query})", small)
    match_recognize(query.replace("p < PREV", "md5(B.p || A.p) <> '' AND p < PREV"), small)
    match_recognize(query, small, stream=True).read_all()
    match_recognize(query, polars.from_arrow(small))
    list(compile("A B+").find_iter(small, conditions={"B": "p < PREV(p)"}))
    try:
        match_recognize(query, small, isolation="process", timeout_seconds=60)
    finally:
        print(unguarded)
    """
    result = run(code)
    assert result.stdout == "[]\n", result.stderr


@pytest.mark.parametrize(("query", "children"), [("query", 25), ("f'SELECT count(*) FROM ({query})'", 20)])
def test_forks_while_threads_answer(query: str, children: int) -> None:
    code = f"""
    asked = {query}
    expected = match_recognize(asked, small)
    stop = threading.Event()
    failed = []
    def work():
        try:
            while not stop.is_set():
                time.sleep(0.002)
                # New limits: connections are made and closed all the time.
                match_recognize(asked, table.slice(0, 2_000), threads=2, memory_limit_mb=int(random.integers(50, 100)))
                match_recognize(query, table.slice(0, 2_000), stream=True, memory_limit_mb=100).read_all()
        except BaseException as error:
            failed.append(error)
            raise
    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    statuses = []
    def child():
        assert match_recognize(asked, small).equals(expected)
        assert match_recognize(asked, small, stream=True).read_all().num_rows == expected.num_rows
    for number in range({children}):
        # The end of an interpreter is looked at too, but takes longer than all else.
        statuses.append(child_of(child if number % 10 == 0 else lambda: (child(), os._exit(0))))
    stop.set()
    for worker in workers:
        worker.join()
    print(sum(statuses), failed)
    """
    result = run(code)
    assert result.stdout == "0 []\n", result.stderr


def in_daemon_threads(count: int, work: str, imports: str = "") -> str:
    """Return code that does some work again and again in daemon threads, and then ends."""
    return f"""
{imports}
def work():
    while True:
        {work}
for _ in range({count}):
    threading.Thread(target=work, daemon=True).start()
time.sleep(float(sys.argv[1]))
"""


ENDS = {
    "a stream": "stream = match_recognize(query, table, stream=True)\nstream.read_next_batch()",
    "a monitor": "from rowpattern.cache_monitor import start_cache_monitoring\nstart_cache_monitoring()",
    "queries in daemon threads": in_daemon_threads(3, "match_recognize(query, table, threads=2)"),
    "streams in daemon threads": in_daemon_threads(2, "match_recognize(query, table, stream=True).read_all()"),
    "matches in daemon threads": in_daemon_threads(
        3, 'rowpattern.compile("A B+").count("ABBABB" * 1_000_000, threads=2)', "import rowpattern"
    ),
    "work that does not stop": """
from rowpattern import QueryLimitError
from rowpattern.sql.duckdb.connection import abandoned_queries
slow = "SELECT jaro_similarity(repeat('a', 3000000), repeat('b', 2999999 + x)) FROM range(9) r(x)"
for _ in range(2):
    try:
        match_recognize(slow, timeout_seconds=1)
    except QueryLimitError:
        pass
assert abandoned_queries()
""",
    "a reader that waits": """
from rowpattern import QueryLimitError
def batches():
    yield small.to_batches()[0]
    time.sleep(100)
try:
    match_recognize(query, pa.RecordBatchReader.from_batches(small.schema, batches()), timeout_seconds=0.3)
except QueryLimitError:
    pass
""",
    "isolation": "match_recognize(query, small, isolation='process')",
}


@pytest.mark.parametrize("delay", ["0.3", "0.9"])
@pytest.mark.parametrize("what", ENDS)
def test_an_interpreter_ends_with_its_own_status(what: str, delay: str) -> None:
    code = ENDS[what] + "\nprint('written', end='')\nprint(time.time(), file=sys.stderr)\nsys.exit(7)"
    command = [sys.executable, "-c", START + code, delay]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    ended = time.time()
    assert result.returncode == 7, result.stderr
    assert result.stdout == "written"
    (exited,) = result.stderr.split()
    print(f"{what}: ended {ended - float(exited):.2f} s after sys.exit")
    # It is 0.2 s of patience, and what the interpreter takes to end; work that goes on takes all cores meanwhile.
    assert ended - float(exited) < 20
