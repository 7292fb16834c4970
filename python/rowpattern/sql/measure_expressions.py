"""Expressions of MEASURES (ISO/IEC 19075-5, 5.4 to 5.8): RUNNING and FINAL, and DuckDB's aggregates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from rowpattern.sql.expressions import (
    ExpressionReader,
    bare_call,
    counts_rows,
    function_name,
    is_navigation,
    leaves,
    sql_of,
    with_fields,
)
from rowpattern.sql.inputs import Aggregate, Label, MatchNumber, Navigation, RowLabel
from rowpattern.sql.parser import FINAL

if TYPE_CHECKING:
    from rowpattern.sql.expressions import Scope
    from rowpattern.sql.inputs import RowValue
    from rowpattern.sql.problems import Place

__all__ = ["MeasureReader"]

# Their answer depends on the order of rows, which is the match's unless the call says otherwise.
_ORDERED_AGGREGATES = {"array_agg", "list", "string_agg", "group_concat", "listagg", "any_value", "arbitrary"}


class MeasureReader(ExpressionReader):
    """Reads measures."""

    def __init__(self, scope: Scope, place: Place, one_row: bool) -> None:
        """Prepare to read measures of ONE ROW PER MATCH, where RUNNING and FINAL are the same, or of ALL ROWS."""
        super().__init__(scope, place)
        self._one_row = self._final = one_row

    def _is_final(self, kind: str, node: exp.Expr) -> bool:  # noqa: ARG002 - nothing to refuse
        return kind == FINAL or self._one_row

    def _placed(self, at: Navigation, whole: exp.Expr) -> Navigation:  # noqa: ARG002 - nothing to refuse
        return replace(at, final=at.final or self._one_row)

    def _may_lead_outside(self, at: Navigation) -> bool:  # noqa: ARG002 - a match may be empty
        return True

    def _label(self, at: Navigation) -> exp.Expr:
        return self._input(Label(at))

    def _aggregate(self, node: exp.Expr) -> exp.Expr:
        call = node.copy()
        variables = self._aggregated_variables(call)
        names: dict[RowValue, str] = {}

        def row_value(item: RowValue) -> exp.Expr:
            names[item] = self._inputs.row_name(item)
            return exp.column(names[item], quoted=True)

        for leaf in leaves(call):
            if isinstance(leaf, exp.Column) and isinstance(leaf.this, exp.Star):
                leaf.replace(exp.Star())
            elif isinstance(leaf, exp.Column):
                if is_navigation(leaf.parent):
                    continue
                _, column, fields = self._column(leaf)
                read = row_value(column)
                leaf.replace(read if fields is None else with_fields(read, fields))
            else:
                leaf.replace(row_value(RowLabel() if leaf.name.upper() == "CLASSIFIER" else MatchNumber()))
        reads = tuple((name, item) for item, name in names.items())
        call = self._filtered(_in_row_order(call), variables)
        counted = (self._variables.primary if variables is None else variables) if counts_rows(node) else None
        return self._input(Aggregate(sql_of(call), reads, self._final, counted))

    def _filtered(self, call: exp.Expr, variables: tuple[str, ...] | None) -> exp.Expr:
        """Leave out rows that are mapped to other variables."""
        if variables is None:
            return call
        places = [exp.Literal.number(self._variables.primary.index(name)) for name in variables]
        mapped: exp.Expr = exp.In(this=exp.column("label", quoted=True), expressions=places)
        if isinstance(call, exp.Filter):
            mapped = exp.and_(mapped, call.expression.this)
            call = call.this
        return exp.Filter(this=call, expression=exp.Where(this=mapped))


def _in_row_order(call: exp.Expr) -> exp.Expr:
    """Have an aggregate that depends on the order of rows see them in the match's, unless it says otherwise."""
    inner = bare_call(call)
    argument = inner.this if isinstance(inner, exp.AggFunc) else (inner.expressions or [None])[0]
    names = {function_name(inner), *(name.lower() for name in getattr(type(inner), "_sql_names", []))}
    if not names & _ORDERED_AGGREGATES or not isinstance(argument, exp.Expr):
        return call
    if isinstance(argument, (exp.Order, exp.Distinct)) or call.find(exp.WithinGroup):
        return call
    by = exp.Ordered(this=exp.column("row", quoted=True), nulls_first=False)
    argument.replace(exp.Order(this=argument.copy(), expressions=[by]))
    return call
