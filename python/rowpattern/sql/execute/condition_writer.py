"""A match-dependent condition as the core takes it: a tree of tuples over the parts that conditions share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.bind.leaves import columns_in, leaves
from rowpattern.sql.bind.references import (
    HERE,
    Classifier,
    MatchNumber,
    RowClassifier,
    RowExists,
    RunningAggregate,
    Value,
)
from rowpattern.sql.execute.rounds import RoundAggregate, RoundExpression, RoundRow, RoundValue
from rowpattern.sql.execute.typed_records import Named
from rowpattern.sql.expression.core_nodes import core_node
from rowpattern.sql.expression.nodes import Column, replaced
from rowpattern.sql.expression.typed import Computed, Constant, Reference, cast_sql
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.bind.bound import Condition
    from rowpattern.sql.bind.references import Navigation
    from rowpattern.sql.bind.references import Reference as Item
    from rowpattern.sql.execute.combinations import Combinations
    from rowpattern.sql.execute.condition_columns import ColumnParts, ComputedColumn
    from rowpattern.sql.execute.condition_parts import SharedParts
    from rowpattern.sql.execute.typed_records import TypedAggregate, TypedExpression
    from rowpattern.sql.expression.core_nodes import CoreNode
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.expression.typed import Typed

__all__ = ["ConditionWriter"]

# The argument of a request that reads nothing: each has at least one.
_NOTHING = ("literal", "BIGINT", 0)
_OF_NOTHING = RoundValue("none", "BIGINT")


class ConditionWriter:
    """Writes one condition."""

    def __init__(self, parts: SharedParts, columns: ColumnParts, condition: Condition, whole: TypedExpression) -> None:
        """Take what conditions share, and the condition with types."""
        self._parts = parts
        self._columns = columns
        self._condition = condition
        self._zone = whole.zone

    def node(self, node: Typed) -> CoreNode:
        """Return a node as the core takes it."""
        return core_node(node, self._other)

    def _other(self, node: Typed, kind: str) -> CoreNode:
        if isinstance(node, Constant):
            known = self._columns.constant(node, self._zone)
            return self._refused(node, kind) if known is None else self.node(known)
        if isinstance(node, Reference):
            return self._reference(node, kind)
        assert isinstance(node, Computed)  # noqa: S101 - there are no other nodes
        place = self._columns.column(node, self._zone)
        return self._rounds(node, kind) if place is None else self._read(place, kind)

    def _read(self, place: ComputedColumn, kind: str) -> CoreNode:
        at = self._parts.at(place.at)
        read = ("read", kind, place.column, *at)
        if place.nowhere is None or place.at == HERE:
            return read
        return ("call", kind, "case", (("exists", "BOOLEAN", *at), read, self.node(place.nowhere)))

    def _reference(self, node: Reference, kind: str) -> CoreNode:
        item = self._parts.item(node.name)
        if isinstance(item, Value):
            return ("read", kind, self._parts.value_column(item.column, kind), *self._parts.at(item.at))
        if isinstance(item, RunningAggregate):
            kept = self._parts.aggregate(node.name, item, self._condition)
            return self._rounds(Computed(node.type, Column((node.name,))), kind) if kept is None else kept
        return self._simple(item)

    def _simple(self, item: Item) -> CoreNode:
        if isinstance(item, RowExists):
            return ("exists", "BOOLEAN", *self._parts.at(item.at))
        if isinstance(item, Classifier):
            return ("classifier", "VARCHAR", *self._parts.at(item.at))
        assert isinstance(item, MatchNumber)  # noqa: S101 - conditions have no other references
        return ("match number", "BIGINT")

    # Rounds.

    def _rounds(self, node: Computed, kind: str) -> CoreNode:
        given: list[CoreNode] = []
        arguments: list[RoundRow | RoundValue | RoundAggregate] = []
        by_place: dict[Navigation, tuple[dict[str, str], list[str]]] = {}
        for name in sorted(columns_in(node.tree), key=lambda name: (len(name), name)):
            item = self._parts.item(name)
            if isinstance(item, Value):
                by_place.setdefault(item.at, ({}, []))[0][name] = item.column
            elif isinstance(item, RowExists):
                by_place.setdefault(item.at, ({}, []))[1].append(name)
            elif isinstance(item, RunningAggregate):
                found = self._parts.typed_aggregate(name)
                kept = self._parts.aggregate(name, item, self._condition)
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
            given.append(("row", *self._parts.at(at)))
            arguments.append(RoundRow(values, tuple(exists)))
        if not given:
            given.append(_NOTHING)
            arguments.append(_OF_NOTHING)
        key = (node, self._zone)
        combined = self._parts.combinations(key, lambda: self._expression(node, arguments))
        if combined is not None:
            return self._combined(combined, kind, list(by_place))
        number = self._parts.expression(key, lambda: self._expression(node, arguments))
        return ("computed", kind, number, tuple(given))

    def _combined(self, found: Combinations, kind: str, places: Sequence[Navigation]) -> CoreNode:
        """Return a look-up of what was computed for all combinations of rows."""
        rows = [
            (self._parts.number_column(columns, numbered), len(numbered.first) + 1, *self._parts.at(at))
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
        variables = (item.variables or self._parts.variables) if classifiers else ()
        given: list[CoreNode] = [("rows", self._parts.set_number(item.variables))]
        given += [("rows", self._parts.set_number((variable,))) for variable in variables]
        given += [("match number", "BIGINT")] if numbers else []
        return given, RoundAggregate(
            name, found.whole.sql, item.columns, found.whole.zone, found.type, classifiers, variables, numbers
        )

    def _refused(self, node: Constant, kind: str) -> CoreNode:
        """Ask for a constant that DuckDB refuses, so that its error is raised where its value is wanted."""
        named = Named.condition(self._condition, self._condition.expression)
        sql = cast_sql(node.sql, node.type)
        expression = RoundExpression(named, sql, node.type, self._zone, None, (_OF_NOTHING,))
        number = self._parts.expression((node, self._zone), lambda: expression)
        return ("computed", kind, number, (_NOTHING,))

    def _expression(
        self, node: Computed, arguments: Sequence[RoundRow | RoundValue | RoundAggregate]
    ) -> RoundExpression:
        tree: Node = node.tree
        aggregate = arguments[0] if len(arguments) == 1 else None
        if isinstance(aggregate, RoundAggregate) and self._zone in {aggregate.zone, self._parts.base_zone}:
            # Together with the aggregate, so that no value between them has to have a type of Arrow's. What is not
            # known to have a zone can be computed in that of the aggregate.
            call = self._parts.typed_aggregate(aggregate.name).whole.tree
            assert call is not None  # noqa: S101 - aggregates have one
            inside = {id(each): call for each in leaves(tree)}
            whole = cast_sql(sql_of(replaced(tree, inside)), node.type)
            arguments, tree = [replace(aggregate, sql=whole, type=node.type)], Column((aggregate.name,))
        sql = cast_sql(sql_of(tree), node.type)
        named = Named.condition(self._condition, self._condition.expression)
        return RoundExpression(named, sql, node.type, self._zone, tree, tuple(arguments))
