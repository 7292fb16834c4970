"""Clauses that are asked again over few rows: a plan has all arguments of the core's calls.

Over many rows the same calls take all of the time, wherever they are made. Over few most of it is Python's around them,
so a plan is made for a clause and the types of the columns that it reads, the second time that it is asked.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern._core import AnswerItems, order
from rowpattern.errors import RowPatternError
from rowpattern.patterns import RowSymbols
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.execute.core_plan import core_plan, may_have_core_plan
from rowpattern.sql.execute.row_expressions import read_columns
from rowpattern.sql.runtime.context import Step
from rowpattern.sql.tables.answers import Answer, AnswerColumn

if TYPE_CHECKING:
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.core_plan import CorePlan
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["MOST_FEW_ROWS", "answer_few_rows"]

#: More rows are matched by several threads, and in steps between which other queries have their turn.
MOST_FEW_ROWS = 10_000
_LEAST_ROWS = 2
_ONE_PARTITION = from_numpy(np.zeros(1, np.int64))
# What an answer's value takes, and whether it is NULL.
_VALUE_BYTES = 17


def answer_few_rows(
    bound: BoundClause, table: Table, database: Database, context: ExecutionContext
) -> tuple[Answer, bool] | None:
    """Answer a clause that was asked before; say too whether its rows had to be sorted.

    None where it was not asked before, needs more than the core, or fails: then it is answered step by step, which says
    why.
    """
    plans = bound.plans
    if not may_have_core_plan(bound, context):
        return None
    names: list[str] | None = plans.get(answer_few_rows)
    if names is None:
        plans.put(answer_few_rows, bound.reads())
        return None
    if not _LEAST_ROWS <= table.rows <= MOST_FEW_ROWS:
        return None
    try:
        columns = [table.column(name) for name in names]
        plan = core_plan(bound, dict(zip(names, columns)), table, database, context)
        if plan is None:
            return None
        return _answered(bound, plan, dict(zip(names, columns)), table.rows, context)
    except (RowPatternError, pa.ArrowException):
        return None


def _answered(
    bound: BoundClause,
    plan: CorePlan,
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
