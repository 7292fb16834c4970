"""Measures: what navigation and aggregates read from matches, and expressions over that.

An *item* is what gets measures: a match (ONE ROW PER MATCH), or a row of a match and then each empty match (ALL ROWS
PER MATCH).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.inputs import Aggregate, Inside, Label, MatchNumber, Navigation, Value
from rowpattern.sql.matching import compute
from rowpattern.sql.problems import problem
from rowpattern.sql.tables import plain_integers
from rowpattern.sql.workers import in_threads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rowpattern.sql.arrange import Integers, Rows
    from rowpattern.sql.binding import BoundClause
    from rowpattern.sql.database import Database
    from rowpattern.sql.inputs import Input, RowValue
    from rowpattern.sql.matching import Matched
    from rowpattern.sql.running import Run
    from rowpattern.sql.tables import Array

__all__ = ["Items", "measure"]


class Items:
    """What gets measures.

    Attributes:
        per_row: rows of matches and then empty matches, instead of matches.
        count: how many there are.
    """

    def __init__(self, matched: Matched, *, per_row: bool) -> None:
        """Number the items."""
        self.per_row = per_row
        self.matched = matched
        self.empty: Integers = np.flatnonzero(matched.length == 0)
        self.count = matched.row_count + len(self.empty) if per_row else matched.count

    @cached_property
    def match(self) -> Integers:
        """The match of each; made where it is asked for, as it is as large as a column."""
        every = np.arange(self.matched.count)
        return np.concatenate([np.repeat(every, self.matched.length), self.empty]) if self.per_row else every

    def row(self) -> Integers:
        """Return the input's row of each item that is a row, and of each empty match, the row where it starts."""
        rows: Integers = np.asarray(self.matched.matches.rows.row)
        return np.concatenate([rows, self.matched.start[self.empty]]) if len(self.empty) else rows

    def rows_then(self, of_rows: Integers, of_empty: int) -> Integers:
        """Return one number for each row and the same one for each empty match."""
        return (
            np.concatenate([of_rows, np.full(len(self.empty), of_empty, dtype=np.int64)])
            if len(self.empty)
            else of_rows
        )


class _Reader:
    """Gives each input a column with one value an item."""

    def __init__(self, bound: BoundClause, rows: Rows, items: Items, database: Database, run: Run) -> None:
        self._bound = bound
        self._rows = rows
        self._items = items
        self._matched = items.matched
        self._database = database
        self._run = run
        self._aggregates: dict[Aggregate, pa.Array] = {}
        # Rows of matches, for aggregates.
        self.table: pa.Table = pa.table({})

    def read_all(self, wanted: Iterable[Input]) -> dict[Input, Array]:
        """Read inputs, several navigations at once.

        The rows to which one leads are as large as a column, and are let go when all that is read there is read.
        """
        found: dict[Input, Array] = {}
        groups: dict[Navigation, list[Value | Inside | Label]] = {}
        for item in dict.fromkeys(wanted):
            if isinstance(item, MatchNumber):
                found[item] = pa.array(np.asarray(self._matched.matches.number)[self._items.match])
            elif isinstance(item, Aggregate):
                found[item] = self._aggregates[item]
            else:
                assert isinstance(item, (Value, Inside, Label))  # noqa: S101 - running aggregates stand in conditions
                groups.setdefault(item.at, []).append(item)
        for values in in_threads(self._run.threads, self._read_at, list(groups.items()), self._items.count):
            found.update(values)
        return found

    def _read_at(self, group: tuple[Navigation, list[Value | Inside | Label]]) -> list[tuple[Input, Array]]:
        at, items = group
        if at == Navigation() and self._each_has_a_row and all(isinstance(item, Label) for item in items):
            # Each row's own.
            return [(item, self._named(self._matched.labels(), None)) for item in items]
        places = self._rows_at(at)
        outside = places < 0
        within = not outside.any()
        rows = pa.array(places) if within else pa.array(places, mask=outside)
        found: list[tuple[Input, Array]] = []
        for item in items:
            if isinstance(item, Value):
                values = self._rows.column(item.column)
                self._run.hold(len(places) * max(1, values.nbytes // max(1, len(values))))
                # The places are our own, so they need no check.
                found.append((item, pc.take(values, rows, boundscheck=False)))
            elif isinstance(item, Inside):
                found.append((item, pa.array(~outside)))
            else:
                found.append((item, self._labels(places)))
        return found

    @property
    def _each_has_a_row(self) -> bool:
        return self._items.per_row and not len(self._items.empty)

    def _rows_at(self, at: Navigation) -> Integers:
        """Return the row to which navigation leads from each item; -1 where there is none."""
        places = self._logical(at)
        if not at.rows:
            return places
        low, high = (bound[self._items.match] for bound in self._matched.partition_bounds())
        # Offsets past any table are cut when they are read, so this cannot overflow.
        moved = places + at.rows
        return np.where((places >= 0) & (moved >= low) & (moved < high), moved, -1)

    def _logical(self, at: Navigation) -> Integers:
        matched, items = self._matched, self._items
        running = items.per_row and not at.final
        if at.variables is None:
            places = self._among_all(at, running=running)
        else:
            column = matched.matches.navigate(list(at.variables), first=at.first, offset=at.offset, running=running)
            places = np.asarray(column)
        if not items.per_row:
            return places
        return items.rows_then(places, -1) if running else places[items.match]

    def _among_all(self, at: Navigation, *, running: bool) -> Integers:
        matched = self._matched
        start, length = matched.start, matched.length
        if running:
            rows = np.asarray(matched.matches.rows.row)
            if at.offset == 0 and not at.first:
                return rows
            start, length = np.repeat(start, length), rows + 1 - np.repeat(start, length)
        places = start + at.offset if at.first else start + length - 1 - at.offset
        return np.where(at.offset < length, places, -1)

    def _labels(self, rows: Integers) -> pa.Array:
        matched, match = self._matched, self._items.match
        places = rows - matched.start[match]
        inside = (places >= 0) & (places < matched.length[match]) & (rows >= 0)
        labels = matched.labels()
        codes = np.zeros(len(places), dtype=np.uint8)
        codes[inside] = labels[(places + matched.first[match])[inside]]
        return self._named(codes, ~inside)

    def _named(self, codes: np.ndarray[Any, Any], without: np.ndarray[Any, Any] | None) -> pa.Array:
        names = pa.array(self._bound.variables, pa.string())
        return names.take(pa.array(codes, mask=without))

    # Aggregates.

    def aggregate(self, aggregates: list[Aggregate]) -> None:
        """Compute aggregates, in one query for those over whole matches and one for the others."""
        left = []
        for each in aggregates:
            if each.counts is not None:
                self._aggregates[each] = pa.array(self._count(each.counts, final=each.final))
            else:
                left.append(each)
        if not left:
            return
        self._register_rows(left)
        nothing = (
            self._database.query(f'SELECT {_list(left)} FROM "rowpattern rows" WHERE false')
            if len(self._items.empty)
            else None
        )
        final = [each for each in left if each.final]
        if final:
            self._over_matches(final, left, nothing)
        running = [each for each in left if not each.final]
        if running:
            window = 'OVER (PARTITION BY "match" ORDER BY "row" ROWS UNBOUNDED PRECEDING)'
            calls = ", ".join(f"{each.sql} {window}" for each in running)
            found = self._database.query(f'SELECT {calls} FROM "rowpattern rows" ORDER BY "row"')
            for each, values in zip(running, found.columns):
                if nothing is not None:
                    values = _concatenated(values, nothing.column(left.index(each)), len(self._items.empty))  # noqa: PLW2901
                self._aggregates[each] = values

    def _register_rows(self, aggregates: list[Aggregate]) -> None:
        matched = self._matched
        rows = np.asarray(matched.matches.rows.row)
        match = np.repeat(np.arange(matched.count), matched.length)
        columns: dict[str, Array] = {
            "match": pa.array(match),
            "row": pa.array(np.arange(len(rows))),
            "label": pa.array(matched.labels()),
        }
        items: dict[str, RowValue] = {name: item for each in aggregates for name, item in each.reads}
        taken = pa.array(rows)
        for name, item in items.items():
            if isinstance(item, str):
                columns[name] = self._rows.column(item).take(taken)
                self._run.hold(columns[name].nbytes)
            elif isinstance(item, MatchNumber):
                columns[name] = pa.array(np.asarray(matched.matches.number)[match])
            else:
                columns[name] = self._named(matched.labels(), None)
        self.table = pa.table(columns)
        self._database.register("rowpattern rows", self.table)

    def _over_matches(self, final: list[Aggregate], all_of_them: list[Aggregate], nothing: pa.Table | None) -> None:
        found = self._database.query(f'SELECT {_list(final)} FROM "rowpattern rows" GROUP BY "match" ORDER BY "match"')
        place: Integers | None = None
        if len(self._items.empty):
            full = self._matched.length > 0
            place = np.where(full, np.cumsum(full) - 1, int(full.sum()))
        if self._items.per_row:
            place = self._items.match if place is None else place[self._items.match]
        for each, values in zip(final, found.columns):
            if nothing is not None:
                values = _concatenated(values, nothing.column(all_of_them.index(each)), 1)  # noqa: PLW2901
            self._aggregates[each] = values if place is None else values.take(pa.array(place))

    def _count(self, variables: tuple[str, ...], *, final: bool) -> Integers:
        """Count the rows that are mapped to variables, by sums over all rows of matches."""
        matched, items = self._matched, self._items
        if len(variables) == len(self._bound.variables):
            before = np.arange(matched.row_count + 1)
        else:
            counted = np.isin(matched.labels(), [self._bound.variables.index(name) for name in variables])
            before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counted)])
        if items.per_row and not final:
            rows = before[1:] - np.repeat(before[matched.first], matched.length)
            return items.rows_then(rows, 0)
        counts: Integers = before[matched.first + matched.length] - before[matched.first]
        return counts[items.match] if items.per_row else counts


def _list(aggregates: list[Aggregate]) -> str:
    return ", ".join(each.sql for each in aggregates)


def _concatenated(values: pa.ChunkedArray, more: pa.ChunkedArray, times: int) -> pa.ChunkedArray:
    return pa.chunked_array([*values.chunks, *more.cast(values.type).chunks * times], values.type)


def measure(bound: BoundClause, rows: Rows, items: Items, database: Database, run: Run) -> list[Array]:
    """Compute the measures of a clause, one value an item. O(items) and the cost of DuckDB's aggregates."""
    reader = _Reader(bound, rows, items, database, run)
    inputs = dict(pair for each in bound.measures for pair in each.computed.reads)
    aggregates = list(dict.fromkeys(item for item in inputs.values() if isinstance(item, Aggregate)))
    left = [each for each in bound.measures if each.computed.only is None]
    names = dict(pair for each in left for pair in each.computed.reads)
    if aggregates:
        try:
            reader.aggregate(aggregates)
        except QueryError as error:
            raise _blamed(bound, aggregates, error, reader.table, database) from None
    alone = {each.name: each.computed.only for each in bound.measures if each.computed.only is not None}
    read = reader.read_all([*alone.values(), *names.values()])
    found = {name: read[item] for name, item in alone.items()}
    if left:
        columns = {name: read[item] for name, item in names.items()}
        computed = [(f"measure {each.name}", each.computed, each.place) for each in left]
        values = compute(computed, columns, items.count, database)
        found.update(zip((each.name for each in left), values))
    return [found[each.name] if each.computed.origin else plain_integers(found[each.name]) for each in bound.measures]


def _blamed(
    bound: BoundClause, aggregates: list[Aggregate], error: QueryError, table: pa.Table, database: Database
) -> QueryError:
    """Say which measure DuckDB refuses."""
    if isinstance(error, QueryLimitError):
        return error
    for each in aggregates:
        window = "" if each.final else ' OVER (ORDER BY "row")'
        if (refused := database.refuses(f"{each.sql}{window}", table)) is not None:
            measures = (one for one in bound.measures if each in dict(one.computed.reads).values())
            blamed = next(measures)
            for name, item in each.reads:
                if isinstance(item, str):
                    refused = refused.replace(f'"{name}"', item)
            return problem(f"measure {blamed.name}: {refused}", blamed.place, QueryError)
    return error
