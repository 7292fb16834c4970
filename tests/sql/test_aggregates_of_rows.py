"""Aggregates see the rows of a match in its order, wherever they stand, and macros of DuckDB as others do."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from rowpattern import match_recognize

ROWS = pa.table(
    {
        "i": [0, 1, 2, 3],
        "x": [3.0, 1.0, None, 2.0],
        "w": [1.0, 2.0, 3.0, None],
        "s": ["b", "a", None, "b"],
    }
)
MACROS = [
    "{}geomean(x)",
    "{}geometric_mean(x)",
    "{}wavg(x, w)",
    "{}weighted_avg(x, w)",
    "{}json_group_array(s)",
    "{}json_group_array(x)",
    "{}json_group_object(i, s)",
    "{}json_group_structure(x)",
    "CAST({}variant_group_array(s) AS VARCHAR)",
]


def asked(measure: str, table: pa.Table, shown: str) -> list[Any]:
    clause = f"MATCH_RECOGNIZE (ORDER BY i MEASURES {measure} AS v {shown} PER MATCH PATTERN (A+))"
    found = match_recognize(f"SELECT v FROM t {clause}", table, threads=2)
    return found["v"].to_pylist()


def by_duckdb(aggregate: str, table: pa.Table) -> Any:
    (found,) = duckdb.from_arrow(table).aggregate(f"{aggregate} AS v").to_arrow_table()["v"].to_pylist()
    return found


@pytest.mark.parametrize("macro", MACROS)
def test_macros(macro: str) -> None:
    plain = macro.format("")
    prefixes = [by_duckdb(plain, ROWS.slice(0, rows + 1)) for rows in range(len(ROWS))]
    assert asked(plain, ROWS, "ONE ROW") == prefixes[-1:]
    assert asked(macro.format("FINAL "), ROWS, "ALL ROWS") == prefixes[-1:] * len(ROWS)
    assert asked(macro.format("RUNNING "), ROWS, "ALL ROWS") == prefixes
    # As a condition: the first match has the rows up to which the value is that of one row.
    define = f"DEFINE A AS {plain} IS NOT DISTINCT FROM (SELECT {plain} FROM t WHERE i = 0)"
    clause = f"MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A+) {define})"
    same = next((at for at, each in enumerate(prefixes) if each != prefixes[0]), len(prefixes))
    assert match_recognize(f"SELECT n FROM t {clause}", ROWS)["n"].to_pylist()[0] == same


# Values that are there as often as others, or at the least key; the first row of them counts.
TIES = [
    ("{}mode(x)", 3),
    ("{}arg_min(i, 0)", 0),
    ("{}arg_max(i, 0)", 0),
    ("{}min_by(CAST(i AS VARCHAR), y)", "0"),
    ("{}max_by(struct_pack(a := i), y)", {"a": 1}),
    ("{}arg_min_null(CAST(i AS VARCHAR), y)", "0"),
    ("{}any_value(i)", 0),
    ("{}approx_top_k(x, 1)", [3]),
    ("list_sum(list_transform({}list(i), lambda each, at: CAST(each = at - 1 AS BIGINT)))", 300_000),
    ("md5({}json_group_array(i)::VARCHAR)", None),
]


@pytest.mark.parametrize(("aggregate", "value"), TIES, ids=[each for each, _ in TIES])
def test_ties(aggregate: str, value: Any) -> None:
    # More rows than one thread of DuckDB takes at a time.
    rows = 300_000
    table = pa.table({"i": range(rows), "x": [3, 1, 2] * (rows // 3), "y": [0, 1] * (rows // 2)})
    if value is None:
        value = duckdb.execute("SELECT md5(?)", [f"[{','.join(map(str, range(rows)))}]"]).fetchall()[0][0]
    assert asked(aggregate.format(""), table, "ONE ROW") == [value]
    assert asked(aggregate.format("FINAL "), table, "ONE ROW") == [value]


@pytest.mark.parametrize(("aggregate", "value"), TIES[:8], ids=[each for each, _ in TIES[:8]])
def test_ties_up_to_each_row(aggregate: str, value: Any) -> None:
    table = pa.table({"i": range(6), "x": [3, 1, 2] * 2, "y": [0, 1] * 3})
    found = asked(aggregate.format("RUNNING "), table, "ALL ROWS")
    assert found[-1] == value
    # mode: 3, then as often as 1, ...; the last of six is again the first.
    assert found[2] == value
