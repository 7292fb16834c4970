"""Rows in the order of PARTITION BY and ORDER BY, and where partitions begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.errors import QueryError
from rowpattern.sql.kernels import has_nan
from rowpattern.sql.packed_sort import packed_order
from rowpattern.sql.pieces import taken
from rowpattern.sql.problems import problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.binding import Key
    from rowpattern.sql.database import Database
    from rowpattern.sql.running import Run
    from rowpattern.sql.tables import Table

__all__ = ["Integers", "Rows", "arrange"]

Integers = np.ndarray[tuple[int], np.dtype[np.int64]]
Booleans = np.ndarray[tuple[int], np.dtype[np.bool_]]


class Rows:
    """The rows of a table in order, read column by column.

    Attributes:
        table: where they come from.
        order: the table's row for each of ours; None when they are in order already.
        starts: the row where each partition begins, the first is 0; int64.
    """

    def __init__(self, table: Table, run: Run, order: Integers | None, starts: Integers) -> None:
        """Take the order as `arrange` found it."""
        self.table = table
        self.order = order
        self.starts = starts
        self._run = run
        self._taken: dict[str, pa.ChunkedArray] = {}
        self._keys: dict[str, pa.ChunkedArray] = {}
        self._inside: dict[int, pa.Array] = {}

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.table.rows

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column in order."""
        found = self._taken.get(name)
        if found is None:
            found = self.table.column(name)
            if self.order is not None:
                found = taken(self._run, found, pa.array(self.order))
            if found.num_chunks > 1:
                # Reading rows here and there is slow over many chunks.
                self._run.check()
                self._run.hold(found.nbytes)
                found = pa.chunked_array([found.combine_chunks()])
            self._taken[name] = found
        return found

    def key(self, key: Key) -> pa.ChunkedArray:
        """Return the values of a key of PARTITION BY or ORDER BY, in order."""
        return self.column(key.column) if key.column is not None else self._keys[key.sql]

    def keep_key(self, key: Key, values: pa.ChunkedArray) -> None:
        """Keep values that were computed for a key, in the table's order."""
        self._keys[key.sql] = values if self.order is None else taken(self._run, values, pa.array(self.order))

    def shifted(self, name: str, rows: int) -> pa.ChunkedArray:
        """Return a column's values so many rows further on (negative: back), NULL outside of the partition."""
        column = self.column(name)
        if rows == 0 or not len(column):
            return column
        nothing = pa.nulls(min(abs(rows), len(column)), column.type)
        parts = [nothing, *column.slice(0, max(0, len(column) + rows)).chunks]
        if rows > 0:
            parts = [*column.slice(rows).chunks, nothing]
        moved = pa.chunked_array(parts, column.type)
        if len(self.starts) > 1:
            self._run.hold(column.nbytes)
            moved = pc.if_else(self.inside(rows), moved, pa.scalar(None, column.type))
        return moved

    def inside(self, rows: int) -> pa.Array:
        """Return for each row whether the one so many rows further on is in its partition."""
        found = self._inside.get(rows)
        if found is None:
            # And as bits.
            self._run.hold(2 * self.count)
            flags = np.ones(self.count, dtype=bool)
            ends = np.append(self.starts[1:], self.count)
            # Partitions are mostly longer than a step: mark the few rows at their borders.
            for step in range(min(abs(rows), self.count)):
                self._run.check()
                at = ends - 1 - step if rows > 0 else self.starts + step
                flags[at[(at >= self.starts) & (at < ends)]] = False
            found = self._inside[rows] = pa.array(flags)
        return found


def arrange(table: Table, partition_by: Sequence[Key], order_by: Sequence[Key], database: Database, run: Run) -> Rows:
    """Bring rows in order, where they are not.

    Partitions come in the order of their keys, NULLs last; rows that are equal in ORDER BY keep their order. Rows that
    are in order already are not sorted and not copied. Takes time linear in the rows then, and O(n log n) otherwise.

    Raises:
        QueryError: a key cannot be computed.
    """
    keys = [*partition_by, *order_by]
    computed = _computed(table, [key for key in keys if key.column is None], database)
    values = [table.column(key.column) if key.column is not None else computed[key.sql] for key in keys]
    in_order, together = _in_order(values, keys, len(partition_by), run)
    order = None
    changed = None if together is None else ~_to_numpy(together)
    if not in_order:
        packed = packed_order(values, keys, len(partition_by), run)
        order, changed = (_sorted(values, keys, database, run), None) if packed is None else packed
    rows = Rows(table, run, order, np.zeros(1, dtype=np.int64))
    for key in keys:
        if key.column is None:
            rows.keep_key(key, computed[key.sql])
    if table.rows == 0:
        rows.starts = np.zeros(0, dtype=np.int64)
    elif partition_by:
        run.hold(table.rows)
        if changed is None:
            changed = np.zeros(table.rows - 1, dtype=bool)
            for key in partition_by:
                run.check()
                changed |= _changes(rows.key(key), key)
        run.hold(8 * int(np.count_nonzero(changed)))
        rows.starts = np.concatenate([np.zeros(1, dtype=np.int64), np.flatnonzero(changed) + 1])
    return rows


def _computed(table: Table, keys: Sequence[Key], database: Database) -> dict[str, pa.ChunkedArray]:
    """Compute keys that are not columns, in one query."""
    if not keys:
        return {}
    names = sorted({name for key in keys for name in key.reads}) or table.names[:1]
    columns = pa.table({name: table.column(name) for name in names})
    found = database.project(", ".join(key.sql for key in keys), columns)
    return {key.sql: values for key, values in zip(keys, found.columns)}


def _comparable(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values that compare as DuckDB compares them."""
    if pa.types.is_dictionary(values.type):
        return values.cast(values.type.value_type)
    return values


def _in_order(
    values: Sequence[pa.ChunkedArray], keys: Sequence[Key], partition_keys: int, run: Run
) -> tuple[bool, pa.ChunkedArray | None]:
    """Say whether rows are in order; False too when it would be hard to tell.

    Returns:
        and, where they are and it was found on the way, for each row but the first whether it is of the partition of
        the one before: equal in the first so many keys.
    """
    count = len(values[0]) if values else 0
    if count < 2:  # noqa: PLR2004 - one row is in order
        return True, None
    # Rows for which the keys looked at so far are equal to those of the row before.
    tied: pa.ChunkedArray | None = None
    together: pa.ChunkedArray | None = None
    for at, (column, key) in enumerate(zip(values, keys)):
        run.check()
        if column.null_count or pa.types.is_nested(column.type) or pa.types.is_null(column.type):
            return False, None
        before, after = _neighbours(column)
        last = at == len(keys) - 1
        try:
            wrong = pc.less(before, after) if key.descending else pc.greater(before, after)
            equal = pc.equal(before, after) if not last or at < partition_keys else None
        except pa.ArrowNotImplementedError:
            return False, None
        if has_nan(column):
            return False, None
        if pc.any(wrong if tied is None else pc.and_(wrong, tied)).as_py():
            return False, None
        if equal is not None:
            tied = equal if tied is None else pc.and_(tied, equal)
        if at == partition_keys - 1:
            together = tied
        if last or (at >= partition_keys - 1 and not pc.any(tied).as_py()):
            break
    return True, together


def _neighbours(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    column = _comparable(column)
    return column.slice(0, len(column) - 1), column.slice(1)


def _to_numpy(flags: pa.ChunkedArray) -> Booleans:
    return np.asarray(flags.to_numpy(zero_copy_only=False) if isinstance(flags, pa.Array) else flags.to_numpy())


def _sorted(values: Sequence[pa.ChunkedArray], keys: Sequence[Key], database: Database, run: Run) -> Integers:
    """Sort by DuckDB, and return the row for each place."""
    count = len(values[0])
    run.hold(2 * 8 * count)
    numbers = pa.array(np.arange(count, dtype=np.int64))
    database.register(
        "rowpattern keys", pa.table([*values, numbers], names=[*(f"k{at}" for at in range(len(values))), "row"])
    )
    by = [f'"k{at}" {key.direction}' for at, key in enumerate(keys)]
    found = database.query(f'SELECT "row" FROM "rowpattern keys" ORDER BY {", ".join([*by, "row"])}')
    return np.asarray(found.column(0).to_numpy())


def _changes(column: pa.ChunkedArray, key: Key) -> Booleans:
    """Say for each row but the first whether its value differs from the one before; NULLs are alike, NaNs too."""
    not_comparable = problem(f"PARTITION BY cannot compare values of the type {column.type}", key.place, QueryError)
    if pa.types.is_nested(column.type):
        raise not_comparable
    if pa.types.is_null(column.type):
        return np.zeros(len(column) - 1, dtype=bool)
    before, after = _neighbours(column)
    try:
        differs = pc.not_equal(before, after)
    except pa.ArrowNotImplementedError:
        raise not_comparable from None
    if column.null_count:
        one_null = pc.xor(pc.is_null(before), pc.is_null(after))
        differs = pc.or_(pc.fill_null(differs, fill_value=False), one_null)
    changed = _to_numpy(differs)
    if has_nan(column):
        nan = [_to_numpy(pc.fill_null(pc.is_nan(side), fill_value=False)) for side in (before, after)]
        changed = changed & ~(nan[0] & nan[1])
    return changed
