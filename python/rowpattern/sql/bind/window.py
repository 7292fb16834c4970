"""A window with a row pattern and the columns that it sees, to what is to be done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rowpattern.errors import QueryError
from rowpattern.sql.bind.bound import TypedPlans
from rowpattern.sql.bind.clause import bind_key, bind_parts
from rowpattern.sql.bind.frame import layered, reads_back, within_frame
from rowpattern.sql.bind.references import References, value_away
from rowpattern.sql.bind.scope import ColumnMeant, Columns, Scope, Variables, folded
from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.expression.nodes import Call, Literal, walk
from rowpattern.sql.records import Record, replace
from rowpattern.sql.text.source_location import SourceLocation, error_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.sql.bind.bound import BoundClause, Key
    from rowpattern.sql.expression.nodes import Column
    from rowpattern.sql.parse.window import PatternWindow

__all__ = ["BoundWindow", "bind_window", "joined_name"]

# What a row pattern has beside anchors that could hold their signs.
_NO_ANCHOR = re.compile(r"""'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/|[^^$]""", re.DOTALL)


class BoundWindow(Record):
    """What is done for a window.

    Attributes:
        number: the window's.
        bound: its parts. Conditions see the frame alone where matches are found `in_place` and not `in_layers`, and as
            in MATCH_RECOGNIZE otherwise.
        bounded: whether frames end before the partition does.
        following: how many rows behind the current one are in a frame, where that is computed; None otherwise.
        rows_following: the same number where it is written out, 0 for CURRENT ROW.
        seek: whether a match may begin behind the current row.
        in_place: whether matches are found in the rows as they are; otherwise each frame is matched by itself.
        in_layers: the same parts with the conditions of the pattern in layers, which is matched in the pattern's place;
            None where the pattern itself is.
        layers: how many layers that has.
    """

    number: int
    bound: BoundClause
    bounded: bool
    following: Key | None
    rows_following: int
    seek: bool
    in_place: bool
    in_layers: BoundClause | None = None
    layers: int = 0


class _JoinedColumns(Columns):
    """The columns of several tables: a qualifier is one of these."""

    def __init__(self, names: Sequence[str], sql: str, tables: Mapping[str, Sequence[str]]) -> None:
        """Take the names that need no qualifier, and for each table (in lower case) its columns."""
        every = [joined_name(table, name) for table, columns in tables.items() for name in columns]
        super().__init__([*names, *every], sql)
        self._tables = {table: Columns(columns, sql) for table, columns in tables.items()}

    def resolve(self, column: Column, variables: Variables | None = None) -> ColumnMeant:
        """Return what a name means, as for one table."""
        if len(column.names) > 1 and (variables is None or variables.members(folded(column)) is None):
            table = self._tables.get(lowered(column.names[0]))
            if table is not None:
                name = table.find(column, 1)
                if name is None:
                    raise table.unknown(column, 1)
                return ColumnMeant(None, joined_name(lowered(column.names[0]), name), column.names[2:])
        return super().resolve(column, variables)

    def is_table(self, name: str) -> bool:
        """Say whether a name is that of a table."""
        return lowered(name) in self._tables

    def _table_names(self) -> list[str]:
        return list(self._tables)


def joined_name(table: str, column: str) -> str:
    """Return what a column of one of several tables is called among those that a window sees."""
    return f"{table}.{column}"


def bind_window(
    window: PatternWindow,
    names: Sequence[str],
    source_name: str | None,
    qualified: Mapping[str, Sequence[str]],
    check: Callable[[], None],
) -> BoundWindow:
    """Look up all names of a window.

    Args:
        window: as it was read.
        names: the columns that it sees by their names alone.
        source_name: what the one table before it is called.
        qualified: where there are several tables, the columns of each.
        check: called now and then; it raises an error where time is over.

    Raises:
        What `bind` of a clause raises.
    """
    clause = window.clause
    sql = clause.location.sql
    columns = _JoinedColumns(names, sql, qualified) if qualified else Columns(names, sql, source_name)
    references = References()
    _refuse(window)
    bound = bind_parts(clause, columns, check, references)
    pattern = bound.compiled()
    following, rows_following = None, 0
    if window.following is not None:
        node, location = window.following.node, SourceLocation(sql, window.following.begin)
        rows = node.integer if isinstance(node, Literal) else None
        if rows is None:
            scope = Scope(columns, Variables(pattern.variables, clause.subset), check=check)
            following = bind_key(window.following, location, scope, "the frame")
        elif rows < 0:
            raise error_at("the frame's number of rows is below 0; write 0 or more", location, QueryError)
        rows_following = rows or 0
    back = reads_back(each.expression for each in bound.conditions)
    back_in_measures = reads_back(each.expression for each in bound.measures)
    # Values before a row are not at a fixed distance, so that what is before a frame would have to be found for each.
    values_back = any(away is not None and away[1] < 0 for away in map(value_away, bound.away))
    in_place = not (window.bounded or values_back or (window.seek and (back or back_in_measures)))
    in_layers, layers = None, 0
    if in_place and back:
        least = dict(zip(pattern.variables, pattern._rows_before()))  # noqa: SLF001 - the extension's, for this
        found = layered(bound.conditions, references, least)
        layers = len(found or ()) // max(1, len(bound.conditions))
        if found and pattern._layered(layers) is not None:  # noqa: SLF001 - the same
            in_layers = replace(bound, conditions=found, plans=TypedPlans())
        elif found is None or found:
            conditions = tuple(within_frame(each, references, least) for each in bound.conditions)
            bound = replace(bound, conditions=conditions)
    return BoundWindow(
        window.number,
        bound,
        window.bounded,
        following,
        rows_following,
        window.seek,
        in_place=in_place,
        in_layers=in_layers,
        layers=layers,
    )


def _refuse(window: PatternWindow) -> None:
    """Refuse what only MATCH_RECOGNIZE has."""
    clause = window.clause
    sql = clause.location.sql
    at = _anchor(clause.pattern)
    if at is not None:
        message = "^ and $ cannot stand in the pattern of a window, whose frame begins at each row; leave them out"
        location = SourceLocation(sql, clause.pattern_location.offset + at)
        raise error_at(message, location, QueryError)
    for written in (*(each.expression for each in clause.measures), *(each.condition for each in clause.define)):
        for node in walk(written.node):
            if isinstance(node, Call) and node.name == "match_number":
                location = SourceLocation(sql, node.span[0] if node.span is not None else written.begin)
                message = "MATCH_NUMBER() cannot stand in a window, whose rows have a match each; use MATCH_RECOGNIZE"
                raise error_at(message, location, QueryError)


def _anchor(pattern: str) -> int | None:
    """Return where in a row pattern the first anchor is; None where it has none."""
    at = 0
    while at < len(pattern):
        found = _NO_ANCHOR.match(pattern, at)
        if found is None:
            return at
        at = found.end()
    return None
