"""The expressions of a clause with types: all of them in one call to DuckDB's binder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rowpattern.sql.bind.bound import TypedPlans
from rowpattern.sql.bind.references import (
    Aggregate,
    Classifier,
    MatchNumber,
    RowClassifier,
    RowExists,
    RunningAggregate,
    Value,
)
from rowpattern.sql.execute.typed_expressions import Sources, typed
from rowpattern.sql.execute.typed_parameters import (
    aggregate_with_values,
    is_refused,
    is_refused_aggregate,
    named_with_values,
    running_with_values,
    typed_with_values,
)
from rowpattern.sql.execute.typed_records import Named, TypedExpressions
from rowpattern.sql.expression.nodes import Cast, Parameter, TypeName, walk
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import replace

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from rowpattern.sql.bind.bound import BoundMeasure, Condition
    from rowpattern.sql.bind.references import Reference, RowValue
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.typed_records import TypedAggregate, TypedExpression
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.expression.parameters import ParameterValues
    from rowpattern.sql.tables.table import Table

__all__ = ["TypedClause", "typed_clause"]

# What is no column's value.
_TYPES: dict[type, str] = {RowExists: "BOOLEAN", Classifier: "VARCHAR", MatchNumber: "BIGINT"}
_ROW_TYPES: dict[type, str] = {RowClassifier: "VARCHAR", MatchNumber: "BIGINT"}
# What aggregates are given beside what they read: the place of a row, and the number of its variable.
_OF_ROWS = {"row": "BIGINT", "classifier": "UTINYINT"}


# DuckDB's names of numbers' types.
_NUMBER = re.compile(r"(?:U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\s*\d+\))\Z")

_AGGREGATES = (Aggregate, RunningAggregate)


def _over_rows(item: Aggregate | RunningAggregate) -> Aggregate | RunningAggregate:
    """Return an aggregate without a filter by variables, where it has one."""
    return item.of_rows or item if isinstance(item, Aggregate) else item


class TypedClause(NamedTuple):
    """A clause's expressions with types, each with what to call it in an error.

    Attributes:
        rows: what rows alone say of conditions, for those of which they say something.
        starts: what the match's first row alone decides of conditions, for those of which it decides something.
        dependent: conditions that depend on the match.
        measures: those that are more than one reference.
        aggregates: by the names of their references.
        labels: the texts of ordered categories, by DuckDB's type of them.
        programs: what follows from it, kept by who made it.
    """

    rows: list[tuple[Named, TypedExpression]]
    starts: list[tuple[Named, TypedExpression]]
    dependent: list[tuple[Named, TypedExpression]]
    measures: list[tuple[Named, TypedExpression]]
    aggregates: Mapping[str, TypedAggregate]
    labels: Mapping[str, Sequence[str]]
    programs: dict[Hashable, Any]


def typed_clause(
    conditions: Sequence[Condition],
    measures: Sequence[BoundMeasure],
    table: Table,
    database: Database,
    plans: TypedPlans,
    *,
    every: bool = False,
) -> TypedClause:
    """Type the expressions of a clause for a table, or find that done.

    Args:
        conditions: of the clause.
        measures: of the clause.
        table: the one before the clause.
        database: the query's connection.
        plans: what was found before.
        every: type also measures that are one reference.

    Raises:
        QueryError: an expression needs a time zone, and its columns have several.
    """
    parts: _Parts | None = plans.get(_Parts)
    if parts is None:
        parts = _Parts.of(conditions, measures, every=every)
        plans.put(_Parts, parts)
    types = tuple([parts.column(table, name).type for name in parts.read])
    key = (types, database.time_zone, database.zone_given)
    typed_before: TypedClause | None = plans.get(key)
    if typed_before is None:
        typed_before = _typed(parts, table, database, plans)
        if not any(kind.num_fields or isinstance(kind, pa.DictionaryType) for kind in types):
            # Of ordered categories the texts count, too.
            plans.put(key, typed_before)
    if parts.parameters and plans.values is not None:
        used = plans.used
        if used is None or used[0] is not typed_before:
            # Conditions and measures ask one after the other, and some queries with the values of the one before.
            values_key = plans.values.key
            same = (each for text, plan, each in plans.latest if text == values_key and plan is typed_before)
            of_values = next(same, None)
            if of_values is None:
                of_values = _for_values(typed_before, parts, table, database, plans.values)
                plans.latest[:] = [(values_key, typed_before, of_values)]
            used = plans.used = typed_before, of_values
        found: TypedClause = used[1]
        return found
    return typed_before


def _for_values(
    together: TypedClause, parts: _Parts, table: Table, database: Database, values: ParameterValues
) -> TypedClause:
    """Return a typed clause with the values of its parameters."""
    groups = (together.rows, together.starts, together.dependent, together.measures)
    refused = any(is_refused(each) for group in groups for _, each in group)
    if refused or any(map(is_refused_aggregate, together.aggregates.values())):
        return _typed(parts.with_constants(values), table, database, TypedPlans())
    rows, starts, dependent, measures = (
        [typed_with_values(*each, values, database) for each in group] for group in groups
    )
    aggregates = {name: aggregate_with_values(each, values) for name, each in together.aggregates.items()}
    return TypedClause(rows, starts, dependent, measures, aggregates, together.labels, programs={})


def _typed(parts: _Parts, table: Table, database: Database, plans: TypedPlans) -> TypedClause:
    named = [each for group in parts.groups for each in group]
    known = named or parts.aggregates
    found = typed(named, parts.sources(table), database, plans) if known else TypedExpressions((), {}, {})
    numbers = _numbers_as_conditions(parts, found)
    if numbers:
        parts = parts.with_groups([numbers.get(id(each), each) for each in group] for group in parts.groups)
        named = [each for group in parts.groups for each in group]
        found = typed(named, parts.sources(table), database, plans, changed=True)
    expressions = iter(found.expressions)
    rows, starts, dependent, of_measures = ([(each, next(expressions)) for each in group] for group in parts.groups)
    return TypedClause(rows, starts, dependent, of_measures, found.aggregates, found.labels, {})


def _numbers_as_conditions(parts: _Parts, found: TypedExpressions) -> dict[int, Named]:
    """Return for conditions that are numbers what DuckDB takes them for: true where they are not 0."""
    *of_conditions, _ = parts.groups
    conditions = [each for group in of_conditions for each in group]
    changed = {}
    for each, typed_one in zip(conditions, found.expressions):
        tree = each.expression.tree
        if tree is not None and _NUMBER.match(typed_one.type or ""):
            cast = Cast(tree, TypeName("BOOLEAN"), safe=False)
            changed[id(each)] = each._replace(expression=replace(each.expression, sql=sql_of(cast), tree=cast))
    return changed


class _Parts(NamedTuple):
    """The expressions of a clause, and what they read, whatever the table; kept with the clause's plans.

    Attributes:
        groups: what is `rows`, `starts`, `dependent` and `measures` in a `TypedClause`.
        columns: the table's columns that they read, by the names of references.
        only_compared: those that only conditions of rows read, each the value of its own row.
        others: DuckDB's types of references that are no column's values.
        aggregates: aggregates, by the names of references.
        row_columns: the table's columns that those read, by their names in them.
        row_others: DuckDB's types of what else those read.
        places: where values of rows are read from, by the names of references.
        read: the table's columns that any of them reads.
        alone: names of aggregates that stand in no expression.
        parameters: DuckDB's types of parameters, by the names of the columns that stand for them.
    """

    groups: tuple[list[Named], list[Named], list[Named], list[Named]]
    columns: dict[str, str]
    only_compared: frozenset[str]
    others: dict[str, str]
    aggregates: dict[str, Aggregate | RunningAggregate]
    row_columns: dict[str, str]
    row_others: dict[str, str]
    places: dict[str, Hashable]
    read: tuple[str, ...]
    alone: frozenset[str]
    parameters: dict[str, str]

    @classmethod
    def of(cls, conditions: Sequence[Condition], measures: Sequence[BoundMeasure], *, every: bool) -> _Parts:
        groups = (
            [Named.condition(each, each.prefilter) for each in conditions if each.prefilter is not None],
            [Named.condition(each, each.start) for each in conditions if each.start is not None],
            [Named.condition(each, each.expression) for each in conditions if each.expression.depends],
            [Named.measure(each) for each in measures if every or each.expression.only is None],
        )
        items: dict[str, Reference] = dict(pair for group in groups for each in group for pair in each.expression.reads)
        # A measure that is an aggregate alone is no expression, but the engine may compute the aggregate.
        of_measures = dict(pair for each in measures for pair in each.expression.reads)
        alone = {
            name: item
            for name, item in of_measures.items()
            if isinstance(item, Aggregate) and item.of_rows is not None and name not in items
        }
        items |= alone
        aggregates = {name: _over_rows(item) for name, item in items.items() if isinstance(item, _AGGREGATES)}
        read: dict[str, RowValue] = dict(pair for item in aggregates.values() for pair in item.reads)
        columns = {name: item.column for name, item in items.items() if isinstance(item, Value)}
        row_columns = {name: item for name, item in read.items() if isinstance(item, str)}
        read_here = _values(groups[0])
        read_elsewhere = {item.column for group in groups[1:] for item in _values(group)} | set(read.values())
        read_elsewhere |= {item.column for item in read_here if item.at.rows}
        only_compared = frozenset(item.column for item in read_here if item.column not in read_elsewhere)
        return cls(
            groups,
            columns,
            only_compared,
            {name: _TYPES[type(item)] for name, item in items.items() if type(item) in _TYPES},
            aggregates,
            row_columns,
            _OF_ROWS | {name: _ROW_TYPES[type(item)] for name, item in read.items() if type(item) in _ROW_TYPES},
            {name: item.at for name, item in items.items() if isinstance(item, (Value, RowExists))},
            tuple(dict.fromkeys([*columns.values(), *row_columns.values()])),
            frozenset(alone),
            _parameters(
                [
                    *(each.expression.tree for group in groups for each in group),
                    *(item.tree for item in aggregates.values()),
                ]
            ),
        )

    def with_groups(self, groups: Iterable[list[Named]]) -> _Parts:
        """Return the same with other expressions over the same references."""
        rows, starts, dependent, measures = groups
        return self._replace(groups=(rows, starts, dependent, measures))

    def with_constants(self, values: ParameterValues) -> _Parts:
        """Return the same with the values of parameters as constants of the query."""
        rows, starts, dependent, measures = (
            [named_with_values(each, values, typed=False) for each in group] for group in self.groups
        )
        aggregates = {name: running_with_values(item, values) for name, item in self.aggregates.items()}
        return self._replace(groups=(rows, starts, dependent, measures), aggregates=aggregates, parameters={})

    def column(self, table: Table, name: str) -> pa.ChunkedArray:
        """Return a column of the table's; of those that are only compared, perhaps the type alone."""
        if name in self.only_compared:
            return table.typed(name)
        numbers = table.numbers(name)
        return table.column(name) if numbers is None else numbers

    def sources(self, table: Table) -> Sources:
        """Say what the expressions read of a table."""
        return Sources(
            {name: self.column(table, column) for name, column in self.columns.items()},
            self.others | self.parameters,
            self.aggregates,
            {name: table.column(column) for name, column in self.row_columns.items()},
            self.row_others | self.parameters,
            self._one_place,
            self.alone,
        )

    def _one_place(self, names: set[str]) -> Hashable | None:
        places = {self.places.get(name) for name in names}
        return places.pop() if len(places) == 1 else None


def _values(expressions: Sequence[Named]) -> list[Value]:
    return [item for each in expressions for _, item in each.expression.reads if isinstance(item, Value)]


def _parameters(trees: Sequence[Node | None]) -> dict[str, str]:
    found = (each for tree in trees if tree is not None for each in walk(tree) if isinstance(each, Parameter))
    return {each.column: each.kind for each in found}
