"""`rowpattern.continuous.restore`: what is the same query, what of it goes on, and what is refused."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import CheckpointError, ConfigurationError
from rowpattern.continuous_query.checkpoint import Checkpoint, open_checkpoint, write_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEMA = pa.schema({"k": pa.string(), "at": pa.int64(), "x": pa.int64()})
PAIRS = """
    SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY at MEASURES LAST(at) AS last
        PATTERN (A B) DEFINE A AS x = 1, B AS x = 2)"""
BETWEEN = PAIRS.replace("x = 1", "x = $low").replace("x = 2", "x = $high")
restore: Callable[..., Any] = rowpattern.continuous.restore
OTHERS: list[Any] = [[], 5, {}, None, True]
NO_DISTANCES: list[Any] = [[], True, -1, {"decimal": "x"}, {"timedelta": 1}]
BLOB = rowpattern.continuous(PAIRS, SCHEMA, lateness=2).checkpoint()


def _forged(name: str, value: Any, blob: bytes = BLOB) -> bytes:
    """Return a checkpoint in which an option is another, with the right digest."""
    stored = open_checkpoint(blob, most_bytes=1 << 30)
    options = {**stored.metadata["options"], name: value}
    tables = {each: stored.table(each, stored.schema(each)) for each in stored.names}
    return write_checkpoint(Checkpoint(stored.fingerprint, {**stored.metadata, "options": options}, tables))


@pytest.mark.parametrize("sql", [PAIRS.replace("x = 1", "unknown = 1"), "SELECT", PAIRS.replace("x = 1", "x = 3"), ""])
def test_another_query_is_told_before_it_is_looked_up(sql: str) -> None:
    with pytest.raises(CheckpointError, match="of another query, by its query"):
        restore(BLOB, sql)


def test_a_query_with_a_match_that_has_nowhere_to_skip_to_can_be_stored() -> None:
    """What became certain in other partitions behind that match is not given, and not found again."""
    sql = PAIRS.replace("PATTERN (A B)", "AFTER MATCH SKIP TO LAST B PATTERN (A B? C)")
    query = rowpattern.continuous(sql, SCHEMA)
    columns = [["q", "p", "p", "q", "q"], range(5), [1, 1, 3, 2, 3]]
    with pytest.raises(rowpattern.SkipError, match="no row of the match is mapped to it"):
        query.push(pa.table([pa.array(column) for column in columns], schema=SCHEMA))
    again = restore(query.checkpoint(), sql)
    assert again.state().partitions == query.state().partitions


@pytest.mark.parametrize("limit", ["x", float("nan"), [], -1, 0, True])
def test_a_limit_that_is_none_is_a_configuration_error(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"memory_limit_mb is .*; allowed is a number above 0"):
        restore(BLOB, PAIRS, memory_limit_mb=limit)


def test_any_large_limit_is_one() -> None:
    for limit in (float("inf"), 10**400):
        assert restore(BLOB, PAIRS, memory_limit_mb=limit).state().rows == 0
    with pytest.raises(CheckpointError, match="raise memory_limit_mb"):
        restore(BLOB, PAIRS, memory_limit_mb=1e-6)


def test_parameters_are_the_same_in_any_order_and_type_of_number() -> None:
    blob = rowpattern.continuous(BETWEEN, SCHEMA, parameters={"low": 1, "high": 2}).checkpoint()
    same: list[Mapping[str, Any]] = [{"high": 2, "low": 1}, {"low": np.int64(1), "high": 2}, {"$LOW": 1, "high": 2}]
    for parameters in same:
        restore(blob, f"{BETWEEN}\n", parameters=parameters)
    for other in ({"low": 1, "high": 3}, {"low": 1, "high": "2"}, {"low": True, "high": 2}, None):
        with pytest.raises(CheckpointError, match="by its parameters"):
            restore(blob, BETWEEN, parameters=other)


def test_the_order_of_variables_is_no_part_of_the_query() -> None:
    parts: dict[str, Any] = {"partition_by": "k", "order_by": ["at"], "pattern": "A+ B", "measures": {"last": "at"}}
    query = rowpattern.continuous(schema=SCHEMA, **parts, define={"A": "x = 1", "B": "x = 2"})
    query.push(pa.table([["a", "a"], [1, 2], [1, 1]], schema=SCHEMA))
    blob = query.checkpoint()
    parts |= {"partition_by": ["k"], "order_by": "at"}
    again = restore(blob, **parts, define={"B": "x = 2", "A": "x = 1"})
    assert again.push(pa.table([["a"], [3], [2]], schema=SCHEMA)).to_pylist() == [{"k": "a", "last": 3}]
    for changed in ({"A": "x = 2", "B": "x = 1"}, {"A": "x = 1"}):
        with pytest.raises(CheckpointError, match="by its query"):
            restore(blob, **parts, define=changed)


@pytest.mark.parametrize("kind", ["table", "batch", "pandas", "polars", "polars lazy"])
def test_the_kind_of_table_is_that_before(kind: str) -> None:
    table = pa.table([["a"], [1], [1]], schema=SCHEMA)
    given: Any = {
        "table": table,
        "batch": table.to_batches()[0],
        "pandas": table.to_pandas(),
        "polars": pl.from_arrow(table),
        "polars lazy": pl.LazyFrame(pl.from_arrow(table)),
    }[kind]
    query = rowpattern.continuous(PAIRS, SCHEMA, late="collect")
    query.push(given)
    again = restore(query.checkpoint(), PAIRS)
    assert type(again.late_rows) is type(given)
    assert type(again.advance(2)) is type(given)
    assert type(restore(again.checkpoint(), PAIRS).finish()) is type(given)


def test_the_kind_is_that_of_the_schema_where_no_rows_came() -> None:
    frame = pd.DataFrame({"k": ["a"], "at": [1], "x": [1]})
    assert type(restore(rowpattern.continuous(PAIRS, frame).checkpoint(), PAIRS).finish()) is pd.DataFrame


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *itertools.product(("late", "order", "prefer", "time_zone"), OTHERS),
        *((name, "other") for name in ("late", "order", "prefer", "lateness", "idle")),
        *itertools.product(("lateness", "idle"), NO_DISTANCES),
        ("order", "certain"),
        ("lateness", {"decimal": "NaN"}),
    ],
)
def test_options_that_somebody_has_changed_are_refused(name: str, value: Any) -> None:
    with pytest.raises(CheckpointError, match="options"):
        restore(_forged(name, value), PAIRS)


def test_the_checkpoint_that_is_changed_by_these_tests_is_one() -> None:
    assert restore(_forged("lateness", 3), PAIRS).explain().count("later than 3") == 1


def test_a_column_may_have_the_name_of_a_column_that_is_stored_beside_it() -> None:
    name = "rowpattern conditions"
    sql = PAIRS.replace("x = ", f'"{name}" = ')
    schema = pa.schema({"k": pa.string(), "at": pa.int64(), name: pa.int64()})
    query = rowpattern.continuous(sql, schema)
    query.push(pa.table([["a"], [1], [1]], schema=schema))
    again = restore(query.checkpoint(), sql)
    assert again.push(pa.table([["a"], [2], [2]], schema=schema)).to_pylist() == [{"k": "a", "last": 2}]


def test_a_query_that_was_made_takes_no_checkpoint_of_another() -> None:
    """As Spark's workers do it, which make the query from their own options."""
    other = rowpattern.continuous(PAIRS.replace("x = 1", "x = 3"), SCHEMA)
    with pytest.raises(CheckpointError, match="by its query"):
        other._restore(open_checkpoint(BLOB, most_bytes=1 << 30))
