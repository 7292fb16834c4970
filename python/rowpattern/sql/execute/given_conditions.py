"""Conditions that the caller's own library computes, over rows in order, partition by partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.tables.extended import ExtendedTable

if TYPE_CHECKING:
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["compute_given", "without_given"]


def compute_given(bound: BoundClause, rows: OrderedPartitions, context: ExecutionContext) -> None:
    """Have the conditions computed that are no texts; `rows` has them as columns then.

    Takes what the library takes, and time linear in the rows.

    Raises:
        QueryError: the library refuses one, or it gives other than a truth value for each row.
    """
    if not bound.given:
        return
    columns: dict[str, pa.ChunkedArray] = {}
    for variable, column in bound.given:
        with context.step("given conditions", rows.count):
            found = context.given[variable](rows.table, rows.order, rows.starts, context.check)
        context.check()
        context.hold(2 * rows.count)
        if rows.order is not None:
            # In the table's order, as all of its columns are.
            in_order, found = found, np.empty_like(found)
            found[rows.order] = in_order
        columns[column] = pa.chunked_array([from_numpy(found)])
    rows.table = ExtendedTable(rows.table, columns)


def without_given(bound: BoundClause, table: Table) -> Table:
    """Return a table with the columns of these conditions for their types alone."""
    if not bound.given:
        return table
    nothing = pa.chunked_array([], pa.bool_())
    return ExtendedTable(table, {column: nothing for _, column in bound.given})
