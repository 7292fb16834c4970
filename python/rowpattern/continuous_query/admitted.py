"""What a step lets through of the rows of a stream, and what event time is behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

    from rowpattern.continuous_query.arrival_order import ArrivalOrder
    from rowpattern.continuous_query.event_keys import EventKey
    from rowpattern.continuous_query.event_sources import EventSources
    from rowpattern.continuous_query.unreleased import ReleasedRows

__all__ = ["Admitted", "NextTime", "watermark_of"]


class Admitted(NamedTuple):
    """What a step lets through. Nothing of the event time has changed before `EventTime.commit`.

    Attributes:
        rows: the rows, in order.
        late: the rows that were late, as they arrived.
        floor: the watermark as `EventKey.numbers` has keys; None where nothing is known.
        key: the first key; None without ORDER BY.
        next: what `commit` makes of the event time.
    """

    rows: pa.RecordBatch
    late: pa.RecordBatch
    floor: float | None
    key: EventKey | None
    next: NextTime

    @property
    def watermark(self) -> pa.Scalar | None:
        """No later row's first key is below it (above it, where ORDER BY falls); None where nothing is known."""
        return watermark_of(self.key, self.floor)

    @property
    def arrived(self) -> int:
        """How many rows came in this step that were not late."""
        return self.next.arrived


class NextTime(NamedTuple):
    """What event time is behind a step."""

    step: int
    sources: EventSources
    arrival_order: ArrivalOrder | None
    released: ReleasedRows
    bound: float | None
    arrived: int
    late_rows: int


def watermark_of(key: EventKey | None, floor: float | None) -> pa.Scalar | None:
    """Return a watermark's number as a value of the key; None where it is not known."""
    return None if floor is None or key is None or not key.is_measured else key.value(floor)
