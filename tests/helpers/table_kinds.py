"""Tables of each kind that `match_recognize` takes, and the same answer of a query over each of them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa

from rowpattern import match_recognize

if TYPE_CHECKING:
    import random

# Half an hour before clocks go forward in Berlin, and before they go back.
SPRING = dt.datetime(2024, 3, 31, 0, 30, tzinfo=dt.timezone.utc)
AUTUMN = dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.timezone.utc)
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


def categories(values: list[str | None], index: pa.DataType | None = None) -> pa.Array:
    places = pa.array([None if each is None else LABELS.index(each) for each in values], index or pa.int8())
    return pa.DictionaryArray.from_arrays(places, pa.array(LABELS), ordered=True)


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
