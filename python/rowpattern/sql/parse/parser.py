"""Query text to what it asks: clauses with their expressions as trees, and the texts around them, checked.

The query is cut into clauses by tokens; DuckDB's parser reads every expression and every text around clauses, all in
one call; the strict readers refuse what they do not know. The text around a clause is not rewritten: DuckDB executes
what was checked, which is the text with "table and clause" replaced by the name of a table that holds the answer.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rowpattern.errors import QuerySyntaxError, UnsupportedQueryError
from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.parse.clause_finder import find_clauses
from rowpattern.sql.parse.clause_parameters import parameters_of
from rowpattern.sql.parse.expression_texts import expressions_text, read_expressions
from rowpattern.sql.parse.other_systems import NO_TABLE_BEFORE
from rowpattern.sql.parse.parsed_query import OWN_NAMES, ParsedQuery, result_name, step_number
from rowpattern.sql.parse.query_reader import QueryReader, TextParameter
from rowpattern.sql.parse.statement import statement_of
from rowpattern.sql.parse.statement_shape import grouped_by, is_row_by_row, is_second_half, projection
from rowpattern.sql.parse.text_check import check_text
from rowpattern.sql.parse.texts_around import TextsAround
from rowpattern.sql.parse.window import WindowMarks
from rowpattern.sql.parse.with_list import IN_A_RECURSION
from rowpattern.sql.runtime.imports import imported
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.text.parameters import PlacedParameter, find_parameters
from rowpattern.sql.text.source_location import SourceLocation, error_at, nesting_limited
from rowpattern.sql.text.tokens import tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rowpattern.sql.parse.clause_finder import FoundClauses
    from rowpattern.sql.parse.parsed_query import TextKey
    from rowpattern.sql.parse.query_reader import TableRead
    from rowpattern.sql.parse.texts_around import TextAround
    from rowpattern.sql.parse.window_step import WindowStep
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["parse"]

# Each is a query of its own.
_MOST_SUBQUERIES = 20


@nesting_limited("query")
def parse(sql: str, context: ExecutionContext | None = None) -> ParsedQuery:
    """Read a query.

    Args:
        sql: its text.
        context: the limits of the query.

    Raises:
        QuerySyntaxError: it is not one query, or a clause in it is wrong.
        UnsupportedQueryError: it reads what it must not, or has a part that is not known here.
        QueryLimitError: its time is over.

    Takes time linear in the text, of 1 MiB at most.
    """
    check_text(sql, "query")
    check = no_limit if context is None else context.check
    if "|>" in sql:
        sql = imported("rowpattern.sql.parse.pipes").without_pipes(sql, check)
    marks = WindowMarks()
    found = find_clauses(sql, marks, check)
    return _QueryParser(sql, found, marks, find_parameters(sql), context).parse()


class _QueryParser:
    def __init__(
        self,
        sql: str,
        found: FoundClauses,
        marks: WindowMarks,
        parameters: tuple[PlacedParameter, ...],
        context: ExecutionContext | None,
    ) -> None:
        self._sql = sql
        self._parameters = parameters
        self._names = {each.begin: each.name for each in parameters}
        texts = TextsAround(sql, self._names, found.windows.edits, found.shared)
        self._text_parameters: dict[str, list[TextParameter]] = {}
        self._context = context
        self._clauses = clauses = found.clauses
        self._with_lists = found.with_lists
        self._windows = found.windows.windows
        self._marks = marks
        self._answers = {result_name(clause): clause for clause in clauses}
        self._outer = texts.whole(found.whole)
        self._sources = {clause.number: texts.source(clause) for clause in clauses if clause.table is None}
        self._shared = {each.stored: each for each in found.shared}
        self._tables_made = {each.stored: texts.table(each) for each in found.shared}
        owners = [*clauses, *(each.clause for each in found.windows.windows)]
        self._subqueries = {
            subquery.first: texts.subquery(clause, subquery) for clause in owners for subquery in clause.subqueries()
        }
        if len(self._subqueries) > _MOST_SUBQUERIES:
            message = f"the clauses have more than {_MOST_SUBQUERIES} subqueries; put what they give into a table"
            raise error_at(message, owners[-1].location, QuerySyntaxError)
        self._tables: dict[str, SourceLocation] = {}
        self._made_later: set[str] = set()
        # What each text reads, those of tables that are computed once by the names of these.
        self._reads: dict[TextKey, Counter[str]] = {}
        self._may_need_zone = False

    def _check(self) -> None:
        if self._context is not None:
            self._context.check()

    def parse(self) -> ParsedQuery:
        self._check()
        written = [each for clause in self._clauses for each in clause.expressions()]
        written += [each for window in self._windows for each in window.expressions()]
        for window in self._windows:
            if window.following is not None and window.following.subqueries:
                message = "a subquery cannot be the number of a frame's rows; write the number, or join it to the table"
                raise error_at(message, window.following.subqueries[0].location, UnsupportedQueryError)
        # That of the whole query is the last one.
        around = [*self._sources.values(), *self._subqueries.values(), *self._tables_made.values(), self._outer]
        keys = (*self._sources, *map(step_number, self._subqueries), *self._tables_made, None)
        expressions = [expressions_text(self._sql, written, self._names)] if written else []
        texts = [*(each.text for each in expressions), *(each.composed.text for each in around)]
        trees = parse_texts(texts, self._context)
        self._check()
        for text in expressions:
            read_expressions(text, trees.pop(0), written, self._check)
        self._check()
        for window in self._windows:
            window.clause.parameters = parameters_of(window.clause, self._parameters)
        for clause in self._clauses:
            clause.parameters = parameters_of(clause, self._parameters)
            if clause.table is not None:
                self._add_table(clause.table, SourceLocation(self._sql, clause.source.begin), is_inside=True)
        statement: dict[str, Any] = {}
        texts_around: dict[TextKey, str] = {}
        steps: dict[TextKey, tuple[WindowStep, ...]] = {}
        for key, piece, tree in zip(keys, around, trees, strict=True):
            statement, self._reads[key] = self._query(piece, tree)
            own: tuple[WindowStep, ...] = ()
            written_text = piece.composed.text
            if self._windows:
                written_text, own, parameters = imported("rowpattern.sql.parse.window_texts").split_at_windows(
                    piece.composed,
                    statement,
                    self._windows,
                    self._marks,
                    begin=sum(map(len, steps.values())),
                    tables={*self._tables, *self._answers, *self._shared},
                    parameters=self._text_parameters.get(piece.composed.text, ()),
                    context=self._context,
                )
                self._text_parameters |= parameters
            texts_around[key] = written_text
            if own:
                steps[key] = own
        shown = None
        if None not in steps:
            shown = projection(statement, self._clauses, self._outer.composed, self._check)
        return ParsedQuery(
            sql=self._sql,
            clauses=self._clauses,
            outer=texts_around[None],
            sources={number: texts_around[number] for number in self._sources},
            subqueries={place: texts_around[step_number(place)] for place in self._subqueries},
            shared={stored: texts_around[stored] for stored in self._shared},
            shared_sources=dict(self._shared_sources()),
            shared_reads={
                key: tuple(name for name in piece.answers if name in self._shared)
                for key, piece in zip(keys, around, strict=True)
                if not self._shared.keys().isdisjoint(piece.answers)
            },
            windows=steps,
            shows_windows=is_second_half(statement, steps.get(None, ())),
            tables=dict(sorted(self._tables.items(), key=lambda item: item[1].offset)),
            made_later=frozenset(self._made_later),
            duckdb_tables=self._duckdb_tables(),
            projection=shown,
            is_row_by_row=not steps and len(self._clauses) == 1 and is_row_by_row(statement, self._clauses[0]),
            grouped_by=grouped_by(statement, self._clauses[0]) if not steps and len(self._clauses) == 1 else None,
            may_need_zone=self._may_need_zone,
            parameters=self._parameters,
            text_parameters=self._text_parameters,
        )

    def _shared_sources(self) -> Iterator[tuple[int, str]]:
        """Give the clauses before which a table stands that is computed once, and the name of that."""
        stored = {each.begin: each.stored for each in self._shared.values()}
        for clause in self._clauses:
            if clause.made is not None and clause.outer is None:
                table = self._with_lists.meant(clause.made, clause.source.begin)
                if table is not None and table.begin in stored:
                    yield clause.number, stored[table.begin]

    def _duckdb_tables(self) -> Counter[str]:
        """Count how often the texts read each table that the query does not make."""
        found: Counter[str] = Counter()
        for key, reads in self._reads.items():
            if not isinstance(key, str):
                every = Counter(reads)
                while shared := every.keys() & self._shared.keys():
                    for name in shared:
                        every.pop(name)
                        every.update(self._reads[name])
                found |= every
        return found

    def _query(self, around: TextAround, tree: dict[str, Any]) -> tuple[dict[str, Any], Counter[str]]:
        """Check what a text reads, and note the tables; return its statement, and how often it reads which."""
        text = around.composed
        statement = statement_of(text, tree)
        reader = QueryReader(text, self._check, self._marks)
        reader.read(statement)
        self._may_need_zone |= reader.may_need_zone
        self._text_parameters[text.text] = reader.parameters
        named: Counter[str] = Counter()
        answers: Counter[str] = Counter()
        for table in reader.tables:
            if table.location is None and (table.name in self._answers or table.name in self._shared):
                answers[table.name] += 1
                continue
            if lowered(table.name).startswith(OWN_NAMES):
                raise self._taken(table.name, table.location)
            self._add_table(table.name, self._place_of(table), is_inside=around is not self._outer)
            named[table.name] += 1
        for name in reader.made:
            if lowered(name).startswith(OWN_NAMES):
                raise self._taken(name, None)
        for name in around.answers | answers:
            if around.answers[name] > answers[name]:
                # What stands in its place was read, but not as a table.
                location = self._answers[name].location if name in self._answers else None
                raise error_at(NO_TABLE_BEFORE, location, QuerySyntaxError)
            if around.answers[name] < answers[name]:
                raise self._taken(name, None)
        named.update({name: 1 for name in answers if name in self._shared})
        return statement, named

    def _add_table(self, name: str, location: SourceLocation, *, is_inside: bool) -> None:
        """Note a table that the query does not make itself; `is_inside` says that it is read by a clause."""
        self._check()
        unseen = self._with_lists.unseen(lowered(name), location.offset)
        if unseen == "recursion" and is_inside:
            raise error_at(IN_A_RECURSION, location, UnsupportedQueryError)
        if unseen == "later":
            self._made_later.add(name)
        self._tables.setdefault(name, location)

    def _taken(self, name: str, location: SourceLocation | None) -> UnsupportedQueryError:
        message = f'the name "{name}" is taken: those that begin with "{OWN_NAMES}" are for answers of clauses'
        return error_at(message, location or self._location_of(name), UnsupportedQueryError)

    def _place_of(self, table: TableRead) -> SourceLocation:
        """Return where a table is named; one without its place in the tree (`TABLE t`) is looked for in the text."""
        if table.location is not None:
            return table.location
        tokens = tokens_of(self._sql)
        named = (
            token.begin
            for before, token in zip(tokens, tokens[1:])
            if before.word == "TABLE" and token.is_name and token.text == table.name
        )
        return SourceLocation(self._sql, next(named, 0))

    def _location_of(self, name: str) -> SourceLocation:
        """Return where a name stands first in the query."""
        named = (token.begin for token in tokens_of(self._sql) if token.is_name and token.text == name)
        return SourceLocation(self._sql, next(named, 0))
