"""Rows in order to matches: conditions computed over whole columns, then the pattern's two passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.sql.execute.first_row_bounds import rows_near_the_first
from rowpattern.sql.execute.match_conditions import located, match_conditions
from rowpattern.sql.execute.row_symbols import row_symbols
from rowpattern.sql.execute.typed_clause import typed_clause
from rowpattern.sql.execute.within import reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.patterns import Matches, Pattern, RowSymbols
    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.bind.bound import BoundClause, BoundMeasure, Condition, TypedPlans
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.match_conditions import MatchConditions
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.typed_clause import TypedClause
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["find_matches", "prepared"]


def find_matches(
    bound: BoundClause,
    rows: OrderedPartitions,
    database: Database,
    context: ExecutionContext,
    pattern: Pattern | None = None,
    *,
    ends: Integers | None = None,
) -> Matches:
    """Compute conditions and match. Takes time linear in the rows; see the core for memory.

    Args:
        bound: the clause.
        rows: the table.
        database: the query's connection.
        context: the limits of the query.
        pattern: what is matched in the place of the clause's pattern; the clause's conditions are of its variables.
        ends: for each row, the row behind the last that a match may have which begins there; the clause has no WITHIN.
    """
    pattern = bound.compiled() if pattern is None else pattern
    with context.step("conditions", rows.count):
        together = typed_clause(bound.conditions, bound.measures, rows.table, database, bound.plans)
        given = row_symbols(pattern, bound.conditions, together, rows, database)
        limit: Any = reach(bound, rows, database, context) if ends is None else ends
        search = None
        if any(each.expression.depends for each in bound.conditions):
            near = rows_near_the_first(bound, pattern, together, rows, context) if limit is None else None
            if near is None:
                search = _search(pattern, bound.conditions, together, rows, database)
            else:
                limit = near
    with context.step("match", rows.count):
        mode, target = bound.skip
        skip = (mode, target) if target else mode
        options: Any = {
            "partitions": ("starts", rows.starts),
            "skip": skip,
            "threads": context.threads,
            **context.remaining,
        }
        if limit is not None:
            options["latest_ends"] = limit
        if context.prefer != "first":
            options["prefer"] = context.prefer
        finder: Any = pattern if search is None else search.conditions
        if search is not None and search.compute is not None:
            options["compute"] = search.compute
        with context.limited(), located(bound.conditions):
            matches: Matches = finder.match(given, **options)
        # Two numbers a match; of its rows, the variable and whether they are excluded.
        context.hold(2 * 8 * len(matches) + 2 * len(matches.rows))
        return matches


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
    return given, _search(pattern, conditions, together, rows, database)


def _search(
    pattern: Pattern,
    conditions: Sequence[Condition],
    together: TypedClause,
    rows: OrderedPartitions,
    database: Database,
) -> MatchConditions | None:
    dependent = [condition for condition in conditions if condition.expression.depends]
    return match_conditions(pattern, dependent, together, rows, database) if dependent else None
