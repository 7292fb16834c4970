"""The rows that a continuous query keeps, in a number of pieces that grows with the logarithm of the rows.

Rows have numbers, which grow as rows come. When less than a quarter of the rows are still needed (`is_sparse`), these
are copied and numbered from 0 again (`copied`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern.continuous_query.row_batches import RowSizes, empty_batch
from rowpattern.sql.arrow.arrays import from_numpy

if TYPE_CHECKING:
    from rowpattern.sql.arrow.arrays import Integers

__all__ = ["KeptRows"]

# So few rows are not worth copying.
_FEW_ROWS = 4096
# So few bytes are copied in less time than rows of several pieces are looked for.
_FEW_BYTES = 1 << 18
# A piece is joined to the one before where that is not so many times as long.
_JOINED = 4


class KeptRows:
    """Columns of rows, in pieces of which each is several times as long as the next."""

    def __init__(self, schema: pa.Schema) -> None:
        """Begin without rows.

        Args:
            schema: the columns.
        """
        self._nothing = pa.Table.from_batches([empty_batch(schema)])
        self._bytes_of = RowSizes(schema).bytes_of
        self._pieces: list[pa.RecordBatch] = []
        # The bytes of each piece.
        self._sizes: list[int] = []
        # The number of each piece's first row, and the one behind the last row of all.
        self._firsts: list[int] = [0]
        # Whether the memory of the last piece is the caller's, who may change it.
        self._is_borrowed = False

    @property
    def next_number(self) -> int:
        """The number that the next row will have."""
        return self._firsts[-1]

    @property
    def size_bytes(self) -> int:
        """The bytes of the columns."""
        return sum(self._sizes)

    def append(self, rows: pa.RecordBatch) -> None:
        """Add rows. Takes time linear in the rows, and O(log n) for each on average, as pieces are joined."""
        if not rows.num_rows:
            return
        self._pieces.append(rows)
        self._sizes.append(self._bytes_of(rows))
        self._is_borrowed = True
        self._firsts.append(self._firsts[-1] + rows.num_rows)
        while len(self._pieces) > 1 and self._pieces[-2].num_rows < _JOINED * self._pieces[-1].num_rows:
            joined = pa.concat_batches(self._pieces[-2:])
            del self._pieces[-2:], self._firsts[-2]
            self._pieces.append(joined)
            self._sizes[-2:] = [self._bytes_of(joined)]
            self._is_borrowed = False

    def own(self) -> None:
        """Copy what is in the memory of a caller; to be called before the caller goes on."""
        if self._is_borrowed and self._pieces:
            last = self._pieces[-1]
            # Two are joined by a copy, in a fifth of the time that rows are taken in.
            self._pieces[-1] = pa.concat_batches([last, last.slice(0, 0)])
        self._is_borrowed = False

    def drop_after(self, number: int) -> None:
        """Take rows away from this number on."""
        while self._pieces and self._firsts[-2] >= number:
            self._pieces.pop()
            self._sizes.pop()
            self._firsts.pop()
        if self._firsts[-1] > number:
            self._pieces[-1] = self._pieces[-1].slice(0, number - self._firsts[-2])
            self._sizes[-1] = self._bytes_of(self._pieces[-1])
            self._firsts[-1] = number

    def is_sparse(self, kept: int) -> bool:
        """Say whether so few of the rows are needed that they are to be copied."""
        stored = self._firsts[-1] - self._firsts[0]
        return stored > _FEW_ROWS and 4 * kept < stored if kept else stored > 0

    def copied(self, numbers: Integers) -> KeptRows:
        """Return copies of the rows of these numbers, which rise; they have the numbers 0, 1, ... there."""
        found = KeptRows(self._nothing.schema)
        if len(numbers):
            for piece in self._copies(numbers).combine_chunks().to_batches():
                found.append(piece)
        found._is_borrowed = False
        return found

    def rows(self, numbers: Integers) -> pa.Table:
        """Return rows by their numbers, in this order. Takes time linear in them, and in the number of pieces.

        Raises:
            IndexError: there is no such row.
        """
        if not len(numbers):
            return self._nothing
        first = int(numbers[0])
        if int(numbers[-1]) - first == len(numbers) - 1 and bool((np.diff(numbers) == 1).all()):
            piece = int(np.searchsorted(self._firsts, first, side="right")) - 1
            if 0 <= piece < len(self._pieces) and first + len(numbers) <= self._firsts[piece + 1]:
                return pa.Table.from_batches([self._pieces[piece].slice(first - self._firsts[piece], len(numbers))])
        return self._copies(numbers)

    def _copies(self, numbers: Integers) -> pa.Table:
        """Return rows by their numbers, of which there are some, in memory of their own."""
        if self.size_bytes <= _FEW_BYTES and self._pieces:
            # Arrow takes rows of one piece in less than half of the time, and refuses rows that there are not. A step
            # takes rows twice, and the next one's are joined to one piece then.
            if len(self._pieces) > 1:
                self._pieces = [pa.concat_batches(self._pieces)]
                self._sizes = [self._bytes_of(self._pieces[0])]
                self._firsts = [self._firsts[0], self._firsts[-1]]
                self._is_borrowed = False
            return pa.Table.from_batches([self._pieces[0].take(from_numpy(numbers))])
        # Most often all rows are in one piece; to look for the piece of each takes as long as to take the rows.
        first, last = np.searchsorted(self._firsts, [numbers.min(), numbers.max()], side="right") - 1
        if first == last:
            return pa.Table.from_batches([self._taken(int(first), numbers)])
        places = np.searchsorted(self._firsts, numbers, side="right") - 1
        # The number of the last row of all, and of those before the first, is no piece's: `_taken` says so.
        used = np.flatnonzero(np.bincount(places - first)) + first
        parts, order = [], np.empty(len(numbers), dtype=np.int64)
        count = 0
        for piece in used:
            here = np.flatnonzero(places == piece)
            parts.append(self._taken(int(piece), numbers[here]))
            order[here] = np.arange(count, count + len(here))
            count += len(here)
        together = pa.Table.from_batches(parts)
        return together if bool((np.diff(order) == 1).all()) else together.take(from_numpy(order))

    def _taken(self, piece: int, numbers: Integers) -> pa.RecordBatch:
        if not 0 <= piece < len(self._pieces):
            raise IndexError(f"there is no row {numbers[0]}: the last one is {self._firsts[-1] - 1}")
        return self._pieces[piece].take(from_numpy(numbers - self._firsts[piece]))
