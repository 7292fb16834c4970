"""What rows alone say of conditions, as the symbols that a pattern matches.

The engine computes conditions straight to symbols (`rowpattern._core.RowSymbols`): what reads its own row alone in the
table's order, so that no column is brought in order for it, and the rest in order. What DuckDB has to compute is a
column of booleans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError, RowsError
from rowpattern.patterns import RowSymbols
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.bind.references import HERE, RowExists, Value
from rowpattern.sql.execute.passed_over import passed_over
from rowpattern.sql.execute.row_expressions import EngineNodes, RowInputs, compute, read_columns, with_constants
from rowpattern.sql.execute.row_order import NOTHING_CARRIED, Carried
from rowpattern.sql.execute.sort import OrderedPartitions
from rowpattern.sql.execute.typed_clause import typed_clause
from rowpattern.sql.expression.typed import Reference, conjuncts, walk_typed
from rowpattern.sql.runtime.threads import MANY_ROWS
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rowpattern.patterns import Pattern
    from rowpattern.sql.bind.bound import BoundClause, Condition
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.row_expressions import EngineColumn
    from rowpattern.sql.execute.typed_clause import TypedClause
    from rowpattern.sql.execute.typed_records import Named, TypedExpression
    from rowpattern.sql.expression.typed import Typed
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["carried_in_order", "row_symbols", "split_conditions"]

# Rows that have a number of 32 bits.
_MOST_NUMBERED = 1 << 32
# With so many variables a row's symbol is a byte, which is brought in order with it.
_MOST_CARRIED = 8


class _Part(NamedTuple):
    """What rows alone say of a condition."""

    condition: Condition
    named: Named
    expression: TypedExpression

    @property
    def is_native(self) -> bool:
        """Whether the engine computes it, and it is a condition."""
        return self.expression.native is not None and self.expression.type in {"BOOLEAN", "NULL"}


class _SplitConditions(NamedTuple):
    """What rows alone say of conditions, by who computes it; and what it reads, by the names of references."""

    parts: list[_Part]
    by_engine: list[_Part]
    others: list[_Part]
    items: dict[str, Value | RowExists]

    @classmethod
    def of(cls, conditions: Sequence[Condition], together: TypedClause) -> _SplitConditions:
        left = [each for each in conditions if each.prefilter is not None]
        parts = [_Part(condition, *typed) for condition, typed in zip(left, together.rows)]
        native, others = [each for each in parts if each.is_native], [each for each in parts if not each.is_native]
        return cls(parts, native, others, dict(_items(left)))


def carried_in_order(bound: BoundClause, table: Table, database: Database, context: ExecutionContext) -> Carried:
    """Return what is brought in order while the rows are, as that takes less time than to read it in order afterwards.

    These are what conditions of one row say, computed here, and the first key of ORDER BY where a condition reads other
    rows' keys. Takes time linear in the rows; of few rows nothing is carried.

    Raises:
        QueryLimitError: a limit was passed.
    """
    if table.rows < MANY_ROWS or bound.given or bound.away:
        return NOTHING_CARRIED
    key = bound.order_by[0].column if bound.order_by else None
    read = (item for each in bound.conditions for _, item in each.expression.reads)
    reads_keys = bound.within is not None or any(
        isinstance(item, Value) and item.column == key and item.at != HERE for item in read
    )
    together = typed_clause(bound.conditions, bound.measures, table, database, bound.plans)
    split = split_conditions(bound.conditions, together)
    # The table's own order.
    rows = OrderedPartitions(table, context, None, np.zeros(1, dtype=np.int64))
    symbols = _Symbols(bound.compiled(), rows, RowInputs(rows, split.items), together, database)
    try:
        known = symbols.of_table(split.by_engine)
    except QueryLimitError:
        raise
    except (QueryError, RowsError, pa.ArrowInvalid):
        # What is wrong is said when all conditions are computed.
        known = None
    # Whether rows count is known where their symbols are known whole.
    is_whole = known is not None and symbols.are_of_table(split)
    return Carried(known, key is not None and reads_keys, passed_over(bound, context) if is_whole else None)


def split_conditions(conditions: Sequence[Condition], together: TypedClause) -> _SplitConditions:
    """Return what rows alone say of conditions, or find that done."""
    split: _SplitConditions | None = together.programs.get(_SplitConditions)
    if split is None:
        split = together.programs[_SplitConditions] = _SplitConditions.of(conditions, together)
    return split


def row_symbols(
    pattern: Pattern,
    conditions: Sequence[Condition],
    together: TypedClause,
    rows: OrderedPartitions,
    database: Database,
) -> RowSymbols:
    """Compute for each row which conditions hold, as far as rows alone say it. Takes time linear in the rows.

    Args:
        pattern: whose variables the conditions are of.
        conditions: those of a clause.
        together: the clause with types.
        rows: the table.
        database: the query's connection.

    Raises:
        QueryError: one cannot be computed, or is neither true nor false; it is named.
    """
    split = split_conditions(conditions, together)
    by_engine, others = split.by_engine, split.others
    inputs = RowInputs(rows, split.items)
    symbols = _Symbols(pattern, rows, inputs, together, database)
    if by_engine:
        try:
            return symbols.make(by_engine, others)
        except QueryLimitError:
            raise
        except (QueryError, RowsError, pa.ArrowInvalid):
            # Whole conditions one by one, and by DuckDB where that is to say what is wrong with a value. Where a text
            # cannot be read, the table says which.
            pass
    return symbols.make([], split.parts)


def _items(conditions: Sequence[Condition]) -> Iterator[tuple[str, Value | RowExists]]:
    for each in conditions:
        if each.prefilter is not None:
            yield from ((name, item) for name, item in each.prefilter.reads if isinstance(item, (Value, RowExists)))


class _Program(NamedTuple):
    """Conditions as the engine takes them, each with its variable, and what they read.

    Attributes:
        conditions: over rows in order.
        columns: that these read.
        table_conditions: of one row, over rows as the table has them.
        table_columns: that these read.
    """

    conditions: list[tuple[str, Any]]
    columns: list[EngineColumn]
    table_conditions: list[tuple[str, Any]]
    table_columns: list[EngineColumn]


class _Symbols(NamedTuple):
    """Makes the symbols of a table's rows."""

    pattern: Pattern
    rows: OrderedPartitions
    inputs: RowInputs
    together: TypedClause
    database: Database

    def make(self, by_engine: Sequence[_Part], others: Sequence[_Part]) -> RowSymbols:
        """Compute conditions: some by the engine, others to columns of booleans before."""
        rows, program, column = self.rows, self._program(by_engine), self.inputs.column
        options: dict[str, Any] = {"computed": self._computed(others)} if others else {}
        if program.conditions:
            options["partitions"] = ("starts", rows.starts)
        if program.table_conditions:
            before, rows.symbols = rows.symbols, None
            if before is None:
                options |= self._of_table(program)
                options["order"] = None if rows.order is None else from_numpy(rows.order)
            else:
                options["before"] = before
        options |= {"threads": self.database.threads, **self.database.remaining}
        # Symbols that were made before can be taken only once, and this may have to be computed twice.
        numbers = {} if "before" in options else self._numbers(program)
        if numbers:
            places = [at for at, (_, name, _) in enumerate(program.columns) if name in numbers]
            columns = read_columns(program.columns, lambda name: numbers[name] if name in numbers else column(name))
            try:
                found = RowSymbols(self.pattern, rows.count, program.conditions, columns, numbers=places, **options)
            except QueryLimitError:
                raise
            except (QueryError, RowsError):
                # There may be NaN: once more, with NULL where it is.
                pass
            else:
                for name in numbers:
                    rows.table.has_numbers(name)
                return found
        columns = read_columns(program.columns, column)
        return RowSymbols(self.pattern, rows.count, program.conditions, columns, **options)

    def of_table(self, by_engine: Sequence[_Part]) -> RowSymbols | None:
        """Compute what conditions of one row say of each row, as the table has it.

        None where there are none, or more variables than can be brought in order.
        """
        program = self._program(by_engine)
        if not program.table_conditions or len(self.pattern.variables) > _MOST_CARRIED:
            return None
        limits = {"threads": self.database.threads, **self.database.remaining}
        return RowSymbols(self.pattern, self.rows.count, **self._of_table(program), **limits)

    def are_of_table(self, split: _SplitConditions) -> bool:
        """Say whether every condition reads one row, and nothing else, and the engine computes it."""
        return not split.others and not self._program(split.by_engine).conditions

    def _of_table(self, program: _Program) -> dict[str, Any]:
        table_columns = read_columns(program.table_columns, self._table_column)
        return {"table_conditions": program.table_conditions, "table_columns": table_columns}

    def _numbers(self, program: _Program) -> dict[str, pa.ChunkedArray]:
        """Return columns that may have NaN for NULL, which are looked for where conditions are computed."""
        rows = self.rows
        if rows.order is not None:
            return {}
        names = {name for kind, name, _ in program.columns if kind == "DOUBLE"}
        found = ((name, rows.table.numbers(name)) for name in names)
        return {name: values for name, values in found if values is not None}

    def _program(self, by_engine: Sequence[_Part]) -> _Program:
        """Return conditions as the engine takes them, or find that done for the same conditions."""
        is_numbered = self.rows.count < _MOST_NUMBERED
        key = (_Program, is_numbered, tuple([each.condition.variable for each in by_engine]))
        program: _Program | None = self.together.programs.get(key)
        if program is not None:
            return program
        in_order, in_table = EngineNodes(self.inputs), EngineNodes(self.inputs)
        program = _Program([], in_order.columns, [], in_table.columns)
        for each in by_engine:
            variable, node = each.condition.variable, with_constants(each.expression, self.database)
            for part in conjuncts(node):
                if is_numbered and self._is_of_one_row(part):
                    program.table_conditions.append((variable, in_table.node(part)))
                else:
                    program.conditions.append((variable, in_order.node(part)))
        if not any(each.expression.changing for each in by_engine):
            self.together.programs[key] = program
        return program

    def _table_column(self, name: str) -> pa.ChunkedArray:
        texts = self.rows.table.texts(name)
        return self.rows.table.column(name) if texts is None else texts

    def _is_of_one_row(self, node: Typed) -> bool:
        leaves = (each for each in walk_typed(node) if isinstance(each, Reference))
        return all(self.inputs.place(leaf.name)[1] == 0 for leaf in leaves)

    def _computed(self, parts: Sequence[_Part]) -> list[tuple[str, pa.ChunkedArray]]:
        """Compute conditions as columns of booleans."""
        named = [(each.named, each.expression) for each in parts]
        computed = compute(named, self.inputs, self.together.labels, self.database)
        return [(each.condition.variable, _booleans(each.condition, values)) for each, values in zip(parts, computed)]


def _booleans(condition: Condition, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_boolean(values.type):
        return values
    if values.null_count < len(values):
        message = f"the condition of {condition.called} is of the type {values.type}; it must be true or false"
        raise error_at(message, condition.location, QueryError)
    return pa.chunked_array([pa.nulls(len(values), pa.bool_())])
