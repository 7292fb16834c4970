"""Answers do not depend on how many threads work on them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern.production_config import MatchRecognizeConfig, set_config
from rowpattern.sql.duckdb import connection as database

from commands import run_python
from forks import child_status, needs_fork
from interruption import interrupted_after

# Enough for several threads: they are used from some 100,000 rows for each on.
ROWS = 600_000


@pytest.fixture(scope="module")
def labels() -> np.ndarray[Any, Any]:
    return np.random.default_rng(4).choice(np.frombuffer(b"ABCD", dtype="S1"), ROWS, p=[0.4, 0.3, 0.2, 0.1])


def conditions(labels: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    # Conditions overlap: which rows are which is for the pattern to say.
    return {"A": labels != b"D", "B": labels == b"B", "C": (labels == b"C") | (labels == b"A"), "D": labels == b"D"}


def columns(found: Any) -> list[list[Any]]:
    rows = found.rows
    return [
        each.to_list()
        for each in (found.start, found.end, found.number, found.partition, rows.classifier, rows.excluded)
    ]


def partitions_of(kind: str) -> Any:
    if kind == "one":
        return None
    if kind == "of 1,000 rows":
        return ("starts", np.arange(0, ROWS, 1000))
    # One is most of the rows; some are empty.
    return ("counts", [100, 0, 500_000, 0, 0, 99_900])


@pytest.mark.parametrize("kind", ["one", "of 1,000 rows", "uneven"])
@pytest.mark.parametrize(
    "pattern",
    ["A+ B", "(A | B)+ C{1,3} D*", "A (B | C)* D", "^ A* B", "A? B??", "C{2} $ | B", "A {- B+ -} C", "(A B)* D"],
)
def test_matches(pattern: str, kind: str, labels: np.ndarray[Any, Any]) -> None:
    compiled = rowpattern.compile(pattern)
    rows = {name: flags for name, flags in conditions(labels).items() if name in compiled.variables}
    partitions = partitions_of(kind)
    one = compiled.match(rows, partitions=partitions)
    assert len(one) > 0 or "^" in pattern
    for threads in (2, 3, 8):
        assert columns(compiled.match(rows, partitions=partitions, threads=threads)) == columns(one)
    assert compiled.spans(rows, partitions=partitions, threads=3).end.to_list() == one.end.to_list()
    assert compiled.count(rows, partitions=partitions, threads=3) == len(one)


@pytest.mark.parametrize("skip", ["to next row", ("to last", "B"), ("to first", "C")])
def test_other_skips(skip: Any, labels: np.ndarray[Any, Any]) -> None:
    compiled = rowpattern.compile("A B C{1,3}")
    partitions = partitions_of("of 1,000 rows")
    rows = {name: flags for name, flags in conditions(labels).items() if name != "D"}
    one = compiled.match(rows, partitions=partitions, skip=skip)
    assert len(one) > 1000
    many = compiled.match(rows, partitions=partitions, skip=skip, threads=4)
    assert columns(many) == columns(one)


def test_more_than_eight_variables() -> None:
    rows = np.random.default_rng(1).choice(list("ABCDEFGHIJ"), ROWS).tolist()
    compiled = rowpattern.compile("A (B | C | D)* (E | F) G? H* I? J?")
    assert columns(compiled.match(rows, threads=3)) == columns(compiled.match(rows))


def test_the_first_error_is_the_one_of_one_thread() -> None:
    # Both the third and the last quarter have a match that cannot be skipped from.
    rows = np.full(ROWS, "C", dtype=object)
    rows[[310_000, 310_001, 590_000, 590_001]] = ["A", "B"] * 2
    compiled = rowpattern.compile("A B? D?")
    arguments: dict[str, Any] = {"partitions": ("starts", np.arange(0, ROWS, 1000)), "skip": ("to first", "A")}
    errors = []
    for threads in (1, 4):
        with pytest.raises(rowpattern.SkipError) as raised:
            compiled.match(rows.tolist(), threads=threads, **arguments)
        errors.append(str(raised.value))
    assert errors[0] == errors[1]
    assert "310" in errors[0]


def test_no_threads_at_all() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        rowpattern.compile("A").match("A", threads=0)
    for wrong in (0, -1, 1.5, True, "many"):
        with pytest.raises(rowpattern.ConfigurationError, match="threads is"):
            match_recognize("SELECT * FROM t", pa.table({"a": [1]}), threads=wrong)  # type: ignore[arg-type]


QUERIES = {
    "one row": """
        SELECT * FROM t MATCH_RECOGNIZE ({partition} ORDER BY at
            MEASURES FIRST(DOWN.price) AS high, LAST(DOWN.price) AS low, LAST(UP.price) - LAST(DOWN.price) AS gain,
                MATCH_NUMBER() AS number, count(DOWN.*) AS falls, PREV(FIRST(UP.price), 2) AS before
            PATTERN (START DOWN+ UP+)
            DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))""",
    "all rows": """
        SELECT * FROM t MATCH_RECOGNIZE ({partition} ORDER BY at
            MEASURES CLASSIFIER() AS label, FIRST(DOWN.price) AS high, FINAL LAST(UP.price) AS ended,
                sum(UP.size) AS sizes
            ALL ROWS PER MATCH WITH UNMATCHED ROWS
            PATTERN (START DOWN{{2,}} UP+)
            DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))""",
    "the match so far": """
        SELECT * FROM t MATCH_RECOGNIZE ({partition} ORDER BY at
            MEASURES A.price AS a, LAST(B.price) AS b, C.price AS c
            PATTERN (A B+ C)
            DEFINE B AS price > A.price AND size > 1, C AS price < avg(B.price))""",
}


@pytest.mark.parametrize("partition", ["", "PARTITION BY symbol"])
@pytest.mark.parametrize("query", QUERIES)
def test_queries(query: str, partition: str) -> None:
    random = np.random.default_rng(9)
    count = 450_000
    symbols = np.sort(random.integers(0, 300, count))
    table = pa.table(
        {
            "symbol": symbols if partition else np.zeros(count, dtype=np.int64),
            "at": np.arange(count),
            "price": pa.array(np.round(random.normal(0, 5, count), 1), mask=random.random(count) < 0.01),
            "size": random.integers(0, 5, count),
        }
    )
    sql = QUERIES[query].format(partition=partition)
    one = match_recognize(sql, table, threads=1)
    assert one.num_rows > 1000
    for threads in (2, 5):
        assert match_recognize(sql, table, threads=threads).equals(one)


AROUND = "SELECT a + 1 AS a FROM t MATCH_RECOGNIZE (MEASURES A.a AS a PATTERN (A))"


@pytest.fixture
def duckdb_threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of what DuckDB says of its threads before each query around a clause."""
    found: list[int] = []
    query = database.Database.typed_query

    def noted(self: database.Database, sql: str, *values: Any, **options: Any) -> tuple[pa.Table, list[Any]]:
        threads, _ = query(self, "SELECT current_setting('threads') AS threads")
        found.append(threads["threads"][0].as_py())
        return query(self, sql, *values, **options)

    monkeypatch.setattr(database.Database, "typed_query", noted)
    return found


@pytest.mark.parametrize("threads", [1, 3])
def test_duckdb_keeps_to_them_too(threads: int, duckdb_threads: list[int]) -> None:
    assert match_recognize(AROUND, pa.table({"a": [1]}), threads=threads)["a"].to_pylist() == [2]
    assert duckdb_threads == [threads]


def test_by_default_the_settings_say_how_many(monkeypatch: pytest.MonkeyPatch, duckdb_threads: list[int]) -> None:
    monkeypatch.setattr("rowpattern.sql.options.available_cores", lambda: 64)
    match_recognize(AROUND, pa.table({"a": [1]}))
    set_config(MatchRecognizeConfig.from_env({"MR_MAX_WORKERS": "2"}))
    match_recognize(AROUND, pa.table({"a": [1]}))
    assert duckdb_threads == [4, 2]
    with pytest.raises(rowpattern.ConfigurationError, match="MR_MAX_WORKERS: max_workers is 0;"):
        MatchRecognizeConfig.from_env({"MR_MAX_WORKERS": "0"})


@needs_fork
def test_a_forked_child_has_threads_of_its_own() -> None:
    table = pa.table({"at": np.arange(ROWS), "price": np.random.default_rng(2).normal(size=ROWS)})
    sql = QUERIES["one row"].format(partition="").replace("count(DOWN.*) AS falls,", "")
    one = match_recognize(sql, table, threads=2)
    assert child_status(lambda: match_recognize(sql, table, threads=2).equals(one)) == 0


@needs_fork
def test_forks_while_threads_match(labels: np.ndarray[Any, Any]) -> None:
    compiled = rowpattern.compile("A+ B /* forks */")
    rows = {name: flags for name, flags in conditions(labels).items() if name in compiled.variables}
    count = compiled.count(rows)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            assert compiled.count(rows, threads=2) == count
            assert compiled.count("AAB" * 1000) == 1000

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(40):
            assert child_status(lambda: compiled.count(rows, threads=2) == count, 20) == 0
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def test_ctrl_c_ends_all_of_them() -> None:
    # Overlapping matches, with more rows than anyone waits for, in both threads.
    compiled = rowpattern.compile("A+")
    arguments: dict[str, Any] = {"partitions": ("counts", [200_000, 200_000]), "skip": "to next row", "threads": 2}
    with interrupted_after(0.2):
        compiled.match("A" * 400_000, **arguments)


def test_a_query_of_an_exit_handler_is_answered() -> None:
    code = """
import atexit
import numpy as np, pyarrow as pa
from rowpattern import match_recognize
table = pa.table({"i": np.arange(400_000), "x": np.tile([2.0, 1.0], 200_000)})
clause = "MATCH_RECOGNIZE (ORDER BY i MEASURES LAST(x) AS m PATTERN (A B) DEFINE A AS x > 0, B AS x < PREV(x))"
query = "SELECT count(*) AS n FROM t " + clause
def ask():
    print(match_recognize(query, table, threads=2).to_pylist())
ask()
atexit.register(ask)
"""
    result = run_python("-c", code, timeout=120)
    assert (result.returncode, result.stderr, result.stdout) == (0, "", "[{'n': 200000}]\n" * 2)


ENDLESS = """
import sys, threading, time
import numpy as np, pyarrow as pa
import rowpattern
from rowpattern import match_recognize

class Endless:
    def __arrow_c_stream__(self, requested_schema=None):
        def batches():
            while True:
                begun.set()
                {work}({nap})
                yield pa.record_batch({{"A": np.zeros(10, dtype=bool)}})
        return pa.RecordBatchReader.from_batches(pa.schema([("A", pa.bool_())]), batches()).__arrow_c_stream__()

def compute(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass

class Slow:
    "Takes long to free, while daemon threads ask for the interpreter."
    def __del__(self):
        compute({end})

query = "SELECT * FROM t MATCH_RECOGNIZE (MEASURES count(*) AS n PATTERN (X+))"
begun = threading.Event()
threading.Thread(target=lambda: {call}, daemon=True).start()
begun.wait(60)
time.sleep(0.1)
sys.last = Slow()
sys.exit(5)
"""


@pytest.mark.parametrize("call", ['rowpattern.compile("A").count(Endless())', "match_recognize(query, Endless())"])
@pytest.mark.parametrize(
    ("work", "nap", "end"),
    [
        ("time.sleep", 0.01, 0),
        ("time.sleep", 0.01, 0.5),
        ("compute", 0.4, 0.5),
        ("time.sleep", 0.4, 0.8),
        ("time.sleep", 30, 0),
    ],
)
def test_daemon_threads_that_drain_streams_leave_the_status_alone(call: str, work: str, nap: float, end: float) -> None:
    """The producer comes back soon, while the interpreter ends, or not before the process has ended.

    One that computes is waited for, as all do that import pandas for their first batch.
    """
    code = ENDLESS.format(call=call, work=work, nap=nap, end=end)
    result = run_python("-c", code, timeout=120)
    assert result.returncode == 5, result.stderr
    if nap < 0.2 or work == "compute":
        assert result.stderr == ""


def test_streams_are_read_in_exit_handlers() -> None:
    code = """
import atexit
def ask():
    print(rowpattern.compile("A").count(Given()), match_recognize(query, Given()).num_rows)
atexit.register(ask)  # before the package is imported: it is called after the package's own
import pyarrow as pa
import rowpattern
from rowpattern import match_recognize
query = "SELECT * FROM t MATCH_RECOGNIZE (MEASURES count(*) AS n PATTERN (X+))"
class Given:
    def __arrow_c_stream__(self, requested_schema=None):
        batches = (pa.record_batch({"A": [True, False]}) for _ in range(3))
        return pa.RecordBatchReader.from_batches(pa.schema([("A", pa.bool_())]), batches).__arrow_c_stream__()
"""
    result = run_python("-c", code, timeout=120)
    assert (result.returncode, result.stderr, result.stdout) == (0, "", "3 1\n")
