"""Columns of types for which Arrow has no comparison: as keys, and read by PREV and NEXT."""

from __future__ import annotations

import datetime as dt
import decimal
import random
import uuid
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

NAN = float("nan")
KEYS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "list": (pa.list_(pa.float64()), [[], [1.0], [1.0, NAN], [None], [2.0, 1.0]]),
    "large list": (pa.large_list(pa.string()), [[""], ["é", None], ["a"], ["a", "b"]]),
    "list of fixed size": (pa.list_(pa.int8(), 2), [[1, 2], [1, 3], [-1, 0]]),
    "struct": (pa.struct([("a", pa.int64()), ("b", pa.list_(pa.int64()))]), [{"a": 1, "b": [1]}, {"a": 1, "b": None}]),
    "map": (pa.map_(pa.string(), pa.int64()), [[], [("k", 1)], [("k", None)], [("k", 1), ("l", 2)]]),
    "float of 16 bits": (pa.float16(), [np.float16(each) for each in (1.5, 0.0, NAN, float("inf"), -3.25)]),
    "uuid": (pa.uuid(), [uuid.UUID(int=each).bytes for each in (0, 1 << 127, 5)]),
}


def table(name: str, rng: random.Random) -> tuple[pa.Table, list[str]]:
    """Return a table of keys in any order, and each row's key as a text."""
    kind, values = KEYS[name]
    drawn = [rng.choice([None, *values]) for _ in range(40)]
    if isinstance(kind, pa.UuidType):
        column = pa.ExtensionArray.from_storage(kind, pa.array(drawn, pa.binary(16)))
    else:
        column = pa.array(drawn, kind)
    return pa.table({"i": range(len(drawn)), "k": column, "j": [0] * len(drawn)}), list(map(repr, drawn))


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("by", ["k", "(k, j)", "[k]"])
def test_rows_of_equal_keys_are_a_partition(name: str, by: str) -> None:
    given, keys = table(name, random.Random(1))
    query = f"SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY {by} ORDER BY i DESC MEASURES list(i) AS r PATTERN (A+))"
    found = rowpattern.match_recognize(query, given)
    wanted: dict[str, list[int]] = {}
    for row in reversed(range(len(keys))):
        wanted.setdefault(keys[row], []).append(row)
    assert sorted(found["r"].to_pylist()) == sorted(wanted.values())
    if by == "k":
        assert found.schema.field("k").type == given.schema.field("k").type
        # NULL is last.
        assert found["k"].null_count == 1
        assert found["k"][-1].as_py() is None


@pytest.mark.parametrize("name", KEYS)
def test_rows_in_another_partition_are_not_read(name: str) -> None:
    kind, values = KEYS[name]
    storage = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    column = pa.array([values[0]] * 4, storage)
    given = pa.table({"p": [1, 1, 2, 2], "i": [1, 2, 3, 4], "v": column.cast(kind)})
    clause = "PARTITION BY p ORDER BY i MEASURES PREV(v) AS m ALL ROWS PER MATCH PATTERN (A+)"
    found = rowpattern.match_recognize(f"SELECT m FROM t MATCH_RECOGNIZE ({clause})", given)
    assert found["m"].is_null().to_pylist() == [True, False, True, False]
    kept = "PARTITION BY p ORDER BY i MEASURES LAST(i) AS m PATTERN (A) DEFINE A AS v IS NOT DISTINCT FROM PREV(v)"
    found = rowpattern.match_recognize(f"SELECT m FROM t MATCH_RECOGNIZE ({kept})", given)
    assert found["m"].to_pylist() == [2, 4]


def test_ordered_categories_before_keep_their_order() -> None:
    codes, labels = [2, 0, 1, 0, None, 1, 2], ["low", "mid", "high"]
    column = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(labels), ordered=True)
    given = pa.table({"p": [0, 0, 0, 1, 1, 1, 1], "i": range(7), "v": column})
    rows = [
        row
        for row in range(1, 7)
        if row != 3 and None not in codes[row - 1 : row + 1] and codes[row - 1] <= codes[row]  # type: ignore[operator]
    ]
    kept = "PARTITION BY p ORDER BY i MEASURES LAST(i) AS m PATTERN (A) DEFINE A AS PREV(v) <= v"
    found = rowpattern.match_recognize(f"SELECT m FROM t MATCH_RECOGNIZE ({kept})", given)
    assert found["m"].to_pylist() == rows == [2, 6]
    kept = "PARTITION BY p ORDER BY i MEASURES LAST(i) AS m PATTERN (A) DEFINE A AS NEXT(v) > 'low'"
    found = rowpattern.match_recognize(f"SELECT m FROM t MATCH_RECOGNIZE ({kept})", given)
    assert found["m"].to_pylist() == [1, 4, 5]
    # Without any category left.
    given = pa.table({"p": [0, 1], "i": [0, 1], "v": column.take(pa.array([4, 4]))})
    found = rowpattern.match_recognize(f"SELECT m FROM t MATCH_RECOGNIZE ({kept})", given)
    assert found.num_rows == 0


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("t > TIME '02:00:00'", [1, 2]),
        ("TIME '02:00:00' >= t", [0]),
        ("t BETWEEN TIME '02:00:00' AND TIME '04:00:00'", [1]),
        ("t = TIME '04:00:00'", [1]),
        ("t > u", [2]),
        ("PREV(t) < TIME '02:00:00'", [1]),
        ("t > $least", [1, 2]),
        ("t > TIME '04:00:00' AND FIRST(o) >= 0", [2]),
        ("md5(o::VARCHAR) <> '' AND t > TIME '04:00:00'", [2]),
    ],
)
@pytest.mark.parametrize("library", ["arrow", "polars"])
def test_times_in_nanoseconds(condition: str, rows: list[int], library: str) -> None:
    """Polars has no others, and DuckDB no order between these and its own."""
    hour = 3_600_000_000_000
    times = pa.array([hour, 4 * hour, 4 * hour + 1], pa.int64()).cast(pa.time64("ns"))
    table = pa.table({"o": range(3), "t": times, "u": pa.array([dt.time(4)] * 3, pa.time64("us"))})
    data: Any = pl.from_arrow(table) if library == "polars" else table
    query = f"SELECT o FROM t MATCH_RECOGNIZE (ORDER BY o ALL ROWS PER MATCH PATTERN (A) DEFINE A AS {condition})"
    given = {"least": dt.time(2)} if "$" in condition else None
    assert list(match_recognize(query, data, parameters=given)["o"].to_numpy()) == rows


def test_a_column_of_polars_without_a_name() -> None:
    frame = pl.DataFrame({"": [1, 2], "o": [1, 2]})
    query = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o ALL ROWS PER MATCH PATTERN (A))"
    assert match_recognize(query, frame).columns == ["o", ""]


EVERY_WAY = (
    "ORDER BY i MEASURES LAST(x) AS m ALL ROWS PER MATCH PATTERN (A B?) DEFINE B AS x IS NOT DISTINCT FROM PREV(x)",
    "ORDER BY i MEASURES LAST(x) AS m ALL ROWS PER MATCH PATTERN (A B?) DEFINE B AS x = PREV(x)",
    "PARTITION BY x ORDER BY i MEASURES LAST(x) AS m PATTERN (A+)",
)


@pytest.mark.parametrize("clause", EVERY_WAY)
def test_chunks_with_dictionaries_of_their_own(clause: str) -> None:
    def keyed(places: list[int | None], labels: list[str | None]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(places, pa.int8()), pa.array(labels))

    # More than keys of 8 bits can count; and one that is NULL.
    for first, second in (
        (keyed([99, 0], [f"a{at}" for at in range(100)]), keyed([1, 1], [f"b{at}" for at in range(100)])),
        (keyed([0, 1, None], ["a", None]), keyed([1, 2, 2], ["a", None, "b"])),
    ):
        values = pa.chunked_array([first, second])
        rows = range(len(values))
        text = f"SELECT * FROM t MATCH_RECOGNIZE ({clause})"
        plain = match_recognize(text, pa.table({"i": rows, "x": values.cast(pa.string())}))
        found = match_recognize(text, pa.table({"i": rows, "x": values}))
        assert found.to_pylist() == plain.to_pylist()


@pytest.mark.parametrize("clause", EVERY_WAY)
def test_categories_that_are_structs_and_decimals_of_whole_hundreds(clause: str) -> None:
    structs = pa.array([{"a": 1}, {"a": 2}])
    hundreds = pa.array([decimal.Decimal("15E2"), None, decimal.Decimal("15E2")], pa.decimal128(5, -2))
    cases = [(pa.DictionaryArray.from_arrays([0, None, 0], structs), structs.take(pa.array([0, None, 0])))]
    cases.append((hundreds, hundreds.cast(pa.decimal128(7, 0))))
    for values, plain in cases:
        text = f"SELECT m FROM t MATCH_RECOGNIZE ({clause})"
        wanted = match_recognize(text, pa.table({"i": [1, 2, 3], "x": plain}))
        assert match_recognize(text, pa.table({"i": [1, 2, 3], "x": values})).to_pylist() == wanted.to_pylist()


def read(answer: Any) -> pa.Table:
    return answer if isinstance(answer, pa.Table) else answer.read_all()


@pytest.mark.parametrize("stream", [False, True])
def test_types_that_duckdb_does_not_have_are_named(stream: bool) -> None:
    text = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY x ORDER BY i MEASURES max(x) AS m PATTERN (A+))"
    wide = pa.array([decimal.Decimal(1)], pa.decimal256(76, 2))
    for values in (pa.array([[]], pa.list_(pa.int64(), 0)), wide):
        with pytest.raises(rowpattern.QueryError, match=r"has the Arrow type .*, which DuckDB does not have"):
            read(match_recognize(text, pa.table({"i": [1], "x": values}), stream=stream))
    frame = pl.DataFrame({"i": [1], "x": pl.Series([[]], dtype=pl.Array(pl.Int64, 0))})
    with pytest.raises(rowpattern.QueryError, match=r"column x .* has arrays of no values"):
        match_recognize(text, frame)
