"""How far a clause reads beside a match: what decides which rows a continuous query has to keep, and to wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

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
    from collections.abc import Iterable, Iterator

    from rowpattern.sql.bind.bound import BoundClause, Condition
    from rowpattern.sql.bind.references import Reference

__all__ = ["MeasureAhead", "Reach", "ValueAhead", "reach_of"]

#: A value that is not NULL, behind a row: its source, how many values on it is, and behind the last row so far that is
#: mapped to which variables; None for the condition's own row.
ValueAhead = tuple[str, int, Optional[tuple[str, ...]]]
#: The same for measures: behind rows that are mapped to which variables, or all (None), of each navigation.
MeasureAhead = tuple[str, int, list[Optional[tuple[str, ...]]]]


class Reach(NamedTuple):
    """How many rows are read around others.

    Attributes:
        horizons: by variable, how many rows behind its own its condition reads (NEXT).
        conditions_ahead: by variable, the values ahead that its condition reads (NEXT with IGNORE NULLS).
        measures_ahead: the values ahead that measures read, each once.
        rows_before: how many rows before its own a condition of rows alone reads (PREV); one row at least where PREV
            with IGNORE NULLS is read, as each row is given these values with those of the row before it.
        match_before: how many rows before a match are read, by conditions that depend on it, by those that wait for a
            value ahead, and by measures.
        match_behind: how many rows behind a match measures read.
        numbered: whether MATCH_NUMBER() is read.
    """

    horizons: dict[str, int]
    conditions_ahead: dict[str, list[ValueAhead]]
    measures_ahead: list[MeasureAhead]
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
    measured_ahead: dict[tuple[str, int], list[tuple[str, ...] | None]] = {}
    for source, distance, variables in _ahead(measured):
        measured_ahead.setdefault((source, distance), []).append(variables)
    rows_before = -min((0, *_steps(item for item in read if not depends_on_the_match(item))))
    carries = any((value_away(name) or ("", 0))[1] < 0 for name in bound.away)
    rows_before = max(rows_before, int(carries))
    conditions_ahead = {each.variable: ahead for each in bound.conditions if (ahead := list(_ahead(_reads(each))))}
    # A row that waits for a value is evaluated again when that comes, with what is read before it.
    again_before = rows_before if conditions_ahead else 0
    return Reach(
        conditions_ahead=conditions_ahead,
        measures_ahead=[(source, distance, rows) for (source, distance), rows in measured_ahead.items()],
        horizons={each.variable: found for each in bound.conditions if (found := max((0, *_steps(_reads(each))))) > 0},
        rows_before=rows_before,
        # A condition that depends on the match is evaluated again as a whole, with what it reads around its own row.
        match_before=max(again_before, -min((0, *steps, *_steps(dependent), *_steps(read if dependent else ())))),
        match_behind=max((0, *steps)),
        numbered=any(map(_is_numbered, (*measured, *read))),
    )


def _reads(condition: Condition) -> list[Reference]:
    return [item for _, item in condition.expression.reads]


def _steps(items: Iterable[Reference]) -> Iterable[int]:
    """Return how many rows on from a row (negative: back) references read."""
    return [item.at.rows for item in items if isinstance(item, (Value, RowExists, Classifier))]


def _ahead(items: Iterable[Reference]) -> Iterator[ValueAhead]:
    for item in items:
        away = value_away(item.column) if isinstance(item, Value) else None
        if isinstance(item, Value) and away is not None and away[1] > 0:
            yield (*away, item.at.variables)


def _is_numbered(item: Reference) -> bool:
    if isinstance(item, (Aggregate, RunningAggregate)):
        return any(isinstance(read, MatchNumber) for _, read in item.reads)
    return isinstance(item, MatchNumber)
