"""Times that Python's datetime does not hold: states, metrics and errors of a query have them as texts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import LateRowError, QueryLimitError
from rowpattern.continuous_query.figures import ContinuousFigures, continuous_figures, watch
from rowpattern.observe.metrics import prometheus

SQL = """
    SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY k ORDER BY at MEASURES A.x AS a, LAST(x) AS b
        PATTERN (A B+) DEFINE A AS x = 1, B AS x = 2)"""
LAST_SECOND = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.timezone.utc)
# In the year 318857.
FAR = 10**13


def _zoned(*rows: tuple[str, dt.datetime, int]) -> pa.Table:
    schema = pa.schema({"k": pa.string(), "at": pa.timestamp("us", "Europe/Rome"), "x": pa.int64()})
    return pa.table([list(column) for column in zip(*rows)] or [[], [], []], schema=schema)


def _far(kind: pa.DataType, *rows: tuple[str, int, int]) -> pa.Table:
    keys, times, values = zip(*rows) if rows else ((), (), ())
    return pa.table(
        {
            "k": pa.array(keys, pa.string()),
            "at": pa.array(times, pa.int64()).cast(kind),
            "x": pa.array(values, pa.int64()),
        }
    )


@pytest.mark.parametrize("by", ["rows", "advance"])
def test_a_zone_whose_clock_is_past_the_last_year(by: str) -> None:
    query = rowpattern.continuous(SQL, _zoned().schema, lateness=None if by == "rows" else "1s")
    query.push(_zoned(("a", LAST_SECOND, 1)) if by == "rows" else _zoned(("a", LAST_SECOND - dt.timedelta(1), 1)))
    if by == "advance":
        query.advance(LAST_SECOND)
    state = query.state()
    assert state.watermark == "10000-01-01 00:59:59+01:00"
    assert state.oldest is not None
    assert (state.oldest.begun == state.watermark) == (by == "rows")
    assert continuous_figures().queries > 0
    assert b"rowpattern_continuous_lag_seconds" in prometheus.exposition()[1]
    assert query.push(_zoned(("a", LAST_SECOND, 2))).num_rows == 0
    assert query.finish().to_pylist() == [{"k": "a", "a": 1, "b": 2}]


def test_years_that_python_has_not_in_states_and_errors() -> None:
    schema = _far(pa.timestamp("s")).schema
    query = rowpattern.continuous(SQL, schema, memory_limit_mb=0.001)
    query.push(_far(pa.timestamp("s"), ("a", FAR, 1)))
    assert query.state().watermark == query.state().oldest.begun == "318857-05-20 17:46:40"  # type: ignore[union-attr]
    assert continuous_figures().queries > 0
    with pytest.raises(LateRowError, match="at = 318857-05-20 17:46:39"):
        query.push(_far(pa.timestamp("s"), ("a", FAR - 1, 1)))
    with pytest.raises(QueryLimitError, match="began at at = 318857-05-20 17:46:40"):
        query.push(_far(pa.timestamp("s"), *[("a", FAR, 2)] * 200))


def test_a_partition_with_such_a_key_expires_and_its_match_is_given() -> None:
    schema = pa.schema({"k": pa.timestamp("s"), "at": pa.int64(), "x": pa.int64()})

    def rows(keys: list[int], times: list[int], values: list[int]) -> pa.Table:
        return pa.table([pa.array(keys, pa.int64()).cast(pa.timestamp("s")), times, values], schema=schema)

    query = rowpattern.continuous(SQL, schema, idle=5)
    query.push(rows([FAR, FAR], [1, 2], [1, 2]))
    found = query.push(rows([5], [100], [0]))
    assert found.select(["a", "b"]).to_pylist() == [{"a": 1, "b": 2}]
    assert query.expired == [{"k": "318857-05-20 17:46:40"}]


class _Unreadable:
    def __init__(self) -> None:
        self.fails = False
        watch(self)

    def _figures(self) -> ContinuousFigures:
        if self.fails:
            raise RuntimeError("cannot be read")
        return ContinuousFigures(rows_in=3, rows=2)


def test_figures_that_cannot_be_read_are_those_of_before() -> None:
    query: Any = _Unreadable()
    before = continuous_figures()
    query.fails = True
    after = continuous_figures()
    assert (after.queries, after.rows_in, after.rows) == (before.queries, before.rows_in, before.rows)
