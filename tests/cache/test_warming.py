"""Looking into the cache, and starting warm from a file."""

from __future__ import annotations

import json
import resource
import signal
from typing import TYPE_CHECKING

import pytest

import rowpattern
from rowpattern import pattern_cache
from rowpattern._core import ManualClock
from rowpattern.production_config import reload, reset_config
from rowpattern.warming import load_at_start

from commands import run_python
from forks import child_status

if TYPE_CHECKING:
    from pathlib import Path


def test_entries_say_what_fills_the_memory() -> None:
    rowpattern.compile("A B")
    rowpattern.compile("PERMUTE(A, B, C, D)")
    rowpattern.compile("A B", subset={"U": ["A", "B"]})
    pattern_cache.cache_pattern("mine", "x" * 50_000, None, compilation_time=2.5)
    for _ in range(3):
        rowpattern.compile("A B")
    entries = pattern_cache.cache_entries(order="bytes")
    assert [entry["pattern"] for entry in entries[:2]] == [None, "PERMUTE(A, B, C, D)"]
    total = sum(entry["size_bytes"] for entry in entries)
    assert total == round(pattern_cache.get_cache_stats()["memory_used_mb"] * 2**20)
    (first,) = pattern_cache.cache_entries(limit=1, order="hits")
    assert (first["key"], first["kind"], first["pattern"], first["hits"]) == ("A B", "pattern", "A B", 3)
    assert 0 <= first["age_seconds"] < 60
    assert first["seconds_left"] is not None
    assert 3540 < first["seconds_left"] <= 3600
    assert first["compilation_time"] > 0
    assert pattern_cache.cache_entries(limit=1)[0]["key"] == "A B"
    assert pattern_cache.cache_entries(limit=1, order="compilation_time")[0]["key"] == "mine"
    assert [entry["pattern"] for entry in pattern_cache.cache_entries(order="age")] == [
        "A B",
        "PERMUTE(A, B, C, D)",
        "A B",
        None,
    ]
    assert pattern_cache.cache_entries(limit=0) == []
    with pytest.raises(ValueError, match="order must be"):
        pattern_cache.cache_entries(order="colour")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="limit must be"):
        pattern_cache.cache_entries(limit=-1)


def test_ages_are_those_of_the_clock() -> None:
    clock = ManualClock()
    cache = rowpattern.PatternCache(ttl_seconds=10, clock=clock)
    cache.put("a", 1, size_bytes=1)
    clock.advance(4)
    (entry,) = cache.entries()
    assert (entry["age_seconds"], entry["seconds_left"]) == (4, 6)
    cache.resize(5)
    assert cache.entries()[0]["seconds_left"] == 6
    clock.advance(6)
    assert cache.entries() == []


def test_invalidating_what_is_shown() -> None:
    kept = rowpattern.compile("A")
    rowpattern.compile("A B")
    rowpattern.compile("A B", subset={"U": ["A", "B"]})
    pattern_cache.cache_pattern("mine", 1, 2)
    for entry in pattern_cache.cache_entries():
        if entry["key"] != "A":
            assert pattern_cache.invalidate(entry["key"])
            assert not pattern_cache.invalidate(entry["key"])
    assert rowpattern.compile("A") is kept
    assert pattern_cache.get_cache_stats()["invalidations"] == 3


def test_dump_and_load(tmp_path: Path) -> None:
    path = tmp_path / "patterns"
    rowpattern.compile("A B")
    rowpattern.compile('"é" \n B', subset={"U": ["B"]}, define={"B": "x > 'ü'"})
    rowpattern.compile("C+")
    rowpattern.compile("A B")
    pattern_cache.cache_pattern("an object", object(), None)
    assert pattern_cache.dump(path) == 3
    patterns = [entry["pattern"] for entry in pattern_cache.cache_entries() if entry["kind"] == "pattern"]
    pattern_cache.clear_pattern_cache()
    assert pattern_cache.load(path) == 3
    # The order of use is kept too: a smaller cache keeps the same ones.
    assert [entry["pattern"] for entry in pattern_cache.cache_entries()] == patterns == ["A B", "C+", '"é" \n B']
    misses = pattern_cache.get_cache_stats()["misses"]
    rowpattern.compile('"é" \n B', subset={"U": ["B"]}, define={"B": "x > 'ü'"})
    assert pattern_cache.get_cache_stats()["misses"] == misses
    assert [entry.name for entry in tmp_path.iterdir()] == ["patterns"]


def test_a_file_holds_text_only(tmp_path: Path) -> None:
    rowpattern.compile("A B")
    pattern_cache.dump(tmp_path / "patterns")
    assert (tmp_path / "patterns").read_text().splitlines() == [
        '{"rowpattern": "patterns", "version": 1}',
        '{"pattern": "A B"}',
    ]


def test_warm() -> None:
    pattern = rowpattern.compile("A B", define={"A": "x"})
    pattern_cache.clear_pattern_cache()
    assert pattern_cache.warm(["A", "B", pattern]) == 3
    assert pattern_cache.get_cache_stats()["size"] == 3
    with pytest.raises(rowpattern.PatternSyntaxError):
        pattern_cache.warm(["C", "A (", "D"])
    assert pattern_cache.get_cache_stats()["size"] == 4


GOOD = '{"rowpattern": "patterns", "version": 1}\n{"pattern": "A B"}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("hello\n", "not a file that rowpattern dumped"),
        ('{"rowpattern": "patterns", "version": 2}\n', "not a file that rowpattern dumped"),
        (GOOD + '{"pattern": "A"', "line 3 is not a pattern"),
        (GOOD + '{"pattern": "A"}', "line 3 is not a pattern"),
        (GOOD + '{"pattern": 5}\n', "line 3 is not a pattern"),
        (GOOD + '{"pattern": "A", "subset": {"U": "A"}}\n', "line 3 is not a pattern"),
        (GOOD + '{"pattern": "A", "define": {"A": null}}\n', "line 3 is not a pattern"),
        (GOOD + '{"pattern": "A", "evil": 1}\n', "line 3 is not a pattern"),
        (GOOD + "[" * 100_000 + "\n", "line 3 is not a pattern"),
        (GOOD + '"\\ud800"\n', "line 3 is not a pattern"),
        (GOOD + "\x80\x00\n", "line 3 is not a pattern"),
    ],
)
def test_damaged_files(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(content.encode("latin-1"))
    kept = rowpattern.compile("Z")
    with pytest.raises(rowpattern.DumpError) as caught:
        pattern_cache.load(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    # Nothing was loaded, nothing was lost.
    assert [entry["pattern"] for entry in pattern_cache.cache_entries()] == ["Z"]
    assert rowpattern.compile("Z") is kept


def test_texts_that_are_no_patterns_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "patterns"
    path.write_text(GOOD + '{"pattern": "A ("}\n')
    with pytest.raises(rowpattern.PatternSyntaxError):
        pattern_cache.load(path)
    with pytest.raises(FileNotFoundError):
        pattern_cache.load(tmp_path / "none")


def test_a_start_without_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A service starts empty, with a warning; where the setting says so, it does not start."""
    good, damaged, wrong = tmp_path / "good", tmp_path / "damaged", tmp_path / "wrong"
    good.write_text(GOOD)
    damaged.write_text(GOOD[:-5])
    wrong.write_text(GOOD + '{"pattern": "A ("}\n')
    try:
        assert load_at_start() == 0
        assert load_at_start(good) == 1
        assert caplog.records == []
        for path, error in ((damaged, "DumpError"), (tmp_path / "none", "FileNotFoundError"), (wrong, "PatternSyntax")):
            caplog.clear()
            reload(warm_file=str(path))
            assert load_at_start() == 0
            (record,) = caplog.records
            assert (record.name, record.levelname, vars(record)["event"]) == ("rowpattern.warming", "WARNING", "cold")
            assert f"without the patterns of {path}: {error}" in record.getMessage()
            reload(warm_file=str(path), warm_strict=True)
            with pytest.raises((rowpattern.RowPatternError, OSError)):
                load_at_start()
        reload(warm_file=str(good), warm_strict=True)
        assert load_at_start() == 1
    finally:
        reset_config()


def test_a_full_disk_leaves_the_older_file(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: writing past it fails as there."""
    path = tmp_path / "patterns"
    rowpattern.compile("A B")
    pattern_cache.dump(path)
    before = path.read_bytes()
    pattern_cache.warm(f"A{{{number}}} B" for number in range(1, 5000))

    def child() -> bool:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        try:
            pattern_cache.dump(path)
        except OSError:
            # The cache goes on.
            return pattern_cache.get_cache_stats()["size"] == 5000
        return False

    assert child_status(child) == 0
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["patterns"]


def test_a_fresh_process_starts_warm(tmp_path: Path) -> None:
    path = tmp_path / "patterns"
    pattern_cache.warm(f"A{{{number}}} B" for number in range(1, 101))
    pattern_cache.dump(path)
    code = f"""
import json, rowpattern
from rowpattern import pattern_cache
from rowpattern.production_config import reload, reset_config
from rowpattern.warming import load_at_start
pattern_cache.load({str(path)!r})
loaded = pattern_cache.get_cache_stats()
for number in range(1, 101):
    rowpattern.compile(f"A{{{{{{number}}}}}} B")
after = pattern_cache.get_cache_stats()
print(json.dumps([loaded["size"], after["hits"], after["misses"] - loaded["misses"]]))
"""
    result = run_python("-c", code)
    assert json.loads(result.stdout) == [100, 100, 0], result.stderr
