"""How long other threads wait for the interpreter while something works, and columns that are read in many ways."""

from __future__ import annotations

import datetime as dt
import gc
import threading
import time
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["COLUMNS", "LABELS", "Holds", "holds"]


class Holds(NamedTuple):
    """What another thread saw while a call went on, in seconds: the longest time without the interpreter, and all.

    Where the process waits for a processor, which it does on a loaded machine, no time passes: both are at most the
    time that all threads of the process have computed.
    """

    longest: float
    all: float


def holds(call: Callable[[], object], enough: Callable[[Holds], bool] = lambda _: False, tries: int = 5) -> Holds:
    """Return the least of some tries, or the first that is enough: a thread may wait for the processor too."""
    least = _seen(call)
    for _ in range(tries - 1):
        if enough(least):
            break
        least = min(least, _seen(call), key=lambda seen: seen.longest)
    return least


class _Now:
    """A moment on the clock and in the time that the process has computed."""

    def __init__(self) -> None:
        self.clock = time.perf_counter()
        self.computed = time.process_time()

    def since(self, earlier: _Now) -> float:
        return min(self.clock - earlier.clock, self.computed - earlier.computed)


def _seen(call: Callable[[], object]) -> Holds:
    ended, watches, gaps = threading.Event(), threading.Event(), []

    def watch() -> None:
        last = _Now()
        watches.set()
        while not ended.is_set():
            time.sleep(0.001)
            now = _Now()
            gaps.append(now.since(last))
            last = now

    watching = threading.Thread(target=watch)
    watching.start()
    watches.wait()
    # Python's collector goes through all objects of the process, which takes as long as there are many.
    gc.disable()
    begun = _Now()
    try:
        # An answer of Python's objects takes as long to free as there are many; that is its caller's affair.
        answer = call()
    finally:
        whole = _Now().since(begun)
        ended.set()
        watching.join()
        # Now it goes through all objects that were made meanwhile.
        gc.enable()
    del answer
    return Holds(max(gaps), whole)


_WORDS = [f"label {number}" for number in range(7)]


def _objects(values: list[Any]) -> Any:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _of_pandas(make: Callable[[int], Any]) -> Callable[[int], Any]:
    return lambda rows: pd.DataFrame({"i": np.arange(rows), "x": make(rows)})


def _of_objects(make: Callable[[int], Any]) -> Callable[[int], Any]:
    return _of_pandas(lambda rows: pd.Series(_objects([make(row) for row in range(rows)]), dtype=object))


def _of_arrow(make: Callable[[int], Any], kind: pa.DataType | None = None) -> Callable[[int], Any]:
    return lambda rows: pa.table({"i": np.arange(rows), "x": pa.array([make(row) for row in range(rows)], kind)})


def _of_polars(make: Callable[[int], Any]) -> Callable[[int], Any]:
    return lambda rows: pl.DataFrame({"i": np.arange(rows), "x": make(rows)})


_BEGIN = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - without a zone

#: Tables of so many rows with the columns `i` and `x`, by what is in `x`.
COLUMNS: dict[str, Callable[[int], Any]] = {
    "pandas, objects: few texts": _of_objects(lambda row: _WORDS[row % 7]),
    "pandas, objects: texts that differ": _of_objects(lambda row: f"text {row}"),
    "pandas, objects: texts and None": _of_objects(lambda row: None if row % 5 == 0 else _WORDS[row % 7]),
    "pandas, objects: decimals": _of_objects(lambda row: Decimal(row) / 4),
    "pandas, objects: dates": _of_objects(lambda row: _BEGIN.date() + dt.timedelta(days=row % 1000)),
    "pandas, objects: times": _of_objects(lambda row: _BEGIN + dt.timedelta(seconds=row)),
    "pandas, objects: durations": _of_objects(lambda row: dt.timedelta(seconds=row)),
    "pandas, objects: integers": _of_objects(lambda row: row),
    "pandas, objects: UUIDs": _of_objects(lambda row: uuid.UUID(int=row)),
    "pandas, objects: UUIDs behind NULLs": _of_objects(lambda row: None if row < 200_000 else uuid.UUID(int=row)),
    "pandas, objects: whole numbers and doubles": _of_objects(lambda row: row if row < 200_000 else row + 0.5),
    "pandas, objects: lists": _of_objects(lambda row: [row, row + 1]),
    "pandas, objects: dicts": _of_objects(lambda row: {"a": row}),
    "pandas, objects: dicts of other keys": _of_objects(lambda row: {"a": row} if row % 3 else {"a": row, "b": [row]}),
    "pandas, objects: bytes": _of_objects(lambda row: b"%d" % row),
    "pandas, str": _of_pandas(lambda rows: pd.Series([_WORDS[row % 7] for row in range(rows)], dtype="str")),
    "pandas, string of Python": _of_pandas(
        lambda rows: pd.Series([f"text {row}" for row in range(rows)], dtype=pd.StringDtype("python"))
    ),
    "pandas, Int64": _of_pandas(lambda rows: pd.Series(np.arange(rows)).astype("Int64")),
    "pandas, boolean": _of_pandas(lambda rows: pd.Series(np.arange(rows) % 2 == 0).astype("boolean")),
    "pandas, category": _of_pandas(lambda rows: pd.Series([_WORDS[row % 7] for row in range(rows)], dtype="category")),
    "pandas, categories that differ": _of_pandas(
        lambda rows: pd.Series([f"text {row}" for row in range(rows)], dtype="category")
    ),
    "pandas, categories that are decimals": _of_pandas(
        lambda rows: pd.Series(_objects([Decimal(row) / 4 for row in range(rows)]), dtype=object).astype("category")
    ),
    "pandas, floats with NaN": _of_pandas(lambda rows: np.where(np.arange(rows) % 5 == 0, np.nan, 1.5)),
    "pandas, times with a zone": _of_pandas(
        lambda rows: pd.date_range("2020", periods=rows, freq="s", tz="Asia/Tokyo")
    ),
    "pandas, periods": _of_pandas(lambda rows: pd.Series(pd.period_range("2020", periods=rows, freq="s"))),
    "pandas, decimals of Arrow": _of_pandas(
        lambda rows: pd.Series(pd.arrays.ArrowExtensionArray(pa.array(range(rows)).cast(pa.decimal128(21, 2))))
    ),
    "Arrow, texts": _of_arrow(lambda row: f"text {row}"),
    "Arrow, texts in views": _of_arrow(lambda row: f"text {row}", pa.string_view()),
    "Arrow, decimals": _of_arrow(lambda row: row, pa.decimal128(20, 2)),
    "Arrow, lists": _of_arrow(lambda row: [row]),
    "Arrow, structs": _of_arrow(lambda row: {"a": row}),
    "Polars, texts": _of_polars(lambda rows: [f"text {row}" for row in range(rows)]),
    "Polars, categories": _of_polars(
        lambda rows: pl.Series([_WORDS[row % 7] for row in range(rows)], dtype=pl.Categorical)
    ),
    "Polars, decimals": _of_polars(lambda rows: pl.Series(range(rows)).cast(pl.Decimal(20, 2))),
    "Polars, lists": _of_polars(lambda rows: [[row] for row in range(rows)]),
    "Polars, integers of 128 bits": _of_polars(lambda rows: pl.Series(range(rows)).cast(pl.Int128)),
}

#: Labels of so many rows, by how they are given.
LABELS: dict[str, Callable[[list[str]], Any]] = {
    "a list": lambda labels: labels,
    "an iterator": iter,
    "numpy, objects": _objects,
    "numpy, text": np.array,
    "pandas, str": lambda labels: pd.Series(labels, dtype="str"),
    "pandas, objects": lambda labels: pd.Series(labels, dtype=object),
    "pandas, category": lambda labels: pd.Series(labels, dtype="category"),
    "Arrow, text": pa.array,
    "Arrow, views": lambda labels: pa.array(labels, pa.string_view()),
    "Arrow, a dictionary": lambda labels: pa.array(labels).dictionary_encode(),
    "Polars": pl.Series,
}
