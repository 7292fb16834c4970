"""Blocks of whole partitions, which a stream answers one by one, of rows that come in the order of partitions."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError, RowPatternError
from rowpattern.sql.arrow.sizes import size_bytes
from rowpattern.sql.bind.bound import Key
from rowpattern.sql.duckdb.names import quoted
from rowpattern.sql.execute.largest_partition import LargestPartition
from rowpattern.sql.execute.sort import sort_partitions
from rowpattern.sql.execute.stream_batches import cast_table, most_block_bytes, slices, with_names
from rowpattern.sql.tables.table import Table
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["PartitionBlocks"]


class PartitionBlocks:
    """Gathers the partitions of one clause."""

    def __init__(
        self,
        bound: BoundClause,
        location: SourceLocation,
        types: pa.Schema,
        number: str,
        *,
        in_order: bool,
    ) -> None:
        """Begin with none.

        Args:
            bound: the clause.
            location: where it stands, for errors.
            types: the columns of the table before the clause, and of the rows' numbers.
            number: the column of the rows' numbers, where the rows have one: it goes.
            in_order: whether the caller says that rows come in the clause's order.
        """
        self._bound = bound
        self._location = location
        self._types = types
        self._number = number
        self._in_order = in_order
        self._largest = LargestPartition(bound.partition_by)

    def of_brought(
        self, brought: Iterable[tuple[pa.Table, Any]], using: Database, context: ExecutionContext
    ) -> Iterator[pa.Table]:
        """Give blocks of whole partitions as they are, counted.

        Raises:
            QueryLimitError: one does not fit into memory.
        """
        for block, starts in brought:
            self._largest.forget()
            self._largest.add(block, starts)
            with self.naming_largest(using, context):
                context.hold_only(size_bytes(block))
            yield block

    def gathered(self, tables: Iterable[pa.Table], using: Database, context: ExecutionContext) -> Iterator[pa.Table]:
        """Gather whole partitions.

        Raises:
            QueryLimitError: one does not fit into memory.
        """
        most = most_block_bytes(context)
        gathered: list[pa.Table] = []
        gathered_bytes = 0
        last: pa.Table | None = None
        for each in (piece for whole in tables for piece in slices(whole, most)):
            table = cast_table(each, with_names(self._types, each.schema.names))
            starts = self._starts(table, last, using, context)
            last = table.slice(table.num_rows - 1)
            table_bytes = size_bytes(table)
            cut = len(starts) > 0 and gathered_bytes + table_bytes > most
            if cut:
                at = int(starts[-1])
                gathered.append(table.slice(0, at))
                self._largest.add(table.slice(0, at), starts[:-1])
            else:
                self._largest.add(table, starts)
            with self.naming_largest(using, context):
                context.hold(table_bytes)
            if cut:
                yield self._in_arrival_order(pa.concat_tables(gathered), using, context)
                gathered, gathered_bytes, table = [], 0, table.slice(at)
                self._largest.forget()
                self._largest.add(table, [0])
                table_bytes = size_bytes(table)
                context.hold_only(table_bytes)
                pa.default_memory_pool().release_unused()
            gathered.append(table)
            gathered_bytes += table_bytes
        if gathered:
            yield self._in_arrival_order(pa.concat_tables(gathered), using, context)

    @contextlib.contextmanager
    def naming_largest(self, using: Database, context: ExecutionContext) -> Iterator[None]:
        """Say in the error for memory that is used up which partition was the largest."""
        try:
            yield
        except QueryLimitError as error:
            if not context.seconds_left:
                raise
            try:
                what = self._largest.named(using)
            except RowPatternError:
                raise error from None
            raise context.memory_error(what) from None

    def _in_arrival_order(self, block: pa.Table, using: Database, context: ExecutionContext) -> pa.Table:
        """Give rows that are equal in ORDER BY the order that they had.

        As a key of the large sort, the rows' numbers doubled its time; here they are looked at, and few blocks sorted.
        """
        if self._number not in block.column_names:
            return block
        number = Key(self._number, self._number, quoted(self._number), (self._number,))
        with self.naming_largest(using, context):
            rows = sort_partitions(
                Table(block), self._bound.partition_by, (*self._bound.order_by, number), using, context
            )
        if rows.order is not None:
            block = pa.table({name: rows.column(name) for name in block.column_names})
        return block.drop_columns([self._number])

    def _starts(self, table: pa.Table, last: pa.Table | None, using: Database, context: ExecutionContext) -> Any:
        """Return the rows of a batch that begin a partition, given the row before it."""
        seen = table if last is None else pa.concat_tables([last, table])
        order_by = self._bound.order_by if self._in_order else ()
        rows = sort_partitions(Table(seen), self._bound.partition_by, order_by, using, context)
        if rows.order is not None:
            wrong = np.flatnonzero(rows.order != np.arange(rows.count))
            if len(wrong):
                message = "the rows of the stream are not in the order of PARTITION BY and ORDER BY"
                raise error_at(f"{message}; give stream=True, which sorts them", self._location, QueryError)
        if last is None:
            return rows.starts
        return rows.starts[1:] - 1
