"""Intervals that DuckDB takes for equal though they are not the same: 1 month and 30 days, 1 day and 24 hours.

In windows DuckDB's aggregates count such values apart (`histogram`, `mode`, `entropy`) or lose one
(`list(DISTINCT d)`), over a group they do not. Where a column has such values, aggregates up to a row are computed over
groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.casting import has_intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.duckdb.connection import Database

__all__ = ["has_equal_intervals", "over_rows_before"]

_STORED = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
_DAYS_A_MONTH = 30
_NANOSECONDS_A_DAY = 86_400_000_000_000
_ROWS_TOGETHER = 1 << 20
_TABLE = "rowpattern rows before"
# A match that has a row in a place gives a value for it, of all its rows up to that.
_TEXT = f"""
    SELECT max("row"), {{calls}} FROM (
        FROM "{_TABLE}" JOIN range({{first}}, {{behind}}) AS lasts("last") ON "place" <= "last" ORDER BY "last", "row"
    ) GROUP BY "match", "last" HAVING max("place") = "last"
"""


def has_equal_intervals(values: pa.ChunkedArray) -> bool:
    """Say whether a column has intervals that are equal and not the same; it may be so where they are nested."""
    kind = values.type
    if not has_intervals(kind):
        return False
    if not pa.types.is_interval(kind):
        return True
    stored = [
        np.frombuffer(each.buffers()[1], _STORED, len(each), each.offset * _STORED.itemsize)
        for each in (chunk.drop_null() for chunk in values.chunks)
        if len(each)
    ]
    if not stored:
        return False
    found = np.unique(np.concatenate(stored))
    lengths = np.empty(len(found), dtype=[("days", "<i8"), ("nanoseconds", "<i8")])
    days, lengths["nanoseconds"] = np.divmod(found["nanoseconds"], _NANOSECONDS_A_DAY)
    lengths["days"] = found["months"].astype(np.int64) * _DAYS_A_MONTH + found["days"] + days
    return len(np.unique(lengths)) < len(found)


def over_rows_before(calls: Sequence[str], table: pa.Table, using: Database) -> list[pa.ChunkedArray]:
    """Compute aggregates over the rows of each match up to each row.

    Args:
        calls: the aggregates.
        table: the rows of matches in order, with the columns `match` and `row`, which counts them.
        using: computes them.

    Takes time in proportion to the squares of the matches' lengths.
    """
    match = np.asarray(table["match"])
    begins = np.flatnonzero(np.concatenate([[True], match[1:] != match[:-1]])[: len(match)])
    lengths = np.diff(begins, append=len(match))
    place = np.arange(len(match)) - np.repeat(begins, lengths)
    using.register(_TABLE, table.append_column("place", from_numpy(place)))
    found: list[pa.Table] = []
    longest, first = int(lengths.max(initial=0)), 0
    while first < longest or not found:
        behind = min(longest, first + max(1, _ROWS_TOGETHER // max(1, len(match))))
        found.append(using.query(_TEXT.format(calls=", ".join(calls), first=first, behind=behind), counted=True))
        first = behind
    every = pa.concat_tables(found)
    order = np.argsort(np.asarray(every.column(0)), kind="stable")
    return list(every.take(from_numpy(order)).columns[1:])
