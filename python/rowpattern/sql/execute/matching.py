"""Rows in order to matches: conditions computed over whole columns, then the pattern's two passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rowpattern.sql.arrow.chunks import computed_numbers, repeat_numbers, take_numbers
from rowpattern.sql.execute.match_conditions import located, match_conditions
from rowpattern.sql.execute.row_symbols import row_symbols
from rowpattern.sql.execute.typed_clause import typed_clause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.patterns import Matches, Pattern, RowSymbols
    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.bind.bound import BoundClause, BoundMeasure, Condition, TypedPlans
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.match_conditions import MatchConditions
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["Matched", "find_matches", "prepared"]


class Matched:
    """The matches of a table's rows.

    Attributes:
        matches: as the pattern gave them.
        start: the first row of each match; int64.
        length: how many rows it has; 0 for an empty match; int64.
        first: the place of its first row among the rows of all matches; int64.
    """

    def __init__(self, matches: Matches, rows: OrderedPartitions, context: ExecutionContext) -> None:
        """Take what matching gave."""
        self.matches = matches
        # Five numbers a match; of its rows, the variable and whether they are excluded.
        context.hold(5 * 8 * len(matches) + 2 * len(matches.rows))
        self.start: Integers = np.asarray(matches.start)
        self.length: Integers = np.asarray(matches.end) - self.start
        self.first: Integers = np.cumsum(self.length)
        self.first -= self.length
        # From the place of a row among those of all matches to the input's row.
        self._shift: Integers = self.start - self.first
        self._rows = rows
        self._context = context

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.start)

    @property
    def row_count(self) -> int:
        """How many rows they have together."""
        return len(self.matches.rows)

    def of_rows(self, values: Integers, begin: int, end: int) -> Integers:
        """Return, for the rows of matches from one place on up to another, the value of their match."""
        return repeat_numbers(values, self.first, self.length, begin, end)

    def row(self, begin: int, end: int) -> Integers:
        """Return the input's row for the rows of matches from one place on up to another."""
        if begin == 0 and end == self.row_count:
            # The core makes them all in half the time.
            return np.asarray(self.matches.rows.row)
        return self.of_rows(self._shift, begin, end) + np.arange(begin, end)

    def rows(self) -> Integers:
        """Return the input's row for each row of each match; they are held."""
        return computed_numbers(self._context, self.row_count, self.row)

    def partition_bounds(self) -> tuple[Integers, Integers]:
        """Return the first row of each match's partition, and the row behind its last; they are held."""
        ends = np.append(self._rows.starts[1:], self._rows.count)
        with self._context.holding(8 * self.count):
            partition = np.asarray(self.matches.partition)
            low, high = (take_numbers(self._context, bound, partition) for bound in (self._rows.starts, ends))
        return low, high

    def classifiers(self) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        """Return for each row of each match the place of its variable among the pattern's."""
        return np.asarray(self.matches.rows.classifier)


def find_matches(bound: BoundClause, rows: OrderedPartitions, database: Database, context: ExecutionContext) -> Matched:
    """Compute conditions and match. Takes time linear in the rows; see the core for memory."""
    pattern = bound.compiled()
    with context.step("conditions", rows.count):
        given, search = prepared(
            pattern,
            bound.conditions,
            bound.measures,
            rows,
            database,
            bound.plans,
        )
    with context.step("match", rows.count):
        mode, target = bound.skip
        skip = (mode, target) if target else mode
        options: Any = {
            "partitions": ("starts", rows.starts),
            "skip": skip,
            "threads": context.threads,
            **context.remaining,
        }
        finder: Any = pattern if search is None else search.conditions
        if search is not None and search.compute is not None:
            options["compute"] = search.compute
        with context.limited(), located(bound.conditions):
            matches = finder.match(given, **options)
        return Matched(matches, rows, context)


def prepared(  # noqa: PLR0917 - two callers
    pattern: Pattern,
    conditions: Sequence[Condition],
    measures: Sequence[BoundMeasure],
    rows: OrderedPartitions,
    database: Database,
    plans: TypedPlans,
) -> tuple[RowSymbols, MatchConditions | None]:
    """Make what matching takes: rows, and the search where conditions depend on the match; None where none does.

    Args:
        pattern: the pattern.
        conditions: those of its variables.
        measures: those of the clause, which are typed together with the conditions.
        rows: the table.
        database: the query's connection.
        plans: the clause with types, for tables that were asked.

    Raises:
        QueryError: a condition cannot be computed, or is neither true nor false.
    """
    together = typed_clause(conditions, measures, rows.table, database, plans)
    given = row_symbols(pattern, conditions, together, rows, database)
    dependent = [condition for condition in conditions if condition.expression.depends]
    if not dependent:
        return given, None
    return given, match_conditions(pattern, dependent, together, rows, database)
