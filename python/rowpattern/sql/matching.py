"""Rows in order to matches: conditions computed by DuckDB over whole columns, then the pattern's two passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.dependent import dependent_conditions
from rowpattern.sql.inputs import Inside, Value
from rowpattern.sql.kernels import run_kernels
from rowpattern.sql.pieces import numbers, picked, repeated
from rowpattern.sql.problems import problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    import rowpattern
    from rowpattern._core import Conditions
    from rowpattern.sql.arrange import Integers, Rows
    from rowpattern.sql.binding import BoundClause, Condition
    from rowpattern.sql.database import Database
    from rowpattern.sql.inputs import Computed
    from rowpattern.sql.problems import Place
    from rowpattern.sql.running import Run
    from rowpattern.sql.tables import Array

__all__ = ["Matched", "compute", "find_matches", "prepared"]


class Matched:
    """The matches of a table's rows.

    Attributes:
        matches: as the pattern gave them.
        start: the first row of each match; int64.
        length: how many rows it has; 0 for an empty match; int64.
        first: the place of its first row among the rows of all matches; int64.
    """

    def __init__(self, matches: rowpattern.Matches, rows: Rows, run: Run) -> None:
        """Take what matching gave."""
        self.matches = matches
        # Five numbers a match; of its rows, the variable and whether they are excluded.
        run.hold(5 * 8 * len(matches) + 2 * len(matches.rows))
        self.start: Integers = np.asarray(matches.start)
        self.length: Integers = np.asarray(matches.end) - self.start
        self.first: Integers = np.cumsum(self.length)
        self.first -= self.length
        # From the place of a row among those of all matches to the input's row.
        self._shift: Integers = self.start - self.first
        self._rows = rows
        self._run = run

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
        return repeated(values, self.first, self.length, begin, end)

    def row(self, begin: int, end: int) -> Integers:
        """Return the input's row for the rows of matches from one place on up to another."""
        if begin == 0 and end == self.row_count:
            # The core makes them all in half the time.
            return np.asarray(self.matches.rows.row)
        return self.of_rows(self._shift, begin, end) + np.arange(begin, end)

    def rows(self) -> Integers:
        """Return the input's row for each row of each match; they are held."""
        return numbers(self._run, self.row_count, self.row)

    def partition_bounds(self) -> tuple[Integers, Integers]:
        """Return the first row of each match's partition, and the row behind its last; they are held."""
        ends = np.append(self._rows.starts[1:], self._rows.count)
        with self._run.holding(8 * self.count):
            partition = np.asarray(self.matches.partition)
            low, high = (picked(self._run, bound, partition) for bound in (self._rows.starts, ends))
        return low, high

    def labels(self) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        """Return for each row of each match the place of its variable among the pattern's."""
        return np.asarray(self.matches.rows.classifier)


def compute(
    computed: list[tuple[str, Computed, Place]], columns: dict[str, Array], rows: int, database: Database
) -> list[pa.ChunkedArray]:
    """Compute expressions over a table of their inputs: simple ones by kernels, the others by DuckDB in one query.

    Args:
        computed: each with what to call it in an error, and its place.
        columns: the inputs by name.
        rows: how many rows the table has.
        database: where.

    Raises:
        QueryError: one cannot be computed; it is named.
    """
    kernels = [each.kernel for _, each, _ in computed]
    found = run_kernels(kernels, columns, rows, database.threads, database.is_utc)
    left = [each for each, values in zip(computed, found) if values is None]
    if left:
        by_duckdb = iter(_by_duckdb(left, columns, rows, database))
        found = [next(by_duckdb) if values is None else values for values in found]
    return found


def _by_duckdb(
    computed: list[tuple[str, Computed, Place]], columns: dict[str, Array], rows: int, database: Database
) -> list[pa.ChunkedArray]:
    used = {name for _, each, _ in computed for name, _ in each.reads}
    # A column tells how many rows there are.
    table = pa.table({name: columns[name] for name in used} or {"none": pa.nulls(rows)})
    try:
        return list(database.project(", ".join(f"({each.sql})" for _, each, _ in computed), table).columns)
    except QueryLimitError:
        raise
    except QueryError as error:
        for what, each, place in computed:
            refused = database.refuses(f"({each.sql})", table)
            if refused is not None:
                raise problem(f"{what}: {_in_its_words(refused, each)}", place, QueryError) from None
        raise problem(
            f"{computed[0][0] if len(computed) == 1 else 'an expression'}: {error}", computed[0][2], QueryError
        ) from None


def _in_its_words(message: str, computed: Computed) -> str:
    """Name columns in DuckDB's message as the query names them."""
    for name, item in computed.reads:
        if isinstance(item, Value):
            message = message.replace(f'"{name}"', item.column)
    return message


def find_matches(bound: BoundClause, rows: Rows, database: Database, run: Run) -> Matched:
    """Compute conditions and match. Takes time linear in the rows; see the core for memory."""
    pattern = bound.compiled()
    with run.step("conditions", rows.count):
        given, search = prepared(pattern, bound.conditions, rows, database)
    with run.step("match", rows.count):
        mode, target = bound.skip
        skip = (mode, target) if target else mode
        options: Any = {"partitions": ("starts", rows.starts), "skip": skip, "threads": run.threads, **run.left}
        finder: Any = pattern if search is None else search
        with run.limited():
            matches = finder.match(given, **options)
        return Matched(matches, rows, run)


def prepared(
    pattern: rowpattern.Pattern, conditions: Sequence[Condition], rows: Rows, database: Database
) -> tuple[Any, Conditions | None]:
    """Make what matching takes: rows, and the search where conditions depend on the match; None where none does.

    Raises:
        QueryError: a condition cannot be computed, or is neither true nor false.
        UnsupportedQueryError: a condition cannot be computed while matching.
    """
    # A pattern without variables has no column that could tell how many rows there are.
    given = _row_conditions(conditions, pattern.variables, rows, database) or pa.nulls(rows.count, pa.string())
    dependent = [condition for condition in conditions if condition.computed.node is not None]
    return given, dependent_conditions(pattern, dependent, rows, database) if dependent else None


def _row_conditions(
    conditions: Sequence[Condition], variables: Sequence[str], rows: Rows, database: Database
) -> dict[str, Array]:
    """Compute what rows alone say of conditions: a column of booleans for each that they say something of."""
    found: dict[str, Array] = {}
    left: list[tuple[Condition, Computed]] = []
    columns: dict[str, Array] = {}
    for condition in conditions:
        possible = condition.possible
        if possible is None:
            continue
        equal = _equal_to_text(possible, rows)
        if equal is not None:
            found[condition.variable] = equal
            continue
        left.append((condition, possible))
        for name, item in possible.reads:
            if isinstance(item, Value):
                columns[name] = rows.shifted(item.column, item.at.rows)
            elif isinstance(item, Inside):
                columns[name] = rows.inside(item.at.rows)
    computed = [(f"DEFINE {each.variable}", possible, each.place) for each, possible in left]
    for (condition, _), values in zip(left, compute(computed, columns, rows.count, database)):
        if not pa.types.is_boolean(values.type) and values.null_count < len(values):
            message = f"the condition of {condition.variable} is of the type {values.type}; it must be true or false"
            raise problem(message, condition.place, QueryError)
        found[condition.variable] = values if pa.types.is_boolean(values.type) else pa.nulls(len(values), pa.bool_())
    if not found and variables:
        # Every row; one column tells how many there are.
        found[variables[0]] = pa.array(np.ones(rows.count, dtype=bool))
    return found


def _equal_to_text(possible: Computed, rows: Rows) -> pa.Array | None:
    """Compute a condition that is nothing but `column = 'text'`, where the table can without converting the column."""
    if possible.kernel is None or possible.kernel[0] != "equal" or rows.order is not None:
        return None
    operands = dict(operand for operand in possible.kernel[1:] if operand[0] in {"input", "literal"})
    text = operands.get("literal")
    item = dict(possible.reads).get(str(operands.get("input")))
    if not isinstance(text, str) or not isinstance(item, Value) or item.at.rows:
        return None
    return rows.table.equal(item.column, text)
