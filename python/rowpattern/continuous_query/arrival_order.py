"""Whether rows arrive in order, which they have to where a query has no lateness.

Rows rise in the first key of ORDER BY over the whole query: a partition that nothing is kept of could not be checked
otherwise. Where rows are equal in it, those of a partition rise in the other keys; of these rows the last one of each
partition is kept, as long as no greater first key was seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern.continuous_query.row_batches import empty_table
from rowpattern.continuous_query.row_sorting import sorted_rows
from rowpattern.sql.arrow.arrays import from_numpy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.continuous_query.event_keys import EventKey, KeyNumbers, OrderKey
    from rowpattern.sql.arrow.arrays import Booleans, Integers
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["ArrivalOrder"]


class ArrivalOrder:
    """What has to be known of the rows so far to check the next ones.

    Attributes:
        highest: the number of the greatest first key; None before the first row, and where the key is not measured.
        last: rows with the greatest first key, the last one of each partition; None where they are not needed.
    """

    def __init__(
        self,
        key: EventKey,
        order_by: Sequence[OrderKey],
        partition_by: Sequence[str],
        highest: float | None = None,
        last: pa.RecordBatch | None = None,
    ) -> None:
        """Begin with what is known."""
        self.highest = highest
        self.last = last
        self._key = key
        self._order_by = order_by
        self._partition_by = partition_by

    def checked(
        self, rows: pa.RecordBatch, floor: float | None, context: ExecutionContext | None
    ) -> tuple[Booleans | None, ArrivalOrder]:
        """Say which rows are out of order, as they arrive, and what is known behind them.

        Args:
            rows: at least one.
            floor: the first key's number below which a row is out of order too.
            context: the limits of the call, as `sorted_rows` takes them.

        Returns:
            a flag for each row, None where all are in order; and the order behind those that are.
        """
        keys, missing, start = self._first_keys(rows, context)
        if floor is not None and (start is None or start < floor):
            start = floor
        late = _falls(keys, missing, start)
        if late is not None:
            kept = np.flatnonzero(~late)
            if not len(kept):
                return late, self
            keys = keys[kept]
            accepted = rows.take(from_numpy(kept))
        else:
            kept, accepted = None, rows
        highest = keys[-1].item() if self._key.is_measured else None
        if len(self._order_by) == 1:
            last = None if self._key.is_measured else _rows(accepted, np.array([len(keys) - 1]))
            return late, self._then(highest, last)
        if (start is None or keys[0] > start) and (keys[1:] > keys[:-1]).all():
            return late, self._then(highest, _rows(accepted, np.array([len(keys) - 1])))
        out_of_order, last = self._by_other_keys(accepted, keys, start, context)
        if out_of_order is not None:
            late = np.zeros(rows.num_rows, dtype=bool) if late is None else late
            late[np.flatnonzero(out_of_order) if kept is None else kept[out_of_order]] = True
        return late, self._then(highest, last)

    def rows(self, schema: pa.Schema) -> pa.Table:
        """Return the rows that are kept."""
        return empty_table(schema) if self.last is None else pa.Table.from_batches([self.last], schema)

    def restored(self, highest: float | None, rows: pa.RecordBatch | None) -> ArrivalOrder:
        """Return what was known, from the greatest first key's number and the rows that were kept."""
        return self._then(highest, rows)

    def _then(self, highest: float | None, last: pa.RecordBatch | None) -> ArrivalOrder:
        return ArrivalOrder(self._key, self._order_by, self._partition_by, highest, last)

    def _first_keys(
        self, rows: pa.RecordBatch, context: ExecutionContext | None
    ) -> tuple[KeyNumbers, Booleans | None, float | None]:
        """Return numbers of the rows' first keys, where there is none, and the greatest one's so far."""
        name = self._key.key.column
        if self._key.is_measured:
            return (*self._key.numbers(rows.column(name)), self.highest)
        column = rows.column(name)
        missing = np.asarray(column.is_null().to_numpy(zero_copy_only=False)) if column.null_count else None
        chunks = [column] if self.last is None else [self.last.column(name).slice(0, 1), column]
        together = pa.table({name: pa.chunked_array(chunks, column.type)})
        found = sorted_rows(together, [name], (), context)
        numbers = _partition_numbers(found.starts, found.order, together.num_rows)
        if self._key.key.descending:
            numbers = -numbers
        if self.last is None:
            return numbers, missing, None
        return numbers[1:], missing, numbers[0].item()

    def _by_other_keys(
        self, rows: pa.RecordBatch, keys: KeyNumbers, start: float | None, context: ExecutionContext | None
    ) -> tuple[Booleans | None, pa.RecordBatch]:
        """Say which rows are out of order in their partition; return the last rows of the greatest first key."""
        before = 0
        batches = [rows]
        if self.last is not None:
            before = self.last.num_rows
            batches = [self.last, rows]
        together = pa.Table.from_batches(batches).combine_chunks()
        count = together.num_rows
        found = sorted_rows(together, self._partition_by, self._order_by, context)
        order = np.arange(count) if found.order is None else found.order
        late = None
        if found.order is not None:
            place = np.empty(count, dtype=np.int64)
            place[order] = np.arange(count)
            partition = _partition_numbers(found.starts, order, count)
            # By partition, and as they arrived in each: places rise from partition to partition.
            arrived = np.argsort(partition, kind="stable")
            places = place[arrived]
            falls = places < np.maximum.accumulate(places)
            if falls.any():
                late = np.zeros(count, dtype=bool)
                late[arrived[falls]] = True
        lasts = np.sort(order[np.append(found.starts[1:], count) - 1])
        all_keys = keys if not before else np.concatenate([np.full(before, start, dtype=keys.dtype), keys])
        lasts = lasts[all_keys[lasts] == keys[-1]]
        return None if late is None else late[before:], _rows(together.to_batches()[0], lasts)


def _falls(keys: KeyNumbers, missing: Booleans | None, start: float | None) -> Booleans | None:
    """Say which keys are below one before them, or missing; None where none is."""
    if missing is None and (start is None or keys[0] >= start) and (keys[1:] >= keys[:-1]).all():
        return None
    lowest: Any = keys.min() if start is None else start
    counted = keys if missing is None else np.where(missing, lowest, keys)
    before = np.maximum.accumulate(np.concatenate([np.array([lowest], dtype=keys.dtype), counted[:-1]]))
    late: Booleans = counted < before
    if missing is not None:
        late |= missing
    return late


def _partition_numbers(starts: Integers, order: Integers | None, count: int) -> Integers:
    """Return for each row the number of its partition."""
    flags = np.zeros(count, dtype=np.int64)
    flags[starts[1:]] = 1
    numbers = np.cumsum(flags)
    if order is None:
        return numbers
    found = np.empty(count, dtype=np.int64)
    found[order] = numbers
    return found


def _rows(rows: pa.RecordBatch, places: Integers) -> pa.RecordBatch:
    return rows.take(from_numpy(places))
