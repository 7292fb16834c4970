"""rowpattern.sql.arrow.casting: columns in the types that they were said to have."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

import rowpattern
from rowpattern.sql.arrow.casting import as_type

DAY = dt.timedelta(days=1)


def intervals(*values: tuple[int, int, int] | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.month_day_nano_interval())])


def test_intervals_become_durations() -> None:
    values = intervals((0, 1, 0), None, (0, -2, 3_000), (0, 0, -1_000), (0, 100_000_000, 0))
    found = as_type(values.slice(1), pa.duration("us"), "d")
    wanted = [None, -2 * DAY + dt.timedelta(microseconds=3), dt.timedelta(microseconds=-1), 100_000_000 * DAY]
    assert found.to_pylist() == wanted
    assert as_type(intervals(), pa.duration("us"), "d").to_pylist() == []
    assert as_type(intervals((0, 0, 2_000_000_000)), pa.duration("s"), "d").type == pa.duration("s")


def test_what_is_no_duration() -> None:
    with pytest.raises(rowpattern.QueryError, match="a value of d is an interval with months"):
        as_type(intervals((1, 0, 0)), pa.duration("us"), "d")
    with pytest.raises(rowpattern.QueryError, match="longer than 106751990 days; write epoch"):
        as_type(intervals((0, 2_000_000_000, 0)), pa.duration("us"), "d")
    # NULL may have anything behind it.
    assert as_type(intervals(None), pa.duration("us"), "d").to_pylist() == [None]


def test_what_does_not_fit() -> None:
    with pytest.raises(rowpattern.QueryError, match=r"a value of n does not fit into int8.*n::DOUBLE"):
        as_type(pa.chunked_array([[1000]]), pa.int8(), "n")


def test_streams_of_durations() -> None:
    table = pa.table({"k": [1, 2, 1], "o": [2, 1, 1], "took": pa.array([DAY, None, DAY / 3], pa.duration("us"))})
    sql = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o
        MEASURES LAST(took) AS last, sum(o) AS total ALL ROWS PER MATCH PATTERN (A+))"""
    streamed = rowpattern.match_recognize(sql, table, stream=True).read_all()
    assert streamed == rowpattern.match_recognize(sql, table)
    assert streamed.schema.field("took").type == pa.duration("us")
