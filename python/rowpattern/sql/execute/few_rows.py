"""Clauses that are asked again over few rows: a plan has all arguments of the core's calls.

Over many rows the same calls take all of the time, wherever they are made. Over few most of it is Python's around them,
so a plan is made for a clause and the types of the columns that it reads, the second time that it is asked. Clauses
that need more than the core have none; nor have columns of other than plain types.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern._core import AnswerItems, order
from rowpattern.errors import RowPatternError
from rowpattern.patterns import RowSymbols
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.encodings import PLAIN_TYPES
from rowpattern.sql.bind.references import Aggregate, Classifier, MatchNumber, Value
from rowpattern.sql.execute.items import core_read
from rowpattern.sql.execute.row_expressions import EngineNodes, RowInputs, read_columns, with_constants
from rowpattern.sql.execute.row_symbols import split_conditions
from rowpattern.sql.execute.sort import OrderedPartitions
from rowpattern.sql.execute.typed_clause import typed_clause
from rowpattern.sql.expression.typed import conjuncts
from rowpattern.sql.runtime.context import Step
from rowpattern.sql.tables.answers import Answer, AnswerColumn

if TYPE_CHECKING:
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.row_expressions import EngineColumn
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["MOST_FEW_ROWS", "answer_few_rows"]

#: More rows are matched by several threads, and in steps between which other queries have their turn.
MOST_FEW_ROWS = 10_000
_LEAST_ROWS = 2
_ONE_PARTITION = from_numpy(np.zeros(1, np.int64))
# What an answer's value takes, and whether it is NULL.
_VALUE_BYTES = 17


class _Plan(NamedTuple):
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


def answer_few_rows(
    bound: BoundClause, table: Table, database: Database, context: ExecutionContext
) -> tuple[Answer, bool] | None:
    """Answer a clause that was asked before; say too whether its rows had to be sorted.

    None where it was not asked before, needs more than the core, or fails: then it is answered step by step, which says
    why.
    """
    plans = bound.plans
    if context.progress or context.prefer != "first" or context.time_zone is not None or plans.values is not None:
        return None
    # Expressions of the caller's library, and PREV and NEXT with IGNORE NULLS, are columns which the table has not.
    if bound.given or bound.away:
        return None
    names: list[str] | None = plans.get(answer_few_rows)
    if names is None:
        plans.put(answer_few_rows, bound.reads())
        return None
    if not _LEAST_ROWS <= table.rows <= MOST_FEW_ROWS:
        return None
    try:
        columns = [table.column(name) for name in names]
        key = (_Plan, tuple([column.type for column in columns]))
        plan: _Plan | bool | None = plans.get(key)
        if plan is None:
            rows = OrderedPartitions(table, context, None, np.zeros(1, np.int64))
            plan = _planned(bound, names, columns, rows, database)
            plans.put(key, plan)
        if not isinstance(plan, _Plan) or any(column.num_chunks != 1 for column in columns):
            return None
        return _answered(bound, plan, dict(zip(names, columns)), table.rows, context)
    except (RowPatternError, pa.ArrowException):
        return None


def _planned(
    bound: BoundClause, names: list[str], columns: list[pa.ChunkedArray], rows: OrderedPartitions, database: Database
) -> _Plan | bool:
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
    return _Plan(
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


def _answered(
    bound: BoundClause,
    plan: _Plan,
    by_name: dict[str, pa.ChunkedArray],
    count: int,
    context: ExecutionContext,
) -> tuple[Answer, bool] | None:
    columns = list(by_name.values())
    clock = _Clock(context, count)
    limits = context.remaining
    context.hold((4 + 8 + 1) * count)
    in_table, starts = None, _ONE_PARTITION
    if plan.partition_by or plan.order_by:
        found = order(
            [columns[at] for at in plan.partition_by],
            [(columns[at], descending, nulls_first) for at, descending, nulls_first in plan.order_by],
            **limits,
        )
        if found is None:
            return None
        if found[0] is not None:
            in_table = from_numpy(np.asarray(found[0]))
        if plan.partition_by:
            starts = from_numpy(np.asarray(found[1]))
    if in_table is not None:
        by_name = {
            name: by_name[name].take(in_table) for name in dict.fromkeys(each.name for each in plan.engine_columns)
        }
    clock.done("order")
    partitions = ("starts", starts)
    pattern = bound.compiled()
    symbols = RowSymbols(
        pattern,
        count,
        plan.conditions,
        read_columns(plan.engine_columns, by_name.__getitem__),
        partitions=partitions,
        **limits,
    )
    clock.done("conditions")
    matches = pattern.match(symbols, partitions=partitions, skip=plan.skip, **limits)
    clock.done("match")
    items = AnswerItems(matches, count, starts, in_table, **limits)
    answered = len(items)
    context.hold(_VALUE_BYTES * answered * len(plan.reads))
    through_order = in_table is not None
    found_columns = items.read(plan.reads, [(column, through_order) for column in columns], **limits)
    shown = []
    for (name, kind, origin), chunks in zip(plan.shown, found_columns):
        if len(chunks) != 1:
            return None
        values = pa.array(chunks[0])
        if kind is not None and values.type != kind:
            # The core gives texts as bytes; those of a column have been checked.
            values = values.view(kind)
        shown.append(AnswerColumn(name, values, origin, is_own=True))
    clock.rows = answered
    clock.done("measures")
    clock.done("output")
    return Answer(shown), through_order


class _Clock:
    """Notes steps that were done."""

    __slots__ = ("_begun", "_context", "rows")

    def __init__(self, context: ExecutionContext, rows: int) -> None:
        self._context = context
        self.rows = rows
        self._begun = time.perf_counter()

    def done(self, name: str) -> None:
        now = time.perf_counter()
        # As `Step(...)` does it, which takes three times as long.
        self._context.steps.append(tuple.__new__(Step, (name, self.rows, now - self._begun, self._begun)))
        self._begun = now
