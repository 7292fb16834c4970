"""Aggregates of measures, beside DuckDB: each partition is one match, so that GROUP BY says what is right."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import random
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import rowpattern

NAN, INF = float("nan"), float("inf")
VALUES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "int8": (pa.int8(), [-128, 127, 0, 1]),
    "int16": (pa.int16(), [-(2**15), 2**15 - 1, 3]),
    "int32": (pa.int32(), [-(2**31), 2**31 - 1, 7]),
    "int64": (pa.int64(), [-(2**63), 2**63 - 1, 2**62, 5, -1]),
    "uint8": (pa.uint8(), [0, 255, 9]),
    "uint32": (pa.uint32(), [0, 2**32 - 1]),
    "uint64": (pa.uint64(), [0, 2**64 - 1, 12]),
    "float32": (pa.float32(), [0.1, -0.0, 0.0, 1e30, NAN, INF]),
    "double": (pa.float64(), [0.1, 0.2, 0.3, -0.0, 0.0, 1e308, -1e308, NAN, INF, 1e-320]),
    "small decimal": (pa.decimal128(4, 2), [decimal.Decimal("99.99"), decimal.Decimal("-0.01")]),
    "decimal": (pa.decimal128(18, 3), [decimal.Decimal("999999999999999.999"), decimal.Decimal("1.005")]),
    "wide decimal": (pa.decimal128(38, 4), [decimal.Decimal("1e33"), decimal.Decimal("-0.0001"), decimal.Decimal(7)]),
    "boolean": (pa.bool_(), [True, False]),
    "text": (pa.string(), ["", "a", "b", "é", "aa"]),
    "large text": (pa.large_string(), ["x", "Y", "zz"]),
    "date": (pa.date32(), [dt.date(1970, 1, 1), dt.date(2024, 2, 29)]),
    "time": (pa.time64("us"), [dt.time(0), dt.time(23, 59, 59, 999999)]),
    "timestamp": (
        pa.timestamp("us"),
        [dt.datetime.fromisoformat("2024-01-01"), dt.datetime.fromisoformat("1969-12-31")],
    ),
    "seconds": (pa.timestamp("s"), [dt.datetime.fromisoformat("2024-01-01"), dt.datetime.fromisoformat("1969-12-31")]),
    "categories": (pa.dictionary(pa.int8(), pa.string(), ordered=True), ["low", "mid", "high"]),
}
ANY = ["count({})", "min({})", "max({})"]
NUMBERS = [*ANY, "sum({})", "avg({})"]
CALLS = {
    name: NUMBERS if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) else ANY
    for name, (kind, _) in VALUES.items()
}
CALLS["boolean"] = ["count({})", "bool_and({})", "bool_or({})", "sum({})"]
CLAUSE = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o MEASURES {} {}
    PATTERN ((A | B)+) SUBSET U = (A, B) DEFINE A AS b = 0)"""


def column(kind: pa.DataType, values: list[Any]) -> pa.Array:
    if pa.types.is_dictionary(kind):
        codes = [None if each is None else ["low", "mid", "high"].index(each) for each in values]
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), ["low", "mid", "high"], ordered=True)
    return pa.array(values, kind)


def table(name: str, seed: int, nulls: float) -> pa.Table:
    """Rows of some partitions in no order."""
    random_ = random.Random(seed)
    kind, values = VALUES[name]
    rows = random_.choice([1, 40, 3_000])
    x = [None if random_.random() < nulls else random_.choice(values) for _ in range(rows)]
    partitions = random_.choice([1, 3, rows])
    found = pa.table(
        {
            "k": [random_.randrange(partitions) for _ in range(rows)],
            "o": random_.sample(range(rows), rows),
            "b": [random_.randrange(2) for _ in range(rows)],
            "x": column(kind, x),
        }
    )
    cut = random_.randrange(rows)
    return found if random_.random() < 0.5 else pa.concat_tables([found.slice(0, cut), found.slice(cut)])


def same(one: Any, other: Any, exact: bool) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return one == other if exact else math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-300) or one == other
    return bool(one == other)


def reference(t: pa.Table, query: str) -> list[list[Any]]:
    with duckdb.connect() as connection:
        # In one thread rows are added in order.
        connection.execute("SET threads = 1")
        source = t.set_column(3, "x", t["x"].cast(pa.string())) if pa.types.is_dictionary(t["x"].type) else t
        connection.register("given", source)
        cast = "x::ENUM('low', 'mid', 'high') AS x" if pa.types.is_dictionary(t["x"].type) else "x"
        connection.execute(f"CREATE TABLE t AS SELECT k, o, b, {cast} FROM given ORDER BY k, o")
        found = connection.sql(query).to_arrow_table()
        return [[_plain(value) for value in values.to_pylist()] for values in found.columns]


def _plain(value: Any) -> Any:
    whole = isinstance(value, decimal.Decimal) and value == value.to_integral_value()
    return int(value) if whole else value


@pytest.mark.slow
@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("nulls", [0.0, 0.3, 1.0])
def test_over_whole_matches(name: str, nulls: float) -> None:
    for seed in range(4):
        t = table(name, seed, nulls)
        calls = [(call, variable) for call in CALLS[name] for variable in ("", "A.", "B.", "U.")]
        measures = ", ".join(f"{call.format(variable + 'x')} AS m{at}" for at, (call, variable) in enumerate(calls))
        filters = {"": "true", "U.": "true", "A.": "b = 0", "B.": "b = 1"}
        columns = ", ".join(f"{call.format('x')} FILTER ({filters[variable]})" for call, variable in calls)
        try:
            expected = reference(t, f"SELECT k, {columns} FROM t GROUP BY k ORDER BY k")
        except duckdb.OutOfRangeException:
            with pytest.raises(rowpattern.QueryError, match=r"(?i)overflow|out of range"):
                rowpattern.match_recognize(CLAUSE.format(measures, ""), t)
            continue
        for threads in (1, 3):
            found = rowpattern.match_recognize(CLAUSE.format(measures, ""), t, threads=threads)
            for at, values in enumerate(found.columns):
                got = [_plain(value) for value in values.to_pylist()]
                what = calls[at - 1] if at else "k"
                assert all(map(same, got, expected[at], [True] * len(got))), (what, seed, got[:5], expected[at][:5])


@pytest.mark.parametrize("name", VALUES)
def test_up_to_each_row(name: str) -> None:
    for seed in range(4):
        t = table(name, seed, 0.3)
        calls = [(call, variable) for call in CALLS[name] for variable in ("", "A.")]
        measures = ", ".join(
            f"{word} {call.format(variable + 'x')} AS {word}{at}"
            for at, (call, variable) in enumerate(calls)
            for word in ("RUNNING", "FINAL")
        )
        filters = {"": "true", "A.": "b = 0"}
        frames = {
            "RUNNING": "ROWS UNBOUNDED PRECEDING",
            "FINAL": "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
        }
        columns = ", ".join(
            f"{call.format('x')} FILTER ({filters[variable]}) OVER (PARTITION BY k ORDER BY o {frame})"
            for call, variable in calls
            for frame in frames.values()
        )
        try:
            expected = reference(t, f"SELECT k, o, {columns} FROM t ORDER BY k, o")
        except duckdb.OutOfRangeException:
            continue
        for threads in (1, 3):
            found = rowpattern.match_recognize(CLAUSE.format(measures, "ALL ROWS PER MATCH"), t, threads=threads)
            for at, (own, values) in enumerate(zip(found.column_names, found.columns)):
                if own in {"b", "x"}:
                    continue
                got = [_plain(value) for value in values.to_pylist()]
                # DuckDB's windows add floating point numbers in another order.
                assert all(map(same, got, expected[at], [False] * len(got))), (own, seed)


def test_floating_point_numbers_are_added_in_the_order_of_rows() -> None:
    random_ = np.random.default_rng(0)
    rows = 300_000
    x = random_.normal(size=rows) * 10.0 ** random_.integers(-12, 12, rows)
    o = random_.permutation(rows)
    t = pa.table({"k": np.zeros(rows, dtype=int), "o": o, "b": np.zeros(rows, dtype=int), "x": x})
    total = 0.0
    for value in x[np.argsort(o)].tolist():
        total += value
    for threads in (1, 2, 8):
        found = rowpattern.match_recognize(CLAUSE.format("sum(x) AS s, avg(x) AS a", ""), t, threads=threads)
        assert found["s"].to_pylist() == [total]
        assert found["a"].to_pylist() == [total / rows]


@pytest.mark.parametrize("rows", ["", "ALL ROWS PER MATCH", "ALL ROWS PER MATCH WITH UNMATCHED ROWS"])
def test_empty_matches_and_rows_of_no_match(rows: str) -> None:
    t = pa.table({"o": range(6), "x": [1, 2, None, 4, 5, 6], "b": [0, 1, 1, 0, 0, 1]})
    query = f"""SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o
        MEASURES sum(x) AS s, FINAL count(x) AS c, min(A.x) + 1 AS m, COALESCE(FINAL sum(x), -1) AS e, 7 AS seven
        {rows} PATTERN ({"A+" if "UNMATCHED" in rows else "A*"}) DEFINE A AS b = 0)"""
    found = rowpattern.match_recognize(query, t)
    listed = list(zip(*(found[name].to_pylist() for name in ("s", "c", "m", "e", "seven"))))
    empty, none = (None, 0, None, -1, 7), (None,) * 5
    first = (1, 1, 2, 1, 7)
    if not rows:
        assert listed == [first, empty, empty, (9, 2, 5, 9, 7), empty]
    elif "UNMATCHED" in rows:
        assert listed == [first, none, none, (4, 2, 5, 9, 7), (9, 2, 5, 9, 7), none]
    else:
        assert listed == [first, empty, empty, (4, 2, 5, 9, 7), (9, 2, 5, 9, 7), empty]


def test_rows_in_exclusions_are_aggregated() -> None:
    t = pa.table({"o": range(4), "x": [1, 2, 3, 4], "b": [0, 1, 1, 0]})
    query = """SELECT o, s, c, f FROM t MATCH_RECOGNIZE (ORDER BY o
        MEASURES sum(x) AS s, count(x) AS c, FINAL max(B.x) AS f
        ALL ROWS PER MATCH PATTERN (A {- B+ -} A) DEFINE A AS b = 0, B AS b = 1)"""
    found = rowpattern.match_recognize(query, t)
    assert found.to_pydict() == {"o": [0, 3], "s": [1, 10], "c": [1, 4], "f": [3, 3]}


def test_sums_beyond_64_bits() -> None:
    t = pa.table({"k": [0, 0, 1], "o": range(3), "b": [0, 0, 0], "x": [2**62, 2**62, 1]})
    query = CLAUSE.format("sum(x) AS s, sum(x) + 1 AS more", "")
    found = rowpattern.match_recognize(query, t)
    assert [int(each) for each in found["s"].to_pylist()] == [2**63, 1]
    assert [int(each) for each in found["more"].to_pylist()] == [2**63 + 1, 2]


def test_what_explain_says() -> None:
    t = pa.table({"k": [0], "o": [0], "b": [0], "x": [1.5]})
    text = str(rowpattern.explain(CLAUSE.format("sum(x) AS s, median(x) AS m, sum(x * 2) AS e", ""), t))
    (plain,) = (line for line in text.splitlines() if "measure s" in line)
    assert "without DuckDB" in plain
    (median,) = (line for line in text.splitlines() if "measure m" in line)
    assert "by DuckDB" in median
    assert "GROUP BY" in text
    assert "GROUP BY" not in str(rowpattern.explain(CLAUSE.format("sum(x) AS s", ""), t))


@pytest.mark.parametrize("rows", ["ONE ROW PER MATCH", "ALL ROWS PER MATCH", "ALL ROWS PER MATCH WITH UNMATCHED ROWS"])
def test_a_map_s_keys_may_have_the_type_of_null(rows: str) -> None:
    """Arrow ends the process where such a map is cast to its own type."""
    data = pa.table({"i": [1, 2, 3], "v": pa.nulls(3)})
    sql = f"MEASURES histogram(v) AS h {rows} PATTERN (A B)"
    answer = rowpattern.match_recognize(f"SELECT h FROM t MATCH_RECOGNIZE (ORDER BY i {sql})", data)
    assert str(answer.schema.field("h").type) == "map<null, uint64>"
    assert set(answer.column("h").to_pylist()) == {None}
