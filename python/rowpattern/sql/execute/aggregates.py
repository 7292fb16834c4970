"""Aggregates over rows of matches that DuckDB computes: over whole matches, or up to each row."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.casting import appended
from rowpattern.sql.arrow.chunks import take_values
from rowpattern.sql.bind.references import MatchNumber, RowClassifier
from rowpattern.sql.execute.equal_intervals import has_equal_intervals, over_rows_before
from rowpattern.sql.execute.items import Items, Shown
from rowpattern.sql.execute.time_zones import in_columns_zone
from rowpattern.sql.execute.typed_parameters import running_with_values
from rowpattern.sql.execute.typed_records import Named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.bind.references import Aggregate, Reference, RowValue
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.time_zones import InZone
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["Aggregation"]


class Aggregation:
    """The aggregates of one clause."""

    def __init__(  # noqa: PLR0917 - used once
        self,
        aggregates: Sequence[Aggregate],
        bound: BoundClause,
        rows: OrderedPartitions,
        items: Items,
        database: Database,
        context: ExecutionContext,
    ) -> None:
        self._aggregates = aggregates
        self._bound = bound
        self._items = items
        self._database = database
        self._context = context
        # Rows in exclusions are aggregated too.
        self._of_rows = Items(items.matches, Shown(per_row=True, excluded=True), rows, context)
        self._rows = rows
        self._found: dict[Reference, Array] = {}
        # The rows of matches, with what aggregates read.
        self._table: pa.Table = pa.table({})

    def compute(self) -> dict[Reference, Array]:
        """Compute them for items, in one query for those over whole matches and one for the others.

        Raises:
            QueryError: DuckDB cannot compute one; it is named.
        """
        try:
            self._compute()
        except QueryError as error:
            raise _blamed(self._bound, self._aggregates, error, self._table, self._database) from None
        return self._found

    def _compute(self) -> None:
        self._make_rows()
        values = self._bound.plans.values
        given = [(each, each if values is None else running_with_values(each, values)) for each in self._aggregates]
        computed = [
            (
                each,
                in_columns_zone(own.sql, own.tree, self._table, self._database, partial(_failed, self._bound, each)),
            )
            for each, own in given
        ]
        for using in {id(each.database): each.database for _, each in computed}.values():
            using.register("rowpattern rows", self._table)
            there = [(item, each) for item, each in computed if each.database is using]
            nothing = using.query(f'SELECT {_list(there)} FROM "rowpattern rows" WHERE false')
            of_nothing = dict(zip((item for item, _ in there), nothing.columns))
            self._over_matches([(item, each) for item, each in there if item.final], of_nothing, using)
            self._up_to_rows([(item, each) for item, each in there if not item.final], of_nothing, using)

    def _make_rows(self) -> None:
        of_rows, context = self._of_rows, self._context
        context.hold(8 * of_rows.count)
        (match,) = of_rows.read_numbers(("match",))
        columns: dict[str, Array] = {
            "match": match,
            "row": from_numpy(np.arange(of_rows.count)),
            "classifier": from_numpy(np.asarray(of_rows.matches.rows.classifier)),
        }
        items: dict[str, RowValue] = {name: item for each in self._aggregates for name, item in each.reads}
        names = [name for name, item in items.items() if isinstance(item, str)]
        placed = [self._rows.placed(item) for item in items.values() if isinstance(item, str)]
        columns |= dict(zip(names, of_rows.own_values(placed)))
        for name, item in items.items():
            if isinstance(item, MatchNumber):
                (columns[name],) = of_rows.read_numbers(("number",))
            elif isinstance(item, RowClassifier):
                columns[name] = of_rows.own_classifiers()
        self._table = pa.table(columns)

    def _over_matches(
        self, final: list[tuple[Aggregate, InZone]], nothing: dict[Aggregate, pa.ChunkedArray], using: Database
    ) -> None:
        """Compute aggregates over whole matches."""
        if not final:
            return
        found = using.query(f'SELECT {_list(final)} FROM "rowpattern rows" GROUP BY "match" ORDER BY "match"')
        place = self._place_of_match(found.num_rows)
        for (item, each), values in zip(final, found.columns):
            self._found[item] = each.named(self._taken(values, nothing[item], place))

    def _place_of_match(self, groups: int) -> pa.Array | None:
        """Return for each item the place of its match among those that have rows, or the one behind them."""
        items = self._items
        if groups == len(items.matches) and not items.shown.per_row:
            return None
        (match,) = items.read_numbers(("match",))
        if groups == len(items.matches):
            return match
        self._context.hold(2 * 8 * len(items.matches))
        full = np.asarray(items.matches.end) > np.asarray(items.matches.start)
        return from_numpy(np.where(full, np.cumsum(full) - 1, groups)[np.asarray(match)])

    def _up_to_rows(
        self, running: list[tuple[Aggregate, InZone]], nothing: dict[Aggregate, pa.ChunkedArray], using: Database
    ) -> None:
        """Compute aggregates over the rows of matches up to each row."""
        if not running:
            return
        equal = {
            name for name, values in zip(self._table.column_names, self._table.columns) if has_equal_intervals(values)
        }
        grouped = [(item, each) for item, each in running if equal.intersection(name for name, _ in item.reads)]
        windowed = [pair for pair in running if pair not in grouped]
        columns: list[pa.ChunkedArray] = []
        if windowed:
            window = 'OVER (PARTITION BY "match" ORDER BY "row" ROWS UNBOUNDED PRECEDING)'
            calls = ", ".join(f"{each.sql} {window}" for _, each in windowed)
            columns += using.query(f'SELECT {calls} FROM "rowpattern rows" ORDER BY "row"').columns
        if grouped:
            columns += over_rows_before([each.sql for _, each in grouped], self._table, using)
        place = None
        if self._items.shown != self._of_rows.shown:
            (place,) = self._items.read_numbers(("place",))
            place = place.fill_null(len(columns[0]))
        for (item, each), values in zip([*windowed, *grouped], columns, strict=True):
            self._found[item] = each.named(self._taken(values, nothing[item], place))

    def _taken(self, values: pa.ChunkedArray, of_nothing: pa.ChunkedArray, place: pa.Array | None) -> pa.ChunkedArray:
        """Return values at places, of which the one behind the last is that of an aggregate over no rows."""
        if place is None:
            return values
        found = take_values(self._context, appended(values, of_nothing), place)
        return found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])


def _list(aggregates: list[tuple[Aggregate, InZone]]) -> str:
    return ", ".join(each.sql for _, each in aggregates)


def _failed(bound: BoundClause, aggregate: Aggregate, message: str) -> QueryError:
    blamed = next(one for one in bound.measures if aggregate in dict(one.expression.reads).values())
    return Named.measure(blamed).failed(message)


def _blamed(
    bound: BoundClause, aggregates: Sequence[Aggregate], error: QueryError, table: pa.Table, database: Database
) -> QueryError:
    """Say which measure DuckDB refuses."""
    if isinstance(error, QueryLimitError) or not table.num_columns:
        # Without columns it was one of the table's that cannot be read.
        return error
    values = bound.plans.values
    for each in aggregates:
        window = "" if each.final else ' OVER (ORDER BY "row")'
        own = each if values is None else running_with_values(each, values)
        if (refused := database.refuses(f"{own.sql}{window}", table)) is not None:
            return _failed(bound, each, refused)
    return error
