"""Times apart by an interval, as DuckDB computes them."""

from __future__ import annotations

import itertools
import random

import duckdb
import pyarrow as pa
import pytest

from rowpattern import match_recognize

INTERVALS = [
    "INTERVAL 1 HOUR",
    "INTERVAL '90 minutes'",
    "INTERVAL '1' DAY",
    "INTERVAL 0 SECONDS",
    "to_milliseconds(2)",
    "INTERVAL 1 WEEK",
    "INTERVAL 1 MONTH",
    "INTERVAL (-1) HOUR",
    "INTERVAL '1 day -1 hour'",
    "INTERVAL 1.5 HOUR",
    "CAST(NULL AS INTERVAL)",
]
FORMS = ["v - w {sign} {interval}", "{interval} {sign} v - w", "v {sign} w + {interval}"]
FORMS += ["w - {interval} {sign} v"]
SIGNS = ["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"]


def times(kind: pa.DataType, rows: int) -> pa.Table:
    rng = random.Random(1)
    unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
    steps = [0, 1, unit, 3600 * unit, 5400 * unit, 86_400 * unit, 7 * 86_400 * unit, 30 * 86_400 * unit]
    # From the hours around a change of the clocks in New York on.
    at = [1_710_050_000 * unit + rng.choice([-1, 1]) * rng.choice(steps) * rng.choice([1, 1, 2]) for _ in range(rows)]
    other = [1_710_050_000 * unit + rng.choice(steps) for _ in range(rows)]
    columns = {
        name: pa.array(values, pa.int64(), mask=[rng.random() < 0.05 for _ in range(rows)]).cast(kind)
        for name, values in (("v", at), ("w", other))
    }
    return pa.table({"i": range(rows), **{name: pa.array(values) for name, values in columns.items()}})


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize(
    "kind", [pa.timestamp("us"), pa.timestamp("ms"), pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("us", "UTC")]
)
def test_as_duckdb(kind: pa.DataType, zone: str) -> None:
    rows = times(kind, 300)
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = '{zone}'")
    connection.register("rows", rows)
    # The difference of two instants is the time between them, whatever the zone; DuckDB counts the zone's days.
    forms = FORMS if zone == "UTC" or kind.tz is None else FORMS[2:]
    for number, (interval, form) in enumerate(itertools.product(INTERVALS, forms)):
        sign = SIGNS[number % len(SIGNS)]
        condition = form.format(sign=sign, interval=interval)
        sql = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES A.i AS i PATTERN (A) DEFINE A AS {condition})"
        found = match_recognize(sql, rows, time_zone=zone, threads=1)
        wanted = connection.sql(f"SELECT i FROM rows WHERE {condition} ORDER BY i").to_arrow_table()
        assert found.column(0).to_pylist() == wanted.column(0).to_pylist(), condition


def test_infinite_and_far_times() -> None:
    most = 2**63 - 1
    rows = pa.table({"i": [0, 1, 2], "at": pa.array([0, most, 5], pa.int64()).cast(pa.timestamp("us"))})
    sql = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES A.i AS i PATTERN (A)
        DEFINE A AS at < PREV(at) + INTERVAL 1 HOUR)"""
    assert match_recognize(sql, rows).column(0).to_pylist() == [2]
