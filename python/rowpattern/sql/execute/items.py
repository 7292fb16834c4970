"""Items: the rows of an answer, and what the core reads for each of them from matches.

An *item* is what gets measures: a match (ONE ROW PER MATCH), or a row (ALL ROWS PER MATCH).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import numpy as np
import pyarrow as pa

from rowpattern._core import AnswerItems
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.arrow.chunks import take_values
from rowpattern.sql.arrow.stored import stored, whole
from rowpattern.sql.bind.references import Aggregate, Classifier, MatchNumber, RowExists, Value
from rowpattern.sql.runtime.threads import in_threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rowpattern._core import Matches
    from rowpattern.sql.arrow.arrays import Array, Integers
    from rowpattern.sql.arrow.stored import StoredColumn
    from rowpattern.sql.bind.references import Navigation, Reference
    from rowpattern.sql.execute.sort import OrderedPartitions, PlacedColumn
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["Items", "Shown", "core_read"]

# So few values take next to no memory, unless they are texts: at most 128 bits each, and whether they are NULL.
_FEW_ITEMS = 1000
_MOST_ITEM_BYTES = 17
_TEXTS = frozenset(kind.id for kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.binary(1)))

# What the core reads, and for a column's values the column.
_Wanted = tuple[tuple[Any, ...], Optional["PlacedColumn"]]


class Shown(NamedTuple):
    """Which items there are.

    Attributes:
        per_row: each row of each match, instead of each match.
        excluded: rows in exclusions too.
        empty: and each empty match, as the row where it begins.
        unmatched: and rows that are in no match.
    """

    per_row: bool
    excluded: bool = False
    empty: bool = False
    unmatched: bool = False


class Items:
    """What gets measures.

    Attributes:
        matches: the matches.
        shown: which items there are.
        count: how many there are.
    """

    def __init__(self, matches: Matches, shown: Shown, rows: OrderedPartitions, context: ExecutionContext) -> None:
        """Find the items of matches in these rows. Linear in the matches."""
        self.matches = matches
        self.shown = shown
        self._rows = rows
        self._context = context
        # Arrays that were made here, by their addresses, so that these stay theirs.
        self._own: dict[int, Array] = {}
        # Columns whose own values are to be read with what is read next, and these values.
        self._along: Sequence[PlacedColumn] = ()
        self._along_wanted: list[_Wanted] = []
        self._along_read: list[Array] | None = None
        order = None if rows.order is None else from_numpy(rows.order)
        options: dict[str, Any] = {**shown._asdict(), **context.remaining}
        with context.limited():
            self._core = AnswerItems(matches, rows.count, from_numpy(rows.starts), order, **options)
        self.count = len(self._core)

    @property
    def matched(self) -> Items:
        """The items that are not rows of no match."""
        # None means these items themselves: a reference to itself would keep the rows until the garbage collector runs.
        return self if self._matched is None else self._matched

    @cached_property
    def _matched(self) -> Items | None:
        if not self.shown.unmatched:
            return None
        found = Items(self.matches, self.shown._replace(unmatched=False), self._rows, self._context)
        return None if found.count == self.count else found

    @property
    def first_row(self) -> int | None:
        """The row of the first item, where the items are rows of the table that follow one another."""
        return self._core.first_row

    def spread(self, values: Array) -> Array:
        """Return for each item its value of those for `matched` items; NULL for rows of no match. It is held."""
        if self.matched is self:
            return values
        (match,) = self.read_numbers(("match",))
        is_matched = np.asarray(match.is_valid())
        self._context.hold(9 * self.count)
        return take_values(self._context, values, from_numpy(np.cumsum(is_matched) - 1, ~is_matched))

    def read(self, wanted: Iterable[Reference]) -> dict[Reference, Array]:
        """Read references but aggregates that are more than counts of rows. Columns are held."""
        items = list(dict.fromkeys(wanted))
        return dict(zip(items, self.read_each(items)))

    def read_each(self, items: Sequence[Reference]) -> list[Array]:
        """Read references, as `read`, and return the columns in the same order."""
        return self._read([self._wanted(item) for item in items])

    def has_made(self, values: Array) -> bool:
        """Say whether the memory of values was made here, so that nobody else has it."""
        return id(values) in self._own

    def own_values(self, columns: Sequence[PlacedColumn], partition_keys: int = 0) -> list[Array]:
        """Read columns at the items' own rows: of a match its first one. They are held.

        Args:
            columns: the columns.
            partition_keys: how many of them, which are first, partition the rows.
        """
        if columns is self._along and self._along_read is not None:
            return self._along_read
        self._along_wanted = []
        return self._read(_own_wanted(columns, partition_keys))

    def read_along(self, columns: Sequence[PlacedColumn], partition_keys: int) -> None:
        """Have `own_values` of these columns read with whatever is read next: over few rows each call counts."""
        self._along, self._along_wanted = columns, _own_wanted(columns, partition_keys)

    def own_classifiers(self) -> Array:
        """Read the classifiers of the items' own rows."""
        return self._read([(("classifier", (None, False, 0, 0, True)), None)])[0]

    def aggregate(
        self,
        aggregates: Sequence[tuple[str, int | None, Sequence[str] | None, bool, str]],
        columns: Sequence[tuple[str, pa.ChunkedArray, bool]],
    ) -> list[pa.Array]:
        """Compute aggregates, as the core takes them; columns are held.

        Raises:
            QueryError: a value does not fit into its type.
        """
        context = self._context
        with context.limited():
            found = self._core.aggregate(aggregates, columns, threads=context.threads, **context.remaining)
        arrays = [pa.array(column) for column in found]
        context.hold(sum(array.nbytes for array in arrays))
        return arrays

    def read_numbers(self, *reads: tuple[Any, ...]) -> list[pa.Array]:
        """Read what the core has as numbers; they are held."""
        return [column if isinstance(column, pa.Array) else column.combine_chunks() for column in self._plain(reads)]

    def table_rows(self) -> Integers:
        """Return for each item its own row in the table; they are held."""
        return np.asarray(self.read_numbers(("row", None, True))[0])

    def _wanted(self, item: Reference) -> _Wanted:
        return core_read(item), self._rows.placed(item.column) if isinstance(item, Value) else None

    def _plain(self, reads: Sequence[tuple[Any, ...]]) -> list[Array]:
        return self._read([(each, None) for each in reads])

    def _read(self, wanted: Sequence[_Wanted]) -> list[Array]:
        """Read what the core takes in one call; other columns' rows too, which Arrow takes then."""
        if not wanted:
            return []
        if self._along_wanted:
            along, self._along_wanted = self._along_wanted, []
            found = self._read([*wanted, *along])
            self._along_read = found[len(wanted) :]
            return found[: len(wanted)]
        numbers: dict[tuple[int, bool], int] = {}
        columns: list[tuple[pa.ChunkedArray, bool]] = []
        forms: list[StoredColumn] = []
        reads: list[tuple[Any, ...]] = []
        for read, column in wanted:
            if column is None:
                reads.append(read)
                continue
            key = (id(column.values), column.through_order)
            if key not in numbers:
                form = stored(column.values)
                if form is None:
                    # The rows from which Arrow takes the values.
                    reads.append(("row", read[1], column.through_order))
                    continue
                numbers[key] = len(columns)
                columns.append((form.values, column.through_order))
                forms.append(form)
            reads.append((*read, numbers[key]))
        context = self._context
        with context.limited():
            found = self._core.read(reads, columns, threads=context.threads, **context.remaining)
        arrays = [[pa.array(chunk) for chunk in chunks] for chunks in found]
        context.hold(sum(self._bytes(chunk) for chunks in arrays for chunk in chunks))
        by_arrow = [
            (at, column) for at, (_, column) in enumerate(wanted) if column is not None and reads[at][0] == "row"
        ]
        taken = self._taken_by_arrow(by_arrow, arrays) if by_arrow else {}
        columns_read: list[Array] = []
        for at, read in enumerate(reads):
            if at in taken:
                columns_read.append(taken[at])
            elif read[0] == "value":
                form = forms[read[2]]
                columns_read.append(whole([form.of_type(chunk) for chunk in arrays[at]], form.kind))
                self._note_own(columns_read[-1])
            elif read[0] == "classifier":
                columns_read.append(whole([chunk.view(pa.string()) for chunk in arrays[at]], pa.string()))
            else:
                columns_read.append(arrays[at][0])
                self._note_own(columns_read[-1])
        return columns_read

    def _bytes(self, chunk: pa.Array) -> int:
        # Of few numbers it takes longer to ask than to read them.
        return chunk.nbytes if self.count > _FEW_ITEMS or chunk.type.id in _TEXTS else _MOST_ITEM_BYTES * self.count

    def _note_own(self, values: Array) -> None:
        self._own[id(values)] = values

    def _taken_by_arrow(
        self, columns: Sequence[tuple[int, PlacedColumn]], rows_read: Sequence[Sequence[pa.Array]]
    ) -> dict[int, Array]:
        """Have Arrow take values of columns that the core does not take, by the numbers of what was read."""
        context = self._context

        def take(item: tuple[int, PlacedColumn]) -> Array:
            (rows,), column = rows_read[item[0]], item[1]
            taken = take_values(context, column.values, rows)
            context.release(rows.nbytes)
            return taken

        return dict(zip((at for at, _ in columns), in_threads(context.threads, take, columns, self.count)))


def _own_wanted(columns: Sequence[PlacedColumn], partition_keys: int) -> list[_Wanted]:
    rows = ["partition" if at < partition_keys and _same_where_equal(each) else None for at, each in enumerate(columns)]
    return [(("value", row), column) for row, column in zip(rows, columns)]


def core_read(item: Reference) -> tuple[Any, ...]:
    """Return what the core reads for a reference, of a value without its column.

    Of aggregates only counts of rows are read.
    """
    if isinstance(item, MatchNumber):
        return ("number",)
    if isinstance(item, Aggregate):
        assert item.counts is not None  # noqa: S101 - others are not read here
        return ("count", item.counts, not item.final)
    assert isinstance(item, (Value, RowExists, Classifier))  # noqa: S101 - running aggregates stand in conditions
    kind = "value" if isinstance(item, Value) else "exists" if isinstance(item, RowExists) else "classifier"
    return (kind, _core_navigation(item.at))


def _core_navigation(at: Navigation) -> tuple[Any, ...]:
    return (at.variables, at.first, at.offset, at.rows, not at.final)


def _same_where_equal(column: PlacedColumn) -> bool:
    """Say whether equal values of a column are the same, so that that of a partition's first row can be read."""
    types, kind = pa.types, column.values.type
    return bool(
        types.is_integer(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_boolean(kind)
        or types.is_date32(kind)
        or types.is_timestamp(kind)
    )
