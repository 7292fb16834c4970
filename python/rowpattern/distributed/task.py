"""What a task of a cluster does with the rows that were brought to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from rowpattern.sql.arrow.casting import as_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rowpattern.distributed.plan import Limits, Plan
    from rowpattern.sql.parse.clause_arguments import Question

__all__ = ["answer_task"]

# Rows up to this part of the memory are answered in memory, which is quicker; more are sorted by DuckDB, which writes
# to disk what does not fit.
_IN_MEMORY_SHARE = 1 / 8


def answer_task(
    question: Question, batches: Iterable[pa.RecordBatch], plan: Plan, limits: Limits, sent: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Answer a query over whole partitions in any order.

    Args:
        question: the query, or the clause.
        batches: of the plan's columns, in their order, under any names and in types that can be cast to the plan's.
        plan: of the query.
        limits: of this task; by default it has 1,024 MB, or what the process's settings say where that is less.
        sent: the names and types in which the answer is given.

    Raises:
        What `rowpattern.match_recognize` raises.
        QueryError: a value does not fit into its type of `sent`.
    """
    memory = limits.task_memory_mb
    limits = replace(limits, memory_limit_mb=memory)
    most = memory * 2**20 * _IN_MEMORY_SHARE
    rows = (batch for each in batches for batch in _typed(each, plan.rows).to_batches())
    gathered: list[pa.RecordBatch] = []
    size = 0
    for batch in rows:
        gathered.append(batch)
        size += batch.nbytes
        if size > most:
            break
    if not gathered:
        return
    answers: Iterator[pa.Table]
    if size <= most:
        answers = iter([limits.answer(question, pa.Table.from_batches(gathered, plan.rows))])
    else:
        reader = pa.RecordBatchReader.from_batches(plan.rows, _first(gathered, rows))
        answers = (pa.Table.from_batches([batch]) for batch in limits.answer(question, reader, stream=True))
    for answer in answers:
        yield from _typed(answer, sent, plan.answer.names).to_batches()


def _typed(columns: pa.RecordBatch | pa.Table, schema: pa.Schema, names: list[str] | None = None) -> pa.Table:
    """Give columns the names and types of a schema; errors call them by other names."""
    found = [
        as_type(values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values]), field.type, name)
        for values, field, name in zip(columns.columns, schema, names or schema.names)
    ]
    return pa.Table.from_arrays(found, schema=schema)


def _first(gathered: list[pa.RecordBatch], rest: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give what was gathered, which is not kept, and then the rest."""
    gathered.reverse()
    while gathered:
        yield gathered.pop()
    yield from rest
