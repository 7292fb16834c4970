"""Reading tables within a query's time: a reader, a lazy frame or a relation may take long, or wait for ever."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.sql.attended import Attendants
from rowpattern.sql.tables import Table, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rowpattern.sql.running import Run

__all__ = ["TableElsewhere", "abandoned_reads", "attended_batches", "is_in_memory", "table_reader"]

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


def attended_batches(batches: Iterable[pa.RecordBatch], run: Run) -> Iterator[pa.RecordBatch]:
    """Read batches within the limits of a run."""
    iterator = iter(batches)
    following = functools.partial(next, iterator, None)
    while (batch := _attendants.attend(following, run)) is not None:
        yield batch
