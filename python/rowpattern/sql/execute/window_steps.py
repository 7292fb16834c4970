"""SELECTs with row patterns in windows: what they read, the windows' columns, and the table that is left of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError, UnknownVariableError
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.bind.parameters import bound_with_values, parameters_key, with_types
from rowpattern.sql.bind.window import bind_window, joined_name
from rowpattern.sql.duckdb.names import lowered, quoted
from rowpattern.sql.execute.subqueries import with_computed_subqueries
from rowpattern.sql.execute.window_columns import window_columns
from rowpattern.sql.expression.parameters import has_parameter, with_values
from rowpattern.sql.parse.window_step import frame_column, measure_column, written_texts
from rowpattern.sql.planning import planned
from rowpattern.sql.records import replace
from rowpattern.sql.tables.answers import Answer, AnswerColumn
from rowpattern.sql.tables.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.bind.window import BoundWindow
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.window_columns import WindowColumns
    from rowpattern.sql.parse.parsed_query import ParsedQuery
    from rowpattern.sql.parse.window_step import SelectItem, WindowStep
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["AnsweredWindow", "WindowSteps"]


class AnsweredWindow(NamedTuple):
    """A window that was answered, for explanations."""

    step: WindowStep
    window: BoundWindow
    columns: WindowColumns


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

    def __init__(  # noqa: PLR0917 - used once
        self,
        parsed: ParsedQuery,
        tables: Mapping[str, Table],
        query: Callable[[str, str], pa.Table],
        text: Callable[[int | None, str], pa.Table],
        database: Database,
        context: ExecutionContext,
    ) -> None:
        """Take the tables that the query names, and what executes SQL over them.

        Args:
            parsed: the query.
            tables: those that it names.
            query: executes SQL that was made of a text of the query's, which comes behind it.
            text: executes a text of the query's with its own steps.
            database: the query's connection.
            context: the limits of the query.
        """
        self.answered: list[AnsweredWindow] = []
        self._parsed = parsed
        self._tables = tables
        self._query = query
        self._text = text
        self._database = database
        self._context = context
        # What stands in the place of columns that were made up.
        self._filled: dict[str, str] = {}

    def filled(self, sql: str) -> str:
        """Return what was written for a query with the columns of answered steps in their places."""
        for placeholder, text in self._filled.items():
            sql = sql.replace(quoted(placeholder), text)
        return sql

    def with_written_texts(self, message: str) -> str:
        """Return a message of DuckDB's with what the query has for names that are not its own."""
        steps = (each for some in self._parsed.windows.values() for each in some)
        texts = {name: text for each in steps for name, text in written_texts(each).items()}
        for name, text in sorted(texts.items(), key=lambda each: -len(each[0])):
            message = message.replace(quoted(name), text).replace(name, text)
        return message

    def answer(self, step: WindowStep) -> pa.Table:
        """Do one step: return the table that the second half reads."""
        found = self._read_plainly(step) or self._asked(step)
        columns = found.columns
        for window in found.windows:
            columns.update(self._columns(step, window, found.table))
        return pa.table(columns or {"row": from_numpy(np.arange(found.table.rows))})

    def shown(self, step: WindowStep) -> Answer | None:
        """Do the one step of a query whose second half is a list of columns; None where DuckDB has to be asked."""
        found = self._read_plainly(step)
        if step.shown is None or found is None:
            return None
        measures: dict[str, Array] = {}
        origins: dict[str, str | None] = {}
        for window in found.windows:
            measures.update(self._columns(step, window, found.table))
            origins |= {
                measure_column(step.hidden, window.number, each.name): each.expression.origin
                for each in window.bound.measures
            }
        columns: list[AnswerColumn] = []
        for each in step.shown:
            if isinstance(each, str):
                columns += [AnswerColumn(name, found.table.column(own), own) for name, own in found.names[each]]
            else:
                number, measure, alias = each
                name = measure_column(step.hidden, number, measure)
                columns.append(AnswerColumn(alias, measures[name], origins[name]))
        return Answer(columns)

    def _read_plainly(self, step: WindowStep) -> _FirstHalf | None:
        """Take the columns of the one table that a step reads; None where they are not that plain."""
        if step.plain is None or step.plain.table not in self._tables:
            return None
        table = self._tables[step.plain.table]
        names = {lowered(name): name for name in table.names}
        wanted = [lowered(each) for each in (*step.plain.items, *step.plain.leaves) if each is not None]
        if len(names) < len(table.names) or not names.keys() >= set(wanted):
            return None
        visible = _Visible(table.names, [], {}, {})
        try:
            windows = [self._bound(step, number, visible) for number in range(len(step.windows))]
        except (QueryError, UnknownVariableError):
            if all(item.alias is None for item in step.items):
                raise
            # It may be a name of the SELECT list.
            return None
        found = _FirstHalf(table, windows)
        for item, column in zip(step.items, step.plain.items):
            own = table.names if column is None else [names[lowered(column)]]
            called = [item.alias or name for name in own]
            found.add_item(item, called, [table.column(name) for name in own])
            found.names[item.placeholder] = list(zip(called, own))
        for leaf, column in zip(step.leaves, step.plain.leaves):
            found.columns[leaf] = table.column(names[lowered(column)])
        for each in step.ambiguous:
            name = names.get(lowered(each.name))
            found.texts[each.placeholder] = quoted(each.name)
            if name is not None:
                found.columns[each.placeholder] = table.column(name)
                found.texts[each.placeholder] = quoted(each.placeholder)
        self._filled |= found.texts
        return found

    def _asked(self, step: WindowStep) -> _FirstHalf:
        """Ask DuckDB for what a step reads."""
        visible = self._visible(step)
        windows = [self._bound(step, number, visible) for number in range(len(step.windows))]
        reads = self._reads(windows)
        columns = {name: sql for name, sql in visible.sql.items() if name in reads}
        names = {lowered(name) for name in visible.names}
        ambiguous = [each for each in step.ambiguous if lowered(each.name) in names]
        inputs = [*columns.values(), *(quoted(each.name) for each in ambiguous)]
        listed = ", ".join(f"{sql} AS {quoted(f'input {at}')}" for at, sql in enumerate(inputs)) or "NULL AS nothing"
        self._filled[step.inputs] = listed
        half = self._of_query(step.first)
        self._context.hold(half.nbytes)
        found = _FirstHalf(Table(pa.table({})), windows)
        values = half.columns
        at = 0
        aliases: dict[str, pa.ChunkedArray] = {}
        for item in step.items:
            if item.is_null:
                at += 1
                continue
            behind = half.column_names.index(item.placeholder, at) if item.several else at + 1
            called = [item.alias or name for name in half.column_names[at:behind]]
            found.add_item(item, called, values[at:behind])
            if item.alias is not None:
                aliases.setdefault(lowered(item.alias), values[at])
            at = behind + item.several
        for leaf in step.leaves:
            found.columns[leaf] = values[at]
            at += 1
        seen = dict(zip(columns, values[at:]))
        for each, value in zip(ambiguous, values[at + len(columns) :]):
            found.columns[each.placeholder] = value
        for each in step.ambiguous:
            found.texts[each.placeholder] = quoted(each.placeholder if each in ambiguous else each.name)
        seen |= {name: aliases[lowered(name)] for name in visible.aliases if name in reads}
        # A window may read no column, and yet there are rows.
        found.table = Table(pa.table(seen or {"row": from_numpy(np.arange(half.num_rows))}))
        self._filled |= found.texts
        return found

    def _of_query(self, sql: str) -> pa.Table:
        """Execute a part of a SELECT that was written for it alone."""
        try:
            return self._query(self.filled(sql), sql)
        except QueryLimitError:
            raise
        except QueryError as error:
            if "not found" not in str(error):
                raise
            message = "a SELECT with row patterns in windows reads no column of a query around it"
            raise QueryError(f"{error}\n{message}") from None

    def _visible(self, step: WindowStep) -> _Visible:
        names: list[str] = []
        if step.source is not None:
            # A name that several tables have is there several times.
            names = list(dict.fromkeys(self._of_query(step.source).column_names))
        sql = {name: quoted(name) for name in names}
        qualified: dict[str, list[str]] = {}
        for table, source in step.qualified.items():
            qualified[table] = list(dict.fromkeys(self._of_query(source).column_names))
            for name in qualified[table]:
                sql.setdefault(joined_name(table, name), f"{quoted(table)}.{quoted(name)}")
        known = {lowered(name) for name in names}
        aliases = [each.alias for each in step.items if each.alias is not None and not each.several]
        return _Visible(names, [name for name in aliases if lowered(name) not in known], qualified, sql)

    def _bound(self, step: WindowStep, at: int, visible: _Visible) -> BoundWindow:
        """Look up the names of a window, or find that done in the cache of plans."""
        window = step.windows[at]
        names = [*visible.names, *visible.aliases]
        check = self._context.check
        clause, following, values_key = window.clause, window.following, ""
        has_values = clause.parameters is not None or (following is not None and has_parameter(following.node))
        values = self._context.parameters if has_values else None
        if values is not None:
            if following is not None:
                following = replace(following, node=with_values(following.node, values, typed=False))
            values_key = f"\0parameters {parameters_key(clause, values)}\0{'' if following is None else following.node}"

        def made() -> BoundWindow:
            typed = clause if values is None else with_types(clause, values)
            given = replace(window, clause=typed, following=following)
            return bind_window(given, names, step.source_name, visible.qualified, check)

        found: BoundWindow
        if clause.has_subqueries:
            # What it says depends on the tables, so that it is not kept.
            clause = with_computed_subqueries(clause, self._parsed, self._text, self._context)
            found = made()
        else:
            parts = [*visible.names, "", *visible.aliases, ""]
            for table, columns in visible.qualified.items():
                parts += [table, *columns, ""]
            # Lengths keep names apart that have anything in them.
            schema = "\0".join(f"{len(part)}:{part}" for part in parts)
            key = f"window {window.number}\0{self._parsed.key}\0{schema}{values_key}"
            found = planned("clause", key, made, self._context)
        if values is None:
            return found
        in_layers = None if found.in_layers is None else bound_with_values(found.in_layers, values)
        return replace(found, bound=bound_with_values(found.bound, values), in_layers=in_layers)

    @staticmethod
    def _reads(windows: Sequence[BoundWindow]) -> set[str]:
        reads = {name for each in windows for name in each.bound.reads()}
        return reads | {name for each in windows if each.following is not None for name in each.following.reads}

    def _columns(self, step: WindowStep, window: BoundWindow, table: Table) -> dict[str, Array]:
        """Return what a window gives, as the second half calls it."""
        number = window.number
        measures = [measure for of, measure in step.measures if of == number]
        found = window_columns(window, table, measures, self._database, self._context, framed=number in step.framed)
        self.answered.append(AnsweredWindow(step, window, found))
        columns = {measure_column(step.hidden, number, name): values for name, values in found.measures.items()}
        if found.frames is not None:
            for what, values in found.frames._asdict().items():
                columns[frame_column(step.hidden, number, what)] = values
        return columns


class _FirstHalf:
    """What the first half gave.

    Attributes:
        table: what the windows see.
        windows: those of the step, with their names looked up.
        columns: what the second half reads, without what the windows give.
        texts: what stands in the place of placeholders.
        names: what the answer and the table call the columns of elements, by their placeholders, where the half is
            plain.
    """

    def __init__(self, table: Table, windows: list[BoundWindow]) -> None:
        """Begin with no columns."""
        self.table = table
        self.windows = windows
        self.columns: dict[str, Array] = {}
        self.texts: dict[str, str] = {}
        self.names: dict[str, list[tuple[str, str]]] = {}

    def add_item(self, item: SelectItem, called: Sequence[str], values: Sequence[Array]) -> None:
        """Add the columns of an element of the SELECT list, with what the answer calls them."""
        texts = []
        for place, (name, column) in enumerate(zip(called, values)):
            own = f"{item.placeholder} {place}"
            self.columns[own] = column
            texts.append(f"{quoted(own)} AS {quoted(name)}")
        self.texts[item.placeholder] = ", ".join(texts)
