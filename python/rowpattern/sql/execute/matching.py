"""Rows in order to matches: conditions computed by DuckDB over whole columns, then the pattern's two passes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.arrow.chunks import computed_numbers, repeat_numbers, take_numbers
from rowpattern.sql.bind.references import RowExists, Value
from rowpattern.sql.execute.match_dependent import dependent_conditions
from rowpattern.sql.execute.time_zones import in_columns_zone
from rowpattern.sql.expression.kernels import run_kernels
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.patterns import Conditions, Matches, Pattern
    from rowpattern.sql.arrow.arrays import Array, Integers
    from rowpattern.sql.bind.bound import BoundClause, Condition
    from rowpattern.sql.bind.references import BoundExpression
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.text.source_location import SourceLocation

#: What to call an expression in an error, the expression, and where it stands.
Named = tuple[str, "BoundExpression", "SourceLocation"]

__all__ = ["Matched", "compute", "find_matches", "prepared"]


class Matched:
    """The matches of a table's rows.

    Attributes:
        matches: as the pattern gave them.
        start: the first row of each match; int64.
        length: how many rows it has; 0 for an empty match; int64.
        first: the place of its first row among the rows of all matches; int64.
    """

    def __init__(self, matches: Matches, rows: OrderedPartitions, context: ExecutionContext) -> None:
        """Take what matching gave."""
        self.matches = matches
        # Five numbers a match; of its rows, the variable and whether they are excluded.
        context.hold(5 * 8 * len(matches) + 2 * len(matches.rows))
        self.start: Integers = np.asarray(matches.start)
        self.length: Integers = np.asarray(matches.end) - self.start
        self.first: Integers = np.cumsum(self.length)
        self.first -= self.length
        # From the place of a row among those of all matches to the input's row.
        self._shift: Integers = self.start - self.first
        self._rows = rows
        self._context = context

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.start)

    @property
    def row_count(self) -> int:
        """How many rows they have together."""
        return len(self.matches.rows)

    def of_rows(self, values: Integers, begin: int, end: int) -> Integers:
        """Return, for the rows of matches from one place on up to another, the value of their match."""
        return repeat_numbers(values, self.first, self.length, begin, end)

    def row(self, begin: int, end: int) -> Integers:
        """Return the input's row for the rows of matches from one place on up to another."""
        if begin == 0 and end == self.row_count:
            # The core makes them all in half the time.
            return np.asarray(self.matches.rows.row)
        return self.of_rows(self._shift, begin, end) + np.arange(begin, end)

    def rows(self) -> Integers:
        """Return the input's row for each row of each match; they are held."""
        return computed_numbers(self._context, self.row_count, self.row)

    def partition_bounds(self) -> tuple[Integers, Integers]:
        """Return the first row of each match's partition, and the row behind its last; they are held."""
        ends = np.append(self._rows.starts[1:], self._rows.count)
        with self._context.holding(8 * self.count):
            partition = np.asarray(self.matches.partition)
            low, high = (take_numbers(self._context, bound, partition) for bound in (self._rows.starts, ends))
        return low, high

    def classifiers(self) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        """Return for each row of each match the place of its variable among the pattern's."""
        return np.asarray(self.matches.rows.classifier)


def compute(
    expressions: list[Named], columns: dict[str, Array], rows: int, database: Database
) -> list[pa.ChunkedArray]:
    """Compute expressions over a table of what they read: simple ones by kernels, the others by DuckDB in one query.

    Args:
        expressions: each with what to call it in an error, and where it stands.
        columns: what they read, by name.
        rows: how many rows the table has.
        database: where.

    Raises:
        QueryError: one cannot be computed; it is named.
    """
    kernels = [each.kernel for _, each, _ in expressions]
    found = run_kernels(kernels, columns, rows, database.threads, database.time_zone if database.zone_given else None)
    left = [each for each, values in zip(expressions, found) if values is None]
    if left:
        by_duckdb = iter(_by_duckdb(left, columns, rows, database))
        found = [next(by_duckdb) if values is None else values for values in found]
    return found


def _by_duckdb(
    expressions: list[Named], columns: dict[str, Array], rows: int, database: Database
) -> list[pa.ChunkedArray]:
    used = {name for _, each, _ in expressions for name, _ in each.reads}
    # A column tells how many rows there are.
    table = pa.table({name: columns[name] for name in used} or {"none": pa.nulls(rows)})
    computed = [
        in_columns_zone(each.sql, each.tree, table, database, partial(_failed, what, location))
        for what, each, location in expressions
    ]
    found: dict[int, pa.ChunkedArray] = {}
    for using in {id(each.database): each.database for each in computed}.values():
        places = [at for at, each in enumerate(computed) if each.database is using]
        there = [(expressions[at], computed[at].sql) for at in places]
        for at, values in zip(places, _projected(there, table, using)):
            found[at] = computed[at].named(values)
    return [found[at] for at in range(len(expressions))]


def _failed(what: str, location: SourceLocation, message: str) -> QueryError:
    return error_at(f"{what}: {message}", location, QueryError)


def _projected(expressions: list[tuple[Named, str]], table: pa.Table, database: Database) -> list[pa.ChunkedArray]:
    """Compute expressions, each with its SQL, in one query."""
    try:
        return list(database.project(", ".join(f"({sql})" for _, sql in expressions), table).columns)
    except QueryLimitError:
        raise
    except QueryError as error:
        for (what, each, location), sql in expressions:
            refused = database.refuses(f"({sql})", table)
            if refused is not None:
                raise _failed(what, location, _with_column_names(refused, each)) from None
        what, _, location = expressions[0][0]
        raise _failed(what if len(expressions) == 1 else "an expression", location, str(error)) from None


def _with_column_names(message: str, expression: BoundExpression) -> str:
    """Name columns in DuckDB's message as the query names them."""
    for name, item in expression.reads:
        if isinstance(item, Value):
            message = message.replace(f'"{name}"', item.column)
    return message


def find_matches(bound: BoundClause, rows: OrderedPartitions, database: Database, context: ExecutionContext) -> Matched:
    """Compute conditions and match. Takes time linear in the rows; see the core for memory."""
    pattern = bound.compiled()
    with context.step("conditions", rows.count):
        given, search = prepared(pattern, bound.conditions, rows, database)
    with context.step("match", rows.count):
        mode, target = bound.skip
        skip = (mode, target) if target else mode
        options: Any = {
            "partitions": ("starts", rows.starts),
            "skip": skip,
            "threads": context.threads,
            **context.remaining,
        }
        finder: Any = pattern if search is None else search
        with context.limited():
            matches = finder.match(given, **options)
        return Matched(matches, rows, context)


def prepared(
    pattern: Pattern, conditions: Sequence[Condition], rows: OrderedPartitions, database: Database
) -> tuple[Any, Conditions | None]:
    """Make what matching takes: rows, and the search where conditions depend on the match; None where none does.

    Raises:
        QueryError: a condition cannot be computed, or is neither true nor false.
        UnsupportedQueryError: a condition cannot be computed while matching.
    """
    # A pattern without variables has no column that could tell how many rows there are.
    given = _row_conditions(conditions, pattern.variables, rows, database) or pa.nulls(rows.count, pa.string())
    dependent = [condition for condition in conditions if condition.expression.node is not None]
    return given, dependent_conditions(pattern, dependent, rows, database) if dependent else None


def _row_conditions(
    conditions: Sequence[Condition], variables: Sequence[str], rows: OrderedPartitions, database: Database
) -> dict[str, Array]:
    """Compute what rows alone say of conditions: a column of booleans for each that they say something of."""
    found: dict[str, Array] = {}
    left: list[tuple[Condition, BoundExpression]] = []
    columns: dict[str, Array] = {}
    for condition in conditions:
        prefilter = condition.prefilter
        if prefilter is None:
            continue
        equal = _equal_to_text(prefilter, rows)
        if equal is not None:
            found[condition.variable] = equal
            continue
        left.append((condition, prefilter))
        for name, item in prefilter.reads:
            if isinstance(item, Value):
                columns[name] = rows.shifted(item.column, item.at.rows)
            elif isinstance(item, RowExists):
                columns[name] = rows.inside(item.at.rows)
    expressions = [(f"DEFINE {each.variable}", prefilter, each.location) for each, prefilter in left]
    for (condition, _), values in zip(left, compute(expressions, columns, rows.count, database)):
        if not pa.types.is_boolean(values.type) and values.null_count < len(values):
            message = f"the condition of {condition.variable} is of the type {values.type}; it must be true or false"
            raise error_at(message, condition.location, QueryError)
        found[condition.variable] = values if pa.types.is_boolean(values.type) else pa.nulls(len(values), pa.bool_())
    if not found and variables:
        # Every row; one column tells how many there are.
        found[variables[0]] = pa.array(np.ones(rows.count, dtype=bool))
    return found


def _equal_to_text(prefilter: BoundExpression, rows: OrderedPartitions) -> pa.Array | None:
    """Compute a condition that is nothing but `column = 'text'`, where the table can without converting the column."""
    if prefilter.kernel is None or prefilter.kernel[0] != "equal" or rows.order is not None:
        return None
    operands = dict(operand for operand in prefilter.kernel[1:] if operand[0] in {"reference", "literal"})
    text = operands.get("literal")
    item = dict(prefilter.reads).get(str(operands.get("reference")))
    if not isinstance(text, str) or not isinstance(item, Value) or item.at.rows:
        return None
    return rows.table.equal(item.column, text)
