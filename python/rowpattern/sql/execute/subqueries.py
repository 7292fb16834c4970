"""Subqueries in a clause: computed once, before matching, and put into its expressions as constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.expression.nodes import Cast, Literal, TypeName
from rowpattern.sql.expression.read import TreeReader
from rowpattern.sql.parse.parsed_query import step_number
from rowpattern.sql.parse.subqueries import with_constants
from rowpattern.sql.records import replace
from rowpattern.sql.text.composed import Composed
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.parse.clause import Clause, Subquery
    from rowpattern.sql.parse.parsed_query import ParsedQuery
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["computed_subqueries", "with_computed_subqueries", "with_subquery_values"]

# What DuckDB calls the type of NULL.
_NULL = '"NULL"'

# Each is a node of the expression, which is bound and typed.
_MOST_VALUES = 10_000


def with_computed_subqueries(
    clause: Clause, parsed: ParsedQuery, query: Callable[[int, str], pa.Table], context: ExecutionContext
) -> Clause:
    """Return a clause with constants in the place of its subqueries.

    Args:
        clause: as it was read.
        parsed: the query, which has their texts.
        query: executes a text, which has this number.
        context: the query's limits.

    Raises:
        QueryError: one cannot be computed, gives more than one row where one value is needed, or several columns.
    """
    return with_subquery_values(clause, computed_subqueries(clause, parsed, query), context)


def computed_subqueries(
    clause: Clause, parsed: ParsedQuery, query: Callable[[int, str], pa.Table]
) -> dict[int, pa.Table]:
    """Return what the subqueries of a clause give, by their places: the texts of values, and their types.

    Raises:
        QueryError: one cannot be computed, or gives more than one row where one value is needed.
    """

    def computed(subquery: Subquery) -> pa.Table:
        try:
            return query(step_number(subquery.first), parsed.subqueries[subquery.first])
        except QueryLimitError:
            raise
        except QueryError as error:
            raise _failed(subquery, str(error)) from None

    return {subquery.first: computed(subquery) for subquery in clause.subqueries()}


def with_subquery_values(clause: Clause, found: Mapping[int, pa.Table], context: ExecutionContext) -> Clause:
    """Return a clause with constants in the place of its subqueries, of which this was found.

    Raises:
        QueryError: one gives several columns, or values that are no constants here.
    """
    constants = {each.first: _constants(each, found[each.first], context) for each in clause.subqueries()}
    return with_constants(clause, constants)


def _failed(subquery: Subquery, message: str) -> QueryError:
    if message.startswith("More than one row returned"):
        # DuckDB advises to change a setting, which queries here cannot.
        message = "it gives more than one row, and one value is needed; write IN, an aggregate, or LIMIT 1"
    if "not found" in message:
        message += "; a subquery in MATCH_RECOGNIZE is computed before matching, and reads no column outside of it"
    return error_at(f"subquery: {message}", subquery.location, QueryError)


def _constants(subquery: Subquery, found: pa.Table, context: ExecutionContext) -> list[Node]:
    if found.num_columns != 2:  # noqa: PLR2004 - the values' texts and their types
        message = f"a subquery in MATCH_RECOGNIZE gives one column; this one gives {found.num_columns // 2}"
        raise error_at(message, subquery.location, QueryError)
    values, types = found.columns
    if len(values) > _MOST_VALUES:
        message = f"IN takes at most {_MOST_VALUES:,} values of a subquery here, and this one gives {len(values):,}"
        raise error_at(f"{message}; join it to the table before the clause", subquery.location, QueryError)
    if not len(values):
        return []
    name = types[0].as_py()
    if name == _NULL:
        return [Literal("NULL_LITERAL")]
    if "UNION(" in name:
        message = f"a subquery in MATCH_RECOGNIZE gives a value of the type {name}"
        raise error_at(f"{message}; give one of its members, as union_extract does", subquery.location, QueryError)
    kind = _type(name, context)
    texts = dict.fromkeys(values.to_pylist())
    return [Cast(Literal("NULL_LITERAL") if text is None else Literal("STRING", text), kind) for text in texts]


def _type(name: str, context: ExecutionContext) -> TypeName:
    """Read DuckDB's name of a type."""
    text = Composed("").insert(f"SELECT CAST(NULL AS {name})")
    (tree,) = parse_texts([text.text], context)
    statements: list[Any] = tree.get("statements") or []
    found = TreeReader(text).expression(statements[0]["node"]["select_list"][0]) if len(statements) == 1 else None
    if not isinstance(found, Cast):
        # A checkpoint may have anything.
        raise QueryError(f"{name[:100]!r} is no name of a type")
    return _castable(found.to)


def _castable(kind: TypeName) -> TypeName:
    """Return a type to which a value's text is cast: categories are texts, and lists of nothing are of integers."""
    if kind.name == "ENUM":
        return TypeName("VARCHAR")
    if kind.name == "NULL":
        return TypeName("INTEGER")
    parts = tuple((name, _castable(part) if isinstance(part, TypeName) else part) for name, part in kind.parts)
    return replace(kind, parts=parts)
