"""Clauses that are asked again over few rows: a plan has all that the core is told, which answers them in one call.

Over many rows the core's calls take all of the time, wherever they are made. Over few most of it is Python's around
them, so a plan is made for a clause and the types of the columns that it reads, the second time that it is asked.
Clauses that need more than the core have none; nor have columns of other than plain types.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern._core import FewRows
from rowpattern.errors import RowPatternError
from rowpattern.sql.arrow.encodings import PLAIN_TYPES
from rowpattern.sql.bind.references import Aggregate, Classifier, MatchNumber, Value
from rowpattern.sql.duckdb.names import named_twice
from rowpattern.sql.execute.items import core_read
from rowpattern.sql.execute.row_expressions import EngineNodes, RowPlaces, with_constants
from rowpattern.sql.execute.row_symbols import split_conditions
from rowpattern.sql.execute.sort import OrderedPartitions
from rowpattern.sql.execute.typed_clause import typed_clause
from rowpattern.sql.expression.typed import Constant, conjuncts, map_leaves, walk_typed
from rowpattern.sql.runtime.context import Step
from rowpattern.sql.tables.answers import Answer, ComputedAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.bind.references import RowExists
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.expression.typed import Typed
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["MOST_FEW_ROWS", "answer_few_rows"]

#: More rows are matched by several threads, and in steps between which other queries have their turn.
MOST_FEW_ROWS = 10_000
_LEAST_ROWS = 2
# The order, where partitions begin and the symbol of a row; what an answer's value takes, and whether it is NULL.
_ROW_BYTES = 4 + 8 + 1
_VALUE_BYTES = 17
_STEPS = ("order", "conditions", "match", "measures")
_OF_ANSWER = frozenset({"measures"})


class _Plan(NamedTuple):
    """What is done with columns of known types.

    Attributes:
        conditions: parts of conditions, each with its variable; parameters in them have their types alone.
        items: what they read.
        has_parameters: whether there is a parameter in them.
        partition_by: the columns of PARTITION BY, by their numbers among the clause's columns.
        order_by: those of ORDER BY, each with whether it descends, and whether NULLs come first.
        skip: where the search goes on.
        shown: columns of the answer: name, what it reads of matches, and the table's column whose values it has.
        made_whole: whether names are different, as all kinds of tables have them.
        clauses: what the core was told last, with the text of the values of parameters; one at most.
    """

    conditions: list[tuple[str, Typed]]
    items: Mapping[str, Value | RowExists]
    has_parameters: bool
    partition_by: list[int]
    order_by: list[tuple[int, bool, bool]]
    skip: Any
    shown: list[tuple[str, tuple[Any, ...], str | None]]
    made_whole: bool
    clauses: list[tuple[str, FewRows]]


def answer_few_rows(
    bound: BoundClause, table: Table, database: Database, context: ExecutionContext
) -> tuple[Answer, bool] | None:
    """Answer a clause that was asked before; say too whether its rows had to be sorted.

    None where it was not asked before, needs more than the core, or fails: then it is answered step by step, which says
    why.
    """
    plans = bound.plans
    if context.progress or context.prefer != "first" or context.time_zone is not None:
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
        columns = [table.few(name) for name in names]
        key = (_Plan, tuple([kind for _, kind in columns]))
        plan: _Plan | bool | None = plans.get(key)
        if plan is None:
            rows = OrderedPartitions(table, context, None, np.zeros(1, np.int64))
            plan = _planned(bound, names, [kind for _, kind in columns], rows, database)
            plans.put(key, plan)
        if not isinstance(plan, _Plan):
            return None
        clause = _clause(bound, plan, names)
        if clause is None:
            return None
        return _answered(bound, plan, clause, [values for values, _ in columns], table.rows, context)
    except (RowPatternError, pa.ArrowException):
        return None


def _planned(
    bound: BoundClause, names: list[str], kinds: list[pa.DataType], rows: OrderedPartitions, database: Database
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
        or any(kind.id not in PLAIN_TYPES for kind in kinds)
        or not (bound.partition_by or measured)
    ):
        return False
    plans = bound.plans.of_types()
    split = split_conditions(
        bound.conditions, typed_clause(bound.conditions, bound.measures, rows.table, database, plans)
    )
    if split.others or any(each.expression.changing for each in split.by_engine):
        return False
    number = {name: at for at, name in enumerate(names)}
    shown: list[tuple[str, tuple[Any, ...], str | None]] = [
        (key.name, ("value", None, number[str(key.column)]), key.column) for key in bound.partition_by
    ]
    for measure, item in zip(bound.measures, measured):
        read = core_read(item)
        read = (*read, number[item.column]) if isinstance(item, Value) else read
        shown.append((measure.name, read, measure.expression.origin))
    called = [name for name, _, _ in shown]
    mode, target = bound.skip
    return _Plan(
        [
            (each.condition.variable, part)
            for each in split.by_engine
            for part in conjuncts(with_constants(each.expression, database))
        ],
        split.items,
        any(each.expression.has_parameters for each in split.by_engine),
        [number[str(key.column)] for key in bound.partition_by],
        [(number[str(key.column)], key.descending, key.nulls_first) for key in bound.order_by],
        (mode, target) if target else mode,
        shown,
        named_twice(called) is None,
        [],
    )


def _clause(bound: BoundClause, plan: _Plan, names: list[str]) -> FewRows | None:
    """Return what the core is told; None where it needs the value of a parameter that it does not have."""
    values = bound.plans.values if plan.has_parameters else None
    key = "" if values is None else values.key
    for known, clause in plan.clauses:
        if known == key:
            return clause
    conditions = plan.conditions
    if values is not None:
        conditions = [(variable, map_leaves(part, values.in_place)) for variable, part in conditions]
        if any(isinstance(each, Constant) for _, part in conditions for each in walk_typed(part)):
            return None
    nodes, number = EngineNodes(RowPlaces(plan.items)), {name: at for at, name in enumerate(names)}
    clause = FewRows(
        bound.compiled(),
        plan.partition_by,
        plan.order_by,
        [(variable, nodes.node(part)) for variable, part in conditions],
        [(each.kind, number[each.name]) for each in nodes.columns],
        plan.skip,
        [(name, read) for name, read, _ in plan.shown],
    )
    plan.clauses[:] = [(key, clause)]
    return clause


def _is_read_alone(item: object) -> bool:
    counts = isinstance(item, Aggregate) and item.counts is not None
    return counts or isinstance(item, (Value, MatchNumber, Classifier))


def _answered(  # noqa: PLR0917 - one caller
    bound: BoundClause,
    plan: _Plan,
    clause: FewRows,
    columns: list[Any],
    count: int,
    context: ExecutionContext,
) -> tuple[Answer, bool] | None:
    context.hold(_ROW_BYTES * count)
    begun = time.perf_counter()
    found = clause.answer(bound.compiled(), columns, count, **context.remaining)
    if found is None:
        return None
    table, was_sorted, seconds = found
    answered = len(table)
    context.hold(_VALUE_BYTES * answered * len(plan.shown))
    for name, took in zip(_STEPS, seconds):
        # As `Step(...)` does it, which takes three times as long.
        context.steps.append(tuple.__new__(Step, (name, answered if name in _OF_ANSWER else count, took, begun)))
        begun += took
    context.steps.append(tuple.__new__(Step, ("output", answered, 0.0, begun)))
    shown = [(name, origin) for name, _, origin in plan.shown]
    return ComputedAnswer(table, shown, made_whole=plan.made_whole), was_sorted
