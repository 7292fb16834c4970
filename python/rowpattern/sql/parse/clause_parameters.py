"""The parameters of a clause: which its expressions read, and which ones its plan follows from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.expression.nodes import Call, Node, Parameter, walk
from rowpattern.sql.parse.clause import ClauseParameters
from rowpattern.sql.text.parameters import PlacedParameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.parse.clause import Clause

__all__ = ["offset_of", "parameters_of"]

_WITH_OFFSET = frozenset({"first", "last", "prev", "next"})


def parameters_of(clause: Clause, placed: Sequence[PlacedParameter]) -> ClauseParameters | None:
    """Return the parameters of a clause whose expressions were read; None where it has none.

    Args:
        clause: the clause.
        placed: those of the query.
    """
    if not placed:
        return None
    begin = clause.pattern_location.offset
    bounds = tuple(each for each in placed if each.is_bound and begin <= each.begin < begin + len(clause.pattern))
    names: dict[str, None] = {}
    offsets: dict[PlacedParameter, None] = {}
    for expression in clause.expressions():
        for node in walk(expression.node):
            if isinstance(node, Parameter):
                names[node.name] = None
            offset = offset_of(node)
            if offset is not None and offset.span is not None:
                offsets[PlacedParameter(offset.name, *offset.span)] = None
    return ClauseParameters(tuple(names), bounds, tuple(offsets)) if names or bounds else None


def offset_of(node: Node) -> Parameter | None:
    """Return the parameter that is the offset of a navigation; None where it has none."""
    if not isinstance(node, Call) or node.name not in _WITH_OFFSET or len(node.arguments) != 2:  # noqa: PLR2004
        return None
    offset = node.arguments[1].value
    return offset if isinstance(offset, Parameter) else None
