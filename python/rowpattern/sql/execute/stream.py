"""A query over more than fits into memory: partition by partition, the answer batch by batch.

Rows pass through these steps, none of which holds more than a part of them: partitions are brought together in memory
where all rows fit, else DuckDB sorts, writing to disk what does not; whole partitions make blocks of some megabytes;
each block is answered like a table of its own; DuckDB computes what is around the clause.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.errors import QueryCancelledError, QueryError, UnsupportedQueryError
from rowpattern.sql.arrow.casting import has_intervals
from rowpattern.sql.duckdb.connection import database, spilling_database
from rowpattern.sql.duckdb.functions import RANDOM
from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.duckdb.spill_directory import remove_left_behind
from rowpattern.sql.execute.gathering import gathered_batches, given_away, partition_blocks
from rowpattern.sql.execute.output import answer_clause
from rowpattern.sql.execute.partition_runs import PartitionRuns
from rowpattern.sql.execute.query import (
    bound_clause,
    named_after,
    parsed_query,
    projected,
    refuse_windows,
    tables_of,
    zone_around,
)
from rowpattern.sql.execute.sort_carriers import SortCarriers
from rowpattern.sql.execute.stream_batches import (
    cast_table,
    empty_table,
    labels_of_columns,
    most_block_bytes,
    numbered,
    one_batch_table,
    order_by,
    plain_table,
    report_sort,
    reported_when_sorted,
    with_names,
)
from rowpattern.sql.execute.stream_blocks import PartitionBlocks
from rowpattern.sql.execute.text_parameters import with_constants
from rowpattern.sql.execute.time_zones import column_zones
from rowpattern.sql.expression.write import quoted
from rowpattern.sql.parse.parsed_query import result_name, shared_rows
from rowpattern.sql.runtime.reports import report_end
from rowpattern.sql.tables.answer_reader import AnswerReader
from rowpattern.sql.tables.answers import AnswerColumn, answer_values
from rowpattern.sql.tables.reading import counted_batches, lent_batches, supervised_batches
from rowpattern.sql.tables.streams import batch_rows, read_stream
from rowpattern.sql.tables.table import Table
from rowpattern.sql.text.source_location import error_at, nesting_limited
from rowpattern.sql.text.tokens import tokens_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.clause_arguments import Question
    from rowpattern.sql.parse.parsed_query import ParsedQuery, TextKey
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.streams import Stream

__all__ = ["stream_query"]


@nesting_limited("query")
def stream_query(
    question: Question, data: Any, named: Mapping[str, Any], context: ExecutionContext, *, in_order: bool
) -> pa.RecordBatchReader:
    """Answer a query as it is read; see `rowpattern.match_recognize`."""
    parsed = parsed_query(question, context)
    refuse_windows(
        parsed,
        "a row pattern in a window is not answered as a stream: each row's answer goes to what is around the window; "
        "leave out stream, or write MATCH_RECOGNIZE",
    )
    if len(parsed.clauses) != 1:
        location = parsed.clauses[1].location if parsed.clauses else None
        message = (
            "a stream is answered by one MATCH_RECOGNIZE; answer the inner one first, and give that to the outer one"
        )
        raise error_at(message, location, UnsupportedQueryError)
    _refuse_random_tables(parsed)
    streams = tables_of(parsed, data, named, lambda value, name: read_stream(value, name, context))
    streamed = _StreamedQuery(parsed, streams, context, in_order=in_order)
    return AnswerReader(streamed.schema, streamed.batches())


def _refuse_random_tables(parsed: ParsedQuery) -> None:
    """Refuse tables of WITH lists that would have other rows for the clause than around it.

    Raises:
        UnsupportedQueryError: there is one.
    """
    for text in parsed.shared.values():
        tokens = tokens_of(text)
        for word in (each.text for each, behind in zip(tokens, tokens[1:]) if behind.is_sign("(")):
            if lowered(word) in RANDOM:
                message = (
                    f"a table of the WITH list has {word}(), and a stream computes it for the clause and again for "
                    "what is around it; answer without stream, or give its rows as a table"
                )
                raise error_at(message, parsed.clauses[0].location, UnsupportedQueryError)


class _StreamedQuery:
    """One query being answered.

    Attributes:
        schema: of the answer.
    """

    def __init__(
        self, parsed: ParsedQuery, streams: dict[str, Stream], context: ExecutionContext, *, in_order: bool
    ) -> None:
        """Find out what the answer looks like, from tables of the same columns without rows.

        Raises:
            What answering the query over empty tables raises.
        """
        self._parsed = parsed
        self._streams = streams
        self._context = context
        self._in_order = in_order
        self._failed: Exception | None = None
        self._clause: Clause = parsed.clauses[0]
        around = parsed.projection is None
        self._schemas = [streams[name].schema for name in parsed.duckdb_tables]
        self._source_zone = zone_around(parsed, self._schemas, context)
        with database(context) as using:
            empty = self._source_empty(using.in_zone(self._source_zone))
            self._source = empty.schema
            self._labels = labels_of_columns(empty)
            self._keeps_intervals = any(has_intervals(field.type) for field in self._source)
            self._bound = bound_clause(parsed, self._clause, self._source.names, self._context)
            answer = self._answer(empty, using, context)
            self._answer_schema, self._answer_labels = answer.schema, labels_of_columns(answer)
            self.schema = self._answer_schema
            self._outer_zone = self._source_zone
            if around:
                self._schemas.append(self._answer_schema)
                self._outer_zone = zone_around(parsed, self._schemas, context)
                outer = using.in_zone(self._outer_zone)
                self._register(outer, empty=True)
                outer.register(result_name(self._clause), answer)
                self._check_reads()
                self.schema = self._plain(outer.query(self._text(None))).schema
        sorts = not in_order and bool(self._bound.partition_by or self._bound.order_by)
        self._sorts = sorts or self._clause.table is None
        self._number = "row"
        while self._number in self._source.names:
            self._number += "_"
        # The columns of the table before the clause, and the rows' numbers.
        self._types = self._source.append(pa.field(self._number, pa.int64()))
        self._blocks = PartitionBlocks(self._bound, self._clause.location, self._types, self._number, in_order=in_order)
        share = 1 / (1 + self._sorts + around)
        self._parts = {name: context.part(share) for name in ("sort", "blocks", "outer")}

    # What is read.

    def _register(self, using: Database, *, empty: bool) -> None:
        """Make tables known to DuckDB that the text reads elsewhere than directly before the clause."""
        for name in self._parsed.duckdb_tables:
            stream = self._streams[name]
            known = empty_table(stream.schema, stream.labels) if empty else self._read(stream, stream.schema.names)
            using.register(name, known, stream.labels)

    def _read(self, stream: Stream, names: Sequence[str]) -> pa.RecordBatchReader:
        schema = pa.schema([stream.schema.field(name) for name in names])
        return self._reader(schema, self._batches_of(stream, names, self._parts["sort"]))

    @staticmethod
    def _batches_of(stream: Stream, names: Sequence[str], context: ExecutionContext) -> Iterator[pa.RecordBatch]:
        """Read columns of a table, counted; others work while its batches are computed elsewhere."""
        batches = stream.batches(names)
        return counted_batches(batches if stream.in_memory else lent_batches(batches, context), context)

    def _source_empty(self, using: Database) -> pa.Table:
        """Return the table before the clause without its rows."""
        if self._clause.table is not None:
            stream = self._streams[self._clause.table]
            return empty_table(stream.schema, stream.labels)
        self._check_reads()
        self._register(using, empty=True)
        found = using.query(self._text(self._clause.number))
        return plain_table(named_after(found, self._source_zone, self._schemas))

    def _text(self, key: TextKey) -> str:
        """Return a text around the clause with the values of its parameters.

        Tables of WITH lists that other texts read too are computed for each: none has to fit into memory.
        """
        parsed = self._parsed
        text = parsed.shared[key] if isinstance(key, str) else parsed.outer if key is None else parsed.sources[key]
        text = with_constants(parsed, text, self._context)
        for name in parsed.shared_reads.get(key, ()):
            text = text.replace(shared_rows(name), f"({self._text(name)})")
        return text

    def _plain(self, table: pa.Table) -> pa.Table:
        """Return what DuckDB gave around the clause in the types of an answer."""
        table = named_after(table, self._outer_zone, self._schemas)
        return self._answered(table)

    def _answered(self, table: pa.Table) -> pa.Table:
        columns = [
            answer_values(values, name, keep_intervals=self._keeps_intervals)
            for name, values in zip(table.column_names, table.columns)
        ]
        return pa.Table.from_arrays(columns, names=table.column_names)

    def _check_reads(self) -> None:
        """Refuse a query that reads a table more often than it can be read."""
        for name, times in self._parsed.duckdb_tables.items():
            if times > 1:
                message = f"a stream reads {name} once only; read it once, or answer without stream"
                raise error_at(message, self._parsed.tables[name], UnsupportedQueryError)

    # What goes through.

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        """Compute the answer batch by batch. The clock stands still while the caller works."""
        runs = list(self._parts.values())
        with contextlib.ExitStack() as stack, self._reported():
            for each in runs:
                each.exclude_since(self._context.begun)
            # What it holds is free when it ends, and its connections and files are gone.
            stack.callback(self._context.run.end)
            try:
                answer, at_work = self._whole_answer(stack), self._parts["blocks"]
                while True:
                    # The caller's own work needs no place.
                    with at_work.admitted(again=True):
                        batch = next(answer, None)
                    if batch is None:
                        return
                    stopped = time.perf_counter()
                    at_work.answered_rows += batch.num_rows
                    yield batch
                    for each in runs:
                        each.exclude_since(stopped)
            except (QueryError, QueryCancelledError):
                failed, self._failed = self._failed, None
                if failed is None:
                    raise
                # DuckDB and Arrow have changed the error's type and message.
                raise failed from failed.__cause__

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        """Tell who wants to know when the answer was read, or the reader was closed."""
        failed: BaseException | None = None
        try:
            yield
        except GeneratorExit:
            raise
        except BaseException as error:
            failed = error
            raise
        finally:
            at_work = self._parts["blocks"]
            at_work.read_rows += self._parts["sort"].read_rows
            report_end(self._parsed.sql, at_work, failed)
            del failed

    def _whole_answer(self, stack: contextlib.ExitStack) -> Iterator[pa.RecordBatch]:
        answers = self._answers(stack)
        if self._parsed.projection is not None:
            yield from answers
            return
        using = stack.enter_context(spilling_database(self._parts["outer"], self._outer_zone))
        self._register(using, empty=False)
        using.register(result_name(self._clause), self._reader(self._answer_schema, answers), self._answer_labels)
        for batch in using.stream(self._text(None), batch_rows(self.schema)):
            yield from cast_table(self._plain(pa.Table.from_batches([batch])), self.schema).to_batches()

    def _ordered(self, stack: contextlib.ExitStack) -> Iterator[pa.Table]:
        """Read the table before the clause in order."""
        clause = self._clause
        names = self._names_read()
        if not self._sorts:
            stream = self._streams[clause.table or ""]
            batches = stream.batches(names)
            return map(
                one_batch_table, batches if stream.in_memory else supervised_batches(batches, self._parts["blocks"])
            )
        context = self._parts["sort"]
        using = stack.enter_context(spilling_database(context, self._source_zone))
        self._register(using, empty=False)
        by = (*self._bound.partition_by, *self._bound.order_by)
        keys = [] if self._in_order else [f"{key.sql} {key.direction}" for key in by]
        source = self._text(clause.number)
        sql = f"SELECT {', '.join(map(quoted, names))} FROM ({source}){order_by(keys)}"
        report_sort(context, done=False)
        return map(
            one_batch_table,
            reported_when_sorted(using.stream(sql, batch_rows(with_names(self._types, names))), context),
        )

    def _names_read(self) -> list[str]:
        """Return the columns that the clause reads of the table before it, at least one."""
        if self._bound.given:
            # What the caller's library reads is not known.
            return list(self._source.names)
        read = set(self._bound.reads())
        return [name for name in self._source.names if name in read] or self._source.names[:1]

    def _sorted_blocks(
        self, stack: contextlib.ExitStack, using: Database, blocks: ExecutionContext
    ) -> Iterator[pa.Table]:
        """Sort the table that stands before the clause: in memory, by runs on disk, or by DuckDB.

        In memory where the rows fit; by runs where keys are columns that Rust orders.
        """
        context = self._parts["sort"]
        partition_by = self._bound.partition_by
        stream, names = self._streams[self._clause.table or ""], self._names_read()
        batches = self._batches_of(stream, names, context)
        remove_left_behind()
        report_sort(context, done=False)
        if partition_by and all(key.column is not None for key in partition_by):
            read = iter(batches if stream.in_memory else supervised_batches(batches, context))
            schema, runs = with_names(self._types, names), None
            gathered, is_all = gathered_batches(read, context)
            if is_all:
                brought = partition_blocks(gathered, schema, partition_by, most_block_bytes(blocks), context)
            else:
                runs = PartitionRuns(schema, partition_by, stack, context)
                while runs.add(gathered) and not is_all:
                    gathered, is_all = gathered_batches(read, context)
                limit_bytes = int(blocks.memory_mb * 2**20)
                brought = None if gathered else runs.blocks(most_block_bytes(blocks), limit_bytes)
            if brought is not None:
                report_sort(context, done=True)
                yield from self._blocks.of_brought(brought, using, blocks)
                return
            batches = itertools.chain(() if runs is None else runs.batches(), given_away(gathered), batches)
        yield from self._blocks.gathered(self._sorted_by_duckdb(batches, names, stack), using, blocks)

    def _sorted_by_duckdb(
        self, batches: Iterable[pa.RecordBatch], names: list[str], stack: contextlib.ExitStack
    ) -> Iterator[pa.Table]:
        context = self._parts["sort"]
        using = stack.enter_context(spilling_database(context, self._key_zone()))
        by = (*self._bound.partition_by, *self._bound.order_by)
        labels = self._streams[self._clause.table or ""].labels
        carriers = SortCarriers(with_names(self._types, names), names, by, self._number, labels)
        counted = numbered(batches, self._number)
        using.register("rowpattern rows", self._reader(carriers.schema, map(carriers.give, counted)))
        sql = f'SELECT {", ".join(map(quoted, carriers.columns))} FROM "rowpattern rows"{order_by(carriers.keys)}'
        found = using.stream(sql, batch_rows(carriers.schema))
        return map(carriers.take, reported_when_sorted(found, context))

    def _key_zone(self) -> str | None:
        """Return the time zone in which the sort computes keys; None where none of them needs one."""
        keys = [key for key in (*self._bound.partition_by, *self._bound.order_by) if key.column is None]
        types = {name: self._source.field(name).type for key in keys for name in key.reads}
        every = sorted(set().union(*column_zones(types).values()))
        if len(every) > 1 and self._context.time_zone is None:
            message = f"keys that are computed read columns of the time zones {' and '.join(every)}"
            message += f"; name the one to compute in, as in time_zone={every[0]!r}"
            raise error_at(message, keys[0].location, QueryError)
        return self._context.time_zone or (every[0] if every else None)

    def _reader(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.RecordBatchReader:
        """Return a reader for DuckDB, which keeps the error that reading ends with."""

        def kept() -> Iterator[pa.RecordBatch]:
            try:
                yield from batches
            except Exception as error:
                self._failed = self._failed or error
                raise

        return pa.RecordBatchReader.from_batches(schema, kept())

    def _answers(self, stack: contextlib.ExitStack) -> Iterator[pa.RecordBatch]:
        """Answer the clause, block by block."""
        context = self._parts["blocks"]
        using = stack.enter_context(database(context))
        rows = batch_rows(self._answer_schema)
        if self._sorts and self._clause.table is not None:
            blocks = self._sorted_blocks(stack, using, context)
        else:
            blocks = self._blocks.gathered(self._ordered(stack), using, context)
        for block in blocks:
            with self._blocks.naming_largest(using, context):
                answer = self._answer(block, using, context)
            yield from cast_table(answer, self._answer_schema).to_batches(max_chunksize=rows)

    def _answer(self, table: pa.Table, using: Database, context: ExecutionContext) -> pa.Table:
        clause, _ = answer_clause(self._bound, Table(table), using, context)
        answer = projected(self._parsed, clause)
        if self._parsed.projection is None:
            return answer.arrow()
        keep = self._keeps_intervals
        answer.columns = [
            AnswerColumn(each.name, answer_values(each.arrow(), each.name, keep_intervals=keep), each.origin)
            if each.origin is None
            else each
            for each in answer.columns
        ]
        views = self._streams[self._clause.table].views if self._clause.table is not None else {}
        columns = [
            column.arrow() if (view := views.get(column.origin)) is None else column.arrow().cast(view)
            for column in answer.columns
        ]
        return pa.Table.from_arrays(columns, names=[column.name for column in answer.columns])
