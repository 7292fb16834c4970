"""What a continuous query is asked, over which columns: read and looked up once, whatever rows come."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.continuous_query.answer_tables import AnswerForm, AnswerTables
from rowpattern.continuous_query.bound_query import bound_query, check_partition_types
from rowpattern.continuous_query.calls import Call
from rowpattern.continuous_query.carried_values import CarriedValues
from rowpattern.continuous_query.clause_stream import ClauseStream, computed_key
from rowpattern.continuous_query.event_keys import OrderKey
from rowpattern.continuous_query.event_time import EventTime
from rowpattern.continuous_query.given_tables import GivenTables
from rowpattern.continuous_query.match_bounds import MatchBounds
from rowpattern.continuous_query.row_schema import RowSchema, record_batch
from rowpattern.continuous_query.time_conditions import time_widths
from rowpattern.errors import ConfigurationError, UnsupportedQueryError
from rowpattern.sql.arrow.arrays import one_array
from rowpattern.sql.execute.sort import key_values
from rowpattern.sql.options import execution_context
from rowpattern.sql.tables.table import Table
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from rowpattern.continuous_query.options import Options
    from rowpattern.continuous_query.row_schema import ReadRows
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.parse.clause_arguments import Question
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["QueryPlan", "query_plan"]


class QueryPlan:
    """What queries have in common that are asked the same with the same options. It does not change.

    Attributes:
        question: the query's text, or the clause.
        options: how it is answered.
        schema: the columns of batches.
        query: the query, looked up in these.
        types: the columns of rows that are matched, with those of computed keys.
        computed: keys that are no columns, by the names of the columns that have their values.
        read: the columns for which batches are read.
        partition_by: the columns that have the keys of PARTITION BY.
        order_by: those that have the keys of ORDER BY.
        answers: makes tables of answers.
        form: the kind of table in which to answer as long as no rows have come.
    """

    def __init__(  # noqa: PLR0917 - what a query is made of, and what works on it
        self,
        question: Question,
        schema: Any,
        given: GivenTables,
        options: Options,
        using: Database,
        context: ExecutionContext,
    ) -> None:
        """Look a query up, and compute the subqueries in its clause."""
        self.question = question
        self.options = options
        self.schema = RowSchema(schema)
        self.form = AnswerForm(self.schema.kind, Table(self.schema.columns()))
        self.query = query = bound_query(question, self.schema, given, using, context)
        bound = query.bound
        _check_order(options.order, bound, numbered=query.reach.numbered)
        reads = set(bound.reads())
        types = {name: query.rows.column(name).type for name in query.rows.names if name in reads}
        keys = (*bound.partition_by, *bound.order_by)
        self.computed = {computed_key(number): key for number, key in enumerate(keys) if key.column is None}
        if self.computed:
            values = key_values(query.rows, list(self.computed.values()), using)
            types |= {name: values[key.sql].type for name, key in self.computed.items()}
        # Without a column the number of rows would not be known.
        self.types = types or {query.rows.names[0]: query.rows.column(query.rows.names[0]).type}
        # Rows have more columns while they are kept.
        self._carried = CarriedValues(bound, query.reach, self.types, using) if bound.away else None
        # What batches are read for.
        plain = [name for name in self.types if name not in self.computed]
        self.read = plain if query.is_plain else self.schema.names
        names = [key.column or computed_key(number) for number, key in enumerate(keys)]
        self.partition_by = names[: len(bound.partition_by)]
        check_partition_types(query, [self.types[name] for name in self.partition_by])
        order_by = [
            OrderKey(name, key.descending, key.nulls_first)
            for name, key in zip(names[len(bound.partition_by) :], bound.order_by)
        ]
        self.order_by = [each.column for each in order_by]
        self._order_keys = order_by
        key = None if not order_by else self.types[order_by[0].column]
        self._widths = time_widths(bound, bound.compiled(), key, using)
        self._bounds = None
        if order_by and (bound.within is not None or options.idle is not None or self._widths):
            self._bounds = MatchBounds(order_by[0], self.types[order_by[0].column], bound.within, options.idle, using)
        elif options.idle is not None:
            raise ConfigurationError("idle needs ORDER BY: without it there is no time in which rows do not come")
        self.answers = AnswerTables(query, self.schema, using, context)

    def event_time(self) -> EventTime:
        """Return the event time of a query without rows."""
        return EventTime(
            self._order_keys,
            pa.schema(self.types),
            partition_by=self.partition_by,
            lateness=self.options.lateness,
            late=self.options.late,
        )

    def stream(self) -> ClauseStream:
        """Return the clause over no rows yet."""
        options = self.options
        return ClauseStream(
            self.query,
            self.types,
            self._bounds,
            carried=self._carried,
            widths=self._widths,
            order=options.order,
            prefer=options.prefer,
        )

    def clause_rows(self, read: ReadRows, using: Database, context: ExecutionContext) -> pa.RecordBatch:
        """Return the rows of the table before the clause, with the keys that are computed."""
        query = self.query
        if query.is_plain and not self.computed:
            return read.batch
        table = Table(pa.Table.from_batches([read.batch]))
        if not query.is_plain:
            table = query.execution(table, using, context).source(query.clause)
        plain = {name: kind for name, kind in self.types.items() if name not in self.computed}
        rows = record_batch(table, plain) if plain else None
        if not self.computed:
            return rows
        values = key_values(table, list(self.computed.values()), using)
        arrays = [] if rows is None else list(rows.columns)
        for name, key in self.computed.items():
            arrays.append(one_array(values[key.sql].cast(self.types[name])))
        return pa.RecordBatch.from_arrays(arrays, names=list(self.types))


def query_plan(question: Question, schema: Any, options: Options, given: GivenTables | None = None) -> QueryPlan:
    """Read a query over rows of a schema; subqueries in its clause read the tables given.

    Raises:
        What `rowpattern.continuous` raises.
    """
    # So that an invalid limit is refused now, and not by the first push.
    execution_context(options.memory_limit_mb, None, options.threads, None, options.time_zone, options.cancel)
    with Call(threading.RLock(), options) as (using, context):
        if options.time_zone is not None:
            # So that an unknown time zone is refused now.
            using.connect()
        return QueryPlan(question, schema, given or GivenTables(None), options, using, context)


def _check_order(order: str, bound: BoundClause, *, numbered: bool) -> None:
    if not isinstance(order, str) or order not in {"match", "certain"}:
        raise ConfigurationError(f'order is {order!r}; allowed are "match" and "certain"')
    if order == "match":
        return
    if bound.skip[0] != "to next row":
        message = (
            'order="certain" gives matches that overlap each when it is certain: it needs AFTER MATCH SKIP TO NEXT ROW'
        )
        raise error_at(message, bound.skip_location, UnsupportedQueryError)
    if numbered:
        message = 'order="certain" has no MATCH_NUMBER(): earlier matches may become certain later'
        raise error_at(message, bound.skip_location, UnsupportedQueryError)
    if bound.rows_shown == "all rows with unmatched":
        message = 'order="certain" has no UNMATCHED ROWS: which those are is known when all earlier matches are'
        raise error_at(message, bound.skip_location, UnsupportedQueryError)
