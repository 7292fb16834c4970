"""Conditions that see nothing before the row where a match begins, as in a window, whose frame begins there.

Conditions of rows alone are those of a pattern in layers, with `PREV(x)` NULL in the first one (`layered`). Where a
condition depends on the match, `PREV(x)` becomes `CASE WHEN position - 1 >= FIRST(position) THEN PREV(x) END`, with the
number of each row in the order of partitions as a column (`within_frame`). Nothing is changed where a match has enough
rows before the one that is tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.bind.bound import LAYER_MARK
from rowpattern.sql.bind.leaves import columns_in, leaves
from rowpattern.sql.bind.prefilter import prefilter, start_condition
from rowpattern.sql.bind.references import (
    BoundExpression,
    Navigation,
    RowExists,
    Value,
    depends_on_the_match,
)
from rowpattern.sql.expression.nodes import (
    Argument,
    Branch,
    Call,
    Case,
    Column,
    Comparison,
    Conjunction,
    Literal,
    replaced,
)
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from rowpattern.sql.bind.bound import Condition
    from rowpattern.sql.bind.references import Reference, References
    from rowpattern.sql.expression.nodes import Node

__all__ = ["POSITION", "layered", "reads_back", "within_frame"]

#: The column that holds the number of each row in the order of partitions.
POSITION = "rowpattern position"

# Each layer has all conditions of the pattern.
_MOST_LAYERS = 15

_NULL = Literal("NULL_LITERAL")
_FALSE = Literal("BOOLEAN", "false")


def reads_back(expressions: Iterable[BoundExpression]) -> bool:
    """Say whether one of some expressions reads rows before others (PREV)."""
    return any(_is_back(item) for each in expressions for _, item in each.reads)


def _is_back(item: Reference) -> bool:
    return isinstance(item, (Value, RowExists)) and item.at.rows < 0


def layered(
    conditions: Sequence[Condition], references: References, least: Mapping[str, int | None]
) -> tuple[Condition, ...] | None:
    """Return conditions of rows for a pattern in layers: each of a match's first rows has variables of its own there.

    So conditions that read rows before others are still conditions of rows alone, and take no search.

    Args:
        conditions: as they are bound in MATCH_RECOGNIZE.
        references: what the clause reads.
        least: as for `within_frame`.

    Returns:
        a condition for each variable and layer, in the order of layers; nothing where no condition can see a row before
        the match; None where one depends on the match, or too many layers were needed.
    """
    if any(each.expression.depends for each in conditions):
        return None
    farthest = max((rows for each in conditions for rows in _leaving(each, least).values()), default=0)
    if farthest == 0:
        return ()
    if farthest > _MOST_LAYERS:
        return None
    found: list[Condition] = []
    for layer in range(farthest + 1):
        for each in conditions:
            gone = {name for name, rows in _leaving(each, least).items() if rows > layer}
            expression = _without(each.expression, gone, references)
            variable = f"{each.variable}{LAYER_MARK}{layer}"
            found.append(replace(each, variable=variable, expression=expression, prefilter=expression))
    return tuple(found)


def _leaving(condition: Condition, least: Mapping[str, int | None]) -> dict[str, int]:
    """Return what a condition may read before the match: how many rows before another one, by the reference's name."""
    own = least.get(condition.variable)
    if own is None or condition.expression.tree is None:
        return {}
    return {
        name: -item.at.rows
        for name, item in condition.expression.reads
        if isinstance(item, (Value, RowExists)) and _rows_before(item.at, own, least) < -item.at.rows
    }


def _without(expression: BoundExpression, names: Collection[str], references: References) -> BoundExpression:
    """Return an expression in which some references lead nowhere."""
    items = dict(expression.reads)
    return _with(
        expression,
        lambda name: _nothing(name, _FALSE if isinstance(items[name], RowExists) else _NULL),
        names,
        references,
    )


def within_frame(condition: Condition, references: References, least: Mapping[str, int | None]) -> Condition:
    """Return a condition for which there are no rows before the match's first one.

    Args:
        condition: as it is bound in MATCH_RECOGNIZE.
        references: what the clause reads.
        least: for each variable the least number of rows of a match before one that is mapped to it; None where no row
            is.
    """
    expression = condition.expression
    own = least.get(condition.variable) or 0
    leaving = {
        name: item
        for name, item in expression.reads
        if name in _leaving(condition, least) and isinstance(item, (Value, RowExists))
    }
    if not leaving:
        return condition
    guards = {name: _guarded(name, item, references) for name, item in leaving.items()}
    whole = _with(expression, guards.__getitem__, leaving, references)
    filtered = _prefilter(expression, own, leaving, references)
    return replace(condition, expression=whole, prefilter=filtered, start=start_condition(whole, references))


def _rows_before(at: Navigation, own: int, least: Mapping[str, int | None]) -> int:
    """Return how many rows of the match are before the one from which rows are counted back, at least."""
    if at.is_of_current_row:
        return own
    if at.variables is None:
        return at.offset if at.first else 0
    known = [rows for rows in map(least.get, at.variables) if rows is not None]
    return min(known, default=0) + (at.offset if at.first else 0)


def _guarded(name: str, item: Value | RowExists, references: References) -> Node:
    """Return a reference to a row before another one, NULL (or false) where that is before the match."""
    otherwise = _FALSE if isinstance(item, RowExists) else _NULL
    at = item.at
    if at.first and at.variables is None:
        # So many rows of the match are before that row, and no more.
        return _nothing(name, otherwise) if at.offset + at.rows < 0 else Column((name,))
    there = Column((references.name(Value(POSITION, replace(at, rows=0))),))
    first = Column((references.name(Value(POSITION, Navigation(first=True))),))
    back = Call("-", (Argument(there), Argument(Literal("INTEGER", str(-at.rows)))), operator=True)
    return Case((Branch(Comparison(">=", back, first), Column((name,))),), otherwise)


def _nothing(name: str, otherwise: Node) -> Node:
    """Return what a reference is where it leads nowhere, of its type."""
    return Case((Branch(_FALSE, Column((name,))),), otherwise)


def _with(
    expression: BoundExpression,
    instead: Callable[[str], Node],
    names: Iterable[str],
    references: References,
) -> BoundExpression:
    """Return an expression with something in the place of some references."""
    assert expression.tree is not None  # noqa: S101 - whoever calls this has looked
    changed = set(names)
    new = {
        id(leaf): instead(leaf.names[0])
        for leaf in leaves(expression.tree)
        if isinstance(leaf, Column) and leaf.names[0] in changed
    }
    tree = replaced(expression.tree, new)
    return BoundExpression(sql_of(tree), expression.text, references.named(columns_in(tree)), tree)


def _prefilter(
    expression: BoundExpression, own: int, leaving: Mapping[str, Value | RowExists], references: References
) -> BoundExpression | None:
    """Return what rows alone say: whether the condition can hold with any number of the match's rows before."""
    near = {name: -item.at.rows for name, item in leaving.items() if not depends_on_the_match(item)}
    parts: list[BoundExpression] = []
    for before in sorted({own, *near.values()}):
        gone = [name for name, rows in near.items() if rows > before]
        part = prefilter(_without(expression, gone, references))
        if part is None:
            return None
        parts.append(part)
    trees = tuple(each.tree for each in parts if each.tree is not None)
    tree = trees[0] if len(trees) == 1 else Conjunction("OR", trees)
    return BoundExpression(sql_of(tree), expression.text, references.named(columns_in(tree)), tree)
