"""Rows that need not be brought in order, as matches and measures are the same without them.

A funnel names the steps that it asks about and lets anything lie between: `VIEW OTHER*? CART`. An event that is none
of these steps is taken by OTHER wherever it comes, and ordering it takes as long as ordering one that counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.bind.references import Aggregate, MatchNumber, RunningAggregate

if TYPE_CHECKING:
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.bind.references import Reference
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["passed_over"]


def passed_over(bound: BoundClause, context: ExecutionContext) -> bytes | None:
    """Return for each symbol 1 where the answer is the same without rows of it; None where there is no such one.

    Args:
        bound: a clause whose conditions are all computed from rows alone, each from its own.
        context: the limits of the query.

    Takes time by the pattern alone.
    """
    if (
        context.prefer != "first"
        or bound.rows_shown != "one row"
        or bound.within is not None
        or bound.skip[0] not in {"past last row", "to next row"}
        or any(each.expression.depends for each in bound.conditions)
    ):
        return None
    used: set[str] = set()
    for measure in bound.measures:
        for _, item in measure.expression.reads:
            variables = _variables(item)
            if variables is None:
                return None
            used.update(variables)
    return bound.compiled()._passed_over(sorted(used))  # noqa: SLF001 - the extension's, for this


def _variables(item: Reference) -> tuple[str, ...] | None:
    """Return whose rows a measure reads, beside a match's first and last one; None where it reads others."""
    if isinstance(item, MatchNumber):
        return ()
    if isinstance(item, Aggregate):
        return item.counts if item.of_rows is None else item.of_rows.variables
    if isinstance(item, RunningAggregate) or item.at.rows:
        return None
    if item.at.variables is None:
        return () if item.at.offset == 0 else None
    return item.at.variables
