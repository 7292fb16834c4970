"""Subqueries in the clause of a continuous query: computed once, over tables that are given when the query is made.

A subquery reads no column of the match, so that its value is a constant of the query, as in `match_recognize`. It
cannot read the table whose rows come, as there are none of it yet. What subqueries gave is part of a checkpoint: a
query that is restored goes on with the same constants, whatever has become of the tables, and needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rowpattern.errors import CheckpointError, QueryError, UnsupportedQueryError
from rowpattern.sql.duckdb.names import check_name, lowered
from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.execute.query import QueryExecution
from rowpattern.sql.execute.subqueries import with_subquery_values
from rowpattern.sql.tables.reading import table_reader
from rowpattern.sql.text.source_location import candidates, error_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.parsed_query import ParsedQuery
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.tables.table import Table

__all__ = ["SUBQUERIES", "GivenTables"]

#: What is stored of subqueries: a row for each value, with the subquery's place in the text.
SUBQUERIES = pa.schema({"place": pa.int64(), "value": pa.string(), "type": pa.string()})


class GivenTables:
    """Tables beside that of the rows, and what subqueries give over them."""

    def __init__(self, named: Mapping[str, Any] | None, stored: pa.Table | None = None) -> None:
        """Take tables by their names; or, in their place, what subqueries gave before, as `SUBQUERIES`.

        Raises:
            TypeError: a name is no text, or two are one.
        """
        self._named: dict[str, tuple[str, Any]] = {}
        self._stored = stored
        if named is not None and not hasattr(named, "items"):
            message = f"tables are given by their names, as tables={{'prices': frame}}, not {type(named).__name__}"
            raise TypeError(message)
        for name, table in ({} if named is None else named).items():
            if not isinstance(name, str):
                message = f"tables has the name {name!r}; the name of a table is a text, not {type(name).__name__}"
                raise TypeError(message)
            check_name(name, "table")
            if lowered(name) in self._named:
                raise TypeError(
                    f"the tables {self._named[lowered(name)][0]} and {name} have one name: its case does not count"
                )
            self._named[lowered(name)] = name, table

    @property
    def is_empty(self) -> bool:
        """Whether no table was given."""
        return not self._named

    def rows_of(self, parsed: ParsedQuery, clause: Clause, context: ExecutionContext) -> str:
        """Return the name of the table whose rows come; each of the others has to be given.

        Raises:
            QueryError: one is not given, or the one whose rows come is.
        """
        name = clause.table
        if name is None:
            # Nothing but a SELECT from one table may stand before the clause.
            name = next(_tables_in(parsed.sources[clause.number], context))
        self._check_names(parsed, name)
        return name

    def _check_names(self, parsed: ParsedQuery, rows: str) -> None:
        if lowered(rows) in self._named:
            message = f"{rows} is the table whose rows are pushed; tables= has those that subqueries read"
            raise error_at(message, parsed.tables.get(rows), QueryError)
        for name, location in parsed.tables.items():
            if lowered(name) in {lowered(rows), *self._named} or self._stored is not None:
                continue
            known = [each for each, _ in self._named.values()]
            there = f"give it when the query is made: tables={{{name!r}: ...}}"
            there = candidates(name, known, "tables") if known else there
            raise error_at(f"there is no table {name}; {there}", location, QueryError)

    def with_values(
        self, parsed: ParsedQuery, clause: Clause, rows: tuple[str, Table], using: Database, context: ExecutionContext
    ) -> tuple[Clause, pa.Table]:
        """Return a clause with constants in the place of its subqueries, and what these gave, as `SUBQUERIES`.

        Args:
            parsed: the query.
            clause: its clause.
            rows: the name of the table whose rows come, and a table of its columns without rows.
            using: a connection.
            context: the limits.

        Raises:
            UnsupportedQueryError: a subquery reads the table whose rows come.
            QueryError: one cannot be computed.
            CheckpointError: what is stored is of other subqueries.
        """
        if self._stored is not None:
            found = _by_place(clause, self._stored)
            return with_subquery_values(clause, found, context), self._stored
        name, example = rows
        for subquery in clause.subqueries():
            if lowered(name) in set(map(lowered, _tables_in(parsed.subqueries[subquery.first], context))):
                message = f"the subquery reads {name}, whose rows are pushed: it needs all rows at once"
                message += "; only subqueries over other tables, given by tables=, are computed when the query is made"
                raise error_at(message, subquery.location, UnsupportedQueryError)
        read = table_reader(context)
        tables = {
            each: example if lowered(each) == lowered(name) else read(self._named[lowered(each)][1], each)
            for each in parsed.tables
        }
        found = QueryExecution(parsed, tables, using, context).subqueries(clause)
        return with_subquery_values(clause, found, context), _as_stored(found)


def _as_stored(found: Mapping[int, pa.Table]) -> pa.Table:
    parts = [
        pa.Table.from_arrays(
            [pa.array([place] * len(table), pa.int64()), *(column.cast(pa.string()) for column in table.columns)],
            schema=SUBQUERIES,
        )
        for place, table in found.items()
    ]
    return pa.concat_tables([SUBQUERIES.empty_table(), *parts])


def _by_place(clause: Clause, stored: pa.Table) -> dict[int, pa.Table]:
    """Return what each subquery gave: texts and types."""
    places = stored.column("place").to_pylist()
    wanted = [subquery.first for subquery in clause.subqueries()]
    is_typed = not stored.column("type").null_count
    is_typed &= all(each.form == "list" or places.count(each.first) == 1 for each in clause.subqueries())
    if not is_typed or not set(places).issubset(wanted) or places != sorted(places, key=wanted.index):
        raise CheckpointError("the checkpoint's values of subqueries are not those of its query")
    return {
        place: stored.select(["value", "type"]).filter(pa.array([each == place for each in places], pa.bool_()))
        for place in wanted
    }


def _tables_in(sql: str, context: ExecutionContext) -> Iterator[str]:
    """Give the names of tables that a text reads, at any depth."""
    waiting: list[Any] = list(parse_texts([sql], context))
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node.get("type") == "BASE_TABLE":
                yield str(node.get("table_name"))
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
