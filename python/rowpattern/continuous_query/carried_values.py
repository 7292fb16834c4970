"""PREV and NEXT with IGNORE NULLS over rows that come batch by batch.

PREV reads the last values that are not NULL, however far back they are. A row that comes is given them as columns, made
of those of its partition's last row and of the rows between: so one row of a partition is enough to go on from, and
what is kept of it does not grow. NEXT reads values that may not have come. They are looked for each time rows are read,
among the rows behind, which are kept as the search waits for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern.continuous_query.row_batches import empty_table
from rowpattern.errors import UnsupportedQueryError
from rowpattern.sql.arrow.arrays import one_array
from rowpattern.sql.arrow.chunks import take_values
from rowpattern.sql.bind.references import column_away, value_away
from rowpattern.sql.execute.sort import key_values
from rowpattern.sql.execute.values_away import values_in_partitions
from rowpattern.sql.tables.extended import ExtendedTable
from rowpattern.sql.tables.table import Table
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from rowpattern.continuous_query.kept_rows import KeptRows
    from rowpattern.continuous_query.reach import Reach
    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["CarriedValues", "check_distances"]

# Each kept row has so many values at most: for PREV(x IGNORE NULLS, n) the last n, of which later rows need all.
_MOST_VALUES = 1000


def check_distances(bound: BoundClause, location: SourceLocation) -> None:
    """Check that PREV with IGNORE NULLS reads no farther back than rows carry values.

    Raises:
        UnsupportedQueryError: it does.
    """
    most = max(_farthest_back(bound).values(), default=0)
    if most > _MOST_VALUES:
        message = f"PREV with IGNORE NULLS reads the value {most:,} values back, and each row carries all between"
        raise error_at(f"{message}; {_MOST_VALUES:,} is the most here", location, UnsupportedQueryError)


def _farthest_back(bound: BoundClause) -> dict[str, int]:
    """Return how many values back PREV with IGNORE NULLS reads, by what it reads the values of."""
    found: dict[str, int] = {}
    for source, distance in map(_parts, bound.away):
        if distance < 0:
            found[source] = max(found.get(source, 0), -distance)
    return found


class CarriedValues:
    """What rows have beside their own columns.

    Attributes:
        types: the columns that they are kept with, their own before the others.
    """

    def __init__(self, bound: BoundClause, reach: Reach, types: dict[str, pa.DataType], using: Database) -> None:
        """Find out which columns there are.

        Args:
            bound: the clause.
            reach: how far it reads.
            types: the columns of rows.
            using: says what types expressions have.
        """
        self._computed = dict(bound.computed)
        self._back = _farthest_back(bound)
        self._on = [(name, *_parts(name)) for name in bound.away if _parts(name)[1] > 0]
        # Of which the search is told which rows have a value.
        self._sources = list(dict.fromkeys(source for _, source, _ in self._on))
        self._reach = reach
        self.types = dict(types)
        if self._computed:
            for name, values in self._values(empty_table(pa.schema(types)), using).items():
                kind = values.type
                self.types[name] = kind.value_type if pa.types.is_dictionary(kind) else kind
        for source, most in self._back.items():
            self.types |= {column_away(source, -distance): self.types[source] for distance in range(most, 0, -1)}

    def ahead(self) -> dict[str, Any]:
        """Return what `OpenPartitions` is told of the values that NEXT reads."""
        if not self._sources:
            return {}
        number, reach = {source: at for at, source in enumerate(self._sources)}, self._reach
        return {
            "value_sources": len(self._sources),
            "conditions_ahead": {
                variable: [(number[source], distance, rows) for source, distance, rows in ahead]
                for variable, ahead in reach.conditions_ahead.items()
            },
            "measures_ahead": [(number[source], distance, rows) for source, distance, rows in reach.measures_ahead],
        }

    def said(self, rows: pa.RecordBatch) -> dict[str, Any]:
        """Return what `OpenPartitions.place` is told of rows, which have their expressions."""
        valid = (rows.column(source).is_valid() for source in map(rows.schema.names.index, self._sources))
        flags = [each.to_numpy(zero_copy_only=False).astype(np.uint8).tobytes() for each in valid]
        return {"values": flags} if flags else {}

    def with_expressions(self, rows: pa.RecordBatch, using: Database) -> pa.RecordBatch:
        """Return rows with the expressions whose values other rows read.

        Raises:
            QueryError: one cannot be computed.
        """
        if not self._computed:
            return rows
        found = self._values(pa.Table.from_batches([rows]), using)
        arrays = [one_array(values.cast(self.types[name])) for name, values in found.items()]
        return pa.RecordBatch.from_arrays([*rows.columns, *arrays], names=[*rows.schema.names, *found])

    def with_values_back(
        self, rows: pa.RecordBatch, kept: KeptRows, first: int, references: Integers, starts: Integers
    ) -> pa.RecordBatch:
        """Return new rows with the values before them.

        Args:
            rows: the rows, with expressions.
            kept: the rows before them.
            first: the reference to the first new row.
            references: to the rows of their partitions, one partition's after the other's: some kept ones, with the
                last one among them, and the new ones.
            starts: where each partition begins there.

        Takes time linear in the rows, and in the values that each carries.
        """
        if not self._back:
            return rows
        is_new = references >= first
        new = np.flatnonzero(is_new)
        of_new = np.searchsorted(starts, new, side="right") - 1
        # Of each partition with new rows, the last row before these; those without have none that is read.
        last = np.full(len(starts), -1)
        old = np.flatnonzero(~is_new)
        last[np.searchsorted(starts, old, side="right") - 1] = references[old]
        going_on = np.flatnonzero(last >= 0)
        # Rows are looked up in rising order.
        going_on = going_on[np.argsort(last[going_on], kind="stable")]
        before = kept.rows(last[going_on])
        arrays = list(rows.columns)
        names = list(rows.schema.names)
        for source, most in self._back.items():
            columns = [column_away(source, -distance) for distance in range(most, 0, -1)]
            known = [one_array(before.column(name)) for name in (*columns, source)]
            pool = pa.concat_arrays([*known, rows.column(names.index(source))])
            # Of a partition: the values before its new rows, the earliest first, and then its rows.
            seen = np.zeros(len(starts), dtype=np.int64)
            seen[going_on] = len(known)
            lengths = seen + np.bincount(of_new, minlength=len(starts))
            begins = np.cumsum(lengths) - lengths
            at_new = np.arange(len(new)) + np.cumsum(seen)[of_new]
            places = np.empty(int(lengths.sum()), dtype=np.int64)
            places[at_new] = len(known) * len(going_on) + references[new] - first
            for number in range(len(known)):
                places[begins[going_on] + number] = number * len(going_on) + np.arange(len(going_on))
            valid = pool.is_valid().to_numpy(zero_copy_only=False)[places]
            values = np.append(np.flatnonzero(valid), -1)
            values_before = (np.cumsum(valid) - valid)[at_new]
            for name, distance in zip(columns, range(most, 0, -1)):
                found = values[np.maximum(values_before - distance, 0)]
                is_there = (values_before >= distance) & (found >= begins[of_new])
                taken = np.empty(len(new), dtype=np.int64)
                taken[references[new] - first] = np.where(is_there, places[found], -1)
                arrays.append(pool.take(pa.array(taken, mask=taken < 0)))
                names.append(name)
        return pa.RecordBatch.from_arrays(arrays, names=names)

    def add_values_on(self, rows: OrderedPartitions, context: ExecutionContext) -> None:
        """Give rows the values behind them, NULL where these have not come: all rows behind are among them."""
        found = {
            name: values_in_partitions(rows, rows.column(source), distance, context)
            for name, source, distance in self._on
        }
        if found:
            rows.table = ExtendedTable(rows.table, found)

    def add_found(
        self, rows: OrderedPartitions, kept: KeptRows, references: list[Integers], context: ExecutionContext
    ) -> None:
        """Give rows of matches the values behind them that the search has found.

        Args:
            rows: the rows.
            kept: all rows.
            references: for each value that measures read, where it is among these, for each row; -1 for none.
            context: the limits.
        """
        found = {name: pa.chunked_array([pa.nulls(rows.count, self.types[source])]) for name, source, _ in self._on}
        for (source, distance, _), wanted in zip(self._reach.measures_ahead, references):
            numbers, places = np.unique(wanted[wanted >= 0], return_inverse=True)
            values = kept.rows(numbers).column(source)
            taken = np.full(len(wanted), -1)
            taken[wanted >= 0] = places
            found[column_away(source, distance)] = take_values(context, values, pa.array(taken, mask=taken < 0))
        if found:
            rows.table = ExtendedTable(rows.table, found)

    def _values(self, rows: pa.Table, using: Database) -> dict[str, pa.ChunkedArray]:
        found = key_values(Table(rows), list(self._computed.values()), using)
        return {name: found[key.sql] for name, key in self._computed.items()}


def _parts(name: str) -> tuple[str, int]:
    return value_away(name) or ("", 0)
