"""Temporary files of streams: they go when nobody needs them, and a full disk is said to be full."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from rowpattern import QueryError, QueryLimitError, match_recognize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SQL = """
    SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY k ORDER BY o MEASURES count(*) AS n PATTERN (A B+) DEFINE B AS v > PREV(v))"""

# A sort that writes to disk within a second, and takes minutes.
CHILD = """
    import signal, sys
    import duckdb
    from rowpattern import match_recognize

    if sys.argv[1] == "handled":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    rows = duckdb.sql("SELECT hash(i) % 1000 AS k, hash(i + 1) AS o, i AS v FROM range(10_000_000_000) t(i)")
    print("begun", flush=True)
    match_recognize(sys.argv[2], rows, stream=True, memory_limit_mb=100).read_all()
"""


@pytest.fixture(params=["by runs", "by DuckDB"], autouse=True)
def sorted_on_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few rows sorted as those are that do not fit into memory."""
    monkeypatch.setattr("rowpattern.sql.execute.gathering._GATHERED_SHARE", 0)
    if request.param == "by DuckDB":
        monkeypatch.setattr("rowpattern.sql.execute.gathering.row_order", lambda *_: None)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 24 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def rows(count: int) -> pa.Table:
    random = np.random.default_rng(1)
    return pa.table({"k": random.integers(0, 1000, count), "o": random.integers(0, 10**9, count), "v": range(count)})


def spilled(place: Path, but: frozenset[Path] = frozenset()) -> int:
    """Return how many bytes are in directories, apart from some."""
    files = [each for directory in place.iterdir() if directory not in but for each in directory.rglob("*")]
    sizes = 0
    for each in files:
        # DuckDB removes some meanwhile.
        with contextlib.suppress(OSError):
            sizes += each.stat().st_size
    return sizes


def test_a_full_disk(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    answer = match_recognize(SQL, rows(5_000_000), stream=True, memory_limit_mb=60)
    with pytest.raises(QueryLimitError, match="has no room for what does not fit") as raised:
        answer.read_all()
    message = str(raised.value)
    assert str(small_disk) in message
    assert "TMPDIR" in message
    assert "had read" in message
    assert "of the disk's 24 MB are free" in message
    assert not list(small_disk.iterdir())


def test_a_disk_that_another_program_fills(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    table = rows(5_000_000)

    def batches() -> Iterator[pa.RecordBatch]:
        # DuckDB has looked by now how much is free.
        with (small_disk / "other").open("wb") as file:
            file.write(bytes(23 << 20))
        yield from table.to_batches(max_chunksize=100_000)

    answer = match_recognize(SQL, batches(), stream=True, memory_limit_mb=60)
    with pytest.raises(QueryLimitError, match="has no room for what does not fit"):
        answer.read_all()


def test_no_temporary_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(QueryLimitError, match=r"no temporary directory can be made.*TMPDIR"):
        match_recognize(SQL, rows(10), stream=True).read_all()
    # What fits into memory needs none.
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert match_recognize(SQL, rows(10), stream=True).read_all().schema.names == ["k", "n"]


def test_memory_that_is_used_up_is_not_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(QueryLimitError, match=r"more memory than its limit of 3 MB"):
        match_recognize(SQL, rows(3_000_000), stream=True, memory_limit_mb=3).read_all()


class TestClose:
    def begun(self, monkeypatch: pytest.MonkeyPatch, place: Path) -> Any:
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        monkeypatch.setattr("rowpattern.sql.execute.stream_batches._MOST_BLOCK_BYTES", 10_000)
        answer = match_recognize(SQL, rows(100_000), stream=True)
        assert answer.read_next_batch().num_rows
        assert list(place.iterdir())
        return answer

    def test_close(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        answer = self.begun(monkeypatch, tmp_path)
        answer.close()
        assert not list(tmp_path.iterdir())
        answer.close()
        with pytest.raises(QueryError, match="its reader is closed"):
            answer.read_next_batch()

    def test_with(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        with self.begun(monkeypatch, tmp_path) as answer:
            assert answer.schema.names == ["k", "n"]
        assert not list(tmp_path.iterdir())

    def test_close_before_it_is_read(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        match_recognize(SQL, rows(10), stream=True).close()
        assert not list(tmp_path.iterdir())


def child(place: Path, how: str) -> subprocess.Popen[str]:
    """Begin a sort in another process and wait until it has written."""
    environment = {**os.environ, "TMPDIR": str(place)}
    before = frozenset(place.iterdir())
    arguments = [sys.executable, "-c", textwrap.dedent(CHILD), how, SQL]
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while spilled(place, before) < 1 << 20:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    return process


def test_sigterm_that_ends_the_interpreter(tmp_path: Path) -> None:
    process = child(tmp_path, "handled")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 3
    assert not spilled(tmp_path)
    assert not list(tmp_path.iterdir())


def test_sigterm_without_a_handler(tmp_path: Path) -> None:
    process = child(tmp_path, "default")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_with_the_next_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    living = child(tmp_path, "default")
    others = {each.name for each in tmp_path.iterdir()}
    killed = child(tmp_path, "default")
    try:
        killed.kill()
        killed.communicate(timeout=60)
        assert killed.returncode == -signal.SIGKILL
        left = {each.name for each in tmp_path.iterdir()} - others
        assert len(left) == 1
        # Also where the next one needs no directory itself.
        monkeypatch.undo()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        match_recognize(SQL, rows(10), stream=True).read_all()
        # What the other process uses stays.
        assert {each.name for each in tmp_path.iterdir()} == others
    finally:
        living.kill()
        living.communicate()
