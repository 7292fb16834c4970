"""Query text to what it asks: clauses with their expressions as trees, and the texts around them, checked.

The query is cut into clauses by tokens; DuckDB's parser reads every expression and every text around clauses, all in
one call; the strict readers refuse what they do not know. The text around a clause is not rewritten: DuckDB executes
what was checked, which is the text with "table and clause" replaced by the name of a table that holds the answer.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rowpattern.errors import QuerySyntaxError, UnsupportedQueryError
from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.duckdb.query_reader import QueryReader
from rowpattern.sql.expression.nodes import Column, Star
from rowpattern.sql.expression.read import SEMANTICS_MARKS, TreeReader
from rowpattern.sql.expression.write import quoted
from rowpattern.sql.parse.clause import Definition, Spliced, Written
from rowpattern.sql.parse.composed import Composed
from rowpattern.sql.parse.cutting import cut
from rowpattern.sql.parse.keywords import bare_names
from rowpattern.sql.parse.tokens import closing_places, tokens_of
from rowpattern.sql.problems import Place, nesting_limited, problem

if TYPE_CHECKING:
    from rowpattern.sql.parse.clause import Clause

__all__ = ["ParsedQuery", "parse", "parse_condition", "result_name"]

# A stranger's query can be long; what is refused here has cost no more than a look at its characters.
_LONGEST_QUERY = 1 << 20

# A piece without any of these goes to DuckDB's parser as it is.
_MAY_CHANGE = re.compile(
    r"\b(?:running|final|at|authorization|binary|collation|concurrently|freeze|full|glob|left|right|verbose)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ParsedQuery:
    """A query's text and what was found in it.

    Attributes:
        clauses: in the order in which they are answered: inner ones first.
        outer: what DuckDB executes for the whole query, over the tables given and the clauses' answers.
        sources: the same for the table before each clause, by the clause's number; none where it is only a name.
        tables: names of tables that the query does not make itself, each with the place where it stands first.
        duckdb_tables: those that `outer` and `sources` read, each with how often one of these texts names it at most.
        projection: where the query is a SELECT of columns from one clause and nothing more, those columns, each with
            the name that it gets; empty for `SELECT *`. None otherwise.
    """

    sql: str
    clauses: list[Clause]
    outer: str
    sources: dict[int, str]
    tables: dict[str, Place]
    duckdb_tables: Counter[str]
    projection: list[tuple[Column, str]] | None


def result_name(clause: Clause) -> str:
    """Return the name under which DuckDB knows a clause's answer."""
    return f"rowpattern answer {clause.number}"


def parse(sql: str) -> ParsedQuery:
    """Read a query.

    Raises:
        QuerySyntaxError: it is not one query, or a clause in it is wrong.
        UnsupportedQueryError: it reads what it must not, or has a part that is not known here.

    Takes time linear in the text, of 1 MiB at most.
    """
    _check_text(sql, "query")
    clauses, whole = cut(sql)
    return _QueryParser(sql, clauses, whole).parse()


def parse_condition(variable: str, text: str) -> Definition:
    """Read one condition, as it would stand in DEFINE.

    Raises:
        QuerySyntaxError: it is not an expression.
    """
    _check_text(text, "condition")
    tokens = tokens_of(text)
    closing = closing_places(text, tokens)
    if not tokens:
        raise QuerySyntaxError("the condition is empty; write an expression that is true or false")
    at = 0
    while at < len(tokens):
        if tokens[at].is_sign(",") or tokens[at].is_sign(";"):
            raise problem("expected the end of the condition", Place(text, tokens[at].begin), QuerySyntaxError)
        at = closing.get(at, at) + 1
    begin, end = tokens[0].begin, tokens[-1].end
    written = Written(begin, end, " ".join(text[begin:end].split()))
    composed = _expression_text(text, written)
    (tree,) = parse_texts([composed.text])
    written.node = _expression(composed, tree)
    return Definition(variable, written, Place(text, begin))


def _check_text(text: str, what: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"the {what} is a text, not {type(text).__name__}")
    if len(text) > _LONGEST_QUERY:
        raise QuerySyntaxError(f"the {what} has {len(text):,} characters; the limit is {_LONGEST_QUERY:,}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = f"the {what} has half of a surrogate pair, which is no character; remove it"
        raise problem(message, Place(text, error.start), QuerySyntaxError) from None
    if "\0" in text:
        message = f"the {what} has a NUL character; remove it"
        raise problem(message, Place(text, text.index("\0")), QuerySyntaxError)


class _QueryParser:
    def __init__(self, sql: str, clauses: list[Clause], whole: Spliced) -> None:
        self._sql = sql
        self._clauses = clauses
        self._outer = self._spliced(whole)
        self._sources = {clause.number: self._source(clause) for clause in clauses if clause.table is None}
        self._tables: dict[str, Place] = {}
        self._duckdb_tables: Counter[str] = Counter()

    def parse(self) -> ParsedQuery:
        written = [each for clause in self._clauses for each in clause.expressions()]
        expressions = [_expression_text(self._sql, each) for each in written]
        around = [*self._sources.values(), self._outer]
        trees = parse_texts([each.text for each in (*expressions, *around)])
        for each, text, tree in zip(written, expressions, trees, strict=False):
            each.node = _expression(text, tree)
        for clause in self._clauses:
            if clause.table is not None:
                self._tables.setdefault(clause.table, Place(self._sql, clause.source.begin))
        statement: dict[str, Any] = {}
        for text, tree in zip(around, trees[len(expressions) :], strict=True):
            statement = self._query(text, tree)
        return ParsedQuery(
            sql=self._sql,
            clauses=self._clauses,
            outer=self._outer.text,
            sources={number: text.text for number, text in self._sources.items()},
            tables=dict(sorted(self._tables.items(), key=lambda item: item[1].offset)),
            duckdb_tables=self._duckdb_tables,
            projection=self._projection(statement),
        )

    # Texts around clauses.

    def _spliced(self, piece: Spliced, composed: Composed | None = None) -> Composed:
        """Compose a piece of the text with the answers' names in the place of its clauses."""
        composed = Composed(self._sql) if composed is None else composed
        at = piece.begin
        for clause in piece.clauses:
            _copy(composed, at, clause.source.begin, marks=False).insert(quoted(result_name(clause)))
            if clause.alias is None and clause.source_name is not None:
                # The query may go on to call it by the name of the table before it.
                composed.insert(f" AS {quoted(clause.source_name)}")
            at = clause.end
        return _copy(composed, at, piece.end, marks=False)

    def _source(self, clause: Clause) -> Composed:
        """Compose the text that gives the table before a clause."""
        composed = Composed(self._sql)
        for common in clause.common:
            if composed.text:
                composed.insert("SELECT * FROM (")
            composed.insert("WITH RECURSIVE " if common.recursive else "WITH ")
            for number, piece in enumerate(common.pieces):
                self._spliced(piece, composed.insert(", ") if number else composed)
            composed.insert(" ")
        self._spliced(clause.source, composed.insert("SELECT * FROM "))
        return composed.insert(")" * (len(clause.common) - 1))

    def _query(self, text: Composed, tree: dict[str, Any]) -> dict[str, Any]:
        """Check what a text reads, and note the tables; return its statement."""
        statement = _statement(text, tree)
        reader = QueryReader(text)
        reader.read(statement)
        answers = {result_name(clause).lower() for clause in self._clauses}
        named: Counter[str] = Counter()
        for table in reader.tables:
            if table.place is None:
                continue
            if table.name.lower() in answers:
                message = f'the name "{table.name}" is taken by the answer of a clause; give the table another name'
                raise problem(message, table.place, UnsupportedQueryError)
            self._tables.setdefault(table.name, table.place)
            named[table.name] += 1
        self._duckdb_tables |= named
        return statement

    def _projection(self, statement: dict[str, Any]) -> list[tuple[Column, str]] | None:
        """Find out whether the query only shows columns of a clause's answer."""
        node = {name: value for name, value in statement["node"].items() if value not in (None, [], {}, "")}
        source = node.get("from_table", {})
        plain = {"type", "select_list", "from_table", "aggregate_handling"}
        keys = {name for name, value in source.items() if value not in (None, [], {}, "")}
        last = self._clauses[-1] if self._clauses else None
        if (
            last is None
            or set(node) - plain
            or node.get("aggregate_handling") != "STANDARD_HANDLING"
            or source.get("table_name") != result_name(last)
            or keys - {"type", "alias", "table_name", "qualified_name", "query_location", "query_location_length"}
        ):
            return None
        name = source.get("alias", result_name(last)).lower()
        reader = TreeReader(self._outer)
        found: list[tuple[Column, str]] = []
        for each in node["select_list"]:
            if each.get("class") not in {"COLUMN_REF", "STAR"}:
                return None
            shown = QueryReader(self._outer).expression(each) if each["class"] == "STAR" else reader.expression(each)
            if isinstance(shown, Star) and shown.relation is None and len(node["select_list"]) == 1:
                return []
            if not isinstance(shown, Column) or len(shown.names) > 2:  # noqa: PLR2004 - a table's name and a column's
                return None
            if len(shown.names) == 2 and shown.names[0].lower() != name:  # noqa: PLR2004 - see above
                return None
            own = Column(shown.names[-1:], shown.quoted[-1:], span=shown.span)
            found.append((own, each.get("alias", "")))
        return found


def _expression_text(sql: str, written: Written) -> Composed:
    """Compose `SELECT (expression)`, in which RUNNING and FINAL before a call are marks in its name."""
    composed = Composed(sql).insert("SELECT (")
    _copy(composed, written.begin, written.end, marks=True)
    return composed.insert(")")


def _copy(composed: Composed, begin: int, end: int, *, marks: bool) -> Composed:
    """Add a piece of the query in which what DuckDB's parser does not take is written in its way."""
    piece = composed.query[begin:end]
    tokens = tokens_of(piece) if _MAY_CHANGE.search(piece) else []
    changes = [(token.begin, token.end, quoted(token.text)) for token in bare_names(tokens)]
    if marks:
        for token, behind, opening in zip(tokens, tokens[1:], tokens[2:], strict=False):
            if token.word in SEMANTICS_MARKS and behind.is_name and opening.is_sign("("):
                changes.append((token.begin, behind.end, quoted(SEMANTICS_MARKS[token.word] + behind.text.lower())))
    at = begin
    for first, last, text in sorted(changes):
        if begin + first >= at:
            composed.copy(at, begin + first).put(text, begin + first, begin + last)
            at = begin + last
    return composed.copy(at, end)


def _statement(text: Composed, tree: dict[str, Any]) -> dict[str, Any]:
    """Return the one statement of a tree.

    Raises:
        QuerySyntaxError: there is none, or more.
    """
    if tree.get("error"):
        raise _syntax_error(text, tree)
    statements = tree.get("statements")
    if not isinstance(statements, list) or len(statements) != 1:
        raise QuerySyntaxError("expected one query, which begins with SELECT, WITH, FROM or VALUES")
    statement: dict[str, Any] = statements[0]
    return statement


def _syntax_error(text: Composed, tree: dict[str, Any]) -> QuerySyntaxError:
    message = str(tree.get("error_message", "this is not a query"))
    if message.startswith("Max expression depth"):
        return QuerySyntaxError("the query nests too deeply; write AND and OR of many in a row, and lists as IN (...)")
    if message.startswith("Only SELECT"):
        return QuerySyntaxError("expected one query, which begins with SELECT, WITH, FROM or VALUES")
    position = tree.get("position")
    place = text.place(int(position)) if position is not None else None
    if place is None and position is not None:
        # At the parenthesis that stands behind an expression: what was written ends too early.
        place = text.place(len(text.text.encode()) - 2)
        message = "the expression is not complete"
    return problem(message, place, QuerySyntaxError)


def _expression(text: Composed, tree: dict[str, Any]) -> Any:
    """Return the tree of the one expression of a text."""
    with nesting_limited("expression"):
        statement = _statement(text, tree)
        node = statement.get("node", {})
        plain = {"type", "select_list", "from_table", "aggregate_handling", "cte_map"}
        listed = node.get("select_list", [])
        bare = node.get("from_table", {}).get("type") == "EMPTY" and not node.get("cte_map")
        if node.get("type") != "SELECT_NODE" or set(node) - plain or len(listed) != 1 or not bare:
            raise QuerySyntaxError(f"this is no expression: {text.text[8:-1][:100]}")
        if listed[0].get("alias") or set(statement) - {"node", "named_param_map"}:
            raise QuerySyntaxError(f"this is no expression: {text.text[8:-1][:100]}")
        return TreeReader(text).expression(listed[0])
