"""A bound clause, as plain data: what is to be done with a table of known columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.patterns import compile as compile_pattern
from rowpattern.sql.bind.references import Aggregate, RunningAggregate, Value, value_away
from rowpattern.sql.records import Record, field
from rowpattern.sql.runtime.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.patterns import Pattern
    from rowpattern.sql.bind.references import BoundExpression
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.expression.parameters import ParameterValues
    from rowpattern.sql.parse.clause import RowsShown, Skip
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["LAYER_MARK", "BoundClause", "BoundMeasure", "Condition", "GivenColumn", "Key", "TypedPlans", "Within"]

# Tables of different types that one text is asked of.
_MOST_PLANS = 16


class Key(Record):
    """What partitions or orders rows.

    Attributes:
        name: what the answer calls it.
        column: the column that it is; None when it is computed.
        sql: DuckDB's SQL over the table's columns.
        reads: those columns.
        descending: for ORDER BY.
        nulls_first: for ORDER BY.
        location: where it stands in the query; None where the query does not have it.
        tree: the same as `sql`; None where it is a column that the query does not name.
    """

    name: str
    column: str | None
    sql: str
    reads: tuple[str, ...]
    descending: bool = False
    nulls_first: bool = False
    location: SourceLocation | None = None
    tree: Node | None = None

    @property
    def direction(self) -> str:
        """Return how it orders, as DuckDB's ORDER BY says it behind an expression."""
        return f"{'DESC' if self.descending else 'ASC'} NULLS {'FIRST' if self.nulls_first else 'LAST'}"


#: What stands between a variable's name and the number of the layer in which it is a variable of its own
#: (`Pattern._layered`).
LAYER_MARK = "\x01"


class Condition(Record):
    """The condition of a primary variable.

    Attributes:
        prefilter: what rows alone can say of it: true wherever it can be true; None where they say nothing. The
            condition itself where it does not depend on the match.
        start: what the match's first row alone decides of it, over that row; None where that is nothing.
    """

    variable: str
    expression: BoundExpression
    location: SourceLocation
    prefilter: BoundExpression | None
    start: BoundExpression | None = None

    @property
    def called(self) -> str:
        """The variable's name in the query."""
        return self.variable.split(LAYER_MARK, maxsplit=1)[0]


class Within(Record):
    """The most that a match reaches, in the first key of ORDER BY: an expression that reads nothing."""

    sql: str
    text: str
    location: SourceLocation
    tree: Node


class BoundMeasure(Record):
    """A measure and its name."""

    name: str
    expression: BoundExpression
    location: SourceLocation


class GivenColumn(Record):
    """What the caller's library computes: a column beside the table's own.

    Attributes:
        argument: what callers call it: `define['DOWN']`, `measures['mean']`.
        column: its name.
        variable: of which it is the condition; None where it is a measure.
    """

    argument: str
    column: str
    variable: str | None


class TypedPlans:
    """What was found out about a clause's expressions for the types of a table's columns; kept with the clause.

    Attributes:
        values: those of the query's parameters, with which the plans are used; None where the clause has none.
        used: the last plan that was used with these values, and what it is with them.
        latest: the plan that the last query used, whatever its values, with the text of these values before it and what
            the plan is with them behind it; one list for all queries, of at most one.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self._plans: dict[object, Any] = {}
        self._flights = SingleFlight()
        self.values: ParameterValues | None = None
        self.used: tuple[object, Any] | None = None
        self.latest: list[tuple[str, object, Any]] = []

    def for_values(self, values: ParameterValues) -> TypedPlans:
        """Return the same plans for other values of parameters."""
        found = TypedPlans()
        found._plans, found._flights, found.values = self._plans, self._flights, values
        found.latest = self.latest
        return found

    def of_types(self) -> TypedPlans:
        """Return the same plans without values: parameters have their types alone."""
        found = TypedPlans()
        found._plans, found._flights = self._plans, self._flights
        return found

    def get(self, key: object) -> Any:
        """Return what was put under a key; None where nothing was."""
        return self._plans.get(key)

    def put(self, key: object, plan: object) -> None:
        """Keep something; all that was kept before goes where it is too much."""
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        self._plans[key] = plan

    def planned(self, key: object, make: Callable[[], Any], context: ExecutionContext) -> Any:
        """Return what is kept under a key, or make it, once however many threads ask, and keep it."""
        found = self._plans.get(key)
        if found is not None:
            return found

        def made() -> Any:
            plan = make()
            self.put(key, plan)
            return plan

        return self._flights.make(key, made, context)


class BoundClause(Record):
    """What a clause does with a table of known columns.

    Attributes:
        rest: columns of the table that ALL ROWS PER MATCH shows behind the measures.
        within: how far a match reaches at most; None where nothing says it.
        given: the conditions and measures that the caller's library computes.
        away: columns that it reads beside the table's: what PREV and NEXT with IGNORE NULLS give for each row.
        computed: what those are values of that is no column of the table, each with the name that they have for it.
        plans: its expressions with types, for tables that were asked.
    """

    partition_by: tuple[Key, ...]
    order_by: tuple[Key, ...]
    conditions: tuple[Condition, ...]
    measures: tuple[BoundMeasure, ...]
    rest: tuple[str, ...]
    rows_shown: RowsShown
    skip: Skip
    skip_location: SourceLocation
    pattern: str
    subset: dict[str, tuple[str, ...]]
    variables: tuple[str, ...]
    within: Within | None = None
    given: tuple[GivenColumn, ...] = ()
    away: tuple[str, ...] = ()
    computed: tuple[tuple[str, Key], ...] = ()
    plans: TypedPlans = field(default_factory=TypedPlans, compare=False)

    def compiled(self) -> Pattern:
        """Return the compiled pattern, from the pattern cache."""
        return compile_pattern(self.pattern, subset=self.subset or None)

    def reads(self) -> list[str]:
        """Return the columns of the table that are read; others stay where they are."""
        computed = dict(self.computed)
        keys = (*self.partition_by, *self.order_by, *computed.values())
        read = [name for key in keys for name in key.reads]
        for expression in (
            *(each.expression for each in self.conditions),
            *(each.expression for each in self.measures),
        ):
            for _, item in expression.reads:
                if isinstance(item, Value):
                    away = value_away(item.column) if self.away else None
                    source = item.column if away is None else away[0]
                    read += [] if source in computed else [source]
                elif isinstance(item, (Aggregate, RunningAggregate)):
                    read += [name for _, name in item.reads if isinstance(name, str)]
        return list(dict.fromkeys([*read, *self.rest]))
