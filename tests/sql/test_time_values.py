"""Times in queries: differences are durations, and expressions are computed in a time zone that is known.

What is right is told by DuckDB over the same values, or by pandas where DuckDB has no word of its own (time zones).
"""

from __future__ import annotations

import datetime as dt
import os
import random
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

from commands import run_python
from table_kinds import KINDS, SPRING, answered, clause, random_times, rows

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
NEW_YEAR = dt.datetime.fromisoformat("2024-01-01")


# A difference of timestamps is a duration.


def durations(table: pa.Table, name: str) -> list[dt.timedelta | None]:
    found = table.column(name).cast(pa.duration("us"))
    return [None if value is None else dt.timedelta(microseconds=value) for value in found.cast(pa.int64()).to_pylist()]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "duckdb"])
@pytest.mark.parametrize(
    "column", [pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("us", BERLIN)], ids=str
)
def test_differences_are_durations(column: pa.DataType, kind: str) -> None:
    times = [SPRING + dt.timedelta(minutes=each) for each in (0, 45, 200, 1500)]
    naive = [each if column.tz else each.replace(tzinfo=None) for each in times]
    table = pa.table({"i": [1, 2, 3, 4], "t": pa.array(naive).cast(column)})
    found = answered(clause("LAST(t) - FIRST(t) AS whole, max(t) - min(t) AS of_aggregates"), table, kind)
    assert [field.type for field in found.schema] == [pa.duration("us")] * 2
    assert durations(found, "whole") == durations(found, "of_aggregates") == [times[-1] - times[0]]
    shown = "ALL ROWS PER MATCH PATTERN (A+)"
    found = answered(clause("t - FIRST(t) AS running, FINAL LAST(t) - t AS final", shown), table, kind)
    assert durations(found, "running") == [each - times[0] for each in times]
    assert durations(found, "final") == [times[-1] - each for each in times]
    # Without rows the type is the same.
    nothing = answered(clause("LAST(t) - FIRST(t) AS d", "PATTERN (A) DEFINE A AS i > 9"), table, kind)
    assert nothing.schema.field("d").type == pa.duration("us")
    assert nothing.num_rows == 0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "duckdb"])
def test_differences_in_keys_and_around_the_clause(kind: str) -> None:
    times = [NEW_YEAR + dt.timedelta(hours=each) for each in (1, 1, 2, 3)]
    table = pa.table({"i": [1, 2, 3, 4], "t": times})
    keyed = answered(clause("count(*) AS n", keys="PARTITION BY t - TIMESTAMP '2024-01-01' ORDER BY i"), table, kind)
    hours = [dt.timedelta(hours=each) for each in (1, 2, 3)]
    assert durations(keyed, keyed.column_names[0]) == hours
    assert keyed.column("n").to_pylist() == [2, 1, 1]
    around = clause("FIRST(t) AS a, LAST(t) AS b").replace("*", "b - a AS d, [b - a] AS l", 1)
    found = answered(around, table, kind)
    assert durations(found, "d") == [dt.timedelta(hours=2)]
    assert found.column("l").to_pylist() == [[dt.timedelta(hours=2)]]


def test_the_types_of_durations_in_each_library() -> None:
    table = pa.table({"i": [1, 2], "t": [NEW_YEAR, NEW_YEAR + dt.timedelta(days=1)]})
    query = clause("LAST(t) - FIRST(t) AS d")
    assert match_recognize(query, table.to_pandas()).dtypes.to_dict() == {"d": np.dtype("timedelta64[us]")}
    assert match_recognize(query, pl.DataFrame(table)).schema == {"d": pl.Duration("us")}
    # DuckDB has one type for durations and intervals.
    assert [str(kind) for kind in match_recognize(query, duckdb.from_arrow(table)).types] == ["INTERVAL"]


def test_intervals_with_months() -> None:
    table = pa.table({"i": [1], "t": [NEW_YEAR + dt.timedelta(days=30)]})
    query = clause("INTERVAL 1 MONTH AS m, LAST(t) + INTERVAL 1 MONTH AS u")
    for kind in ("arrow", "pandas", "polars", "stream"):
        with pytest.raises(rowpattern.QueryError, match=r"a value of m is an interval with months.*date_part"):
            answered(query, table, kind)
    assert match_recognize(query, duckdb.from_arrow(table)).fetchall()[0][1] == NEW_YEAR + dt.timedelta(days=59)
    # A column of Arrow's own intervals is one of intervals, whatever is done with it.
    interval = pa.MonthDayNano([1, 2, 3000])
    table = pa.table({"i": [1], "d": pa.array([interval])})
    assert answered(clause("max(d) AS m, LAST(d) AS l"), table).to_pylist() == [{"m": interval, "l": interval}]


def test_durations_come_back() -> None:
    lengths = [dt.timedelta(days=1, microseconds=1), None, dt.timedelta(days=-3)]
    for unit in ("s", "ms", "us", "ns"):
        values = [None if each is None else each - each % dt.timedelta(seconds=1) for each in lengths]
        table = pa.table({"i": [1, 2, 3], "d": pa.array(values, pa.duration(unit))})
        found = answered(clause("FIRST(d) AS f, max(d) AS m, min(d) AS l"), table)
        assert found.schema.field("f").type == pa.duration(unit)
        assert found.to_pylist() == [{"f": values[0], "m": values[0], "l": values[2]}]


# Time zones.


def expected_by_pandas(times: list[dt.datetime | None], zone: str) -> dict[str, list[Any]]:
    series = pd.Series(pd.DatetimeIndex(times).tz_convert(zone))
    nothing = series.isna()

    def plain(values: Any) -> list[Any]:
        return [None if null else value for value, null in zip(values, nothing)]

    return {
        "hour(t)": plain(series.dt.hour),
        "t::DATE": plain(series.dt.date),
        "dayofmonth(t)": plain(series.dt.day),
        "t::TIMESTAMP": plain(series.dt.tz_localize(None).dt.to_pydatetime()),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, "Asia/Kathmandu", "UTC", "+05:30"])
def test_expressions_are_computed_in_the_columns_zone(zone: str, kind: str) -> None:
    if kind == "duckdb" or (zone.startswith("+") and kind in {"polars", "lazy"}):
        pytest.skip("a relation's timestamps are all of its connection's zone; Polars has no such zone")
    times = random_times(random.Random(1), 40)
    table = pa.table({"i": range(len(times)), "t": pa.array(times, pa.timestamp("us", zone))})
    expected = expected_by_pandas(times, zone)
    calls = ", ".join(f"{call} AS m{at}" for at, call in enumerate(expected))
    found = answered(clause(calls, "ALL ROWS PER MATCH PATTERN (A+)"), table, kind)
    for at, (call, values) in enumerate(expected.items()):
        assert found.column(f"m{at}").to_pylist() == values, call
    # Answers keep the zone.
    again = answered(clause("LAST(t) AS l, max(t) AS m, LAST(t) + INTERVAL 1 DAY AS d"), table, kind)
    assert {field.type.tz for field in again.schema} == {zone}
    # The same in conditions over rows and while matching, and in keys.
    at = next(at for at, each in enumerate(times) if each is not None)
    hour = expected["hour(t)"][at]
    for condition in (f"hour(t) = {hour}", f"hour(A.t) = {hour} AND CLASSIFIER() = 'A'"):
        kept = answered(clause("LAST(i) AS i", f"PATTERN (A) DEFINE A AS {condition}"), table, kind)
        assert kept.column("i").to_pylist() == [row for row, each in enumerate(expected["hour(t)"]) if each == hour]
    keyed = answered(clause("count(*) AS n", keys="PARTITION BY t::DATE ORDER BY i"), table, kind)
    days = expected["t::DATE"]
    assert dict(zip(*(column.to_pylist() for column in keyed.columns))) == {day: days.count(day) for day in days}


def test_texts_are_read_in_the_columns_zone() -> None:
    times = [SPRING + dt.timedelta(minutes=30 * each) for each in range(4)]
    table = pa.table({"i": [0, 1, 2, 3], "t": pa.array(times, pa.timestamp("us", BERLIN))})
    # 01:00 in UTC is 03:00 in Berlin.
    for condition in ("{} >= '2024-03-31 03:00'", "{} IN ('2024-03-31 03:00', '2024-03-31 03:30', '2024-03-31 04:00')"):
        for read in ("t", "LAST(A.t, 0)", "max(A.t)", "min(A.t)"):
            rest = f"PATTERN (A) DEFINE A AS {condition.format(read)} AND MATCH_NUMBER() > 0"
            assert rows(clause("LAST(i) AS i", rest), table) == [(1,), (2,), (3,)], read


def test_a_difference_is_the_time_between_instants() -> None:
    rng = random.Random(2)
    times = [each for each in random_times(rng, 40) if each is not None]
    table = pa.table({"i": range(len(times)), "t": pa.array(times, pa.timestamp("us", BERLIN))})
    measures = "t - PREV(t) AS d, epoch(t - PREV(t)) AS e, list(t - TIMESTAMPTZ '2024-03-31 00:00+00') AS l"
    found = answered(clause(measures, "ALL ROWS PER MATCH PATTERN (A+)"), table)
    between = [None, *(after - before for before, after in zip(times, times[1:]))]
    assert durations(found, "d") == between
    assert found.column("e").to_pylist() == [None if each is None else each.total_seconds() for each in between]
    midnight = dt.datetime(2024, 3, 31, tzinfo=dt.timezone.utc)
    assert found.column("l").to_pylist()[-1] == [each - midnight for each in times]
    # A condition over rows means the same as one that depends on the match.
    for condition in (
        "t - PREV(t) <= INTERVAL 1 DAY",
        "t <= PREV(t) + INTERVAL 1 DAY",
        "t - INTERVAL 1 MONTH <= PREV(t)",
    ):
        row_local = rows(
            clause("LAST(i) AS i", f"AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE B AS {condition}"), table
        )
        depends = condition.replace("PREV(t)", "A.t")
        assert row_local == rows(
            clause("LAST(i) AS i", f"AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE B AS {depends}"), table
        )


def two_zones() -> pa.Table:
    times = [SPRING, SPRING + dt.timedelta(hours=3)]
    kinds = {"a": pa.timestamp("us", BERLIN), "b": pa.timestamp("us", NEW_YORK)}
    return pa.table({"i": [1, 2], **{name: pa.array(times, kind) for name, kind in kinds.items()}})


@pytest.mark.parametrize(
    "measure",
    [
        "hour(LAST(a)) + hour(LAST(b))",
        "greatest(LAST(a), LAST(b))",
        "max(hour(a) + hour(b))",
        "LAST(a)::DATE = LAST(b)::DATE",
    ],
)
def test_columns_of_two_zones_need_one_by_name(measure: str) -> None:
    with pytest.raises(rowpattern.QueryError, match=r"measure m: it needs a time zone, .*time_zone='America/New_York'"):
        answered(clause(f"{measure} AS m"), two_zones())
    assert answered(clause(f"{measure} AS m"), two_zones(), time_zone=BERLIN).num_rows == 1
    for rest in ("PATTERN (A) DEFINE A AS hour(a) = hour(b)", "PATTERN (A B) DEFINE B AS hour(A.a) = hour(A.b)"):
        with pytest.raises(rowpattern.QueryError, match="time zone"):
            answered(clause("1 AS m", rest), two_zones())
    around = "SELECT m::DATE FROM t MATCH_RECOGNIZE (MEASURES LAST(a) AS m, LAST(b) AS n PATTERN (A))"
    with pytest.raises(rowpattern.QueryError, match="the query around MATCH_RECOGNIZE may need a time zone"):
        answered(around, two_zones())


def test_what_needs_no_zone_takes_columns_of_two() -> None:
    found = answered(
        clause("hour(LAST(a)) AS a, hour(LAST(b)) AS b, LAST(a) = LAST(b) AS e, LAST(a) - FIRST(b) AS d"), two_zones()
    )
    assert found.to_pylist() == [{"a": 5, "b": 23, "e": True, "d": dt.timedelta(hours=3)}]
    found = answered(
        "SELECT m, n FROM t MATCH_RECOGNIZE (MEASURES LAST(a) AS m, LAST(b) AS n PATTERN (A A)) WHERE m = n",
        two_zones(),
    )
    assert [field.type.tz for field in found.schema] == [BERLIN, NEW_YORK]


@pytest.mark.parametrize("kind", ["pandas", "polars", "stream", "isolated"])
def test_a_zone_that_is_named_is_that_of_all_expressions(kind: str) -> None:
    query = clause("LAST(a) AS a, hour(LAST(a)) AS h, hour(LAST(b)) AS g, date_trunc('day', LAST(b)) AS d")
    found = answered(query, two_zones(), kind, time_zone="Asia/Tokyo")
    assert found.select(["h", "g"]).to_pylist() == [{"h": 12, "g": 12}]
    assert found.schema.field("a").type.tz == BERLIN
    assert found.schema.field("d").type.tz == "Asia/Tokyo"
    explained = rowpattern.explain(query, two_zones(), time_zone="Asia/Tokyo", analyze=True)
    assert "hour" in str(explained)


@pytest.mark.parametrize(
    ("zone", "kind"),
    [
        ("Mars/Olympus", rowpattern.ConfigurationError),
        (3, rowpattern.ConfigurationError),
        ("", rowpattern.ConfigurationError),
    ],
)
def test_no_such_zone(zone: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="zone"):
        answered(clause("hour(LAST(a)) AS m"), two_zones(), time_zone=zone)


MACHINES_ZONE = f"""
import datetime as dt
import pyarrow as pa
from rowpattern import match_recognize

noon = dt.datetime(2024, 3, 31, 12)
table = pa.table({{"n": [noon], "a": pa.array([noon], pa.timestamp("us", "{BERLIN}"))}})
for query in (
    "SELECT * FROM t MATCH_RECOGNIZE (MEASURES LAST(n)::TIMESTAMPTZ AS z, LAST(a)::VARCHAR AS v PATTERN (A))",
    "SELECT m::DATE, m::VARCHAR FROM t MATCH_RECOGNIZE (MEASURES LAST(a) AS m PATTERN (A))",
    "SELECT m::TIMESTAMPTZ, hour(m::TIMESTAMPTZ) FROM t MATCH_RECOGNIZE (MEASURES LAST(n) AS m PATTERN (A))",
    "SELECT * FROM t MATCH_RECOGNIZE (MEASURES 1 AS m PATTERN (A) DEFINE A AS n::TIMESTAMPTZ = '2024-03-31 12:00')",
):
    for stream in (False, True):
        found = match_recognize(query, table, stream=stream)
        print((found.read_all() if stream else found).to_pylist())
"""


@pytest.mark.slow
def test_the_machines_zone_never_matters() -> None:
    printed = set()
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        given = {**os.environ, "TZ": zone}
        done = run_python("-c", MACHINES_ZONE, env=given)
        assert done.returncode == 0, done.stderr
        printed.add(done.stdout)
    (text,) = printed
    assert "datetime.date(2024, 3, 31)" in text
    assert "14:00:00+02" in text
    assert text.count("{'m': 1}") == 2
