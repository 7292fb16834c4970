"""Matches and columns are pickled, copied, and read by pandas and Polars."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rowpattern
from rowpattern import _core, _restore

WAYS: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    *(lambda value, protocol=protocol: pickle.loads(pickle.dumps(value, protocol)) for protocol in range(6)),  # noqa: S301
]
PATTERNS = ["A B*", "A {- B+ -}", "(A | B)+? C", "A*", "D"]
SKIPS: list[Any] = ["past last row", "to next row"]


def matches_as_lists(matches: rowpattern.Matches) -> list[Any]:
    rows = matches.rows
    columns: list[rowpattern.Column[Any]] = [matches.number, matches.partition, matches.start, matches.end]
    columns += [rows.row, rows.number, rows.partition, rows.classifier, rows.excluded]
    return [matches.variables, *(column.to_list() for column in columns)]


def match_as_tuple(match: rowpattern.Match) -> tuple[Any, ...]:
    return match.number, match.partition, match.start, match.end, match.labels, match.excluded


@given(
    st.sampled_from(PATTERNS),
    st.lists(st.lists(st.sampled_from("ABCD"), max_size=8), max_size=6),
    st.sampled_from(SKIPS),
)
def test_what_was_found_comes_back(text: str, partitions: list[list[str]], skip: Any) -> None:
    pattern = rowpattern.compile(text)
    rows = [label for each in partitions for label in each]
    options: dict[str, Any] = {"partitions": ("counts", [len(each) for each in partitions]), "skip": skip}
    matches = pattern.match(rows, **options)
    spans = pattern.spans(rows, **options)
    for way in WAYS:
        assert matches_as_lists(way(matches)) == matches_as_lists(matches)
        again = way(spans)
        assert [again[at] for at in range(len(again))] == [spans[at] for at in range(len(spans))]
        assert again.partition.to_list() == spans.partition.to_list()
        assert way(matches.rows).row.to_list() == matches.rows.row.to_list()
        for match in pattern.find_iter(rows, **options):
            assert match_as_tuple(way(match)) == match_as_tuple(match)
            assert repr(way(match)) == repr(match)


def columns() -> list[rowpattern.Column[Any]]:
    matches = rowpattern.compile("A {- B -}").match(["A", "B", "A", "B"])
    found = _core.order([pa.array([2, 1])])
    assert found is not None
    order, starts, _ = found
    assert order is not None
    return [matches.start, matches.rows.classifier, matches.rows.excluded, order, starts]


@pytest.mark.parametrize("way", WAYS)
def test_every_kind_of_column_comes_back(way: Callable[[Any], Any]) -> None:
    for column in columns():
        again = way(column)
        assert again.to_list() == column.to_list()
        assert repr(again) == repr(column)
        assert bytes(again) == bytes(column)
        assert list(column) == column.to_list()


def column(kind: str, values: bytes, names: list[str] | None = None) -> rowpattern.Column[Any]:
    return _restore.restore_column(kind, values, names)


def int64(*values: int) -> rowpattern.Column[int]:
    return column("int64", b"".join(value.to_bytes(8, "little", signed=True) for value in values))


@pytest.mark.parametrize(
    "restored",
    [
        lambda: column("int64", b"\0" * 7),
        lambda: column("float", b"\0" * 8),
        lambda: column("int64", b"\0" * 8, ["A"]),
        lambda: column("bool", b"\2"),
        lambda: column("variables", b"\1", ["A"]),
        lambda: column("variables", b"\0"),
        lambda: _restore.restore_spans(int64(0), int64(0, 1), int64(1, 2)),
        lambda: _restore.restore_spans(int64(0), int64(2), int64(1)),
        lambda: _restore.restore_spans(int64(0), int64(-1), int64(1)),
        lambda: _restore.restore_spans(int64(-1), int64(0), int64(1)),
        lambda: _restore.restore_spans(column("bool", b"\0"), int64(0), int64(1)),
        lambda: _restore.restore_matches(
            _restore.restore_spans(int64(0), int64(0), int64(2)), column("variables", b"\0", ["A"]), None
        ),
        lambda: _restore.restore_matches(
            _restore.restore_spans(int64(0, 0, 0), int64(0, 0, 0), int64(2**62, 2**62, 2**62)),
            column("variables", b"\0", ["A"]),
            None,
        ),
        lambda: _restore.restore_matches(
            _restore.restore_spans(int64(0), int64(0), int64(1)), column("variables", b"\0", ["A"]), column("bool", b"")
        ),
        lambda: _restore.restore_match(0, 1, 2**64 - 1, column("variables", b"\0", ["A"]), None),
        lambda: _restore.restore_match(0, 1, 0, column("bool", b"\0"), None),
    ],
)
def test_what_is_no_pickle_of_ours_is_refused(restored: Callable[[], object]) -> None:
    with pytest.raises(rowpattern.RowsError, match="no pickled"):
        restored()


def test_frames_and_series_are_made_of_matches() -> None:
    matches = rowpattern.compile("A B+").match(["A", "B", "B", "A", "B"])
    expected = {"number": [1, 2], "partition": [0, 0], "start": [0, 3], "end": [3, 5]}
    assert pd.DataFrame(matches).to_dict("list") == expected
    assert pl.DataFrame(matches).to_dict(as_series=False) == expected
    assert pd.Series(matches.start).tolist() == [0, 3]
    assert pd.Series(matches.start).dtype == np.dtype("int64")
    assert pd.Series(matches.rows.classifier).tolist() == ["A", "B", "B", "A", "B"]
    assert pd.Series(matches.rows.excluded).dtype == np.dtype("bool")
    nothing = rowpattern.compile("D").match(["A"])
    assert pd.DataFrame(nothing).empty
    assert list(pa.table(nothing).to_pandas().columns) == list(expected)
    first, _ = matches
    assert first == rowpattern.MatchSpan(1, 0, 0, 3)
