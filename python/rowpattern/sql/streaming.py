"""A query over more than fits into memory: partition by partition, the answer batch by batch.

Rows go through these hands, none of which holds more than a part of them: partitions are brought together in memory
where all rows fit, else DuckDB sorts, writing to disk what does not; whole partitions make blocks of some megabytes;
each block is answered like a table of its own; DuckDB computes what is around the clause.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError, RowPatternError, UnsupportedQueryError
from rowpattern.sql.answer_reader import AnswerReader
from rowpattern.sql.arrange import arrange
from rowpattern.sql.binding import Key
from rowpattern.sql.carrying import Carrying
from rowpattern.sql.casting import as_type
from rowpattern.sql.database import database, spilling_database
from rowpattern.sql.expression.write import quoted
from rowpattern.sql.gathering import gathered_batches, given_away, partition_blocks
from rowpattern.sql.largest import LargestPartition
from rowpattern.sql.output import answer_clause
from rowpattern.sql.parse.parser import result_name
from rowpattern.sql.problems import nesting_limited, problem
from rowpattern.sql.query import bound_clause, parsed_query, projected, tables_of
from rowpattern.sql.reading import attended_batches, counted_batches, size_bytes
from rowpattern.sql.running import Progress
from rowpattern.sql.spilling import remove_left_behind
from rowpattern.sql.streams import batch_rows, read_stream
from rowpattern.sql.tables import Table, plain_integers

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from rowpattern.sql.database import Database
    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.parser import ParsedQuery
    from rowpattern.sql.running import Run
    from rowpattern.sql.streams import Stream

__all__ = ["stream_query"]

# A block has at most this part of the memory: answering it takes some times as much.
_BLOCK_SHARE = 1 / 16
_MOST_BLOCK_BYTES = 16 << 20


@nesting_limited("query")
def stream_query(sql: str, data: Any, named: Mapping[str, Any], run: Run, *, in_order: bool) -> pa.RecordBatchReader:
    """Answer a query as it is read; see `rowpattern.match_recognize`."""
    parsed = parsed_query(sql, run)
    if len(parsed.clauses) != 1:
        place = parsed.clauses[1].place if parsed.clauses else None
        message = (
            "a stream is answered by one MATCH_RECOGNIZE; answer the inner one first, and give that to the outer one"
        )
        raise problem(message, place, UnsupportedQueryError)
    streams = tables_of(parsed, data, named, lambda value, name: read_stream(value, name, run))
    streamed = _StreamedQuery(parsed, streams, run, in_order=in_order)
    return AnswerReader(streamed.schema, streamed.batches())


class _StreamedQuery:
    """One query being answered.

    Attributes:
        schema: of the answer.
    """

    def __init__(self, parsed: ParsedQuery, streams: dict[str, Stream], run: Run, *, in_order: bool) -> None:
        """Find out what the answer looks like, from tables of the same columns without rows.

        Raises:
            What answering the query over empty tables raises.
        """
        self._parsed = parsed
        self._streams = streams
        self._run = run
        self._in_order = in_order
        self._failed: Exception | None = None
        self._clause: Clause = parsed.clauses[0]
        around = parsed.projection is None
        with database(run) as using:
            self._register(using, empty=True)
            self._source = self._source_schema(using)
            self._bound = bound_clause(parsed, self._clause, self._source.names)
            self._answer_schema = self._answer(_empty(self._source), using, run).schema
            self.schema = self._answer_schema
            if around:
                using.register(result_name(self._clause), _empty(self._answer_schema))
                self._check_reads()
                self.schema = _plain(using.query(parsed.outer)).schema
        sorts = not in_order and bool(self._bound.partition_by or self._bound.order_by)
        self._sorts = sorts or self._clause.table is None
        self._largest = LargestPartition(self._bound.partition_by)
        self._number = "row"
        while self._number in self._source.names:
            self._number += "_"
        share = 1 / (1 + self._sorts + around)
        self._parts = {name: run.part(share) for name in ("sort", "blocks", "outer")}

    # What is read.

    def _register(self, using: Database, *, empty: bool) -> None:
        """Make tables known to DuckDB that the text reads elsewhere than directly before the clause."""
        for name in self._parsed.duckdb_tables:
            stream = self._streams[name]
            known = _empty(stream.schema) if empty else self._read(stream, stream.schema.names)
            using.register(name, known)

    def _read(self, stream: Stream, names: Sequence[str]) -> pa.RecordBatchReader:
        schema = pa.schema([stream.schema.field(name) for name in names])
        return self._reader(schema, counted_batches(stream.batches(names), self._parts["sort"]))

    def _source_schema(self, using: Database) -> pa.Schema:
        if self._clause.table is not None:
            return self._streams[self._clause.table].schema
        self._check_reads()
        return _plain(using.query(self._parsed.sources[self._clause.number])).schema

    def _check_reads(self) -> None:
        """Refuse a query that reads a table more often than it can be read."""
        for name, times in self._parsed.duckdb_tables.items():
            if times > 1:
                message = f"a stream reads {name} once only; read it once, or answer without stream"
                raise problem(message, self._parsed.tables[name], UnsupportedQueryError)

    # What goes through.

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        """Compute the answer batch by batch. The clock stands still while the caller works."""
        runs = list(self._parts.values())
        with contextlib.ExitStack() as stack:
            for each in runs:
                each.wait(self._run.begun)
            try:
                for batch in self._answered(stack):
                    stopped = time.perf_counter()
                    yield batch
                    for each in runs:
                        each.wait(stopped)
            except QueryError:
                failed, self._failed = self._failed, None
                if failed is None:
                    raise
                # What DuckDB says of it has been through its hands, and Arrow's.
                raise failed from failed.__cause__

    def _answered(self, stack: contextlib.ExitStack) -> Iterator[pa.RecordBatch]:
        answers = self._answers(stack)
        if self._parsed.projection is not None:
            yield from answers
            return
        using = stack.enter_context(spilling_database(self._parts["outer"]))
        self._register(using, empty=False)
        using.register(result_name(self._clause), self._reader(self._answer_schema, answers))
        for batch in using.stream(self._parsed.outer, batch_rows(self.schema)):
            yield from _cast(_plain(pa.Table.from_batches([batch])), self.schema).to_batches()

    def _ordered(self, stack: contextlib.ExitStack) -> Iterator[pa.Table]:
        """Read the table before the clause in order."""
        clause = self._clause
        names = self._names_read()
        if not self._sorts:
            stream = self._streams[clause.table or ""]
            batches = stream.batches(names)
            return map(_table, batches if stream.in_memory else attended_batches(batches, self._parts["blocks"]))
        run = self._parts["sort"]
        using = stack.enter_context(spilling_database(run))
        self._register(using, empty=False)
        by = (*self._bound.partition_by, *self._bound.order_by)
        keys = [] if self._in_order else [f"{key.sql} {key.direction}" for key in by]
        sql = f"SELECT {', '.join(map(quoted, names))} FROM ({self._parsed.sources[clause.number]}){_order_by(keys)}"
        _tell_sort(run, done=False)
        return map(_table, _told_when_sorted(using.stream(sql, batch_rows(self._columns(names))), run))

    def _names_read(self) -> list[str]:
        """Return the columns that the clause reads of the table before it, at least one."""
        read = set(self._bound.reads())
        return [name for name in self._source.names if name in read] or self._source.names[:1]

    def _sorted_blocks(self, stack: contextlib.ExitStack, using: Database, blocks: Run) -> Iterator[pa.Table]:
        """Sort the table that stands before the clause, in memory where it fits, else by DuckDB."""
        run = self._parts["sort"]
        partition_by = self._bound.partition_by
        stream, names = self._streams[self._clause.table or ""], self._names_read()
        batches = counted_batches(stream.batches(names), run)
        remove_left_behind()
        _tell_sort(run, done=False)
        if partition_by and all(key.column is not None for key in partition_by):
            read = batches if stream.in_memory else attended_batches(batches, run)
            gathered, is_all = gathered_batches(read, run)
            schema = self._columns(names)
            brought = partition_blocks(gathered, schema, partition_by, _most(blocks), run) if is_all else None
            if brought is not None:
                _tell_sort(run, done=True)
                yield from self._brought_together(brought, using, blocks)
                return
            batches = itertools.chain(given_away(gathered), batches)
        yield from self._blocks(self._sorted_by_duckdb(batches, names, stack), using, blocks)

    def _brought_together(
        self, brought: Iterable[tuple[pa.Table, Any]], using: Database, run: Run
    ) -> Iterator[pa.Table]:
        for block, starts in brought:
            self._largest.forget()
            self._largest.add(block, starts)
            run.held_bytes = 0
            with self._naming_largest(using, run):
                run.hold(size_bytes(block))
            yield block

    def _sorted_by_duckdb(
        self, batches: Iterable[pa.RecordBatch], names: list[str], stack: contextlib.ExitStack
    ) -> Iterator[pa.Table]:
        run = self._parts["sort"]
        using = stack.enter_context(spilling_database(run))
        by = (*self._bound.partition_by, *self._bound.order_by)
        carrying = Carrying(self._columns(names), names, by, self._number)
        numbered = _numbered(batches, self._number)
        using.register("rowpattern rows", self._reader(carrying.schema, map(carrying.give, numbered)))
        sql = f'SELECT {", ".join(map(quoted, carrying.columns))} FROM "rowpattern rows"{_order_by(carrying.keys)}'
        found = using.stream(sql, batch_rows(carrying.schema))
        return map(carrying.take, _told_when_sorted(found, run))

    def _reader(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.RecordBatchReader:
        """Return a reader for DuckDB, which keeps the error that reading ends with."""

        def kept() -> Iterator[pa.RecordBatch]:
            try:
                yield from batches
            except Exception as error:
                self._failed = self._failed or error
                raise

        return pa.RecordBatchReader.from_batches(schema, kept())

    def _columns(self, names: Sequence[str]) -> pa.Schema:
        """Return the types of columns of the table before the clause, and of the rows' numbers."""
        number = pa.field(self._number, pa.int64())
        return pa.schema([number if name == self._number else self._source.field(name) for name in names])

    def _answers(self, stack: contextlib.ExitStack) -> Iterator[pa.RecordBatch]:
        """Answer the clause, block by block."""
        run = self._parts["blocks"]
        using = stack.enter_context(database(run))
        rows = batch_rows(self._answer_schema)
        if self._sorts and self._clause.table is not None:
            blocks = self._sorted_blocks(stack, using, run)
        else:
            blocks = self._blocks(self._ordered(stack), using, run)
        for block in blocks:
            with self._naming_largest(using, run):
                answer = self._answer(block, using, run)
            yield from _cast(answer, self._answer_schema).to_batches(max_chunksize=rows)

    def _answer(self, table: pa.Table, using: Database, run: Run) -> pa.Table:
        clause, _ = answer_clause(self._bound, Table(table), using, run)
        answer = projected(self._parsed, clause)
        if self._parsed.projection is None:
            return answer.arrow()
        views = self._streams[self._clause.table].views if self._clause.table is not None else {}
        columns = [
            column.arrow() if (view := views.get(column.origin)) is None else column.arrow().cast(view)
            for column in answer.columns
        ]
        return pa.Table.from_arrays(columns, names=[column.name for column in answer.columns])

    def _blocks(self, tables: Iterable[pa.Table], using: Database, run: Run) -> Iterator[pa.Table]:
        """Gather whole partitions.

        Raises:
            QueryLimitError: one does not fit into memory.
        """
        most = _most(run)
        gathered: list[pa.Table] = []
        gathered_bytes = 0
        last: pa.Table | None = None
        for each in (piece for whole in tables for piece in _slices(whole, most)):
            table = _cast(each, self._columns(each.schema.names))
            starts = self._starts(table, last, using, run)
            last = table.slice(table.num_rows - 1)
            table_bytes = size_bytes(table)
            cut = len(starts) > 0 and gathered_bytes + table_bytes > most
            if cut:
                at = int(starts[-1])
                gathered.append(table.slice(0, at))
                self._largest.add(table.slice(0, at), starts[:-1])
            else:
                self._largest.add(table, starts)
            with self._naming_largest(using, run):
                run.hold(table_bytes)
            if cut:
                yield self._as_they_came(pa.concat_tables(gathered), using, run)
                gathered, gathered_bytes, table = [], 0, table.slice(at)
                self._largest.forget()
                self._largest.add(table, [0])
                run.held_bytes = table_bytes = size_bytes(table)
                pa.default_memory_pool().release_unused()
            gathered.append(table)
            gathered_bytes += table_bytes
        if gathered:
            yield self._as_they_came(pa.concat_tables(gathered), using, run)

    @contextlib.contextmanager
    def _naming_largest(self, using: Database, run: Run) -> Iterator[None]:
        """Say in the error for memory that is used up which partition was the largest."""
        try:
            yield
        except QueryLimitError as error:
            if not run.seconds_left:
                raise
            try:
                what = self._largest.named(using)
            except RowPatternError:
                raise error from None
            raise run.too_large(what) from None

    def _as_they_came(self, block: pa.Table, using: Database, run: Run) -> pa.Table:
        """Give rows that are equal in ORDER BY the order that they had.

        As a key of the large sort, the rows' numbers doubled its time; here they are looked at, and few blocks sorted.
        """
        if self._number not in block.column_names:
            return block
        number = Key(self._number, self._number, quoted(self._number), (self._number,))
        with self._naming_largest(using, run):
            rows = arrange(Table(block), self._bound.partition_by, (*self._bound.order_by, number), using, run)
        if rows.order is not None:
            block = pa.table({name: rows.column(name) for name in block.column_names})
        return block.drop_columns([self._number])

    def _starts(self, table: pa.Table, last: pa.Table | None, using: Database, run: Run) -> Any:
        """Return the rows of a batch that begin a partition, given the row before it."""
        seen = table if last is None else pa.concat_tables([last, table])
        order_by = self._bound.order_by if self._in_order else ()
        rows = arrange(Table(seen), self._bound.partition_by, order_by, using, run)
        if rows.order is not None:
            wrong = np.flatnonzero(rows.order != np.arange(rows.count))
            if len(wrong):
                message = "the rows of the stream are not in the order of PARTITION BY and ORDER BY"
                raise problem(f"{message}; give stream=True, which sorts them", self._clause.place, QueryError)
        if last is None:
            return rows.starts
        return rows.starts[1:] - 1


def _empty(schema: pa.Schema) -> pa.Table:
    # `schema.empty_table()` does not know unions.
    return pa.Table.from_batches([], schema)


def _order_by(keys: Sequence[str]) -> str:
    return f" ORDER BY {', '.join(keys)}" if keys else ""


def _table(batch: pa.RecordBatch) -> pa.Table:
    return pa.Table.from_batches([batch])


def _most(run: Run) -> int:
    """Return how many bytes a block has at most, unless a partition has more."""
    return min(_MOST_BLOCK_BYTES, int(run.memory_mb * 2**20 * _BLOCK_SHARE))


def _tell_sort(run: Run, *, done: bool) -> None:
    rows, size = (run.read_rows, run.read_bytes) if done else (0, 0)
    run.report(Progress("sort", rows, time.perf_counter() - run.begun, done=done, size_bytes=size))


def _told_when_sorted(batches: Iterable[pa.RecordBatch], run: Run) -> Iterator[pa.RecordBatch]:
    """Tell when a sort has ended: then its first batch comes."""
    sorting = True
    for batch in batches:
        if sorting:
            sorting = False
            _tell_sort(run, done=True)
        yield batch


def _slices(table: pa.Table, most_bytes: int) -> Iterator[pa.Table]:
    """Cut a table of rows that are wider than they seemed into tables of about so many bytes."""
    rows = table.num_rows
    step = max(1, int(rows * min(1.0, most_bytes / max(1, size_bytes(table)))))
    for first in range(0, rows, step):
        yield table.slice(first, step)


def _numbered(batches: Iterable[pa.RecordBatch], name: str) -> Iterator[pa.RecordBatch]:
    first = 0
    for batch in batches:
        yield batch.append_column(name, pa.array(np.arange(first, first + batch.num_rows)))
        first += batch.num_rows


def _plain(table: pa.Table) -> pa.Table:
    """Return what DuckDB gave with its sums as int64 where they fit."""
    return pa.Table.from_arrays([plain_integers(values) for values in table.columns], names=table.column_names)


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give columns the types that they were said to have."""
    columns = [as_type(values, field.type, field.name) for field, values in zip(schema, table.columns)]
    return pa.Table.from_arrays(columns, schema=schema)
