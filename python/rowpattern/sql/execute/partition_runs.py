"""Streams larger than memory whose partitions are brought together by runs on disk: an external sort by PARTITION BY.

What fits into memory is brought together there and written to a file, a *run*, partition by partition. The keys of all
runs' partitions, one row each, are then sorted in memory, which gives each partition its place in the answer; blocks of
whole partitions are read from all runs at once, each run from its beginning to its end. Rows of a partition keep their
order: runs are in the order in which rows came. DuckDB's sort takes twice the time, as it merges rows.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.sizes import size_bytes
from rowpattern.sql.duckdb.spill_directory import FULL_DISK, made_spill_directory
from rowpattern.sql.execute.gathering import in_one_chunk, order_of_partitions, rows_between

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Iterator, Sequence

    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.bind.bound import Key
    from rowpattern.sql.duckdb.spill_directory import SpillDirectory
    from rowpattern.sql.execute.row_order import RowNumbers, RowOrder
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["PartitionRuns"]

# What is written and read at a time.
_BATCH_BYTES = 1 << 18
# All runs are read at once. More would take more files than a process may open, and more memory than this share.
_MOST_RUNS = 256
_BATCHES_SHARE = 1 / 4
# Of the sort's memory, the keys of partitions with what sorting them takes.
_KEYS_SHARE = 1 / 2
_SORT_KEY_BYTES = 60


class _Run(NamedTuple):
    """Rows that were brought together; one key, and the number of rows, for each partition."""

    path: Path
    keys: pa.Table
    counts: Integers


class PartitionRuns:
    """Runs of one stream, in the order in which their rows came."""

    def __init__(
        self, schema: pa.Schema, partition_by: Sequence[Key], stack: contextlib.ExitStack, context: ExecutionContext
    ) -> None:
        """Prepare for rows of these columns; what is written goes, at the latest, with the stack."""
        self._schema = schema
        self._partition_by = partition_by
        self._names = list(dict.fromkeys(key.column or "" for key in partition_by))
        self._stack = stack
        self._directory: SpillDirectory | None = None
        self._context = context
        self._runs: list[_Run] = []
        self._key_bytes = 0
        self._process = os.getpid()

    def add(self, gathered: list[pa.RecordBatch]) -> bool:
        """Bring rows together and write them; say False, and leave them, where they have to be sorted by DuckDB.

        Raises:
            QueryLimitError: a limit was passed, or the disk is full.
        """
        limit_bytes = self._context.memory_mb * 2**20
        if len(self._runs) >= min(_MOST_RUNS, limit_bytes * _BATCHES_SHARE / _BATCH_BYTES):
            return False
        if any(pa.types.is_dictionary(field.type) for field in self._schema):
            # Each batch may have a dictionary of its own.
            return False
        if not any(batch.num_rows for batch in gathered):
            gathered.clear()
            return True
        found = order_of_partitions(gathered, self._schema, self._partition_by, self._context)
        if found is None:
            return False
        table, order = found
        firsts = order.starts if order.order is None else order.order[order.starts]
        keys = table.select(self._names).take(from_numpy(np.asarray(firsts, dtype=np.int64))).combine_chunks()
        key_bytes = size_bytes(keys) + _SORT_KEY_BYTES * len(order.starts)
        if self._key_bytes + key_bytes > limit_bytes * _KEYS_SHARE:
            self._context.release(order.held_bytes)
            return False
        self._key_bytes += key_bytes
        gathered.clear()
        if self._directory is None:
            self._directory = made_spill_directory()
            self._stack.callback(self._directory.remove)
        path = Path(self._directory.path, f"run-{len(self._runs)}.arrows")
        try:
            self._write(path, table, order.order)
        except OSError as error:
            if error.errno in FULL_DISK:
                raise self._directory.full(self._context) from error
            raise
        self._runs.append(_Run(path, keys, _counts(order, table.num_rows)))
        self._context.release(order.held_bytes)
        return True

    def _write(self, path: Path, table: pa.Table, order: RowNumbers | None) -> None:
        path.parent.mkdir(exist_ok=True)
        columns = list(table.columns)
        in_one_chunk(columns)
        rows = table.num_rows
        step = max(1, _BATCH_BYTES * rows // max(1, size_bytes(table)))
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, self._schema) as writer:
            for first in range(0, rows, step):
                self._context.check()
                writer.write_table(rows_between(columns, self._schema, order, first, min(first + step, rows)))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read all rows, run by run."""
        for run in self._runs:
            with pa.OSFile(str(run.path)) as file:
                yield from pa.ipc.open_stream(file)
            run.path.unlink()

    def blocks(self, most_bytes: int, limit_bytes: int) -> Iterator[tuple[pa.Table, Integers]] | None:
        """Read blocks of whole partitions, in their order, and where in each partitions begin; None where DuckDB must.

        Args:
            most_bytes: what a block has at most, unless a partition has more.
            limit_bytes: what the caller can hold; a block that would have more ends soon behind it, and is the last.

        Raises:
            QueryLimitError: time is over; the caller went on behind a block that has more than its limit.
        """
        keys = pa.concat_tables([run.keys for run in self._runs])
        keys = keys.combine_chunks()
        found = order_of_partitions(keys.to_batches(), keys.schema, self._partition_by, self._context)
        if found is None:
            return None
        _, order = found
        partitions = len(order.starts)
        places = np.repeat(np.arange(partitions), _counts(order, keys.num_rows))
        if order.order is not None:
            in_order, places = places, np.empty(keys.num_rows, dtype=np.int64)
            places[order.order] = in_order
        self._context.release(order.held_bytes)
        bounds = np.cumsum([0, *(len(run.counts) for run in self._runs)])
        of_runs = [places[begin:end] for begin, end in zip(bounds[:-1], bounds[1:])]
        return self._merged(of_runs, partitions, most_bytes, limit_bytes)

    def _merged(
        self, places: list[Integers], partitions: int, most_bytes: int, limit_bytes: int
    ) -> Iterator[tuple[pa.Table, Integers]]:
        """Read partitions; `places` has for each run which of all partitions each of its own is."""
        counts = [run.counts for run in self._runs]
        rows = np.zeros(partitions, dtype=np.int64)
        for at, of in zip(places, counts):
            rows[at] += of
        behind = np.append(0, np.cumsum(rows))
        readers = [_RunReader(run.path, self._schema) for run in self._runs]
        most_rows: int | None = None
        begin = 0
        while begin < partitions:
            if os.getpid() != self._process:
                # Parent and child would move through one file together.
                raise QueryError("a stream cannot be read in a forked child of the process that made it")
            self._context.check()
            # How much a row takes is known when some are there.
            reach = behind[begin] + (most_rows or 1)
            end = max(begin + 1, int(np.searchsorted(behind, reach, side="right")) - 1)
            pieces, of_pieces, left_bytes = [], [], limit_bytes
            for reader, at, of in zip(readers, places, counts):
                first, last = np.searchsorted(at, [begin, end])
                numbers = np.repeat(at[first:last], of[first:last])
                piece = reader.read(len(numbers), left_bytes)
                of_pieces.append(numbers[: piece.num_rows])
                pieces.append(piece)
                left_bytes -= size_bytes(piece)
                if left_bytes < 0:
                    yield pa.concat_tables(pieces), np.zeros(1, dtype=np.int64)
                    raise self._context.memory_error("a partition")
            numbers = np.concatenate(of_pieces)
            columns = list(pa.concat_tables(pieces).columns)
            in_one_chunk(columns)
            # Each run has its numbers in order, which are merged.
            order = np.argsort(numbers, kind="stable")
            block = rows_between(columns, self._schema, order, 0, len(numbers))
            most_rows = max(1, most_bytes * block.num_rows // max(1, size_bytes(block)))
            yield block, behind[begin:end] - behind[begin]
            begin = end
        for reader in readers:
            reader.close()


def _counts(order: RowOrder, rows: int) -> Integers:
    """Return how many rows each partition has."""
    return np.diff(np.append(order.starts, rows))


class _RunReader:
    """Reads a run from its beginning to its end, and removes it."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._file = pa.OSFile(str(path))
        self._reader = pa.ipc.open_stream(self._file)
        # Rows that were read and not asked for yet.
        self._left = pa.Table.from_batches([], schema)

    def read(self, rows: int, most_bytes: int) -> pa.Table:
        """Read the next rows, which the run has; not all of them where they have more than so many bytes."""
        found = [self._left]
        there, taken = self._left.num_rows, size_bytes(self._left)
        while there < rows and taken <= most_bytes:
            found.append(pa.Table.from_batches([self._reader.read_next_batch()]))
            there += found[-1].num_rows
            taken += size_bytes(found[-1])
        table = pa.concat_tables(found)
        self._left = table.slice(rows)
        return table.slice(0, rows)

    def close(self) -> None:
        self._file.close()
        self._path.unlink()
