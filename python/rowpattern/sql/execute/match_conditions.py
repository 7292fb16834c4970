"""Conditions that depend on the match, as the core evaluates them while it searches (`rowpattern._core.Conditions`).

Each part of a condition goes one of three ways. What the engine computes, it computes on each combination of rows.
Other parts that read rows at a fixed distance from one place are computed by DuckDB over whole columns before, and are
columns that the engine reads at that place. What reads several places of the match is computed before for all
combinations of what these may have, where they are few (`combinations.py`). Else it is asked for while the search runs
(`rounds.py`), and so are aggregates that the engine does not keep.

The file is long because what is written for one part decides which columns, sets and expressions the next ones share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.patterns import Conditions
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.categories import nulls_like
from rowpattern.sql.bind.leaves import columns_in, leaves
from rowpattern.sql.bind.references import (
    BoundExpression,
    Classifier,
    MatchNumber,
    Navigation,
    RowClassifier,
    RowExists,
    RunningAggregate,
    Value,
)
from rowpattern.sql.execute.bounded import project_bounded
from rowpattern.sql.execute.combinations import combinations
from rowpattern.sql.execute.engine_columns import engine_column, literal_of
from rowpattern.sql.execute.rounds import RoundAggregate, RoundExpression, RoundRow, Rounds, RoundValue
from rowpattern.sql.execute.row_expressions import RowInputs, compute
from rowpattern.sql.execute.typed_expressions import Named, constants_now
from rowpattern.sql.expression.lambdas import renamed
from rowpattern.sql.expression.nodes import Column, replaced
from rowpattern.sql.expression.typed import (
    Call,
    Computed,
    Constant,
    Literal,
    Reference,
    cast_sql,
    engine_type,
    walk_typed,
)
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import replace
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from rowpattern.patterns import Pattern
    from rowpattern.sql.bind.bound import Condition
    from rowpattern.sql.bind.references import Reference as Item
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.combinations import Combinations, NumberedRows
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.typed_clause import TypedClause
    from rowpattern.sql.execute.typed_expressions import TypedAggregate, TypedExpression
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.expression.typed import Typed

__all__ = ["MatchConditions", "anchor", "located", "match_conditions"]

#: A node as the core takes it.
CoreNode = tuple[Any, ...]

# A request has at least one argument.
_NOTHING = ("literal", "BIGINT", 0)
_OF_NOTHING = RoundValue("none", "BIGINT")


class MatchConditions(NamedTuple):
    """Conditions that the core evaluates, and who computes what it asks for; None where it asks for nothing."""

    conditions: Conditions
    compute: Rounds | None


class located:  # noqa: N801 - a block, as of contextlib
    """Have an error of the engine's, which names the condition's variable, show where the condition stands."""

    __slots__ = ("_conditions",)

    def __init__(self, conditions: Sequence[Condition]) -> None:
        """Take the conditions."""
        self._conditions = conditions

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Show where the condition stands."""
        if kind is not QueryError or error is None or getattr(error, "line", None):
            return
        known = (each for each in self._conditions if str(error).startswith(f"DEFINE {each.variable}: "))
        condition = next(known, None)
        if condition is not None:
            raise error_at(str(error), condition.location, QueryError) from None


class _Place(NamedTuple):
    """A column that DuckDB computed, where it is read, and its value where there is no such row."""

    column: int
    at: Navigation
    nowhere: Literal | None


def match_conditions(
    pattern: Pattern,
    conditions: Sequence[Condition],
    together: TypedClause,
    rows: OrderedPartitions,
    database: Database,
) -> MatchConditions:
    """Compile conditions over the columns of a table. Takes time linear in the rows for each column that is computed.

    Args:
        pattern: whose variables they are of.
        conditions: those that depend on the match.
        together: the clause with types.
        rows: the table.
        database: the query's connection.

    Raises:
        QueryError: one cannot be computed, or is neither true nor false; it is named.
    """
    compiler = _Compiler(pattern.variables, conditions, together, rows, database)
    compiled = compiler.compile()
    starts = _starts(conditions, together, rows, database)
    found = Conditions(pattern, compiler.columns, compiler.sets, compiler.aggregates, compiled, starts)
    return MatchConditions(found, compiler.rounds if compiler.expressions else None)


def _starts(
    conditions: Sequence[Condition], together: TypedClause, rows: OrderedPartitions, database: Database
) -> dict[str, pa.ChunkedArray]:
    """Compute for each row what a match that begins there decides of conditions."""
    starting = [(each.variable, each.start) for each in conditions if each.start is not None]
    if not starting:
        return {}
    items = {name: item for _, start in starting for name, item in start.reads if isinstance(item, (Value, RowExists))}
    try:
        found = compute(together.starts, RowInputs(rows, items), together.labels, database)
    except QueryLimitError:
        raise
    except QueryError:
        # There may be no match that begins at the row of which a value cannot be computed.
        return {}
    return {variable: values for (variable, _), values in zip(starting, found) if pa.types.is_boolean(values.type)}


def anchor(items: Sequence[Item]) -> Navigation | None:
    """Return the place from which references read rows at fixed distances; None where they read from several."""
    places = {item.at for item in items if isinstance(item, (Value, RowExists))}
    if not places or not all(isinstance(item, (Value, RowExists)) for item in items):
        return None
    if len(places) == 1:
        return places.pop()
    anchors = {replace(at, rows=0) for at in places}
    return anchors.pop() if len(anchors) == 1 else None


def _is_known(node: Typed) -> bool:
    """Say whether computing a node cannot fail."""
    return not isinstance(node, (Constant, Computed))


class _Compiler:
    """Compiles the conditions of one pattern; they share columns, sets and aggregates."""

    def __init__(
        self,
        variables: Sequence[str],
        conditions: Sequence[Condition],
        together: TypedClause,
        rows: OrderedPartitions,
        database: Database,
    ) -> None:
        self.variables = tuple(variables)
        self._conditions = conditions
        self._together = together
        self._rows = rows
        self._database = database
        self._column_numbers: dict[object, int] = {}
        self._set_numbers: dict[tuple[str, ...], int] = {}
        self._aggregate_numbers: dict[RunningAggregate, int] = {}
        self._by_rounds: set[RunningAggregate] = set()
        self._expression_numbers: dict[object, int] = {}
        self._items: dict[str, Item] = dict(pair for each in conditions for pair in each.expression.reads)
        self._computed: dict[tuple[Computed, str], _Place] = {}
        self._constants: dict[tuple[Constant, str], Literal] = {}
        self.columns: list[tuple[str, pa.ChunkedArray]] = []
        self.sets: list[tuple[str, ...]] = []
        self.aggregates: list[tuple[str, int | None, int | None, str]] = []
        self.expressions: list[RoundExpression] = []
        self.base_zone = database.time_zone
        self.rounds = Rounds(self.expressions, rows, together.labels, database)
        self._combinations: dict[object, Combinations | None] = {}
        self._numbered: dict[tuple[str, ...], NumberedRows | None] = {}

    def compile(self) -> dict[str, CoreNode]:
        """Return the conditions as the core takes them."""
        expressions = [each for _, each in self._together.dependent]
        wholes = [self._whole(*each) for each in zip(self._conditions, expressions)]
        for whole, node in wholes:
            self._compute_columns(whole, node)
        return {
            condition.variable: _Writer(self, condition, whole).node(node)
            for condition, (whole, node) in zip(self._conditions, wholes)
        }

    def named(self, condition: Condition) -> Named:
        """Return a condition and what to call it in an error."""
        return Named.condition(condition, condition.expression)

    def _whole(self, condition: Condition, whole: TypedExpression) -> tuple[TypedExpression, Typed]:
        """Return a condition as a node; it must be true or false."""
        if whole.problem is not None and whole.node is None:
            raise self.named(condition).failed(whole.problem)
        kind = whole.type
        if kind not in {None, "BOOLEAN", "NULL"}:
            message = f"the condition of {condition.variable} is of the type {kind}; it must be true or false"
            raise error_at(message, condition.location, QueryError)
        if whole.node is not None and kind == "NULL" and all(map(_is_known, walk_typed(whole.node))):
            return whole, Literal("BOOLEAN", None)
        if whole.node is not None and kind != "NULL":
            return whole, whole.node
        assert whole.tree is not None  # noqa: S101 - conditions have one
        return whole, Computed("BOOLEAN", whole.tree)

    # What is computed over whole columns.

    def _compute_columns(self, whole: TypedExpression, node: Typed) -> None:
        """Have DuckDB compute what reads rows at fixed distances from one place, and constants that change."""
        leaves = list(walk_typed(node))
        changing = list(dict.fromkeys(each for each in leaves if isinstance(each, Constant)))
        if changing:
            for constant, found in constants_now(changing, whole.zone, self._database).items():
                # What DuckDB refuses is asked for in rounds: it may stand in a branch that is not taken.
                if isinstance(found, Literal):
                    self._constants[constant, whole.zone] = found
        wanted: dict[Computed, Navigation] = {}
        for each in leaves:
            if isinstance(each, Computed) and (each, whole.zone) not in self._computed:
                at = anchor([self._items[name] for name in columns_in(each.tree)])
                if at is not None:
                    wanted[each] = at
        if not wanted:
            return
        try:
            found_columns = self._over_columns(list(wanted), whole.zone)
        except QueryLimitError:
            raise
        except QueryError:
            # What fails for some row may stand behind a condition that keeps that row away: it is asked for in rounds.
            found_columns = [self._column_or_none(each, whole.zone) for each in wanted]
        for (each, at), values in zip(wanted.items(), found_columns):
            if values is not None:
                self._computed[each, whole.zone] = self._placed(each, at, values)

    def _column_or_none(self, node: Computed, zone: str) -> pa.ChunkedArray | None:
        try:
            return self._over_columns([node], zone)[0]
        except QueryLimitError:
            raise
        except QueryError:
            return None

    def _over_columns(self, parts: Sequence[Computed], zone: str) -> list[pa.ChunkedArray]:
        """Compute parts for each row, and, last, for none."""
        columns: dict[str, pa.ChunkedArray] = {"none": pa.chunked_array([pa.nulls(self._rows.count + 1)])}
        parts_there: list[tuple[str, Node]] = []
        for part in parts:
            items = {name: self._items[name] for name in columns_in(part.tree)}
            read = {name: item for name, item in items.items() if isinstance(item, (Value, RowExists))}
            # One row is read where it is; several are brought to the row from which they are counted.
            several = len({item.at for item in read.values()}) > 1
            new = {}
            for name, item in read.items():
                rows = item.at.rows if several else 0
                new[name] = f"{name} {rows}"
                if new[name] not in columns:
                    columns[new[name]] = self._value_column(item, rows)
            tree = renamed(part.tree, new)
            parts_there.append((cast_sql(sql_of(tree), part.type), tree))
        return project_bounded(parts_there, pa.table(columns), self._database.in_zone(zone))

    def _value_column(self, item: Value | RowExists, rows: int) -> pa.ChunkedArray:
        if isinstance(item, RowExists):
            return pa.chunked_array([self._rows.inside(rows), from_numpy(np.zeros(1, dtype=bool))])
        values = self._rows.shifted(item.column, rows)
        return pa.chunked_array([*values.chunks, nulls_like(values, 1)], values.type)

    def _placed(self, part: Computed, at: Navigation, values: pa.ChunkedArray) -> _Place:
        nowhere = literal_of(values.slice(self._rows.count), part.type)
        column = self.column((part, at), part.type, lambda: values.slice(0, self._rows.count))
        return _Place(column, at, None if nowhere.value is None else nowhere)

    # What conditions share.

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

    def place(self, node: Computed, zone: str) -> _Place | None:
        """Return where a part that DuckDB computed is read; None where it is asked for in rounds."""
        return self._computed.get((node, zone))

    def constant(self, node: Constant, zone: str) -> Literal | None:
        """Return a constant that was computed for this query; None where DuckDB refuses it."""
        return self._constants.get((node, zone))

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
            column = None
            if found.argument is not None:
                try:
                    column = self._argument(item, found.argument, condition)
                except QueryLimitError:
                    raise
                except QueryError:
                    # What fails for some row may be no row of the variable's.
                    self._by_rounds.add(item)
                    return None
            self._aggregate_numbers[item] = len(self.aggregates)
            self.aggregates.append((found.function or "", column, self.set_number(item.variables), kind))
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
        return self.column(("numbers", columns), "BIGINT", lambda: numbers)

    def expression(self, key: object, make: Callable[[], RoundExpression]) -> int:
        """Return the number of an expression that is computed in rounds."""
        if key not in self._expression_numbers:
            self._expression_numbers[key] = len(self.expressions)
            self.expressions.append(make())
        return self._expression_numbers[key]


class _Writer:
    """Writes one condition."""

    def __init__(self, compiler: _Compiler, condition: Condition, whole: TypedExpression) -> None:
        self._compiler = compiler
        self._condition = condition
        self._zone = whole.zone

    def node(self, node: Typed) -> CoreNode:
        """Return a node as the core takes it."""
        kind = engine_type(node.type) or node.type
        if isinstance(node, Literal):
            return ("literal", kind, node.value)
        if isinstance(node, Call):
            return ("call", kind, node.name, tuple(map(self.node, node.arguments)))
        if isinstance(node, Constant):
            known = self._compiler.constant(node, self._zone)
            return self._refused(node, kind) if known is None else self.node(known)
        if isinstance(node, Reference):
            return self._reference(node, kind)
        assert isinstance(node, Computed)  # noqa: S101 - there are no other nodes
        place = self._compiler.place(node, self._zone)
        return self._rounds(node, kind) if place is None else self._read(place, kind)

    def _read(self, place: _Place, kind: str) -> CoreNode:
        at = self._compiler.at(place.at)
        read = ("read", kind, place.column, *at)
        if place.nowhere is None or place.at == Navigation():
            return read
        return ("call", kind, "case", (("exists", "BOOLEAN", *at), read, self.node(place.nowhere)))

    def _reference(self, node: Reference, kind: str) -> CoreNode:
        item = self._compiler.item(node.name)
        if isinstance(item, Value):
            return ("read", kind, self._compiler.value_column(item.column, kind), *self._compiler.at(item.at))
        if isinstance(item, RunningAggregate):
            kept = self._compiler.aggregate(node.name, item, self._condition)
            return self._rounds(Computed(node.type, Column((node.name,))), kind) if kept is None else kept
        return self._simple(item)

    def _simple(self, item: Item) -> CoreNode:
        if isinstance(item, RowExists):
            return ("exists", "BOOLEAN", *self._compiler.at(item.at))
        if isinstance(item, Classifier):
            return ("classifier", "VARCHAR", *self._compiler.at(item.at))
        assert isinstance(item, MatchNumber)  # noqa: S101 - conditions have no other references
        return ("match number", "BIGINT")

    # Rounds.

    def _rounds(self, node: Computed, kind: str) -> CoreNode:
        given: list[CoreNode] = []
        arguments: list[RoundRow | RoundValue | RoundAggregate] = []
        by_place: dict[Navigation, tuple[dict[str, str], list[str]]] = {}
        for name in sorted(columns_in(node.tree), key=lambda name: (len(name), name)):
            item = self._compiler.item(name)
            if isinstance(item, Value):
                by_place.setdefault(item.at, ({}, []))[0][name] = item.column
            elif isinstance(item, RowExists):
                by_place.setdefault(item.at, ({}, []))[1].append(name)
            elif isinstance(item, RunningAggregate):
                found = self._compiler.typed_aggregate(name)
                kept = self._compiler.aggregate(name, item, self._condition)
                if kept is None:
                    asked, argument = self._aggregated(item, name, found)
                    given += asked
                    arguments.append(argument)
                else:
                    given.append(kept)
                    arguments.append(RoundValue(name, found.type or ""))
            else:
                given.append(self._simple(item))
                arguments.append(RoundValue(name, "VARCHAR" if isinstance(item, Classifier) else "BIGINT"))
        for at, (values, exists) in by_place.items():
            given.append(("row", *self._compiler.at(at)))
            arguments.append(RoundRow(values, tuple(exists)))
        if not given:
            given.append(_NOTHING)
            arguments.append(_OF_NOTHING)
        key = (node, self._zone)
        combined = self._compiler.combinations(key, lambda: self._expression(node, arguments))
        if combined is not None:
            return self._combined(combined, kind, list(by_place))
        number = self._compiler.expression(key, lambda: self._expression(node, arguments))
        return ("computed", kind, number, tuple(given))

    def _combined(self, found: Combinations, kind: str, places: Sequence[Navigation]) -> CoreNode:
        """Return a look-up of what was computed for all combinations of rows."""
        rows = [
            (self._compiler.number_column(columns, numbered), len(numbered.first) + 1, *self._compiler.at(at))
            for (columns, numbered), at in zip(found.rows, places)
        ]
        return ("combined", kind, found.values, tuple(rows))

    def _aggregated(
        self, item: RunningAggregate, name: str, found: TypedAggregate
    ) -> tuple[list[CoreNode], RoundAggregate]:
        """Return what a request has for an aggregate that is computed in rounds."""
        classifiers = tuple(each for each, value in item.reads if isinstance(value, RowClassifier))
        numbers = tuple(each for each, value in item.reads if isinstance(value, MatchNumber))
        # The classifier of a row is the variable to which it is mapped.
        variables = (item.variables or self._compiler.variables) if classifiers else ()
        given: list[CoreNode] = [("rows", self._compiler.set_number(item.variables))]
        given += [("rows", self._compiler.set_number((variable,))) for variable in variables]
        given += [("match number", "BIGINT")] if numbers else []
        return given, RoundAggregate(
            name, found.whole.sql, item.columns, found.whole.zone, found.type, classifiers, variables, numbers
        )

    def _refused(self, node: Constant, kind: str) -> CoreNode:
        """Ask for a constant that DuckDB refuses, so that its error is raised where its value is wanted."""
        named = self._compiler.named(self._condition)
        sql = cast_sql(node.sql, node.type)
        expression = RoundExpression(named, sql, node.type, self._zone, None, (_OF_NOTHING,))
        number = self._compiler.expression((node, self._zone), lambda: expression)
        return ("computed", kind, number, (_NOTHING,))

    def _expression(
        self, node: Computed, arguments: Sequence[RoundRow | RoundValue | RoundAggregate]
    ) -> RoundExpression:
        tree: Node = node.tree
        aggregate = arguments[0] if len(arguments) == 1 else None
        if isinstance(aggregate, RoundAggregate) and self._zone in {aggregate.zone, self._compiler.base_zone}:
            # Together with the aggregate, so that no value between them has to have a type of Arrow's. What is not
            # known to have a zone can be computed in that of the aggregate.
            call = self._compiler.typed_aggregate(aggregate.name).whole.tree
            assert call is not None  # noqa: S101 - aggregates have one
            inside = {id(each): call for each in leaves(tree)}
            whole = cast_sql(sql_of(replaced(tree, inside)), node.type)
            arguments, tree = [replace(aggregate, sql=whole, type=node.type)], Column((aggregate.name,))
        sql = cast_sql(sql_of(tree), node.type)
        named = self._compiler.named(self._condition)
        return RoundExpression(named, sql, node.type, self._zone, tree, tuple(arguments))
