"""What the tests of Spark, Spark Connect and Dask share: keys of all types, random queries, answers to compare."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import os
import random
from typing import Any

import pyarrow as pa

import query_reference
import reference

LONG = bool(os.environ.get("ROWPATTERN_LONG"))
FIRST_SEED = int(os.environ.get("ROWPATTERN_SEED", "0"))
# The zone of Spark's sessions: neither UTC nor the machine's.
ZONE = "America/New_York"

UTC = dt.timezone.utc
DAY = dt.timedelta(days=1)
# By the name of the type: Arrow's type and different values of it, in the values' own order. NaN and -0.0 are added.
KEYS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "boolean": (pa.bool_(), [False, True]),
    "byte": (pa.int8(), [-128, 0, 127]),
    "integer": (pa.int32(), [-5, 0, 7]),
    "long": (pa.int64(), [-(2**60), 3, 2**60 + 1]),
    "float": (pa.float32(), [-1.5, 0.0, -0.0, math.nan]),
    "double": (pa.float64(), [-1.5, 0.0, -0.0, math.nan, math.inf]),
    "decimal": (pa.decimal128(12, 2), [decimal.Decimal("-1.50"), decimal.Decimal("0.00"), decimal.Decimal("7.25")]),
    "string": (pa.string(), ["", "a", "ä b", "z'\""]),
    "binary": (pa.binary(), [b"", b"a\0", b"\xff"]),
    "date": (pa.date32(), [dt.date(1969, 12, 31), dt.date(2024, 2, 29)]),
    "timestamp": (
        pa.timestamp("us", ZONE),
        # Twice the same hour of the clock.
        [dt.datetime(2024, 11, 3, hour, 30, tzinfo=UTC) for hour in (5, 6)],
    ),
    "timestamp_ntz": (
        pa.timestamp("us"),
        [dt.datetime(1960, 1, 1), dt.datetime(2024, 3, 10, 2, 30)],  # noqa: DTZ001 - naive
    ),
    "interval": (pa.duration("us"), [-DAY, DAY / 3]),
}
# What query_reference's tables have, and columns that are only passed on, with names that need care.
REST = {
    "a.b": "double",
    "back`tick": "timestamp_ntz",
    'größe "x"': "decimal",
    "SELECT": "timestamp",
    "d": "interval",
    "b": "binary",
}


def key_values(rng: random.Random, kind: str, count: int) -> pa.Array:
    """Return random values of a type, some of them NULL."""
    arrow, values = KEYS[kind]
    return pa.array([None if rng.random() < 0.1 else rng.choice(values) for _ in range(count)], arrow)


def random_case(seed: int, kinds: list[str]) -> tuple[str, pa.Table]:
    """Make up a query with PARTITION BY and a table for it, with keys and other columns of these types."""
    rng = random.Random(seed)
    query = query_reference.random_query(rng, dependent=rng.random() < 0.5)
    query.partition = True
    rows = [row for _ in range(rng.choice([1, 1, 3])) for row in query_reference.random_table(rng)]
    rng.shuffle(rows)
    count = len(rows)
    columns: dict[str, pa.Array] = {
        "p": key_values(rng, rng.choice(kinds), count),
        # Different for all rows: those that are equal in ORDER BY come in any order.
        "o": pa.array(rng.sample(range(-count, count + 1), count), rng.choice([pa.int32(), pa.int64()])),
        "x": pa.array([row["x"] for row in rows], rng.choice([pa.int16(), pa.int32(), pa.int64()])),
        "y": pa.array([row["y"] for row in rows], pa.float64()),
        "s": pa.array([row["s"] for row in rows], pa.string()),
        "z": pa.array([row["z"] for row in rows], pa.int64()),
    }
    for name, kind in REST.items():
        if kind in kinds:
            columns[name] = key_values(rng, kind, count)
    return query_reference.query_text(query), pa.table(columns)


def is_decidable(sql: str) -> bool:
    """Say whether a query's pattern is within limits."""
    import rowpattern
    from rowpattern.sql.execute.query import parsed_query

    try:
        rowpattern.compile(parsed_query(sql).clauses[-1].pattern)
    except rowpattern.PatternTooLargeError:
        return False
    return True


def comparable(value: Any) -> Any:
    """Return a value such that equal ones, and only those, are equal and have an order: NaN is one, zero too."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else f"{value + 0.0:.9g}"
    if isinstance(value, (list, tuple)):
        return str([comparable(each) for each in value])
    if isinstance(value, dt.datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if value.__class__.__name__ == "MonthDayNano":
        return str(value.days * DAY + dt.timedelta(microseconds=value.nanoseconds // 1000))
    return str(value)


def in_some_order(table: pa.Table) -> list[tuple[Any, ...]]:
    """Return rows to compare with those of an answer that comes in another order."""
    return sorted(tuple(map(comparable, row)) for row in zip(*(column.to_pylist() for column in table.columns)))


__all__ = [
    "FIRST_SEED",
    "KEYS",
    "LONG",
    "ZONE",
    "in_some_order",
    "is_decidable",
    "key_values",
    "random_case",
    "reference",
]
