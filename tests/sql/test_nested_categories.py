"""Ordered categories that are no column's own: inside of lists, structs and maps, and constants."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from rowpattern import match_recognize

LABELS = ["low", "mid", "high"]
CODES = [2, 0, None, 1, 0, 2, 1]
TABLE = pa.table(
    {
        "o": range(len(CODES)),
        "v": pa.DictionaryArray.from_arrays(pa.array(CODES, pa.int8()), pa.array(LABELS), ordered=True),
    }
)
LAST = len(LABELS)
# NULL is last, inside as well.
RANKED = sorted(range(len(CODES)), key=lambda row: (LAST if CODES[row] is None else CODES[row], row))


@pytest.mark.parametrize("key", ["(v, 1)", "[v]", "[[v], [v]]", "{'a': {'b': [v]}}", "MAP {'k': v}", "[v]::VARCHAR[1]"])
def test_they_are_ordered_by_rank(key: str) -> None:
    # A cast to texts is ordered as texts.
    shown = [("~" if code is None else LABELS[code], row) for row, code in enumerate(CODES)]
    texts = [row for _, row in sorted(shown)]
    query = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY {key}, o MEASURES list(o) AS os PATTERN (A+))"
    assert match_recognize(query, TABLE)["os"].to_pylist() == [texts if "VARCHAR" in key else RANKED]
    if "VARCHAR" not in key:
        # Streams are sorted by DuckDB as a whole.
        reader = match_recognize(query, TABLE, stream=True)
        assert reader.read_all()["os"].to_pylist() == [RANKED]


def test_they_are_grouped() -> None:
    query = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY (v, 1) ORDER BY o MEASURES list(o) AS os PATTERN (A+))"
    assert match_recognize(query, TABLE)["os"].to_pylist() == [[1, 4], [3, 6], [0, 5], [2]]


@pytest.mark.parametrize("rows", ["ONE ROW PER MATCH", "ALL ROWS PER MATCH"])
@pytest.mark.parametrize(
    ("value", "given"),
    [
        ("'lo'::ENUM('hi', 'lo')", "lo"),
        ("CASE WHEN o > 0 THEN 'lo'::ENUM('hi', 'lo') END", "lo"),
        ("coalesce(NULL, 'lo'::ENUM('hi', 'lo'))", "lo"),
        ("max('lo'::ENUM('lo', 'hi'))", "lo"),
        ("'lo'::ENUM('hi', 'lo') > 'hi'::ENUM('hi', 'lo')", True),
        ("LAST('hi'::ENUM('hi', 'lo')) = 'hi'", True),
    ],
)
def test_categories_of_no_column(value: str, given: Any, rows: str) -> None:
    """Of such no column says in which order they are."""
    query = f"SELECT m FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES {value} AS m {rows} PATTERN (A))"
    assert match_recognize(query, pa.table({"o": [1]}))["m"].to_pylist() == [given]
    query = f"SELECT m FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES 1 AS m PATTERN (A B) DEFINE B AS ({value}) IS NULL)"
    assert match_recognize(query, pa.table({"o": [1, 2]})).num_rows == 0
