"""Reading tables within a query's time: a reader, a lazy frame or a relation may take long, or wait for ever."""

from __future__ import annotations

import functools
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from rowpattern.sql.runtime.attended import Attendants
from rowpattern.sql.runtime.context import Progress
from rowpattern.sql.tables.inputs import Table, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rowpattern.sql.runtime.context import Run

__all__ = [
    "TableElsewhere",
    "abandoned_reads",
    "attended",
    "attended_batches",
    "counted_batches",
    "is_in_memory",
    "size_bytes",
    "table_reader",
]

_Found = TypeVar("_Found")

_BETWEEN_REPORTS_SECONDS = 0.25

_attendants = Attendants("rowpattern-reading", "readings of tables")


def abandoned_reads() -> int:
    """Return how many readings of tables passed a limit or were given up, and have not ended."""
    return _attendants.abandoned


class TableElsewhere(ABC):
    """A table that another process has."""

    @abstractmethod
    def open(self) -> Table:
        """Return it; columns come when they are asked for."""


def is_in_memory(value: Any) -> bool:
    """Say whether a table is there, so that nothing has to be waited for."""
    kind = (type(value).__module__.split(".")[0], type(value).__name__)
    return isinstance(value, pa.Table) or kind in {("pandas", "DataFrame"), ("polars", "DataFrame")}


def table_reader(run: Run) -> Callable[[Any, str], Table]:
    """Return `read_table` within the limits of a run."""

    def read(value: Any, name: str) -> Table:
        if isinstance(value, TableElsewhere):
            return value.open()
        if is_in_memory(value):
            table = read_table(value, name)
        else:
            table = _attendants.attend(lambda: read_table(value, name), run)
        table.hold = run.hold
        return table

    return read


def attended(read: Callable[[], _Found], run: Run) -> _Found:
    """Read something within the time of a run."""
    return _attendants.attend(read, run)


def attended_batches(batches: Iterable[pa.RecordBatch], run: Run) -> Iterator[pa.RecordBatch]:
    """Read batches within the limits of a run."""
    iterator = iter(batches)
    following = functools.partial(next, iterator, None)
    while (batch := _attendants.attend(following, run)) is not None:
        yield batch


def counted_batches(batches: Iterable[pa.RecordBatch], run: Run) -> Iterator[pa.RecordBatch]:
    """Count what is read, and tell how far it is some times a second."""
    told = time.perf_counter()
    for batch in batches:
        run.read_rows += batch.num_rows
        run.read_bytes += size_bytes(batch)
        if run.progress and time.perf_counter() - told > _BETWEEN_REPORTS_SECONDS:
            told = time.perf_counter()
            run.report(Progress("read", run.read_rows, told - run.begun, done=False, size_bytes=run.read_bytes))
        yield batch
    run.report(Progress("read", run.read_rows, time.perf_counter() - run.begun, done=True, size_bytes=run.read_bytes))


def size_bytes(table: pa.RecordBatch | pa.Table) -> int:
    """Return what the columns of a table take."""
    try:
        return int(table.nbytes)
    except pa.ArrowNotImplementedError:
        # Of some types, as unions, Arrow knows only what slices share.
        return int(table.get_total_buffer_size())
