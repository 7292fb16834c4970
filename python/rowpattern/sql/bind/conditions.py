"""Expressions of DEFINE (ISO/IEC 19075-5, 5.4 and 5.6): RUNNING only, seen from the row that is being tested."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rowpattern.errors import UnsupportedQueryError
from rowpattern.sql.bind.expressions import ExpressionReader, counts_rows, leaves, with_fields
from rowpattern.sql.bind.references import BoundExpression, Classifier, Navigation, RunningAggregate
from rowpattern.sql.expression.nodes import Column, Literal, replaced
from rowpattern.sql.expression.write import sql_of

if TYPE_CHECKING:
    from rowpattern.sql.bind.expressions import Scope
    from rowpattern.sql.expression.nodes import Call, Node
    from rowpattern.sql.parse.clause import ExpressionSource
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["ConditionReader"]

# Aggregates that are kept while matching.
_RUNNING = {
    "count": "count",
    "count_star": "count",
    "sum": "sum",
    "avg": "avg",
    "mean": "avg",
    "min": "min",
    "max": "max",
}


class ConditionReader(ExpressionReader):
    """Reads the condition of one variable: RUNNING, and the current row counts as mapped to the variable."""

    def __init__(self, scope: Scope, location: SourceLocation, variable: str) -> None:
        """Prepare to read the condition of `variable`."""
        super().__init__(scope, location)
        self._own = variable

    def _is_final(self, word: str, node: Node) -> bool:
        if word == "FINAL":
            raise self._fail("FINAL cannot stand in DEFINE: the match is not known yet", node)
        return False

    def read(self, written: ExpressionSource) -> BoundExpression:
        """Take the navigation out of a condition."""
        found = super().read(written)
        return replace(found, kernel=None, node=self._rewritten) if found.depends else found

    def _normalized(self, at: Navigation, whole: Node) -> Navigation:  # noqa: ARG002 - nothing to refuse
        """Make a navigation from the current row, which counts as mapped, one by rows of the partition."""
        current = at.variables is None or self._own in at.variables
        return replace(at, final=False) if at.first or at.offset or not current else Navigation(rows=at.rows)

    def _may_lead_outside(self, at: Navigation) -> bool:
        return at != Navigation()

    def _classifier(self, at: Navigation) -> Node:
        return Literal("STRING", self._own) if at == Navigation() else self._reference(Classifier(at))

    def _aggregate(self, node: Call) -> Node:
        function = _RUNNING.get(node.name)
        plain = not (node.distinct or node.order_by or node.filter is not None)
        if function is None or not plain or len(node.values) != (node.name != "count_star"):
            message = f"{self._text(node)} cannot be kept while matching; count, sum, avg, min and max of rows can"
            raise self._fail(message, node, UnsupportedQueryError)
        variables = self._aggregated_variables(node)
        if counts_rows(node):
            return self._reference(RunningAggregate("count", None, (), variables))
        (argument,) = node.values
        names: dict[str, str] = {}
        new: dict[int, Node] = {}
        for leaf in leaves(argument, self._bound):
            if not isinstance(leaf, Column):
                message = f"{self._text(leaf)} cannot be aggregated while matching"
                raise self._fail(message, node, UnsupportedQueryError)
            _, column, fields = self._column(leaf)
            new[id(leaf)] = with_fields(Column((names.setdefault(column, f"r{len(names)}"),)), fields)
        rewritten = replaced(argument, new)
        reads = tuple((name, column) for column, name in names.items())
        return self._reference(RunningAggregate(function, sql_of(rewritten), reads, variables, rewritten))
