"""Limits of time and memory: how far work goes on past one.

Each case is an input that takes minutes and gigabytes without a limit. It runs in a process of its own, which measures
itself: once with little to do, so that what a first call takes does not count, and then within limits.
"""

from __future__ import annotations

import contextlib
import functools
import json
import resource
import subprocess
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern._core import Conditions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Our own work stops within 64 MB of a limit.
MOST_MB_BEYOND = 64
# It stops within 0.1 s of a limit where it has a core of its own; tests run beside other processes, so that a thread
# may wait some tenths of a second for its turn.
MOST_SECONDS_BEYOND = 0.5
SECONDS = 0.3
MEGABYTES = 40

# So that what a first call takes does not count.
FEW = 8
# Enough rows for two threads, in partitions that these share.
ROWS = 400_000


def partitions(rows: int) -> tuple[str, list[int]]:
    return ("counts", [rows // 4] * 4)


def labels(rows: int) -> str:
    return "A" * rows


def random_labels(rows: int) -> str:
    return bytes(np.random.default_rng(1).choice(np.frombuffer(b"AB", dtype=np.uint8), rows)).decode()


@functools.cache
def conditions(pattern: str, rows: int) -> Conditions:
    """The last variable's condition reads the first row and a sum, and is true or false everywhere."""
    compiled = rowpattern.compile(pattern)
    last = compiled.variables[-1]
    first, current = (("read", "DOUBLE", 0, None, is_first, 0, 0) for is_first in (True, False))
    compared = ("call", "BOOLEAN", ">=" if last == "A" else ">", (current, first))
    total = ("call", "BOOLEAN", ">=", (("aggregate", "DOUBLE", 0), ("literal", "DOUBLE", -1.0)))
    condition = ("call", "BOOLEAN", "and", (compared, total))
    columns = [("DOUBLE", pa.array(np.ones(rows)))]
    total_of = ("sum", 0, None if last == "A" else 0, "DOUBLE", None)
    return Conditions(compiled, columns, [["A"]], [total_of], {last: condition})


@functools.cache
def both(rows: int) -> dict[str, Any]:
    return {name: np.ones(rows, dtype=bool) for name in "AB"}


@functools.cache
def table(rows: int) -> pa.Table:
    return pa.table({"p": np.arange(rows) // max(1, rows // 4), "i": np.arange(rows), "x": np.ones(rows)})


def sql(measures: str, output: str, pattern: str = "A+", define: str = "A AS x > 0") -> Callable[..., object]:
    query = f"""SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY p ORDER BY i MEASURES {measures} {output}
        AFTER MATCH SKIP TO NEXT ROW PATTERN ({pattern}) DEFINE {define})"""
    return lambda rows, **limits: match_recognize(query, table(rows), **limits)


# Patterns that have a new set of positions at each row, each of several thousand followers.
SETS = "Z (A|B){800} A (A|B)*"
OVERLAPPING: dict[str, Any] = {"skip": "to next row"}
TO_FIRST: dict[str, Any] = {"skip": ("to first", "B")}
REMEMBERED = "A B{1,2000}"


def method(name: str, pattern: str, given: Callable[[int], Any], **options: Any) -> Callable[..., object]:
    def call(rows: int, **limits: Any) -> object:
        found = getattr(rowpattern.compile(pattern), name)(
            given(rows), partitions=partitions(rows), **options, **limits
        )
        return deque(found, maxlen=0) if name == "find_iter" else found

    return call


def dependent(name: str, pattern: str, **options: Any) -> Callable[..., object]:
    def call(rows: int, **limits: Any) -> object:
        given = {"A": np.ones(rows, dtype=bool)}
        return getattr(conditions(pattern, rows), name)(given, partitions=partitions(rows), **options, **limits)

    return call


def one_long_match(rows: int, **limits: Any) -> object:
    return deque(rowpattern.compile("A+").find_iter(labels(rows), **limits), maxlen=0)


def kept(rows: int, **limits: Any) -> object:
    """Symbols of many variables, of which no two rows have the same."""
    names = [f"V{number}" for number in range(40)]
    bits = np.random.default_rng(1).integers(0, 2, (len(names), rows)) == 1
    return rowpattern.compile(" | ".join(names)).count(dict(zip(names, bits)), **limits)


class Endless:
    """Rows, labels or numbers that never end."""

    def __init__(self, item: object) -> None:
        self._item = item

    def __len__(self) -> int:
        return 1

    def __getitem__(self, _: int) -> object:
        return self._item


class EndlessStream:
    """An Arrow stream that never ends; with a wait, one that gives nothing for a long time."""

    def __init__(self, wait_seconds: float = 0) -> None:
        self._wait_seconds = wait_seconds

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        batch = pa.record_batch({"A": np.zeros(100_000, dtype=bool)})

        def batches() -> Iterator[pa.RecordBatch]:
            while True:
                time.sleep(self._wait_seconds)
                yield batch

        return pa.RecordBatchReader.from_batches(batch.schema, batches()).__arrow_c_stream__()


def reading(given: Callable[[int], Any], **options: Callable[[int], Any]) -> Callable[..., object]:
    """Count in rows that take long to read; 8 rows are few enough to read without limits."""

    def call(rows: int, **limits: Any) -> object:
        if rows == FEW:
            return rowpattern.compile("A+ B").count(labels(rows))
        more = {name: option(rows) for name, option in options.items()}
        return rowpattern.compile("A+ B").count(given(rows), **more, **limits)

    return call


@functools.cache
def shown(rows: int) -> np.ndarray[Any, Any]:
    return np.ones(rows, dtype=bool)


@functools.cache
def other_letters(rows: int) -> str:
    return "\u00e9" * rows


#: By name: the call, the limits that it passes, its rows, and whether it has threads.
CASES: dict[str, tuple[Callable[..., object], str, int, bool]] = {
    "match, overlapping": (method("match", "A+", labels, **OVERLAPPING), "time memory", ROWS, True),
    "match, sets": (method("match", SETS, random_labels), "time", ROWS, True),
    "match, exclusions": (method("match", "A {- A+ -}", labels, **OVERLAPPING), "time memory", ROWS, True),
    "match, symbols": (kept, "memory", 2_000_000, True),
    "match, one row a match": (method("match", "A", labels), "memory", 8_000_000, True),
    "spans, one row a match": (method("spans", "A", labels), "memory", 8_000_000, True),
    "spans, remembered": (method("spans", REMEMBERED, both, **TO_FIRST), "time memory", ROWS, True),
    "count, remembered": (method("count", REMEMBERED, both, **TO_FIRST), "time memory", ROWS, True),
    "is_match, sets": (method("is_match", SETS, random_labels), "time", ROWS, False),
    "is_match, symbols": (method("is_match", "B", labels), "memory", 50_000_000, False),
    "find_iter, overlapping": (method("find_iter", "A+", labels, **OVERLAPPING), "time", ROWS, False),
    "find_iter, one long match": (one_long_match, "memory", 30_000_000, False),
    "Conditions.match, ways": (dependent("match", "((A | B)*)* C"), "time", ROWS, True),
    "Conditions.match, overlapping": (dependent("match", "A+", **OVERLAPPING), "time memory", ROWS, True),
    "Conditions.find_iter": (dependent("find_iter", "A+", **OVERLAPPING), "time memory", ROWS, False),
    "read, booleans": (reading(lambda _: {"A": Endless(item=True)}), "time memory", ROWS, False),
    "read, labels": (reading(lambda _: Endless("A")), "time memory", ROWS, False),
    "read, other letters": (reading(other_letters), "time memory", 40_000_000, False),
    "read, a buffer": (reading(lambda rows: {"A": shown(rows)}), "memory", 200_000_000, False),
    "read, a stream": (reading(lambda _: EndlessStream()), "time memory", ROWS, False),
    "read, a stream that waits": (reading(lambda _: {"A": EndlessStream(5)}), "time", ROWS, False),
    "read, partitions": (
        reading(lambda rows: {"A": shown(rows)}, partitions=lambda _: Endless(1)),
        "time memory",
        ROWS,
        False,
    ),
    "SQL, one row": (sql("count(*) AS n", "ONE ROW PER MATCH"), "time memory", ROWS, True),
    "SQL, all rows": (sql("FIRST(x) AS y, CLASSIFIER() AS c", "ALL ROWS PER MATCH"), "time memory", ROWS, True),
    "SQL, measures": (sql("FIRST(x) AS y, CLASSIFIER() AS c", "ALL ROWS PER MATCH"), "memory", 8_000, True),
    "SQL, aggregates": (sql("sum(x) AS s", "ALL ROWS PER MATCH"), "memory", 8_000, True),
    "SQL, aggregates of matches": (sql("median(A.x) AS s", "ONE ROW PER MATCH"), "memory", 8_000, True),
    "SQL, dependent": (
        sql("count(*) AS n", "ONE ROW PER MATCH", define="A AS x >= FIRST(x)"),
        "time memory",
        ROWS,
        True,
    ),
}


def measured(name: str) -> list[dict[str, Any]]:
    """Run a case within each of its limits, and say how it ended, how long it took, and how the process has grown."""
    call, limits, rows, has_threads = CASES[name]
    call(FEW)
    found = []
    for limit in sorted(limits.split()):
        given = {"timeout_seconds": SECONDS} if limit == "time" else {"memory_limit_mb": MEGABYTES}
        for threads in (1, 2) if has_threads else (1,):
            more = {"threads": threads} if has_threads else {}
            # What is given does not count.
            with_little = {"timeout_seconds": 1e-6, **more}
            with contextlib.suppress(rowpattern.QueryLimitError):
                call(rows, **with_little)
            before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            begun = time.perf_counter()
            try:
                call(rows, **given, **more)
                ended = "answered"
            except rowpattern.QueryLimitError as error:
                ended = str(error)
            seconds = time.perf_counter() - begun
            grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
            found.append({"limit": limit, "threads": threads, "ended": ended, "s": seconds, "mb": grown_mb})
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
@pytest.mark.parametrize("name", CASES)
def test_work_ends_at_its_limits(name: str) -> None:
    command = [sys.executable, __file__, name]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    runs = json.loads(output)
    assert runs
    for run in runs:
        if run["limit"] == "time":
            assert f"longer than its limit of {SECONDS} s" in run["ended"], run
            assert run["s"] < SECONDS + MOST_SECONDS_BEYOND, run
        else:
            assert f"more memory than its limit of {MEGABYTES} MB" in run["ended"], run
            assert run["mb"] < MEGABYTES + MOST_MB_BEYOND, run


METHODS = ["match", "spans", "count", "is_match", "find_iter"]


def answer(found: Any) -> object:
    if isinstance(found, rowpattern.MatchIterator):
        return [(each.start, each.end, each.labels) for each in found]
    return found if isinstance(found, int) else pa.table(found).to_pylist()


@pytest.mark.parametrize("name", METHODS)
def test_within_its_limits_a_call_answers_as_without(name: str) -> None:
    pattern, rows = rowpattern.compile("A+ B?"), random_labels(10_000)
    call = getattr(pattern, name)
    without = answer(call(rows))
    for limits in ({"timeout_seconds": 60}, {"memory_limit_mb": 50}, {"timeout_seconds": float("inf")}):
        assert answer(call(rows, **limits)) == without
    with pytest.raises(rowpattern.QueryLimitError, match=r"its limit of 0 s; give a larger timeout_seconds"):
        answer(call(rows, timeout_seconds=0))
    with pytest.raises(rowpattern.QueryLimitError, match=r"its limit of 0.005 MB; give a larger memory_limit_mb"):
        answer(call(rows, memory_limit_mb=0.005))
    # The pattern's tables are as good as before.
    assert answer(call(rows)) == without


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("limit", ["timeout_seconds", "memory_limit_mb"])
def test_limits_are_numbers(name: str, limit: str) -> None:
    call = getattr(rowpattern.compile("A"), name)
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match=f"{limit} is .*; it must be a number of at least 0, or None"):
            call("A", **{limit: wrong})
    with pytest.raises(ValueError, match=f"{limit} is -inf"):
        call("A", **{limit: -(10**400)})
    # No double holds it.
    assert answer(call("A", **{limit: 10**400})) == answer(call("A"))
    with pytest.raises(TypeError):
        call("A", **{limit: "soon"})


def test_the_time_of_an_iterator_is_its_own() -> None:
    found = rowpattern.compile("A").find_iter(labels(20_000), timeout_seconds=0.5)
    next(found)
    # More than the limit, but not the iterator's work.
    time.sleep(0.7)
    assert sum(1 for _ in found) == 19_999


def test_conditions_by_name_have_limits() -> None:
    pattern, given = rowpattern.compile("A+"), table(ROWS).select(["x"])
    options: dict[str, Any] = {"skip": "to next row", "conditions": {"A": "x >= FIRST(x)"}}
    with pytest.raises(rowpattern.QueryLimitError, match=r"longer than its limit of 0.2 s"):
        deque(pattern.find_iter(given, timeout_seconds=0.2, **options), maxlen=0)


def test_absurd_numbers_of_threads() -> None:
    rows = labels(3_000_000)
    pattern = rowpattern.compile("A")
    assert pattern.count(rows, threads=10**9) == len(rows)
    assert pattern.count(rows, threads=10**9, memory_limit_mb=64) == len(rows)


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1])))
