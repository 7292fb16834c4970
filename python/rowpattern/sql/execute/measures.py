"""Measures: what navigation and aggregates read from matches, and expressions over that.

An *item* is what gets measures: a match (ONE ROW PER MATCH), or a row of a match and then each empty match (ALL ROWS
PER MATCH).
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.arrow.arrays import from_numpy, from_texts
from rowpattern.sql.arrow.chunks import computed_numbers, take_numbers, take_values
from rowpattern.sql.bind.references import Aggregate, Classifier, MatchNumber, Navigation, RowExists, Value
from rowpattern.sql.execute.row_expressions import ItemInputs, compute
from rowpattern.sql.execute.time_zones import in_columns_zone
from rowpattern.sql.execute.typed_clause import typed_clause
from rowpattern.sql.execute.typed_expressions import Named
from rowpattern.sql.runtime.threads import in_threads
from rowpattern.sql.tables.answers import plain_integers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rowpattern.sql.arrow.arrays import Array, Integers
    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.bind.references import Reference, RowValue
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.matching import Matched
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.time_zones import InZone
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["Items", "measure"]


class Items:
    """What gets measures.

    Attributes:
        per_row: rows of matches and then empty matches, instead of matches.
        count: how many there are.
    """

    def __init__(self, matched: Matched, context: ExecutionContext, *, per_row: bool) -> None:
        """Number the items."""
        self.per_row = per_row
        self.matched = matched
        self._context = context
        self.empty: Integers = np.flatnonzero(matched.length == 0)
        self.count = matched.row_count + len(self.empty) if per_row else matched.count

    @cached_property
    def match(self) -> Integers:
        """The match of each; made where it is asked for, as it is as large as a column."""
        every = computed_numbers(self._context, self.matched.count, np.arange)
        if not self.per_row:
            return every
        matched = self.matched
        of_rows = computed_numbers(
            self._context, matched.row_count, lambda begin, end: matched.of_rows(every, begin, end)
        )
        self._context.release(every.nbytes)
        return self._then(of_rows, self.empty)

    def row(self) -> Integers:
        """Return the input's row of each item that is a row, and of each empty match, the row where it starts.

        They are held.
        """
        return self._then(self.matched.rows(), self.matched.start[self.empty])

    def rows_then(self, of_rows: Integers, of_empty: int) -> Integers:
        """Return one number for each row, which are held, and the same one for each empty match."""
        return self._then(of_rows, np.full(len(self.empty), of_empty, dtype=np.int64))

    def of_matches(self, values: Integers) -> Integers:
        """Return for each item the value of its match; they are held."""
        return take_numbers(self._context, values, self.match)

    def _then(self, of_rows: Integers, of_empty: Integers) -> Integers:
        if not len(of_empty):
            return of_rows
        self._context.check()
        self._context.hold(of_rows.nbytes + of_empty.nbytes)
        both = np.concatenate([of_rows, of_empty])
        self._context.release(of_rows.nbytes)
        return both


class _Reader:
    """Gives each reference a column with one value an item."""

    def __init__(
        self, bound: BoundClause, rows: OrderedPartitions, items: Items, database: Database, context: ExecutionContext
    ) -> None:
        self._bound = bound
        self._rows = rows
        self._items = items
        self._matched = items.matched
        self._database = database
        self._context = context
        self._aggregates: dict[Aggregate, pa.Array] = {}
        # Rows of matches, for aggregates.
        self.table: pa.Table = pa.table({})

    def read_all(self, wanted: Iterable[Reference]) -> dict[Reference, Array]:
        """Read references, several navigations at once.

        The rows to which one leads are as large as a column, and are let go when all that is read there is read.
        """
        found: dict[Reference, Array] = {}
        groups: dict[Navigation, list[Value | RowExists | Classifier]] = {}
        for item in dict.fromkeys(wanted):
            if isinstance(item, MatchNumber):
                with self._context.holding(8 * self._matched.count):
                    found[item] = from_numpy(self._items.of_matches(np.asarray(self._matched.matches.number)))
            elif isinstance(item, Aggregate):
                found[item] = self._aggregates[item]
            else:
                assert isinstance(item, (Value, RowExists, Classifier))  # noqa: S101 - running aggregates stand in conditions
                groups.setdefault(item.at, []).append(item)
        for values in in_threads(self._context.threads, self._read_at, list(groups.items()), self._items.count):
            found.update(values)
        return found

    def _read_at(self, group: tuple[Navigation, list[Value | RowExists | Classifier]]) -> list[tuple[Reference, Array]]:
        at, items = group
        if at == Navigation() and self._each_has_a_row and all(isinstance(item, Classifier) for item in items):
            # Each row's own.
            return [(item, self._named(self._matched.classifiers())) for item in items]
        places = self._rows_at(at)
        outside: np.ndarray[Any, Any] | None = None
        if len(places) and places.min() < 0:
            outside = computed_numbers(self._context, len(places), lambda begin, end: places[begin:end] < 0, bool)
        rows = from_numpy(places, outside)
        found: list[tuple[Reference, Array]] = []
        for item in items:
            if isinstance(item, Value):
                found.append((item, take_values(self._context, self._rows.column(item.column), rows)))
            elif isinstance(item, RowExists):
                found.append((item, from_numpy(np.ones(len(places), dtype=bool) if outside is None else ~outside)))
            else:
                found.append((item, self._classifiers(places)))
        self._context.release(places.nbytes + (0 if outside is None else outside.nbytes))
        return found

    @property
    def _each_has_a_row(self) -> bool:
        return self._items.per_row and not len(self._items.empty)

    def _rows_at(self, at: Navigation) -> Integers:
        """Return the row to which navigation leads from each item, -1 where there is none; they are held."""
        places = self._logical(at)
        if not at.rows:
            return places
        match = self._items.match
        low, high = self._matched.partition_bounds()

        def moved(begin: int, end: int) -> Integers:
            before, of = places[begin:end], match[begin:end]
            # Offsets past any table are cut when they are read, so this cannot overflow.
            after = before + at.rows
            return np.where((before >= 0) & (after >= low[of]) & (after < high[of]), after, -1)

        found = computed_numbers(self._context, len(places), moved)
        self._context.release(places.nbytes + low.nbytes + high.nbytes)
        return found

    def _logical(self, at: Navigation) -> Integers:
        matched, items = self._matched, self._items
        running = items.per_row and not at.final
        if at.variables is None:
            places = self._among_all(at, running=running)
        else:
            with self._context.limited():
                column = matched.matches.navigate(
                    list(at.variables), first=at.first, offset=at.offset, running=running, **self._context.remaining
                )
            self._context.hold(8 * len(column))
            places = np.asarray(column)
        if not items.per_row:
            return places
        if running:
            return items.rows_then(places, -1)
        found = items.of_matches(places)
        self._context.release(places.nbytes)
        return found

    def _among_all(self, at: Navigation, *, running: bool) -> Integers:
        matched = self._matched
        if running and at.offset == 0 and not at.first:
            return matched.rows()

        def places(begin: int, end: int) -> Integers:
            if running:
                start = matched.of_rows(matched.start, begin, end)
                length = matched.row(begin, end) + 1 - start
            else:
                start, length = matched.start[begin:end], matched.length[begin:end]
            found = start + at.offset if at.first else start + length - 1 - at.offset
            return np.where(at.offset < length, found, -1)

        return computed_numbers(self._context, matched.row_count if running else matched.count, places)

    def _classifiers(self, rows: Integers) -> pa.Array:
        matched, match = self._matched, self._items.match
        classifiers = matched.classifiers()
        # The number behind those of all variables stands for a row that has none.
        nothing = len(self._bound.variables)

        def codes(begin: int, end: int) -> np.ndarray[Any, Any]:
            row, of = rows[begin:end], match[begin:end]
            places = row - matched.start[of]
            inside = (places >= 0) & (places < matched.length[of]) & (row >= 0)
            found = np.full(len(row), nothing, dtype=np.int16)
            found[inside] = classifiers[(places + matched.first[of])[inside]]
            return found

        found = computed_numbers(self._context, len(rows), codes, np.int16)
        named = self._named(found)
        self._context.release(found.nbytes)
        return named

    def _named(self, codes: np.ndarray[Any, Any]) -> Array:
        names = from_texts([*self._bound.variables, None])
        return take_values(self._context, names, from_numpy(codes))

    # Aggregates.

    def aggregate(self, aggregates: list[Aggregate]) -> None:
        """Compute aggregates, in one query for those over whole matches and one for the others."""
        left = []
        for each in aggregates:
            if each.counts is not None:
                self._aggregates[each] = from_numpy(self._count(each.counts, final=each.final))
            else:
                left.append(each)
        if not left:
            return
        self._make_rows(left)
        computed = [
            (
                each,
                in_columns_zone(each.sql, each.tree, self.table, self._database, partial(_failed, self._bound, each)),
            )
            for each in left
        ]
        for using in {id(each.database): each.database for _, each in computed}.values():
            using.register("rowpattern rows", self.table)
            self._over_rows([(item, each) for item, each in computed if each.database is using], using)

    def _over_rows(self, left: list[tuple[Aggregate, InZone]], using: Database) -> None:
        """Compute aggregates over rows that are registered."""
        nothing: dict[Aggregate, pa.ChunkedArray] = {}
        if len(self._items.empty):
            found = using.query(f'SELECT {_list(left)} FROM "rowpattern rows" WHERE false')
            nothing = {item: values for (item, _), values in zip(left, found.columns)}
        final = [(item, each) for item, each in left if item.final]
        if final:
            self._over_matches(final, nothing, using)
        running = [(item, each) for item, each in left if not item.final]
        if running:
            window = 'OVER (PARTITION BY "match" ORDER BY "row" ROWS UNBOUNDED PRECEDING)'
            calls = ", ".join(f"{each.sql} {window}" for _, each in running)
            found = using.query(f'SELECT {calls} FROM "rowpattern rows" ORDER BY "row"')
            for (item, each), values in zip(running, found.columns):
                if nothing:
                    values = _concatenated(values, nothing[item], len(self._items.empty))  # noqa: PLW2901
                self._aggregates[item] = each.named(values)

    def _make_rows(self, aggregates: list[Aggregate]) -> None:
        matched = self._matched
        context, count = self._context, matched.row_count
        every = np.arange(matched.count)
        match = computed_numbers(context, count, lambda begin, end: matched.of_rows(every, begin, end))
        columns: dict[str, Array] = {
            "match": from_numpy(match),
            "row": from_numpy(computed_numbers(context, count, np.arange)),
            "classifier": from_numpy(matched.classifiers()),
        }
        items: dict[str, RowValue] = {name: item for each in aggregates for name, item in each.reads}
        rows = from_numpy(matched.rows())
        for name, item in items.items():
            if isinstance(item, str):
                columns[name] = take_values(context, self._rows.column(item), rows)
            elif isinstance(item, MatchNumber):
                number = np.asarray(matched.matches.number)
                columns[name] = from_numpy(take_numbers(context, number, match))
            else:
                columns[name] = self._named(matched.classifiers())
        self.table = pa.table(columns)

    def _over_matches(
        self, final: list[tuple[Aggregate, InZone]], nothing: dict[Aggregate, pa.ChunkedArray], using: Database
    ) -> None:
        found = using.query(f'SELECT {_list(final)} FROM "rowpattern rows" GROUP BY "match" ORDER BY "match"')
        place: Integers | None = None
        if len(self._items.empty):
            full = self._matched.length > 0
            place = np.where(full, np.cumsum(full) - 1, int(full.sum()))
        if self._items.per_row:
            place = self._items.match if place is None else self._items.of_matches(place)
        for (item, each), values in zip(final, found.columns):
            if nothing:
                values = _concatenated(values, nothing[item], 1)  # noqa: PLW2901
            found_values = values if place is None else take_values(self._context, values, from_numpy(place))
            self._aggregates[item] = each.named(found_values)

    def _count(self, variables: tuple[str, ...], *, final: bool) -> Integers:
        """Count the rows that are mapped to variables, for each item; the counts are held."""
        matched, items, context = self._matched, self._items, self._context
        running = items.per_row and not final
        with context.limited():
            column = matched.matches.count_rows(list(variables), running=running, **context.remaining)
        context.hold(8 * len(column))
        counts = np.asarray(column)
        if running:
            return items.rows_then(counts, 0)
        return items.of_matches(counts) if items.per_row else counts


def _list(aggregates: list[tuple[Aggregate, InZone]]) -> str:
    return ", ".join(each.sql for _, each in aggregates)


def _failed(bound: BoundClause, aggregate: Aggregate, message: str) -> QueryError:
    blamed = next(one for one in bound.measures if aggregate in dict(one.expression.reads).values())
    return Named.measure(blamed).failed(message)


def _concatenated(values: pa.ChunkedArray, more: pa.ChunkedArray, times: int) -> pa.ChunkedArray:
    return pa.chunked_array([*values.chunks, *more.cast(values.type).chunks * times], values.type)


def measure(
    bound: BoundClause, rows: OrderedPartitions, items: Items, database: Database, context: ExecutionContext
) -> list[Array]:
    """Compute the measures of a clause, one value an item. O(items) and the cost of DuckDB's aggregates."""
    reader = _Reader(bound, rows, items, database, context)
    references = dict(pair for each in bound.measures for pair in each.expression.reads)
    aggregates = list(dict.fromkeys(item for item in references.values() if isinstance(item, Aggregate)))
    left = [each for each in bound.measures if each.expression.only is None]
    names = dict(pair for each in left for pair in each.expression.reads)
    if aggregates:
        try:
            reader.aggregate(aggregates)
        except QueryError as error:
            raise _blamed(bound, aggregates, error, reader.table, database) from None
    alone = {each.name: each.expression.only for each in bound.measures if each.expression.only is not None}
    read = reader.read_all([*alone.values(), *names.values()])
    found = {name: read[item] for name, item in alone.items()}
    if left:
        columns = {name: read[item] for name, item in names.items()}
        together = typed_clause(bound.conditions, bound.measures, rows.table, database, bound.plans)
        types = {name: each.type for name, each in together.aggregates.items() if each.type is not None}
        values = compute(together.measures, ItemInputs(columns, items.count), together.labels, database, types)
        found.update(zip((each.name for each in left), values))
    return [found[each.name] if each.expression.origin else plain_integers(found[each.name]) for each in bound.measures]


def _blamed(
    bound: BoundClause, aggregates: list[Aggregate], error: QueryError, table: pa.Table, database: Database
) -> QueryError:
    """Say which measure DuckDB refuses."""
    if isinstance(error, QueryLimitError) or not table.num_columns:
        # Without columns it was one of the table's that cannot be read.
        return error
    for each in aggregates:
        window = "" if each.final else ' OVER (ORDER BY "row")'
        if (refused := database.refuses(f"{each.sql}{window}", table)) is not None:
            return _failed(bound, each, refused)
    return error
