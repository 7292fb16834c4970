"""What has to be known of a query to answer it on several machines: which rows belong together, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from rowpattern.config.process import get_config
from rowpattern.errors import QueryError, UnsupportedQueryError
from rowpattern.sql import answer
from rowpattern.sql.duckdb.names import lowered, named_twice
from rowpattern.sql.execute.query import bound_clause, parsed_query, projected, refuse_windows
from rowpattern.sql.options import execution_context
from rowpattern.sql.tables.answers import Answer, AnswerColumn
from rowpattern.sql.text.source_location import error_at, nesting_limited

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rowpattern.sql import Limits as QueryLimits
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.kinds import Parameters
    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.clause_arguments import Question
    from rowpattern.sql.parse.parsed_query import ParsedQuery
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["Limits", "Plan", "answered_by_tasks", "plan_query", "table_named"]

_DEFAULT_TASK_MEMORY_MB = 1024


@dataclass(frozen=True)
class Limits:
    """What each task's part of the query is answered within.

    Attributes:
        memory_limit_mb: the most memory; None for the settings of the process that does it.
        timeout_seconds: the most time; None for the settings of the process that does it.
        time_zone: of expressions that need one; None for that of the columns which they read.
        parameters: the values of the query's parameters.
        prefer: which of the possible matches at a row is taken.
    """

    memory_limit_mb: float | None = None
    timeout_seconds: float | None = None
    time_zone: str | None = None
    parameters: Parameters = None
    prefer: Literal["first", "longest"] = "first"

    @property
    def _limits(self) -> QueryLimits:
        # A task has one core.
        return (self.memory_limit_mb, self.timeout_seconds, 1, None, self.time_zone, None, self.parameters, self.prefer)

    @property
    def task_memory_mb(self) -> float:
        """The memory of a task: by default 1,024 MB, or what the settings of its process say where that is less."""
        return self.memory_limit_mb or min(_DEFAULT_TASK_MEMORY_MB, get_config().performance.max_memory_mb)

    @property
    def context(self) -> ExecutionContext:
        """The limits of a query on this machine, which plans the others' work."""
        return execution_context(*self._limits)

    def answer(self, question: Question, rows: pa.Table | pa.RecordBatchReader, *, stream: bool = False) -> Any:
        """Answer the question over rows that hold whole partitions, with one thread: a task has one core.

        Args:
            question: the query, or the clause.
            rows: in any order.
            stream: as for `rowpattern.match_recognize`, to give a reader.

        Raises:
            What `rowpattern.match_recognize` raises.
        """
        return answer(question, rows, {}, self._limits, stream, None)

    def answer_over(self, question: Question, tables: dict[str, pa.Table]) -> Any:
        """Answer the question over several tables, as `answer` does over one."""
        return answer(question, None, tables, self._limits, False, None)


@dataclass(frozen=True)
class Plan:
    """How a query is distributed.

    Attributes:
        rows: the columns that it reads.
        positions: where the frame has each of them.
        partition_by: rows that are equal in these columns belong together.
        order_by: the keys of ORDER BY.
        descends: whether the first of these falls.
        answer: the columns that it gives, in each place.
        passed_on: for each of those, the name of the column whose value in the row it is; None where it is computed,
            or may be of another row.
    """

    rows: pa.Schema
    positions: tuple[int, ...]
    partition_by: tuple[str, ...]
    order_by: tuple[str, ...]
    descends: bool
    answer: pa.Schema
    passed_on: tuple[str | None, ...]


def table_named(sql: str, context: ExecutionContext | None = None) -> str:
    """Return the name of the table that a query reads.

    Raises:
        UnsupportedQueryError: it cannot be distributed, or reads more than a table.
        QuerySyntaxError: as for `rowpattern.match_recognize`.
    """
    parsed = parsed_query(sql, context)
    return str(_only_clause(parsed).table)


@nesting_limited("query")
def plan_query(question: Question, names: Sequence[str], field_of: Callable[[int], pa.Field], limits: Limits) -> Plan:
    """Find out how to distribute a query over a frame.

    Args:
        question: the query, or the clause.
        names: the frame's columns.
        field_of: gives a column by its position; called for those that the query reads. It may raise.
        limits: of each task; they are checked here.

    Raises:
        UnsupportedQueryError: it cannot be distributed.
        QueryError: it reads a name that two columns have.
        ConfigurationError: a limit is not one.
        What `rowpattern.match_recognize` raises for a table of these columns without rows.
    """
    context = limits.context
    parsed = parsed_query(question, context)
    clause = _only_clause(parsed)
    if not clause.partition_by:
        message = (
            "a query without PARTITION BY cannot be spread: all rows are one partition, which one machine has to match;"
            " add PARTITION BY, or use rowpattern.match_recognize"
        )
        raise error_at(message, clause.location, UnsupportedQueryError)
    bound = bound_clause(parsed, clause, list(dict.fromkeys(names)), context)
    keys = (*bound.partition_by, *bound.order_by)
    places = [key.location for key in clause.partition_by] + [key.location for key in clause.order_by]
    for key, location in zip(keys, places):
        if key.column is None:
            message = f"{key.name} is computed, which is not done before rows are spread; make it a column first"
            raise error_at(message, location, UnsupportedQueryError)
    read = set(bound.reads())
    positions = tuple(at for at, name in enumerate(names) if name in read)
    if (twice := named_twice([names[at] for at in positions])) is not None:
        raise error_at(f"the frame has two columns {twice}; give each a name of its own", clause.location, QueryError)
    rows = pa.schema([field_of(at).with_name(names[at]) for at in positions])
    for key, location in zip(bound.partition_by, places):
        kind = rows.field(key.column or "").type
        if pa.types.is_nested(kind):
            message = f"PARTITION BY cannot compare values of the type {kind}"
            raise error_at(f"{message}; make a column of its parts first", location, UnsupportedQueryError)
    shown = limits.answer(question, rows.empty_table(), stream=True).schema
    return Plan(
        rows=rows,
        positions=positions,
        partition_by=tuple(key.column or "" for key in bound.partition_by),
        order_by=tuple(key.column or "" for key in bound.order_by),
        descends=bool(bound.order_by) and bound.order_by[0].descending,
        answer=shown,
        passed_on=_passed_on(parsed, bound, len(shown)),
    )


def _only_clause(parsed: ParsedQuery) -> Clause:
    refuse_windows(
        parsed,
        "a row pattern in a window cannot be spread; write MATCH_RECOGNIZE, or answer it by rowpattern.match_recognize",
    )
    clause = parsed.clauses[-1] if parsed.clauses else None
    if clause is None or len(parsed.clauses) > 1 or not answered_by_tasks(parsed) or clause.table is None:
        message = (
            "only a query with one MATCH_RECOGNIZE, directly behind the table, can be spread; do what else is before "
            "it on the frame, and answer an inner clause first"
        )
        raise error_at(message, None if clause is None else clause.location, UnsupportedQueryError)
    return clause


def answered_by_tasks(parsed: ParsedQuery) -> bool:
    """Say whether a task with whole partitions answers all of a query for these.

    So it is where the query reads single rows of the clause's answer, or groups them by the PARTITION BY columns, and
    perhaps others: the rows of a group are in one task.
    """
    if parsed.projection is not None or parsed.is_row_by_row:
        return True
    if parsed.grouped_by is None:
        return False
    keys = [key.name or getattr(key.expression.node, "names", ("",))[-1] for key in parsed.clauses[0].partition_by]
    return bool(keys) and parsed.grouped_by.issuperset(map(lowered, keys))


def _passed_on(parsed: ParsedQuery, bound: BoundClause, columns_shown: int) -> tuple[str | None, ...]:
    """Say for each column of the answer which column of the row it is, if it is one."""
    if parsed.projection is None:
        return (None,) * columns_shown
    one_row = bound.rows_shown == "one row"
    nothing = pa.nulls(0)
    columns = [AnswerColumn(key.name, nothing, key.column) for key in bound.partition_by]
    if not one_row:
        partitioned = {key.column for key in bound.partition_by}
        ordered = [name for name in dict.fromkeys(key.name for key in bound.order_by) if name not in partitioned]
        columns += [AnswerColumn(name, nothing, name) for name in ordered]
    columns += [AnswerColumn(measure.name, nothing) for measure in bound.measures]
    columns += [AnswerColumn(name, nothing, name) for name in bound.rest]
    return tuple(column.origin for column in projected(parsed, Answer(columns)).columns)
