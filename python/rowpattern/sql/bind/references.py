"""What an expression of a clause reads, once its navigation is taken out of it.

`LAST(A.price) - FIRST(B.price, 1)` becomes `"i0" - "i1"` over two references. References are columns of a table that is
handed to DuckDB, one row for each row of the answer.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Union

from rowpattern.sql.expression.nodes import Column, text_of, walk
from rowpattern.sql.parse.clause import GIVEN
from rowpattern.sql.records import Record, field

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from rowpattern.sql.expression.nodes import Node

__all__ = [
    "HERE",
    "Aggregate",
    "BoundExpression",
    "Classifier",
    "MatchNumber",
    "Navigation",
    "Reference",
    "References",
    "RowClassifier",
    "RowExists",
    "RowValue",
    "RunningAggregate",
    "Value",
    "column_away",
    "computed_source",
    "depends_on_the_match",
    "source_text",
    "value_away",
]


class Navigation(Record):
    """Which row to read, seen from a row of a match (ISO/IEC 19075-5, section 5.6).

    Attributes:
        variables: rows mapped to these primary variables; None for all rows of the match.
        first: count from the first such row, or from the last.
        offset: how many such rows to go on, or back.
        rows: how many rows of the partition to go on from there (NEXT), or back (PREV) when it is negative.
        final: among all rows of the match, or only up to the current one.
    """

    variables: tuple[str, ...] | None = None
    first: bool = False
    offset: int = 0
    rows: int = 0
    final: bool = False

    @property
    def is_of_current_row(self) -> bool:
        """Whether it leads to the current row, or by rows of the partition from there."""
        return self.variables is None and not (self.first or self.offset or self.final)


#: The current row.
HERE = Navigation()


class Value(Record):
    """A column's value at the row to which `at` leads; NULL where there is none."""

    column: str
    at: Navigation


class RowExists(Record):
    """Whether `at` leads to a row."""

    at: Navigation


class Classifier(Record):
    """The classifier of the row to which `at` leads; NULL where it is not in the match."""

    at: Navigation


class MatchNumber(Record):
    """The match's number in its partition, from 1."""


class RowClassifier(Record):
    """The classifier of a row that is being aggregated."""


#: What a row that is being aggregated gives: the value of a column, its classifier, or the match's number.
RowValue = Union[str, RowClassifier, MatchNumber]


class RunningAggregate(Record):
    """An aggregate over rows of the match that are mapped to variables; in a condition, of the match so far.

    Attributes:
        sql: the call, over columns named as in `reads`.
        reads: what each of the rows gives to it, by its names for that.
        variables: rows mapped to these primary variables are aggregated; None for all rows of the match.
        tree: the call as a tree.
        by_place: what the engine calls it where it is the first or the last value that is not NULL; None otherwise.
    """

    sql: str
    reads: tuple[tuple[str, RowValue], ...]
    variables: tuple[str, ...] | None
    tree: Node | None = field(default=None, compare=False)
    by_place: str | None = field(default=None, compare=False)

    @property
    def columns(self) -> dict[str, str]:
        """The columns among what it reads, by its names for them."""
        return {name: item for name, item in self.reads if isinstance(item, str)}


class Aggregate(Record):
    """An aggregate over rows of the match.

    Attributes:
        sql: the call, over columns named as in `reads`; rows of other variables are filtered out in it, by the column
            `classifier`, the index of the row's variable among the pattern's.
        reads: what each of the rows gives to it.
        final: over all rows of the match, or only up to the current one.
        counts: rows mapped to these primary variables are counted, and that is all; None otherwise.
        tree: the call as a tree.
        of_rows: the same over the rows that are mapped to its variables, without a filter; None where rows are counted.
    """

    sql: str
    reads: tuple[tuple[str, RowValue], ...]
    final: bool
    counts: tuple[str, ...] | None
    tree: Node | None = field(default=None, compare=False)
    of_rows: RunningAggregate | None = field(default=None, compare=False)


Reference = Union[Value, RowExists, Classifier, MatchNumber, Aggregate, RunningAggregate]


_AWAY = "rowpattern value"
_COMPUTED = "rowpattern expression "


def computed_source(sql: str) -> str:
    """Return the name of the column of which an expression over a row's columns is the value."""
    return f"{_COMPUTED}{sql}"


def source_text(column: str) -> str:
    """Return a column's name, or the expression that it is the value of."""
    return column.removeprefix(_COMPUTED)


def column_away(column: str, distance: int) -> str:
    """Return the name of the column that has for each row the value so many values on in another one."""
    return f"{_AWAY} {distance} of {column}"


def value_away(name: str) -> tuple[str, int] | None:
    """Return of what column, and how many values on, a column has the values; None where it is one of the table's."""
    if not name.startswith(_AWAY):
        return None
    distance, _, column = name.removeprefix(_AWAY).strip().partition(" of ")
    return column, int(distance)


def depends_on_the_match(item: Reference) -> bool:
    """Say whether a reference of a condition is more than the value of a row at a fixed distance."""
    if isinstance(item, (Value, RowExists)):
        return not item.at.is_of_current_row
    return True


class References(Record, frozen=False):
    """Gives each reference a name; the same reference has one name in a clause.

    Attributes:
        computed: expressions over a row's columns of which references read values in other rows, by the names that
            `computed_source` gives.
    """

    names: dict[Reference, str] = field(default_factory=dict)
    by_name: dict[str, Reference] = field(default_factory=dict)
    row_names: dict[RowValue, str] = field(default_factory=dict)
    computed: dict[str, Node] = field(default_factory=dict)

    def row_name(self, item: RowValue) -> str:
        """Return the name of what rows that are aggregated give."""
        return self.row_names.setdefault(item, f"r{len(self.row_names)}")

    def name(self, item: Reference) -> str:
        """Return the name of a reference."""
        found = self.names.get(item)
        if found is None:
            found = self.names[item] = f"i{len(self.names)}"
            self.by_name[found] = item
        return found

    def named(self, names: AbstractSet[str]) -> tuple[tuple[str, Reference], ...]:
        """Return the references of these names, in the order in which they were named; linear in `names`."""
        found = sorted((name for name in names if name in self.by_name), key=lambda name: int(name[1:]))
        return tuple((name, self.by_name[name]) for name in found)


class BoundExpression(Record):
    """An expression over references.

    Attributes:
        sql: DuckDB's SQL.
        text: as the query has it, for errors and explanations.
        reads: the references by name.
        tree: the same as a tree over references.
    """

    sql: str
    text: str
    reads: tuple[tuple[str, Reference], ...]
    tree: Node | None = field(default=None, compare=False)

    @cached_property
    def depends(self) -> bool:
        """Whether it depends on what the match has mapped."""
        return any(depends_on_the_match(item) for _, item in self.reads)

    @cached_property
    def only(self) -> Reference | None:
        """The reference that the whole expression is, where it is one."""
        if len(self.reads) == 1 and self.sql == f'"{self.reads[0][0]}"':
            return self.reads[0][1]
        return None

    def written_as(self, name: str, query: str) -> str:
        """Return how the query writes a reference; nothing where it does not. Takes time linear in the expression."""
        columns = (each for each in walk(self.tree) if isinstance(each, Column)) if self.tree is not None else ()
        return next((text_of(each, query) for each in columns if each.names[0] == name), "")

    @cached_property
    def origin(self) -> str | None:
        """The column of which every value is one, where the expression is nothing but navigation."""
        only = self.only
        if not isinstance(only, Value):
            return None
        away = value_away(only.column)
        column = only.column if away is None else away[0]
        return None if column.startswith((_COMPUTED, GIVEN)) else column
