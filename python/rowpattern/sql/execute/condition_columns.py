"""Parts of match-dependent conditions that are computed before the search, over whole columns.

What reads rows at fixed distances from one place of the match has a value for each row that this place may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.categories import nulls_like
from rowpattern.sql.bind.leaves import columns_in
from rowpattern.sql.bind.references import RowExists, Value
from rowpattern.sql.execute.bounded import project_bounded
from rowpattern.sql.execute.constants_now import constants_now
from rowpattern.sql.execute.engine_columns import literal_of
from rowpattern.sql.expression.lambdas import renamed
from rowpattern.sql.expression.typed import Computed, Constant, Literal, cast_sql, walk_typed
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.bind.references import Navigation
    from rowpattern.sql.bind.references import Reference as Item
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.condition_parts import SharedParts
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.typed_records import TypedExpression
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.expression.typed import Typed

__all__ = ["ColumnParts", "ComputedColumn", "anchor"]


class ComputedColumn(NamedTuple):
    """A column that DuckDB computed, where it is read, and its value where there is no such row."""

    column: int
    at: Navigation
    nowhere: Literal | None


def anchor(items: Sequence[Item]) -> Navigation | None:
    """Return the place from which references read rows at fixed distances; None where they read from several."""
    places = {item.at for item in items if isinstance(item, (Value, RowExists))}
    if not places or not all(isinstance(item, (Value, RowExists)) for item in items):
        return None
    if len(places) == 1:
        return places.pop()
    anchors = {replace(at, rows=0) for at in places}
    return anchors.pop() if len(anchors) == 1 else None


class ColumnParts:
    """The parts of conditions that are columns, and constants that each query computes anew."""

    def __init__(self, parts: SharedParts, rows: OrderedPartitions, database: Database) -> None:
        """Begin with none.

        Args:
            parts: where the columns go.
            rows: the table.
            database: the query's connection.
        """
        self._parts = parts
        self._rows = rows
        self._database = database
        self._computed: dict[tuple[Computed, str], ComputedColumn] = {}
        self._constants: dict[tuple[Constant, str], Literal] = {}

    def column(self, node: Computed, zone: str) -> ComputedColumn | None:
        """Return where a part that DuckDB computed is read; None where it is asked for in rounds."""
        return self._computed.get((node, zone))

    def constant(self, node: Constant, zone: str) -> Literal | None:
        """Return a constant that was computed for this query; None where DuckDB refuses it."""
        return self._constants.get((node, zone))

    def compute(self, whole: TypedExpression, node: Typed) -> None:
        """Have DuckDB compute what reads rows at fixed distances from one place, and constants that change."""
        leaves = list(walk_typed(node))
        changing = list(dict.fromkeys(each for each in leaves if isinstance(each, Constant)))
        if changing:
            for constant, found in constants_now(changing, whole.zone, self._database).items():
                # What DuckDB refuses is asked for in rounds: it may stand in a branch that is not taken.
                if isinstance(found, Literal):
                    self._constants[constant, whole.zone] = found
        wanted: dict[Computed, Navigation] = {}
        for each in leaves:
            if isinstance(each, Computed) and (each, whole.zone) not in self._computed:
                at = anchor([self._parts.item(name) for name in columns_in(each.tree)])
                if at is not None:
                    wanted[each] = at
        if not wanted:
            return
        try:
            found_columns = self._over_columns(list(wanted), whole.zone)
        except QueryLimitError:
            raise
        except QueryError:
            # What fails for some row may stand behind a condition that keeps that row away: it is asked for in rounds.
            found_columns = [self._column_or_none(each, whole.zone) for each in wanted]
        for (each, at), values in zip(wanted.items(), found_columns):
            if values is not None:
                self._computed[each, whole.zone] = self._placed(each, at, values)

    def _column_or_none(self, node: Computed, zone: str) -> pa.ChunkedArray | None:
        try:
            return self._over_columns([node], zone)[0]
        except QueryLimitError:
            raise
        except QueryError:
            return None

    def _over_columns(self, parts: Sequence[Computed], zone: str) -> list[pa.ChunkedArray]:
        """Compute parts for each row, and, last, for none."""
        columns: dict[str, pa.ChunkedArray] = {"none": pa.chunked_array([pa.nulls(self._rows.count + 1)])}
        parts_there: list[tuple[str, Node]] = []
        for part in parts:
            items = {name: self._parts.item(name) for name in columns_in(part.tree)}
            read = {name: item for name, item in items.items() if isinstance(item, (Value, RowExists))}
            # One row is read where it is; several are brought to the row from which they are counted.
            several = len({item.at for item in read.values()}) > 1
            new = {}
            for name, item in read.items():
                rows = item.at.rows if several else 0
                new[name] = f"{name} {rows}"
                if new[name] not in columns:
                    columns[new[name]] = self._value_column(item, rows)
            tree = renamed(part.tree, new)
            parts_there.append((cast_sql(sql_of(tree), part.type), tree))
        return project_bounded(parts_there, pa.table(columns), self._database.in_zone(zone))

    def _value_column(self, item: Value | RowExists, rows: int) -> pa.ChunkedArray:
        if isinstance(item, RowExists):
            return pa.chunked_array([self._rows.inside(rows), from_numpy(np.zeros(1, dtype=bool))])
        values = self._rows.shifted(item.column, rows)
        return pa.chunked_array([*values.chunks, nulls_like(values, 1)], values.type)

    def _placed(self, part: Computed, at: Navigation, values: pa.ChunkedArray) -> ComputedColumn:
        nowhere = literal_of(values.slice(self._rows.count), part.type)
        column = self._parts.column((part, at), part.type, lambda: values.slice(0, self._rows.count))
        return ComputedColumn(column, at, None if nowhere.value is None else nowhere)
