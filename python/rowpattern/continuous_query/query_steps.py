"""The steps of a continuous query: rows are read, wait for their time, go through the clause, and become tables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rowpattern.continuous_query.answer_tables import AnswerForm
from rowpattern.continuous_query.clause_stream import PARTITIONS, Decided
from rowpattern.continuous_query.open_state import OpenMatch, OpenState
from rowpattern.continuous_query.partition_keys import equal_rows, key_columns
from rowpattern.continuous_query.row_batches import RowSizes, empty_batch
from rowpattern.errors import CheckpointError, QueryLimitError
from rowpattern.sql.arrow.python_values import python_value, python_values
from rowpattern.sql.arrow.time_units import nanoseconds_a_unit
from rowpattern.sql.tables.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.continuous_query.admitted import Admitted
    from rowpattern.continuous_query.checkpoint import StoredCheckpoint
    from rowpattern.continuous_query.query_plan import QueryPlan
    from rowpattern.sql.duckdb.connection import Database
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
        plan: what is asked.
        failed: the error of a match that has nowhere to skip to, to be raised.
        counts: rows that were pushed, rows that were given, matches, and partitions that had no rows for too long.
        late: the rows that were late in the last step.
        expired: the keys of the partitions that ended in the last step, as they had no rows for too long.
        form: the kind of table in which to answer.
    """

    def __init__(self, plan: QueryPlan) -> None:
        """Begin without rows."""
        self.plan = plan
        self.failed: Exception | None = None
        self.counts = {"rows": 0, "answered": 0, "matches": 0, "expired": 0}
        self._late: pa.RecordBatch | None = None
        # Answers that were decided and not given yet: a step behind theirs failed, or nobody took them.
        self._pending: list[Answer] = []
        self.expired: list[dict[str, Any]] = []
        self.event_time = plan.event_time()
        self.stream = plan.stream()
        self._sizes = RowSizes(pa.schema(plan.types))
        self.answers = plan.answers
        self.form = plan.form

    def push(
        self, batch: Any, source: str, using: Database, context: ExecutionContext, check: Callable[[], None]
    ) -> Given:
        """Take a batch; return what is certain, as a table of its kind.

        `check` raises where no rows are taken: the batch may be a reader, whose caller's code has ended the query.
        """
        self._begin()
        read = self.plan.schema.read(batch, self.plan.read)
        check()
        rows = self.plan.clause_rows(read, using, context)
        admitted = self.event_time.admit(rows, source, context)
        self._check_memory(rows, admitted, context)
        given = self.taken(admitted, using, context, form=AnswerForm.of(read))
        self.counts["rows"] += rows.num_rows
        return given

    def advance(self, time: Any, source: str | None, using: Database, context: ExecutionContext) -> Given:
        """Take a promise of the time; return what is certain by it."""
        self._begin()
        return self.taken(self.event_time.advance(time, source, context), using, context)

    def mark_idle(self, source: str, using: Database, context: ExecutionContext) -> Given:
        """Wait no longer for a source; return what is certain by it."""
        self._begin()
        return self.taken(self.event_time.mark_idle(source, context), using, context)

    def finish(self, partition: Any, using: Database, context: ExecutionContext) -> Given:
        """End all partitions (None), or one; return what was open."""
        self._begin()
        if partition is None:
            return self.taken(self.event_time.finish(None, context), using, context, finishes=True)
        names = [key.name for key in self.plan.query.bound.partition_by]
        keys = key_columns(partition, names, [self.plan.types[column] for column in self.plan.partition_by])
        admitted = self.event_time.finish(lambda rows: equal_rows(rows, self.plan.partition_by, keys), context)
        return self.taken(admitted, using, context, finishes=True, keys=keys)

    @property
    def late(self) -> Any:
        """The rows that were late in the last step, without keys that were computed, as a table of the kind given."""
        late = empty_batch(pa.schema(self.plan.types)) if self._late is None else self._late
        names = [name for name in late.schema.names if name not in self.plan.computed]
        return self.answers.rows(pa.Table.from_batches([late]).select(names), self.form)

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
        unit = None if not self.plan.order_by else nanoseconds_a_unit(self.plan.types[self.plan.order_by[0]])
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
        tables = {"columns": self.plan.schema.columns(), **self.stream.stored(), "unreleased": unreleased}
        if self.plan.query.subqueries is not None:
            tables["subqueries"] = self.plan.query.subqueries
        tables["pending"] = self.answers.stored(self._pending)
        return {"counts": self.counts, "event_time": event_time, "kind": self.form.kind}, tables

    def restore(self, stored: StoredCheckpoint, using: Database, context: ExecutionContext) -> None:
        """Take what was stored; there were no rows yet.

        Raises:
            CheckpointError: it is something else.
        """
        schema, metadata = pa.schema(self.plan.types), stored.metadata
        counts = metadata.get("counts")
        if not isinstance(counts, dict) or any(type(counts.get(name)) is not int for name in self.counts):
            raise CheckpointError("the checkpoint's counts are no numbers")
        form = self.form.restored(metadata.get("kind"))
        self.event_time.restore(metadata.get("event_time") or {}, stored.table("unreleased", schema))
        partitions, kept = stored.table("partitions", PARTITIONS), stored.table("kept", self.stream.stored_rows)
        pending = stored.table("pending", self.answers.stored([]).schema)
        self.stream.resume(partitions, kept, using, context)
        needed, most = self.stream.counts[2] + self.event_time.unreleased_bytes, self._most_bytes(context)
        if needed > most:
            raise self._no_room(needed, most)
        self.form = form
        self._pending = self.answers.restored(pending)
        self.counts = {name: counts[name] for name in self.counts}

    def taken(
        self,
        admitted: Admitted,
        using: Database,
        context: ExecutionContext,
        *,
        form: AnswerForm | None = None,
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
            form: what kind of table is to be given; as before where it is None.
            finishes: whether partitions end behind the rows.
            keys: the keys of the one that ends; None for all.
        """
        stream, answers = self.stream, self.answers
        form = form or self.form
        try:
            decided = stream.push(admitted.rows, admitted.floor, using, context)
            ends = finishes and decided.skip_error is None
            certain = self._certain(decided, using, context)
            table = None if ends else answers.table(certain.answers, context, form)
            if not ends:
                self._check_kept(admitted, context)
        except BaseException:
            stream.undo()
            raise
        self.event_time.commit(admitted)
        self.form = form
        self._late = admitted.late if admitted.late.num_rows else None
        self._keep(certain, pending=certain.answers if ends else [])
        if ends:
            # Rows that are released have to be kept before partitions end; both or none cannot be then.
            try:
                decided = stream.end(keys, using, context)
                certain = self._certain(decided, using, context)
                table = answers.table(certain.answers, context, form)
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
        given = Given(self.answers.table(self._pending, context, self.form), self._pending)
        self._pending = []
        return given

    def _certain(self, decided: Decided, using: Database, context: ExecutionContext) -> _Certain:
        """Return what a step is to leave behind, computed before it is kept."""
        answer = self.answers.answer(decided.answer, using, context)
        expired = self._keys_of(decided.expired) if decided.expired.num_rows else []
        rows = 0 if answer is None else answer.rows
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

    def _keys_of(self, rows: pa.Table) -> list[dict[str, Any]]:
        columns = {
            key.name: python_values(rows.column(column))
            for key, column in zip(self.plan.query.bound.partition_by, self.plan.partition_by)
        }
        return [{name: values[at] for name, values in columns.items()} for at in range(rows.num_rows)]

    def _oldest(self) -> OpenMatch | None:
        found = self.stream.oldest()
        if found is None:
            return None
        (keys,) = self._keys_of(found[0])
        begun = python_value(found[0].column(self.plan.order_by[0])[0]) if self.plan.order_by else None
        return OpenMatch(keys, begun, found[1])

    def _check_memory(self, rows: pa.RecordBatch, admitted: Admitted, context: ExecutionContext) -> None:
        """Refuse rows for which there is no room; those that are late take none.

        Raises:
            QueryLimitError: the state with them takes more than the limit.
        """
        if not admitted.arrived:
            return
        most = self._most_bytes(context)
        more = self._sizes.bytes_of(rows) * admitted.arrived // rows.num_rows + self.event_time.unreleased_bytes
        if self.stream.counts[2] + more <= most:
            return
        self.stream.compact()
        if more > most and self._oldest() is None:
            message = f"the batch's rows, with those that wait, take {more / _MEGABYTE:.3g} MB, more than"
            raise QueryLimitError(f"{message} {self._limit_shown(most)}; push smaller batches, or raise it")
        if self.stream.counts[2] + more > most:
            raise self._no_room(self.stream.counts[2] + more, most)

    def _check_kept(self, admitted: Admitted, context: ExecutionContext) -> None:
        """Refuse a step that would leave more behind than the limit.

        Raises:
            QueryLimitError: it would.
        """
        most, unreleased = self._most_bytes(context), self.event_time.unreleased_bytes_after(admitted)
        needed = unreleased + self.stream.bytes_after(most - unreleased)
        if needed > most:
            raise self._no_room(needed, most)

    def _most_bytes(self, context: ExecutionContext) -> float:
        limit = self.plan.options.memory_limit_mb
        return (context.memory_mb if limit is None else limit) * _MEGABYTE

    def _no_room(self, needed: float, most: float) -> QueryLimitError:
        """Make the error for rows that take too many bytes."""
        oldest = self._oldest()
        message = f"the rows that the query keeps take {needed / _MEGABYTE:.3g} MB with these, more than"
        message += f" {self._limit_shown(most)}"
        if oldest is not None:
            where = ", ".join(f"{name} = {value!r}" for name, value in oldest.partition.items())
            begun = "" if oldest.begun is None else f" at {self.plan.query.bound.order_by[0].name} = {oldest.begun!s}"
            message += f"; the oldest open match began{begun}{f' in the partition {where}' if where else ''}"
            message += f", {oldest.rows} rows ago"
        instead = "bound matches by WITHIN, end partitions by idle= or finish(partition=...), or raise it"
        return QueryLimitError(f"{message}; {instead}")

    def _limit_shown(self, most: float) -> str:
        name = "memory_limit_mb" if self.plan.options.memory_limit_mb is not None else "the process's MR_MAX_MEMORY_MB"
        return f"{name}={most / _MEGABYTE:g}"


def _shared(answer: Answer) -> Answer:
    """Return an answer of which a table was made, or may be, before the one that is given: nobody may write there."""
    return Answer([column._replace(is_own=False) for column in answer.columns])
