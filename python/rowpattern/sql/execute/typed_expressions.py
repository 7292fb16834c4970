"""Bound expressions to typed ones, once for a query and the types of its columns.

What DuckDB's binder says is kept with the bound clause, so that a query that is asked again does not pay for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from rowpattern._core import is_native
from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.arrow.categories import is_ordered, labels_of
from rowpattern.sql.bind.aggregate_calls import takes_rows_in_order
from rowpattern.sql.bind.leaves import columns_in
from rowpattern.sql.bind.references import Aggregate, RunningAggregate
from rowpattern.sql.duckdb.arrow_types import duckdb_type
from rowpattern.sql.duckdb.enums import enum_type
from rowpattern.sql.duckdb.time_zones import UTC, duckdb_zone
from rowpattern.sql.execute.bounded import check_constants
from rowpattern.sql.execute.constants_now import constants_now
from rowpattern.sql.execute.time_zones import in_zone_of
from rowpattern.sql.execute.typed_records import TypedAggregate, TypedExpression, TypedExpressions
from rowpattern.sql.expression.binder import BoundTexts, bind_texts
from rowpattern.sql.expression.native import Translator
from rowpattern.sql.expression.nodes import Call, Column
from rowpattern.sql.expression.typed import (
    Constant,
    Literal,
    Reference,
    cast_sql,
    engine_type,
    engine_type_of_columns,
    map_leaves,
    walk_typed,
)
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import Record, field, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.bind.bound import TypedPlans
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.typed_records import Named
    from rowpattern.sql.expression.binder import Bound, BoundAggregate
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.expression.typed import Typed

__all__ = ["Sources", "typed"]


# Aggregates that give one of their arguments.
_GIVING_ONE = frozenset({"any_value", "arbitrary", "arg_max", "arg_min", "first", "last", "max", "max_by", "min"})
_GIVING_ONE |= {"min_by", "mode", "quantile_disc"}
# And that give a list of them.
_GIVING_ALL = frozenset({"array_agg", "list"})
# Functions whose value has those of all arguments in it.
_PUTTING_TOGETHER = frozenset({"list_value", "row", "struct_pack"})


class Sources(Record):
    """What expressions read.

    Attributes:
        columns: values of columns, by the names of references: their types count, and the texts of categories.
        others: DuckDB's types of references that are no column's values.
        aggregates: aggregates over rows of the match, by the names of their references.
        row_columns: the columns that those read, by their names in them.
        row_others: DuckDB's types of what else those read.
        place: of names of references, the one row that they are read from; None where it is not one.
        optional: names of aggregates that are left out where they need a time zone and their columns have several.
    """

    columns: Mapping[str, Array]
    others: Mapping[str, str] = field(default_factory=dict)
    aggregates: Mapping[str, RunningAggregate | Aggregate] = field(default_factory=dict)
    row_columns: Mapping[str, Array] = field(default_factory=dict)
    row_others: Mapping[str, str] = field(default_factory=dict)
    place: Callable[[set[str]], Hashable | None] = lambda _: None
    optional: AbstractSet[str] = frozenset()


def typed(
    expressions: Sequence[Named], sources: Sources, database: Database, plans: TypedPlans, *, changed: bool = False
) -> TypedExpressions:
    """Type expressions, or find that done.

    Args:
        expressions: all of a clause, in the same order each time.
        sources: what they read.
        database: the query's connection.
        plans: those of the clause.
        changed: whether these are other expressions than those of the clause, which follow from their types.

    Raises:
        QueryError: an expression needs a time zone, and its columns have several.
    """
    every = [*sources.columns.items(), *sources.row_columns.items()]
    labels = {name: tuple(labels_of(values)) for name, values in every if is_ordered(values.type)}
    key = (
        tuple((name, values.type) for name, values in every),
        tuple(labels.items()),
        tuple(sources.others.items()),
        tuple(sources.row_others.items()),
        database.time_zone,
        database.zone_given,
        changed,
    )
    found: TypedExpressions = plans.planned(
        key, lambda: _Typing(expressions, sources, labels, database).typed(), database.context
    )
    return found


class _Typing:
    """Types expressions together."""

    def __init__(
        self,
        expressions: Sequence[Named],
        sources: Sources,
        labels: Mapping[str, Sequence[str]],
        database: Database,
    ) -> None:
        self._expressions = expressions
        self._sources = sources
        self._database = database
        self._labels_by_name = dict(labels)
        self._labels = {enum_type(texts): texts for texts in labels.values()}
        types = {name: self._type(name, values) for name, values in sources.columns.items()} | dict(sources.others)
        row_types = {name: self._type(name, values) for name, values in sources.row_columns.items()}
        row_types |= dict(sources.row_others)
        every = [*sources.columns.items(), *sources.row_columns.items()]
        self._nanoseconds = frozenset(name for name, values in every if values.type == pa.duration("ns"))
        # What reads a column whose type has no name is DuckDB's as a whole.
        self._types = {name: kind for name, kind in types.items() if kind is not None}
        self._row_types = {name: kind for name, kind in row_types.items() if kind is not None}

    def _type(self, name: str, values: Array) -> str | None:
        return enum_type(self._labels_by_name[name]) if name in self._labels_by_name else duckdb_type(values.type)

    def _engine_type(self, kind: str | None) -> str | None:
        return engine_type_of_columns(kind, self._labels)

    def typed(self) -> TypedExpressions:
        """Type all of them."""
        types = {name: values.type for name, values in self._sources.columns.items()} | self._given_types()
        expressions = [
            self._in_zone(each.expression.sql, each.expression.tree, types, each.failed) for each in self._expressions
        ]
        check_constants([each.tree for each in expressions if each.tree is not None], self._database)
        fail = self._expressions[0].failed if self._expressions else QueryError
        row_types = {name: values.type for name, values in self._sources.row_columns.items()}
        given = self._sources.aggregates
        placed = {name: self._aggregate_in_zone(name, item, row_types, fail) for name, item in given.items()}
        aggregates = {name: each for name, each in placed.items() if each is not None}
        of_expressions, of_aggregates = self._bind(expressions, aggregates)
        expressions = [self._translated(*each) for each in zip(expressions, of_expressions)]
        typed_aggregates = {
            name: self._aggregate(self._sources.aggregates[name], placed, of_aggregates.get(name))
            for name, placed in aggregates.items()
        }
        return TypedExpressions(tuple(self._with_literals(expressions)), typed_aggregates, self._labels)

    def _in_zone(
        self, sql: str, tree: Node | None, types: Mapping[str, pa.DataType], fail: Callable[[str], QueryError]
    ) -> TypedExpression:
        reads = set() if tree is None else columns_in(tree)
        types = {name: kind for name, kind in types.items() if name in reads}
        labels = {name: self._labels_by_name[name] for name in types if name in self._labels_by_name}
        found = in_zone_of(sql, tree, types, labels, self._database, fail)
        return TypedExpression(None, None, found.sql, found.tree, found.database.time_zone, found.zone)

    def _aggregate_in_zone(
        self,
        name: str,
        item: Aggregate | RunningAggregate,
        types: Mapping[str, pa.DataType],
        fail: Callable[[str], QueryError],
    ) -> TypedExpression | None:
        try:
            return self._in_zone(item.sql, item.tree, types, fail)
        except QueryLimitError:
            raise
        except QueryError:
            if name not in self._sources.optional:
                raise
            return None

    def _given_types(self) -> dict[str, pa.DataType]:
        """Return the types of aggregates that give values of a column: its time zone and its categories are theirs."""
        found = {}
        for name, item in self._sources.aggregates.items():
            call = item.tree
            argument = call.values[0] if isinstance(call, Call) and call.values else None
            kind = None if argument is None else self._type_of(argument)
            if not isinstance(call, Call) or kind is None:
                continue
            if call.name in _GIVING_ONE:
                found[name] = kind
                column = argument.names[0] if isinstance(argument, Column) else ""
                if column in self._labels_by_name:
                    self._labels_by_name[name] = self._labels_by_name[column]
            elif call.name in _GIVING_ALL:
                found[name] = pa.list_(kind)
        return found

    def _type_of(self, node: Node) -> pa.DataType | None:
        """Return the type of a column of the rows, or of what is put together of such; None of anything else."""
        if isinstance(node, Column):
            values = self._sources.row_columns.get(node.names[0])
            return None if values is None else values.type
        if not isinstance(node, Call) or node.name not in _PUTTING_TOGETHER:
            return None
        inside = [self._type_of(each) or pa.null() for each in node.values]
        return pa.struct([pa.field(str(at), kind) for at, kind in enumerate(inside)])

    # What the binder says.

    def _bind(
        self, expressions: Sequence[TypedExpression], aggregates: Mapping[str, TypedExpression]
    ) -> tuple[list[Bound | str | None], Mapping[str, BoundAggregate]]:
        """Ask the binder of all at once; of each alone where it refuses one.

        Returns:
            of each expression what it says, or why it refuses it; None where it was not asked. And what it says of
            aggregates.
        """
        known = {
            name: each.sql
            for name, each in aggregates.items()
            if each.tree is not None and columns_in(each.tree) <= self._row_types.keys()
        }
        readable = self._types.keys() | known.keys()
        asked = [each for each in expressions if each.tree is not None and columns_in(each.tree) <= readable]
        if not asked and not known:
            return [None] * len(expressions), {}
        found: dict[int, Bound | str] = {}
        together = self._ask_or_refusal([each.sql for each in asked], known)
        if isinstance(together, BoundTexts):
            found = dict(zip(map(id, asked), together.expressions))
            return [found.get(id(each)) for each in expressions], together.aggregates
        bound_aggregates: dict[str, BoundAggregate] = {}
        for name, sql in known.items():
            alone = self._ask_or_refusal([], {name: sql})
            if isinstance(alone, str):
                found |= {id(each): alone for each in asked if each.tree and name in columns_in(each.tree)}
            elif alone is not None:
                bound_aggregates |= alone.aggregates
        plain = {name: sql for name, sql in known.items() if name in bound_aggregates}
        for each in asked:
            if id(each) not in found:
                answer = self._ask_or_refusal([each.sql], plain)
                if answer is not None:
                    found[id(each)] = answer if isinstance(answer, str) else answer.expressions[0]
        return [found.get(id(each)) for each in expressions], bound_aggregates

    def _ask_or_refusal(self, texts: Sequence[str], aggregates: Mapping[str, str]) -> BoundTexts | str | None:
        try:
            return bind_texts(texts, self._types, aggregates, self._row_types, self._database)
        except QueryLimitError:
            raise
        except QueryError as error:
            return str(error)

    # What the engine computes.

    def _translated(self, placed: TypedExpression, bound: Bound | str | None) -> TypedExpression:
        if bound is None or placed.tree is None:
            return placed
        if isinstance(bound, str):
            return replace(placed, problem=bound)
        translator = self._translator(placed, lambda tree: self._sources.place(columns_in(tree)))
        return replace(placed, node=translator.expression(placed.tree, bound), type=bound.type)

    def _translator(self, placed: TypedExpression, place: Callable[[Node], Hashable | None]) -> Translator:
        utc = duckdb_zone(placed.zone) == UTC
        return Translator(is_native, place, self._labels, utc=utc, nanoseconds=self._nanoseconds)

    def _aggregate(
        self, item: RunningAggregate | Aggregate, placed: TypedExpression, bound: BoundAggregate | None
    ) -> TypedAggregate:
        whole = TypedAggregate(None if bound is None else bound.type, placed)
        call = placed.tree
        if not all(isinstance(each, str) for _, each in item.reads):
            # The engine takes values of columns.
            return whole
        if bound is None or bound.type is None or not isinstance(call, Call):
            return whole
        if isinstance(item, RunningAggregate) and item.by_place is not None:
            found = self._by_place(whole, item.by_place, call.values[0], bound.type)
            if found.function is not None or bound.name != item.by_place:
                return found
        own = self._engine_type(bound.type)
        if bound.name is None or own is None:
            return whole
        if not bound.arguments:
            counts = bound.name in {"count", "count_star"} and not bound.ordered
            return replace(whole, function="count") if counts and is_native("count", [], own) else whole
        values = call.values[: len(bound.arguments)]
        arguments = [self._of_row(placed, *each) for each in zip(values, bound.arguments)]
        known = [each for each in arguments if each is not None]
        kinds = [self._engine_type(each.type) or "" for each in known]
        if len(known) < len(bound.arguments) or not is_native(bound.name, kinds, own):
            return whole
        in_order = bound.ordered == takes_rows_in_order(call) or _is_in_any_order(call, kinds[0])
        if not in_order or (bound.distinct and not _takes_each_once(bound.name, kinds[0])):
            # The engine knows the order of the match only; DuckDB sorts by another one.
            return whole
        of_row, key = (*known, None)[:2]
        return replace(
            whole,
            function=bound.name,
            argument=of_row,
            key=key,
            separator=bound.separator,
            distinct=bound.distinct,
        )

    def _of_row(self, placed: TypedExpression, argument: Node, of: Bound) -> TypedExpression | None:
        """Return what an aggregate takes of a row; None where the engine has not its type."""
        node = self._translator(placed, lambda _: "row").expression(argument, of)
        if node is None or of.type is None or self._engine_type(of.type) is None:
            return None
        sql = cast_sql(sql_of(argument), of.type)
        return replace(placed, node=node, type=of.type, sql=sql, tree=argument)

    @staticmethod
    def _by_place(whole: TypedAggregate, function: str, argument: Node, kind: str) -> TypedAggregate:
        """Have the engine give the first or the last value of a column, where it has the column's type."""
        own = engine_type(kind)
        if own is None or not isinstance(argument, Column) or not is_native(function, [own], own):
            return whole
        node = Reference(kind, argument.names[0])
        of_row = replace(whole.whole, node=node, type=kind, sql=sql_of(argument), tree=argument)
        return replace(whole, function=function, argument=of_row)

    # Constants.

    def _with_literals(self, expressions: Sequence[TypedExpression]) -> list[TypedExpression]:
        """Compute constants that are the same in each query."""
        wanted: dict[str, dict[Constant, None]] = {}
        for each in expressions:
            for node in () if each.node is None else walk_typed(each.node):
                if isinstance(node, Constant) and not node.changes:
                    wanted.setdefault(each.zone, {})[node] = None
        known = {zone: constants_now(list(nodes), zone, self._database) for zone, nodes in wanted.items()}
        return [self._with_literal(each, known.get(each.zone, {})) for each in expressions]

    @staticmethod
    def _with_literal(each: TypedExpression, known: Mapping[Constant, Literal | str]) -> TypedExpression:
        if each.node is None or not known:
            return each
        problems = [known[node] for node in walk_typed(each.node) if isinstance(node, Constant) and node in known]
        refused = next((problem for problem in problems if isinstance(problem, str)), None)

        def literal(node: Typed) -> Typed:
            found = known.get(node) if isinstance(node, Constant) else None
            return found if isinstance(found, Literal) else node

        # What is refused may stand in a branch that is not taken.
        return replace(each, node=map_leaves(each.node, literal), problem=refused)


def _is_in_any_order(call: Call, kind: str) -> bool:
    """Say whether an aggregate over values of a type gives the same in each order of rows, and by what it has none."""
    exact = kind not in {"FLOAT", "DOUBLE", "INTERVAL"} and call.name in {"sum", "avg", "min", "max"}
    is_one = exact or call.name in {"count", "bool_and", "bool_or"}
    return is_one and all(isinstance(each.value, Column) for each in call.order_by)


def _takes_each_once(function: str, kind: str) -> bool:
    """Say whether the engine keeps an aggregate with DISTINCT over values of a type.

    Which of two equal values is taken first must not matter, as it does in sums of floating point numbers.
    """
    if function in {"sum", "avg"}:
        return kind not in {"FLOAT", "DOUBLE"}
    # Intervals are equal that differ in their parts (1 month, 30 days).
    return function == "count" and kind != "INTERVAL"
