"""Kinds of tables and options, for type checkers: which kind of table comes back for which one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Union

if TYPE_CHECKING:
    from typing import Callable

    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from rowpattern._core import CancelToken
    from rowpattern.sql.runtime.context import Progress

__all__ = ["Frame", "Parameters", "QueryOptions", "Streamed"]

#: A table whose class the answer has.
Frame = TypeVar(
    "Frame",
    bound="pl.DataFrame | pl.LazyFrame | duckdb.DuckDBPyRelation | pd.DataFrame | pa.Table | pa.RecordBatchReader",
)

#: Values of `stream` for which a reader is given.
Streamed = Literal[True, "in order"]

#: Values for `$name` by name, or for `?` in order.
Parameters = Union[Mapping[str, Any], Sequence[Any], None]


class QueryOptions(TypedDict, total=False):
    """The options of a query whose answer is of the kind of table that is given."""

    memory_limit_mb: float | None
    timeout_seconds: float | None
    threads: int | None
    progress: bool | Callable[[Progress], object] | None
    isolation: Literal["process"] | None
    time_zone: str | None
    cancel: CancelToken | None
    parameters: Parameters
    prefer: Literal["first", "longest"]
