"""How far a clause reads beside a match: what decides which rows a continuous query has to keep, and to wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rowpattern.sql.bind.references import (
    Aggregate,
    Classifier,
    MatchNumber,
    RowExists,
    RunningAggregate,
    Value,
    depends_on_the_match,
    value_away,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rowpattern.sql.bind.bound import BoundClause, Condition
    from rowpattern.sql.bind.references import Reference

__all__ = ["Reach", "reach_of"]


class Reach(NamedTuple):
    """How many rows are read around others.

    Attributes:
        horizons: by variable, how many rows behind its own its condition reads (NEXT).
        rows_before: how many rows before its own a condition of rows alone reads (PREV); one row at least where PREV
            with IGNORE NULLS is read, as each row is given these values with those of the row before it.
        match_before: how many rows before a match are read, by conditions that depend on it and by measures.
        match_behind: how many rows behind a match measures read.
        numbered: whether MATCH_NUMBER() is read.
    """

    horizons: dict[str, int]
    rows_before: int
    match_before: int
    match_behind: int
    numbered: bool


def reach_of(bound: BoundClause) -> Reach:
    """Return how far a clause reads. Takes time linear in its expressions."""
    measured = [item for each in bound.measures for _, item in each.expression.reads]
    steps = list(_steps(measured))
    read = [item for each in bound.conditions for item in _reads(each)]
    dependent = [item for item in read if depends_on_the_match(item)]
    rows_before = -min((0, *_steps(item for item in read if not depends_on_the_match(item))))
    carries = any((value_away(name) or ("", 0))[1] < 0 for name in bound.away)
    return Reach(
        horizons={each.variable: found for each in bound.conditions if (found := max((0, *_steps(_reads(each))))) > 0},
        rows_before=max(rows_before, int(carries)),
        # A condition that depends on the match is evaluated again as a whole, with what it reads around its own row.
        match_before=-min((0, *steps, *_steps(dependent), *_steps(read if dependent else ()))),
        match_behind=max((0, *steps)),
        numbered=any(map(_is_numbered, (*measured, *read))),
    )


def _reads(condition: Condition) -> list[Reference]:
    return [item for _, item in condition.expression.reads]


def _steps(items: Iterable[Reference]) -> Iterable[int]:
    """Return how many rows on from a row (negative: back) references read."""
    return [item.at.rows for item in items if isinstance(item, (Value, RowExists, Classifier))]


def _is_numbered(item: Reference) -> bool:
    if isinstance(item, (Aggregate, RunningAggregate)):
        return any(isinstance(read, MatchNumber) for _, read in item.reads)
    return isinstance(item, MatchNumber)
