"""What the conditions of a pattern share while they are compiled for the core (`match_conditions.py`).

Columns, sets of variables, aggregates and what is asked for in rounds are numbered: what two conditions read is there
once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.bind.references import BoundExpression, Navigation, RunningAggregate, Value
from rowpattern.sql.execute.combinations import combinations, number_equal_values
from rowpattern.sql.execute.engine_columns import engine_column
from rowpattern.sql.execute.rounds import RoundExpression, Rounds
from rowpattern.sql.execute.row_expressions import RowInputs, compute
from rowpattern.sql.execute.typed_records import Named
from rowpattern.sql.expression.typed import Reference, engine_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rowpattern.sql.bind.bound import Condition
    from rowpattern.sql.bind.references import Reference as Item
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.combinations import Combinations, NumberedRows
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.typed_clause import TypedClause
    from rowpattern.sql.execute.typed_records import TypedAggregate, TypedExpression
    from rowpattern.sql.expression.core_nodes import CoreNode

__all__ = ["SharedParts"]

# What an aggregate takes beside its values.
_More = Union[int, str, tuple[str, int], None]


class SharedParts:
    """The numbered parts of a pattern's conditions.

    Attributes:
        columns: with their types there, as the core takes them.
        sets: of variables.
        aggregates: that the core keeps: function, number of the column, number of the set, type, and the number of the
            column of keys, the text between texts, or with DISTINCT the number of the column of values' numbers.
        expressions: that are computed in rounds.
        rounds: who computes them.
    """

    def __init__(
        self,
        variables: Sequence[str],
        conditions: Sequence[Condition],
        together: TypedClause,
        rows: OrderedPartitions,
        database: Database,
    ) -> None:
        """Begin with none; arguments as of `match_conditions`."""
        self.variables = tuple(variables)
        self.base_zone = database.time_zone
        self.columns: list[tuple[str, pa.ChunkedArray]] = []
        self.sets: list[tuple[str, ...]] = []
        self.aggregates: list[tuple[str, int | None, int | None, str, _More]] = []
        self.expressions: list[RoundExpression] = []
        self.rounds = Rounds(self.expressions, rows, together.labels, database)
        self._together = together
        self._rows = rows
        self._database = database
        self._items: dict[str, Item] = dict(pair for each in conditions for pair in each.expression.reads)
        self._column_numbers: dict[object, int] = {}
        self._set_numbers: dict[tuple[str, ...], int] = {}
        self._aggregate_numbers: dict[RunningAggregate, int] = {}
        self._by_rounds: set[RunningAggregate] = set()
        self._expression_numbers: dict[object, int] = {}
        self._combinations: dict[object, Combinations | None] = {}
        self._numbered: dict[tuple[str, ...], NumberedRows | None] = {}
        self._has_numbers = False

    @property
    def has_values_of_rows(self) -> bool:
        """Whether conditions ask for values while the search runs, or read numbers that values have among rows."""
        return bool(self.expressions) or self._has_numbers

    def column(self, key: object, kind: str, make: Callable[[], pa.ChunkedArray]) -> int:
        """Return the number of a column; it is made where there is none of this key."""
        number = self._column_numbers.get((key, kind))
        if number is None:
            number = self._column_numbers[key, kind] = len(self.columns)
            values = pa.chunked_array([pa.nulls(self._rows.count)]) if kind == "NULL" else engine_column(make(), kind)
            self.columns.append((engine_type(kind) or kind, values))
        return number

    def value_column(self, name: str, kind: str) -> int:
        """Return the number of a column of the table."""
        return self.column(name, kind, lambda: self._rows.column(name))

    def set_number(self, variables: tuple[str, ...] | None) -> int | None:
        """Return the number of a set of variables; None for all."""
        if variables is None:
            return None
        if variables not in self._set_numbers:
            self._set_numbers[variables] = len(self.sets)
            self.sets.append(variables)
        return self._set_numbers[variables]

    def at(self, at: Navigation) -> tuple[int | None, bool, int, int]:
        """Return a place as the core takes it."""
        return (self.set_number(at.variables), at.first, at.offset, at.rows)

    def item(self, name: str) -> Item:
        """Return what a reference reads."""
        return self._items[name]

    def typed_aggregate(self, name: str) -> TypedAggregate:
        """Return an aggregate with types."""
        return self._together.aggregates[name]

    def aggregate(self, name: str, item: RunningAggregate, condition: Condition) -> CoreNode | None:
        """Return an aggregate that the core keeps; None where it is asked for in rounds."""
        found = self.typed_aggregate(name)
        if found.function is None or item in self._by_rounds:
            return None
        kind = engine_type(found.type) or ""
        if item not in self._aggregate_numbers:
            try:
                column, key = (
                    None if each is None else self._argument(item, each, condition)
                    for each in (found.argument, found.key)
                )
                distinct = self._distinct_numbers(column, found) if found.distinct else None
            except QueryLimitError:
                raise
            except QueryError:
                # What fails for some row may be no row of the variable's.
                self._by_rounds.add(item)
                return None
            if found.distinct and distinct is None:
                self._by_rounds.add(item)
                return None
            more: _More = found.separator if key is None else key
            if distinct is not None:
                more = ("distinct", distinct)
            self._aggregate_numbers[item] = len(self.aggregates)
            self.aggregates.append((found.function or "", column, self.set_number(item.variables), kind, more))
        return ("aggregate", kind, self._aggregate_numbers[item])

    def _argument(self, item: RunningAggregate, argument: TypedExpression, condition: Condition) -> int:
        node, kind = argument.node, argument.type or ""
        columns = item.columns
        if isinstance(node, Reference):
            return self.value_column(columns[node.name], kind)
        inputs = RowInputs(self._rows, {name: Value(column, Navigation()) for name, column in columns.items()})

        def make() -> pa.ChunkedArray:
            reads = tuple(inputs.items.items())
            of_rows = BoundExpression(argument.sql, condition.expression.text, reads, argument.tree)
            named = Named.condition(condition, of_rows)
            (values,) = compute([(named, argument)], inputs, self._together.labels, self._database)
            return values

        return self.column((argument.sql, item.reads), kind, make)

    def _distinct_numbers(self, column: int | None, found: TypedAggregate) -> int | None:
        """Return the number of the column of the numbers of an argument's values; None where it is not known."""
        if column is None or found.argument is None:
            return None
        key = ("distinct", column)
        if (key, "BIGINT") not in self._column_numbers:
            numbers = number_equal_values(self.columns[column][1])
            if numbers is None:
                return None
            self._has_numbers = True
            return self.column(key, "BIGINT", lambda: pa.chunked_array([from_numpy(numbers)]))
        return self._column_numbers[key, "BIGINT"]

    def combinations(self, key: object, make: Callable[[], RoundExpression]) -> Combinations | None:
        """Return the values of an expression for all combinations of rows; None where it is asked for in rounds."""
        if key not in self._combinations:
            self._combinations[key] = combinations(make(), self._rows, self.rounds, self._database, self._numbered_rows)
        return self._combinations[key]

    def _numbered_rows(self, columns: tuple[str, ...], make: Callable[[], NumberedRows | None]) -> NumberedRows | None:
        if columns not in self._numbered:
            found = self._numbered[columns] = make()
            self._database.context.hold(0 if found is None else found.numbers.nbytes)
        return self._numbered[columns]

    def number_column(self, columns: tuple[str, ...], numbered: NumberedRows) -> int:
        """Return the number of a column of the numbers of rows."""
        numbers = pa.chunked_array([from_numpy(numbered.numbers)])
        self._has_numbers = True
        return self.column(("numbers", columns), "BIGINT", lambda: numbers)

    def expression(self, key: object, make: Callable[[], RoundExpression]) -> int:
        """Return the number of an expression that is computed in rounds."""
        if key not in self._expression_numbers:
            self._expression_numbers[key] = len(self.expressions)
            self.expressions.append(make())
        return self._expression_numbers[key]
