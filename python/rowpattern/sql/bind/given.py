"""Conditions and measures that the caller's library computes: each is a column beside the table's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.errors import QueryError
from rowpattern.sql.bind.bound import Condition, GivenColumn
from rowpattern.sql.bind.references import BoundExpression, Navigation, Value
from rowpattern.sql.expression.nodes import Column
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.parse.clause import GIVEN
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.bind.references import References
    from rowpattern.sql.bind.scope import Variables
    from rowpattern.sql.parse.clause import Clause, GivenCondition

__all__ = ["given_columns", "given_conditions"]


def _condition_column(variable: str) -> str:
    """Return the name of the column that a condition is; expressions of the query do not see it."""
    return f"{GIVEN}condition {variable}"


def given_columns(clause: Clause) -> tuple[GivenColumn, ...]:
    """Return what the caller's library computes for a clause."""
    conditions = (
        GivenColumn(f"define[{each.name!r}]", _condition_column(each.variable), each.variable) for each in clause.given
    )
    measures = (GivenColumn(f"measures[{name!r}]", column, None) for name, column in clause.given_measures.items())
    return (*conditions, *measures)


def _read(column: str, at: Navigation, references: References) -> BoundExpression:
    item = Value(column, at)
    name = references.name(item)
    tree = Column((name,))
    return BoundExpression(sql_of(tree), "computed by the caller's library", ((name, item),), tree)


def given_conditions(
    given: Sequence[GivenCondition],
    others: Sequence[Condition],
    variables: Variables,
    references: References,
) -> tuple[Condition, ...]:
    """Return conditions that are columns.

    Args:
        given: the conditions.
        others: the conditions that are expressions.
        variables: those of the pattern.
        references: those of the clause.

    Raises:
        UnknownVariableError: the pattern does not have a variable.
        QueryError: a variable has two conditions.
    """
    found = {each.variable: each for each in others}
    for each in given:
        if each.variable not in variables.primary:
            raise variables.unknown(each.variable, each.location)
        if each.variable in found:
            raise error_at(f"DEFINE defines {each.variable} twice", each.location, QueryError)
        expression = _read(_condition_column(each.variable), Navigation(), references)
        found[each.variable] = Condition(each.variable, expression, each.location, expression)
    return tuple(found.values())[len(others) :]
