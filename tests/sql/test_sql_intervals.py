"""Times apart by an interval, as DuckDB computes them; and durations in nanoseconds, which are more exact there."""

from __future__ import annotations

import itertools
import operator
import random
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest

from rowpattern import match_recognize

if TYPE_CHECKING:
    from collections.abc import Callable

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
@pytest.mark.slow
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


COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "{x} < {y}": operator.lt,
    "{x} >= {y}": operator.ge,
    "{x} = {y}": operator.eq,
    "{x} <> {y}": operator.ne,
    "{x} IS DISTINCT FROM {y}": operator.ne,
    "{x} IN ({y}, INTERVAL 3 DAYS)": operator.eq,
    "{x} BETWEEN {y} AND INTERVAL 1 MONTH": operator.ge,
    "greatest({x}, {y}) = coalesce({x}, {y})": operator.ge,
    "{x} > {y} - INTERVAL 1 DAY": lambda x, y: x // 1000 > y // 1000 - 86_400_000_000,
}


@pytest.mark.parametrize("condition", COMPARISONS)
def test_nanoseconds_are_compared_exactly(condition: str) -> None:
    """Also where DuckDB's intervals, of microseconds, are equal; what it computes has microseconds."""
    values = [-1001, -1000, -999, 0, 1, 999, 1000, 86_400_000_000_001]
    pairs = [(x, y) for x in values for y in values]
    numbers = pa.array([each for pair in pairs for each in pair], pa.int64())
    p = [at for at in range(len(pairs)) for _ in range(2)]
    table = pa.table({"p": p, "o": range(len(p)), "d": numbers.cast(pa.duration("ns"))})
    wanted = [at for at, (x, y) in enumerate(pairs) if COMPARISONS[condition](x, y)]
    for before in ("A.d", "FIRST(d)", "PREV(d)", "LAST(A.d)"):
        query = f"""SELECT p FROM t MATCH_RECOGNIZE (PARTITION BY p ORDER BY o MEASURES 1 AS m PATTERN (A B)
            DEFINE B AS {condition.format(x=before, y="d")})"""
        assert match_recognize(query, table)["p"].to_pylist() == wanted, before


@pytest.mark.parametrize(
    ("written", "nanoseconds"), [("0 DAYS", 0), ("1 MICROSECOND", 1000), ("'1 month 1 day'", None)]
)
def test_nanoseconds_and_lengths_that_are_written(written: str, nanoseconds: int | None) -> None:
    wanted = 31 * 86_400_000_000_000 if nanoseconds is None else nanoseconds
    numbers = pa.array([wanted - 1, wanted, wanted + 1, None], pa.int64())
    table = pa.table({"o": range(4), "d": numbers.cast(pa.duration("ns"))})
    for condition, rows in (("<", [0]), ("<=", [0, 1]), ("=", [1]), ("> ", [2])):
        query = f"""SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS f PATTERN (A)
            DEFINE A AS d {condition} INTERVAL {written})"""
        assert match_recognize(query, table)["f"].to_pylist() == rows
    for condition, count in (("> INTERVAL 400 YEARS", 0), ("< INTERVAL 400 YEARS", 3), ("> INTERVAL '-400' YEARS", 3)):
        query = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES 1 AS m PATTERN (A) DEFINE A AS d {condition})"
        assert match_recognize(query, table).num_rows == count


def test_running_aggregates_of_equal_intervals_are_those_of_the_rows_so_far() -> None:
    """DuckDB's windows count intervals apart that are equal and not the same; its groups do not."""
    parts = {"month": (1, 0, 0), "days": (0, 30, 0), "hours": (0, 0, 720 * 3600 * 10**9), "day": (0, 1, 0)}
    calls = ["histogram(d)", "list(DISTINCT d)", "mode(d)", "mode([d])", "histogram({'a': d})", "count(DISTINCT d)"]
    calls += ["list(DISTINCT [d])", "list(DISTINCT d) FILTER (i > 0)", "round(entropy(d), 9)", "list(d)", "median(d)"]
    measures = ", ".join(f"RUNNING {call} AS m{at}" for at, call in enumerate(calls) if not call.startswith("round"))
    measures += f", round(RUNNING entropy(d), 9) AS m{calls.index('round(entropy(d), 9)')}"
    shown = ", ".join(f"m{at}::VARCHAR" for at in range(len(calls)))
    query = f"SELECT {shown} FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES {measures} ALL ROWS PER MATCH PATTERN (A+))"
    with duckdb.connect() as connection:
        for names in [("month", "days"), ("day", "month", "month"), ("hours", "day", "month", "day", "days", "hours")]:
            intervals = pa.array([pa.MonthDayNano(parts[name]) for name in names], pa.month_day_nano_interval())
            rows = pa.table({"i": range(len(names)), "d": intervals})
            connection.register("t", rows)
            over = f"SELECT {', '.join(f'({call})::VARCHAR' for call in calls)} FROM (FROM t ORDER BY i LIMIT ?)"
            wanted = [connection.execute(over, [row + 1]).fetchall()[0] for row in range(len(names))]
            assert [tuple(row.values()) for row in match_recognize(query, rows).to_pylist()] == wanted
