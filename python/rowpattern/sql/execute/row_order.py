"""The order of rows by keys, found in Rust; what it does not know is left to DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern._core import order as order_rows
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.categories import is_ordered, ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.patterns import RowSymbols
    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.bind.bound import Key
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["NOTHING_CARRIED", "Carried", "RowNumbers", "RowOrder", "row_order", "sortable"]

#: Numbers of rows, of 32 bits or 64.
RowNumbers = np.ndarray[tuple[int], np.dtype[Any]]

# Extension types that DuckDB has as types of its own, and orders as what they are stored as.
_ORDERED_AS_STORED = {"arrow.uuid", "arrow.json"}


class RowOrder(NamedTuple):
    """Rows in order, and where partitions begin.

    Attributes:
        order: for each place, the row; None where rows are in order already. Some rows are left out where
            that is allowed.
        starts: the places where partitions begin, the first is 0; none where there are no rows.
        key: the first key of ORDER BY in order; None where it was not asked for, or not found while sorting.
    """

    order: RowNumbers | None
    starts: Integers
    key: pa.ChunkedArray | None = None

    @property
    def held_bytes(self) -> int:
        """How many bytes all of it takes, which are held."""
        return sum(0 if each is None else each.nbytes for each in self)


class Carried(NamedTuple):
    """What is brought in order with the rows.

    Attributes:
        symbols: what conditions of one row say of each row as the table has it; None where nothing is known.
        key: whether the values of the first key of ORDER BY are read in order afterwards.
        left_out: for each symbol whether rows of it may be left out of the order, as `passed_over` says it.
    """

    symbols: RowSymbols | None = None
    key: bool = False
    left_out: bytes | None = None


NOTHING_CARRIED = Carried()


def row_order(
    values: Sequence[pa.ChunkedArray],
    keys: Sequence[Key],
    partition_keys: int,
    context: ExecutionContext,
    carried: Carried = NOTHING_CARRIED,
) -> RowOrder | None:
    """Order rows, those that are equal in all keys in the order that they have.

    Args:
        values: the keys' values, all with the same number of rows; of at least one key.
        keys: how each orders.
        partition_keys: how many of them are of PARTITION BY; these are first.
        context: the limits; what is returned is held.
        carried: what is brought in order too, unless None is returned.

    Returns:
        the order, which is DuckDB's; None where it is left to DuckDB, as values are of a type that Rust does not order.

    Raises:
        QueryLimitError: a limit was passed.

    Takes time linear in rows that are in order already; O(n log n) at most otherwise.
    """
    columns = [sortable(column) for column in values]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return None
    order_by = [(column, key.descending, key.nulls_first) for column, key in zip(known, keys)]
    options: dict[str, Any] = {}
    if any(carried):
        options = {"symbols": carried.symbols, "keys": carried.key, "left_out": carried.left_out}
    with context.limited():
        found = order_rows(
            known[:partition_keys], order_by[partition_keys:], threads=context.threads, **options, **context.remaining
        )
    if found is None:
        return None
    rows, starts, first = (None if each is None else np.asarray(each) for each in found)
    assert starts is not None  # noqa: S101 - the core gives them always
    key = None
    if first is not None and known[partition_keys] is values[partition_keys]:
        key = pa.chunked_array([from_numpy(first).view(values[partition_keys].type)])
    order = RowOrder(rows, starts, key)
    context.hold(order.held_bytes)
    return order


def sortable(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return values that are ordered, and equal, as DuckDB has these; None where none are known."""
    if is_ordered(values.type):
        return ranks(values)
    if isinstance(values.type, pa.BaseExtensionType):
        if values.type.extension_name not in _ORDERED_AS_STORED:
            return None
        return pa.chunked_array([chunk.storage for chunk in values.chunks], values.type.storage_type)
    return values
