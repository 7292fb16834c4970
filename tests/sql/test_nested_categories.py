"""Ordered categories inside of lists, structs and maps are sorted and grouped by their order."""

from __future__ import annotations

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
