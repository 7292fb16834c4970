"""Clauses that need nothing but the core, as the arguments of its calls.

A plan is made for a clause and the types of the columns that it reads. Clauses that need more than the core have none;
nor have columns of other than plain types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern.sql.arrow.encodings import PLAIN_TYPES
from rowpattern.sql.bind.references import Aggregate, Classifier, MatchNumber, Value
from rowpattern.sql.execute.items import core_read
from rowpattern.sql.execute.row_expressions import EngineNodes, RowInputs, with_constants
from rowpattern.sql.execute.row_symbols import split_conditions
from rowpattern.sql.execute.sort import OrderedPartitions
from rowpattern.sql.execute.typed_clause import typed_clause
from rowpattern.sql.expression.typed import conjuncts

if TYPE_CHECKING:
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.row_expressions import EngineColumn
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["CorePlan", "core_plan", "may_have_core_plan"]


class CorePlan(NamedTuple):
    """What the core is given, beside the columns and the limits.

    Attributes:
        partition_by: the columns of PARTITION BY, by their numbers among the clause's columns.
        order_by: those of ORDER BY, each with whether it descends, and whether NULLs come first.
        conditions: each with its variable, over rows in order.
        engine_columns: what these read.
        skip: where the search goes on.
        reads: what each column of the answer reads from matches.
        shown: each column's name, its type (None for that of what is read), and the table's column whose values it has.
    """

    partition_by: list[int]
    order_by: list[tuple[int, bool, bool]]
    conditions: list[tuple[str, Any]]
    engine_columns: list[EngineColumn]
    skip: Any
    reads: list[tuple[Any, ...]]
    shown: list[tuple[str, pa.DataType | None, str | None]]


def may_have_core_plan(bound: BoundClause, context: ExecutionContext) -> bool:
    """Say whether a clause may need nothing but the core, as far as that does not depend on its table."""
    if context.progress or context.prefer != "first" or context.time_zone is not None or bound.plans.values is not None:
        return False
    # Expressions of the caller's library, and PREV and NEXT with IGNORE NULLS, are columns which the table has not.
    return not (bound.given or bound.away)


def core_plan(
    bound: BoundClause,
    columns: dict[str, pa.ChunkedArray],
    table: Table,
    database: Database,
    context: ExecutionContext,
) -> CorePlan | None:
    """Return the plan of a clause over columns of these types, or find that made; None where it needs more.

    Args:
        bound: the clause.
        columns: the columns that it reads, in the order of `bound.reads()`.
        table: the table that has them.
        database: the query's connection.
        context: the query.

    Raises:
        QueryError: an expression cannot be typed.
    """
    key = (CorePlan, tuple([column.type for column in columns.values()]))
    plan: CorePlan | bool | None = bound.plans.get(key)
    if plan is None:
        rows = OrderedPartitions(table, context, None, np.zeros(1, np.int64))
        plan = _planned(bound, list(columns), list(columns.values()), rows, database)
        bound.plans.put(key, plan)
    if not isinstance(plan, CorePlan) or any(column.num_chunks != 1 for column in columns.values()):
        return None
    return plan


def _planned(
    bound: BoundClause, names: list[str], columns: list[pa.ChunkedArray], rows: OrderedPartitions, database: Database
) -> CorePlan | bool:
    """Return the plan of a clause; False where it needs more than the core."""
    keys = [*bound.partition_by, *bound.order_by]
    measured = [each.expression.only for each in bound.measures if each.expression.only is not None]
    if (
        bound.rows_shown != "one row"
        or bound.within is not None
        or any(each.expression.depends or each.start is not None for each in bound.conditions)
        or any(key.column is None for key in keys)
        or len(measured) < len(bound.measures)
        or not all(map(_is_read_alone, measured))
        or any(column.type.id not in PLAIN_TYPES for column in columns)
    ):
        return False
    split = split_conditions(
        bound.conditions, typed_clause(bound.conditions, bound.measures, rows.table, database, bound.plans)
    )
    if split.others or any(each.expression.changing for each in split.by_engine):
        return False
    number = {name: at for at, name in enumerate(names)}
    nodes = EngineNodes(RowInputs(rows, split.items))
    conditions = [
        (each.condition.variable, nodes.node(part))
        for each in split.by_engine
        for part in conjuncts(with_constants(each.expression, database))
    ]
    reads: list[tuple[Any, ...]] = []
    shown: list[tuple[str, pa.DataType | None, str | None]] = []
    for key in bound.partition_by:
        at = number[str(key.column)]
        reads.append(("value", None, at))
        shown.append((key.name, columns[at].type, key.column))
    for measure, item in zip(bound.measures, measured):
        read, kind = core_read(item), pa.string() if isinstance(item, Classifier) else None
        if isinstance(item, Value):
            at = number[item.column]
            read, kind = (*read, at), columns[at].type
        reads.append(read)
        shown.append((measure.name, kind, measure.expression.origin))
    mode, target = bound.skip
    return CorePlan(
        [number[str(key.column)] for key in bound.partition_by],
        [(number[str(key.column)], key.descending, key.nulls_first) for key in bound.order_by],
        conditions,
        nodes.columns,
        (mode, target) if target else mode,
        reads,
        shown,
    )


def _is_read_alone(item: object) -> bool:
    counts = isinstance(item, Aggregate) and item.counts is not None
    return counts or isinstance(item, (Value, MatchNumber, Classifier))
