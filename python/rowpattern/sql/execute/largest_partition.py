"""Which partition is the largest, for the error that it does not fit into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rowpattern.sql.arrow.sizes import size_bytes
from rowpattern.sql.expression.write import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from rowpattern.sql.bind.bound import Key
    from rowpattern.sql.duckdb.connection import Database

__all__ = ["LargestPartition"]

_MOST_CHARACTERS = 60


class LargestPartition:
    """The largest of the partitions that have come so far."""

    def __init__(self, partition_by: Sequence[Key]) -> None:
        """Begin without rows."""
        self._partition_by = partition_by
        self.forget()

    def forget(self) -> None:
        """Begin again."""
        # A row, how many there are, and what they take; of the last partition, which may go on, and of the largest.
        self._last: tuple[pa.Table | None, int, float] = (None, 0, 0.0)
        self._largest = self._last

    def add(self, table: pa.Table, starts: Sequence[int]) -> None:
        """Count further rows, of which some begin a partition."""
        if not table.num_rows:
            return
        row_bytes = size_bytes(table) / table.num_rows
        bounds = np.array([0, *(each for each in starts if each), table.num_rows])
        sizes = np.diff(bounds)
        goes_on = not (len(starts) and starts[0] == 0)
        if goes_on and self._last[0] is not None:
            row, rows, taken = self._last
            self._see(row, rows + int(sizes[0]), taken + int(sizes[0]) * row_bytes)
        for at in sorted({int(np.argmax(sizes)), len(sizes) - 1}):
            if at or not goes_on or self._last[0] is None:
                self._see(table.slice(int(bounds[at]), 1), int(sizes[at]), int(sizes[at]) * row_bytes)

    def _see(self, row: pa.Table | None, rows: int, taken: float) -> None:
        self._last = (row, rows, taken)
        if rows >= self._largest[1]:
            self._largest = self._last

    def named(self, using: Database) -> str:
        """Say what it is, as the beginning of a sentence: the values of its keys, its rows and bytes so far.

        Raises:
            What computing keys raises.
        """
        row, rows, taken = self._largest
        if row is None:
            return "the query"
        size = f"with {rows:,} rows or more, {taken / 2**20:,.1f} MB,"
        if not self._partition_by:
            return f"the one partition of all rows (there is no PARTITION BY), {size}"
        columns = ", ".join(f"{key.sql} AS {quoted(str(number))}" for number, key in enumerate(self._partition_by))
        values = using.project(columns, row).to_pylist()[0].values()
        named = ", ".join(f"{key.name} = {_shown(value)}" for key, value in zip(self._partition_by, values))
        return f"the partition {named}, {size}"


def _shown(value: object) -> str:
    text = "NULL" if value is None else repr(value) if isinstance(value, (str, bytes)) else str(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
