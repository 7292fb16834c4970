"""`ContinuousQuery`: a query over rows that come batch by batch."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NoReturn

from rowpattern.continuous_query.calls import Call, call_context
from rowpattern.continuous_query.checkpoint import Checkpoint, query_fingerprint, write_checkpoint
from rowpattern.continuous_query.explanation import explained
from rowpattern.continuous_query.figures import ContinuousFigures, watch
from rowpattern.continuous_query.open_state import OpenMatch, OpenState
from rowpattern.continuous_query.options import stored_options
from rowpattern.continuous_query.query_plan import query_plan
from rowpattern.continuous_query.query_steps import Given, QuerySteps
from rowpattern.continuous_query.sources import run, run_async
from rowpattern.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

    from rowpattern.continuous_query.checkpoint import StoredCheckpoint
    from rowpattern.continuous_query.given_tables import GivenTables
    from rowpattern.continuous_query.options import Options
    from rowpattern.continuous_query.query_plan import QueryPlan
    from rowpattern.sql.parse.clause_arguments import Question

__all__ = ["ContinuousQuery", "OpenMatch", "OpenState", "new_query"]


def new_query(question: Question, schema: Any, options: Options, given: GivenTables) -> ContinuousQuery:
    """Read a query, and begin without rows."""
    return ContinuousQuery(query_plan(question, schema, options, given))


class ContinuousQuery:
    '''A query over rows that come batch by batch; `rowpattern.continuous` makes it.

    One call works at a time; threads that call at once wait for each other.

    Examples:
        >>> import pyarrow as pa
        >>> import rowpattern
        >>> schema = pa.schema({"at": pa.int64(), "x": pa.int64()})
        >>> sql = """
        ...     SELECT * FROM t MATCH_RECOGNIZE (ORDER BY at MEASURES FIRST(at) AS begun, LAST(at) AS ended
        ...         PATTERN (A B+) WITHIN 10 DEFINE A AS x = 1, B AS x = 2)"""
        >>> def rows(*values):
        ...     return pa.table([list(column) for column in zip(*values)], schema=schema)
        >>> query = rowpattern.continuous(sql, schema, lateness=0)
        >>> query.push(rows((1, 1), (2, 2)), source="p0").num_rows
        0
        >>> query.state().unreleased_rows, query.explain().splitlines()[2]
        (1, 'open matches: bounded, as all rows of a match are within 10')
        >>> blob = query.checkpoint(b"offset 2")

        No row that comes is below 12, so that none can be in a match that began at 1:

        >>> query.advance(12).to_pylist()
        [{'begun': 1, 'ended': 2}]
        >>> query.mark_idle("p0").num_rows, query.finish().num_rows
        (0, 0)

        From the checkpoint the same query goes on, here over all that comes:

        >>> again = rowpattern.continuous.restore(blob, sql)
        >>> again.positions
        b'offset 2'
        >>> [found.to_pylist() for found in again.run([(rows((3, 2), (4, 0)), "p0")])]
        [[{'begun': 1, 'ended': 3}]]

        And where batches come asynchronously:

        >>> import asyncio
        >>> async def answers(batches):
        ...     query = rowpattern.continuous(sql, schema)
        ...     return [row async for found in query.run_async(batches) for row in found.to_pylist()]
        >>> asyncio.run(answers([rows((1, 1), (2, 2)), rows((3, 0))]))
        [{'begun': 1, 'ended': 2}]
    '''

    def __init__(self, plan: QueryPlan) -> None:
        """Begin without rows."""
        self._question = plan.question
        self._options = plan.options
        self._lock = threading.RLock()
        self._positions = b""
        self._is_finished = False
        self._steps = QuerySteps(plan)
        watch(self)

    def push(self, batch: Any, source: str | None = None) -> Any:
        """Take a batch of rows, and give what is certain with them.

        Args:
            batch: rows with the columns of the schema, in any order of columns: a pyarrow RecordBatch or Table, a
                pandas or Polars frame, or anything with Arrow's stream interface. Columns that the query does not read
                may lack.
            source: the name of where they come from, where there are several sources whose rows are in time each on
                their own (as a topic's partition); rows are released when every source is past them.

        Returns:
            a table of the kind given: the answer's rows for all matches that are certain now and were not before, in
            the order of the rows that decided them; within a partition in the order of the batch's answer. It has the
            same columns and types whether it has rows or not. All pushes and `finish` together give what
            `match_recognize` gives over all rows.

        Raises:
            LateRowError: a row is late, or out of order, and `late="raise"`.
            QueryError: the batch has no such column, or a condition or a measure cannot be computed.
            RowsError: a value cannot be read.
            QueryLimitError: what has to be kept is more than `memory_limit_mb`; the message names the oldest open
                match.
            QueryCancelledError: the query's token was cancelled.
            SkipError: AFTER MATCH SKIP has nowhere to go. What was decided before is given first, and this raised by
                the next call.
            TypeError: it is no table.

        After any error but SkipError the query is as though the batch had not come. Takes time linear in the rows where
        rows alone decide conditions, and the interpreter is released meanwhile. Memory: the rows that a match may still
        need.

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
        return self._push(batch, source).table

    def advance(self, time: Any, source: str | None = None) -> Any:
        """Take the promise that no later row is before a time, in the first key of ORDER BY.

        Args:
            time: a value of that key: a datetime or a text of ISO 8601 for timestamps, a date, a number.
            source: whose rows; None for those of all sources.

        Returns:
            as for `push`; of the kind given last.

        Raises:
            ConfigurationError: it is no value of the key; or there is no ORDER BY.
            What `push` raises.

        Rows that are below the time are late from now on. Takes time linear in the rows that are released, and the
        matches that end.
        """
        with self._call() as (using, context):
            return self._steps.advance(time, source, using, context).table

    def mark_idle(self, source: str) -> Any:
        """Wait no longer for a source that sends nothing, until it sends rows again; these may be late then.

        Args:
            source: its name, as it was given to `push`.

        Returns:
            as for `push`; of the kind given last.

        Raises:
            ConfigurationError: no such source is known.
            What `push` raises.
        """
        with self._call() as (using, context):
            return self._steps.mark_idle(source, using, context).table

    def finish(self, partition: Any = None) -> Any:
        """End the stream, or one partition: no row comes any more, and what was open is decided.

        Args:
            partition: the keys of PARTITION BY of the one that ends: a mapping of names to values, the values in order,
                or the value where there is one key. None ends all; the query takes no rows afterwards.

        Returns:
            as for `push`; of the kind given last.

        Raises:
            ConfigurationError: there are not so many keys.
            What `push` raises; where SkipError is still to be raised, it is when this is called again.

        Where what is open at the end cannot be computed, no partition ends. Rows that waited were let through then:
        what they decided is given by the next call and is in checkpoints, and rows before them are late from then on.
        """
        return self._finish(partition).table

    def run(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Push batches, one after another, and give what is certain: tables that have rows; `finish` comes last.

        Args:
            batches: batches, or pairs of a batch and its source.

        Raises:
            What `push` raises.
        """
        yield from run(self, batches)
        # Of a match that `finish` came to.
        self._check_failed()

    async def run_async(self, source: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[Any]:
        """As `run`, over an asynchronous iterator; batches are pushed in another thread.

        Args:
            source: gives batches, or pairs of a batch and its source.

        Where the task is cancelled, it waits until the push that is being done is done; the next call gives the answer
        of that push, and a checkpoint has it. So it is with a batch that is being taken from an iterator which is not
        asynchronous: let such an iterator wait for batches no longer than a cancellation may take.
        """
        async for found in run_async(_AsyncCalls(self), source):
            yield found
        self._check_failed()

    def checkpoint(self, positions: bytes = b"") -> bytes:
        """Return all that the query keeps as bytes, from which `rowpattern.continuous.restore` makes it again.

        Args:
            positions: where the caller's sources are, to be given back as `positions`.

        Returns:
            the options, what is kept of each partition, and the rows that are kept or wait, in Arrow's IPC format,
            compressed, with a SHA-256. Nothing is executed when it is read, and all of it is checked.

        Raises:
            TypeError: positions are no bytes.
            ConfigurationError: an option cannot be stored.

        Takes time linear in what is kept.
        """
        if not isinstance(positions, (bytes, bytearray, memoryview)):
            raise TypeError(f"positions are bytes, not {type(positions).__name__}")
        with self._lock:
            metadata, tables = self._steps.stored()
            metadata |= {"options": stored_options(self._options), "is_finished": self._is_finished}
            return write_checkpoint(Checkpoint(self._fingerprint(), metadata, tables, bytes(positions)))

    @property
    def positions(self) -> bytes:
        """What the caller gave to `checkpoint`, where the query was restored from that; nothing before."""
        return self._positions

    @property
    def late_rows(self) -> Any:
        """The rows that were late in the last call, with `late="collect"`.

        A table of the kind given, of the columns that are read; without rows where none were late.
        """
        with self._lock:
            return self._steps.late

    @property
    def expired(self) -> list[dict[str, Any]]:
        """The keys of the partitions that ended in the last call, as they had no rows for as long as `idle` says.

        Dates and times that Python does not hold, as those behind the year 9999, are texts.
        """
        with self._lock:
            return list(self._steps.expired)

    def state(self) -> OpenState:
        """Return what is kept: partitions, rows, bytes, the oldest open match, and the watermark.

        Takes time linear in the open partitions, as the oldest match is looked for.
        """
        with self._lock:
            return self._steps.state()

    def explain(self) -> str:
        """Say for people what the query keeps, and whether that is bounded.

        Returns:
            lines of text: how rows come and which are late, what bounds an open match, what is kept of a partition and
            when it is forgotten.
        """
        steps = self._steps
        return explained(
            steps.plan.query, self._options, has_loop=steps.stream.has_loop, reads_all=steps.stream.reads_all
        )

    def __repr__(self) -> str:
        partitions, rows, _ = self._steps.stream.counts
        return f"<rowpattern.ContinuousQuery: {partitions} open partitions, {rows} rows kept>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied and pickled: both would take rows of one stream."""
        message = "a continuous query is not copied or pickled"
        raise TypeError(f"{message}; rowpattern.continuous.restore(query.checkpoint(), sql) makes another one")

    def _check_failed(self) -> None:
        if self._steps.failed is not None:
            raise self._steps.failed

    def _push(self, batch: Any, source: str | None) -> Given:
        with self._call() as (using, context):
            return self._steps.push(batch, "" if source is None else source, using, context, self._check_takes_rows)

    def _finish(self, partition: Any = None) -> Given:
        # The lock is held from the check whether the query has ended to the end of the call.
        with self._lock:
            ends = self._is_finished or self._steps.failed is not None
            if partition is None and ends and (self._steps.has_pending or self._steps.failed is None):
                return self._steps.pending(call_context(self._options))
            with self._call() as (using, context):
                given = self._steps.finish(partition, using, context)
                self._is_finished = partition is None
                return given

    def _give_again(self, given: Given) -> None:
        with self._lock:
            self._steps.give_again(given.answers)

    def _call(self) -> Call:
        return Call(self._lock, self._options, self._check_takes_rows)

    def _check_takes_rows(self) -> None:
        self._check_failed()
        if self._is_finished:
            raise QueryError("the query is finished, and takes no rows; make another one")

    def _fingerprint(self) -> dict[str, str]:
        return query_fingerprint(self._question, self._options.parameters)

    def _restore(self, stored: StoredCheckpoint) -> None:
        """Take what a checkpoint has; there were no rows yet.

        Raises:
            CheckpointError: it has something else.
        """
        stored.check_same(self._fingerprint())
        with self._call() as (using, context):
            self._steps.restore(stored, using, context)
        self._is_finished = stored.metadata.get("is_finished") is True
        self._positions = stored.positions

    def _figures(self) -> ContinuousFigures:
        # Without the lock, so that metrics do not wait for a push: counts may be those of the one before.
        partitions, rows, size_bytes = self._steps.stream.counts
        time, counts = self._steps.event_time, self._steps.counts
        lag, behind = self._steps.lag_seconds()
        return ContinuousFigures(
            partitions=partitions,
            rows=rows,
            unreleased_rows=time.unreleased_rows,
            size_bytes=size_bytes + time.unreleased_bytes,
            rows_in=counts["rows"],
            rows_out=counts["answered"],
            matches=counts["matches"],
            late_rows=time.late_rows,
            expired=counts["expired"],
            lag_seconds=lag,
            behind_seconds=behind,
        )


class _AsyncCalls:
    """The calls of a loop that may be left while one of them works, so that its answer reaches nobody."""

    def __init__(self, query: ContinuousQuery) -> None:
        self._query = query
        self._last: Given | None = None

    def push(self, batch: Any, source: str | None = None) -> Any:
        self._last = self._query._push(batch, source)  # noqa: SLF001 - of this file
        return self._last.table

    def finish(self) -> Any:
        self._last = self._query._finish()  # noqa: SLF001 - of this file
        return self._last.table

    def give_again(self) -> None:
        if self._last is not None:
            self._query._give_again(self._last)  # noqa: SLF001 - of this file
            self._last = None
