"""SELECTs with row patterns in windows: what they read, the windows' columns, and the table that is left of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.bind.window import bind_window, joined_name
from rowpattern.sql.duckdb.names import lowered, quoted
from rowpattern.sql.execute.window_columns import window_columns
from rowpattern.sql.parse.window_step import frame_column, measure_column
from rowpattern.sql.planning import planned
from rowpattern.sql.tables.inputs import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.bind.window import BoundWindow
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.parse.parser import ParsedQuery
    from rowpattern.sql.parse.window_step import WindowStep
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["AnsweredWindow", "WindowSteps"]


class AnsweredWindow(NamedTuple):
    """A window that was answered, for explanations."""

    window: BoundWindow
    table: Table


class _Visible(NamedTuple):
    """The columns that a window sees.

    Attributes:
        names: those of FROM that need no qualifier.
        aliases: names that elements of the SELECT list have, where no column has them.
        qualified: where FROM has several tables, the columns of each.
        sql: how the first half writes each column of FROM.
    """

    names: list[str]
    aliases: list[str]
    qualified: dict[str, list[str]]
    sql: dict[str, str]


class WindowSteps:
    """The steps of a query.

    Attributes:
        answered: the windows so far.
    """

    def __init__(
        self, parsed: ParsedQuery, query: Callable[[str], pa.Table], database: Database, context: ExecutionContext
    ) -> None:
        """Take what asks DuckDB for something over the tables of the query."""
        self.answered: list[AnsweredWindow] = []
        self._parsed = parsed
        self._query = query
        self._database = database
        self._context = context
        # What stands in the place of columns that were made up.
        self._filled: dict[str, str] = {}

    def filled(self, sql: str) -> str:
        """Return what was written for a query with the columns of answered steps in their places."""
        for placeholder, text in self._filled.items():
            sql = sql.replace(quoted(placeholder), text)
        return sql

    def answer(self, step: WindowStep) -> pa.Table:
        """Do one step: return the table that the second half reads."""
        visible = self._visible(step)
        windows = [self._bound(step, number, visible) for number in range(len(step.windows))]
        reads = self._reads(windows)
        columns = {name: sql for name, sql in visible.sql.items() if name in reads}
        names = {lowered(name) for name in visible.names}
        ambiguous = [each for each in step.ambiguous if lowered(each.name) in names]
        inputs = [*columns.values(), *(quoted(each.name) for each in ambiguous)]
        listed = ", ".join(f"{sql} AS {quoted(f'input {at}')}" for at, sql in enumerate(inputs)) or "NULL AS nothing"
        self._filled[step.inputs] = listed
        half = self._query(self.filled(step.first))
        self._context.hold(half.nbytes)
        found = _FirstHalf(step, half, len(inputs))
        for placeholder, text in found.items.items():
            self._filled[placeholder] = text
        for at, each in enumerate(ambiguous, len(columns)):
            found.columns[f"name {at}"] = found.inputs[at]
            self._filled[each.placeholder] = quoted(f"name {at}")
        for each in step.ambiguous:
            self._filled.setdefault(each.placeholder, quoted(each.name))
        seen = dict(zip(columns, found.inputs))
        seen |= {name: found.aliases[lowered(name)] for name in visible.aliases if name in reads}
        # A window may read no column, and yet there are rows.
        seen = seen or {"row": pa.chunked_array([from_numpy(np.arange(half.num_rows))])}
        table = Table(pa.table(seen))
        for window in windows:
            self._add(step, window, table, found.columns)
        if not found.columns:
            found.columns["row"] = from_numpy(np.arange(half.num_rows))
        return pa.table(found.columns)

    def _visible(self, step: WindowStep) -> _Visible:
        names: list[str] = []
        if step.source is not None:
            # A name that several tables have is there several times.
            names = list(dict.fromkeys(self._query(self.filled(step.source)).column_names))
        sql = {name: quoted(name) for name in names}
        qualified: dict[str, list[str]] = {}
        for table, source in step.qualified.items():
            qualified[table] = list(dict.fromkeys(self._query(self.filled(source)).column_names))
            for name in qualified[table]:
                sql.setdefault(joined_name(table, name), f"{quoted(table)}.{quoted(name)}")
        known = {lowered(name) for name in names}
        aliases = [each.alias for each in step.items if each.alias is not None and not each.several]
        return _Visible(names, [name for name in aliases if lowered(name) not in known], qualified, sql)

    def _bound(self, step: WindowStep, at: int, visible: _Visible) -> BoundWindow:
        """Look up the names of a window, or find that done in the cache of plans."""
        window = step.windows[at]
        parts = [*visible.names, "", *visible.aliases, ""]
        for table, names in visible.qualified.items():
            parts += [table, *names, ""]
        # Lengths keep names apart that have anything in them.
        schema = "\0".join(f"{len(part)}:{part}" for part in parts)
        key = f"window {window.number}\0{len(self._parsed.sql)}\0{self._parsed.sql}\0{schema}"
        found: BoundWindow = planned(
            "clause",
            key,
            lambda: bind_window(
                window,
                [*visible.names, *visible.aliases],
                step.source_name,
                visible.qualified,
                self._context.check,
            ),
            self._context,
        )
        return found

    @staticmethod
    def _reads(windows: Sequence[BoundWindow]) -> set[str]:
        reads = {name for each in windows for name in each.bound.reads()}
        return reads | {name for each in windows if each.following is not None for name in each.following.reads}

    def _add(self, step: WindowStep, window: BoundWindow, table: Table, columns: dict[str, Array]) -> None:
        """Add what a window gives to the columns of the second half's table."""
        number = window.number
        measures = [measure for of, measure in step.measures if of == number]
        found = window_columns(window, table, measures, self._database, self._context)
        self.answered.append(AnsweredWindow(window, table))
        for name, values in found.measures.items():
            columns[measure_column(number, name)] = values
        if number in step.framed:
            columns[frame_column(number, "partition")] = found.partition
            columns[frame_column(number, "position")] = found.position
            columns[frame_column(number, "first")] = found.first
            columns[frame_column(number, "last")] = found.last


class _FirstHalf:
    """What the first half gave, column by column.

    Attributes:
        items: for each element of the SELECT list, by its placeholder, its columns with their names.
        aliases: the columns of elements that have a name, by that in lower case.
        columns: what the second half reads.
        inputs: what windows read, and columns whose names could be aliases.
    """

    def __init__(self, step: WindowStep, half: pa.Table, inputs: int) -> None:
        self.items: dict[str, str] = {}
        self.aliases: dict[str, Array] = {}
        self.columns: dict[str, Array] = {}
        names, values = half.column_names, half.columns
        at = 0
        for number, item in enumerate(step.items):
            if item.is_null:
                at += 1
                continue
            behind = at + 1
            if item.several:
                behind = names.index(item.placeholder, at)
            texts = []
            for place in range(at, behind):
                own = f"item {number} {place - at}"
                self.columns[own] = values[place]
                texts.append(f"{quoted(own)} AS {quoted(item.alias or names[place])}")
                if item.alias is not None:
                    self.aliases.setdefault(lowered(item.alias), values[place])
            self.items[item.placeholder] = ", ".join(texts)
            at = behind + item.several
        for leaf in step.leaves:
            self.columns[leaf] = values[at]
            at += 1
        self.inputs = values[at : at + inputs]
