"""Expressions of MEASURES (ISO/IEC 19075-5, 5.4 to 5.8): RUNNING and FINAL, and DuckDB's aggregates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rowpattern.sql.bind.expressions import ExpressionReader, counts_rows, leaves, with_fields
from rowpattern.sql.bind.references import Aggregate, Classifier, MatchNumber, Navigation, RowClassifier
from rowpattern.sql.expression.nodes import (
    Branch,
    Call,
    Case,
    Column,
    Conjunction,
    Literal,
    Operation,
    OrderItem,
    Star,
    replaced,
    walk,
)
from rowpattern.sql.expression.write import sql_of

if TYPE_CHECKING:
    from rowpattern.sql.bind.expressions import Scope
    from rowpattern.sql.bind.references import RowValue
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["MeasureReader"]

# Their answer depends on the order of rows, which is the match's unless the call says otherwise.
_ORDERED_AGGREGATES = frozenset(
    {"array_agg", "list", "string_agg", "group_concat", "listagg", "any_value", "arbitrary"}
)


class MeasureReader(ExpressionReader):
    """Reads measures."""

    def __init__(self, scope: Scope, location: SourceLocation, one_row: bool) -> None:
        """Prepare to read measures of ONE ROW PER MATCH, where RUNNING and FINAL are the same, or of ALL ROWS."""
        super().__init__(scope, location)
        self._one_row = self._final = one_row

    def _is_final(self, word: str, node: Node) -> bool:  # noqa: ARG002 - nothing to refuse
        return word == "FINAL" or self._one_row

    def _normalized(self, at: Navigation, whole: Node) -> Navigation:  # noqa: ARG002 - nothing to refuse
        return replace(at, final=at.final or self._one_row)

    def _may_lead_outside(self, at: Navigation) -> bool:  # noqa: ARG002 - a match may be empty
        return True

    def _classifier(self, at: Navigation) -> Node:
        return self._reference(Classifier(at))

    def _aggregate(self, node: Call) -> Node:
        variables = self._aggregated_variables(node)
        names: dict[RowValue, str] = {}
        new: dict[int, Node] = {}

        def row_value(item: RowValue) -> Node:
            names[item] = self._references.row_name(item)
            return Column((names[item],))

        call = replace(node, name="count_star", arguments=()) if _counts_star(node) else node
        for leaf in leaves(call, self._bound):
            if isinstance(leaf, Column):
                _, column, fields = self._column(leaf)
                new[id(leaf)] = with_fields(row_value(column), fields)
            elif isinstance(leaf, Call):
                new[id(leaf)] = row_value(RowClassifier() if leaf.name == "classifier" else MatchNumber())
        over_references = replaced(call, new)
        assert isinstance(over_references, Call)  # noqa: S101 - a call with other arguments
        reads = tuple((name, item) for item, name in names.items())
        call = self._filtered(_in_row_order(over_references), variables)
        counted = (self._variables.primary if variables is None else variables) if counts_rows(node) else None
        return self._reference(Aggregate(sql_of(call), reads, self._final, counted, call))

    def _filtered(self, call: Call, variables: tuple[str, ...] | None) -> Call:
        """Leave out rows that are mapped to other variables."""
        if variables is None:
            return call
        places = (Literal("INTEGER", str(self._variables.primary.index(name))) for name in variables)
        mapped: Node = Operation("IN", (Column(("classifier",)), *places))

        def there(node: Node) -> Node:
            # DuckDB computes an argument before it filters: what is an error in another row must not be computed.
            computed = not isinstance(node, Column) and any(isinstance(each, Column) for each in walk(node))
            return Case((Branch(mapped, node),), Literal("NULL_LITERAL")) if computed else node

        return replace(
            call,
            arguments=tuple(replace(each, value=there(each.value)) for each in call.arguments),
            order_by=tuple(replace(each, value=there(each.value)) for each in call.order_by),
            filter=mapped if call.filter is None else Conjunction("AND", (mapped, there(call.filter))),
        )


def _counts_star(node: Call) -> bool:
    """Say whether a call is `count(A.*)`, with or without a FILTER."""
    return node.name == "count" and len(node.values) == 1 and isinstance(node.values[0], Star)


def _in_row_order(call: Call) -> Call:
    """Have an aggregate that depends on the order of rows see them in the match's, unless it says otherwise."""
    if call.name not in _ORDERED_AGGREGATES or call.order_by or call.distinct:
        return call
    return replace(call, order_by=(OrderItem(Column(("row",)), "ASCENDING"),))
