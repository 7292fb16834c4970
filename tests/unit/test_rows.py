"""Rows in every form that is taken, and the errors where rows cannot be read."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern

from found_spans import spans

LABELS = list("AABBCAAB")
CONDITIONS = {name: [label == name for label in LABELS] for name in "AB"}
PATTERN = rowpattern.compile("A+ B+")


def columns(make: Any) -> dict[str, Any]:
    return {name: make(values) for name, values in CONDITIONS.items()}


ROWS = {
    "lists": CONDITIONS,
    "tuples": columns(tuple),
    "numpy": columns(np.array),
    "numpy, every second of a larger array": columns(lambda values: np.repeat(values, 2)[::2]),
    "numpy, backwards": columns(lambda values: np.array(values[::-1])[::-1]),
    "numpy, objects": columns(lambda values: np.array(values, dtype=object)),
    "numpy scalars": columns(lambda values: list(np.array(values))),
    "memoryview": columns(lambda values: memoryview(cast("Any", np.array(values)))),
    "pandas": columns(pd.Series),
    "pandas, nullable": columns(lambda values: pd.Series(values, dtype="boolean")),
    "pandas, Arrow": columns(lambda values: pd.Series(values, dtype=pd.ArrowDtype(pa.bool_()))),
    "pandas frame": pd.DataFrame(CONDITIONS),
    "polars": columns(pl.Series),
    "polars frame": pl.DataFrame(CONDITIONS),
    "pyarrow": columns(pa.array),
    "pyarrow, chunks": columns(lambda values: pa.chunked_array([values[:3], [], values[3:]])),
    "pyarrow, sliced": columns(lambda values: pa.array([True, False, True, *values])[3:]),
    "pyarrow table": pa.table(CONDITIONS),
    "pyarrow batch": pa.record_batch(CONDITIONS),
    "labels, str": "AABBCAAB",
    "labels, str not ASCII": "AABB\u00e9AAB",
    "labels, lower case": "aabbcaab",
    "labels, list": LABELS,
    "labels, numpy": np.array(LABELS),
    "labels, numpy objects": np.array(LABELS, dtype=object),
    "labels, pandas": pd.Series(LABELS),
    "labels, categorical": pd.Categorical(LABELS),
    "labels, categorical series": pd.Series(LABELS, dtype="category"),
    "labels, polars": pl.Series(LABELS),
    "labels, polars categorical": pl.Series(LABELS, dtype=pl.Categorical),
    "labels, polars enum": pl.Series(LABELS, dtype=pl.Enum(["C", "B", "A"])),
    "labels, pyarrow": pa.array(LABELS),
    "labels, pyarrow large": pa.array(LABELS, pa.large_string()),
    "labels, pyarrow view": pa.array(LABELS, pa.string_view()),
    "labels, pyarrow chunks": pa.chunked_array([LABELS[:3], LABELS[3:]]),
    "labels, dictionary": pa.array(LABELS).dictionary_encode(),
    "labels, dictionary chunks": pa.chunked_array(
        [pa.array(LABELS[:3]).dictionary_encode(), pa.array(LABELS[3:]).dictionary_encode()]
    ),
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
def test_forms_of_rows(rows: Any) -> None:
    assert spans(rows, PATTERN) == [(0, 4), (5, 8)]


NULLS = {
    "list": [True, None],
    "pandas nullable": pd.Series([True, None], dtype="boolean"),
    "pandas objects": pd.Series([True, None], dtype=object),
    "polars": pl.Series([True, None]),
    "pyarrow": pa.array([True, None]),
    "NaN": [True, float("nan")],
}


@pytest.mark.parametrize("column", NULLS.values(), ids=NULLS.keys())
def test_null_is_not_true(column: Any) -> None:
    assert spans({"A": column}, rowpattern.compile("A")) == [(0, 1)]


NULL_LABELS = {
    "list": ["A", None],
    "categorical": pd.Categorical(["A", None]),
    "pandas": pd.Series(["A", None]),
    "polars": pl.Series(["A", None]),
    "pyarrow": pa.array(["A", None]),
    "dictionary": pa.array(["A", None]).dictionary_encode(),
    "all NULL": pa.array(["A"]).dictionary_encode().slice(0, 0),
}


@pytest.mark.parametrize("labels", NULL_LABELS.values(), ids=NULL_LABELS.keys())
def test_a_missing_label_is_of_no_variable(labels: Any) -> None:
    assert spans(labels, rowpattern.compile("A")) == [(0, 1)][: len(labels)]


def test_a_missing_variable_is_true_everywhere() -> None:
    assert spans({"B": [False, True, False]}, PATTERN) == [(0, 2)]
    many = rowpattern.compile(" ".join(f"V{number}" for number in range(20)))
    assert spans({"V19": [False] * 19 + [True]}, many) == [(0, 20)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"AA": [True]}, 'no primary variable "AA": did you mean A'),
        ({"A": [True], "B": [True, False]}, "A has 1 row, but B has 2"),
        ({"A": [True, 5]}, "row 1 of A is 5, an int"),
        ({"A": np.array([1, 2])}, "numbers, not booleans"),
        ({"A": np.array([[True], [False]])}, "one dimension"),
        ({"A": pa.array([1, 2])}, "Arrow type Int64"),
        ({"A": pl.Series(["x"])}, "Arrow type"),
        ({"A": "TF"}, "not a str"),
        ({"A": 1}, "must be a sequence of booleans"),
        ({}, "no column"),
        ({1: [True]}, "keys are names"),
        (5, "must be a mapping of variables to booleans or a sequence of labels"),
        (["A", 5], "row 1 has the label 5"),
        (pa.array([1, 2]), "labels have the Arrow type"),
        ("A\udc80", "lone surrogates"),
    ],
)
def test_rows_that_cannot_be_read(rows: Any, message: str) -> None:
    with pytest.raises((rowpattern.RowPatternError, TypeError), match=message):
        PATTERN.count(rows)


def test_a_failing_row_is_raised_as_it_is() -> None:
    def failing() -> Any:
        yield "A"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        PATTERN.count(failing())


class Unprintable:
    def __repr__(self) -> str:
        raise ZeroDivisionError


def test_items_that_cannot_be_shown_are_named_by_their_type() -> None:
    with pytest.raises(rowpattern.RowsError, match="row 1 has the label an Unprintable; labels"):
        PATTERN.count(cast("Any", ["A", Unprintable()]))
    with pytest.raises(rowpattern.RowsError, match="row 1 of A is an Unprintable; expected"):
        PATTERN.count({"A": cast("Any", [True, Unprintable()])})
    with pytest.raises(rowpattern.RowsError) as caught:
        PATTERN.count(cast("Any", [b"A" * 1_000_000]))
    assert len(str(caught.value)) < 300
