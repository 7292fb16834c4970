"""What rows alone say of conditions, as the symbols that a pattern matches.

The engine computes conditions straight to symbols (`rowpattern._core.RowSymbols`): what reads its own row alone in the
table's order, so that no column is brought in order for it, and the rest in order. What DuckDB has to compute is a
column of booleans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError, RowsError
from rowpattern.patterns import RowSymbols
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.bind.references import RowExists, Value
from rowpattern.sql.execute.row_expressions import EngineNodes, RowInputs, compute, read_columns, with_constants
from rowpattern.sql.expression.typed import Reference, conjuncts, walk_typed
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rowpattern.patterns import Pattern
    from rowpattern.sql.bind.bound import Condition
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.row_expressions import EngineColumn
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.typed_clause import TypedClause
    from rowpattern.sql.execute.typed_records import Named, TypedExpression
    from rowpattern.sql.expression.typed import Typed

__all__ = ["row_symbols"]

# Rows that have a number of 32 bits.
_MOST_NUMBERED = 1 << 32


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
    split: _SplitConditions | None = together.programs.get(_SplitConditions)
    if split is None:
        split = together.programs[_SplitConditions] = _SplitConditions.of(conditions, together)
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


class _Symbols:
    """Makes the symbols of a table's rows."""

    def __init__(
        self,
        pattern: Pattern,
        rows: OrderedPartitions,
        inputs: RowInputs,
        together: TypedClause,
        database: Database,
    ) -> None:
        self._pattern = pattern
        self._rows = rows
        self._inputs = inputs
        self._together = together
        self._database = database

    def make(self, by_engine: Sequence[_Part], others: Sequence[_Part]) -> RowSymbols:
        """Compute conditions: some by the engine, others to columns of booleans before."""
        rows, program, column = self._rows, self._program(by_engine), self._inputs.column
        options: dict[str, Any] = {"computed": self._computed(others)} if others else {}
        if program.conditions:
            options["partitions"] = ("starts", rows.starts)
        if program.table_conditions:
            table_columns = read_columns(program.table_columns, self._table_column)
            options |= {"table_conditions": program.table_conditions, "table_columns": table_columns}
            options["order"] = None if rows.order is None else from_numpy(rows.order)
        options |= {"threads": self._database.threads, **self._database.remaining}
        numbers = self._numbers(program)
        if numbers:
            places = [at for at, (_, name, _) in enumerate(program.columns) if name in numbers]
            columns = read_columns(program.columns, lambda name: numbers[name] if name in numbers else column(name))
            try:
                found = RowSymbols(self._pattern, rows.count, program.conditions, columns, numbers=places, **options)
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
        return RowSymbols(self._pattern, rows.count, program.conditions, columns, **options)

    def _numbers(self, program: _Program) -> dict[str, pa.ChunkedArray]:
        """Return columns that may have NaN for NULL, which are looked for where conditions are computed."""
        rows = self._rows
        if rows.order is not None:
            return {}
        names = {name for kind, name, _ in program.columns if kind == "DOUBLE"}
        found = ((name, rows.table.numbers(name)) for name in names)
        return {name: values for name, values in found if values is not None}

    def _program(self, by_engine: Sequence[_Part]) -> _Program:
        """Return conditions as the engine takes them, or find that done for the same conditions."""
        is_numbered = self._rows.count < _MOST_NUMBERED
        key = (_Program, is_numbered, tuple([each.condition.variable for each in by_engine]))
        program: _Program | None = self._together.programs.get(key)
        if program is not None:
            return program
        in_order, in_table = EngineNodes(self._inputs), EngineNodes(self._inputs)
        program = _Program([], in_order.columns, [], in_table.columns)
        for each in by_engine:
            variable, node = each.condition.variable, with_constants(each.expression, self._database)
            for part in conjuncts(node):
                if is_numbered and self._is_of_one_row(part):
                    program.table_conditions.append((variable, in_table.node(part)))
                else:
                    program.conditions.append((variable, in_order.node(part)))
        if not any(each.expression.changing for each in by_engine):
            self._together.programs[key] = program
        return program

    def _table_column(self, name: str) -> pa.ChunkedArray:
        texts = self._rows.table.texts(name)
        return self._rows.table.column(name) if texts is None else texts

    def _is_of_one_row(self, node: Typed) -> bool:
        leaves = (each for each in walk_typed(node) if isinstance(each, Reference))
        return all(self._inputs.place(leaf.name)[1] == 0 for leaf in leaves)

    def _computed(self, parts: Sequence[_Part]) -> list[tuple[str, pa.ChunkedArray]]:
        """Compute conditions as columns of booleans."""
        named = [(each.named, each.expression) for each in parts]
        computed = compute(named, self._inputs, self._together.labels, self._database)
        return [(each.condition.variable, _booleans(each.condition, values)) for each, values in zip(parts, computed)]


def _booleans(condition: Condition, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_boolean(values.type):
        return values
    if values.null_count < len(values):
        message = f"the condition of {condition.called} is of the type {values.type}; it must be true or false"
        raise error_at(message, condition.location, QueryError)
    return pa.chunked_array([pa.nulls(len(values), pa.bool_())])
