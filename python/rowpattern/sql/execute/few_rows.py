"""Clauses that are asked again over few rows: the core is told all of them once, and answers in one call.

Over many rows the core's calls take all of the time, wherever they are made. Over few most of it is Python's around
them, so a plan is made for a clause and the types of the columns that it reads, the second time that it is asked.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern._core import FewRows
from rowpattern.errors import RowPatternError
from rowpattern.sql.execute.core_plan import core_conditions, core_plan, may_have_core_plan
from rowpattern.sql.runtime.context import Step
from rowpattern.sql.tables.answers import Answer, ComputedAnswer

if TYPE_CHECKING:
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.core_plan import CorePlan
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["LEAST_FEW_ROWS", "MOST_FEW_ROWS", "VALUE_BYTES", "answer_few_rows", "answered_by_core"]

#: More rows are matched by several threads, and in steps between which other queries have their turn.
MOST_FEW_ROWS = 10_000
#: Fewer are answered step by step.
LEAST_FEW_ROWS = 2
# The order, where partitions begin and the symbol of a row.
_ROW_BYTES = 4 + 8 + 1
#: What an answer's value takes, and whether it is NULL.
VALUE_BYTES = 17
_STEPS = ("order", "conditions", "match", "measures")


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
    if not LEAST_FEW_ROWS <= table.rows <= MOST_FEW_ROWS:
        return None
    try:
        columns = [table.few(name) for name in names]
        plan = core_plan(bound, {name: kind for name, (_, kind) in zip(names, columns)}, table, database, context)
        clause = None if plan is None else _clause(bound, plan, names)
        if plan is None or clause is None:
            return None
        return answered_by_core(bound, plan, clause, [values for values, _ in columns], table.rows, context)
    except (RowPatternError, pa.ArrowException):
        return None


def _clause(bound: BoundClause, plan: CorePlan, names: list[str]) -> FewRows | None:
    """Return what the core is told; None where DuckDB has to compute the value of a parameter."""
    values = bound.plans.values if plan.has_parameters else None
    key = "" if values is None else values.key
    clause: FewRows
    for known, clause in plan.told:
        if known == key:
            return clause
    found = core_conditions(plan, values)
    if found is None:
        return None
    conditions, columns = found
    number = {name: at for at, name in enumerate(names)}
    clause = FewRows(
        bound.compiled(),
        plan.partition_by,
        plan.order_by,
        conditions,
        [(each.kind, number[each.name]) for each in columns],
        plan.skip,
        [(name, read) for (name, _, _), read in zip(plan.shown, plan.reads)],
    )
    plan.told[:] = [(key, clause)]
    return clause


def answered_by_core(  # noqa: PLR0917 - what one call of the core needs
    bound: BoundClause,
    plan: CorePlan,
    clause: FewRows,
    columns: list[Any],
    count: int,
    context: ExecutionContext,
) -> tuple[ComputedAnswer, bool] | None:
    """Answer a clause over the columns that it reads; say too whether their rows had to be sorted.

    None where the core leaves it to the calls whose place this takes.

    Raises:
        RowPatternError: it failed; answered step by step it says why.
    """
    context.hold(_ROW_BYTES * count)
    begun = time.perf_counter()
    found = clause.answer(bound.compiled(), columns, count, **context.remaining)
    if found is None:
        return None
    table, was_sorted, seconds = found
    answered = len(table)
    context.hold(VALUE_BYTES * answered * len(plan.shown))
    for name, took in zip(_STEPS, seconds):
        # As `Step(...)` does it, which takes three times as long.
        context.steps.append(tuple.__new__(Step, (name, answered if name == "measures" else count, took, begun)))
        begun += took
    context.steps.append(tuple.__new__(Step, ("output", answered, 0.0, begun)))
    return ComputedAnswer(table, plan.named, (bound, plan, clause)), was_sorted
