"""PREV and NEXT with IGNORE NULLS: for each row the value so many values back or on, as a column of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.chunks import take_values
from rowpattern.sql.bind.references import value_away
from rowpattern.sql.execute.sort import key_values
from rowpattern.sql.tables.extended import ExtendedTable
from rowpattern.sql.tables.table import Table

if TYPE_CHECKING:
    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["compute_values_away", "values_in_partitions", "without_values_away"]


def compute_values_away(
    bound: BoundClause, rows: OrderedPartitions, database: Database, context: ExecutionContext
) -> None:
    """Compute what navigation over values reads; `rows` has it as columns then.

    Takes time linear in the rows for each column and distance.

    Raises:
        QueryError: an expression whose values are read cannot be computed.
        QueryLimitError: a limit was passed.
    """
    if not bound.away:
        return
    columns: dict[str, pa.ChunkedArray] = {}
    computed = _computed(bound, rows.table, database)
    for name in bound.away:
        column, distance = value_away(name) or ("", 0)
        values = computed.get(column)
        if values is None:
            values = rows.column(column)
        elif rows.order is not None:
            values = take_values(context, values, from_numpy(rows.order.astype(np.int64)))
        columns[name] = values_in_partitions(rows, values, distance, context)
    rows.table = ExtendedTable(rows.table, columns)


def values_in_partitions(
    rows: OrderedPartitions, values: pa.ChunkedArray, distance: int, context: ExecutionContext
) -> pa.ChunkedArray:
    """Return for each row, in the table's order, the value so many values away; NULL where there is none.

    Args:
        rows: the rows.
        values: of the rows, in order.
        distance: how many values on; below 0, back.
        context: the limits.
    """
    context.hold(5 * 8 * rows.count)
    ends = np.append(rows.starts, rows.count)[1:]
    bounds = np.repeat(rows.starts if distance < 0 else ends, ends - rows.starts)
    places = _places(np.asarray(values.is_valid().to_numpy()), distance, bounds)
    if rows.order is not None:
        # In the table's order, as all of its columns are.
        in_order, places = places, np.empty_like(places)
        places[rows.order] = in_order
    context.check()
    return take_values(context, values, pa.array(places, mask=places < 0))


def _places(valid: np.ndarray, distance: int, bounds: Integers) -> Integers:
    """Return for each row the row with the value so many values away; -1 where its partition has none there."""
    known = np.append(np.flatnonzero(valid), -1)
    if distance < 0:
        at = np.cumsum(valid) - valid + distance
        found = known[np.where(at < 0, len(known) - 1, at)]
        return np.where(found >= bounds, found, -1)
    at = np.cumsum(valid) + distance - 1
    found = known[np.minimum(at, len(known) - 1)]
    return np.where(found < bounds, found, -1)


def without_values_away(bound: BoundClause, table: Table, database: Database) -> Table:
    """Return a table with these columns for their types alone."""
    if not bound.away:
        return table
    reads = [name for _, key in bound.computed for name in key.reads]
    nothing = Table(pa.table({name: table.column(name).slice(0, 0) for name in reads}))
    computed = _computed(bound, nothing, database)
    sources = {name: (value_away(name) or ("", 0))[0] for name in bound.away}
    return ExtendedTable(
        table,
        {
            name: computed[source] if source in computed else table.column(source).slice(0, 0)
            for name, source in sources.items()
        },
    )


def _computed(bound: BoundClause, table: Table, database: Database) -> dict[str, pa.ChunkedArray]:
    """Compute the expressions whose values are read in other rows, by their names, in the table's order."""
    found = key_values(table, [key for _, key in bound.computed], database)
    return {name: found[key.sql] for name, key in bound.computed}
