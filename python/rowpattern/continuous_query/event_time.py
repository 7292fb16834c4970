"""Event time of a continuous query: which rows are late, in which order rows are let through, and when.

**Lateness** b: a row is late if its first key of ORDER BY is below the greatest one of its source among the rows
before it, minus b. This is decided row by row, so how rows are cut into pushes decides nothing. The *watermark* is the
least of these bounds over all sources: no later row is below it. Rows wait until they are below the watermark,
strictly, since rows of the same key may follow, and leave in the order of ORDER BY, those that are equal in it as they
arrived.

Without lateness rows do not wait: they have to arrive in order of the first key over the whole query, and in order of
all keys within a partition. Both are checked; the watermark is the greatest key then.

>>> import pyarrow as pa
>>> from rowpattern.continuous_query.event_keys import OrderKey
>>> time = EventTime([OrderKey("at")], pa.schema({"at": pa.int64()}), lateness=2)
>>> step = time.admit(pa.record_batch({"at": [1, 5, 4]}))
>>> step.rows["at"].to_pylist(), step.watermark.as_py()
([1], 3)
>>> time.commit(step)
>>> time.finish().rows["at"].to_pylist()
[4, 5]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from rowpattern.continuous_query.admitted import Admitted, NextTime, watermark_of
from rowpattern.continuous_query.arrival_order import ArrivalOrder
from rowpattern.continuous_query.event_keys import HIGHEST, EventKey
from rowpattern.continuous_query.event_sources import EventSources
from rowpattern.continuous_query.late_rows import late_row_error
from rowpattern.continuous_query.row_batches import empty_batch, one_batch
from rowpattern.continuous_query.row_sorting import sorted_rows
from rowpattern.continuous_query.unreleased import ReleasedRows, SortedRun, UnreleasedRows, sorted_run
from rowpattern.errors import CheckpointError, ConfigurationError
from rowpattern.sql.arrow.arrays import from_numpy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.continuous_query.event_keys import Lateness, OrderKey
    from rowpattern.sql.arrow.arrays import Booleans
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["EventTime", "Late"]

#: What becomes of rows that are late.
Late = Literal["raise", "drop", "collect"]

_BELOW_ALL = float("-inf")
_MOST_ROWS = 1 << 62


class EventTime:
    """Lets rows through in order, and knows which are late.

    Attributes:
        late_rows: how many rows were late, since the query began.
        arrived_rows: how many rows were not.
    """

    def __init__(
        self,
        order_by: Sequence[OrderKey],
        schema: pa.Schema,
        *,
        partition_by: Sequence[str] = (),
        lateness: Lateness | None = None,
        late: Late = "raise",
    ) -> None:
        """Begin without rows.

        Args:
            order_by: the keys of ORDER BY, as columns.
            schema: of the rows.
            partition_by: the keys of PARTITION BY, as columns.
            lateness: how late a row may be, in the first key: a duration as "5s", or a number for keys that are
                numbers; None where rows arrive in order.
            late: what becomes of rows that are late: an error, or they are dropped and counted, or given back.

        Raises:
            ConfigurationError: an argument is none of these, or the first key has no distances.
        """
        if not isinstance(late, str) or late not in {"raise", "drop", "collect"}:
            raise ConfigurationError(f'late is {late!r}; allowed are "raise", "drop" and "collect"')
        self.late_rows = 0
        self.arrived_rows = 0
        self._schema = schema
        self._nothing = empty_batch(schema)
        self._order_by = tuple(order_by)
        self._partition_by = tuple(partition_by)
        self._late = late
        self._key = EventKey(self._order_by[0], schema.field(self._order_by[0].column).type) if order_by else None
        if lateness is not None and self._key is None:
            raise ConfigurationError("lateness needs ORDER BY: without it there is no time that a row could be late in")
        self._lateness = lateness
        width = None if lateness is None or self._key is None else self._key.width(lateness)
        self._sources = EventSources(width)
        self._arrival_order = (
            ArrivalOrder(self._key, self._order_by, self._partition_by)
            if self._key is not None and width is None
            else None
        )
        self._unreleased = UnreleasedRows(schema)
        self._step = 0

    @property
    def watermark(self) -> pa.Scalar | None:
        """No later row's first key is below it (above it, where ORDER BY falls); None where nothing is known."""
        return watermark_of(self._key, self._sources.floor)

    @property
    def lag(self) -> float | None:
        """How far the watermark is behind the greatest key, in the key's units; None where one is not known.

        Some source is behind by it, or lateness.
        """
        highest, floor = self._sources.highest, self._sources.floor
        return None if highest is None or floor is None else float(highest - floor)

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that are known."""
        return self._sources.names

    @property
    def unreleased_rows(self) -> int:
        """How many rows wait for the watermark."""
        return self._unreleased.count

    @property
    def unreleased_bytes(self) -> int:
        """How many bytes these have."""
        return self._unreleased.size_bytes

    def unreleased_bytes_after(self, admitted: Admitted) -> int:
        """Return how many bytes wait when a step is committed."""
        return self._unreleased.size_bytes_after(admitted.next.bound, admitted.next.released)

    def admit(
        self, rows: pa.RecordBatch | pa.Table, source: str = "", context: ExecutionContext | None = None
    ) -> Admitted:
        """Take rows of a source as they arrive.

        Args:
            rows: with the columns of the schema, in its types.
            source: where they come from; it is known from then on, also where there are no rows.
            context: the limits of the call; None for those of any query of the process.

        Raises:
            LateRowError: a row is late, where that is an error. Nothing was taken.
            QueryLimitError: a limit was passed. Nothing was taken.

        Takes time linear in the rows, and O(n log n) where they are out of order.
        """
        sources = self._sources.copied()
        sources.begin(source)
        if self._key is None or not rows.num_rows:
            added = _pushed_batch(rows) if self._key is None else None
            return self._admitted(sources, self._arrival_order, added, context=context)
        rows = _pushed_batch(rows)
        if self._arrival_order is not None:
            return self._in_order(rows, sources, self._arrival_order, context)
        keys, missing = self._key.numbers(rows.column(self._key.key.column))
        late = sources.late(keys, missing, source)
        if late is not None:
            row = int(np.argmax(late))
            if row:
                sources.saw(source, keys[:row].max().item())
            self._refuse_late(rows, row, sources.bound_of(source))
            kept = np.flatnonzero(~late)
            late_rows = rows.take(from_numpy(np.flatnonzero(late)))
            rows, keys = rows.take(from_numpy(kept)), keys[kept]
        else:
            late_rows = None
        if not len(keys):
            return self._admitted(sources, None, None, late_rows, context)
        sources.saw(source, keys.max().item())
        arrivals = np.arange(self.arrived_rows, self.arrived_rows + len(keys))
        run = sorted_run(keys, arrivals, rows, in_order=bool((keys[1:] >= keys[:-1]).all()))
        return self._admitted(sources, None, run, late_rows, context)

    def advance(self, time: object, source: str | None = None, context: ExecutionContext | None = None) -> Admitted:
        """Take the promise that no later row has a first key below a time (above it, where ORDER BY falls).

        Args:
            time: a value of the key, or a datetime for dates and times, or a text of ISO 8601.
            source: whose rows; None for all sources, also those that are not known yet.
            context: as for `admit`.

        Raises:
            ConfigurationError: it is no such value, or the key has no distances.
        """
        if self._key is None or not self._key.is_measured:
            what = "there is no ORDER BY" if self._key is None else f"{self._key.key.column} is {self._key.shown_kind}"
            raise ConfigurationError(f"{what}, so there is no time to advance; leave out advance()")
        sources = self._sources.copied()
        sources.take_promise(self._key.point(time), source)
        return self._admitted(sources, self._arrival_order, None, context=context)

    def mark_idle(self, source: str, context: ExecutionContext | None = None) -> Admitted:
        """Wait no longer for a source, until it sends rows again; these may be late then.

        Raises:
            ConfigurationError: no such source is known.
        """
        sources = self._sources.copied()
        sources.leave(source)
        return self._admitted(sources, self._arrival_order, None, context=context)

    def finish(
        self, where: Callable[[pa.RecordBatch], Booleans] | None = None, context: ExecutionContext | None = None
    ) -> Admitted:
        """Let through rows that wait, whatever the watermark.

        Args:
            where: which of them, given rows; None for all.
            context: as for `admit`.
        """
        found = self._unreleased.below(None, None) if where is None else self._unreleased.where(where)
        following = NextTime(self._step, self._sources, self._arrival_order, found, None, 0, 0)
        return self._given(found.rows, None, following, context)

    def commit(self, admitted: Admitted) -> None:
        """Make a step's changes. Only the last one that was made can be, once.

        Raises:
            RuntimeError: it was made before another one that was committed.
        """
        following = admitted.next
        if following.step != self._step:
            raise RuntimeError("another step was committed since this one was made; make it again")
        self._step += 1
        self._sources = following.sources
        self._arrival_order = following.arrival_order
        self.arrived_rows += following.arrived
        self.late_rows += following.late_rows
        self._unreleased.commit(following.bound, following.released)

    def close_before(self, admitted: Admitted) -> None:
        """Let no later row be before rows that went before the watermark, as `finish` lets them.

        To be called where partitions do not end behind the rows after all: a later row of theirs that is before them
        would be out of order.
        """
        if self._key is None or self._lateness is None or not admitted.rows.num_rows:
            return
        last = admitted.rows.column(self._key.key.column).slice(admitted.rows.num_rows - 1)
        number = self._key.numbers(last)[0][0].item()
        sources = self._sources.copied()
        sources.take_promise(number if len(self._order_by) == 1 else _following(number), None)
        self._sources = sources

    def state(self) -> tuple[dict[str, Any], pa.Table]:
        """Return what `restore` needs: values that JSON has, and a table of rows.

        These are the rows that wait, as they arrived; or, without lateness, those that later ones are compared with.
        """
        waiting = self._unreleased.by_arrival()
        rows = pa.Table.from_batches([] if waiting is None else [waiting.rows], self._schema)
        if self._arrival_order is not None:
            rows = self._arrival_order.rows(self._schema)
        state = {"late_rows": self.late_rows, "arrived_rows": self.arrived_rows, "sources": self._sources.state()}
        return state, rows

    def restore(self, state: Mapping[str, Any], rows: pa.Table) -> None:
        """Take what `state` has returned, in an event time that was made with the same arguments.

        Raises:
            CheckpointError: it is no such state. Nothing was taken.
        """
        try:
            counts = [state["late_rows"], state["arrived_rows"]]
            _check_counts(counts)
            sources = self._sources.restored(state["sources"], self._key)
            order, released = self._restored_rows(rows, counts[1], sources)
        except (KeyError, TypeError, ValueError, OverflowError, pa.ArrowException) as error:
            raise CheckpointError(f"the checkpoint's event time cannot be read: {error!r}"[:500]) from None
        self.late_rows, self.arrived_rows = counts
        self._sources, self._arrival_order = sources, order
        self._unreleased = UnreleasedRows(self._schema)
        self._unreleased.commit(None, released)

    def _restored_rows(
        self, rows: pa.Table, arrived: int, sources: EventSources
    ) -> tuple[ArrivalOrder | None, ReleasedRows]:
        nothing = ReleasedRows(None, [])
        if rows.num_rows > arrived or (self._key is None and rows.num_rows):
            raise ValueError(f"{rows.num_rows} rows are kept, of {arrived} that arrived")
        batch = _pushed_batch(rows) if rows.num_rows else None
        if self._arrival_order is not None:
            return self._arrival_order.restored(sources.highest, batch), nothing
        if batch is None or self._key is None:
            return None, nothing
        keys, missing = self._key.numbers(batch.column(self._key.key.column))
        if missing is not None:
            raise ValueError("a row that waits has no time")
        arrivals = np.arange(arrived - len(keys), arrived)
        return None, ReleasedRows(None, [sorted_run(keys, arrivals, batch, in_order=False)])

    def _in_order(
        self, rows: pa.RecordBatch, sources: EventSources, order: ArrivalOrder, context: ExecutionContext | None
    ) -> Admitted:
        late, following = order.checked(rows, sources.floor, context)
        late_rows = None
        if late is not None:
            self._refuse_late(rows, int(np.argmax(late)), None)
            late_rows = rows.take(from_numpy(np.flatnonzero(late)))
            rows = rows.take(from_numpy(np.flatnonzero(~late)))
        if following.highest is not None:
            sources.saw_all(following.highest)
        return self._admitted(sources, following, rows, late_rows, context)

    def _admitted(
        self,
        sources: EventSources,
        order: ArrivalOrder | None,
        added: SortedRun | pa.RecordBatch | None,
        late: pa.RecordBatch | None = None,
        context: ExecutionContext | None = None,
    ) -> Admitted:
        arrived = 0 if added is None else len(added.keys) if isinstance(added, SortedRun) else added.num_rows
        bound = sources.floor
        if isinstance(added, SortedRun) or (added is None and self._lateness is not None):
            released = ReleasedRows(None, [] if added is None else [added])
            if bound is not None:
                released = self._unreleased.below(bound, added)
            rows: Any = released.rows
        else:
            released, rows = ReleasedRows(None, []), added
        late_count = 0 if late is None else late.num_rows
        following = NextTime(
            self._step, sources, order, released, _BELOW_ALL if bound is None else bound, arrived, late_count
        )
        return self._given(rows, late, following, context)

    def _given(
        self,
        rows: SortedRun | pa.RecordBatch | None,
        late: pa.RecordBatch | None,
        following: NextTime,
        context: ExecutionContext | None,
    ) -> Admitted:
        found = self._fully_sorted(rows, context) if isinstance(rows, SortedRun) else rows
        if found is None:
            found = self._nothing
        shown = late if late is not None and self._late == "collect" else self._nothing
        return Admitted(found, shown, following.sources.floor, self._key, following)

    def _fully_sorted(self, run: SortedRun, context: ExecutionContext | None) -> pa.RecordBatch:
        """Sort rows that are equal in the first key by the others."""
        if len(self._order_by) == 1 or not (run.keys[1:] == run.keys[:-1]).any():
            return run.rows
        arrived = np.argsort(run.arrivals, kind="stable")
        names = [key.column for key in self._order_by]
        keys = run.rows.select(list(dict.fromkeys(names))).take(from_numpy(arrived))
        order = sorted_rows(pa.Table.from_batches([keys]), (), self._order_by, context).order
        return run.rows.take(from_numpy(arrived if order is None else arrived[order]))

    def _refuse_late(self, rows: pa.RecordBatch, row: int, bound: float | None) -> None:
        """Raise the error for the first row that is late, where that is one; `bound` is where rows are not."""
        if self._late == "raise" and self._key is not None:
            raise late_row_error(rows, row, self._key, self._partition_by, self._lateness, bound)


def _following(number: float) -> float:
    """Return the next greater number of a key."""
    return min(number + 1, HIGHEST) if isinstance(number, int) else float(np.nextafter(number, np.inf))


def _check_counts(counts: Sequence[object]) -> None:
    if any(type(count) is not int or not 0 <= count < _MOST_ROWS for count in counts):
        raise ValueError(f"counts of rows are {counts}")


def _pushed_batch(rows: pa.RecordBatch | pa.Table) -> pa.RecordBatch:
    return one_batch(rows, "a push", "push its rows in smaller batches")
