"""Queries of one clause that are asked again of a table which looks the same: answered without any of the steps around.

What a query over a hundred rows takes beside the core is Python's: a `Table`, a connection that nothing needs, names
looked up, steps. None of it can say anything else than before where the table has the same columns.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.errors import RowPatternError
from rowpattern.sql.execute.core_plan import may_have_core_plan
from rowpattern.sql.execute.few_rows import LEAST_FEW_ROWS, MOST_FEW_ROWS, answered_by_core
from rowpattern.sql.runtime.context import Step
from rowpattern.sql.tables.answers import Answer, ComputedAnswer, as_kind
from rowpattern.sql.tables.reading import table_reader
from rowpattern.sql.tables.shapes import shape_of
from rowpattern.sql.tables.whole_answers import is_given_whole, whole

if TYPE_CHECKING:
    from rowpattern._core import FewRows
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.execute.core_plan import CorePlan
    from rowpattern.sql.parse.parsed_query import ParsedQuery
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.shapes import Shape
    from rowpattern.sql.tables.table import Table

__all__ = ["AnsweredBefore", "answer_again", "note_answer"]


class AnsweredBefore:
    """How a query was answered over few rows of a table.

    Attributes:
        shape: what the table looked like.
        bound: the query's clause, its names looked up in such a table.
        plan: the clause's plan for the types of its columns.
        clause: what the core was told of it.
        names: those of the answer's columns.
    """

    __slots__ = ("bound", "clause", "names", "plan", "shape")

    def __init__(self, shape: Shape, bound: BoundClause, plan: CorePlan, clause: FewRows) -> None:
        """Take them."""
        self.shape = shape
        self.bound = bound
        self.plan = plan
        self.clause = clause
        self.names = tuple([name for name, _ in plan.named])


def note_answer(parsed: ParsedQuery, given: Any, source: Table | None, answer: Answer) -> None:
    """Keep how a query was answered, where that says how it is to be answered over any table that looks the same.

    Args:
        parsed: the query.
        given: the one table as it was given; None where there are several, or none.
        source: the same as the query read it.
        answer: the answer.
    """
    if not isinstance(answer, ComputedAnswer) or given is None or source is None or answer.computed_by is None:
        return
    # What subqueries and values of parameters change is not in the clause's plan.
    if len(parsed.clauses) > 1 or parsed.parameters or parsed.clauses[0].has_subqueries:
        return
    bound, plan, clause = answer.computed_by
    shape = shape_of(given, source, bound.reads()) if is_given_whole(plan.named, source) else None
    if shape is not None:
        parsed.again[type(given)] = AnsweredBefore(shape, bound, plan, clause)


def answer_again(parsed: ParsedQuery, given: Any, context: ExecutionContext) -> Any:
    """Answer a query as it was answered before, with a table of the kind that is given.

    None where it was not answered before over a table that looks like this one, or fails: then it is answered step by
    step, which says why.

    Raises:
        QueryLimitError: time was over when the core had answered.
        QueryCancelledError: the query was cancelled meanwhile.
    """
    before: AnsweredBefore | None = parsed.again.get(type(given))
    if before is None or not may_have_core_plan(before.bound, context):
        return None
    begun, shape = time.perf_counter(), before.shape
    rows = shape.rows(given)
    if not LEAST_FEW_ROWS <= rows <= MOST_FEW_ROWS:
        return None
    try:
        columns = shape.columns(given)
        if columns is None:
            return None
        read = time.perf_counter() - begun
        found = answered_by_core(before.bound, before.plan, before.clause, columns, rows, context)
    except (RowPatternError, pa.ArrowException):
        return None
    if found is None:
        return None
    computed = found[0].table
    answered = len(computed)
    context.check()
    begun_answer = time.perf_counter()
    answer = whole(computed, shape.kind, before.names)
    if answer is None:
        # Its values need a look of their own, as whole numbers some of which are NULL do for pandas.
        answer = as_kind(found[0], shape.kind, table_reader(context)(given, "data"), context.check)
    context.read_rows, context.answered_rows = rows, answered
    # As `Step(...)` does it, which takes three times as long.
    context.steps.insert(0, tuple.__new__(Step, ("read", 0, read, begun)))
    took = time.perf_counter() - begun_answer
    context.steps.append(tuple.__new__(Step, ("answer", answered, took, begun_answer)))
    return answer
