"""Conditions that depend on the match, as the core evaluates them while it searches (`rowpattern._core.Conditions`).

Each part of a condition goes one of three ways. What the engine computes, it computes on each combination of rows.
Other parts that read rows at a fixed distance from one place are computed by DuckDB over whole columns before, and are
columns that the engine reads at that place (`condition_columns.py`). What reads several places of the match is computed
before for all combinations of what these may have, where they are few (`combinations.py`). Else it is asked for while
the search runs (`rounds.py`), and so are aggregates that the engine does not keep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.patterns import Conditions
from rowpattern.sql.bind.references import RowExists, Value
from rowpattern.sql.execute.condition_columns import ColumnParts
from rowpattern.sql.execute.condition_parts import SharedParts
from rowpattern.sql.execute.condition_writer import ConditionWriter
from rowpattern.sql.execute.row_expressions import RowInputs, compute
from rowpattern.sql.execute.typed_records import Named
from rowpattern.sql.expression.typed import Computed, Constant, Literal, walk_typed
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rowpattern.patterns import Pattern
    from rowpattern.sql.bind.bound import Condition
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.rounds import Rounds
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.typed_clause import TypedClause
    from rowpattern.sql.execute.typed_records import TypedExpression
    from rowpattern.sql.expression.typed import Typed

__all__ = ["MatchConditions", "located", "match_conditions"]


class MatchConditions(NamedTuple):
    """Conditions that the core evaluates.

    Attributes:
        conditions: the conditions.
        compute: who computes what it asks for; None where it asks for nothing.
        layout: what they are beside the values of rows: equal where conditions over other rows are the same. None where
            they have values that were computed of their rows alone.
    """

    conditions: Conditions
    compute: Rounds | None
    layout: object


class located:  # noqa: N801 - a block, as of contextlib
    """Have an error of the engine's, which names the condition's variable, show where the condition stands."""

    __slots__ = ("_conditions",)

    def __init__(self, conditions: Sequence[Condition]) -> None:
        """Take the conditions."""
        self._conditions = conditions

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Show where the condition stands."""
        if kind is not QueryError or error is None or getattr(error, "line", None):
            return
        known = (each for each in self._conditions if str(error).startswith(f"DEFINE {each.variable}: "))
        condition = next(known, None)
        if condition is not None:
            raise error_at(str(error), condition.location, QueryError) from None


def match_conditions(
    pattern: Pattern,
    conditions: Sequence[Condition],
    together: TypedClause,
    rows: OrderedPartitions,
    database: Database,
) -> MatchConditions:
    """Compile conditions over the columns of a table. Takes time linear in the rows for each column that is computed.

    Args:
        pattern: whose variables they are of.
        conditions: those that depend on the match.
        together: the clause with types.
        rows: the table.
        database: the query's connection.

    Raises:
        QueryError: one cannot be computed, or is neither true nor false; it is named.
    """
    parts = SharedParts(pattern.variables, conditions, together, rows, database)
    columns = ColumnParts(parts, rows, database)
    wholes = [_whole(condition, whole) for condition, (_, whole) in zip(conditions, together.dependent)]
    for whole, node in wholes:
        columns.compute(whole, node)
    compiled = {
        condition.variable: ConditionWriter(parts, columns, condition, whole).node(node)
        for condition, (whole, node) in zip(conditions, wholes)
    }
    starts = _starts(conditions, together, rows, database)
    found = Conditions(pattern, parts.columns, parts.sets, parts.aggregates, compiled, starts)
    layout = None
    if not parts.has_values_of_rows:
        layout = ([kind for kind, _ in parts.columns], parts.sets, parts.aggregates, compiled)
    return MatchConditions(found, parts.rounds if parts.expressions else None, layout)


def _whole(condition: Condition, whole: TypedExpression) -> tuple[TypedExpression, Typed]:
    """Return a condition as a node; it must be true or false."""
    if whole.problem is not None and whole.node is None:
        raise Named.condition(condition, condition.expression).failed(whole.problem)
    kind = whole.type
    if kind not in {None, "BOOLEAN", "NULL"}:
        message = f"the condition of {condition.variable} is of the type {kind}; it must be true or false"
        raise error_at(message, condition.location, QueryError)
    if whole.node is not None and kind == "NULL" and all(map(_is_known, walk_typed(whole.node))):
        return whole, Literal("BOOLEAN", None)
    if whole.node is not None and kind != "NULL":
        return whole, whole.node
    assert whole.tree is not None  # noqa: S101 - conditions have one
    return whole, Computed("BOOLEAN", whole.tree)


def _is_known(node: Typed) -> bool:
    """Say whether computing a node cannot fail."""
    return not isinstance(node, (Constant, Computed))


def _starts(
    conditions: Sequence[Condition], together: TypedClause, rows: OrderedPartitions, database: Database
) -> dict[str, pa.ChunkedArray]:
    """Compute for each row what a match that begins there decides of conditions."""
    starting = [(each.variable, each.start) for each in conditions if each.start is not None]
    if not starting:
        return {}
    items = {name: item for _, start in starting for name, item in start.reads if isinstance(item, (Value, RowExists))}
    try:
        found = compute(together.starts, RowInputs(rows, items), together.labels, database)
    except QueryLimitError:
        raise
    except QueryError:
        # There may be no match that begins at the row of which a value cannot be computed.
        return {}
    return {variable: values for (variable, _), values in zip(starting, found) if pa.types.is_boolean(values.type)}
