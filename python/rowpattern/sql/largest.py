"""Which partition is the largest, for the error that it does not fit into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rowpattern.sql.arrange import arrange
from rowpattern.sql.expression.write import quoted
from rowpattern.sql.reading import size_bytes
from rowpattern.sql.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

    from rowpattern.sql.binding import BoundClause
    from rowpattern.sql.database import Database
    from rowpattern.sql.running import Run

__all__ = ["largest_partition"]

_MOST_CHARACTERS = 60


def largest_partition(table: pa.Table, bound: BoundClause, using: Database, run: Run) -> str:
    """Name the largest partition of rows that stand partition by partition: its key's values, rows and bytes so far.

    Raises:
        What computing keys raises.
    """
    rows = arrange(Table(table), bound.partition_by, (), using, run)
    bounds = np.append(rows.starts, table.num_rows)
    at = int(np.argmax(np.diff(bounds)))
    partition = table.slice(int(bounds[at]), int(bounds[at + 1] - bounds[at]))
    size = f"at least {partition.num_rows:,} rows, {size_bytes(partition) / 2**20:,.1f} MB"
    if not bound.partition_by:
        return f"all rows are one partition, as there is no PARTITION BY, which has {size} and"
    columns = ", ".join(f"{key.sql} AS {quoted(f'{number}')}" for number, key in enumerate(bound.partition_by))
    values = using.project(columns, partition.slice(0, 1)).to_pylist()[0].values()
    named = ", ".join(f"{key.name} = {_shown(value)}" for key, value in zip(bound.partition_by, values))
    return f"the partition {named} has {size}, and"


def _shown(value: object) -> str:
    text = "NULL" if value is None else repr(value) if isinstance(value, (str, bytes)) else str(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
