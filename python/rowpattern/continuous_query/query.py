"""`ContinuousQuery`: a query over rows that come batch by batch."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.continuous_query.answer_tables import AnswerTables
from rowpattern.continuous_query.bound_query import bound_query
from rowpattern.continuous_query.clause_stream import ClauseStream, Decided, computed_key
from rowpattern.continuous_query.event_keys import OrderKey
from rowpattern.continuous_query.event_time import EventTime
from rowpattern.continuous_query.match_bounds import MatchBounds
from rowpattern.continuous_query.row_schema import RowSchema, record_batch
from rowpattern.errors import ConfigurationError, QueryError, QueryLimitError, UnsupportedQueryError
from rowpattern.sql import execution_context
from rowpattern.sql.duckdb.connection import database
from rowpattern.sql.execute.sort import key_values
from rowpattern.sql.tables.inputs import Table
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rowpattern._core import CancelToken
    from rowpattern.continuous_query.event_keys import Lateness
    from rowpattern.continuous_query.event_time import Admitted
    from rowpattern.continuous_query.row_schema import ReadRows
    from rowpattern.sql.bind.bound import Key
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.kinds import Parameters
    from rowpattern.sql.parse.clause_arguments import Question
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["ContinuousQuery", "OpenMatch", "OpenState", "QueryOptions"]

_MEGABYTE = 1 << 20


class OpenMatch(NamedTuple):
    """A match that has begun and is not certain.

    Attributes:
        partition: the partition's keys by name.
        begun: the first row's key of ORDER BY; None without ORDER BY.
        rows: how many rows of the partition have come since, the first one included.
    """

    partition: dict[str, Any]
    begun: Any
    rows: int


class OpenState(NamedTuple):
    """What a continuous query keeps.

    Attributes:
        partitions: of how many partitions something is kept.
        rows: how many rows are kept: those of matches that may still come, and of those around them that are read.
        unreleased_rows: how many rows wait, as others before them may be late.
        size_bytes: the bytes of all.
        oldest: the open match whose first row came first; None where no match is open.
        watermark: no row to come has a first key of ORDER BY before it; None where nothing is known.
    """

    partitions: int
    rows: int
    unreleased_rows: int
    size_bytes: int
    oldest: OpenMatch | None
    watermark: Any


class QueryOptions(NamedTuple):
    """How a continuous query is answered: the arguments of `rowpattern.continuous` beside the query and the schema."""

    lateness: Lateness | None = None
    late: Literal["raise", "drop", "collect"] = "raise"
    order: Literal["match", "certain"] = "match"
    idle: Lateness | None = None
    memory_limit_mb: float | None = None
    threads: int | None = None
    time_zone: str | None = None
    prefer: Literal["first", "longest"] = "first"
    parameters: Parameters = None
    cancel: CancelToken | None = None


class ContinuousQuery:
    """A query over rows that come batch by batch; `rowpattern.continuous` makes it.

    One batch is taken at a time; threads that push at once wait for each other.
    """

    def __init__(self, question: Question, schema: Any, options: QueryOptions) -> None:
        """Read a query, and begin without rows."""
        self._question = question
        self._options = options
        self._lock = threading.RLock()
        self._schema = RowSchema(schema)
        self._positions = b""
        self._is_finished = False
        self._failed: Exception | None = None
        self._counts = {"rows": 0, "answered": 0, "matches": 0, "expired": 0}
        self._late: pa.Table | None = None
        self._expired: list[dict[str, Any]] = []
        context = self._context()
        with context.admitted(), database(context) as using:
            self._query = bound_query(question, self._schema, using, context)
            self._begin(using, context)
        context.run.end()

    def _begin(self, using: Database, context: ExecutionContext) -> None:
        query, options = self._query, self._options
        bound = query.bound
        _check_order(options.order, self._query.reach.numbered, bound)
        types = {name: query.rows.column(name).type for name in bound.reads()}
        keys = (*bound.partition_by, *bound.order_by)
        self._computed = {computed_key(number): key for number, key in enumerate(keys) if key.column is None}
        if self._computed:
            values = key_values(query.rows, list(self._computed.values()), using)
            types |= {name: values[key.sql].type for name, key in self._computed.items()}
        # Without a column the number of rows would not be known.
        self._types = types or {query.rows.names[0]: query.rows.column(query.rows.names[0]).type}
        names = [key.column or computed_key(number) for number, key in enumerate(keys)]
        self._partition_by = names[: len(bound.partition_by)]
        order_by = [
            OrderKey(name, key.descending, key.nulls_first)
            for name, key in zip(names[len(bound.partition_by) :], bound.order_by)
        ]
        self._order_by = [each.column for each in order_by]
        self._event_time = EventTime(
            order_by,
            pa.schema(self._types),
            partition_by=self._partition_by,
            lateness=options.lateness,
            late=options.late,
        )
        bounds = None
        if bound.within is not None or options.idle is not None:
            if not order_by:
                raise ConfigurationError("idle needs ORDER BY: without it there is no time in which rows do not come")
            bounds = MatchBounds(order_by[0], self._types[order_by[0].column], bound.within, options.idle, using)
        self._stream = ClauseStream(query, self._types, bounds, order=options.order, prefer=options.prefer)
        self._answers = AnswerTables(query, self._schema, using, context)

    # What callers do.

    def push(self, batch: Any, source: str | None = None) -> Any:
        """Take a batch of rows, and give what is certain with them.

        Args:
            batch: rows with the columns of the schema, in any order of columns: a pyarrow RecordBatch or Table, a pandas
                or Polars frame, or anything with Arrow's stream interface. Columns that the query does not read may lack.
            source: the name of where they come from, where there are several sources whose rows are in time each on
                their own (as a topic's partition); rows are released when every source is past them.

        Returns:
            a table of the kind given: the answer's rows for all matches that are certain now and were not before, in the
            order of the rows that decided them; within a partition in the order of the batch's answer. It has the same
            columns and types whether it has rows or not. All pushes and `finish` together give what `match_recognize`
            gives over all rows.

        Raises:
            LateRowError: a row is late, or out of order, and `late="raise"`.
            QueryError: the batch has no such column, or a condition or a measure cannot be computed.
            RowsError: a value cannot be read.
            QueryLimitError: what has to be kept is more than `memory_limit_mb`; the message names the oldest open match.
            QueryCancelledError: the query's token was cancelled.
            SkipError: AFTER MATCH SKIP has nowhere to go. What was decided before is given first, and this raised by the
                next call.
            TypeError: it is no table.

        After any error but SkipError the query is as though the batch had not come. Takes time linear in the rows where rows
        alone decide conditions, and the interpreter is released meanwhile. Memory: the rows that a match may still need.

        Example:
            >>> import pyarrow as pa
            >>> import rowpattern
            >>> query = rowpattern.continuous('''
            ...     SELECT * FROM logins MATCH_RECOGNIZE (
            ...         PARTITION BY user ORDER BY at
            ...         MEASURES count(FAILED.*) AS failures, SUCCEEDED.at AS at
            ...         PATTERN (FAILED{2,} SUCCEEDED)
            ...         DEFINE FAILED AS event = 'failure', SUCCEEDED AS event = 'success')''',
            ...     pa.schema({"user": pa.string(), "at": pa.int64(), "event": pa.string()}))
            >>> query.push(pa.table({"user": ["a", "b", "a"], "at": [1, 2, 3], "event": ["failure"] * 3})).num_rows
            0
            >>> query.push(pa.table({"user": ["a"], "at": [4], "event": ["success"]})).to_pylist()
            [{'user': 'a', 'failures': 2, 'at': 4}]
        """
        with self._step() as (using, context):
            read = self._schema.read(batch, self._query.read)
            self._answers.note(read)
            rows = self._clause_rows(read, using, context)
            self._check_memory(rows)
            admitted = self._event_time.admit(rows, source or "")
            answer = self._taken(admitted, using, context)
            self._counts["rows"] += rows.num_rows
            return answer

    def advance(self, time: Any, source: str | None = None) -> Any:
        """Take the promise that no later row has a first key of ORDER BY before a time, and give what is certain by that.

        Args:
            time: a value of that key: a datetime or a text of ISO 8601 for timestamps, a date, a number.
            source: whose rows; None for those of all sources.

        Returns:
            as for `push`; of the kind given last.

        Raises:
            ConfigurationError: it is no value of the key; or there is no ORDER BY.
            What `push` raises.

        Rows that are below the time are late from now on. Takes time linear in the rows that are released, and the matches
        that end.
        """
        with self._step() as (using, context):
            return self._taken(self._event_time.advance(time, source), using, context)

    def finish(self, partition: Any = None) -> Any:
        """End the stream, or one partition: no row comes any more, and what was open is decided.

        Args:
            partition: the keys of PARTITION BY of the one that ends: a mapping of names to values, the values in order, or
                the value where there is one key. None ends all; the query takes no rows afterwards.

        Returns:
            as for `push`; of the kind given last.

        Raises:
            ConfigurationError: there are not so many keys.
            What `push` raises.
        """
        with self._step() as (using, context):
            if partition is None:
                first = self._taken(self._event_time.finish(), using, context, finishes=True)
                self._is_finished = True
                return first
            keys = self._key_columns(partition)
            admitted = self._event_time.finish(lambda rows: _equal_rows(rows, self._partition_by, keys))
            return self._taken(admitted, using, context, finishes=True, keys=keys)

    def run(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Push batches, one after another, and give what is certain: tables that have rows; `finish` comes last.

        Args:
            batches: batches, or pairs of a batch and its source.

        Raises:
            What `push` raises.
        """
        from rowpattern.continuous_query.sources import run

        return run(self, batches)

    def run_async(self, source: Any) -> Any:
        """As `run`, over an asynchronous iterator; batches are pushed in another thread.

        Args:
            source: gives batches, or pairs of a batch and its source.
        """
        from rowpattern.continuous_query.sources import run_async

        return run_async(self, source)

    @property
    def positions(self) -> bytes:
        """What the caller stored with the checkpoint from which the query was restored; nothing before."""
        return self._positions

    @property
    def late_rows(self) -> Any:
        """The rows that were late in the last call, with `late="collect"`: a table of the kind given, of the columns that are read."""
        late = self._event_time_rows() if self._late is None else self._late
        return self._answers.rows(late.select([name for name in late.column_names if name not in self._computed]))

    @property
    def expired(self) -> list[dict[str, Any]]:
        """The keys of the partitions that ended in the last call, as no rows of theirs came for as long as `idle` says."""
        return list(self._expired)

    def state(self) -> OpenState:
        """Return what is kept. Takes time linear in the open partitions, as the oldest match is looked for."""
        with self._lock:
            partitions, rows, size_bytes = self._stream.counts
            watermark = self._event_time.watermark
            return OpenState(
                partitions,
                rows,
                self._event_time.unreleased_rows,
                size_bytes + self._event_time.unreleased_bytes,
                self._oldest(),
                None if watermark is None else watermark.as_py(),
            )

    # How.

    def _context(self) -> ExecutionContext:
        options = self._options
        return execution_context(
            options.memory_limit_mb,
            None,
            options.threads,
            None,
            options.time_zone,
            options.cancel,
            options.parameters,
            options.prefer,
        )

    def _step(self) -> _Step:
        return _Step(self)

    def _clause_rows(self, read: ReadRows, using: Database, context: ExecutionContext) -> pa.RecordBatch:
        """Return the rows of the table before the clause, with the keys that are computed."""
        query = self._query
        if query.is_plain and not self._computed:
            return read.batch
        table = Table(pa.Table.from_batches([read.batch]))
        if not query.is_plain:
            table = query.execution(table, using, context).source(query.clause)
        plain = {name: kind for name, kind in self._types.items() if name not in self._computed}
        rows = record_batch(table, plain) if plain else None
        if not self._computed:
            return rows
        values = key_values(table, list(self._computed.values()), using)
        arrays = [] if rows is None else list(rows.columns)
        for name, key in self._computed.items():
            found = values[key.sql].cast(self._types[name])
            arrays.append(found.combine_chunks() if found.num_chunks != 1 else found.chunk(0))
        return pa.RecordBatch.from_arrays(arrays, names=list(self._types))

    def _taken(
        self,
        admitted: Admitted,
        using: Database,
        context: ExecutionContext,
        *,
        finishes: bool = False,
        keys: list[pa.ChunkedArray] | None = None,
    ) -> Any:
        """Take rows that are released, and return the answer; all or nothing."""
        stream = self._stream
        rows = admitted.rows
        batch = rows.combine_chunks().to_batches()[0] if rows.num_rows else _no_rows(rows.schema)
        try:
            decided = stream.push(batch, admitted.floor, using, context)
            found = [self._answers.answer(decided.answer, using, context)]
        except BaseException:
            stream.undo()
            raise
        if finishes and decided.skip_error is None:
            # Rows that are released have to be kept before partitions end; both or none cannot be then.
            stream.keep()
            self._event_time.commit(admitted)
            self._note(decided, admitted)
            try:
                last = stream.end(keys, using, context)
                found.append(self._answers.answer(last.answer, using, context))
            except BaseException:
                stream.undo()
                raise
            stream.keep()
            self._note(last, None)
            decided = last._replace(matches=decided.matches + last.matches)
        else:
            stream.keep()
            self._event_time.commit(admitted)
            self._note(decided, admitted)
        answers = [each for each in found if each is not None]
        if decided.skip_error is not None:
            self._failed = decided.skip_error
            if not answers:
                raise decided.skip_error
        return self._answers.table(answers, context)

    def _note(self, decided: Decided, admitted: Admitted | None) -> None:
        if admitted is not None:
            self._late = admitted.late if admitted.late.num_rows else None
            self._expired = []
        self._counts["matches"] += decided.matches
        self._counts["expired"] += decided.expired.num_rows
        if decided.expired.num_rows:
            self._expired += self._keys_of(decided.expired)

    def _keys_of(self, rows: pa.RecordBatch) -> list[dict[str, Any]]:
        columns = {
            key.name: rows.column(column).to_pylist()
            for key, column in zip(self._query.bound.partition_by, self._partition_by)
        }
        return [{name: values[at] for name, values in columns.items()} for at in range(rows.num_rows)]

    def _oldest(self) -> OpenMatch | None:
        found = self._stream.oldest()
        if found is None:
            return None
        (keys,) = self._keys_of(found[0])
        begun = found[0].column(self._order_by[0])[0].as_py() if self._order_by else None
        return OpenMatch(keys, begun, found[1])

    def _check_memory(self, rows: pa.RecordBatch) -> None:
        """Refuse rows for which there is no room.

        Raises:
            QueryLimitError: the state with them takes more than the limit.
        """
        limit = self._options.memory_limit_mb
        if limit is None:
            return
        more = rows.nbytes + self._event_time.unreleased_bytes
        if self._stream.counts[2] + more <= limit * _MEGABYTE:
            return
        self._stream.compact()
        needed = self._stream.counts[2] + more
        if needed <= limit * _MEGABYTE:
            return
        oldest = self._oldest()
        message = f"the rows that the query keeps take {needed / _MEGABYTE:.3g} MB with these, more than memory_limit_mb={limit:g}"
        if oldest is not None:
            where = ", ".join(f"{name} = {value!r}" for name, value in oldest.partition.items())
            begun = "" if oldest.begun is None else f" at {self._query.bound.order_by[0].name} = {oldest.begun!s}"
            message += f"; the oldest open match began{begun}{f' in the partition {where}' if where else ''}, {oldest.rows} rows ago"
        raise QueryLimitError(f"{message}; bound matches by WITHIN, end partitions by idle= or finish(partition=...), or raise it")

    def _key_columns(self, partition: Any) -> list[pa.ChunkedArray]:
        """Return the keys of one partition as columns of one row."""
        by = self._query.bound.partition_by
        names = [key.name for key in by]
        if isinstance(partition, Mapping):
            if set(partition) != set(names):
                raise ConfigurationError(f"partition has the keys {list(partition)}; those of PARTITION BY are {names}")
            values = [partition[name] for name in names]
        else:
            values = list(partition) if isinstance(partition, (tuple, list)) else [partition]
        if len(values) != len(names) or not names:
            raise ConfigurationError(f"partition has {len(values)} values; PARTITION BY has the keys {names}")
        kinds = [self._types[column] for column in self._partition_by]
        try:
            return [pa.chunked_array([pa.array([value], kind)]) for value, kind in zip(values, kinds)]
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise ConfigurationError(f"partition={partition!r} has a value that its key cannot have: {error}") from None

    def _event_time_rows(self) -> pa.Table:
        return pa.schema(self._types).empty_table()


class _Step:
    """A call: one at a time, with a place among the process's queries, within limits."""

    def __init__(self, query: ContinuousQuery) -> None:
        self._query = query

    def __enter__(self) -> tuple[Database, ExecutionContext]:
        query = self._query
        query._lock.acquire()
        try:
            if query._failed is not None:
                raise query._failed
            if query._is_finished:
                raise QueryError("the query is finished, and takes no rows; make another one")
            self._context = query._context()
            self._admitted = self._context.admitted()
            self._admitted.__enter__()
        except BaseException:
            query._lock.release()
            raise
        self._database = database(self._context)
        return self._database.__enter__(), self._context

    def __exit__(self, *error: Any) -> None:
        try:
            self._database.__exit__(*error)
        finally:
            self._admitted.__exit__(*error)
            self._context.run.end()
            self._query._lock.release()


def _check_order(order: str, numbered: bool, bound: Any) -> None:
    if order not in {"match", "certain"}:
        raise ConfigurationError(f'order is {order!r}; allowed are "match" and "certain"')
    if order == "match":
        return
    if bound.skip[0] != "to next row":
        message = 'order="certain" gives matches that overlap each when it is certain: it needs AFTER MATCH SKIP TO NEXT ROW'
        raise error_at(message, bound.skip_location, UnsupportedQueryError)
    if numbered:
        message = 'order="certain" has no MATCH_NUMBER(): earlier matches may become certain later'
        raise error_at(message, bound.skip_location, UnsupportedQueryError)
    if bound.rows_shown == "all rows with unmatched":
        message = 'order="certain" has no UNMATCHED ROWS: which those are is known when all earlier matches are'
        raise error_at(message, bound.skip_location, UnsupportedQueryError)


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], each.type) for each in schema], schema=schema)


def _equal_rows(rows: pa.RecordBatch, names: list[str], keys: list[pa.ChunkedArray]) -> Any:
    """Say which rows have these keys; NULL is one value, and so is NaN."""
    found = np.ones(rows.num_rows, dtype=bool)
    for name, key in zip(names, keys):
        column, value = rows.column(name), key[0]
        if not value.is_valid:
            equal = column.is_null()
        elif pa.types.is_floating(column.type) and value.as_py() != value.as_py():  # noqa: PLR0124 - NaN
            equal = pc.is_nan(column).fill_null(False)
        else:
            equal = pc.equal(column, value).fill_null(False)
        found &= np.asarray(equal.to_numpy(zero_copy_only=False))
    return found
