"""Expressions of DEFINE (ISO/IEC 19075-5, 5.4 and 5.6): RUNNING only, seen from the row that is being tested."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from rowpattern.errors import UnsupportedQueryError
from rowpattern.sql.expressions import ExpressionReader, counts_rows, leaves, replaced, sql_of, text_of, with_fields
from rowpattern.sql.inputs import Computed, Label, Navigation, RunningAggregate
from rowpattern.sql.parser import FINAL

if TYPE_CHECKING:
    from rowpattern.sql.expressions import Scope
    from rowpattern.sql.problems import Place

__all__ = ["ConditionReader"]

# Aggregates that are kept while matching.
_RUNNING: dict[type[exp.Expr], str] = {
    exp.Count: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
}


class ConditionReader(ExpressionReader):
    """Reads the condition of one variable: RUNNING, and the current row counts as mapped to the variable."""

    def __init__(self, scope: Scope, place: Place, variable: str) -> None:
        """Prepare to read the condition of `variable`."""
        super().__init__(scope, place)
        self._variable = variable

    def _is_final(self, kind: str, node: exp.Expr) -> bool:
        if kind == FINAL:
            raise self._fail("FINAL cannot stand in DEFINE: the match is not known yet", node)
        return False

    def read(self, expression: exp.Expr) -> Computed:
        """Take the navigation out of a condition."""
        found = super().read(expression)
        return replace(found, kernel=None, node=self._rewritten) if found.depends else found

    def _placed(self, at: Navigation, whole: exp.Expr) -> Navigation:  # noqa: ARG002 - nothing to refuse
        """Bring a navigation to so many rows from the current one, which counts as mapped, where it is that."""
        current = at.variables is None or self._variable in at.variables
        return replace(at, final=False) if at.first or at.offset or not current else Navigation(rows=at.rows)

    def _may_lead_outside(self, at: Navigation) -> bool:
        return at != Navigation()

    def _label(self, at: Navigation) -> exp.Expr:
        return exp.Literal.string(self._variable) if at == Navigation() else self._input(Label(at))

    def _aggregate(self, node: exp.Expr) -> exp.Expr:
        function = _RUNNING.get(type(node))
        argument = node.this
        if function is None or isinstance(argument, (exp.Distinct, exp.Order)):
            message = f"{text_of(node)} cannot be kept while matching; count, sum, avg, min and max of rows can"
            raise self._fail(message, node, UnsupportedQueryError)
        variables = self._aggregated_variables(node)
        if counts_rows(node):
            return self._input(RunningAggregate("count", None, (), variables))
        names: dict[str, str] = {}
        rewritten = argument.copy()
        for leaf in leaves(rewritten):
            if not isinstance(leaf, exp.Column):
                message = f"{text_of(leaf)} cannot be aggregated while matching"
                raise self._fail(message, node, UnsupportedQueryError)
            _, column, fields = self._column(leaf)
            read: exp.Expr = exp.column(names.setdefault(column, f"r{len(names)}"), quoted=True)
            rewritten = replaced(rewritten, leaf, read if fields is None else with_fields(read, fields))
        reads = tuple((name, column) for column, name in names.items())
        return self._input(RunningAggregate(function, sql_of(rewritten), reads, variables))
