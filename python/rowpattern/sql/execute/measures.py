"""Measures: what navigation and aggregates read from matches, and expressions over that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from rowpattern.sql.bind.references import Aggregate
from rowpattern.sql.execute.aggregates import Aggregation
from rowpattern.sql.execute.engine_aggregates import engine_aggregates
from rowpattern.sql.execute.row_expressions import ItemInputs, compute
from rowpattern.sql.execute.typed_clause import typed_clause
from rowpattern.sql.expression.nodes import Call, Column
from rowpattern.sql.tables.answers import plain_integers
from rowpattern.sql.tables.own_types import in_own_type, is_type_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.bind.bound import BoundClause, BoundMeasure
    from rowpattern.sql.bind.references import Reference
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.items import Items
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.typed_clause import TypedClause
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["measure"]

# Aggregates that give one of the values of their first argument.
_CHOOSE = frozenset(
    {"any_value", "arg_max", "arg_max_null", "arg_min", "arg_min_null", "first", "last", "max", "min", "mode"}
)


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
    own = {} if together is None else _in_own_types(known, aggregates, together, rows)
    found = {name: read[item] if item in read else items.spread(own[item]) for name, item in alone.items()}
    if together is not None and left:
        if of_matched is items:
            known |= read
        known |= of_matched.read(item for item in names.values() if item not in known)
        columns = {name: known[item] for name, item in names.items()}
        types = {name: each.type for name, each in together.aggregates.items() if each.type is not None}
        values = compute(together.measures, ItemInputs(columns, of_matched.count), together.labels, database, types)
        found.update(zip((each.name for each in left), map(items.spread, values)))
    return [found[each.name] if each.expression.origin else plain_integers(found[each.name]) for each in bound.measures]


def _in_own_types(
    known: Mapping[Reference, Array],
    aggregates: Mapping[str, Aggregate],
    together: TypedClause,
    rows: OrderedPartitions,
) -> dict[Reference, Array]:
    """Return aggregates, of which those that give a value of a column have that column's own type."""
    found = dict(known)
    for name, item in aggregates.items():
        values, column, typed = found.get(item), _chosen_column(item), together.aggregates.get(name)
        if values is None or column is None or typed is None:
            continue
        kind = rows.table.column(column).type
        if kind != values.type and is_type_of(typed.type, kind):
            chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
            own = in_own_type(chunked, kind)
            found[item] = values if own is None else own
    return found


def _chosen_column(item: Aggregate) -> str | None:
    """Return the column of which an aggregate gives a value as it is; None where it gives something else."""
    call = item.tree
    if not isinstance(call, Call) or call.name not in _CHOOSE or not isinstance(call.values[0], Column):
        return None
    source = dict(item.reads).get(call.values[0].names[0])
    return source if isinstance(source, str) else None
