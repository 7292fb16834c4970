"""Memory that others own, in every shape that Arrow and Python's buffers have: right answers or rowpattern's errors.

`make sanitize` runs these over an extension with AddressSanitizer; without it they show that answers are right.
"""

from __future__ import annotations

import gc
from typing import Any, Callable

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import rowpattern

PATTERN = rowpattern.compile("A B+")
TRUE = [True, False, False, True, False]
STARTS = [0, 3]


def rows_of(a: Any, b: Any) -> dict[str, Any]:
    return {"A": a, "B": b}


NOT = [not value for value in TRUE]

BOOLEANS: dict[str, Callable[[list[bool]], Any]] = {
    "numpy": np.array,
    "strided": lambda values: np.repeat(np.array(values), 3)[::3],
    "backwards": lambda values: np.array(values[::-1])[::-1],
    "column of a table": lambda values: np.array([values, values]).T[:, 1],
    "broadcast": lambda values: np.broadcast_to(np.array(values), (2, 5))[1],
    "bytes that are not 0 or 1": lambda values: (np.array(values, "u1") * 200).view(bool),
    "Arrow": pa.array,
    "Arrow, sliced": lambda values: pa.array([None, *values, None]).slice(1, 5),
    "Arrow, chunked": lambda values: pa.chunked_array([values[:1], [], values[1:]], pa.bool_()),
    "Arrow, empty chunks": lambda values: pa.chunked_array([[], values, []], pa.bool_()),
    "Polars": pl.Series,
    "Polars, sliced": lambda values: pl.Series([False] * 7 + values)[7:],
    "memoryview": lambda values: memoryview(bytes(values)).cast("?"),
}

LABELS: dict[str, Callable[[list[str]], Any]] = {
    "numpy": np.array,
    "numpy objects": lambda labels: np.array(labels, object),
    "Arrow": pa.array,
    "Arrow, large": lambda labels: pa.array(labels, pa.large_string()),
    "Arrow, view": lambda labels: pa.array(labels, pa.string_view()),
    "Arrow, dictionary": lambda labels: pa.array(labels).dictionary_encode(),
    "Arrow, dictionary of NULL": lambda labels: pa.DictionaryArray.from_arrays(
        pa.array([0 if label == "A" else 1 for label in labels], pa.int8()), pa.array(["A", "B", None])
    ),
    "Arrow, sliced": lambda labels: pa.array(["x", None, *labels]).slice(2),
    "Arrow, chunked": lambda labels: pa.chunked_array([labels[:2], labels[2:]]),
    "Polars": pl.Series,
    "Polars categories": lambda labels: pl.Series(labels, dtype=pl.Categorical),
}


@pytest.mark.parametrize("kind", BOOLEANS)
def test_booleans(kind: str) -> None:
    rows = rows_of(BOOLEANS[kind](TRUE), BOOLEANS[kind](NOT))
    assert PATTERN.match(rows).start.to_list() == STARTS
    assert PATTERN.count(rows) == 2
    assert [found.start for found in PATTERN.find_iter(rows)] == STARTS


@pytest.mark.parametrize("kind", LABELS)
def test_labels(kind: str) -> None:
    rows = LABELS[kind](["A" if value else "B" for value in TRUE])
    assert PATTERN.match(rows).start.to_list() == STARTS


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
def test_partitions(dtype: str) -> None:
    assert PATTERN.count(rows_of(TRUE, NOT), partitions=("starts", np.array([0, 3], dtype))) == 2
    assert PATTERN.count(rows_of(TRUE, NOT), partitions=("counts", np.array([3, 9, 2, 9], dtype)[::2])) == 2


def test_answers_outlive_what_made_them() -> None:
    matches = rowpattern.compile("A+ B").match(rows_of([True] * 1000 + [False], [False] * 1000 + [True]))
    arrow = pa.table(matches)
    rows = pa.table(matches.rows)
    column: Any = matches.start
    view = memoryview(column)
    del column
    label = matches.rows.classifier
    del matches
    gc.collect()
    assert arrow["end"].to_pylist() == [1001]
    assert rows.num_rows == 1001
    assert view.tolist() == [0]
    assert np.asarray(view).tolist() == [0]
    del arrow, rows
    gc.collect()
    assert label[1000] == "B"


def test_a_buffer_that_is_held_cannot_move() -> None:
    values = bytearray(b"\1\0\1")
    rows = {"A": memoryview(values).cast("?"), "B": [False, True, False]}
    iterator = PATTERN.find_iter(rows)
    del rows
    gc.collect()
    # The rows were copied, so their owner may change and move them.
    values.extend(bytes(1000))
    assert [(found.start, found.end) for found in iterator] == [(0, 2)]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_many_rows_in_threads(threads: int) -> None:
    count = 300_000
    rows = rows_of(np.arange(count) % 3 == 0, np.arange(count) % 3 != 0)
    assert PATTERN.count(rows, threads=threads) == count // 3
    assert PATTERN.spans(rows, threads=threads).end[-1] == count
    assert PATTERN.match(rows, threads=threads, partitions=[count // 2, count // 2]).rows.row[-1] == count - 1
