"""Query text to what it asks: clauses with their expressions as trees, and the texts around them, checked.

The query is cut into clauses by tokens; DuckDB's parser reads every expression and every text around clauses, all in
one call; the strict readers refuse what they do not know. The text around a clause is not rewritten: DuckDB executes
what was checked, which is the text with "table and clause" replaced by the name of a table that holds the answer.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rowpattern.errors import QuerySyntaxError, UnsupportedQueryError
from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.expression.nodes import Column, Star
from rowpattern.sql.expression.read import TreeReader
from rowpattern.sql.expression.write import quoted
from rowpattern.sql.parse.call_words import call_words
from rowpattern.sql.parse.clause import Definition, ExpressionSource, TextPiece
from rowpattern.sql.parse.clause_finder import find_clauses
from rowpattern.sql.parse.clause_parameters import parameters_of
from rowpattern.sql.parse.keywords import bare_names
from rowpattern.sql.parse.query_reader import QueryReader, TextParameter
from rowpattern.sql.parse.tree_parts import expressions, is_aggregate
from rowpattern.sql.parse.window import WindowMarks, without_window_marks
from rowpattern.sql.records import Record, field
from rowpattern.sql.runtime.imports import imported
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.text.composed import Composed
from rowpattern.sql.text.parameters import PlacedParameter, find_parameters
from rowpattern.sql.text.source_location import TOO_DEEP, SourceLocation, error_at, nesting_limited
from rowpattern.sql.text.tokens import closing_brackets, outside_brackets, tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.sql.parse.clause import Clause, Subquery
    from rowpattern.sql.parse.window import FoundWindows
    from rowpattern.sql.parse.window_step import WindowStep
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = [
    "ParsedQuery",
    "check_text",
    "expressions_text",
    "parse",
    "parse_condition",
    "read_expressions",
    "result_name",
    "step_number",
]

# A stranger's query can be long; what is refused here has cost no more than a look at its characters.
_LONGEST_QUERY = 1 << 20

# Each is a query of its own.
_MOST_SUBQUERIES = 20

# Names of tables that this package registers for a query begin with this; no other table's name may.
_OWN_NAMES = "rowpattern "

# What the different rows of the tables before LATERAL are called.
_OUTER_ROWS = f"{_OWN_NAMES}outer"

_TEXTS_OF = "SELECT CAST(COLUMNS(*) AS VARCHAR), typeof(COLUMNS(*)) FROM ("
_AROUND_SUBQUERIES = {"value": ("SELECT (", "))"), "exists": ("SELECT EXISTS (", "))"), "list": ("", ")")}


# A piece without any of these goes to DuckDB's parser as it is.
_MAY_CHANGE = re.compile(
    r"\b(?:running|final|nulls|at|authorization|binary|collation|concurrently|freeze|full|glob|left|right|verbose)\b",
    re.IGNORECASE,
)


class ParsedQuery(Record):
    """A query's text and what was found in it.

    Attributes:
        clauses: in the order in which they are answered: inner ones first.
        outer: what DuckDB executes for the whole query, over the tables given and the clauses' answers.
        sources: the same for the table before each clause, by the clause's number; none where it is only a name.
        subqueries: what DuckDB executes for each subquery in a clause, by its place: rows of texts and types.
        tables: names of tables that the query does not make itself, each with the place where it stands first.
        duckdb_tables: those that `outer`, `sources` and `subqueries` read, each with how often one of these texts names
            it at most.
        windows: for `outer` (None), for clauses' sources (by their numbers) and for subqueries in clauses (by
            `step_number`) what is to be done before them, where they have row patterns in windows.
        shows_windows: whether the query is the second half of a step, which is a list of columns, and nothing more.
        projection: where the query is a SELECT of columns from one clause and nothing more, those columns, each with
            the name that it gets; empty for `SELECT *`. None otherwise.
        is_row_by_row: whether the query is a SELECT of expressions over one row of one clause's answer, with or without
            WHERE, so that parts of the answer can be answered apart.
        may_need_zone: whether `outer` and `sources` may compute something for which timestamps need a time zone.
        arguments_key: tells the arguments of a clause without SQL around it from others; None where there is a text.
        parameters: all of the query, in order.
        text_parameters: those in `outer` and in `sources`, by these texts.
    """

    sql: str
    clauses: list[Clause]
    outer: str
    sources: dict[int, str]
    tables: dict[str, SourceLocation]
    duckdb_tables: Counter[str]
    projection: list[tuple[Column, str]] | None
    is_row_by_row: bool = False
    may_need_zone: bool = False
    subqueries: dict[int, str] = field(default_factory=dict)
    windows: dict[int | None, tuple[WindowStep, ...]] = field(default_factory=dict)
    shows_windows: bool = False
    arguments_key: str | None = None
    parameters: tuple[PlacedParameter, ...] = ()
    text_parameters: dict[str, list[TextParameter]] = field(default_factory=dict)

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
    return f"{_OWN_NAMES}answer {clause.number}"


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
    clauses, whole, windows = find_clauses(sql, marks, check)
    return _QueryParser(sql, clauses, whole, windows, marks, find_parameters(sql), context).parse()


@nesting_limited("condition")
def parse_condition(variable: str, text: str, context: ExecutionContext | None = None) -> Definition:
    """Read one condition, as it would stand in DEFINE.

    Args:
        variable: whose it is.
        text: the condition.
        context: the limits that it is read within.

    Raises:
        QuerySyntaxError: it is not an expression.
    """
    check_text(text, "condition")
    tokens = tokens_of(text)
    closing = closing_brackets(text, tokens)
    if not tokens:
        raise QuerySyntaxError("the condition is empty; write an expression that is true or false")
    for at in outside_brackets(closing, 0, len(tokens)):
        if tokens[at].is_sign(",") or tokens[at].is_sign(";"):
            raise error_at(
                "expected the end of the condition", SourceLocation(text, tokens[at].begin), QuerySyntaxError
            )
    begin, end = tokens[0].begin, tokens[-1].end
    written = ExpressionSource(begin, end, " ".join(text[begin:end].split()))
    composed = expressions_text(text, [written])
    (tree,) = parse_texts([composed.text], context)
    read_expressions(composed, tree, [written])
    return Definition(variable, written, SourceLocation(text, begin))


def check_text(text: str, what: str) -> None:
    """Refuse what is no text, is too long, or has characters that DuckDB's parser does not take.

    Raises:
        TypeError: it is no `str`.
        QuerySyntaxError: anything else is wrong with it.
    """
    if not isinstance(text, str):
        message = f"the {what} is a {type(text).__name__}; give a text"
        if what == "query":
            message += ": match_recognize(sql, table); recognize(table, pattern=...) takes the table first"
        raise TypeError(message)
    if len(text) > _LONGEST_QUERY:
        raise QuerySyntaxError(f"the {what} has {len(text):,} characters; the limit is {_LONGEST_QUERY:,}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = f"the {what} has half of a surrogate pair, which is no character; remove it"
        # An error is to be printed.
        shown = text.encode("utf-8", "replace").decode()
        raise error_at(message, SourceLocation(shown, error.start), QuerySyntaxError) from None
    if "\0" in text:
        message = f"the {what} has a NUL character; remove it"
        raise error_at(message, SourceLocation(text.replace("\0", " "), text.index("\0")), QuerySyntaxError)


class _Around(Record, frozen=False):
    """A text around clauses, and how often it reads the answer of each."""

    composed: Composed
    answers: Counter[str]


class _QueryParser:
    def __init__(  # noqa: PLR0917 - used once
        self,
        sql: str,
        clauses: list[Clause],
        whole: TextPiece,
        windows: FoundWindows,
        marks: WindowMarks,
        parameters: tuple[PlacedParameter, ...],
        context: ExecutionContext | None,
    ) -> None:
        self._sql = sql
        self._parameters = parameters
        self._names = {each.begin: each.name for each in parameters}
        self._text_parameters: dict[str, list[TextParameter]] = {}
        self._context = context
        self._clauses = clauses
        self._windows = windows.windows
        self._edits = windows.edits
        self._marks = marks
        self._answers = {result_name(clause): clause for clause in clauses}
        self._outer = _Around(Composed(sql, self._names), Counter())
        self._add_piece(whole, self._outer)
        self._sources = {clause.number: self._source(clause) for clause in clauses if clause.table is None}
        owners = [*clauses, *(each.clause for each in windows.windows)]
        self._subqueries = {
            subquery.first: self._subquery(clause, subquery) for clause in owners for subquery in clause.subqueries()
        }
        if len(self._subqueries) > _MOST_SUBQUERIES:
            message = f"the clauses have more than {_MOST_SUBQUERIES} subqueries; put what they give into a table"
            raise error_at(message, owners[-1].location, QuerySyntaxError)
        self._tables: dict[str, SourceLocation] = {}
        self._duckdb_tables: Counter[str] = Counter()
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
        around = [*self._sources.values(), *self._subqueries.values(), self._outer]
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
                self._tables.setdefault(clause.table, SourceLocation(self._sql, clause.source.begin))
        statement: dict[str, Any] = {}
        texts_around: list[str] = []
        steps: dict[int | None, tuple[WindowStep, ...]] = {}
        for number, piece, tree in zip(
            (*self._sources, *map(step_number, self._subqueries), None), around, trees, strict=True
        ):
            statement = self._query(piece, tree)
            own: tuple[WindowStep, ...] = ()
            written_text = piece.composed.text
            if self._windows:
                written_text, own, parameters = imported("rowpattern.sql.parse.window_texts").split_at_windows(
                    piece.composed,
                    statement,
                    self._windows,
                    self._marks,
                    begin=sum(map(len, steps.values())),
                    tables={*self._tables, *self._answers},
                    parameters=self._text_parameters.get(piece.composed.text, ()),
                    context=self._context,
                )
                self._text_parameters |= parameters
            texts_around.append(written_text)
            if own:
                steps[number] = own
        return ParsedQuery(
            sql=self._sql,
            clauses=self._clauses,
            outer=texts_around.pop(),
            sources=dict(zip(self._sources, texts_around)),
            subqueries=dict(zip(self._subqueries, texts_around[len(self._sources) :])),
            windows=steps,
            shows_windows=_is_second_half(statement, steps.get(None, ())),
            tables=dict(sorted(self._tables.items(), key=lambda item: item[1].offset)),
            duckdb_tables=self._duckdb_tables,
            projection=None if None in steps else self._projection(statement),
            is_row_by_row=not steps and len(self._clauses) == 1 and _is_row_by_row(statement, self._clauses[0]),
            may_need_zone=self._may_need_zone,
            parameters=self._parameters,
            text_parameters=self._text_parameters,
        )

    # Texts around clauses.

    def _add_piece(self, piece: TextPiece, around: _Around) -> None:
        """Add a piece of the text with the answers' names in the place of its clauses."""
        composed = around.composed
        at = piece.begin
        for clause in piece.clauses:
            name = result_name(clause)
            around.answers[name] += 1
            self._copy_around(composed, at, clause.source.begin)
            self._add_answer(clause, composed)
            if clause.alias is None and clause.source_name is not None:
                # The query may go on to call it by the name of the table before it.
                composed.insert(f" AS {quoted(clause.source_name)}")
            at = clause.end
        self._copy_around(composed, at, piece.end)

    def _copy_around(self, composed: Composed, begin: int, end: int) -> Composed:
        """Add a piece of the text around clauses, in which calls over windows with row patterns are marked."""
        for edit in self._edits[bisect_left(self._edits, (begin,)) :]:
            if edit.begin >= end:
                break
            _copy(composed, begin, edit.begin, marks=False)
            for each in edit.pieces:
                if isinstance(each, str):
                    composed.put(each, edit.begin, edit.end)
                else:
                    _copy(composed, *each, marks=False)
            begin = edit.end
        return _copy(composed, begin, end, marks=False)

    def _add_answer(self, clause: Clause, composed: Composed) -> None:
        """Add the name of a clause's answer; in LATERAL, what of it is for the row of the tables before."""
        name = quoted(result_name(clause))
        if clause.outer is None:
            composed.insert(name)
            return
        hidden = [f"{table}.{column}" for table, column in clause.outer.columns]
        if clause.rows_shown != "one row":
            hidden += dict.fromkeys(table for table, _ in clause.outer.columns)
        keys = [f"{_OWN_NAMES}key {number}" for number in range(len(clause.outer.columns))]
        composed.insert(f"(SELECT * EXCLUDE ({', '.join(map(quoted, [*hidden, *keys]))}) FROM (SELECT ")
        # Apart from the answer, so that none of its columns is meant by these names.
        for number, (key, (begin, end)) in enumerate(zip(keys, clause.outer.columns.values(), strict=True)):
            composed.insert(", " if number else "").copy(begin, end).insert(f" AS {quoted(key)}")
        same = (
            f"{quoted(f'{table}.{column}')} IS NOT DISTINCT FROM {quoted(key)}"
            for (table, column), key in zip(clause.outer.columns, keys, strict=True)
        )
        composed.insert(f") AS {quoted(_OUTER_ROWS)}, {name} WHERE {' AND '.join(same)})")

    def _source(self, clause: Clause) -> _Around:
        """Compose the text that gives the table before a clause."""
        if clause.outer is None:
            return self._with_common(clause, "SELECT * FROM ", clause.source)
        # Tables before LATERAL become columns with fields, so that names of their columns mean the same.
        fields: dict[str, list[str]] = {}
        for table, column in clause.outer.columns:
            fields.setdefault(table, []).append(f"{quoted(column)}: {quoted(table)}.{quoted(column)}")
        structs = ", ".join(f"{{{', '.join(of)}}} AS {quoted(table)}" for table, of in fields.items())
        lateral = f") AS {quoted(_OUTER_ROWS)}, LATERAL (SELECT * FROM "
        distinct = f"SELECT * FROM (SELECT DISTINCT {structs} FROM "
        return self._with_common(clause, distinct, clause.outer.piece, lateral, clause.source, ")")

    def _subquery(self, clause: Clause, subquery: Subquery) -> _Around:
        """Compose the text that gives the values of a subquery, as texts, and their types."""
        before, behind = _AROUND_SUBQUERIES[subquery.form]
        return self._with_common(clause, _TEXTS_OF + before, TextPiece(subquery.begin, subquery.end), behind)

    def _with_common(self, clause: Clause, *parts: str | TextPiece) -> _Around:
        """Compose a text of words and pieces of the query that sees the WITH lists that a clause sees."""
        around = _Around(Composed(self._sql, self._names), Counter())
        composed = around.composed
        for common in clause.common:
            if composed.text:
                composed.insert("SELECT * FROM (")
            composed.insert("WITH RECURSIVE " if common.recursive else "WITH ")
            for number, each in enumerate(common.pieces):
                if number:
                    composed.insert(", ")
                self._add_piece(each, around)
            composed.insert(" ")
        for part in parts:
            if isinstance(part, TextPiece):
                self._add_piece(part, around)
            else:
                composed.insert(part)
        composed.insert(")" * (len(clause.common) - 1))
        return around

    def _query(self, around: _Around, tree: dict[str, Any]) -> dict[str, Any]:
        """Check what a text reads, and note the tables; return its statement."""
        text = around.composed
        statement = _statement(text, tree)
        reader = QueryReader(text, self._check, self._marks)
        reader.read(statement)
        self._may_need_zone |= reader.may_need_zone
        self._text_parameters[text.text] = reader.parameters
        named: Counter[str] = Counter()
        answers: Counter[str] = Counter()
        for table in reader.tables:
            if table.location is None and table.name in self._answers:
                answers[table.name] += 1
                continue
            if lowered(table.name).startswith(_OWN_NAMES):
                raise self._taken(table.name, table.location)
            # Without its place in the tree (`TABLE t`) it is looked for in the text, for errors.
            self._tables.setdefault(table.name, table.location or self._location_of(table.name))
            named[table.name] += 1
        for name in reader.made:
            if lowered(name).startswith(_OWN_NAMES):
                raise self._taken(name, None)
        for name in around.answers | answers:
            if around.answers[name] > answers[name]:
                # What stands in its place was read, but not as a table.
                raise error_at(
                    "MATCH_RECOGNIZE stands behind a table in FROM", self._answers[name].location, QuerySyntaxError
                )
            if around.answers[name] < answers[name]:
                raise self._taken(name, None)
        self._duckdb_tables |= named
        return statement

    def _taken(self, name: str, location: SourceLocation | None) -> UnsupportedQueryError:
        message = f'the name "{name}" is taken: those that begin with "{_OWN_NAMES}" are for answers of clauses'
        return error_at(message, location or self._location_of(name), UnsupportedQueryError)

    def _location_of(self, name: str) -> SourceLocation:
        """Return where a name stands first in the query."""
        named = (token.begin for token in tokens_of(self._sql) if token.is_name and token.text == name)
        return SourceLocation(self._sql, next(named, 0))

    def _projection(self, statement: dict[str, Any]) -> list[tuple[Column, str]] | None:
        """Find out whether the query only shows columns of a clause's answer."""
        last = self._clauses[-1] if self._clauses else None
        node = None if last is None else _select_from(statement, last)
        if last is None or node is None:
            return None
        source = node["from_table"]
        plain = {"type", "alias", "table_name", "qualified_name", "query_location", "query_location_length"}
        if _stated(source).keys() - plain:
            return None
        name = lowered(source.get("alias", result_name(last)))
        reader = TreeReader(self._outer.composed)
        stars = QueryReader(self._outer.composed, self._check)
        found: list[tuple[Column, str]] = []
        for each in node["select_list"]:
            if each.get("class") not in {"COLUMN_REF", "STAR"}:
                return None
            shown = (stars if each["class"] == "STAR" else reader).expression(each)
            if isinstance(shown, Star) and shown.relation is None and len(node["select_list"]) == 1:
                return []
            if not isinstance(shown, Column) or len(shown.names) > 2:  # noqa: PLR2004 - a table's name and a column's
                return None
            if len(shown.names) == 2 and lowered(shown.names[0]) != name:  # noqa: PLR2004 - see above
                return None
            own = Column(shown.names[-1:], shown.quoted[-1:], span=shown.span)
            found.append((own, each.get("alias", "")))
        return found


def _is_second_half(statement: dict[str, Any], steps: Sequence[WindowStep]) -> bool:
    """Say whether a statement is the second half of its one step, which is a list of columns."""
    source = statement["node"].get("from_table", {})
    return len(steps) == 1 and steps[0].shown is not None and source.get("table_name") == steps[0].table


def _stated(node: dict[str, Any]) -> dict[str, Any]:
    """Return what a node of the parser's tree says, without keys that say nothing."""
    return {name: value for name, value in node.items() if value not in (None, [], {}, "")}


def _select_from(statement: dict[str, Any], clause: Clause, *more: str) -> dict[str, Any] | None:
    """Return the parts of a SELECT of expressions from a clause's answer; None where it has others than that and more.

    Args:
        statement: the statement.
        clause: the clause.
        more: which other parts it may have.
    """
    node = _stated(statement["node"])
    if node.keys() - {"type", "select_list", "from_table", "aggregate_handling", *more}:
        return None
    is_plain = node.get("aggregate_handling") == "STANDARD_HANDLING"
    return node if is_plain and node.get("from_table", {}).get("table_name") == result_name(clause) else None


def _is_row_by_row(statement: dict[str, Any], clause: Clause) -> bool:
    """Say whether a statement is expressions over one row of a clause's answer, and perhaps a condition on that row."""
    node = _select_from(statement, clause, "where_clause")
    if node is None or node["from_table"].get("sample"):
        return False
    parts = expressions([node["select_list"], node.get("where_clause")])
    return not any(
        each["class"] in {"WINDOW", "SUBQUERY"} or is_aggregate(each) or each.get("function_name") == "unnest"
        for each in parts
    )


def expressions_text(
    sql: str, written: Sequence[ExpressionSource], parameters: Mapping[int, str] | None = None
) -> Composed:
    """Compose `SELECT (expression), (expression), ...`.

    RUNNING and FINAL before a call are marks in its name. One text takes DuckDB's parser half of the time of many.
    """
    composed = Composed(sql, parameters).insert("SELECT (")
    for number, each in enumerate(written):
        at = each.begin
        if number:
            composed.insert("), (")
        for subquery in each.subqueries:
            call = f"{quoted(f'{composed.subquery_mark}{subquery.first}')}()"
            _copy(composed, at, subquery.first, marks=True).put(call, subquery.first, subquery.behind)
            at = subquery.behind
        _copy(composed, at, each.end, marks=True)
    return composed.insert(")")


def _copy(composed: Composed, begin: int, end: int, *, marks: bool) -> Composed:
    """Add a piece of the query in which what DuckDB's parser does not take is written in its way."""
    if _MAY_CHANGE.search(composed.query, begin, end) is None:
        return composed.copy(begin, end)
    tokens = tokens_of(composed.query[begin:end])
    changes = [(token.begin, token.end, quoted(token.text)) for token in bare_names(tokens)]
    if marks:
        changes += call_words(tokens, composed.semantics_marks)
    at = begin
    for first, last, text in sorted(changes):
        if begin + first >= at:
            composed.copy(at, begin + first).put(text, begin + first, begin + last)
            at = begin + last
    return composed.copy(at, end)


def _statement(text: Composed, tree: dict[str, Any], begin: SourceLocation | None = None) -> dict[str, Any]:
    """Return the one statement of a tree; `begin` is for errors of which the parser does not say where they are.

    Raises:
        QuerySyntaxError: there is none, or more.
    """
    if tree.get("error"):
        raise _syntax_error(text, tree, begin)
    statements = tree.get("statements")
    if not isinstance(statements, list) or len(statements) != 1:
        raise QuerySyntaxError("expected one query, which begins with SELECT, WITH, FROM or VALUES")
    statement: dict[str, Any] = statements[0]
    return statement


def _syntax_error(text: Composed, tree: dict[str, Any], begin: SourceLocation | None) -> QuerySyntaxError:
    message = text.without_marks(without_window_marks(str(tree.get("error_message", "this is not a query"))))
    if message.startswith("Max expression depth"):
        return QuerySyntaxError(f"the query {TOO_DEEP}")
    if message.startswith("Only SELECT"):
        return QuerySyntaxError("expected one query, which begins with SELECT, WITH, FROM or VALUES")
    position = tree.get("position")
    location = text.location(int(position)) if position is not None else begin
    if location is None and position is not None:
        # At an inserted word: the parenthesis that stands behind an expression, or the name of a clause's answer.
        location = text.location_before(int(position))
        message = "MATCH_RECOGNIZE stands behind a table in FROM" if begin is None else "the expression is not complete"
    return error_at(message, location, QuerySyntaxError)


def read_expressions(
    text: Composed,
    tree: dict[str, Any],
    written: Sequence[ExpressionSource],
    check: Callable[[], None] = no_limit,
) -> None:
    """Read the trees of the expressions of a text that `expressions_text` composed."""
    if tree.get("error") and "position" not in tree and len(written) > 1:
        # The parser does not say where; it may be asked again.
        for each in written:
            check()
            alone = expressions_text(text.query, [each], text.parameters)
            read_expressions(alone, parse_texts([alone.text])[0], [each], check)
    with nesting_limited("expression"):
        statement = _statement(text, tree, SourceLocation(text.query, written[0].begin))
        node = statement.get("node", {})
        plain = {"type", "select_list", "from_table", "aggregate_handling", "cte_map"}
        listed = node.get("select_list", [])
        bare = node.get("from_table", {}).get("type") == "EMPTY" and not node.get("cte_map")
        if node.get("type") != "SELECT_NODE" or set(node) - plain or not bare:
            raise _no_expression(written[-1], text)
        if set(statement) - {"node", "named_param_map"}:
            raise _no_expression(written[-1], text)
        reader = TreeReader(text, check)
        for each, found in zip(written, listed, strict=False):
            # Nothing stands between the parentheses but one expression, and each in its own.
            location = text.location(found.get("query_location", -1))
            if found.get("alias") or (location is not None and not each.begin <= location.offset < each.end):
                raise _no_expression(each, text)
            each.node = reader.expression(found)
        if len(listed) != len(written):
            raise _no_expression(written[-1], text)


def _no_expression(written: ExpressionSource, text: Composed) -> QuerySyntaxError:
    return error_at(
        f"this is no expression: {written.text[:100]}", SourceLocation(text.query, written.begin), QuerySyntaxError
    )
