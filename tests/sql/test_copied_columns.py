"""Columns of pandas that are only copied to the answer keep their types and values, as they do by way of Arrow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rowpattern import QueryLimitError, match_recognize
from rowpattern.sql.tables import pandas_values

COLUMNS = {
    "floats": np.array([1.5, np.nan, -0.0, 4.0, np.inf]),
    "small floats": np.array([1.5, np.nan, 0.5, 4.0, 5.0], dtype=np.float32),
    "integers": np.arange(5, dtype=np.int64) - 2,
    "bytes": np.arange(5, dtype=np.uint8),
    "booleans": np.array([True, False, True, True, False]),
    "times": np.array(["2020-01-01", "NaT", "2020-01-03", "2020-01-04", "2020-01-05"], dtype="datetime64[us]"),
    "texts": np.array(["a", None, "c", "d", "e"], dtype=object),
    "category": pd.Categorical(["b", "a", None, "b", "c"], categories=["c", "b", "a", "unused"], ordered=True),
}


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{name: None if pd.isna(each) else each for name, each in row.items()} for row in frame.to_dict("records")]


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [3, 1, 4, 0, 2]])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH PATTERN (A+) DEFINE A AS i > 0)",
        "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH AFTER MATCH SKIP TO NEXT ROW PATTERN (A A?))",
        "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES LAST(category) AS c ALL ROWS PER MATCH PATTERN (A+))",
        "SELECT *, i + 1 AS j FROM t MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH PATTERN (A+))",
        "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY integers ORDER BY i ALL ROWS PER MATCH PATTERN (A+))",
    ],
)
def test_values_and_types(sql: str, order: list[int]) -> None:
    frame = pd.DataFrame({"i": order, **COLUMNS})
    answer = match_recognize(sql, frame)
    by_arrow = match_recognize(sql, pa.Table.from_pandas(frame))
    assert list(answer.columns) == by_arrow.column_names
    found, wanted = rows_of(answer), rows_of(pd.DataFrame(by_arrow.to_pylist(), dtype=object))
    if "j" in answer.columns:
        # DuckDB gives rows in any order.
        found, wanted = (sorted(each, key=lambda row: row["i"]) for each in (found, wanted))
    assert found == wanted
    for name in COLUMNS:
        assert answer[name].dtype == frame[name].dtype, name
    if "c" in answer.columns:
        assert answer["c"].dtype == frame["category"].dtype


EXTENSIONS = {
    "str": pd.array(["a", None, "c", "d", "e"], dtype="str"),
    "string": pd.array(["a", None, "c", "d", "e"], dtype=pd.StringDtype("python")),
    "Int64": pd.array([1, None, 3, 4, 5], dtype="Int64"),
    "boolean": pd.array([True, None, True, False, False], dtype="boolean"),
    "category": COLUMNS["category"],
    "times": pd.date_range("2020", periods=5, tz="Asia/Tokyo").array,
    "periods": pd.period_range("2020", periods=5).array,
    "decimals": pd.arrays.ArrowExtensionArray(pa.array([1, None, 3, 4, 5]).cast(pa.decimal128(21, 2))),
}


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_rows_that_are_taken_in_pieces(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"i": [3, 1, 4, 0, 2], "x": EXTENSIONS[kind]})
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH PATTERN (A+))"
    whole = match_recognize(sql, frame)
    monkeypatch.setattr(pandas_values, "_FEW", 2)
    monkeypatch.setattr(pandas_values, "_FEW_TAKEN", 2)
    monkeypatch.setattr(pandas_values, "_FIRST_PIECE", 2)
    monkeypatch.setattr(pandas_values, "_LARGEST_PIECE", 2)
    pd.testing.assert_frame_equal(match_recognize(sql, frame), whole)
    pd.testing.assert_series_equal(whole["x"], frame["x"].iloc[[3, 1, 4, 0, 2]], check_index=False)


def test_the_answer_is_the_caller_s_to_change() -> None:
    frame = pd.DataFrame({"i": range(5), **COLUMNS})
    answer = match_recognize("SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH PATTERN (A+))", frame)
    answer.loc[:, "floats"] = 100.0
    answer.loc[:, "integers"] = 7
    assert frame["floats"].tolist()[2:] == [0.0, 4.0, np.inf]
    assert frame["integers"].tolist() == [-2, -1, 0, 1, 2]


def test_copies_for_overlapping_matches_count_in_the_memory() -> None:
    frame = pd.DataFrame({"i": range(3000), **{f"c{number}": np.arange(3000.0) for number in range(20)}})
    sql = """SELECT * FROM t MATCH_RECOGNIZE (
        ORDER BY i ALL ROWS PER MATCH AFTER MATCH SKIP TO NEXT ROW PATTERN (A{1,20}) DEFINE A AS i >= 0)"""
    assert len(match_recognize(sql, frame)) > 50_000
    with pytest.raises(QueryLimitError):
        match_recognize(sql, frame, memory_limit_mb=8)
