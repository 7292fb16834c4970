"""What a continuous query keeps, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rowpattern.continuous_query.bound_query import BoundQuery
    from rowpattern.continuous_query.options import Options

__all__ = ["explained"]


def explained(query: BoundQuery, options: Options, *, has_loop: bool, reads_all: bool) -> str:
    """Return lines of text.

    Args:
        query: the query.
        options: its options.
        has_loop: whether the pattern lets a match have any number of rows.
        reads_all: whether a push reads all kept rows of its partitions.
    """
    return "\n".join(_lines(query, options, has_loop=has_loop, reads_all=reads_all))


def _lines(query: BoundQuery, options: Options, *, has_loop: bool, reads_all: bool) -> Iterator[str]:
    bound, reach = query.bound, query.reach
    yield f"row pattern {bound.pattern}"
    if options.lateness is None:
        yield "rows: come in order of ORDER BY, which is checked"
    else:
        late = {"raise": "are an error", "drop": "are dropped and counted", "collect": "are collected"}[options.late]
        yield f"rows: wait until none can come before them; those later than {options.lateness} {late}"
    if reach.conditions_ahead or reach.measures_ahead:
        yield "open matches: NOT bounded, as NEXT with IGNORE NULLS waits for a value, however many rows away it is"
    elif bound.within is not None:
        yield f"open matches: bounded, as all rows of a match are within {bound.within.text}"
    elif not has_loop:
        yield "open matches: bounded, as the pattern has no loop without an upper bound"
    else:
        yield "open matches: NOT bounded, as the pattern has a loop that can go on for ever; WITHIN bounds it"
    waits = ", ".join(f"{name} {rows}" for name, rows in reach.horizons.items())
    if waits:
        yield f"waits: conditions with NEXT are known so many rows later: {waits}"
    if reach.match_behind:
        yield f"waits: measures with NEXT read {reach.match_behind} more rows than the match has"
    ahead = sorted({*reach.conditions_ahead, *(["MEASURES"] if reach.measures_ahead else [])})
    if ahead:
        yield f"waits: what has NEXT with IGNORE NULLS is known when a row has the value: {', '.join(ahead)}"
    yield f"kept of each partition: the rows from the first one at which a match may still begin{_around(query)}"
    remembered = _remembered(query)
    if remembered:
        yield f"partitions: remembered for {' and '.join(remembered)}, also without an open match"
    else:
        yield "partitions: forgotten as soon as they have no open match"
    if options.idle is not None:
        yield f"partitions: ended when they have had no rows for {options.idle}"
    if any(each.expression.depends for each in bound.conditions):
        how = "a push takes time for its own rows, however long a match is open"
        if reads_all:
            how = "DuckDB computes parts of them, so that a push reads all kept rows of its partitions again"
        yield f"conditions: some read the match so far; {how}"


def _around(query: BoundQuery) -> str:
    before = query.reach.match_before
    return f", and {before} before it" if before else ""


def _remembered(query: BoundQuery) -> list[str]:
    found = []
    if query.reach.numbered:
        found.append("MATCH_NUMBER()")
    if "^" in query.bound.pattern:
        found.append("^")
    if query.reach.rows_before or query.reach.match_before or query.reach.horizons:
        found.append("PREV and NEXT")
    return found
