"""Random queries over random tables of all types: Spark, Spark Connect and Dask give what one machine gives.

40 of each in a test run, and 20 of Spark Connect, whose tasks are those of Spark; ROWPATTERN_LONG=1 asks 500.
ROWPATTERN_SEED sets the first seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask
import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import dask as rowpattern_dask
from rowpattern import spark as rowpattern_spark

from distributed_cases import FIRST_SEED, KEYS, LONG, comparable, in_some_order, is_decidable, random_case
from spark_sessions import classic_session, connect_session, spark_frame

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.filterwarnings("ignore")

CASES = 500 if LONG else 40
CHUNKS = 4
# A frame of pandas has no durations as exact as its own, nor NULL apart from NaN.
PANDAS_KEYS = [kind for kind in KEYS if kind not in {"float", "double", "interval"}]


def local_answer(sql: str, table: Any) -> Any:
    """Return the answer, or the kind of error."""
    try:
        return rowpattern.match_recognize(sql, table)
    except rowpattern.RowPatternError as error:
        return type(error)


def check_spark(session: Any, seed: int) -> None:
    sql, table = random_case(seed, list(KEYS))
    if not is_decidable(sql):
        return
    frame = spark_frame(session, table).repartition(3)
    wanted = local_answer(sql, table)
    if isinstance(wanted, type):
        with pytest.raises(Exception, match=wanted.__name__):
            rowpattern_spark.match_recognize(sql, frame).collect()
        return
    answer = rowpattern_spark.match_recognize(sql, frame)
    try:
        found = answer.toArrow()
    except Exception as error:
        # On one machine the type of a sum of whole numbers is what its values need; here it is said before.
        if "does not fit into int64" not in str(error):
            raise
        assert any(pa.types.is_decimal(field.type) for field in wanted.schema), f"seed {seed}"
        return
    assert found.column_names == wanted.column_names, f"seed {seed}"
    assert in_some_order(found) == in_some_order(wanted), f"seed {seed}\n{sql}\n{table.to_pylist()}"


def check_dask(seed: int) -> None:
    sql, table = random_case(seed, PANDAS_KEYS)
    if not is_decidable(sql):
        return
    # As pandas holds Arrow's columns, so that types are the same there and here.
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    wanted = local_answer(sql, frame)
    lazy = dd.from_pandas(frame, npartitions=1 + seed % 3)
    with dask.config.set(scheduler="synchronous"):
        if isinstance(wanted, type):
            with pytest.raises(wanted):
                rowpattern_dask.match_recognize(sql, lazy).compute()
            return
        answer = rowpattern_dask.match_recognize(sql, lazy)
        found = answer.compute()
    assert list(found.columns) == list(wanted.columns), f"seed {seed}"
    assert list(found.dtypes) == list(answer.dtypes), f"seed {seed}"
    assert rows_of(found) == rows_of(wanted), f"seed {seed}\n{sql}\n{table.to_pylist()}"


def rows_of(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Return rows to compare, with NULL as pandas' one for all dtypes and numbers without theirs."""

    def plain(value: Any) -> str:
        if not isinstance(value, (list, tuple)) and not hasattr(value, "__len__") and pd.isna(value):
            return "None"
        if hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, (bool, str, bytes)) or value is None:
            return str(value)
        if isinstance(value, list):
            return str([plain(each) for each in value])
        return str(comparable(float(value) if isinstance(value, int) and abs(value) < 2**53 else value))

    return sorted(tuple(map(plain, row)) for row in zip(*(frame.iloc[:, at] for at in range(frame.shape[1]))))


def seeds(chunk: int) -> range:
    return range(FIRST_SEED + chunk, FIRST_SEED + CASES, CHUNKS)


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("session", [classic_session, connect_session], ids=["spark", "connect"])
def test_spark(chunk: int, session: Callable[[], Any]) -> None:
    step = 2 if session is connect_session and not LONG else 1
    for seed in seeds(chunk)[::step]:
        check_spark(session(), seed)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_dask(chunk: int) -> None:
    for seed in seeds(chunk):
        check_dask(seed)
