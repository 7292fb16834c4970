"""Partitions, skips, answers as columns, patterns that need large tables, threads and signals."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from types import GenericAlias
from typing import Any, cast

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern

from found_spans import spans
from interruption import interrupted_after

PATTERN = rowpattern.compile("A+ B+")

PARTITIONS = {
    "counts": [3, 5],
    "starts": [0, 3],
    "starts with the end": [0, 3, 8],
    "tagged counts": ("counts", [3, 5]),
    "tagged starts": ("starts", (0, 3)),
    "numpy": np.array([3, 5]),
    "numpy, small": np.array([0, 3], dtype=np.uint8),
    "pandas": pd.Series([3, 5]),
    "polars": pl.Series([3, 5]),
    "pyarrow": pa.array([3, 5]),
    "an empty one first": [0, 3, 5, 0],
    "with empty ones": ("counts", [0, 3, 0, 5, 0]),
}


@pytest.mark.parametrize("partitions", PARTITIONS.values(), ids=PARTITIONS.keys())
def test_matches_do_not_cross_partitions(partitions: Any) -> None:
    found = PATTERN.match("AABBBAAB", partitions=partitions)
    assert list(zip(found.start.to_list(), found.end.to_list())) == [(0, 3), (5, 8)]
    assert found.number.to_list() == [1, 1]


def test_anchors_and_numbers_are_of_the_partition() -> None:
    pattern = rowpattern.compile("^ A | A $")
    found = [(each.partition, each.number, each.start) for each in pattern.find_iter("AAAAAA", partitions=[2, 1, 3])]
    assert found == [(0, 1, 0), (0, 2, 1), (1, 1, 2), (2, 1, 3), (2, 2, 5)]
    empty = rowpattern.compile("^ ()").match("AAAA", partitions=[1, 3])
    assert list(zip(empty.start.to_list(), empty.end.to_list())) == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("partitions", "message"),
    [
        ([3, 4], "add up to 7, but there are 8 rows"),
        ([1, 2**63 - 1, 2**63 - 1], "add up to"),
        ([0, 5, 4], "in order"),
        ([0, 9], "starts at row 9"),
        ([-1, 9], r"partitions\[0\] is -1"),
        ([0, 3, 5], "can be counts or starts"),
        ([0, 8], "can be counts or starts"),
        (("counts", [8, 1]), "add up to 9"),
        (("starts", [1, 2]), "must start at row 0"),
        (("lengths", [8]), "is not known"),
        ([1.5, 6.5], "whole numbers"),
        ("AB", "whole numbers"),
    ],
)
def test_partitions_that_cannot_be_read(partitions: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        PATTERN.count("AABBBAAB", partitions=partitions)


def test_many_partitions_are_as_one_by_one() -> None:
    rng = np.random.default_rng(7)
    counts = rng.integers(0, 6, 2000)
    rows = "".join(rng.choice(list("ABC"), counts.sum()))
    together = PATTERN.match(rows, partitions=("counts", counts))
    alone, begin = [], 0
    for at, count in enumerate(counts.tolist()):
        alone += [
            (at, each.number, each.start + begin, each.end + begin)
            for each in PATTERN.find_iter(rows[begin : begin + count])
        ]
        begin += count
    table = [together.partition, together.number, together.start, together.end]
    assert list(zip(*(column.to_list() for column in table))) == alone


def test_skips() -> None:
    pattern = rowpattern.compile("A B+ C?", subset={"U": ["B", "C"]})
    rows = {"A": [True] * 5, "B": [False, True, True, True, False], "C": [False, False, False, False, True]}
    assert spans(rows, pattern, skip="past last row") == [(0, 5)]
    assert spans(rows, pattern, skip="to next row") == [(0, 5), (1, 5), (2, 5)]
    assert spans(rows, pattern, skip=("to last", "B")) == [(0, 5)]
    assert spans(rows, pattern, skip=("to first", "u")) == [(0, 5), (1, 5), (2, 5)]
    assert spans(rows, pattern, skip=("to last", "U")) == [(0, 5)]


@pytest.mark.parametrize(
    ("skip", "error", "message"),
    [
        (("to first", "A"), rowpattern.SkipError, "first row of the match"),
        (("to last", "C"), rowpattern.SkipError, r"no row .* \(match 1 of partition 0, rows 0 to 1\)"),
        (("to first", "X"), rowpattern.UnknownVariableError, 'no variable "X"'),
        (("to second", "A"), ValueError, "skip must be"),
        ("nowhere", ValueError, "skip must be"),
        (5, TypeError, "skip must be"),
    ],
)
def test_skips_that_fail(skip: Any, error: type[Exception], message: str) -> None:
    pattern = rowpattern.compile("A B C?")
    with pytest.raises(error, match=message):
        pattern.match("AB", skip=skip)


def test_matches_before_a_failing_skip_are_given() -> None:
    pattern = rowpattern.compile("A B | C")
    found = pattern.find_iter("ABABC", skip=("to last", "B"))
    assert next(found).labels == ("A", "B")
    assert next(found).start == 2
    assert next(found).labels == ("C",)
    with pytest.raises(rowpattern.SkipError):
        next(found)
    assert list(found) == []


def test_a_match() -> None:
    first, second = rowpattern.compile("A {- B+ -} C | D?").find_iter("ABBCX")
    assert (first.number, first.partition, first.start, first.end) == (1, 0, 0, 4)
    assert first.labels == ("A", "B", "B", "C")
    assert first.excluded == (False, True, True, False)
    assert repr(first) == "<rowpattern.Match 1 of partition 0, rows 0:4, labels A B B C>"
    assert (second.start, second.end, second.labels, len(second)) == (4, 4, (), 0)
    assert second


def test_answers_as_columns() -> None:
    found = rowpattern.compile("A {- B+ -} | C").match("ABBCXAB")
    assert repr(found) == "<rowpattern.Matches: 3 matches of 6 rows>"
    one = rowpattern.compile("A").match("A")
    assert repr(one) == "<rowpattern.Matches: 1 match of 1 row>"
    assert repr(one.rows) == "<rowpattern.MatchedRows: 1 row>"
    assert repr(rowpattern.compile("A").spans("A")) == "<rowpattern.Spans of 1 match>"
    # In annotations that Python evaluates.
    assert rowpattern.Column[int] == GenericAlias(rowpattern.Column, (int,))
    for column, wanted in ((found.start, [0, 3, 5]), (found.end, [3, 4, 7]), (found.rows.row, [0, 1, 2, 3, 5, 6])):
        array = np.asarray(column)
        assert array.dtype == np.int64
        assert array.tolist() == wanted == column.to_list() == pa.array(column).to_pylist()
        assert not array.flags.writeable
        assert [column[at] for at in range(-len(column), 0)] == wanted
    assert np.asarray(found.rows.classifier).dtype == np.uint8
    assert [found.variables[code] for code in np.asarray(found.rows.classifier)] == list("ABBCAB")
    assert pa.array(found.rows.classifier).type == pa.dictionary(pa.uint8(), pa.string())
    assert np.asarray(found.rows.excluded).tolist() == [False, True, True, False, False, True]
    assert np.asarray(found.rows.excluded).dtype == np.bool_
    assert pa.table(found).to_pydict() == {
        "number": [1, 2, 3],
        "partition": [0, 0, 0],
        "start": [0, 3, 5],
        "end": [3, 4, 7],
    }
    assert pl.DataFrame(found.rows)["classifier"].to_list() == list("ABBCAB")
    assert pa.table(found.rows).column_names == ["row", "number", "partition", "classifier", "excluded"]
    bounds = PATTERN.spans("AAB")
    assert (len(bounds), bounds[0], bounds[-1]) == (1, (0, 3), (0, 3))
    for bad in (1, -2):
        with pytest.raises(IndexError):
            bounds[bad]
        with pytest.raises(IndexError):
            bounds.start[bad]


def test_columns_outlive_their_matches() -> None:
    view = memoryview(cast("Any", PATTERN.match("AB" * 1000).rows.row))
    array = pa.array(PATTERN.match("AB" * 1000).start)
    assert sum(view) == sum(range(2000))
    assert array.to_pylist() == list(range(0, 2000, 2))


def test_no_rows() -> None:
    forms: tuple[Any, ...] = (
        "",
        [],
        {"A": [], "B": []},
        np.array([], dtype=bool).astype(str),
        pa.array([], pa.string()),
    )
    for rows in forms:
        assert PATTERN.count(rows) == 0
        assert len(PATTERN.match(rows)) == 0
        assert not PATTERN.is_match(rows)
        assert rowpattern.compile("A* B*").count(rows) == 0
    assert PATTERN.count("", partitions=[]) == 0
    assert PATTERN.count("", partitions=[0]) == 0


def test_overlapping_spans_of_long_matches() -> None:
    # Walking each of these matches to its end would be 2 * 10**10 steps.
    rows = "A" * 200_000
    found = np.asarray(rowpattern.compile("A+").spans(rows, skip="to next row").end)
    assert (found == len(rows)).all()
    assert len(found) == len(rows)
    pattern = rowpattern.compile("A+ B (A|B)* C", subset={"U": ["A", "B"]})
    text = "AB" * 100_000 + "C"
    assert pattern.count(text, skip=("to first", "B")) == 100_000
    assert rowpattern.compile("A (A|B)*").count(text, skip=("to last", "B")) == 1
    assert rowpattern.compile("X A (A|B|X)*").count("XA" * 100_000, skip="to next row") == 100_000


def test_more_sets_than_fit_into_a_table() -> None:
    # Backward, this needs 2**16 sets: the tables fill, are cleared, and stretches are computed again.
    rng = np.random.default_rng(3)
    pattern = rowpattern.compile("A (A|B){15} A (A|B){3}")
    rows = "".join(rng.choice(list("AB"), 300_000))
    import re

    wanted = [each.span() for each in re.finditer("A[AB]{15}A[AB]{3}", rows)]
    assert spans(rows, pattern) == wanted
    found = pattern.spans(rows)
    assert list(zip(found.start.to_list(), found.end.to_list())) == wanted
    overlapping = [each.start() for each in re.finditer("(?=A[AB]{15}A[AB]{3})", rows)]
    assert pattern.spans(rows, skip="to next row").start.to_list() == overlapping
    assert pattern.is_match(rows)
    assert not rowpattern.compile("A (A|B){15} A (A|B){3} X").is_match(rows)
    assert pattern.memory_bytes < 20_000_000


def test_many_distinct_sets_of_variables() -> None:
    # 16 independent conditions: more than 256 distinct rows, which take another form of symbol.
    rng = np.random.default_rng(5)
    names = [f"V{number}" for number in range(16)]
    values = rng.random((16, 5000)) < 0.5
    pattern = rowpattern.compile(" ".join(f"{name}{{1,2}}" for name in names))
    found = spans(dict(zip(names, values)), pattern)
    import reference

    parts = ("sequence", [("repeat", ("variable", name), 1, 2, True) for name in names])
    rows = [{name for at, name in enumerate(names) if values[at, row]} for row in range(5000)]
    assert found == [(start, end) for start, end, _ in reference.scan(parts, rows, "past last row")]
    # The same pattern on other data, whose sets are numbered in another order.
    assert spans({name: column[::-1] for name, column in zip(names, values)}, pattern) == [
        (start, end) for start, end, _ in reference.scan(parts, rows[::-1], "past last row")
    ]
    assert spans({name: [True] * 16 for name in names}, pattern) == [(0, 16)]
    assert spans(names, pattern) == [(0, 16)]


def test_threads_share_a_pattern() -> None:
    rng = np.random.default_rng(11)
    pattern = rowpattern.compile("(A|B)* C (A|B){4} /* threads */")
    inputs = ["".join(rng.choice(list("ABC"), 20_000)) for _ in range(16)]
    wanted = [rowpattern.compile("(A|B)* C (A|B){4}").count(rows) for rows in inputs]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(pattern.count, inputs * 4)) == wanted * 4


def test_other_threads_run_while_one_matches() -> None:
    pattern = rowpattern.compile("A+ B")
    rows = "A" * 30_000_000
    steps: list[float] = []
    done = threading.Event()

    def step() -> None:
        while not done.is_set():
            steps.append(time.monotonic())

    worker = threading.Thread(target=step)
    worker.start()
    try:
        before = time.monotonic()
        assert pattern.count(rows) == 0
        after = time.monotonic()
    finally:
        done.set()
        worker.join()
    # Were the interpreter's lock held throughout, no step would lie within the middle of the match.
    third = (after - before) / 3
    assert any(before + third < at < after - third for at in steps)


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_signal_ends_a_long_match() -> None:
    # Overlapping matches with all their rows: without an interruption this runs for hours.
    pattern = rowpattern.compile("A+ B?")
    rows = "A" * 3_000_000
    with interrupted_after(0.2):
        deque(pattern.find_iter(rows, skip="to next row"), maxlen=0)
    with interrupted_after(0.2):
        rowpattern.compile("A+ (B|C)").count(cast("Any", iter(lambda: "A", "B")))
    assert pattern.count("AAB") == 1


def test_one_iterator_in_many_threads() -> None:
    found = rowpattern.compile("A").find_iter("A" * 50_000)
    starts: list[int] = []
    lock = threading.Lock()

    def take() -> None:
        while True:
            try:
                each = next(found)
            except StopIteration:
                return
            except ValueError as error:
                assert "another thread" in str(error)
                continue
            with lock:
                starts.append(each.start)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(starts) == list(range(50_000))


@pytest.mark.parametrize("variables", [["A"], ["B", "C"], []])
def test_counted_rows(variables: list[str]) -> None:
    pattern = rowpattern.compile("A (B | C)*")
    matches = pattern.match("ABCBXAACA")
    classifiers = list(np.asarray(matches.rows.classifier))
    counts, running = [], []
    for start, end in zip(np.asarray(matches.start), np.asarray(matches.end)):
        mapped, classifiers = classifiers[: end - start], classifiers[end - start :]
        inside = [pattern.variables[variable] in variables for variable in mapped]
        counts.append(sum(inside))
        running += [sum(inside[: at + 1]) for at in range(len(inside))]
    assert np.asarray(matches.count_rows(variables)).tolist() == counts
    assert np.asarray(matches.count_rows(variables, running=True)).tolist() == running


def test_counted_rows_of_an_unknown_variable() -> None:
    with pytest.raises(rowpattern.UnknownVariableError, match="X"):
        rowpattern.compile("A").match("A").count_rows(["X"])
