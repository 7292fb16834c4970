"""What is to be done for one SELECT with row patterns in windows, as plain data.

Such a SELECT is answered in two halves. The first one is its FROM, WHERE, GROUP BY and HAVING, and gives what the
expressions of the second one read. Between them the windows' columns are computed. The second one is its SELECT list,
QUALIFY, ORDER BY and LIMIT over a table of all that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rowpattern.sql.records import Record

if TYPE_CHECKING:
    from rowpattern.sql.parse.window import PatternWindow

__all__ = [
    "WINDOWS_TABLES",
    "AliasOrColumn",
    "PlainSource",
    "SelectItem",
    "WindowStep",
    "frame_column",
    "measure_column",
    "written_texts",
]

#: How the names of tables begin that the second halves read.
WINDOWS_TABLES = "rowpattern windows "


class SelectItem(NamedTuple):
    """An element of a SELECT list without a window: the first half computes it.

    Attributes:
        placeholder: the name of a column that stands for its columns in the second half.
        alias: its name; None where DuckDB names it, or its columns.
        several: whether it may be several columns, as `*`; a column that says where they end is behind them then.
        is_null: whether it has windows, and only keeps the place of such an element, which GROUP BY 2 counts.
    """

    placeholder: str
    alias: str | None
    several: bool
    is_null: bool = False


class AliasOrColumn(NamedTuple):
    """A name that means the alias of an element with a window where no table of FROM has a column of that name.

    Attributes:
        placeholder: the name of a column that stands for it in the second half.
        name: the name as it was written.
    """

    placeholder: str
    name: str


class PlainSource(NamedTuple):
    """A first half that only reads columns of one table.

    Attributes:
        table: the table's name.
        called: what the query calls it.
        items: for each element of the SELECT list the column's name; None for `*`.
        leaves: the same for what else the second half reads.
    """

    table: str
    called: str
    items: tuple[str | None, ...]
    leaves: tuple[str, ...]


class WindowStep(Record):
    """One SELECT with row patterns in windows.

    Attributes:
        table: the name of the table that the second half reads.
        hidden: how the names of its columns begin that the query cannot have (`WindowMarks.hidden`).
        windows: those that something is called over, and those that WINDOW only defines.
        measures: which measures are called: the window's number and the measure's name.
        framed: the numbers of the windows over whose frames functions are called.
        source: a query without rows over the tables of FROM; None where there are none.
        source_name: what the one table of FROM is called; None where it has no name, or there are several.
        qualified: for each name of several tables a query like `source` over that one's columns.
        first: the first half; the column `inputs` stands in it for what the windows read.
        inputs: the name of that column.
        items: the elements of the SELECT list that the first half computes, in order.
        leaves: the columns behind these, under the names that the second half has for them.
        leaf_texts: what the query has for each of them, for errors; nothing where that is more than a column.
        ambiguous: names that are columns of FROM or aliases.
        plain: what the first half reads, where it needs no DuckDB; None otherwise.
        shown: where the whole second half is a list of columns, for each the placeholder of an element of the first
            one, or a measure (window, name) and what it is called; None otherwise.
    """

    table: str
    hidden: str
    windows: tuple[PatternWindow, ...]
    measures: tuple[tuple[int, str], ...]
    framed: frozenset[int]
    source: str | None
    source_name: str | None
    qualified: dict[str, str]
    first: str
    inputs: str
    items: tuple[SelectItem, ...]
    leaves: tuple[str, ...]
    leaf_texts: tuple[str, ...]
    ambiguous: tuple[AliasOrColumn, ...]
    plain: PlainSource | None
    shown: tuple[str | tuple[int, str, str], ...] | None


def written_texts(step: WindowStep) -> dict[str, str]:
    """Return what the query has for the columns of the second half that are not its own, by their names."""
    called = {window.number: window.name or "(...)" for window in step.windows}
    texts = {
        measure_column(step.hidden, window, name): f"{name} OVER {called[window]}" for window, name in step.measures
    }
    texts |= {name: text or "an expression" for name, text in zip(step.leaves, step.leaf_texts)}
    return texts | {each.placeholder: each.name for each in step.ambiguous}


def measure_column(hidden: str, window: int, measure: str) -> str:
    """Return the name of the column that holds a measure's values in the table of the second half."""
    return f"{hidden}measure {window} {measure}"


def frame_column(hidden: str, window: int, what: str) -> str:
    """Return the name of a column about a window's frames: `partition`, `position`, `first` or `last`."""
    return f"{hidden}frame {window} {what}"
