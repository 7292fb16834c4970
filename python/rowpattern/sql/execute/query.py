"""A whole query: clauses answered one after another, inner ones first, and DuckDB for what is around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError, UnsupportedQueryError
from rowpattern.sql.bind.clause import bind
from rowpattern.sql.bind.parameters import bound_with_values, parameters_key, with_types
from rowpattern.sql.bind.scope import Columns
from rowpattern.sql.duckdb.beyond_arrow import is_kept_as_text
from rowpattern.sql.duckdb.connection import database
from rowpattern.sql.duckdb.names import check_name, lowered
from rowpattern.sql.duckdb.time_zones import UTC
from rowpattern.sql.execute.around_errors import error_around, error_before
from rowpattern.sql.execute.asked_again import answer_again, note_answer
from rowpattern.sql.execute.output import answer_clause
from rowpattern.sql.execute.subqueries import computed_subqueries, with_computed_subqueries
from rowpattern.sql.execute.text_parameters import bound_values, check_parameters
from rowpattern.sql.execute.time_zones import column_zones, relabelled
from rowpattern.sql.parse.clause_arguments import ClauseArguments, parse_arguments
from rowpattern.sql.parse.parsed_query import result_name
from rowpattern.sql.parse.parser import parse
from rowpattern.sql.parse.text_check import check_text
from rowpattern.sql.planning import planned
from rowpattern.sql.runtime.imports import imported
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.tables.answers import Answer, AnswerColumn, as_kind, plain_integers, restored
from rowpattern.sql.tables.foreign import is_file_name
from rowpattern.sql.tables.inputs import common_kind, only_table
from rowpattern.sql.tables.own_types import by_name, with_own_types
from rowpattern.sql.tables.pandas_index import with_index_levels
from rowpattern.sql.tables.reading import table_reader
from rowpattern.sql.tables.table import Table
from rowpattern.sql.text.source_location import candidates, error_at, too_deep_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.sql.bind.bound import BoundClause
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.window_steps import WindowSteps
    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.clause_arguments import Question
    from rowpattern.sql.parse.parsed_query import ParsedQuery, TextKey
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = [
    "QueryExecution",
    "answer_query",
    "bound_clause",
    "bound_with_constants",
    "named_after",
    "parsed_query",
    "projected",
    "refuse_windows",
    "tables_of",
    "zone_around",
]

_MADE_LATER = "the WITH list makes it further on; write it before the table that reads it"

_Read = TypeVar("_Read")


def parsed_query(question: Question, context: ExecutionContext | None = None) -> ParsedQuery:
    """Read a query or a clause, within limits where there are some, or find it in the cache of plans.

    Raises:
        QueryError: a value of a parameter is missing, or is not used.
    """
    found: ParsedQuery
    if isinstance(question, ClauseArguments):
        # No query's text has a NUL character.
        key = f"arguments\0{question.key}"
        found = planned("query", key, lambda: parse_arguments(question, context), context)
    else:
        check_text(question, "query")
        found = planned("query", question, lambda: parse(question, context), context)
    check_parameters(found, context)
    return found


def refuse_windows(parsed: ParsedQuery, message: str) -> None:
    """Refuse a query with row patterns in windows.

    Raises:
        UnsupportedQueryError: it has some; shown where.
    """
    for steps in parsed.windows.values():
        raise error_at(message, steps[0].windows[0].clause.location, UnsupportedQueryError)


def bound_clause(
    parsed: ParsedQuery, clause: Clause, names: Sequence[str], context: ExecutionContext | None = None
) -> BoundClause:
    """Look up the names of a clause in a table of these columns, or find that done in the cache of plans.

    Raises:
        QueryError: a parameter is the bound of a quantifier or an offset, and has no value that can be one.
        What looking up names raises.
    """
    if clause.has_subqueries:
        message = "a subquery in MATCH_RECOGNIZE needs whole tables; in a stream, on Spark and on Dask write its value"
        raise error_at(message, clause.subqueries()[0].location, UnsupportedQueryError)
    # Lengths keep names apart that have anything in them.
    schema = "\0".join(f"{len(name)}:{name}" for name in names)
    key = f"{clause.number}\0{parsed.key}\0{schema}"
    check = no_limit if context is None else context.check
    found: BoundClause
    values = None if context is None or clause.parameters is None else context.parameters
    if values is None:
        found = planned("clause", key, lambda: bind(clause, names, check), context)
        return found
    key = f"{key}\0parameters {parameters_key(clause, values)}"
    found = planned("clause", key, lambda: bind(with_types(clause, values), names, check), context)
    return bound_with_values(found, values)


def bound_with_constants(clause: Clause, names: Sequence[str], context: ExecutionContext) -> BoundClause:
    """Look up the names of a clause that has constants in the place of its subqueries."""
    values = None if clause.parameters is None else context.parameters
    if values is None:
        return bind(clause, names, context.check)
    return bound_with_values(bind(with_types(clause, values), names, context.check), values)


def tables_of(
    parsed: ParsedQuery, data: Any, named: Mapping[str, Any], read_one: Callable[[Any, str], _Read]
) -> dict[str, _Read]:
    """Find the table for each name in the query.

    Args:
        parsed: the query.
        data: the one table.
        named: several tables.
        read_one: takes a table and what to call it in errors; each table is read once.

    Raises:
        QueryError: there is none of that name, or a name is no text, or one table was given for several names or for
            that of a file.
        TypeError: what was given is no table, or nothing was given by name and more than one needed.
    """
    given: dict[str, tuple[str, Any]] = {}
    for name, value in named.items():
        check_name(name, "table")
        if lowered(name) in given:
            message = f"the tables {given[lowered(name)][0]} and {name} have one name: its case does not count"
            raise TypeError(message)
        given[lowered(name)] = (name, value)
    if data is not None and given:
        raise TypeError(f"{next(iter(named))} is no option; give one table by its place or several by name, not both")
    if data is not None:
        _check_one_table(parsed)
    one = None if data is None else read_one(with_index_levels(data, parsed.sql), "data")
    found: dict[str, _Read] = {}
    read: dict[str, _Read] = {}
    for name, location in parsed.tables.items():
        if one is not None:
            found[name] = one
            continue
        if lowered(name) not in given:
            known = [each for each, _ in given.values()]
            there = (
                candidates(name, known, "tables") if known else "no table was given; write match_recognize(sql, table)"
            )
            there = _MADE_LATER if name in parsed.made_later else there
            raise error_at(f"there is no table {name}; {there}", location, QueryError)
        own, value = given[lowered(name)]
        if own not in read:
            read[own] = read_one(with_index_levels(value, parsed.sql), own)
        found[name] = read[own]
    return found


def _check_one_table(parsed: ParsedQuery) -> None:
    """Check that a query over one table has one name for it, and that this is no file's, and none of a WITH list's.

    Raises:
        QueryError: it has another; a query never reads files, and which of several tables is meant is not known.
    """
    for name, location in parsed.tables.items():
        if is_file_name(name):
            message = f"{name} is the name of a file, and a query reads no files; give the table another name"
            raise error_at(message, location, QueryError)
        if name in parsed.made_later:
            raise error_at(f"there is no table {name}; {_MADE_LATER}", location, QueryError)
    if len(parsed.tables) < 2:  # noqa: PLR2004 - there is no other
        return
    names = {lowered(name): (name, location) for name, location in parsed.tables.items()}
    if len(names) > 1:
        (first, _), (second, location), *_ = names.values()
        message = f"the query reads the tables {first} and {second}, and one table was given; give each by its name"
        raise error_at(f"{message}, as in match_recognize(sql, {first}=..., {second}=...)", location, QueryError)


def projected(parsed: ParsedQuery, answer: Answer) -> Answer:
    """Return the columns of a clause's answer that the query asks for, where it asks for nothing else."""
    if not parsed.projection:
        return answer
    columns = Columns([column.name for column in answer.columns], parsed.sql)
    by_name = {column.name: column for column in answer.columns}
    shown = []
    for shown_column, alias in parsed.projection:
        name = columns.find(shown_column)
        if name is None:
            raise columns.unknown(shown_column)
        column = by_name[name]
        shown.append(column._replace(name=alias or name))
    return Answer(shown)


class QueryExecution:
    """One query being answered.

    Attributes:
        answered: clauses that were answered, each with the table before it and whether its rows had to be sorted.
        windows: what does the steps for row patterns in windows; None where there are none.
    """

    def __init__(
        self, parsed: ParsedQuery, tables: dict[str, Table], using: Database, context: ExecutionContext
    ) -> None:
        """Take the tables that the query names, and a connection."""
        self.answered: list[tuple[Clause, Table, bool | None]] = []
        self._parsed = parsed
        self._tables = tables
        self._database = using
        self._context = context
        # What the text around clauses may read, and which of it each connection knows.
        self._readable: dict[str, Any] = {}
        # DuckDB's types of those that it has computed, where Arrow may have others.
        self._types: dict[str, dict[str, str]] = {}
        self._known: dict[int, set[str]] = {}
        self.windows: WindowSteps | None = None
        if parsed.windows:
            steps = imported("rowpattern.sql.execute.window_steps")
            self.windows = steps.WindowSteps(parsed, tables, self._query, self._text, using, context)

    def answer(self) -> Answer:
        """Answer the clauses, and then what is around them."""
        for clause in self._parsed.clauses:
            table = self.source(clause)
            bound = self.bound(clause, table)
            answer, was_sorted = answer_clause(bound, table, self._database, self._context)
            self.answered.append((clause, table, was_sorted))
            if self._parsed.projection is not None and clause is self._parsed.clauses[-1]:
                return self.around(clause, answer)
            self._readable[result_name(clause)] = answer.arrow()
        steps = self._parsed.windows.get(None, ())
        if self.windows is not None and len(steps) == 1 and self._parsed.shows_windows:
            shown = self.windows.shown(steps[0])
            if shown is not None:
                return shown
        try:
            found = self._text(None, self._parsed.outer)
        except QueryError as error:
            raise error_around(self._parsed, error) from None
        return self._restored(found)

    def around(self, clause: Clause, answer: Answer) -> Answer:
        """Answer what is around the last clause, of which this is the answer."""
        if self._parsed.projection is not None:
            answer = projected(self._parsed, answer)
            return answer if clause.table is not None else self._restored(answer.arrow())
        self._readable[result_name(clause)] = answer.arrow()
        try:
            found = self._text(None, self._parsed.outer)
        except QueryError as error:
            raise error_around(self._parsed, error) from None
        return self._restored(found)

    def bound(self, clause: Clause, table: Table) -> BoundClause:
        """Look up the names of a clause in the table before it, its subqueries computed."""
        if not clause.has_subqueries:
            return bound_clause(self._parsed, clause, table.names, self._context)
        # What it says depends on the tables, so that it is not kept.
        computed = with_computed_subqueries(clause, self._parsed, self._text, self._context)
        return bound_with_constants(computed, table.names, self._context)

    def subqueries(self, clause: Clause) -> dict[int, pa.Table]:
        """Return what the subqueries of a clause give, by their places: the texts of values, and their types."""
        return computed_subqueries(clause, self._parsed, self._text)

    def _restored(self, table: Any) -> Answer:
        """Give what went through DuckDB the types of the one table's columns of the same names."""
        source = only_table(self._tables)
        if source is not None:
            origins = {name: name for name in table.column_names if name in source.names}
            return restored(table, origins, source)
        return Answer(
            [AnswerColumn(name, plain_integers(values)) for name, values in zip(table.column_names, table.columns)]
        )

    def source(self, clause: Clause) -> Table:
        """Return the table before a clause."""
        if clause.table is not None:
            return self._tables[clause.table]
        shared = self._parsed.shared_sources.get(clause.number)
        try:
            if shared is None or not self._is_plain(shared):
                rows = self._text(clause.number, self._parsed.sources[clause.number])
            else:
                rows = self._readable[shared]
        except QueryError as error:
            raise error_before(self._parsed, clause, error) from None
        try:
            return Table(rows)
        except QueryError as error:
            # As behind `t JOIN u ON t.k = u.k`.
            message = f"{error}: by USING behind a join, or by AS in a subquery"
            raise error_at(message, clause.location, QueryError) from None

    def _share(self, name: str) -> None:
        """Compute a table of a WITH list that several texts read, where it was not computed yet."""
        if name not in self._readable:
            rows, types = self._typed_text(name, self._parsed.shared[name], kept=True)
            self._types[name] = dict(zip(rows.column_names, map(str, types)))
            self._readable[name] = rows

    def _is_plain(self, name: str) -> bool:
        """Say whether the rows of a table that several texts read, which is computed, are what DuckDB would give."""
        self._share(name)
        return not any(map(is_kept_as_text, self._types[name].values()))

    def _text(self, number: TextKey, sql: str) -> pa.Table:
        """Answer one of the query's texts; the one before a clause has the clause's number."""
        return self._typed_text(number, sql)[0]

    def _typed_text(self, number: TextKey, sql: str, *, kept: bool = False) -> tuple[pa.Table, Sequence[object]]:
        for name in self._parsed.shared_reads.get(number, ()):
            self._share(name)
        steps = self._parsed.windows.get(number, ())
        if self.windows is None or not steps:
            return self._typed_query(sql, None, kept=kept)
        for step in steps:
            self._readable[step.table] = self.windows.answer(step)
        try:
            return self._typed_query(self.windows.filled(sql), sql, kept=kept)
        except QueryLimitError:
            raise
        except QueryError as error:
            raise type(error)(self.windows.with_written_texts(str(error))) from None

    def _query(self, sql: str, text: str | None = None) -> pa.Table:
        """Execute SQL; `text` is that of the query from which it was made, where it was changed."""
        return self._typed_query(sql, text)[0]

    def _typed_query(self, sql: str, text: str | None, *, kept: bool = False) -> tuple[pa.Table, Sequence[object]]:
        """Execute SQL as `_query` does, and return with the answer DuckDB's types of its columns."""
        for name in self._parsed.duckdb_tables:
            if name not in self._readable:
                self._readable[name] = self._tables[name].arrow()
        zone = zone_around(self._parsed, [table.schema for table in self._readable.values()], self._context)
        using = self._database.in_zone(zone)
        known = self._known.setdefault(id(using), set())
        for name, table in self._readable.items():
            if name not in known:
                using.register(name, table, types=self._types.get(name))
                known.add(name)
        with self._context.step("query", sum(table.rows for table in self._tables.values())):
            try:
                values = bound_values(self._parsed, text or sql, self._context)
                found, types = using.typed_query(sql, values, counted=True, kept=kept)
            except QueryError as error:
                if "QUALIFY clause" in str(error):
                    message = f"{error}; measures are columns of the clause's answer: filter them with WHERE"
                    raise QueryError(message) from None
                raise
            found = with_own_types(found, types, self._readable.values())
            return named_after(found, zone, [table.schema for table in self._readable.values()]), types


def zone_around(parsed: ParsedQuery, schemas: Sequence[pa.Schema], context: ExecutionContext) -> str:
    """Return the time zone in which to compute what is around clauses: that of the tables that it reads.

    Raises:
        QueryError: the tables' columns have several, and it may need one.
    """
    if context.time_zone is not None:
        return context.time_zone
    zoned = column_zones({f"{at} {field.name}": field.type for at, one in enumerate(schemas) for field in one})
    every = sorted(set().union(*zoned.values()))
    if len(every) > 1 and parsed.may_need_zone:
        message = f"the query around MATCH_RECOGNIZE may need a time zone, and its tables have {' and '.join(every)}"
        raise QueryError(f"{message}; name the one to compute in, as in time_zone={every[0]!r}")
    return every[0] if len(every) == 1 else UTC


def named_after(table: pa.Table, zone: str, schemas: Sequence[pa.Schema]) -> pa.Table:
    """Return what DuckDB gave with its timestamps of a zone named after that, or as in tables with such a column."""
    if not column_zones({str(at): field.type for at, field in enumerate(table.schema)}):
        return table
    zones = by_name(
        (field.name, field.type.tz) for one in schemas for field in one if pa.types.is_timestamp(field.type)
    )
    columns = [relabelled(values, zones.get(name) or zone) for name, values in zip(table.column_names, table.columns)]
    shown = [field.with_type(values.type) for field, values in zip(table.schema, columns)]
    return pa.Table.from_arrays(columns, schema=pa.schema(shown))


def answer_query(question: Question, data: Any, named: Mapping[str, Any], context: ExecutionContext) -> Any:
    """Answer a question with the kind of table that was given."""
    try:
        parsed = parsed_query(question, context)
        if parsed.again and not named and (found := answer_again(parsed, data, context)) is not None:
            return found
        return _answer_parsed(parsed, data, named, context)
    except RecursionError:
        raise too_deep_error("query") from None


def _answer_parsed(parsed: ParsedQuery, data: Any, named: Mapping[str, Any], context: ExecutionContext) -> Any:
    with context.step("read", 0):
        tables = tables_of(parsed, data, named, table_reader(context))
        context.read_rows = sum(table.rows for table in {id(table): table for table in tables.values()}.values())
    with database(context) as using:
        answer = QueryExecution(parsed, tables, using, context).answer()
    context.answered_rows = answer.rows
    source = only_table(tables)
    note_answer(parsed, data, source, answer)
    with context.step("answer", context.answered_rows):
        return as_kind(answer, common_kind(tables), source, context.check)
