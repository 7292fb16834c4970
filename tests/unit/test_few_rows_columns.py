"""Columns as strangers give them to `FewRows`: read as they are, left to others, or refused."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import rowpattern
from rowpattern._core import AnswerItems, FewRows
from rowpattern.errors import RowsError

EVERY_ROW = rowpattern.compile("A")


def shown(*columns: Any, rows: int = 3) -> list[Any] | None:
    """Return the last column in the order of the first, each row a match; None where others have to answer."""
    reads = [("value", ("value", (["A"], False, 0, 0, False), len(columns) - 1))]
    clause = FewRows(EVERY_ROW, [], [(0, False, False)], [], [], "past last row", reads)
    found = clause.answer(EVERY_ROW, list(columns), rows)
    return None if found is None else pa.record_batch(found[0]).column(0).to_pylist()


def texts(offsets: list[int], data: bytes) -> pa.Array:
    return pa.Array.from_buffers(
        pa.string(),
        len(offsets) - 1,
        [None, pa.py_buffer(struct.pack(f"{len(offsets)}i", *offsets)), pa.py_buffer(data)],
    )


KEYS = np.array([3, 1, 2])


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.arange(6)[::2], [2, 4, 0]),
        (np.arange(3)[::-1], [1, 0, 2]),
        (np.broadcast_to(np.float32(0.5), 3), [0.5] * 3),
        (np.array([1.5, np.nan, 2.5]), [None, 2.5, 1.5]),
        (np.array([1, 2, 3], "u1"), [2, 3, 1]),
        (pa.array([9, 1, None, 3, 9]).slice(1, 3), [None, 3, 1]),
        (pa.array(["x", "a", None, "ü"]).slice(1), [None, "ü", "a"]),
        (pa.array([True, None, False, True]).slice(1), [False, True, None]),
        (pa.nulls(3, pa.float64()), [None] * 3),
        (texts([0, 1, 1, 3], b"abc"), ["", "bc", "a"]),
        # Others have to look at these.
        (np.array([1, 2, 3], ">i8" if np.little_endian else "<i8"), None),
        (np.array([1, 2, 3], "f2"), None),
        (np.array([1, 2]), None),
        (pa.chunked_array([[1], [2, 3]]), None),
        (pa.array(["a", "b", "c"], pa.string_view()), None),
        (pa.array([[1], [2], [3]]), None),
        (texts([0, 1, 2, 3], b"a\xffc"), None),
    ],
)
def test_columns(column: Any, expected: list[Any] | None) -> None:
    assert shown(KEYS, column) == expected


def test_what_is_wrong_is_refused() -> None:
    with pytest.raises(RowsError, match="one dimension"):
        shown(KEYS, np.zeros((3, 1)))
    # Offsets of texts are looked at before, whenever a query reads a column.
    table = pa.table({"k": KEYS, "x": texts([0, 2, 1, 3], b"abc")})
    for _ in range(3):
        with pytest.raises(RowsError, match="out of range or order"):
            rowpattern.match_recognize(
                "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY k MEASURES A.x AS x PATTERN (A))", table
            )


def test_other_columns_than_the_clause_has() -> None:
    with pytest.raises(ValueError, match="is not given"):
        FewRows(EVERY_ROW, [1], [], [], [], "past last row", []).answer(EVERY_ROW, [KEYS], 3)
    clause = FewRows(EVERY_ROW, [], [], [], [], "past last row", [("n", ("value", None, 7))])
    with pytest.raises(ValueError, match="no column 7"):
        clause.answer(EVERY_ROW, [KEYS], 3)
    with pytest.raises(RowsError, match="other variables"):
        clause.answer(rowpattern.compile("A B"), [KEYS] * 8, 3)
    with pytest.raises(rowpattern.RowPatternError):
        FewRows(EVERY_ROW, [], [], [("B", ("literal", "BOOLEAN", True))], [], "past last row", [])
    assert shown(KEYS[:0], KEYS[:0], rows=0) == []


def test_an_answer_of_matches_found_before() -> None:
    """`of_matches` reads what `AnswerItems` reads, column by column."""
    pattern = rowpattern.compile("A B+")
    matches = pattern.match({"A": np.array([1, 0, 0, 1, 0, 1], bool), "B": np.array([0, 1, 1, 0, 1, 0], bool)})
    columns: list[Any] = [pa.array(range(6)), pa.array(["a", "b", None, "d", "ü", "f"])]
    reads: list[tuple[Any, ...]] = [
        ("value", None, 0),
        ("value", (["B"], False, 0, 0, False), 1),
        ("value", (["A"], True, 0, -1, False), 0),
        ("number",),
        ("count", ["B"], True),
    ]
    named = [(f"c{at}", read) for at, read in enumerate(reads)]
    clause = FewRows(pattern, [], [], [], [], "past last row", named)
    starts = EVERY_ROW.match(["A"]).start
    found = clause.of_matches(matches, columns, 6, starts)
    assert found is not None
    items = AnswerItems(matches, 6, pa.array(starts))
    expected = [
        [pa.array(chunk) for chunk in chunks] for chunks in items.read(reads, [(each, False) for each in columns])
    ]
    texts_read = [column.cast(pa.string()) if pa.types.is_binary(column.type) else column for (column,) in expected]
    assert pa.record_batch(found).to_pydict() == {f"c{at}": each.to_pylist() for at, each in enumerate(texts_read)}
    assert pa.record_batch(found)["c1"].to_pylist() == [None, "ü"]
    # Others have to read these.
    assert clause.of_matches(matches, [columns[0], pa.chunked_array([["a"], list("bcdef")])], 6, starts) is None
    assert clause.of_matches(matches, columns, 7, starts) is None
    with pytest.raises(RowsError, match="other variables"):
        clause.of_matches(EVERY_ROW.match(["A"]), columns, 6, starts)
    with pytest.raises(RowsError, match="row numbers"):
        clause.of_matches(matches, columns, 6, matches.rows.classifier)  # type: ignore[arg-type] # it is another column
    with pytest.raises(rowpattern.QueryLimitError):
        clause.of_matches(matches, columns, 6, starts, timeout_seconds=0.0)
