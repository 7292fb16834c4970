"""The steps of a continuous query: rows are read, wait for their time, go through the clause, and become tables."""

from __future__ import annotations

import time
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rowpattern.continuous_query.answer_tables import AnswerTables
from rowpattern.continuous_query.bound_query import bound_query, check_partition_types
from rowpattern.continuous_query.clause_stream import PARTITIONS, ClauseStream, Decided, computed_key, kept_schema
from rowpattern.continuous_query.event_keys import OrderKey
from rowpattern.continuous_query.event_time import EventTime
from rowpattern.continuous_query.match_bounds import MatchBounds
from rowpattern.continuous_query.open_state import OpenMatch, OpenState
from rowpattern.continuous_query.partition_keys import equal_rows, key_columns
from rowpattern.continuous_query.row_batches import one_batch
from rowpattern.continuous_query.row_schema import RowSchema, record_batch
from rowpattern.continuous_query.time_conditions import time_widths
from rowpattern.errors import CheckpointError, ConfigurationError, QueryLimitError, UnsupportedQueryError
from rowpattern.sql.arrow.arrays import one_array
from rowpattern.sql.arrow.python_values import python_value, python_values
from rowpattern.sql.arrow.time_units import nanoseconds_a_unit
from rowpattern.sql.execute.sort import key_values
from rowpattern.sql.tables.answers import Answer
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

__all__ = ["Given", "QuerySteps"]

_MEGABYTE = 1 << 20


class Given(NamedTuple):
    """What a call gives.

    Attributes:
        table: the table.
        answers: what it was made of, to be given again where it does not reach the caller.
    """

    table: Any
    answers: list[Answer]


class _Certain(NamedTuple):
    """What a step leaves behind: answers with those that were not given before it, their rows, matches, and keys."""

    answers: list[Answer]
    rows: int
    matches: int
    expired: list[dict[str, Any]]


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
        # Answers that were decided and not given yet: a step behind theirs failed, or nobody took them.
        self._pending: list[Answer] = []
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

    def push(self, batch: Any, source: str, using: Database, context: ExecutionContext) -> Given:
        """Take a batch; return what is certain, as a table of its kind."""
        self._begin()
        read = self.schema.read(batch, self._read)
        rows = self._clause_rows(read, using, context)
        admitted = self.event_time.admit(rows, source)
        self._check_memory(rows, admitted, context)
        answers = copy(self.answers)
        answers.note(read)
        given = self.taken(admitted, using, context, answers=answers)
        self.counts["rows"] += rows.num_rows
        return given

    def advance(self, time: Any, source: str | None, using: Database, context: ExecutionContext) -> Given:
        """Take a promise of the time; return what is certain by it."""
        self._begin()
        return self.taken(self.event_time.advance(time, source), using, context)

    def mark_idle(self, source: str, using: Database, context: ExecutionContext) -> Given:
        """Wait no longer for a source; return what is certain by it."""
        self._begin()
        return self.taken(self.event_time.mark_idle(source), using, context)

    def finish(self, partition: Any, using: Database, context: ExecutionContext) -> Given:
        """End all partitions (None), or one; return what was open."""
        self._begin()
        if partition is None:
            return self.taken(self.event_time.finish(), using, context, finishes=True)
        names = [key.name for key in self.query.bound.partition_by]
        keys = key_columns(partition, names, [self._types[column] for column in self._partition_by])
        admitted = self.event_time.finish(lambda rows: equal_rows(rows, self._partition_by, keys))
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
            None if watermark is None else python_value(watermark),
        )

    def lag_seconds(self) -> tuple[float, float]:
        """Return how far the watermark is behind the greatest time of a row, and the clock; 0 where not known."""
        unit = None if not self._order_by else nanoseconds_a_unit(self._types[self._order_by[0]])
        lag, watermark = self.event_time.lag, self.event_time.watermark
        if unit is None or lag is None or watermark is None:
            return 0.0, 0.0
        if not pa.types.is_timestamp(watermark.type):
            return lag * unit / 1e9, 0.0
        # Without a zone they are taken as UTC. Python's datetime ends with the year 9999, and rows may be later.
        behind = time.time_ns() - watermark.cast(pa.int64()).as_py() * unit
        return lag * unit / 1e9, max(0.0, behind / 1e9)

    def stored(self) -> tuple[dict[str, Any], dict[str, pa.Table]]:
        """Return what `restore` takes: values that JSON has, and tables."""
        event_time, unreleased = self.event_time.state()
        tables = {"columns": self.schema.columns(), **self.stream.stored(), "unreleased": unreleased}
        tables["pending"] = self.answers.stored(self._pending)
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
        pending = stored.table("pending", self.answers.stored([]).schema)
        self.stream.resume(partitions, kept, using, context)
        self._pending = self.answers.restored(pending)
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
            arrays.append(one_array(values[key.sql].cast(self._types[name])))
        return pa.RecordBatch.from_arrays(arrays, names=list(self._types))

    def taken(
        self,
        admitted: Admitted,
        using: Database,
        context: ExecutionContext,
        *,
        answers: AnswerTables | None = None,
        finishes: bool = False,
        keys: list[pa.ChunkedArray] | None = None,
    ) -> Given:
        """Take rows that are released, and return the answer: all or nothing, but where partitions end behind them.

        All that can fail is done before a step is kept. Where partitions end, there are two steps: when the second one
        fails, what the first one has decided is given by the next call.

        Args:
            admitted: the rows.
            using: a connection for this call.
            context: its limits.
            answers: what makes tables of the kind to be given; as before where it is None.
            finishes: whether partitions end behind the rows.
            keys: the keys of the one that ends; None for all.
        """
        stream = self.stream
        answers = answers or self.answers
        batch = one_batch(admitted.rows, "what a step lets through", "push smaller batches")
        try:
            decided = stream.push(batch, admitted.floor, using, context)
            ends = finishes and decided.skip_error is None
            certain = self._certain(decided, using, context)
            table = None if ends else answers.table(certain.answers, context)
        except BaseException:
            stream.undo()
            raise
        self.event_time.commit(admitted)
        self.answers = answers
        self._late = admitted.late if admitted.late.num_rows else None
        self._keep(certain, pending=certain.answers if ends else [])
        if ends:
            # Rows that are released have to be kept before partitions end; both or none cannot be then.
            try:
                decided = stream.end(keys, using, context)
                certain = self._certain(decided, using, context)
                table = answers.table(certain.answers, context)
            except BaseException:
                stream.undo()
                self.event_time.close_before(admitted)
                raise
            self._keep(certain, pending=[])
        if decided.skip_error is not None:
            self.failed = decided.skip_error
            if not certain.answers:
                raise decided.skip_error
        return Given(table, certain.answers)

    def give_again(self, answers: list[Answer]) -> None:
        """Give answers, which were decided and did not reach the caller, with the next call."""
        self._pending = [*(_shared(each) for each in answers), *self._pending]

    @property
    def has_pending(self) -> bool:
        """Whether something was decided that was not given yet."""
        return bool(self._pending)

    def pending(self, context: ExecutionContext) -> Given:
        """Return what was decided and not given yet, without a step."""
        given = Given(self.answers.table(self._pending, context), self._pending)
        self._pending = []
        return given

    def _certain(self, decided: Decided, using: Database, context: ExecutionContext) -> _Certain:
        """Return what a step is to leave behind, computed before it is kept."""
        answer = self.answers.answer(decided.answer, using, context)
        expired = self._keys_of(decided.expired) if decided.expired.num_rows else []
        rows = 0 if answer is None or not answer.columns else len(answer.columns[0].values)
        answers = self._pending if answer is None else [*self._pending, answer]
        return _Certain(answers, rows, decided.matches, expired)

    def _keep(self, certain: _Certain, *, pending: list[Answer]) -> None:
        """Keep a step of the stream. Nothing in here raises."""
        self.stream.keep()
        self._pending = [_shared(each) for each in pending]
        self.counts["answered"] += certain.rows
        self.counts["matches"] += certain.matches
        self.counts["expired"] += len(certain.expired)
        self.expired += certain.expired

    def _begin(self) -> None:
        """Forget what is said of the call before."""
        self._late = None
        self.expired = []

    def _keys_of(self, rows: pa.RecordBatch) -> list[dict[str, Any]]:
        columns = {
            key.name: python_values(rows.column(column))
            for key, column in zip(self.query.bound.partition_by, self._partition_by)
        }
        return [{name: values[at] for name, values in columns.items()} for at in range(rows.num_rows)]

    def _oldest(self) -> OpenMatch | None:
        found = self.stream.oldest()
        if found is None:
            return None
        (keys,) = self._keys_of(found[0])
        begun = python_value(found[0].column(self._order_by[0])[0]) if self._order_by else None
        return OpenMatch(keys, begun, found[1])

    def _check_memory(self, rows: pa.RecordBatch, admitted: Admitted, context: ExecutionContext) -> None:
        """Refuse rows for which there is no room; those that are late take none.

        Raises:
            QueryLimitError: the state with them takes more than the limit.
        """
        if not admitted.arrived:
            return
        limit = context.memory_mb if self._options.memory_limit_mb is None else self._options.memory_limit_mb
        more = rows.nbytes * admitted.arrived // rows.num_rows + self.event_time.unreleased_bytes
        if self.stream.counts[2] + more <= limit * _MEGABYTE:
            return
        self.stream.compact()
        needed = self.stream.counts[2] + more
        if needed <= limit * _MEGABYTE:
            return
        oldest = self._oldest()
        message = f"the rows that the query keeps take {needed / _MEGABYTE:.3g} MB with these, more than"
        name = "memory_limit_mb" if self._options.memory_limit_mb is not None else "the process's MR_MAX_MEMORY_MB"
        message += f" {name}={limit:g}"
        if oldest is not None:
            where = ", ".join(f"{name} = {value!r}" for name, value in oldest.partition.items())
            begun = "" if oldest.begun is None else f" at {self.query.bound.order_by[0].name} = {oldest.begun!s}"
            message += f"; the oldest open match began{begun}{f' in the partition {where}' if where else ''}"
            message += f", {oldest.rows} rows ago"
        instead = "bound matches by WITHIN, end partitions by idle= or finish(partition=...), or raise it"
        raise QueryLimitError(f"{message}; {instead}")


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


def _shared(answer: Answer) -> Answer:
    """Return an answer of which a table was made, or may be, before the one that is given: nobody may write there."""
    return Answer([column._replace(is_own=False) for column in answer.columns])
