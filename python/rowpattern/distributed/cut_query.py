"""A query cut into its one clause, which a cluster's tasks answer, and what stands around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rowpattern.errors import UnsupportedQueryError
from rowpattern.sql.duckdb.names import lowered, quoted
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.expression.parameters import ParameterValues
    from rowpattern.sql.kinds import Parameters
    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.parsed_query import ParsedQuery
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.text.parameters import PlacedParameter

__all__ = ["ANSWER", "CutQuery", "cut_query", "has_one_clause"]

#: What the clause's answer is called in what stands around it.
ANSWER = "rowpattern_answer"


class CutQuery(NamedTuple):
    """A query around one clause.

    Attributes:
        clause: the clause as a query of its own.
        parameters: the values of its parameters.
        around: the query with the name of a table in the place of the clause and the table before it.
        around_parameters: the values of the parameters of that.
        outside: the parameters of that, in the query.
    """

    clause: str
    parameters: Parameters
    around: str
    around_parameters: Parameters
    outside: Sequence[PlacedParameter]


def has_one_clause(parsed: ParsedQuery) -> bool:
    """Say whether a query has one clause, over a table given by its name, and no window with a row pattern."""
    return len(parsed.clauses) == 1 and not parsed.windows and parsed.clauses[0].table is not None


def cut_query(parsed: ParsedQuery, context: ExecutionContext) -> CutQuery:
    """Cut a query that has one clause.

    Raises:
        UnsupportedQueryError: it reads another table.
        QueryError: a value of a parameter is missing, or is not used.
    """
    (clause,) = parsed.clauses
    if parsed.duckdb_tables:
        name = next(iter(parsed.duckdb_tables))
        message = f"the query around MATCH_RECOGNIZE reads the table {name}; join the answer to it"
        raise error_at(message, parsed.tables.get(name, clause.location), UnsupportedQueryError)
    begin, end = clause.source.begin, clause.end
    inside = [each for each in parsed.parameters if begin <= each.begin < end]
    outside = [each for each in parsed.parameters if not begin <= each.begin < end]
    values: ParameterValues | None = context.parameters
    return CutQuery(
        f"SELECT * FROM {parsed.sql[begin:end]}",  # noqa: S608 - the query's own text, which is read again
        _given(inside, values, parsed.sql),
        f"{parsed.sql[:begin]}{ANSWER}{_alias(clause)}{parsed.sql[end:]}",
        _given(outside, values, parsed.sql),
        outside,
    )


def _alias(clause: Clause) -> str:
    """Return what the query may go on to call the clause's answer by, where it gives it no name."""
    return "" if clause.alias is not None or clause.source_name is None else f" AS {quoted(clause.source_name)}"


def _given(placed: Sequence[PlacedParameter], values: ParameterValues | None, sql: str) -> Parameters:
    """Return the values of some parameters of a query as a caller gives them: by name, or those of `?` in order."""
    if values is None or not placed:
        return None
    names = [lowered(each.name) for each in placed]
    return list(map(values.value, names)) if sql[placed[0].begin] == "?" else values.values(names)
