"""Measures: what navigation and aggregates read from matches, and expressions over that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rowpattern.sql.bind.references import Aggregate
from rowpattern.sql.execute.aggregates import Aggregation
from rowpattern.sql.execute.engine_aggregates import engine_aggregates
from rowpattern.sql.execute.row_expressions import ItemInputs, compute
from rowpattern.sql.execute.typed_clause import typed_clause
from rowpattern.sql.tables.answers import plain_integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.bind.bound import BoundClause, BoundMeasure
    from rowpattern.sql.bind.references import Reference
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.items import Items
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["measure"]


class _MeasureParts(NamedTuple):
    """The measures of a clause, whatever the table; kept with the clause's plans.

    Attributes:
        left: those that are more than one reference.
        alone: what the others are, by their names.
        names: what `left` reads, by the names of references.
        aggregates: those that are more than counts of rows, of all measures, by the names of references.
        read: the different references among `alone`, where neither `left` nor `aggregates` has any.
        places: for each measure, which of these it is.
    """

    left: list[BoundMeasure]
    alone: dict[str, Reference]
    names: dict[str, Reference]
    aggregates: dict[str, Aggregate]
    read: list[Reference]
    places: list[int]

    @classmethod
    def of(cls, measures: Sequence[BoundMeasure]) -> _MeasureParts:
        left = [each for each in measures if each.expression.only is None]
        read = dict(pair for each in measures for pair in each.expression.reads)
        alone = {each.name: each.expression.only for each in measures if each.expression.only is not None}
        aggregates = {name: item for name, item in read.items() if isinstance(item, Aggregate) and item.counts is None}
        are_all_alone = not left and not aggregates
        items = list(dict.fromkeys(alone.values())) if are_all_alone else []
        places = [items.index(alone[each.name]) for each in measures] if are_all_alone else []
        names = dict(pair for each in left for pair in each.expression.reads)
        return cls(left, alone, names, aggregates, items, places)


def measure(
    bound: BoundClause, rows: OrderedPartitions, items: Items, database: Database, context: ExecutionContext
) -> list[Array]:
    """Compute the measures of a clause, one value an item. O(items) and the cost of DuckDB's aggregates."""
    parts: _MeasureParts | None = bound.plans.get(_MeasureParts)
    if parts is None:
        parts = _MeasureParts.of(bound.measures)
        bound.plans.put(_MeasureParts, parts)
    left, alone, names, aggregates, *_ = parts
    if not left and not aggregates:
        columns_read = items.read_each(parts.read)
        return [
            columns_read[at] if each.expression.origin else plain_integers(columns_read[at])
            for each, at in zip(bound.measures, parts.places)
        ]
    # Expressions are not computed for rows of no match: they might give something.
    of_matched = items.matched
    together = None
    if left or aggregates:
        together = typed_clause(bound.conditions, bound.measures, rows.table, database, bound.plans)
    known: dict[Reference, Array] = {}
    if together is not None and aggregates:
        known |= engine_aggregates(aggregates, together, rows, of_matched)
        others = [item for item in dict.fromkeys(aggregates.values()) if item not in known]
        known |= Aggregation(others, bound, rows, of_matched, database, context).compute() if others else {}
    read = items.read(item for item in alone.values() if item not in known)
    found = {name: read[item] if item in read else items.spread(known[item]) for name, item in alone.items()}
    if together is not None and left:
        if of_matched is items:
            known |= read
        known |= of_matched.read(item for item in names.values() if item not in known)
        columns = {name: known[item] for name, item in names.items()}
        types = {name: each.type for name, each in together.aggregates.items() if each.type is not None}
        values = compute(together.measures, ItemInputs(columns, of_matched.count), together.labels, database, types)
        found.update(zip((each.name for each in left), map(items.spread, values)))
    return [found[each.name] if each.expression.origin else plain_integers(found[each.name]) for each in bound.measures]
