"""A continuous query's text and schema, read and looked up once; what cannot be answered batch by batch is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rowpattern.continuous_query.carried_values import check_distances
from rowpattern.continuous_query.compared_keys import are_compared
from rowpattern.continuous_query.reach import Reach, reach_of
from rowpattern.continuous_query.surroundings import check_surroundings, is_changing
from rowpattern.errors import ConfigurationError, UnsupportedQueryError
from rowpattern.sql.execute.query import (
    QueryExecution,
    bound_clause,
    bound_with_constants,
    parsed_query,
    refuse_windows,
    tables_of,
)
from rowpattern.sql.expression.nodes import Call, walk
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from rowpattern.continuous_query.given_tables import GivenTables
    from rowpattern.continuous_query.row_schema import RowSchema
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.clause_arguments import Question
    from rowpattern.sql.parse.parsed_query import ParsedQuery
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["BoundQuery", "bound_query", "check_partition_types"]


class BoundQuery(NamedTuple):
    """A query that can be answered batch by batch.

    Attributes:
        parsed: its text.
        clause: its one clause.
        bound: the clause over the columns of `rows`.
        reach: how far it reads around matches.
        rows: the table before the clause, without rows.
        subqueries: what subqueries in the clause gave, as `SUBQUERIES`; None where there are none.
    """

    parsed: ParsedQuery
    clause: Clause
    bound: BoundClause
    reach: Reach
    rows: Table
    subqueries: pa.Table | None

    @property
    def is_plain(self) -> bool:
        """Whether the clause's rows are those of the batches, and not those of a SELECT over them."""
        return self.clause.table is not None

    def execution(self, table: Table, using: Database, context: ExecutionContext) -> QueryExecution:
        """Return what computes the query around the clause, where the tables that it names are `table`."""
        return QueryExecution(self.parsed, dict.fromkeys(self.parsed.tables, table), using, context)


def bound_query(
    question: Question, schema: RowSchema, given: GivenTables, using: Database, context: ExecutionContext
) -> BoundQuery:
    """Read a query over rows of a schema, and compute the subqueries in its clause.

    Raises:
        UnsupportedQueryError: it cannot be answered batch by batch; the message says why.
        What `match_recognize` raises for a table of these columns without rows.
    """
    parsed = parsed_query(question, context)
    refuse_windows(
        parsed, "a row pattern in a window needs all rows of its partition; write MATCH_RECOGNIZE behind the table"
    )
    if not parsed.clauses:
        raise UnsupportedQueryError("a continuous query has a MATCH_RECOGNIZE clause, and this text has none")
    clause = parsed.clauses[-1]
    if len(parsed.clauses) > 1:
        message = "a continuous query has one MATCH_RECOGNIZE; push the answers of one query to another"
        raise error_at(message, clause.location, UnsupportedQueryError)
    if clause.outer is not None:
        raise error_at("LATERAL needs all rows at once", clause.location, UnsupportedQueryError)
    check_surroundings(parsed, context)
    subqueries = None
    if given.is_empty and not clause.has_subqueries:
        tables_of(parsed, schema.example, {}, lambda table, _: table)
    else:
        name = given.rows_of(parsed, clause, context)
        if clause.has_subqueries:
            clause, subqueries = given.with_values(parsed, clause, (name, schema.example), using, context)
    if clause.table is not None:
        rows = schema.example
    else:
        rows = QueryExecution(parsed, dict.fromkeys(parsed.tables, schema.example), using, context).source(clause)
    if subqueries is None:
        bound = bound_clause(parsed, clause, rows.names, context)
    else:
        bound = bound_with_constants(clause, rows.names, context)
    if clause.table is not None:
        schema.check_typed(bound.reads())
    _check_bound(bound, clause.location, context)
    return BoundQuery(parsed, clause, bound, reach_of(bound), rows, subqueries)


def _check_bound(bound: BoundClause, location: SourceLocation, context: ExecutionContext) -> None:
    if bound.given:
        message = f"{bound.given[0].argument} is computed by a library over whole partitions"
        raise error_at(f"{message}; write it as a text", location, UnsupportedQueryError)
    check_distances(bound, location)
    if context.prefer not in {"first", "longest"}:
        raise ConfigurationError(f'prefer is {context.prefer!r}; allowed are "first" and "longest"')
    for node, where in _trees(bound, location):
        for part in walk(node):
            if isinstance(part, Call) and is_changing(part.name, len(part.arguments)):
                message = f"{part.name}() gives another value for each batch; compute it before, as a column"
                raise error_at(message, where, UnsupportedQueryError)


def check_partition_types(query: BoundQuery, types: Iterable[pa.DataType]) -> None:
    """Check that keys of PARTITION BY, also those that are computed, have types that are compared.

    Args:
        query: the query.
        types: of its keys.

    Raises:
        UnsupportedQueryError: one has another.
    """
    for key, kind in zip(query.bound.partition_by, types):
        if not are_compared(kind):
            message = f"PARTITION BY cannot compare values of the type {kind} in a continuous query; make a column of"
            raise error_at(f"{message} their parts", key.location or query.clause.location, UnsupportedQueryError)


def _trees(bound: BoundClause, location: SourceLocation) -> Iterator[tuple[Node, SourceLocation]]:
    for key in (*bound.partition_by, *bound.order_by, *(key for _, key in bound.computed)):
        if key.tree is not None:
            yield key.tree, key.location or location
    named: list[Any] = [*bound.conditions, *bound.measures]
    for each in named:
        for tree in (each.expression.tree, *(getattr(item, "tree", None) for _, item in each.expression.reads)):
            if tree is not None:
                yield tree, each.location
    if bound.within is not None:
        yield bound.within.tree, bound.within.location
