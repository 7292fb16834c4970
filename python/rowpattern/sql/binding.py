"""A clause and the columns of the table before it, to what is to be done: names looked up, navigation taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import rowpattern
from rowpattern.errors import PatternSyntaxError, PatternTooLargeError, QueryError, UnknownVariableError
from rowpattern.sql.condition_expressions import ConditionReader
from rowpattern.sql.dependent import possible
from rowpattern.sql.expression.nodes import Column
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.expressions import Scope, columns_in, row_expression
from rowpattern.sql.inputs import Aggregate, Computed, Inputs, RunningAggregate, Value, depends_on_the_match
from rowpattern.sql.kernels import kernel_of
from rowpattern.sql.measure_expressions import MeasureReader
from rowpattern.sql.names import Columns, Variables
from rowpattern.sql.problems import Place, pattern_problem, problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.parse.clause import Clause, Definition, RowsShown, Skip, Written

__all__ = ["BoundClause", "BoundMeasure", "Condition", "Key", "bind", "bind_conditions"]


@dataclass(frozen=True)
class Key:
    """What partitions or orders rows.

    Attributes:
        name: what the answer calls it.
        column: the column that it is; None when it is computed.
        sql: DuckDB's SQL over the table's columns.
        reads: those columns.
        descending: for ORDER BY.
        nulls_first: for ORDER BY.
        place: where it stands in the query; None where it is ours.
    """

    name: str
    column: str | None
    sql: str
    reads: tuple[str, ...]
    descending: bool = False
    nulls_first: bool = False
    place: Place | None = None

    @property
    def direction(self) -> str:
        """Return how it orders, as DuckDB's ORDER BY says it behind an expression."""
        return f"{'DESC' if self.descending else 'ASC'} NULLS {'FIRST' if self.nulls_first else 'LAST'}"


@dataclass(frozen=True)
class Condition:
    """The condition of a primary variable.

    Attributes:
        possible: what rows alone can say of it: true wherever it can be true; None where they say nothing. The
            condition itself where it does not depend on the match.
    """

    variable: str
    computed: Computed
    place: Place
    possible: Computed | None


@dataclass(frozen=True)
class BoundMeasure:
    """A measure and its name."""

    name: str
    computed: Computed
    place: Place


@dataclass(frozen=True)
class BoundClause:
    """What a clause does with a table of known columns.

    Attributes:
        rest: columns of the table that ALL ROWS PER MATCH shows behind the measures.
    """

    partition_by: tuple[Key, ...]
    order_by: tuple[Key, ...]
    conditions: tuple[Condition, ...]
    measures: tuple[BoundMeasure, ...]
    rest: tuple[str, ...]
    rows_shown: RowsShown
    skip: Skip
    skip_place: Place
    pattern: str
    subset: dict[str, tuple[str, ...]]
    variables: tuple[str, ...]

    def compiled(self) -> rowpattern.Pattern:
        """Return the compiled pattern, from the pattern cache."""
        return rowpattern.compile(self.pattern, subset=self.subset or None)

    def reads(self) -> list[str]:
        """Return the columns of the table that are read; others stay where they are."""
        read = [name for key in (*self.partition_by, *self.order_by) for name in key.reads]
        for computed in (*(each.computed for each in self.conditions), *(each.computed for each in self.measures)):
            for _, item in computed.reads:
                if isinstance(item, Value):
                    read.append(item.column)
                elif isinstance(item, RunningAggregate):
                    read += [name for _, name in item.reads]
                elif isinstance(item, Aggregate):
                    read += [name for _, name in item.reads if isinstance(name, str)]
        return list(dict.fromkeys([*read, *self.rest]))


def bind(clause: Clause, names: Sequence[str]) -> BoundClause:
    """Look up all names of a clause.

    Args:
        clause: as it was read.
        names: the columns of the table before it.

    Raises:
        PatternSyntaxError, PatternTooLargeError: the pattern is wrong; shown where it stands in the query.
        QueryError, UnknownVariableError, UnsupportedQueryError: a name is unknown or an expression is wrong.

    Takes time linear in the clause and the number of columns.
    """
    sql = clause.place.sql
    columns = Columns(names, sql, clause.source_name)
    pattern = _compiled(clause)
    variables = Variables(pattern.variables, clause.subset)
    _check_exclusion(clause, pattern)
    partition_by = tuple(_key(expression, place, columns, "PARTITION BY") for expression, place in clause.partition_by)
    order_by = tuple(
        _key(key.expression, key.place, columns, "ORDER BY", key.descending, key.nulls_first) for key in clause.order_by
    )
    for definition in clause.define:
        if definition.variable in clause.subset:
            message = f"DEFINE cannot define {definition.variable}: SUBSET makes it of other variables"
            raise problem(message, definition.place, QueryError)
    conditions = bind_conditions(clause.define, columns, variables)
    one_row = clause.rows_shown == "one row"
    scope = Scope(columns, variables)
    measures = tuple(
        BoundMeasure(each.name, MeasureReader(scope, each.place, one_row).read(each.expression), each.place)
        for each in clause.measures
    )
    keys = [key.name for key in partition_by]
    shown_keys = {key.column for key in (*partition_by, *order_by)}
    rest = () if one_row else tuple(name for name in names if name not in shown_keys)
    bound = BoundClause(
        partition_by=partition_by,
        order_by=order_by,
        conditions=conditions,
        measures=measures,
        rest=rest,
        rows_shown=clause.rows_shown,
        skip=clause.skip,
        skip_place=clause.skip_place,
        pattern=clause.pattern,
        subset=clause.subset,
        variables=pattern.variables,
    )
    others = set() if one_row else {key.column for key in order_by if key.column is not None} | set(rest)
    _check_names(bound, {*keys, *others})
    if clause.skip[1] and variables.members(clause.skip[1]) is None:
        raise variables.unknown(clause.skip[1], clause.skip_place)
    if one_row and not partition_by and not measures:
        message = "the answer would have no column; add MEASURES, PARTITION BY, or ALL ROWS PER MATCH"
        raise problem(message, clause.place, QueryError)
    return bound


def bind_conditions(define: Sequence[Definition], columns: Columns, variables: Variables) -> tuple[Condition, ...]:
    """Look up all names of conditions.

    Raises:
        QueryError, UnknownVariableError, UnsupportedQueryError: a name is unknown or an expression is wrong.
    """
    inputs = Inputs()
    conditions: dict[str, Condition] = {}
    for definition in define:
        name = definition.variable
        if name not in variables.primary:
            raise variables.unknown(name, definition.place)
        if name in conditions:
            raise problem(f"DEFINE defines {name} twice", definition.place, QueryError)
        # Conditions without a query around them are texts of their own.
        scope = Scope(columns.within(definition.place.sql), variables, inputs)
        computed = ConditionReader(scope, definition.place, name).read(definition.condition)
        conditions[name] = Condition(name, computed, definition.place, _possible(computed))
    return tuple(conditions.values())


def _possible(computed: Computed) -> Computed | None:
    if computed.node is None:
        return computed
    row_only = frozenset(name for name, item in computed.reads if not depends_on_the_match(item))
    node = possible(computed.node, row_only)
    if node is None:
        return None
    names = columns_in(node)
    reads = tuple((name, item) for name, item in computed.reads if name in names)
    return Computed(sql_of(node), computed.text, reads, kernel_of(node))


def _compiled(clause: Clause) -> rowpattern.Pattern:
    try:
        return rowpattern.compile(clause.pattern, subset=clause.subset or None)
    except PatternSyntaxError as error:
        raise pattern_problem(error, clause.pattern, clause.pattern_place) from None
    except PatternTooLargeError as error:
        raise PatternTooLargeError(f"{error} (line {clause.pattern_place.line})") from None
    except UnknownVariableError as error:
        place = next(iter(clause.subset_places.values()))
        raise UnknownVariableError(f"{error} (in SUBSET, line {place.line})\n{place.excerpt()}") from None
    except ValueError as error:
        # A union variable that has a primary variable's name.
        raise problem(f"SUBSET: {error}", next(iter(clause.subset_places.values())), QueryError) from None


def _check_exclusion(clause: Clause, pattern: rowpattern.Pattern) -> None:
    if clause.rows_shown == "all rows with unmatched" and pattern.has_exclusion:
        message = "an exclusion {- -} cannot stand in the pattern WITH UNMATCHED ROWS; leave out one of the two"
        raise problem(message, clause.pattern_place, QueryError)


def _key(  # noqa: PLR0917 - used here only
    written: Written,
    place: Place,
    columns: Columns,
    what: str,
    descending: bool = False,
    nulls_first: bool = False,
) -> Key:
    node, reads = row_expression(written, columns, place, what)
    column = reads[0] if isinstance(node, Column) else None
    return Key(column or written.text, column, sql_of(node), reads, descending, nulls_first, place)


def _check_names(bound: BoundClause, others: set[str | None]) -> None:
    seen = {name.lower() for name in others if name is not None}
    for measure in bound.measures:
        if measure.name.lower() in seen:
            message = f"the answer would have two columns {measure.name}; give the measure another name"
            raise problem(message, measure.place, QueryError)
        seen.add(measure.name.lower())
