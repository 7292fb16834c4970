"""Reading tables within a query's time: a reader, a lazy frame or a relation may take long, or wait for ever."""

from __future__ import annotations

import functools
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from rowpattern.sql.arrow.sizes import size_bytes
from rowpattern.sql.runtime.context import Progress
from rowpattern.sql.runtime.supervised import SupervisedThreads
from rowpattern.sql.tables.inputs import StoppedError, is_frame, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = [
    "RemoteTable",
    "abandoned_reads",
    "counted_batches",
    "is_in_memory",
    "lent_batches",
    "supervised",
    "supervised_batches",
    "table_reader",
]

_Found = TypeVar("_Found")

_BETWEEN_REPORTS_SECONDS = 0.25

_supervised = SupervisedThreads("rowpattern-reading", "readings of tables", calls_python=True)


def abandoned_reads() -> int:
    """Return how many readings of tables passed a limit or were given up, and have not ended."""
    return _supervised.abandoned


class RemoteTable(ABC):
    """A table that another process has."""

    @abstractmethod
    def open(self) -> Table:
        """Return it; columns come when they are asked for."""


def is_in_memory(value: Any) -> bool:
    """Say whether a table is there, so that nothing has to be waited for."""
    if isinstance(value, pa.Table):
        return True
    return is_frame(value, "pandas", "DataFrame") or is_frame(value, "polars", "DataFrame")


def table_reader(context: ExecutionContext) -> Callable[[Any, str], Table]:
    """Return `read_table` within the limits of a run."""

    def read(value: Any, name: str) -> Table:
        if is_in_memory(value):
            table = read_table(value, name)
        elif isinstance(value, RemoteTable):
            return value.open()
        else:
            stop = threading.Event()
            try:
                with context.lent():
                    table = _supervised.supervise(lambda: read_table(value, name, stop.is_set), context, stop.set)
            except StoppedError:
                raise context.timeout_error() from None
        table.hold, table.check, table.remaining = context.hold, context.check, lambda: context.remaining
        return table

    return read


def supervised(read: Callable[[], _Found], context: ExecutionContext) -> _Found:
    """Read something within the time of a run."""
    with context.lent():
        return _supervised.supervise(read, context)


def supervised_batches(batches: Iterable[pa.RecordBatch], context: ExecutionContext) -> Iterator[pa.RecordBatch]:
    """Read batches within the limits of a run."""
    iterator = iter(batches)
    following = functools.partial(next, iterator, None)
    while True:
        with context.lent():
            batch = _supervised.supervise(following, context)
        if batch is None:
            return
        yield batch


def lent_batches(batches: Iterable[pa.RecordBatch], context: ExecutionContext) -> Iterator[pa.RecordBatch]:
    """Read batches that others compute, in whatever thread asks for them; other queries work meanwhile."""
    iterator = iter(batches)
    while True:
        with context.lent():
            batch = next(iterator, None)
        if batch is None:
            return
        yield batch


def counted_batches(batches: Iterable[pa.RecordBatch], context: ExecutionContext) -> Iterator[pa.RecordBatch]:
    """Count what is read, and tell how far it is some times a second."""
    told = time.perf_counter()
    for batch in batches:
        context.read_rows += batch.num_rows
        context.read_bytes += size_bytes(batch)
        if context.progress and time.perf_counter() - told > _BETWEEN_REPORTS_SECONDS:
            told = time.perf_counter()
            context.report(
                Progress("read", context.read_rows, told - context.begun, done=False, size_bytes=context.read_bytes)
            )
        yield batch
    context.report(
        Progress(
            "read", context.read_rows, time.perf_counter() - context.begun, done=True, size_bytes=context.read_bytes
        )
    )
