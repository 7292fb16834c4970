"""What values are at the edges of a query: what comes in and goes out, and names (V1 to V17, where they are mended).

What is right is told by DuckDB over the same values, or by pandas where DuckDB has no word of its own (time zones).
"""

from __future__ import annotations

import datetime as dt
import decimal
import os
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

from commands import run_python

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
# Half an hour before clocks go forward in Berlin, and before they go back.
SPRING = dt.datetime(2024, 3, 31, 0, 30, tzinfo=dt.timezone.utc)
AUTUMN = dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.timezone.utc)
NEW_YEAR = dt.datetime.fromisoformat("2024-01-01")
LABELS = ["low", "mid", "high"]
KINDS = ["arrow", "pandas", "polars", "lazy", "reader", "duckdb", "stream", "isolated"]


def clause(measures: str, rest: str = "PATTERN (A+)", keys: str = "ORDER BY i") -> str:
    return f"SELECT * FROM t MATCH_RECOGNIZE ({keys} MEASURES {measures} {rest})"


def as_kind(table: pa.Table, kind: str) -> Any:
    if kind == "pandas":
        return table.to_pandas()
    if kind in {"polars", "lazy"}:
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        for name in table.column_names:
            if pa.types.is_dictionary(table.schema.field(name).type) and table.schema.field(name).type.ordered:
                labels = table.column(name).chunk(0).dictionary.to_pylist()
                frame = frame.with_columns(pl.col(name).cast(pl.Enum(labels)))
        return frame.lazy() if kind == "lazy" else frame
    if kind == "reader":
        return table.to_reader()
    if kind == "duckdb":
        kinds = {
            name: "ENUM('low', 'mid', 'high')"
            for name in table.column_names
            if pa.types.is_dictionary(table.schema.field(name).type)
        }
        relation = duckdb.connect().from_arrow(table)
        shown = [f"{name}::{kinds[name]} AS {name}" if name in kinds else name for name in table.column_names]
        return relation.project(", ".join(shown))
    return table


def answered(query: str, table: Any, kind: str = "arrow", **options: Any) -> pa.Table:
    """Answer a query over a table of a kind; the answer as an Arrow table."""
    given = as_kind(table, kind) if isinstance(table, pa.Table) else table
    options |= {"stream": True} if kind == "stream" else {"isolation": "process"} if kind == "isolated" else {}
    found = match_recognize(query, given, **options)
    if isinstance(found, pd.DataFrame):
        return pa.Table.from_pandas(found, preserve_index=False)
    if isinstance(found, pl.LazyFrame):
        found = found.collect()
    if isinstance(found, pl.DataFrame):
        return found.to_arrow()
    if isinstance(found, pa.Table):
        return found
    return found.read_all() if isinstance(found, pa.RecordBatchReader) else found.to_arrow_table()


def rows(query: str, table: Any, kind: str = "arrow", **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in answered(query, table, kind, **options).to_pylist()]


def random_times(rng: random.Random, count: int) -> list[dt.datetime | None]:
    """Instants around changes of clocks, at ends of months, in leap years and far away, and NULL."""
    begins = [SPRING, AUTUMN, dt.datetime(2024, 2, 28, 23, tzinfo=dt.timezone.utc)]
    begins += [dt.datetime(1901, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.timezone.utc)]
    begins += [dt.datetime(2200, 1, 31, tzinfo=dt.timezone.utc)]
    return [
        None
        if rng.random() < 0.1
        else rng.choice(begins) + dt.timedelta(minutes=rng.randrange(-3000, 3000), microseconds=rng.randrange(3))
        for _ in range(count)
    ]


# V4: a difference of timestamps is a duration.


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


# V5: time zones.


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
        ("Mars/Olympus", rowpattern.UnsupportedQueryError),
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


# V6: ordered categories.


def categories(values: list[str | None], index: pa.DataType | None = None) -> pa.Array:
    places = pa.array([None if each is None else LABELS.index(each) for each in values], index or pa.int8())
    return pa.DictionaryArray.from_arrays(places, pa.array(LABELS), ordered=True)


@pytest.mark.parametrize("kind", KINDS)
def test_categories_are_ordered_by_rank(kind: str) -> None:
    if kind == "reader":
        kind = "arrow"
    rng = random.Random(3)
    values = [rng.choice([*LABELS, None]) for _ in range(30)]
    table = pa.table({"i": range(30), "g": [each // 10 for each in range(30)], "sev": categories(values)})
    rank = [None if each is None else LABELS.index(each) for each in values]
    for condition in ("sev > PREV(sev)", "sev > A.sev", "sev > LAST(A.sev)", "max(B.sev) > A.sev"):
        found = rows(
            clause("LAST(i) AS i", f"AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE B AS {condition}"), table, kind
        )
        pairs = [(before, after) for before, after in zip(rank, rank[1:])]
        wanted = [
            at
            for at, (before, after) in enumerate(pairs, 1)
            if before is not None and after is not None and after > before
        ]
        assert [row[0] for row in found] == wanted, condition
    for condition in (
        "sev > 'low'",
        "A.sev > 'low' AND A.i >= 0",
        "sev BETWEEN 'mid' AND 'high'",
        "sev IN ('mid', 'high', 'no')",
    ):
        found = rows(clause("LAST(i) AS i", f"PATTERN (A) DEFINE A AS {condition}"), table, kind)
        assert [row[0] for row in found] == [at for at, each in enumerate(rank) if each], condition
    found = answered(
        clause("max(sev) AS a, min(sev) AS b, LAST(sev) AS l", keys="PARTITION BY g ORDER BY i"), table, kind
    )
    groups = [[each for each in rank[first : first + 10] if each is not None] for first in (0, 10, 20)]
    assert found.column("a").to_pylist() == [LABELS[max(each)] for each in groups]
    assert found.column("b").to_pylist() == [LABELS[min(each)] for each in groups]
    ordered = rows(clause("LAST(i) AS i", "PATTERN (A)", "ORDER BY sev DESC, i"), table, kind)
    by_rank = sorted(range(30), key=lambda at: (rank[at] is None, -(rank[at] or 0), at))
    assert [row[0] for row in ordered] == by_rank
    keyed = answered(clause("count(*) AS n", keys="PARTITION BY sev ORDER BY i"), table, kind)
    assert keyed.column("sev").to_pylist() == [*LABELS, None]
    computed = rows(clause("count(*) AS n", keys="PARTITION BY sev > 'low' ORDER BY i"), table, kind)
    assert computed == [(False, rank.count(0)), (True, rank.count(1) + rank.count(2)), (None, rank.count(None))]


def test_the_types_of_categories_come_back() -> None:
    table = pa.table({"i": [1, 2, 3], "sev": categories(["low", "high", None])})
    query = clause("max(sev) AS m, LAST(sev, 1) AS l")
    dtype = pd.CategoricalDtype(LABELS, ordered=True)
    assert match_recognize(query, table.to_pandas()).dtypes.to_dict() == {"m": dtype, "l": dtype}
    assert match_recognize(query, as_kind(table, "polars")).schema == {"m": pl.Enum(LABELS), "l": pl.Enum(LABELS)}
    relation = match_recognize(query, as_kind(table, "duckdb"))
    assert [str(kind) for kind in relation.types] == ["ENUM('low', 'mid', 'high')"] * 2
    assert all(field.type.ordered for field in match_recognize(query, table).schema)


def test_categories_that_are_no_order() -> None:
    plain = pa.array(["low", "mid", "high"]).dictionary_encode()
    table = pa.table({"i": [1, 2, 3], "sev": plain})
    # Texts: low, mid, high are in no order of the alphabet.
    assert rows(clause("max(sev) AS m"), table) == [("mid",)]
    numbers = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array([30, 10, 20]), ordered=True)
    with pytest.raises(rowpattern.QueryError, match="column sev has ordered categories of the type int64 that are not"):
        rows(clause("max(sev) AS m"), pa.table({"i": [1, 2, 3], "sev": numbers}))
    cut = pd.DataFrame({"i": range(4), "sev": pd.cut([1, 2, 3, 4], 2)})
    assert match_recognize(clause("count(*) AS n"), cut).n.tolist() == [4]
    with pytest.raises(rowpattern.QueryError, match="column sev has ordered categories"):
        match_recognize(clause("max(sev) AS m"), cut)
    ascending = pd.DataFrame({"i": range(3), "sev": pd.Categorical([3, 1, 2], ordered=True)})
    assert match_recognize(clause("max(sev) AS m"), ascending).m.tolist() == [3]
    with pytest.raises(rowpattern.QueryError, match=r"none of the categories|Could not convert string"):
        rows(
            clause("1 AS m", "PATTERN (A B) DEFINE B AS A.sev < 'nosuch'"),
            pa.table({"i": [1, 2], "sev": categories(["low", "mid"])}),
        )
    reader = pa.table({"i": [1], "sev": categories(["low"])}).to_reader()
    with pytest.raises(rowpattern.QueryError, match="ordered categories, which are not known before"):
        match_recognize(clause("max(sev) AS m"), reader, stream=True).read_all()


# V7: integers with NULL, from pandas.


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


# V8, V15, V17: nothing is dropped.


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


# V9: one scope for qualified names.


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


# V10: words.


@pytest.mark.parametrize(
    "word", ["range", "rows", "drop", "key", "at", "left", "glob", "match", "first_value", "window_"]
)
def test_words_are_names(word: str) -> None:
    table = pa.table({"i": [1, 2], word: [2, 1]})
    query = clause(f"LAST({word}) AS m", f"PATTERN (U D+) DEFINE D AS {word} < PREV({word})")
    assert rows(query, table) == [(1,)]
    variable = clause(f"LAST({word}.i) AS m", f"PATTERN ({word}+) DEFINE {word} AS {word}.i < 3")
    assert rows(variable, table) == [(2,)]


# V12: columns of NULLs alone.


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


# V13: UUIDs, extension types, wide integers, objects.


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


# V14: the class of frame that was given.


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


# V1, V2, V16 and others: what a condition that depends on the match makes of values, as the same one over rows.


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
