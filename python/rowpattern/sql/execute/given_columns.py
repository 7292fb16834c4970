"""Conditions and measures that the caller's own library computes, over rows in order, partition by partition."""

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
    """Have the conditions and measures computed that are no texts; `rows` has them as columns then.

    Takes what the library takes, and time linear in the rows.

    Raises:
        QueryError: the library refuses one, or it gives other than a value for each row.
    """
    if not bound.given:
        return
    # In the table's order, as all of its columns are.
    places = None
    if rows.order is not None:
        context.hold(8 * rows.count)
        places = np.empty(rows.count, dtype=np.int64)
        places[rows.order] = np.arange(rows.count)
    columns: dict[str, pa.ChunkedArray] = {}
    for each in bound.given:
        with context.step("given conditions" if each.variable is not None else "given measures", rows.count):
            found = context.given[each.argument](rows.table, rows.order, rows.starts, context.check)
        context.check()
        context.hold(2 * found.nbytes)
        columns[each.column] = found if places is None else found.take(from_numpy(places))
    rows.table = ExtendedTable(rows.table, columns)


def without_given(bound: BoundClause, table: Table) -> Table:
    """Return a table with these columns for their types alone."""
    if not bound.given:
        return table
    types = {each.column: pa.null() if each.variable is None else pa.bool_() for each in bound.given}
    return ExtendedTable(table, {name: pa.chunked_array([], kind) for name, kind in types.items()})
