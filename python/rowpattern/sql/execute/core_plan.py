"""Clauses that need nothing but the core, as the arguments of its calls.

A plan is made for a clause and the types of the columns that it reads, whatever the values of parameters. Clauses that
need more than the core have none; nor have columns of other than plain types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import numpy as np
import pyarrow as pa

from rowpattern.sql.arrow.encodings import PLAIN_TYPES
from rowpattern.sql.bind.references import Aggregate, Classifier, MatchNumber, Value
from rowpattern.sql.execute.items import core_read
from rowpattern.sql.execute.row_expressions import EngineNodes, RowPlaces, with_constants
from rowpattern.sql.execute.row_symbols import split_conditions
from rowpattern.sql.execute.sort import OrderedPartitions
from rowpattern.sql.execute.typed_clause import typed_clause
from rowpattern.sql.expression.typed import Constant, conjuncts, map_leaves, walk_typed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.bind.references import RowExists
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.row_expressions import EngineColumn
    from rowpattern.sql.expression.parameters import ParameterValues
    from rowpattern.sql.expression.typed import Typed
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["CorePlan", "answer_reads", "core_conditions", "core_plan", "may_have_core_plan"]

#: What each column of an answer reads from matches; and, of each, what `CorePlan.shown` has.
AnswerReads = tuple[list[tuple[Any, ...]], list[tuple[str, Optional[pa.DataType], Optional[str]]]]


class CorePlan(NamedTuple):
    """What the core is given, beside the columns and the limits.

    Attributes:
        partition_by: the columns of PARTITION BY, by their numbers among the clause's columns.
        order_by: those of ORDER BY, each with whether it descends, and whether NULLs come first.
        conditions: parts of conditions, each with its variable, over rows in order; parameters have their types alone.
        items: what these read.
        has_parameters: whether there is a parameter in them.
        skip: where the search goes on.
        reads: what each column of the answer reads from matches.
        shown: each column's name, its type (None for that of what is read), and the table's column whose values it has.
        named: these without the types.
        told: what the core was told last, with the text of the values of parameters; one at most.
    """

    partition_by: list[int]
    order_by: list[tuple[int, bool, bool]]
    conditions: list[tuple[str, Typed]]
    items: Mapping[str, Value | RowExists]
    has_parameters: bool
    skip: Any
    reads: list[tuple[Any, ...]]
    shown: list[tuple[str, pa.DataType | None, str | None]]
    named: list[tuple[str, str | None]]
    told: list[tuple[str, Any]]


def may_have_core_plan(bound: BoundClause, context: ExecutionContext) -> bool:
    """Say whether a clause may need nothing but the core, as far as that does not depend on its table."""
    if context.progress or context.prefer != "first" or context.time_zone is not None:
        return False
    # Expressions of the caller's library, and PREV and NEXT with IGNORE NULLS, are columns which the table has not.
    return not (bound.given or bound.away)


def core_plan(
    bound: BoundClause, kinds: Mapping[str, pa.DataType], table: Table, database: Database, context: ExecutionContext
) -> CorePlan | None:
    """Return the plan of a clause over columns of these types, or find that made; None where it needs more.

    Args:
        bound: the clause.
        kinds: the types of the columns that it reads, in the order of `bound.reads()`.
        table: the table that has them.
        database: the query's connection.
        context: the query.

    Raises:
        QueryError: an expression cannot be typed.
    """
    key = (CorePlan, tuple(kinds.values()))
    plan: CorePlan | bool | None = bound.plans.get(key)
    if plan is None:
        rows = OrderedPartitions(table, context, None, np.zeros(1, np.int64))
        plan = _planned(bound, kinds, rows, database)
        bound.plans.put(key, plan)
    return plan if isinstance(plan, CorePlan) else None


def core_conditions(
    plan: CorePlan, values: ParameterValues | None
) -> tuple[list[tuple[str, Any]], Sequence[EngineColumn]] | None:
    """Return conditions as the core takes them, with the values of parameters as literals, and the columns they read.

    None where DuckDB has to compute a value.
    """
    conditions = plan.conditions
    if values is not None and plan.has_parameters:
        conditions = [(variable, map_leaves(part, values.in_place)) for variable, part in conditions]
        if any(isinstance(each, Constant) for _, part in conditions for each in walk_typed(part)):
            return None
    nodes = EngineNodes(RowPlaces(plan.items))
    return [(variable, nodes.node(part)) for variable, part in conditions], nodes.columns


def answer_reads(bound: BoundClause, kinds: Mapping[str, pa.DataType]) -> AnswerReads | None:
    """Return what the columns of a clause's answer read from matches; None where they need more than that.

    Args:
        bound: the clause.
        kinds: the types of columns, in the order in which the core is given them.
    """
    measured = [each.expression.only for each in bound.measures if each.expression.only is not None]
    if (
        bound.rows_shown != "one row"
        or any(key.column is None for key in bound.partition_by)
        or len(measured) < len(bound.measures)
        or not all(map(_is_read_alone, measured))
        or any(kind.id not in PLAIN_TYPES for kind in kinds.values())
        or not (bound.partition_by or measured)
    ):
        return None
    number = {name: at for at, name in enumerate(kinds)}
    reads: list[tuple[Any, ...]] = []
    shown: list[tuple[str, pa.DataType | None, str | None]] = []
    for key in bound.partition_by:
        name = str(key.column)
        reads.append(("value", None, number[name]))
        shown.append((key.name, kinds[name], key.column))
    for measure, item in zip(bound.measures, measured):
        read, kind = core_read(item), pa.string() if isinstance(item, Classifier) else None
        if isinstance(item, Value):
            read, kind = (*read, number[item.column]), kinds[item.column]
        reads.append(read)
        shown.append((measure.name, kind, measure.expression.origin))
    return reads, shown


def _planned(
    bound: BoundClause, kinds: Mapping[str, pa.DataType], rows: OrderedPartitions, database: Database
) -> CorePlan | bool:
    """Return the plan of a clause; False where it needs more than the core."""
    answer = answer_reads(bound, kinds)
    if (
        answer is None
        or bound.within is not None
        or any(each.expression.depends or each.start is not None for each in bound.conditions)
        or any(key.column is None for key in bound.order_by)
    ):
        return False
    plans = bound.plans.of_types()
    split = split_conditions(
        bound.conditions, typed_clause(bound.conditions, bound.measures, rows.table, database, plans)
    )
    if split.others or any(each.expression.changing for each in split.by_engine):
        return False
    number = {name: at for at, name in enumerate(kinds)}
    conditions = [
        (each.condition.variable, part)
        for each in split.by_engine
        for part in conjuncts(with_constants(each.expression, database))
    ]
    reads, shown = answer
    mode, target = bound.skip
    return CorePlan(
        [number[str(key.column)] for key in bound.partition_by],
        [(number[str(key.column)], key.descending, key.nulls_first) for key in bound.order_by],
        conditions,
        split.items,
        any(each.expression.has_parameters for each in split.by_engine),
        (mode, target) if target else mode,
        reads,
        shown,
        [(name, origin) for name, _, origin in shown],
        [],
    )


def _is_read_alone(item: object) -> bool:
    counts = isinstance(item, Aggregate) and item.counts is not None
    return counts or isinstance(item, (Value, MatchNumber, Classifier))
