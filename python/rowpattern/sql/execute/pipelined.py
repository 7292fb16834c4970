"""Clauses over many rows in order, answered by the core's pipeline: all steps for one stretch of rows after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern._core import pipeline
from rowpattern.errors import QueryLimitError, RowPatternError
from rowpattern.sql.arrow.stored import whole
from rowpattern.sql.execute.core_plan import core_conditions, core_plan, may_have_core_plan
from rowpattern.sql.execute.row_expressions import read_columns
from rowpattern.sql.runtime.context import Step
from rowpattern.sql.tables.answers import Answer, AnswerColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.patterns import Pattern
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.core_plan import CorePlan
    from rowpattern.sql.execute.row_expressions import EngineColumn
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["answer_by_pipeline"]

# Fewer rows are in the processor's cache whatever the steps.
_LEAST_ROWS = 1 << 16
# Where the search may go on: else it depends on the match before.
_SKIPS = frozenset({"past last row", "to next row"})
_STEPS = ("order", "conditions", "match", "measures")


def answer_by_pipeline(
    bound: BoundClause, table: Table, database: Database, context: ExecutionContext
) -> Answer | None:
    """Answer a clause with one row for each match over rows that are in order and in one partition.

    None where it needs more than the core, where rows are not in order, or where it fails: then it is answered step by
    step, which says why.

    Raises:
        QueryLimitError: a limit was passed.
    """
    if table.rows < _LEAST_ROWS or bound.partition_by or bound.skip[0] not in _SKIPS:
        return None
    if not may_have_core_plan(bound, context):
        return None
    names = bound.reads()
    try:
        numbers = {name: table.numbers(name) for name in names}
        columns = {name: table.column(name) if found is None else found for name, found in numbers.items()}
        kinds = {name: column.type for name, column in columns.items()}
        plan = core_plan(bound, kinds, table, database, context)
        if plan is None or any(column.num_chunks != 1 for column in columns.values()):
            return None
        told = core_conditions(plan, bound.plans.values)
        if told is None or any(each.kind == "VARCHAR" for each in told[1]):
            # Conditions of texts are computed once for each different text.
            return None
        unknown = {name for name in names if numbers[name] is not None}
        answer = _answered(bound.compiled(), plan, told, columns, unknown, table, context)
    except QueryLimitError:
        raise
    except (RowPatternError, pa.ArrowException):
        return None
    if answer is not None:
        for name, found in numbers.items():
            if found is not None:
                table.has_numbers(name)
    return answer


def _answered(  # noqa: PLR0917 - one caller
    pattern: Pattern,
    plan: CorePlan,
    told: tuple[list[tuple[str, Any]], Sequence[EngineColumn]],
    columns: dict[str, pa.ChunkedArray],
    numbers: set[str],
    table: Table,
    context: ExecutionContext,
) -> Answer | None:
    """Answer by a plan; `numbers` are columns of which it is to be seen whether they have NaN, which is NULL there."""
    conditions, engine_columns = told
    read = read_columns(engine_columns, columns.__getitem__)
    places = [at for at, each in enumerate(engine_columns) if each.name in numbers]
    others = numbers - {each.name for each in engine_columns}
    places.extend(range(len(read), len(read) + len(others)))
    read.extend(("DOUBLE", columns[name]) for name in sorted(others))
    values = list(columns.values())
    order_by = [(values[at], descending, nulls_first) for at, descending, nulls_first in plan.order_by]
    with context.step("match", table.rows), context.limited():
        found = pipeline(
            pattern,
            table.rows,
            conditions,
            read,
            order_by,
            plan.skip,
            plan.reads,
            values,
            numbers=places,
            threads=context.threads,
            **context.remaining,
        )
    step = context.steps.pop()
    if found is None:
        return None
    chunks, seconds = found
    values_read = [
        whole([_of_type(pa.array(chunk), kind) for chunk in each], kind)
        for (_, kind, _), each in zip(plan.shown, chunks)
    ]
    context.hold(sum(each.nbytes for each in values_read))
    shown = [AnswerColumn(name, each, origin, is_own=True) for (name, _, origin), each in zip(plan.shown, values_read)]
    _note_steps(context, step, seconds, len(shown[0].values))
    return Answer(shown)


def _of_type(values: pa.Array, kind: pa.DataType | None) -> pa.Array:
    # The core gives texts as bytes; those of a column have been checked.
    return values if kind is None or values.type == kind else values.view(kind)


def _note_steps(context: ExecutionContext, whole_step: Step, seconds: Sequence[float], answered: int) -> None:
    """Divide the time of all steps, which were done together, by what each of them took in all threads."""
    begun, scale = whole_step.begun, whole_step.seconds / (sum(seconds) or 1.0)
    for name, own in zip(_STEPS, seconds):
        rows = answered if name == "measures" else whole_step.rows
        context.steps.append(Step(name, rows, own * scale, begun))
        begun += own * scale
    context.steps.append(Step("output", answered, 0.0, begun))
