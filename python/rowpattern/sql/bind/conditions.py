"""Expressions of DEFINE (ISO/IEC 19075-5, 5.4 and 5.6): RUNNING only, seen from the row that is being tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.bind.aggregate_calls import by_place, without_filter
from rowpattern.sql.bind.expressions import ExpressionReader
from rowpattern.sql.bind.list_aggregates import without_list
from rowpattern.sql.bind.references import HERE, Classifier, Navigation, RunningAggregate
from rowpattern.sql.expression.nodes import Literal
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import replace

if TYPE_CHECKING:
    from rowpattern.sql.bind.scope import Scope
    from rowpattern.sql.expression.nodes import Call, Node
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["ConditionReader"]


class ConditionReader(ExpressionReader):
    """Reads the condition of one variable: RUNNING, and the current row counts as mapped to the variable."""

    def __init__(self, scope: Scope, location: SourceLocation, variable: str) -> None:
        """Prepare to read the condition of `variable`."""
        super().__init__(scope, location)
        self._own = variable

    def _rewrite(self, node: Node) -> Node:
        return super()._rewrite(without_list(node))

    def _is_final(self, word: str, node: Node) -> bool:
        if word == "FINAL":
            raise self._fail("FINAL cannot stand in DEFINE: the match is not known yet", node)
        return False

    def _normalized(self, at: Navigation, whole: Node) -> Navigation:  # noqa: ARG002 - nothing to refuse
        """Make a navigation from the current row, which counts as mapped, one by rows of the partition."""
        current = at.variables is None or self._own in at.variables
        return replace(at, final=False) if at.first or at.offset or not current else Navigation(rows=at.rows)

    def _may_lead_outside(self, at: Navigation) -> bool:
        return at != HERE

    def _classifier(self, at: Navigation, written: Node) -> Node:
        if at == HERE:
            return Literal("STRING", self._own, span=written.span)
        return self._reference(Classifier(at), written)

    def _aggregate(self, node: Call, *, by_row: bool = False) -> Node:
        variables = self._aggregated_variables(node)
        call, reads = self._aggregate_call(node, by_row=by_row)
        call = without_filter(call)
        return self._reference(
            RunningAggregate(sql_of(call), reads, variables, call, by_place(node, by_row=by_row)), node
        )
