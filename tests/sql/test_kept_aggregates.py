"""Aggregates of DEFINE that the engine updates row by row: they have DuckDB's values, also after backtracking."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from rowpattern import explain, match_recognize

# Each with what DuckDB computes of the rows of a match so far, in order; x, y and s are columns.
CALLS = [
    *(f"{name}(A.x)" for name in ("var_pop", "var_samp", "variance", "stddev_pop", "stddev_samp", "stddev")),
    *("var_pop(A.f)", "stddev(A.y)", "var_samp(A.d)", "stddev_pop(A.x + A.y) FILTER (WHERE A.x > 0)"),
    *("arg_min(A.x, A.y)", "arg_max(A.s, A.x)", "min_by(A.i, A.s)", "max_by(A.y, A.x + A.y)", "argmin(A.d, A.f)"),
    *("string_agg(A.s)", "string_agg(A.s, '-')", "string_agg(A.x::VARCHAR, '')", "group_concat(A.s, ', ')"),
    *("string_agg(A.s || A.s, '/') FILTER (WHERE A.x < 2)", "listagg(A.s)", "string_agg(A.e, '+')"),
    *("count(A.*) FILTER (WHERE A.x > 1)", "count(A.x) FILTER (WHERE A.y < 1)", "sum(A.x) FILTER (WHERE A.s = 'b')"),
    *("min(DISTINCT A.x)", "bool_or(DISTINCT A.x > 2)", "avg(A.y) FILTER (WHERE A.x IS NOT NULL)"),
    *("any_value(A.x + 1)", "max(A.x) FILTER (WHERE A.y > 0)", "bool_and(A.x < 3) FILTER (WHERE A.s <> 'a')"),
    *("array_agg(A.x)[1]", "array_agg(A.s)[2]", "list(A.x)[-1]", "list_extract(array_agg(A.y * 2), 3)"),
    *("len(array_agg(A.x))", "len(array_agg(A.s) FILTER (WHERE A.x > 0))", "array_length(list(A.e))"),
    *("count(DISTINCT A.x)", "count(DISTINCT A.s)", "count(DISTINCT A.z)", "sum(DISTINCT A.x)", "avg(DISTINCT A.d)"),
    *(
        "sum(DISTINCT A.x % 2)",
        "count(DISTINCT A.x) FILTER (WHERE A.y < 1)",
        "avg(DISTINCT A.x)",
        "count(DISTINCT A.e)",
    ),
    *("count(DISTINCT A.x > 1)", "sum(A.x ORDER BY A.y)", "count(A.x ORDER BY A.s, A.i DESC)", "max(A.x ORDER BY A.e)"),
    *("string_agg(A.s, '+' ORDER BY A.i)", "avg(A.y ORDER BY A.i)", "any_value(A.x ORDER BY A.i)"),
    *("list_sum(array_agg(A.x))", "list_max(list(A.s))", "list_aggr(array_agg(A.d), 'avg')", "list_min(list(A.y))"),
    *("list_count(array_agg(A.x))", "list_unique(array_agg(A.s))", "len(list_distinct(array_agg(A.x)))"),
    *("list_contains(array_agg(A.x), 1)", "list_has(array_agg(DISTINCT A.s), 'a')", "list_count(list(DISTINCT A.x))"),
    *("list_sum(array_agg(A.x) FILTER (WHERE A.y > 0))", "list_bool_or(list(A.x > 2))", "list_any_value(list(A.e))"),
]

DUCKDB = duckdb.connect(config={"threads": 1})


def random_table(rng: random.Random, rows: int) -> pa.Table:
    def maybe(value: Any) -> Any:
        return None if rng.random() < 0.2 else value

    return pa.table(
        {
            "i": pa.array(range(rows), pa.int32()),
            "x": pa.array([maybe(rng.randrange(-2, 4)) for _ in range(rows)], pa.int64()),
            "y": pa.array([maybe(rng.randrange(-4, 5) / 4) for _ in range(rows)], pa.float64()),
            "f": pa.array([maybe(rng.choice([0.5, -1.25, 3.0])) for _ in range(rows)], pa.float32()),
            "d": pa.array([maybe(rng.randrange(-50, 50)) for _ in range(rows)], pa.int32()).cast(pa.decimal128(12, 2)),
            "s": pa.array([maybe(rng.choice(["a", "b", "é", ""])) for _ in range(rows)], pa.string()),
            "z": pa.array(
                [maybe(rng.choice([0.0, -0.0, math.nan, -math.nan, 1.5])) for _ in range(rows)], pa.float64()
            ),
            "e": pa.array([maybe(rng.choice("zyx")) for _ in range(rows)], pa.large_string()),
        }
    )


def by_duckdb(call: str, table: pa.Table, rows: list[int]) -> Any:
    """Compute a call over some rows, in their order."""
    DUCKDB.register("part", table.take(pa.array(rows, pa.int64())))
    (found,) = DUCKDB.execute(f"SELECT {call.replace('A.*', '*').replace('A.', '')} FROM part").fetchall()
    return found[0]


@pytest.mark.parametrize("call", CALLS)
def test_values_are_duckdb_s_and_are_undone(call: str) -> None:
    """The last row's condition compares the value with one of DuckDB's, whatever was tried and taken back before."""
    rng = random.Random(call)
    for number in range(2):
        table = random_table(rng, 6)
        ways = [rows for count in (1, 2, 3) for rows in itertools.combinations(range(5), count)]
        rows = list(rng.choice(ways))
        wanted = by_duckdb(call, table, rows)
        is_float = isinstance(wanted, float)
        if wanted is None:
            condition = f"{call} IS NULL"
        elif is_float:
            condition = f"{call} BETWEEN {wanted!r} - 1e-9 AND {wanted!r} + 1e-9"
        else:
            condition = f"{call} = {f'{wanted!r}' if isinstance(wanted, str) else wanted}"
        query = f"""SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES array_agg(A.i) AS taken
            PATTERN (^ (B | A)* Z $)
            DEFINE A AS i < 5, B AS i < 5, Z AS count(A.*) = {len(rows)} AND FIRST(A.i) = {rows[0]}
                AND LAST(A.i) = {rows[-1]} AND sum(A.i) = {sum(rows)} AND ({condition}))"""
        if not number:
            text = str(explain(query, table))
            assert "asked of DuckDB" not in text, text
        found = match_recognize(query, table)["taken"].to_pylist()
        same = [way for way in ways if len(way) == len(rows) and way[0] == rows[0] and way[-1] == rows[-1]]
        same = [way for way in same if sum(way) == sum(rows)]
        assert found, (rows, wanted, table.to_pylist())
        assert tuple(found[0]) in same
        value = by_duckdb(call, table, found[0])
        assert value == wanted or (is_float and math.isclose(value, wanted, abs_tol=1e-9)), (found, value, wanted)
