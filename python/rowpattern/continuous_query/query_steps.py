"""The steps of a continuous query: rows are read, wait for their time, go through the clause, and become tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.continuous_query.answer_tables import AnswerTables
from rowpattern.continuous_query.bound_query import bound_query, check_partition_types
from rowpattern.continuous_query.clause_stream import PARTITIONS, ClauseStream, Decided, computed_key, kept_schema
from rowpattern.continuous_query.event_keys import OrderKey, nanoseconds_a_unit
from rowpattern.continuous_query.event_time import EventTime
from rowpattern.continuous_query.match_bounds import MatchBounds
from rowpattern.continuous_query.row_schema import RowSchema, record_batch
from rowpattern.continuous_query.time_conditions import time_widths
from rowpattern.errors import CheckpointError, ConfigurationError, QueryLimitError, UnsupportedQueryError
from rowpattern.sql.execute.sort import key_values
from rowpattern.sql.tables.table import Table
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from rowpattern.continuous_query.checkpoint import StoredCheckpoint
    from rowpattern.continuous_query.event_time import Admitted
    from rowpattern.continuous_query.options import Options
    from rowpattern.continuous_query.row_schema import ReadRows
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.parse.clause_arguments import Question
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["OpenMatch", "OpenState", "QuerySteps"]

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

    Examples:
        >>> import pyarrow as pa
        >>> import rowpattern
        >>> query = rowpattern.continuous(
        ...     schema={"at": pa.int64()},
        ...     order_by="at",
        ...     pattern="A B",
        ...     define={"B": "at > A.at + 5"},
        ...     measures={"at": "A.at"},
        ... )
        >>> _ = query.push(pa.table({"at": [3]}))
        >>> state = query.state()
        >>> state.rows, state.oldest.begun, state.watermark
        (1, 3, 3)
    """

    partitions: int
    rows: int
    unreleased_rows: int
    size_bytes: int
    oldest: OpenMatch | None
    watermark: Any


class QuerySteps:
    """What a continuous query does, within limits that each call is given.

    Attributes:
        query: what is asked.
        schema: the columns of batches.
        failed: the error of a match that has nowhere to skip to, to be raised.
        counts: rows that were pushed, rows that were given, matches, and partitions that had no rows for too long.
        late: the rows that were late in the last step.
        expired: the keys of the partitions that ended in the last step, as they had no rows for too long.
    """

    def __init__(
        self, question: Question, schema: Any, options: Options, using: Database, context: ExecutionContext
    ) -> None:
        """Read a query, and begin without rows."""
        self._options = options
        self.schema = RowSchema(schema)
        self.failed: Exception | None = None
        self.counts = {"rows": 0, "answered": 0, "matches": 0, "expired": 0}
        self._late: pa.Table | None = None
        self.expired: list[dict[str, Any]] = []
        self.query = query = bound_query(question, self.schema, using, context)
        bound = query.bound
        _check_order(options.order, bound, numbered=query.reach.numbered)
        reads = set(bound.reads())
        types = {name: query.rows.column(name).type for name in query.rows.names if name in reads}
        keys = (*bound.partition_by, *bound.order_by)
        self._computed = {computed_key(number): key for number, key in enumerate(keys) if key.column is None}
        if self._computed:
            values = key_values(query.rows, list(self._computed.values()), using)
            types |= {name: values[key.sql].type for name, key in self._computed.items()}
        # Without a column the number of rows would not be known.
        self._types = types or {query.rows.names[0]: query.rows.column(query.rows.names[0]).type}
        # What batches are read for.
        plain = [name for name in self._types if name not in self._computed]
        self._read = plain if query.is_plain else self.schema.names
        names = [key.column or computed_key(number) for number, key in enumerate(keys)]
        self._partition_by = names[: len(bound.partition_by)]
        check_partition_types(query, [self._types[name] for name in self._partition_by])
        order_by = [
            OrderKey(name, key.descending, key.nulls_first)
            for name, key in zip(names[len(bound.partition_by) :], bound.order_by)
        ]
        self._order_by = [each.column for each in order_by]
        self.event_time = EventTime(
            order_by,
            pa.schema(self._types),
            partition_by=self._partition_by,
            lateness=options.lateness,
            late=options.late,
        )
        key = None if not order_by else self._types[order_by[0].column]
        widths = time_widths(bound, bound.compiled(), key, using)
        bounds = None
        if order_by and (bound.within is not None or options.idle is not None or widths):
            bounds = MatchBounds(order_by[0], self._types[order_by[0].column], bound.within, options.idle, using)
        elif options.idle is not None:
            raise ConfigurationError("idle needs ORDER BY: without it there is no time in which rows do not come")
        self.stream = ClauseStream(
            query, self._types, bounds, widths=widths, order=options.order, prefer=options.prefer
        )
        self.answers = AnswerTables(query, self.schema, using, context)

    def push(self, batch: Any, source: str, using: Database, context: ExecutionContext) -> Any:
        """Take a batch; return what is certain, as a table of its kind."""
        read = self.schema.read(batch, self._read)
        self.answers.note(read)
        rows = self._clause_rows(read, using, context)
        self._check_memory(rows)
        answer = self.taken(self.event_time.admit(rows, source), using, context)
        self.counts["rows"] += rows.num_rows
        return answer

    def advance(self, time: Any, source: str | None, using: Database, context: ExecutionContext) -> Any:
        """Take a promise of the time; return what is certain by it."""
        return self.taken(self.event_time.advance(time, source), using, context)

    def mark_idle(self, source: str, using: Database, context: ExecutionContext) -> Any:
        """Wait no longer for a source; return what is certain by it."""
        return self.taken(self.event_time.mark_idle(source), using, context)

    def finish(self, partition: Any, using: Database, context: ExecutionContext) -> Any:
        """End all partitions (None), or one; return what was open."""
        if partition is None:
            return self.taken(self.event_time.finish(), using, context, finishes=True)
        keys = self._key_columns(partition)
        admitted = self.event_time.finish(lambda rows: _equal_rows(rows, self._partition_by, keys))
        return self.taken(admitted, using, context, finishes=True, keys=keys)

    @property
    def late(self) -> pa.Table:
        """The rows that were late in the last step, without keys that were computed."""
        late = pa.schema(self._types).empty_table() if self._late is None else self._late
        return late.select([name for name in late.column_names if name not in self._computed])

    def state(self) -> OpenState:
        """Return what is kept."""
        partitions, rows, size_bytes = self.stream.counts
        watermark = self.event_time.watermark
        return OpenState(
            partitions,
            rows,
            self.event_time.unreleased_rows,
            size_bytes + self.event_time.unreleased_bytes,
            self._oldest(),
            None if watermark is None else watermark.as_py(),
        )

    def lag_seconds(self) -> tuple[float, float]:
        """Return how far the watermark is behind the greatest time of a row, and the clock; 0 where not known."""
        unit = None if not self._order_by else nanoseconds_a_unit(self._types[self._order_by[0]])
        lag, watermark = self.event_time.lag, self.event_time.watermark
        if unit is None or lag is None or watermark is None:
            return 0.0, 0.0
        if not pa.types.is_timestamp(watermark.type):
            return lag * unit / 1e9, 0.0
        now = watermark.cast(pa.timestamp("us", watermark.type.tz), safe=False).as_py()
        # Without a zone they are taken as UTC.
        behind = dt.datetime.now(dt.timezone.utc) - (now if now.tzinfo else now.replace(tzinfo=dt.timezone.utc))
        return lag * unit / 1e9, max(0.0, behind.total_seconds())

    def stored(self) -> tuple[dict[str, Any], dict[str, pa.Table]]:
        """Return what `restore` takes: values that JSON has, and tables."""
        event_time, unreleased = self.event_time.state()
        tables = {"columns": self.schema.columns(), **self.stream.stored(), "unreleased": unreleased}
        return {"counts": self.counts, "event_time": event_time, "kind": self.answers.kind}, tables

    def restore(self, stored: StoredCheckpoint, using: Database, context: ExecutionContext) -> None:
        """Take what was stored; there were no rows yet.

        Raises:
            CheckpointError: it is something else.
        """
        schema, metadata = pa.schema(self._types), stored.metadata
        counts = metadata.get("counts")
        if not isinstance(counts, dict) or any(type(counts.get(name)) is not int for name in self.counts):
            raise CheckpointError("the checkpoint's counts are no numbers")
        self.answers.restore_kind(metadata.get("kind"))
        self.event_time.restore(metadata.get("event_time") or {}, stored.table("unreleased", schema))
        partitions, kept = stored.table("partitions", PARTITIONS), stored.table("kept", kept_schema(schema))
        self.stream.resume(partitions, kept, using, context)
        self.counts = {name: counts[name] for name in self.counts}

    def _clause_rows(self, read: ReadRows, using: Database, context: ExecutionContext) -> pa.RecordBatch:
        """Return the rows of the table before the clause, with the keys that are computed."""
        query = self.query
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

    def taken(
        self,
        admitted: Admitted,
        using: Database,
        context: ExecutionContext,
        *,
        finishes: bool = False,
        keys: list[pa.ChunkedArray] | None = None,
    ) -> Any:
        """Take rows that are released, and return the answer: all or nothing, but where partitions end behind them."""
        stream = self.stream
        rows = admitted.rows
        batch = rows.combine_chunks().to_batches()[0] if rows.num_rows else _no_rows(rows.schema)
        try:
            decided = stream.push(batch, admitted.floor, using, context)
            found = [self.answers.answer(decided.answer, using, context)]
        except BaseException:
            stream.undo()
            raise
        if finishes and decided.skip_error is None:
            # Rows that are released have to be kept before partitions end; both or none cannot be then.
            stream.keep()
            self.event_time.commit(admitted)
            self._note(decided, admitted)
            try:
                last = stream.end(keys, using, context)
                found.append(self.answers.answer(last.answer, using, context))
            except BaseException:
                stream.undo()
                raise
            stream.keep()
            self._note(last, None)
            decided = last._replace(matches=decided.matches + last.matches)
        else:
            stream.keep()
            self.event_time.commit(admitted)
            self._note(decided, admitted)
        answers = [each for each in found if each is not None]
        if decided.skip_error is not None:
            self.failed = decided.skip_error
            if not answers:
                raise decided.skip_error
        table = self.answers.table(answers, context)
        self.counts["answered"] += context.answered_rows
        return table

    def _note(self, decided: Decided, admitted: Admitted | None) -> None:
        if admitted is not None:
            self._late = admitted.late if admitted.late.num_rows else None
            self.expired = []
        self.counts["matches"] += decided.matches
        self.counts["expired"] += decided.expired.num_rows
        if decided.expired.num_rows:
            self.expired += self._keys_of(decided.expired)

    def _keys_of(self, rows: pa.RecordBatch) -> list[dict[str, Any]]:
        columns = {
            key.name: rows.column(column).to_pylist()
            for key, column in zip(self.query.bound.partition_by, self._partition_by)
        }
        return [{name: values[at] for name, values in columns.items()} for at in range(rows.num_rows)]

    def _oldest(self) -> OpenMatch | None:
        found = self.stream.oldest()
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
        more = rows.nbytes + self.event_time.unreleased_bytes
        if self.stream.counts[2] + more <= limit * _MEGABYTE:
            return
        self.stream.compact()
        needed = self.stream.counts[2] + more
        if needed <= limit * _MEGABYTE:
            return
        oldest = self._oldest()
        message = f"the rows that the query keeps take {needed / _MEGABYTE:.3g} MB with these, more than"
        message = f"{message} memory_limit_mb={limit:g}"
        if oldest is not None:
            where = ", ".join(f"{name} = {value!r}" for name, value in oldest.partition.items())
            begun = "" if oldest.begun is None else f" at {self.query.bound.order_by[0].name} = {oldest.begun!s}"
            message += f"; the oldest open match began{begun}{f' in the partition {where}' if where else ''}"
            message += f", {oldest.rows} rows ago"
        instead = "bound matches by WITHIN, end partitions by idle= or finish(partition=...), or raise it"
        raise QueryLimitError(f"{message}; {instead}")

    def _key_columns(self, partition: Any) -> list[pa.ChunkedArray]:
        """Return the keys of one partition as columns of one row."""
        by = self.query.bound.partition_by
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


def _check_order(order: str, bound: BoundClause, *, numbered: bool) -> None:
    if not isinstance(order, str) or order not in {"match", "certain"}:
        raise ConfigurationError(f'order is {order!r}; allowed are "match" and "certain"')
    if order == "match":
        return
    if bound.skip[0] != "to next row":
        message = (
            'order="certain" gives matches that overlap each when it is certain: it needs AFTER MATCH SKIP TO NEXT ROW'
        )
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
        elif pa.types.is_floating(column.type) and value.as_py() != value.as_py():
            equal = pc.is_nan(column).fill_null(False)
        else:
            equal = pc.equal(column, value).fill_null(False)
        found &= np.asarray(equal.to_numpy(zero_copy_only=False))
    return found
