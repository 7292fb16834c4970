"""Limits and options that are none: the same error from each function that takes them."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from typing import Any, Callable

import numpy as np
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import ConfigurationError
from rowpattern.distributed.plan import Limits

TABLE = pa.table({"x": [1, 2, 3], "at": pa.array([1, 2, 3], pa.timestamp("us", "UTC"))})
CONDITION = "hour(at) >= 0"
SQL = f"SELECT n FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES count(*) AS n PATTERN (A+) DEFINE A AS {CONDITION})"
PARTS: Any = {"pattern": "A+", "order_by": "x", "define": {"A": CONDITION}, "measures": {"n": "count(*)"}}
Way = Callable[..., Any]
# Untyped, as what is given is of other types.
match_recognize: Way = rowpattern.match_recognize
continuous: Way = rowpattern.continuous
QUERIES: dict[str, Way] = {
    "match_recognize": lambda **given: match_recognize(SQL, TABLE, **given),
    "stream": lambda **given: match_recognize(SQL, TABLE, stream=True, **given).read_all(),
    "process": lambda **given: match_recognize(SQL, TABLE, isolation="process", **given),
    "recognize": lambda **given: rowpattern.recognize(TABLE, **PARTS, **given),
    "async": lambda **given: asyncio.run(rowpattern.match_recognize_async(SQL, TABLE, **given)),
    "recognize_async": lambda **given: asyncio.run(rowpattern.recognize_async(TABLE, **PARTS, **given)),
}
OTHERS: dict[str, Way] = {
    "continuous": lambda **given: continuous(SQL, TABLE.schema, **given).push(TABLE),
    "explain": lambda **given: rowpattern.explain(SQL, TABLE, **given),
}
NO_THREADS = ["4", "x", True, 2.0, 2.5, 0, -1, 1025, 10**30, math.nan, Decimal(2), []]
NO_LIMIT = ["100", "x", True, -1, math.nan, Decimal("nan"), Decimal("sNaN"), [], b"1"]


@pytest.mark.parametrize("way", [*QUERIES, *OTHERS])
def test_threads(way: str) -> None:
    ask = (QUERIES | OTHERS)[way]
    for wrong in NO_THREADS:
        with pytest.raises(
            ConfigurationError, match=r"threads is .*; allowed is a whole number of at least 1 and at most 1024"
        ):
            ask(threads=wrong)
    for right in (1, np.int64(2), np.uint8(3)):
        ask(threads=right)


@pytest.mark.parametrize("way", [*QUERIES, *OTHERS])
@pytest.mark.parametrize("name", ["memory_limit_mb", "timeout_seconds"])
def test_limits(way: str, name: str) -> None:
    if (way, name) == ("continuous", "timeout_seconds"):
        return
    ask = (QUERIES | OTHERS)[way]
    for wrong in NO_LIMIT:
        with pytest.raises(ConfigurationError, match=rf"{name} is .*; allowed is a number above 0"):
            ask(**{name: wrong})
    for right in (1000, np.float32(1000), Decimal(1000), math.inf):
        ask(**{name: right})


def test_limits_of_tasks() -> None:
    for wrong in NO_LIMIT:
        with pytest.raises(ConfigurationError, match="memory_limit_mb is "):
            Limits(memory_limit_mb=wrong).context  # noqa: B018 - it reads them


@pytest.mark.parametrize("way", QUERIES)
def test_choices(way: str) -> None:
    ask = QUERIES[way]
    for wrong in ("yes", 1, 0, [], 5.5):
        with pytest.raises(ConfigurationError, match=r"progress is .*; allowed are True, False, None and a function"):
            ask(progress=wrong)
    for wrong in ("x", None, 1, []):
        with pytest.raises(ConfigurationError, match=r'prefer is .*; allowed are "first" and "longest"'):
            ask(prefer=wrong)
    with pytest.raises(TypeError, match=r"cancel is 5; allowed are a rowpattern\.CancelToken and None"):
        ask(cancel=5)
    for wrong in ("Berlin", "Mars/Base", "x'y"):
        with pytest.raises(ConfigurationError, match=r"time_zone is .*, which DuckDB does not know; name a region, as"):
            ask(time_zone=wrong)


def test_streams_and_zones_of_columns() -> None:
    for wrong in ("yes", 1, 0, [], ""):
        with pytest.raises(ConfigurationError, match=r'stream is .*; allowed are True, False and "in order"'):
            match_recognize(SQL, TABLE, stream=wrong)
    zoned = pa.table({"x": [1], "at": pa.array([1], pa.timestamp("us", "Mars/Base"))})
    with pytest.raises(rowpattern.QueryError, match="DuckDB knows no time zone Mars/Base"):
        match_recognize(SQL, zoned)
