"""A query that was read: its clauses, the texts around them that DuckDB executes, and the tables that they read."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Union

from rowpattern.sql.duckdb.names import quoted
from rowpattern.sql.records import Record, field

if TYPE_CHECKING:
    from collections import Counter

    from rowpattern.sql.expression.nodes import Column
    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.query_reader import TextParameter
    from rowpattern.sql.parse.window_step import WindowStep
    from rowpattern.sql.text.parameters import PlacedParameter
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["OWN_NAMES", "ParsedQuery", "TextKey", "result_name", "shared_name", "shared_rows", "step_number"]

#: Tells the texts of a query apart: None for that of the whole query.
TextKey = Union[int, str, None]

#: Names of tables that this package registers for a query begin with this; no other table's name may.
OWN_NAMES = "rowpattern "


class ParsedQuery(Record):
    """A query's text and what was found in it.

    Attributes:
        clauses: in the order in which they are answered: inner ones first.
        outer: what DuckDB executes for the whole query, over the tables given and the clauses' answers.
        sources: the same for the table before each clause, by the clause's number; none where it is only a name.
        subqueries: what DuckDB executes for each subquery in a clause, by its place: rows of texts and types.
        tables: names of tables that the query does not make itself, each with the place where it stands first.
        made_later: those of them that a WITH list makes too, but behind a place that reads one.
        duckdb_tables: those that `outer`, `sources` and `subqueries` read, each with how often one of these texts names
            it at most.
        shared: what DuckDB executes for each table of a WITH list that is computed once, by the name under which it
            knows the rows.
        shared_sources: which of these is the table before a clause, by the clause's number.
        shared_reads: which of these a text reads, by its number as in `windows`.
        windows: for `outer` (None), for clauses' sources (by their numbers) and for subqueries in clauses (by
            `step_number`), and for `shared` (by the names), what is to be done before them, where they have row
            patterns in windows.
        shows_windows: whether the query is the second half of a step, which is a list of columns, and nothing more.
        projection: where the query is a SELECT of columns from one clause and nothing more, those columns, each with
            the name that it gets; empty for `SELECT *`. None otherwise.
        is_row_by_row: whether the query is a SELECT of expressions over one row of one clause's answer, with or without
            WHERE, so that parts of the answer can be answered apart.
        grouped_by: where the query is a SELECT that groups one clause's answer, with or without WHERE and HAVING, the
            columns by which it does; None otherwise.
        may_need_zone: whether `outer` and `sources` may compute something for which timestamps need a time zone.
        arguments_key: tells the arguments of a clause without SQL around it from others; None where there is a text.
        parameters: all of the query, in order.
        text_parameters: those in `outer` and in `sources`, by these texts.
        again: by the class of a table, how the query was answered over few rows of one, where it may be answered in the
            same way again (`execute.asked_again.AnsweredBefore`).
    """

    sql: str
    clauses: list[Clause]
    outer: str
    sources: dict[int, str]
    tables: dict[str, SourceLocation]
    duckdb_tables: Counter[str]
    projection: list[tuple[Column, str]] | None
    is_row_by_row: bool = False
    grouped_by: frozenset[str] | None = None
    may_need_zone: bool = False
    subqueries: dict[int, str] = field(default_factory=dict)
    windows: dict[TextKey, tuple[WindowStep, ...]] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    shared_sources: dict[int, str] = field(default_factory=dict)
    shared_reads: dict[TextKey, tuple[str, ...]] = field(default_factory=dict)
    shows_windows: bool = False
    arguments_key: str | None = None
    made_later: frozenset[str] = frozenset()
    parameters: tuple[PlacedParameter, ...] = ()
    text_parameters: dict[str, list[TextParameter]] = field(default_factory=dict)
    again: dict[type, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def key(self) -> str:
        """What its plans are kept under; no text and no arguments have the key of others."""
        if self.arguments_key is not None:
            return f"arguments\0{len(self.arguments_key)}\0{self.arguments_key}"
        return f"{len(self.sql)}\0{self.sql}"


def step_number(place: int) -> int:
    """Return the number under which a query has what is to be done before a subquery in a clause."""
    return -1 - place


def result_name(clause: Clause) -> str:
    """Return the name under which DuckDB knows a clause's answer."""
    return f"{OWN_NAMES}answer {clause.number}"


def shared_name(number: int) -> str:
    """Return the name under which DuckDB knows the rows of a table of a WITH list that is computed once."""
    return f"{OWN_NAMES}table {number}"


def shared_rows(name: str) -> str:
    """Return what stands behind AS in the place of the definition of such a table."""
    return f"NOT MATERIALIZED (SELECT * FROM {quoted(name)})"
