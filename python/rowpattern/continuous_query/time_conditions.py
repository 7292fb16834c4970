"""Conditions on time that bound a match as WITHIN does: `B.at < FIRST(at) + INTERVAL 5 MINUTES`.

Such a part of a condition says how far behind the match's first row a row of the variable may be. When no later row can
be so near, the variable is in no match that has begun, and the match need not be waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from rowpattern.continuous_query.event_keys import EventKey, OrderKey
from rowpattern.errors import QueryError
from rowpattern.sql.arrow.time_units import NANOSECONDS_A_DAY, nanoseconds_a_unit
from rowpattern.sql.bind.leaves import columns_in
from rowpattern.sql.bind.references import Navigation, Value
from rowpattern.sql.execute.within import exact_width
from rowpattern.sql.expression.nodes import Call, Column, Comparison, conditions_of
from rowpattern.sql.expression.write import sql_of

if TYPE_CHECKING:
    from rowpattern.patterns import Pattern
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.bind.references import Reference
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.expression.nodes import Node

__all__ = ["time_widths"]

# Larger automata are not looked through.
_MOST_POSITIONS = 1 << 12
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class _Limit(NamedTuple):
    """How far behind the first row a row may be: a constant, and whether that far is near enough."""

    length: Node
    included: bool


def time_widths(bound: BoundClause, pattern: Pattern, kind: pa.DataType | None, using: Database) -> dict[str, int]:
    """Return how far behind the match's first row, in the key's units, conditions let rows of their variables be.

    Args:
        bound: the clause.
        pattern: its pattern.
        kind: the type of its first key of ORDER BY; None where that is no column.
        using: computes the lengths, which are constants.

    Only what is certain is given: for variables without such a condition, or with one of another form, nothing.
    """
    if kind is None or not bound.order_by or bound.order_by[0].descending:
        return {}
    key = bound.order_by[0].column
    if key is None or not _is_whole(key, kind):
        return {}
    first = _first_variables(pattern)
    found: dict[str, int] = {}
    for condition in bound.conditions:
        if condition.expression.tree is None:
            continue
        widths = [
            width
            for part in conditions_of(condition.expression.tree)
            if (limit := _limit(part, dict(condition.expression.reads), key, first)) is not None
            and (width := _width(limit, kind, using)) is not None
        ]
        if widths and min(widths) >= 0:
            found[condition.variable] = min(widths)
    return found


def _is_whole(key: str, kind: pa.DataType) -> bool:
    return EventKey(OrderKey(key), kind).is_measured and (
        pa.types.is_temporal(kind) or pa.types.is_signed_integer(kind)
    )


def _first_variables(pattern: Pattern) -> frozenset[str]:
    """Return the variables to which a match's first row is mapped and no other one."""
    automaton = pattern._automaton(_MOST_POSITIONS)  # noqa: SLF001 - ours
    if automaton is None:
        return frozenset()
    positions, first, elsewhere, followers, _ = automaton
    begins = {positions[at][0] for at in (*first, *elsewhere) if at >= 0}
    follow = {positions[at][0] for each in followers for at in each if at >= 0}
    return frozenset(begins - follow) if len(begins) == 1 else frozenset()


def _limit(part: Node, items: dict[str, Reference], key: str, first: frozenset[str]) -> _Limit | None:
    """Return the length that a comparison names: of `at < FIRST(at) + length` and the like; None of others."""
    if not isinstance(part, Comparison):
        return None
    for sign, left, right in ((part.sign, part.left, part.right), (_TURNED.get(part.sign), part.right, part.left)):
        if sign not in {"<", "<="}:
            continue
        if _is_key(left, items, key, None) and isinstance(right, Call) and right.name == "+":
            terms = right.values
            for one, other in ((terms[0], terms[-1]), (terms[-1], terms[0])):
                if len(terms) == 2 and _is_key(one, items, key, first) and not columns_in(other):  # noqa: PLR2004
                    return _Limit(other, included=sign == "<=")
        if isinstance(left, Call) and left.name == "-" and len(left.values) == 2:  # noqa: PLR2004 - of two numbers
            row, begun = left.values
            if _is_key(row, items, key, None) and _is_key(begun, items, key, first) and not columns_in(right):
                return _Limit(right, included=sign == "<=")
    return None


def _is_key(node: Node, items: dict[str, Reference], key: str, first: frozenset[str] | None) -> bool:
    """Say whether a node is the key of the current row (None), or of the match's first row."""
    item = items.get(node.names[0]) if isinstance(node, Column) else None
    if not isinstance(item, Value) or item.column != key:
        return False
    if first is None:
        return item.at == Navigation()
    at = item.at
    is_first = at.variables is None and at.first
    return (
        at.offset == 0 and at.rows == 0 and (is_first or (bool(at.variables) and first.issuperset(at.variables or ())))
    )


def _width(limit: _Limit, kind: pa.DataType, using: Database) -> int | None:
    """Return a length in the key's units, included, rounded down; None where it has no such length."""
    try:
        found = using.project(f"({sql_of(limit.length)})", pa.table({"none": pa.nulls(1)})).column(0)[0]
    except QueryError:
        return None
    if not found.is_valid:
        return None
    width = exact_width(kind, found)
    if width is None or limit.included:
        return width
    # A row at exactly that length is too far, where the length is a whole number of units.
    return width - 1 if _is_exact(kind, found) else width


def _is_exact(kind: pa.DataType, length: pa.Scalar) -> bool:
    nanoseconds = nanoseconds_a_unit(kind)
    if nanoseconds is None:
        return True
    _, days, rest = length.as_py()
    return bool((days * NANOSECONDS_A_DAY + rest) % nanoseconds == 0)
