"""Tables of pandas, Arrow, Polars and DuckDB, with accessors, streams and drawings, as a user's script has them."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
from typing_extensions import assert_type

import rowpattern
import rowpattern.pandas
import rowpattern.polars
from rowpattern import match_recognize, recognize
from rowpattern.polars import FrameNamespace

SQL = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A+) DEFINE A AS x > 1)"


def ask(rows: list[dict[str, int]]) -> pd.DataFrame:
    """Return a frame where one is given."""
    return match_recognize(SQL, pd.DataFrame(rows))


def stream(path: str) -> pa.RecordBatchReader:
    """Return a reader over a file."""
    return match_recognize(SQL, path, stream=True, memory_limit_mb=512, progress=True)


def chain(frame: pd.DataFrame) -> pd.DataFrame:
    """Ask in a chain of methods."""
    return frame.pipe(recognize, pattern="A+", order_by="o", define={"A": lambda rows: rows["x"] > 1})


table = pa.table({"o": [1, 2], "x": [3, 4]})
found = match_recognize(SQL, table)
print(found.num_rows, ask(table.to_pylist()).shape)
assert_type(ask([]), pd.DataFrame)
assert_type(match_recognize(SQL, duckdb.from_arrow(table)), duckdb.DuckDBPyRelation)
assert_type(FrameNamespace(pl.DataFrame({"o": [1]})).recognize(pattern="A"), pl.DataFrame)
assert_type(recognize({"t": pl.DataFrame({"o": [1]})}, pattern="A"), pl.DataFrame)

explained = rowpattern.explain(SQL, table, analyze=True)
assert_type(explained.text, str)
assert_type(explained.svg(), str)
figure: Any = rowpattern.plot(table, found, x="o", y="x")

# What is wrong is refused.
match_recognize(1, table)  # type: ignore[call-overload]
match_recognize(SQL, pl.DataFrame({"o": [1]}), prefer="last")  # type: ignore[call-overload]
rowpattern.explain(SQL, table, analyse=True, timeout_seconds="1")  # type: ignore[call-overload]
