"""Limits of time and memory where DuckDB, a table's source or the memory of DuckDB's functions is the matter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyarrow import fs
from queries_at_work import interrupted

import rowpattern
from rowpattern import match_recognize
from rowpattern.sql.duckdb import connection as database
from rowpattern.sql.duckdb import instances
from rowpattern.sql.duckdb.spill_directory import SpillDirectory
from rowpattern.sql.tables import reading

from commands import run_python

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = pa.table({"x": [1, 2, 3]})
CLAUSE = "SELECT {} FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES count(*) AS n PATTERN (A+))"
# No interrupt is looked at inside; it takes some 4 s, and hardly any memory.
UNSTOPPABLE = CLAUSE.format("jaro_similarity(repeat('a', 700000 + n), repeat('b', 700000))")


def control_after(work: Callable[[], object], limit: float) -> float:
    """Return how long after the limit the caller gets control."""
    begun = time.monotonic()
    with pytest.raises(rowpattern.QueryLimitError):
        work()
    took = time.monotonic() - begun - limit
    print(f"control {took:.3f} s after a limit of {limit} s")
    return took


def settled() -> bool:
    until = time.monotonic() + 120
    while (database.abandoned_queries() or reading.abandoned_reads()) and time.monotonic() < until:
        time.sleep(0.05)
    return not database.abandoned_queries() and not reading.abandoned_reads()


def run(work: Callable[[], None], *, in_thread: bool) -> None:
    if in_thread:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    else:
        work()


@pytest.mark.parametrize("in_thread", [False, True])
def test_work_that_does_not_stop_is_left(in_thread: bool) -> None:
    assert settled()
    match_recognize(CLAUSE.format("n"), TABLE)
    overshoot: list[float] = []

    def work() -> None:
        overshoot.append(control_after(lambda: match_recognize(UNSTOPPABLE, TABLE, timeout_seconds=1), 1))

    run(work, in_thread=in_thread)
    assert overshoot[0] < 1
    assert database.abandoned_queries() == 1
    # Others are answered meanwhile.
    assert match_recognize(CLAUSE.format("n + 1 AS m"), TABLE).to_pylist() == [{"m": 4}]
    assert settled()


def test_work_that_was_left_is_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settled()
    monkeypatch.setattr(instances.supervised, "most_abandoned", 2)
    for _ in range(2):
        control_after(lambda: match_recognize(UNSTOPPABLE, TABLE, timeout_seconds=0.5), 0.5)
    begun = time.monotonic()
    with pytest.raises(rowpattern.QueryLimitError, match=r"2 queries that passed their limits have not stopped yet"):
        match_recognize(CLAUSE.format("n + 1"), TABLE, timeout_seconds=0.3)
    assert time.monotonic() - begun < 1.3
    # It waits for room, and is answered when there is some.
    assert match_recognize(CLAUSE.format("n + 1 AS m"), TABLE, timeout_seconds=120).to_pylist() == [{"m": 4}]
    assert settled()


def test_ctrl_c_leaves_work_that_does_not_stop() -> None:
    assert interrupted(lambda: match_recognize(UNSTOPPABLE, TABLE)) < 1
    assert settled()


def slow_batches(seconds: float) -> Iterator[pa.RecordBatch]:
    yield TABLE.to_batches()[0]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        # A wait that nothing interrupts.
        time.sleep(0.01)


def slow_reader(seconds: float = 3) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(TABLE.schema, slow_batches(seconds))


class Exports:
    """Has nothing but Arrow's stream interface."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return slow_reader().__arrow_c_stream__(requested_schema)


def slow_frame() -> pl.LazyFrame:
    def wait(frame: pl.DataFrame) -> pl.DataFrame:
        time.sleep(3)
        return frame

    return pl.LazyFrame({"x": [1, 2, 3]}).map_batches(wait)


@pytest.mark.parametrize("source", [slow_reader, slow_frame, Exports])
@pytest.mark.parametrize("in_thread", [False, True])
def test_reading_a_table_is_within_the_time_limit(source: Callable[[], Any], in_thread: bool) -> None:
    overshoot: list[float] = []

    def work() -> None:
        data = source()
        overshoot.append(control_after(lambda: match_recognize(CLAUSE.format("*"), data, timeout_seconds=0.5), 0.5))

    run(work, in_thread=in_thread)
    assert overshoot[0] < 1
    assert reading.abandoned_reads() == 1
    assert settled()


@pytest.mark.parametrize("mode", [True, "in order"])
def test_a_stream_s_producer_that_waits(mode: Any) -> None:
    stream = match_recognize(CLAUSE.format("*"), slow_reader(), stream=mode, timeout_seconds=0.5)
    assert control_after(stream.read_all, 0.5) < 1
    assert settled()
    stream = match_recognize(CLAUSE.format("*"), slow_reader(), stream=mode)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stream.read_all()
    assert time.monotonic() - begun < 1.5
    assert settled()


class PythonFiles(fs.FileSystemHandler):  # type: ignore[misc]
    """Files whose every read needs the interpreter, in a thread of Arrow's."""

    def __init__(self, folder: str) -> None:
        self._files = fs.SubTreeFileSystem(folder, fs.LocalFileSystem())

    def get_type_name(self) -> str:
        return "python"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: Any) -> Any:
        return self._files.get_file_info(paths)

    def get_file_info_selector(self, selector: Any) -> Any:
        return self._files.get_file_info(selector)

    def open_input_stream(self, path: str) -> Any:
        return self.open_input_file(path)

    def open_input_file(self, path: str) -> Any:
        return pa.PythonFile(self._files.open_input_file(path), mode="r")

    def _refused(self, *_: Any) -> Any:
        raise NotImplementedError

    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = delete_file = _refused
    move = copy_file = open_output_stream = open_append_stream = _refused


@pytest.mark.parametrize("stream", [False, True])
def test_a_producer_whose_threads_need_python(stream: bool, tmp_path: Path) -> None:
    for number in range(4):
        pq.write_table(pa.table({"x": range(number * 1000, number * 1000 + 1000)}), tmp_path / f"{number}.parquet")
    files = fs.PyFileSystem(PythonFiles(str(tmp_path)))
    dataset = ds.dataset([f"{number}.parquet" for number in range(4)], filesystem=files, format="parquet")
    data = dataset if stream else dataset.scanner().to_reader()
    answer = match_recognize(CLAUSE.format("*"), data, stream=stream, timeout_seconds=60)
    assert answer.read_all().to_pylist() == [{"n": 4000}]


def test_memory_of_a_stream_is_limited() -> None:
    """One partition of 400 MB with a limit of 200 MB; measured in a process of its own."""
    code = """
    import resource, numpy as np, pyarrow as pa, rowpattern
    from rowpattern import match_recognize
    query = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY s ORDER BY x MEASURES count(*) AS n PATTERN (A+))"
    def batches(count):
        for number in range(count):
            x = np.arange(number * 500_000, (number + 1) * 500_000)
            yield pa.record_batch({"s": np.zeros(500_000, "i8"), "x": x})
    schema = pa.schema({"s": pa.int64(), "x": pa.int64()})
    def reader(count):
        return pa.RecordBatchReader.from_batches(schema, batches(count))
    match_recognize(query, reader(2), stream="in order").read_all()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        match_recognize(query, reader(50), stream="in order", memory_limit_mb=200).read_all()
    except rowpattern.QueryLimitError as error:
        print(type(error).__name__)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    """
    result = run_python("-c", textwrap.dedent(code), timeout=120)
    kind, megabytes = result.stdout.split()
    print(megabytes, "MB beyond what a small stream took")
    assert kind == "QueryLimitError", result.stderr
    assert float(megabytes) < 200 + 64


def test_what_dead_processes_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = """
    import os, pathlib, signal
    from rowpattern.sql.duckdb.spill_directory import SpillDirectory
    directory = SpillDirectory()
    pathlib.Path(directory.path).mkdir()
    pathlib.Path(directory.path, "spilled").write_bytes(b"x" * 1000)
    print("made", flush=True)
    {}
    """
    environment = {**os.environ, "TMPDIR": str(tmp_path)}

    def start(end: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", textwrap.dedent(code).format(end)]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n"
        return process

    with start("os.kill(os.getpid(), signal.SIGKILL)") as killed:
        killed.wait(30)
    assert len(list(tmp_path.iterdir())) == 1
    with start("input()") as living:
        # It found what the dead one had left, and has its own.
        (own,) = tmp_path.iterdir()
        ours = SpillDirectory()
        assert {own, Path(ours.path).parent} == set(tmp_path.iterdir())
        ours.remove()
        assert list(tmp_path.iterdir()) == [own]
        living.communicate("\n", timeout=30)
    assert list(tmp_path.iterdir()) == []


LONG = {
    "arguments": lambda number: f"concat({', '.join(['x'] * 30_000)}, {number}) <> ''",
    "branches": lambda number: f"CASE {'WHEN x > 9 THEN 1 ' * 15_000} ELSE {number} END > 0",
    "a list": lambda number: f"x IN ({', '.join(map(str, range(40_000)))}, {number})",
}


@pytest.mark.parametrize("name", LONG)
def test_time_limits_hold_while_long_texts_are_read(name: str) -> None:
    """In some threads at once, beside short queries, which do not wait for DuckDB to parse the long ones."""
    table = pa.table({"i": [1, 2, 3], "x": [3, 5, 4]})
    query = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS {})"
    assert match_recognize(query.format("x > 0"), table).num_rows == 1
    seconds, took, refused = 0.05, [], []

    def ask(number: int) -> None:
        begun = time.perf_counter()
        try:
            match_recognize(query.format(LONG[name](number)), table, timeout_seconds=seconds)
        except rowpattern.QueryLimitError as error:
            refused.append(str(error))
        took.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    shorts = 0
    while any(thread.is_alive() for thread in threads):
        assert match_recognize(query.format(f"x > 0 AND i <> {-shorts}"), table).num_rows == 1
        shorts += 1
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert all("limit of 0.05 s" in each for each in refused)
    # Three of them share two cores, and the interpreter, which reading a tree's JSON does not give up.
    assert max(took) < seconds + 0.2 * 5
