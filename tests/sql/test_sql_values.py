"""What values are at the edges of a query: what comes in and goes out, and names.

What is right is told by DuckDB over the same values.
"""

from __future__ import annotations

import datetime as dt
import decimal
import random
import uuid
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

from table_kinds import LABELS, answered, categories, clause, random_times, rows

BERLIN = "Europe/Berlin"
NEW_YEAR = dt.datetime.fromisoformat("2024-01-01")


# Integers with NULL, from pandas.


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "uint8"])
def test_integers_of_pandas_are_exact(dtype: str) -> None:
    big = int(np.iinfo(dtype).max)
    frame = pd.DataFrame({"i": [1, 2, 3], "x": np.array([big, big - 1, 3], dtype)})
    shown = "ALL ROWS PER MATCH PATTERN (A+)"
    found = match_recognize(clause("PREV(x) AS p, CASE WHEN i > 1 THEN x END AS c", shown), frame)
    nullable = pd.api.types.pandas_dtype(dtype.replace("u", "U").replace("int", "Int").replace("UI", "UI"))
    assert found.dtypes[["p", "c", "x"]].tolist() == [nullable, nullable, np.dtype(dtype)]
    assert found.p.tolist()[1:] == [big, big - 1]
    assert found.c.tolist()[1:] == [big - 1, 3]
    assert pd.isna(found.p[0])


@pytest.mark.parametrize(
    "dtype", ["Int64", "int64[pyarrow]", "UInt8", "boolean", "string", "double[pyarrow]", "Float64"]
)
def test_nullable_dtypes_of_pandas_are_kept(dtype: str) -> None:
    values: list[Any] = {"boolean": [True, None], "string": ["é", None], "UInt8": [255, None]}.get(dtype, [2**53, None])  # type: ignore[assignment] # lists of one type each
    frame = pd.DataFrame({"i": [1, 2], "x": pd.array(values, dtype=dtype)})
    found = match_recognize(clause("FIRST(x) AS f, LAST(x) AS l"), frame)
    assert found.dtypes.tolist() == [frame.x.dtype] * 2
    assert found.f[0] == values[0]
    assert pd.isna(found.l[0])


# Nothing is dropped.


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ("to_char(LAST(t), 'YYYY')", "there is no function to_char"),
        ("PREV(1 IGNORE NULLS)", "PREV with IGNORE NULLS takes an expression over columns"),
        ("lag(i) OVER ()", "a window function cannot stand in MATCH_RECOGNIZE"),
        ("nth_value(i, 2)", r"write FIRST\(x, n - 1\)"),
        ("first_value(i)", r"write FIRST\(x\)"),
        ("row_number()", r"count\(\*\) numbers the rows"),
        ("FINAL PREV(i)", "FINAL stands before FIRST, LAST or an aggregate only"),
        ("RUNNING NEXT(i)", "RUNNING stands before FIRST, LAST or an aggregate only"),
    ],
)
def test_nothing_is_dropped(measure: str, message: str) -> None:
    table = pa.table({"i": [1, 2], "t": [NEW_YEAR] * 2})
    for rows_shown in ("", "ALL ROWS PER MATCH "):
        with pytest.raises(rowpattern.QueryError, match=message):
            rows(clause(f"{measure} AS m", f"{rows_shown}PATTERN (A+)"), table)
    with pytest.raises(rowpattern.QueryError):
        rows(clause("1 AS m", f"PATTERN (A+) DEFINE A AS {measure} IS NULL"), table)


def test_the_matchs_number_where_navigation_leads_nowhere() -> None:
    table = pa.table({"i": [1, 2, 3]})
    query = "PREV({0}) AS p, NEXT({0}) AS n, FIRST({0}, 1) AS f, PREV(LAST({0}), 2) AS l"
    number, constant = (
        rows(clause(query.format(each), "ALL ROWS PER MATCH PATTERN (A+)"), table) for each in ("MATCH_NUMBER()", "1")
    )
    assert number == constant
    assert [row[1] for row in number] == [None, 1, 1]
    depends = clause(
        "count(*) AS n", "PATTERN (A+) DEFINE A AS PREV(MATCH_NUMBER()) IS NULL OR PREV(MATCH_NUMBER()) = 1"
    )
    assert rows(depends, table) == [(3,)]


# One scope for qualified names.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ORDER BY nosuch.i MEASURES 1 AS m PATTERN (A)", "there is no table or column nosuch that i could be of"),
        ("PARTITION BY o.i MEASURES 1 AS m PATTERN (A)", "there is no table or column o that i could be of"),
        (
            "ORDER BY A.i MEASURES 1 AS m PATTERN (A)",
            "A is a variable of the pattern, and ORDER BY comes before it; write i alone",
        ),
        (
            "PARTITION BY a.i MEASURES 1 AS m PATTERN (A)",
            "a is a variable of the pattern, and PARTITION BY comes before it",
        ),
        ("ORDER BY prices.nosuch MEASURES 1 AS m PATTERN (A)", "there is no column nosuch"),
        ("ORDER BY prises.i MEASURES 1 AS m PATTERN (A)", "did you mean prices"),
        ("MEASURES LAST(q.i) AS m PATTERN (A)", "no variable q"),
        ("MEASURES LAST(prises.i) AS m PATTERN (A)", "no variable prises; did you mean prices"),
        ("MEASURES 1 AS m PATTERN (A) DEFINE A AS q.i > 1", "no variable q"),
        ("MEASURES 1 AS m PATTERN (A) DEFINE A AS prices.nosuch > 1", "there is no column nosuch"),
        ("MEASURES count(q.*) AS m PATTERN (A)", "no variable q"),
    ],
)
def test_unknown_qualifiers(text: str, message: str) -> None:
    with pytest.raises(rowpattern.RowPatternError, match=message):
        match_recognize(f"SELECT * FROM prices MATCH_RECOGNIZE ({text})", pa.table({"i": [1, 2]}))


def test_qualifiers_in_every_part() -> None:
    table = pa.table({"i": [2, 1], "price": [1, 2], "s": [{"i": 7}, {"i": 8}]})
    text = (
        "SELECT p FROM price{0} MATCH_RECOGNIZE (PARTITION BY {1}.s.i > 0 ORDER BY {1}.i MEASURES LAST({1}.price) "
        "AS p, count({1}.*) AS n, sum({1}.i) AS t, LAST(A.s.i) AS u ALL ROWS PER MATCH PATTERN (A+) "
        "DEFINE A AS {1}.price > 0 AND COALESCE(PREV({1}.s.i), 8) > 0 AND count({1}.*) < 9)"
    )
    for alias, name in (("", "price"), ("", "PRICE"), (" AS q", "q"), (" q", "Q")):
        assert rows(text.format(alias, name), table) == [(2,), (1,)]
    # A variable comes before a table of its name where variables stand.
    found = match_recognize(
        "SELECT * FROM a MATCH_RECOGNIZE (ORDER BY a.i MEASURES a.i AS f, count(a.*) AS n PATTERN (A B))", a=table
    )
    assert found.to_pylist() == [{"f": 1, "n": 1}]


# Words.


@pytest.mark.parametrize(
    "word", ["range", "rows", "drop", "key", "at", "left", "glob", "match", "first_value", "window_"]
)
def test_words_are_names(word: str) -> None:
    table = pa.table({"i": [1, 2], word: [2, 1]})
    query = clause(f"LAST({word}) AS m", f"PATTERN (U D+) DEFINE D AS {word} < PREV({word})")
    assert rows(query, table) == [(1,)]
    variable = clause(f"LAST({word}.i) AS m", f"PATTERN ({word}+) DEFINE {word} AS {word}.i < 3")
    assert rows(variable, table) == [(2,)]


# Columns of NULLs alone.


@pytest.mark.parametrize("kind", ["arrow", "pandas", "polars"])
@pytest.mark.parametrize("call", ["sum", "avg", "min", "max", "count"])
def test_columns_without_values(call: str, kind: str) -> None:
    table = pa.table({"i": [1, 2], "v": pa.nulls(2)})
    test = f"{call}(A.v) = 0" if call == "count" else f"{call}(A.v) IS NULL"
    assert rows(clause("count(*) AS n", f"PATTERN (A+) DEFINE A AS {test}"), table, kind) == [(2,)]
    found = rows(
        clause(f"{call}(v) AS m, {call}(A.v) AS n", "PATTERN (A+) DEFINE A AS A.v IS NULL AND v IS NULL"), table, kind
    )
    assert found == [(0, 0) if call == "count" else (None, None)]
    assert rows(clause("count(*) AS n", keys="PARTITION BY v ORDER BY v, i"), table, kind)[0][1] == 2


# UUIDs, extension types, wide integers, objects.


UUIDS = [uuid.UUID(int=each) for each in (3, 1 << 127, 3, 0)]


def uuids() -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.array([each.bytes for each in UUIDS], pa.binary(16)))


@pytest.mark.parametrize("kind", ["arrow", "pandas", "duckdb", "stream", "isolated"])
def test_uuids_are_keys(kind: str) -> None:
    table = pa.table({"i": [1, 2, 3, 4], "u": uuids()})
    given: Any = pd.DataFrame({"i": [1, 2, 3, 4], "u": UUIDS}) if kind == "pandas" else table
    query = clause("count(*) AS n, LAST(u) AS l", keys="PARTITION BY u ORDER BY i")
    found = answered(query, given, kind)
    texts = sorted(map(str, set(UUIDS)))
    assert [str(each) for each in found.column("u").to_pylist()] == texts
    assert [str(each) for each in found.column("l").to_pylist()] == texts
    assert found.column("n").to_pylist() == [1, 2, 1]
    ordered = rows(clause("LAST(i) AS i", "PATTERN (A)", "ORDER BY u DESC, i"), given, kind)
    assert ordered == [(2,), (1,), (3,), (4,)]


def test_types_of_a_relation_come_back() -> None:
    relation = duckdb.sql(
        "SELECT 1 AS i, '00000000-0000-0000-0000-00000000000a'::UUID AS u, 'POINT (1 2)'::GEOMETRY AS g, "
        "'[1]'::JSON AS j, 5::HUGEINT AS h"
    )
    assert relation is not None
    found = match_recognize(clause("LAST(u) AS l, 1 AS m", "ALL ROWS PER MATCH PATTERN (A)"), relation)
    assert dict(zip(found.columns, map(str, found.types))) == {
        **dict(zip(relation.columns, map(str, relation.types))),
        "l": "UUID",
        "m": "INTEGER",
    }
    assert found.project("i, u, g, j, h").fetchall() == relation.fetchall()


def test_extension_types_pass_through() -> None:
    about = {b"ARROW:extension:name": b"geoarrow.wkb", b"ARROW:extension:metadata": b"{}"}
    fields = [pa.field("i", pa.int64()), pa.field("g", pa.binary(), metadata=about)]
    table = pa.Table.from_arrays([pa.array([1, 2]), pa.array([b"a", b"b"])], schema=pa.schema(fields))
    found = match_recognize(clause("count(*) AS n, LAST(g) AS l", "ALL ROWS PER MATCH PATTERN (A+)"), table)
    assert found.schema.field("g").metadata == found.schema.field("l").metadata == about
    assert found.column("g").to_pylist() == [b"a", b"b"]
    # One of Arrow's own, that DuckDB does not know, where nobody names it.
    opaque = pa.ExtensionArray.from_storage(pa.opaque(pa.int64(), "thing", "us"), pa.array([1, 2]))
    table = pa.table({"i": [1, 2], "o": opaque})
    assert (
        match_recognize(clause("count(*) AS n", "ALL ROWS PER MATCH PATTERN (A+)"), table).column("o").combine_chunks()
        == opaque
    )


def test_wide_integers_of_polars() -> None:
    values = [2**100, None, -5]
    frame = pl.DataFrame({"i": [1, 2, 3], "x": pl.Series(values, dtype=pl.Int128)})
    found = match_recognize(clause("FIRST(x) AS f, min(x) AS m", "ALL ROWS PER MATCH PATTERN (A+)"), frame)
    assert found.schema["f"] == found.schema["x"] == pl.Int128
    assert found["x"].to_list() == values
    assert found["m"].to_list()[-1] == -5
    streamed = match_recognize(clause("FIRST(x) AS f"), frame.lazy(), stream=True).read_all()
    assert streamed.column("f").to_pylist() == [values[0]]
    too_wide = frame.with_columns(pl.Series("x", [2**127 - 1, 1, 1], dtype=pl.Int128))
    with pytest.raises(rowpattern.QueryError, match="column x of the type Int128 has a value of more than 38 digits"):
        match_recognize(clause("FIRST(x) AS f"), too_wide)


def test_objects_of_polars_are_refused_by_name() -> None:
    frame = pl.DataFrame({"i": [1, 2], "x": pl.Series([object(), object()], dtype=pl.Object)})
    assert match_recognize(clause("count(*) AS n"), frame)["n"].to_list() == [2]
    for query in (clause("LAST(x) AS l"), clause("1 AS m", "ALL ROWS PER MATCH PATTERN (A)"), "SELECT * FROM t"):
        with pytest.raises(rowpattern.QueryError, match="column x of the type Object has Python's objects"):
            match_recognize(query, frame)


# The class of frame that was given.


class Priced(pd.DataFrame):  # type: ignore[misc] # pandas has no types here
    _metadata = ("source",)

    @property
    def _constructor(self) -> Any:
        return Priced


class Frame(pl.DataFrame):
    pass


def test_subclasses_keep_their_kind() -> None:
    frame = Priced({"i": [1, 2]})
    frame.source = "here"
    each: list[dict[str, Any]] = [{}, {"isolation": "process"}]
    for options in each:
        found = match_recognize(clause("count(*) AS n"), frame, **options)
        assert type(found) is Priced
        assert found.source == "here"
        assert found.n.tolist() == [2]
    assert type(match_recognize(clause("count(*) AS n"), Frame({"i": [1, 2]}))) is Frame
    assert type(match_recognize(clause("count(*) AS n"), pd.DataFrame({"i": [1]}))) is pd.DataFrame


# What a condition that depends on the match makes of values, as the same one over rows.


def samples(rng: random.Random, count: int) -> dict[str, pa.Array]:
    def some(values: list[Any], kind: pa.DataType) -> pa.Array:
        return pa.array([rng.choice([*values, None]) for _ in range(count)], kind)

    doubles = [float("nan"), float("inf"), -float("inf"), -0.0, 0.0, 0.1, 5e-324, 1e308]
    times = [each for each in random_times(rng, 12) if each is not None]
    naive = [each.replace(tzinfo=None) for each in times]
    return {
        "int64": some([-(2**63), 2**63 - 1, 0, 1, -1], pa.int64()),
        "int8": some([-128, 127, 0, 1], pa.int8()),
        "double": some(doubles, pa.float64()),
        "float": some([*doubles[:6], 16777216.0, 0.2], pa.float32()),
        "text": some(["", "a", "é", "e\u0301", "😀", "Z", "aa"], pa.string()),
        "date": some([each.date() for each in naive], pa.date32()),
        "timestamp": some(naive, pa.timestamp("us")),
        "nanoseconds": some([0, 1, 2, 999, 1000, 1001, 2**62], pa.int64()).cast(pa.timestamp("ns")),
        "zoned": some(times, pa.timestamp("us", BERLIN)),
        "zoned_ns": some(times, pa.timestamp("ns", BERLIN)),
        "duration": some([dt.timedelta(days=each, microseconds=each) for each in (-400, 0, 1, 31)], pa.duration("us")),
        "category": categories([rng.choice([*LABELS, None]) for _ in range(count)]),
        "boolean": some([True, False], pa.bool_()),
    }


EXPRESSIONS: dict[str, list[str]] = {
    "*": ["{x} < {p}", "{x} = {p}", "{x} >= {p}", "{x} IS DISTINCT FROM {p}", "{x} IS NOT DISTINCT FROM {p}"],
    "every": [
        "{p} IS NULL",
        "COALESCE({x}, {p}) = {p}",
        "nullif({x}, {p}) IS NULL",
        "{x} BETWEEN {p} AND {x}",
        "{p} IN ({x}, NULL)",
    ],
    "if": [
        "if({x} > {p}, true, false)",
        "CASE WHEN {x} = {p} THEN false ELSE {x} IS NOT NULL END",
        "greatest({x}, {p}) = {x}",
    ],
    "date": ["{x} <= {p} + INTERVAL 1 MONTH", "{x} - {p} > 3", "month({p}) = 2", "{p} < DATE '2024-03-31'"],
    "timestamp": [
        "{x} <= {p} + INTERVAL 1 MONTH",
        "{x} <= {p} + INTERVAL 1 DAY",
        "{x} - {p} < INTERVAL 1 DAY",
        "{x} - {p} <= INTERVAL 1 MONTH",
        "{p} < TIMESTAMP '2024-03-31 02:00'",
        "{p} > '2024-03-31 02:00'",
        "hour({p}) < 12",
        "{x} + INTERVAL 3 HOUR > {p}",
    ],
    "zoned": [
        "{x} <= {p} + INTERVAL 1 MONTH",
        "{x} <= {p} + INTERVAL 1 DAY",
        "{x} - {p} < INTERVAL 1 DAY",
        "{x} - {p} <= INTERVAL 2 MINUTE",
        "{p} > '2024-03-31 02:00'",
        "hour({p}) < 12",
        "{p}::DATE > DATE '2024-03-30'",
        "{x} + INTERVAL 3 HOUR > {p}",
    ],
    "zoned_ns": ["hour({p}) < 12", "{x} <= {p} + INTERVAL 1 DAY"],
    "nanoseconds": [
        "{p} < TIMESTAMP '1970-01-01 00:00:01'",
        "{x} <= {p} + INTERVAL 1 MONTH",
        "{x} <= {p} + INTERVAL 1 HOUR",
    ],
    "float": ["{p} = 0.1", "{p} < 0.2", "{p} = 0.1 AND {x} > 0.1", "{p} = 16777217", "{p} = 1e-1"],
    "double": ["{p} = 0.1", "abs({p}) < 1", "{p} = 0"],
    "int8": ["{p} > 1.5", "{p} = 1", "{p} * 1.5 > 1"],
    "category": ["{p} > 'low'", "{p} = 'low'", "{p} <> 'nosuch'", "{x} < 'high' AND {p} < 'high'"],
    "duration": ["{p} > INTERVAL 1 DAY", "{x} - {p} > INTERVAL 1 DAY", "{p} < INTERVAL 1 MONTH"],
    "text": ["{p} < 'b'", "length({p}) = 1", "upper({p}) = 'A'"],
}


@pytest.mark.parametrize("kind", list(samples(random.Random(0), 1)))
def test_a_value_means_the_same_over_rows_while_matching_and_in_measures(kind: str) -> None:
    rng = random.Random(hash(kind) % 1 + 5)
    expressions = [*EXPRESSIONS["*"], *EXPRESSIONS["every"], *EXPRESSIONS["if"], *EXPRESSIONS.get(kind, [])]
    table = pa.table({"i": range(60), "x": samples(rng, 60)[kind]})
    # NaN is a value here, in Arrow's tables.
    for expression in expressions:
        over_rows, depends = (expression.format(x="x", p=previous) for previous in ("PREV(x)", "A.x"))
        rest = "AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE B AS {}"
        found = rows(clause("LAST(i) AS i", rest.format(over_rows)), table)
        assert rows(clause("LAST(i) AS i", rest.format(depends)), table) == found, depends
        measure = clause(f"{over_rows} AS m", "ALL ROWS PER MATCH PATTERN (A+)")
        measured = answered(measure, table)
        assert [
            (i,) for i, m in zip(measured.column("i").to_pylist(), measured.column("m").to_pylist()) if m and i
        ] == found, expression


@pytest.mark.parametrize(
    "kind", [kind for kind in samples(random.Random(0), 1) if not kind.startswith(("zoned", "category"))]
)
def test_conditions_are_as_duckdb_computes_them(kind: str) -> None:
    table = pa.table({"i": range(60), "x": samples(random.Random(6), 60)[kind]})
    connection = duckdb.connect()
    connection.register("values_of_t", table)
    for expression in [*EXPRESSIONS["*"], *EXPRESSIONS["every"], *EXPRESSIONS["if"], *EXPRESSIONS.get(kind, [])]:
        sql = expression.format(x="x", p="p")
        pairs = "SELECT i, x, lag(x) OVER (ORDER BY i) AS p FROM values_of_t"
        wanted = connection.sql(f"SELECT i FROM ({pairs}) WHERE i > 0 AND {sql} ORDER BY i").fetchall()
        for previous in ("PREV(x)", "A.x"):
            condition = expression.format(x="x", p=previous)
            rest = f"AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE B AS {condition}"
            assert rows(clause("LAST(i) AS i", rest), table) == wanted, condition


def test_decimals_of_a_table_come_back() -> None:
    values = [decimal.Decimal("99999999999999999999999999999999999.999"), None, decimal.Decimal("-0.001")]
    table = pa.table({"i": [1, 2, 3], "x": pa.array(values, pa.decimal128(38, 3))})
    found = answered(clause("max(x) AS m, FIRST(x) AS f, x AS l"), table)
    assert found.to_pylist() == [{"m": values[0], "f": values[0], "l": values[2]}]
    assert {field.type for field in found.schema} == {pa.decimal128(38, 3)}
