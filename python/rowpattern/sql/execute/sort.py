"""Rows in the order of PARTITION BY and ORDER BY, and where partitions begin."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.arrow.arrays import INTEGERS, from_numpy
from rowpattern.sql.arrow.categories import is_ordered, labels_of, nulls_like, of_ranks, ranks, with_inner_ranks
from rowpattern.sql.arrow.chunks import take_values
from rowpattern.sql.execute.row_order import NOTHING_CARRIED, Carried, RowNumbers, RowOrder, row_order
from rowpattern.sql.execute.time_zones import in_columns_zone
from rowpattern.sql.runtime.threads import MANY_ROWS, in_threads
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.patterns import RowSymbols
    from rowpattern.sql.arrow.arrays import Booleans, Integers
    from rowpattern.sql.bind.bound import Key
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

# Rows whose numbers, and values, stay in a core's cache.
_ROWS_TAKEN = 1 << 16

__all__ = ["OrderedPartitions", "PlacedColumn", "key_problem", "key_values", "sort_partitions"]


class PlacedColumn(NamedTuple):
    """A column to read rows from.

    Attributes:
        through_order: its rows are in the table's order, and not in that of partitions.
    """

    values: pa.ChunkedArray
    through_order: bool


class OrderedPartitions:
    """The rows of a table in order, read column by column.

    Attributes:
        table: where they come from.
        order: for each row here, its row in the table; None when they are in order already. Some of
            the table's may be left out, or there several times.
        starts: the row where each partition begins, the first is 0; int64.
        symbols: what conditions of one row say of each row here, if they were computed before; whoever takes them
            leaves None.
    """

    def __init__(self, table: Table, context: ExecutionContext, order: RowNumbers | None, starts: Integers) -> None:
        """Take the order as `sort_partitions` found it."""
        self.table = table
        self.order = order
        self.starts = starts
        self.symbols: RowSymbols | None = None
        self._context = context
        self._taken: dict[str, pa.ChunkedArray] = {}
        self._keys: dict[str, pa.ChunkedArray] = {}
        self._inside: dict[int, pa.Array] = {}

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.table.rows if self.order is None else len(self.order)

    @property
    def ends(self) -> Integers:
        """The row behind the last one of each partition; int64."""
        return np.append(self.starts[1:], self.count)[: len(self.starts)]

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column in order."""
        found = self._taken.get(name)
        if found is None:
            found = self.table.column(name)
            if self.order is not None:
                found = self._in_order(found, self.order)
            if found.num_chunks > 1:
                # Reading rows here and there is slow over many chunks.
                self._context.check()
                self._context.hold(found.nbytes)
                found = pa.chunked_array([found.combine_chunks()])
            self._taken[name] = found
        return found

    def _in_order(self, values: pa.ChunkedArray, order: RowNumbers) -> pa.ChunkedArray:
        kind, context = values.type, self._context
        width = INTEGERS.get(kind.bit_width) if pa.types.is_primitive(kind) else None
        if width is None or values.num_chunks != 1 or values.null_count or len(order) < MANY_ROWS:
            return take_values(context, values, from_numpy(order))
        # By all threads, to one piece of memory.
        numbers = np.asarray(values.chunk(0).view(width))
        # Counted by the order, as rows of frames that overlap are there several times.
        context.hold(numbers.itemsize * len(order))
        found = np.empty(len(order), numbers.dtype)

        def take(first: int) -> None:
            context.check()
            piece = slice(first, first + _ROWS_TAKEN)
            # Rows are known to exist: "clip" writes to the memory given at once.
            np.take(numbers, order[piece], out=found[piece], mode="clip")

        in_threads(context.threads, take, range(0, len(order), _ROWS_TAKEN), len(order))
        return pa.chunked_array([from_numpy(found).view(kind)])

    def placed(self, name: str) -> PlacedColumn:
        """Return a column to read some rows of: as the table has it, where it was not brought in order before."""
        found = self._taken.get(name)
        if found is not None:
            return PlacedColumn(found, through_order=False)
        return PlacedColumn(self.table.column(name), through_order=self.order is not None)

    def shown(self, name: str) -> PlacedColumn:
        """Return a column that is only shown, as `placed`."""
        found = self._taken.get(name)
        if found is not None:
            return PlacedColumn(found, through_order=False)
        return PlacedColumn(self.table.shown(name), through_order=self.order is not None)

    def placed_key(self, key: Key) -> PlacedColumn:
        """Return the values of a key, as `shown`."""
        if key.column is not None:
            return self.shown(key.column)
        return PlacedColumn(self._keys[key.sql], through_order=False)

    def keep_column(self, name: str, values: pa.ChunkedArray) -> None:
        """Keep a column that was brought in order, and is held."""
        self._taken[name] = values

    def keep_key(self, key: Key, values: pa.ChunkedArray) -> None:
        """Keep values that were computed for a key, in the table's order."""
        self._keys[key.sql] = (
            values if self.order is None else take_values(self._context, values, from_numpy(self.order))
        )

    def shifted(self, name: str, rows: int) -> pa.ChunkedArray:
        """Return a column's values `rows` rows further on (negative: back), NULL outside of the partition."""
        column = self.column(name)
        if rows == 0 or not len(column):
            return column
        nothing = nulls_like(column, min(abs(rows), len(column)))
        parts = [nothing, *column.slice(0, max(0, len(column) + rows)).chunks]
        if rows > 0:
            parts = [*column.slice(rows).chunks, nothing]
        moved = pa.chunked_array(parts, column.type)
        if len(self.starts) > 1:
            self._context.hold(column.nbytes)
            moved = _only_where(self.inside(rows), moved)
        return moved

    def inside(self, rows: int) -> pa.Array:
        """Return for each row whether the one `rows` rows further on is in its partition."""
        found = self._inside.get(rows)
        if found is None:
            # And as bits.
            self._context.hold(2 * self.count)
            flags = np.ones(self.count, dtype=bool)
            ends = self.ends
            # Partitions are mostly longer than a step: mark the few rows at their borders.
            for step in range(min(abs(rows), self.count)):
                self._context.check()
                at = ends - 1 - step if rows > 0 else self.starts + step
                flags[at[(at >= self.starts) & (at < ends)]] = False
            found = self._inside[rows] = from_numpy(flags)
        return found


def _only_where(flags: pa.Array, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values, NULL where flags are not set."""
    kind = values.type
    if is_ordered(kind):
        # Arrow makes a dictionary of the values that are left, in the order in which they come.
        return of_ranks(_only_where(flags, ranks(values)), kind, labels_of(values))
    if not isinstance(kind, pa.BaseExtensionType):
        return pc.if_else(flags, values, pa.nulls(1, kind)[0])
    # Arrow computes with what these are stored as.
    stored = pa.chunked_array([chunk.storage for chunk in values.chunks], kind.storage_type)
    kept = _only_where(flags, stored)
    return pa.chunked_array([pa.ExtensionArray.from_storage(kind, chunk) for chunk in kept.chunks], kind)


def sort_partitions(  # noqa: PLR0917 - as the keys of a clause come
    table: Table,
    partition_by: Sequence[Key],
    order_by: Sequence[Key],
    database: Database,
    context: ExecutionContext,
    carried: Carried = NOTHING_CARRIED,
) -> OrderedPartitions:
    """Bring rows in order, where they are not.

    Partitions come in the order of their keys, NULLs last; rows that are equal in ORDER BY keep their order. Rows that
    are in order already are not sorted and not copied. Takes time linear in the rows then, and O(n log n) otherwise.

    Args:
        table: the rows.
        partition_by: the keys of PARTITION BY.
        order_by: the keys of ORDER BY.
        database: the query's connection.
        context: the limits.
        carried: what is brought in order with the rows.

    Raises:
        QueryError: a key cannot be computed.
    """
    keys = [*partition_by, *order_by]
    computed = key_values(table, [key for key in keys if key.column is None], database)
    values = [table.shown(key.column) if key.column is not None else computed[key.sql] for key in keys]
    if table.rows < 2 or not keys:  # noqa: PLR2004 - one row is in order
        found = RowOrder(None, np.zeros(min(1, table.rows), dtype=np.int64))
    else:
        known = row_order(values, keys, len(partition_by), context, carried)
        if known is None:
            carried = NOTHING_CARRIED
            values = [table.column(key.column) if key.column is not None else computed[key.sql] for key in keys]
            known = _ordered_by_duckdb(values, keys, len(partition_by), database, context)
        found = known
    rows = OrderedPartitions(table, context, found.order, found.starts)
    rows.symbols = carried.symbols
    if found.key is not None and order_by[0].column is not None:
        rows.keep_column(order_by[0].column, found.key)
    for key in keys:
        if key.column is None:
            rows.keep_key(key, computed[key.sql])
    return rows


def key_values(table: Table, keys: Sequence[Key], database: Database) -> dict[str, pa.ChunkedArray]:
    """Compute keys that are not columns, in one query; return their values by their SQL, in the table's order.

    Raises:
        QueryError: a key cannot be computed.
    """
    if not keys:
        return {}
    names = sorted({name for key in keys for name in key.reads}) or table.names[:1]
    columns = pa.table({name: table.column(name) for name in names})
    computed = [in_columns_zone(key.sql, key.tree, columns, database, partial(_failed, key)) for key in keys]
    found: dict[str, pa.ChunkedArray] = {}
    for using in {id(each.database): each.database for each in computed}.values():
        there = [(key, each) for key, each in zip(keys, computed) if each.database is using]
        try:
            values = using.project(", ".join(f"({each.sql})" for _, each in there), columns).columns
        except QueryLimitError:
            raise
        except QueryError as error:
            for key, each in there:
                refused = using.refuses(f"({each.sql})", columns)
                if refused is not None:
                    raise _failed(key, refused) from None
            raise _failed(there[0][0], str(error)) from None
        found.update({key.sql: each.named(own) for (key, each), own in zip(there, values)})
    return found


def key_problem(key: Key, table: Table, database: Database) -> str | None:
    """Return why DuckDB refuses a key that is computed, whatever the rows; None where it does not."""
    columns = pa.table({name: table.column(name).slice(0, 0) for name in key.reads} or {"none": pa.nulls(0)})
    try:
        found = in_columns_zone(key.sql, key.tree, columns, database, partial(_failed, key))
    except QueryLimitError:
        raise
    except QueryError as error:
        return str(error)
    return found.database.refuses(f"({found.sql})", columns)


def _failed(key: Key, message: str) -> QueryError:
    return error_at(f"{key.name}: {message}", key.location, QueryError)


def _ordered_by_duckdb(
    values: Sequence[pa.ChunkedArray],
    keys: Sequence[Key],
    partition_keys: int,
    database: Database,
    context: ExecutionContext,
) -> RowOrder:
    """Sort by DuckDB, and have it compare the keys of PARTITION BY to find where partitions begin."""
    count = len(values[0])
    context.hold(2 * 8 * count)
    # Ordered categories are sorted by their places, whoever sorts; also those in lists and the like.
    values = [with_inner_ranks(column) for column in values]
    numbers = from_numpy(np.arange(count, dtype=np.int64))
    database.register(
        "rowpattern keys", pa.table([*values, numbers], names=[*(f"key {at + 1}" for at in range(len(values))), "row"])
    )
    by = [f'"key {at}" {key.direction}' for at, key in enumerate(keys, 1)]
    found = database.query(f'SELECT "row" FROM "rowpattern keys" ORDER BY {", ".join([*by, "row"])}')
    order = np.asarray(found.column(0).to_numpy())
    context.hold(count)
    changed = np.zeros(count - 1, dtype=bool)
    for column, key in zip(values[:partition_keys], keys):
        context.check()
        changed |= _changes(take_values(context, column, from_numpy(order)), key, database, context)
    context.hold(8 * int(np.count_nonzero(changed)))
    return RowOrder(order, np.concatenate([np.zeros(1, dtype=np.int64), np.flatnonzero(changed) + 1]))


def _changes(column: pa.ChunkedArray, key: Key, database: Database, context: ExecutionContext) -> Booleans:
    """Say for each row but the first whether DuckDB tells its value from the one before.

    Raises:
        QueryError: DuckDB cannot compare them.
    """
    context.hold(9 * len(column))
    row = from_numpy(np.arange(len(column), dtype=np.int64))
    database.register("rowpattern key", pa.table({"k": column, "row": row}))
    differs = '"k" IS DISTINCT FROM lag("k") OVER (ORDER BY "row")'
    try:
        found = database.query(f'SELECT {differs} FROM "rowpattern key" ORDER BY "row"').column(0)
    except QueryLimitError:
        raise
    except QueryError as error:
        raise _failed(key, str(error)) from None
    return np.asarray(found.slice(1).to_numpy())
