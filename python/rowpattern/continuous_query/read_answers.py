"""Answers of which every column is read from matches: the core reads all of them in one call.

Over the few matches that a small batch decides, what reads columns one by one takes longer than the search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern._core import FewRows
from rowpattern.sql.bind.references import Value
from rowpattern.sql.execute.core_plan import answer_reads
from rowpattern.sql.execute.few_rows import VALUE_BYTES
from rowpattern.sql.tables.answers import ComputedAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from rowpattern._core import Column, Matches
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["ReadAnswers"]


class ReadAnswers:
    """Reads a clause's answers."""

    def __init__(self, core: FewRows, columns: list[str], named: list[tuple[str, str | None]]) -> None:
        """Take what the core is told.

        Args:
            core: knows what each column of the answer reads.
            columns: the columns of rows that it is given.
            named: each column's name, and the column of rows whose values it has.
        """
        self._core = core
        self._columns = columns
        self._named = named

    @classmethod
    def of(cls, bound: BoundClause, types: Mapping[str, pa.DataType]) -> ReadAnswers | None:
        """Return what reads a clause's answers over rows of these types; None where they need more than one call."""
        if bound.given or bound.away:
            return None
        read = [str(key.column) for key in bound.partition_by if key.column is not None]
        read += [each.expression.only.column for each in bound.measures if isinstance(each.expression.only, Value)]
        columns = list(dict.fromkeys(read))
        if not types.keys() >= set(columns):
            return None
        found = answer_reads(bound, {name: types[name] for name in columns})
        if found is None:
            return None
        reads, shown = found
        told = [(name, read) for (name, _, _), read in zip(shown, reads)]
        core = FewRows(bound.compiled(), [], [], [], [], "past last row", told)
        return cls(core, columns, [(name, origin) for name, _, origin in shown])

    def answer(
        self, matches: Matches, rows: pa.Table, starts: Column[int], context: ExecutionContext
    ) -> ComputedAnswer | None:
        """Read the answer from matches in rows that are in order; None where that takes more than one call.

        Args:
            matches: the matches.
            rows: the rows in order.
            starts: where partitions begin.
            context: the limits.

        Raises:
            QueryLimitError: a limit was passed.
        """
        columns: list[Any] = [rows.column(name) for name in self._columns]
        with context.limited():
            found = self._core.of_matches(matches, columns, rows.num_rows, starts, **context.remaining)
        if found is None:
            return None
        context.hold(VALUE_BYTES * len(found) * len(self._named))
        return ComputedAnswer(found, self._named)
