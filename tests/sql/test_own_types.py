"""Columns that go through DuckDB come back in the types of Arrow that they had, which DuckDB has not all."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from rowpattern import QueryError, match_recognize

NAN = float("nan")
# Of each type three values.
TYPES: dict[pa.DataType, list[Any]] = {
    pa.float16(): [np.float16(1.5), np.float16(NAN), np.float16(-0.0)],
    pa.duration("s"): [1, None, 3],
    pa.duration("ms"): [1, None, 3],
    pa.duration("ns"): [1000, None, -3000],
    pa.large_string(): ["a", None, "é"],
    pa.binary(2): [b"ab", None, b"\0c"],
    pa.large_binary(): [b"ab", None, b""],
    pa.date64(): [dt.date(2024, 2, 29), None, dt.date(1969, 1, 1)],
    pa.time32("s"): [1, None, 3],
    pa.time32("ms"): [1, None, 3],
    pa.timestamp("s", "Europe/Berlin"): [1, None, 3],
    pa.timestamp("ns", "Europe/Berlin"): [1, None, 3],
    pa.decimal32(9, 2): [Decimal("1.25"), None, Decimal("-0.01")],
    pa.decimal64(18, 2): [Decimal("1.25"), None, Decimal("-0.01")],
    pa.decimal256(30, 2): [Decimal("1.25"), None, Decimal("-0.01")],
    pa.large_list(pa.int64()): [[1], None, []],
    pa.list_(pa.duration("ms")): [[1], None, []],
    pa.dictionary(pa.int8(), pa.large_string()): ["a", None, "b"],
    pa.dictionary(pa.int16(), pa.int64()): [5, None, 7],
    pa.uuid(): [uuid.UUID(int=number).bytes for number in (0, 1 << 127, 0xABCDEF)],
}
CLAUSE = "t MATCH_RECOGNIZE (ORDER BY i {} ALL ROWS PER MATCH PATTERN (A))"
PLACES = {
    "around a clause": f"SELECT x FROM {CLAUSE.format('')} WHERE i >= 0 ORDER BY i",
    "a measure around a clause": f"SELECT m FROM {CLAUSE.format('MEASURES LAST(x) AS m')} WHERE i >= 0 ORDER BY i",
    "over a subquery": "SELECT x FROM (SELECT * FROM t) s MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH PATTERN (A))",
    "without NULL": f"SELECT m FROM {CLAUSE.format('MEASURES LAST(x IGNORE NULLS) AS m')}",
}


def column(kind: pa.DataType) -> pa.Array:
    storage = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    if isinstance(kind, pa.DictionaryType):
        return pa.array(TYPES[kind], kind.value_type).dictionary_encode().cast(kind)
    return pa.array(TYPES[kind], storage).cast(kind)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_a_column_has_its_own_type(kind: pa.DataType, place: str) -> None:
    given = pa.table({"i": range(3), "x": column(kind)})
    (found,) = match_recognize(PLACES[place], given).columns
    # DuckDB's aggregates give decimals of 128 bits.
    is_other = pa.types.is_decimal256(kind) and place == "without NULL"
    assert found.type == (pa.decimal128(30, 2) if is_other else kind)
    assert repr(found.to_pylist()) == repr(given["x"].to_pylist())


@pytest.mark.parametrize(
    ("kind", "written", "type_found"),
    [
        # DuckDB has another type for them.
        (pa.uuid(), "CAST(x AS VARCHAR)", pa.string()),
        (pa.date64(), "x + INTERVAL 1 HOUR", pa.timestamp("us")),
        (pa.time32("s"), "CAST(x AS VARCHAR)", pa.string()),
        # The column's own type does not hold the values.
        (pa.float16(), "CAST(x / 7 AS FLOAT)", pa.float32()),
        (pa.time32("s"), "x + INTERVAL 1 MILLISECOND", pa.time64("us")),
        (pa.duration("s"), "x / 2", pa.duration("us")),
    ],
    ids=str,
)
def test_what_is_computed_has_a_type_that_holds_it(kind: pa.DataType, written: str, type_found: pa.DataType) -> None:
    given = pa.table({"i": range(3), "x": column(kind)})
    found = match_recognize(f"SELECT {written} AS x FROM {CLAUSE.format('')} ORDER BY i", given)
    assert found.schema.field("x").type == type_found


def test_a_name_that_two_tables_have_with_other_types_has_none_of_them() -> None:
    one, other = (pa.table({"i": range(3), "x": column(kind)}) for kind in (pa.time32("s"), pa.time32("ms")))
    sql = f"SELECT u.x FROM {CLAUSE.format('')} a JOIN u USING (i) ORDER BY i"
    found = match_recognize(sql, t=one, u=other)
    assert found.schema.field("x").type == pa.time64("us")
    same = match_recognize(sql, t=one, u=one)
    assert same.schema.field("x").type == pa.time32("s")


def test_durations_and_categories_of_pandas() -> None:
    frame = pd.DataFrame(
        {
            "i": range(3),
            "d": pd.to_timedelta([1, 2, 3], unit="s").as_unit("ns"),
            "c": pd.Categorical(["b", "a", None], categories=["b", "a", "unused"]),
        }
    )
    sql = "SELECT d, c FROM t MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH PATTERN (A)) WHERE i < 3 ORDER BY i"
    found = match_recognize(sql, frame)
    pd.testing.assert_series_equal(found["d"], frame["d"])
    assert found["c"].tolist()[:2] == ["b", "a"]
    assert found["c"].dtype.name == "category"


def test_uuids_are_read_from_slices_and_pieces() -> None:
    values = [None if number % 5 == 0 else uuid.UUID(int=number * 7**40 % 2**128) for number in range(3000)]
    stored = pa.array([None if each is None else each.bytes for each in values], pa.binary(16))
    whole = pa.ExtensionArray.from_storage(pa.uuid(), stored)
    given = pa.table({"i": range(2900), "x": pa.chunked_array([whole.slice(100, 1000), whole.slice(1100)])})
    found = match_recognize(PLACES["around a clause"], given)
    assert found["x"].to_pylist() == values[100:]


@pytest.mark.parametrize("text", ["upper(x)", "CAST(x AS VARCHAR)", "coalesce(x, 'other')"])
def test_texts_of_ordered_categories_are_in_no_order_of_their_own(text: str) -> None:
    labels = pa.array(["lo", "mid", "hi"])
    table = pa.table({"i": [0, 1, 2], "x": pa.DictionaryArray.from_arrays([2, 0, 1], labels, ordered=True)})
    clause = "MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH PATTERN (A+))"
    assert match_recognize(f"SELECT {text} AS x FROM t {clause}", table)["x"].type == pa.string()
    shown = match_recognize(f"SELECT lag(x) OVER (ORDER BY i) AS x FROM t {clause}", table)["x"].combine_chunks()
    assert (shown.type, shown.dictionary) == (table["x"].type, labels)


def test_a_name_that_two_tables_have_with_other_zones_has_none_of_them() -> None:
    def rows(zone: str) -> pa.Table:
        return pa.table({"i": [0, 1], "x": pa.array([1, 2]).cast(pa.timestamp("us", zone))})

    clause = "MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH PATTERN (A+))"
    tables = {"a": rows("Europe/Berlin"), "b": rows("Asia/Tokyo")}
    found = match_recognize(f"SELECT a.x FROM a {clause} AS a JOIN b USING (i)", **tables)
    assert found.schema.types == [pa.timestamp("us", "UTC")]


def test_two_columns_of_one_name_are_no_frame_of_polars() -> None:
    clause = "MATCH_RECOGNIZE (MEASURES A.i AS i PATTERN (A))"
    query = f"SELECT a.i, b.i FROM (SELECT * FROM t {clause}) AS a, t AS b"
    with pytest.raises(QueryError, match="the answer has two columns i, and frames of Polars cannot; name one by AS"):
        match_recognize(query, pl.DataFrame({"i": [1]}))


def test_more_texts_than_the_indices_of_categories_can_number() -> None:
    kind = pa.dictionary(pa.int8(), pa.string())
    for rows, found in ((128, kind), (129, pa.string())):
        texts = pa.array([str(row % 50) for row in range(rows)]).dictionary_encode().cast(kind)
        table = pa.table({"i": range(rows), "x": texts})
        query = "SELECT x || i AS x FROM t MATCH_RECOGNIZE (ORDER BY i ALL ROWS PER MATCH PATTERN (A+))"
        assert match_recognize(query, table)["x"].type == found


@pytest.mark.parametrize("categories", [pa.nulls(1), pa.array([[1]])], ids=["null", "list"])
def test_pieces_of_categories_that_arrow_does_not_unify(categories: pa.Array) -> None:
    def rows(*dictionaries: pa.Array, ordered: bool) -> pa.Table:
        keys = pa.array([0, None])
        pieces = [pa.DictionaryArray.from_arrays(keys, each, ordered=ordered) for each in dictionaries]
        return pa.table({"x": pa.chunked_array(pieces), "i": [1, 2, 3, 4]})

    query = "SELECT n FROM t MATCH_RECOGNIZE (PARTITION BY x ORDER BY i MEASURES count(*) AS n PATTERN (A+))"
    wanted = [4] if categories.null_count else [2, 2]
    for ordered in (False, True):
        assert match_recognize(query, rows(categories, categories, ordered=ordered))["n"].to_pylist() == wanted
    # Another dictionary, in which the same values stand at other places.
    longer = pa.concat_arrays([categories, categories])
    assert match_recognize(query, rows(categories, longer, ordered=False))["n"].to_pylist() == wanted
    with pytest.raises(QueryError, match=r"column x has ordered categories of the type .*, whose order"):
        match_recognize(query, rows(categories, longer, ordered=True))
