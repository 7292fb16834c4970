"""Query text to clauses: DuckDB's SQL, read by sqlglot, with MATCH_RECOGNIZE after a table.

Outside of the clauses the text is not rewritten: DuckDB gets it as it was written, with the table and its clause
replaced by the name of a table that holds the answer. So only places are kept of what surrounds a clause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError, TokenError
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

from rowpattern.errors import QueryError, QuerySyntaxError, UnsupportedQueryError
from rowpattern.sql.clause import Clause, Definition, Measure, OrderKey, RowsShown, Skip, Spliced
from rowpattern.sql.problems import Place, problem

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FINAL", "NAVIGATION", "RUNNING", "ParsedQuery", "Semantics", "parse", "parse_condition"]

RUNNING, FINAL = "RUNNING", "FINAL"

#: Functions of row patterns (ISO/IEC 19075-5, section 5); some have other meanings in DuckDB outside of a clause.
NAVIGATION = ("FIRST", "LAST", "PREV", "NEXT", "CLASSIFIER", "MATCH_NUMBER")

# A stranger's query can be long; what is refused here has cost no more than its tokens.
_LONGEST_QUERY = 1 << 20
_MOST_NODES = 100_000

# The parts of a clause, in their order, by the tokens that they begin with.
_PARTS = ("PARTITION BY", "ORDER BY", "MEASURES", "ONE", "ALL", "AFTER", "PATTERN", "SUBSET", "DEFINE")

_Found = TypeVar("_Found")

_WINDOW_WORDS = {"MEASURES", "PATTERN", "DEFINE", "SUBSET", "AFTER", "INITIAL", "SEEK"}


@dataclass(frozen=True)
class ParsedQuery:
    """A query's text and what was found in it.

    Attributes:
        clauses: in the order in which they are answered: inner ones first.
        text: the whole text, with the clauses directly in it.
        tables: names of tables that the query does not make itself, each with the place where it stands first.
        duckdb_tables: those that stand elsewhere than directly before a clause, which DuckDB reads.
        projection: where the query is a SELECT of columns from one clause and nothing more, those columns, each with
            the name that it gets; empty for `SELECT *`. None otherwise.
        checked: texts made of this query of which it is known that they read nothing but its tables.
    """

    sql: str
    clauses: list[Clause]
    text: Spliced
    tables: dict[str, Place]
    duckdb_tables: frozenset[str]
    projection: list[tuple[exp.Expr, str]] | None
    checked: set[str] = field(default_factory=set)


class Semantics(exp.Expression):
    """RUNNING or FINAL before a function."""

    arg_types = {"this": True, "kind": True}  # noqa: RUF012 - as sqlglot has them


class _PatternTable(exp.Expression):
    """A table with a clause behind it."""

    arg_types = {"this": True, "clause": True, "alias": False}  # noqa: RUF012 - as sqlglot has them


def _as_it_is(name: str) -> Any:
    return lambda args: exp.Anonymous(this=name, expressions=args)


class _Parser(DuckDBParser):
    """DuckDB's, with MATCH_RECOGNIZE. Places are those of the tokens read."""

    FUNCTIONS = {**DuckDBParser.FUNCTIONS, **{name: _as_it_is(name) for name in NAVIGATION}}  # noqa: RUF012
    # The clause stands behind a table and nowhere else.
    QUERY_MODIFIER_PARSERS = {  # noqa: RUF012
        token: parse
        for token, parse in DuckDBParser.QUERY_MODIFIER_PARSERS.items()
        if token != TokenType.MATCH_RECOGNIZE
    }
    TABLE_TERMINATORS = DuckDBParser.TABLE_TERMINATORS | {TokenType.MATCH_RECOGNIZE}
    TABLE_ALIAS_TOKENS = set(DuckDBParser.TABLE_ALIAS_TOKENS) - {TokenType.MATCH_RECOGNIZE}

    def _place(self, token: Token | None = None) -> Place:
        token = token or self._curr
        return Place(self.sql, token.start if token and token.token_type != TokenType.SENTINEL else len(self.sql))

    def _fail(self, message: str, token: Token | None = None) -> QuerySyntaxError:
        return problem(message, self._place(token), QuerySyntaxError)

    def raise_error(self, message: str, token: Any = None) -> None:
        # sqlglot's own message, shown our way.
        token = token or self._curr or self._prev
        if token and token.text.upper() in _WINDOW_WORDS:
            message = f"{token.text.upper()} belongs in MATCH_RECOGNIZE (...) after a table, not in a window"
        raise problem(message, self._place(token), QuerySyntaxError)

    def _parse_table(self, *args: Any, **options: Any) -> Any:
        begin = self._curr
        table = super()._parse_table(*args, **options)
        while table is not None and self._curr.token_type == TokenType.MATCH_RECOGNIZE:
            source = Spliced(begin.start, self._prev.end + 1)
            name = table.name if _is_a_name(table) else None
            clause = self._parse_clause(source, name)
            alias = self._parse_table_alias(alias_tokens=self.TABLE_ALIAS_TOKENS)
            clause.alias = alias.name if alias else None
            table = _PatternTable(this=table, clause=clause, alias=alias)
        return table

    def _parse_cte(self) -> Any:
        begin = self._curr
        common = super()._parse_cte()
        if common is not None:
            common.meta["span"] = (begin.start, self._prev.end + 1)
        return common

    def _parse_unary(self) -> Any:
        word = self._curr.text.upper() if self._curr.token_type != TokenType.STRING else ""
        if word in {RUNNING, FINAL}:
            behind = self._tokens[min(self._index + 2, len(self._tokens) - 1)]
            if behind.token_type == TokenType.L_PAREN and self._next.token_type != TokenType.L_PAREN:
                self._advance()
                return Semantics(this=super()._parse_unary(), kind=word)
        return super()._parse_unary()

    def condition(self, variable: str, tokens: list[Token], text: str) -> Definition:
        """Read tokens as one condition and nothing more."""
        found = self._parse(lambda _: self._whole_condition(variable), tokens, text)
        (definition,) = found
        assert isinstance(definition, Definition)  # noqa: S101 - what the function above gives
        return definition

    def _whole_condition(self, variable: str) -> Any:
        condition, place = self._expression_here()
        if self._curr.token_type != TokenType.SENTINEL:
            raise self._fail("expected the end of the condition")
        return Definition(variable, condition, place)

    # The clause, in the order of the standard (ISO/IEC 9075-2, 7.6 <row pattern recognition clause>).

    def _parse_clause(self, source: Spliced, table: str | None) -> Clause:
        place = self._place()
        self._advance()
        self._expect(TokenType.L_PAREN, "(")
        partition_by = self._parse_keys() if self._match(TokenType.PARTITION_BY) else []
        order_by = self._parse_order_keys() if self._match(TokenType.ORDER_BY) else []
        measures = self._list(self._parse_measure) if self._match_text_seq("MEASURES") else []
        rows_shown = self._parse_rows_shown()
        skip_place = self._place()
        skip = self._parse_skip()
        if self._curr.text.upper() in {"INITIAL", "SEEK"}:
            raise self._fail("INITIAL and SEEK are for row patterns in windows")
        pattern, pattern_place = self._parse_pattern()
        subset_places: dict[str, Place] = {}
        subset = self._parse_subset(subset_places) if self._match_text_seq("SUBSET") else {}
        define = self._list(self._parse_definition) if self._match_text_seq("DEFINE") else []
        if self._curr.token_type != TokenType.R_PAREN:
            separator = ", or " if define else ""
            raise self._misplaced(f"expected {separator}) at the end of MATCH_RECOGNIZE")
        end = self._curr.end + 1
        self._advance()
        return Clause(
            number=-1,
            place=place,
            source=source,
            table=table,
            partition_by=partition_by,
            order_by=order_by,
            measures=measures,
            rows_shown=rows_shown,
            skip=skip,
            skip_place=skip_place,
            pattern=pattern,
            pattern_place=pattern_place,
            subset=subset,
            subset_places=subset_places,
            define=define,
            end=end,
        )

    def _misplaced(self, otherwise: str) -> QuerySyntaxError:
        """Make the error for what stands here: a part of the clause out of order, or anything else."""
        word = self._curr.text.upper()
        if word in _PARTS:
            return self._fail(f"{word} cannot stand here; the order is {', '.join(_PARTS)}")
        return self._fail(otherwise)

    def _expect(self, token_type: TokenType, shown: str) -> None:
        if not self._match(token_type):
            raise self._fail(f"expected {shown}")

    def _list(self, parse: Any) -> list[Any]:
        items = [parse()]
        while self._match(TokenType.COMMA):
            items.append(parse())
        return items

    def _expression_here(self) -> tuple[exp.Expr, Place]:
        place = self._place()
        expression = self._parse_disjunction()
        if expression is None:
            raise self._fail("expected an expression")
        return expression, place

    def _parse_keys(self) -> list[tuple[exp.Expr, Place]]:
        return self._list(self._expression_here)

    def _parse_order_keys(self) -> list[OrderKey]:
        def key() -> OrderKey:
            expression, place = self._expression_here()
            descending = self._match(TokenType.DESC) or (self._match(TokenType.ASC) and False)
            nulls_first = False
            if self._match_text_seq("NULLS", "FIRST"):
                nulls_first = True
            else:
                self._match_text_seq("NULLS", "LAST")
            return OrderKey(expression, bool(descending), nulls_first, place)

        return self._list(key)

    def _parse_measure(self) -> Measure:
        place = self._place()
        expression = self._parse_disjunction()
        if expression is None:
            raise self._fail("expected a measure, as in LAST(A.price) AS price")
        named = self._match(TokenType.ALIAS)
        token = self._curr
        quoted = token.token_type == TokenType.IDENTIFIER
        if not quoted and (not token.text.isidentifier() or (not named and token.text.upper() in _PARTS)):
            raise self._fail("a measure needs a name: write AS and the name behind it")
        self._advance()
        return Measure(token.text, expression, place)

    def _parse_rows_shown(self) -> RowsShown:
        if self._match_text_seq("ONE", "ROW", "PER", "MATCH"):
            if self._curr.text.upper() in {"SHOW", "OMIT", "WITH"}:
                raise self._fail("only ALL ROWS PER MATCH takes SHOW, OMIT or WITH")
            return "one row"
        if not self._match_text_seq("ALL", "ROWS", "PER", "MATCH"):
            return "one row"
        if self._match_text_seq("OMIT", "EMPTY", "MATCHES"):
            return "all rows omit empty"
        if self._match_text_seq("WITH", "UNMATCHED", "ROWS"):
            return "all rows with unmatched"
        self._match_text_seq("SHOW", "EMPTY", "MATCHES")
        return "all rows"

    def _parse_skip(self) -> Skip:
        if not self._match_text_seq("AFTER"):
            return ("past last row", "")
        if self._match_text_seq("MATCH", "SKIP"):
            if self._match_text_seq("PAST", "LAST", "ROW"):
                return ("past last row", "")
            if self._match_text_seq("TO", "NEXT", "ROW"):
                return ("to next row", "")
            if self._match_text_seq("TO"):
                # Without FIRST or LAST it is LAST (ISO/IEC 9075-2, 7.6, syntax rule 21).
                first = self._match_text_seq("FIRST")
                if not first:
                    self._match_text_seq("LAST")
                return ("to first" if first else "to last", self._variable())
        raise self._fail("expected MATCH SKIP PAST LAST ROW, TO NEXT ROW, TO FIRST variable or TO LAST variable")

    def _variable(self) -> str:
        token = self._curr
        if token.token_type == TokenType.IDENTIFIER:
            self._advance()
            return token.text
        if not token.text.isidentifier():
            raise self._fail("expected the name of a variable")
        self._advance()
        return token.text.upper()

    def _parse_pattern(self) -> tuple[str, Place]:
        if not self._match_text_seq("PATTERN"):
            raise self._misplaced("expected PATTERN (...)")
        opening = self._curr
        self._expect(TokenType.L_PAREN, "(")
        depth = 1
        while depth:
            if self._curr.token_type == TokenType.SENTINEL:
                raise self._fail("this ( of PATTERN is never closed", opening)
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(self._curr.token_type, 0)
            self._advance()
        begin = opening.end + 1
        return self.sql[begin : self._prev.start], Place(self.sql, begin)

    def _parse_subset(self, places: dict[str, Place]) -> dict[str, tuple[str, ...]]:
        subset: dict[str, tuple[str, ...]] = {}
        while True:
            place = self._place()
            name = self._variable()
            if name in subset:
                raise problem(f"SUBSET defines {name} twice", place, QuerySyntaxError)
            self._expect(TokenType.EQ, "=")
            self._expect(TokenType.L_PAREN, "(")
            subset[name] = tuple(self._list(self._variable))
            places[name] = place
            self._expect(TokenType.R_PAREN, ")")
            if not self._match(TokenType.COMMA):
                return subset

    def _parse_definition(self) -> Definition:
        place = self._place()
        name = self._variable()
        if not self._match(TokenType.ALIAS):
            raise self._fail(f"expected AS and a condition after {name}")
        condition, _ = self._expression_here()
        return Definition(name, condition, place)


class _Dialect(DuckDB):
    class Tokenizer(DuckDB.Tokenizer):
        KEYWORDS = {**DuckDB.Tokenizer.KEYWORDS, "MATCH_RECOGNIZE": TokenType.MATCH_RECOGNIZE}  # noqa: RUF012


def _is_a_name(table: exp.Expr) -> bool:
    plain = isinstance(table, exp.Table) and isinstance(table.this, exp.Identifier)
    return plain and not {name for name, value in table.args.items() if value} - {"this"}


def parse(sql: str) -> ParsedQuery:
    """Read a query.

    Raises:
        QuerySyntaxError: it is not one query, or a clause in it is wrong.
        UnsupportedQueryError: a table is named with a schema.

    Takes time linear in the text, of 1 MiB at most.
    """
    tokens, parsed = _read("query", sql, lambda parser, tokens: (tokens, parser.parse(tokens, sql)))
    statements = [statement for statement in parsed if statement is not None]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise QuerySyntaxError("expected one query, which begins with SELECT, WITH, FROM or VALUES")
    tree = statements[0]
    end = tokens[-1].start if tokens[-1].token_type == TokenType.SEMICOLON else tokens[-1].end + 1
    return _collected(sql, tree, Spliced(0, end))


# What can hold a word or a parenthesis that is none, words, and what is looked for in a pattern.
_PIECES = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|[A-Za-z_]\w*|[()$]""", re.DOTALL)


def _without_anchors(sql: str) -> str:
    """Put `^` in the place of each `$` of a PATTERN, so that `$A$` is not read as the beginning of a text in dollars.

    For the tokenizer only: patterns are taken from the text as it was written.
    """
    places: list[int] = []
    depth, behind_clause, behind_pattern = 0, False, False
    for found in _PIECES.finditer(sql):
        piece = found.group()
        if depth:
            depth += {"(": 1, ")": -1}.get(piece, 0)
            if piece == "$":
                places.append(found.start())
        elif piece == "(" and behind_pattern:
            depth = 1
        behind_pattern = behind_clause and piece.upper() == "PATTERN"
        behind_clause = behind_clause or piece.upper() == "MATCH_RECOGNIZE"
    characters = list(sql) if places else []
    for place in places:
        characters[place] = "^"
    return "".join(characters) if places else sql


def parse_condition(variable: str, text: str) -> Definition:
    """Read one condition, as it would stand in DEFINE.

    Raises:
        QuerySyntaxError: it is not an expression.
    """
    return _read("condition", text, lambda parser, tokens: parser.condition(variable, tokens, text))


def _read(what: str, text: str, work: Callable[[_Parser, list[Token]], _Found]) -> _Found:
    """Have a parser read the tokens of a text, and raise its errors as ours."""
    if len(text) > _LONGEST_QUERY:
        raise QuerySyntaxError(f"the {what} has {len(text):,} characters; the limit is {_LONGEST_QUERY:,}")
    dialect = _Dialect()
    try:
        tokens = dialect.tokenize(_without_anchors(text))
        return work(_Parser(dialect=dialect, error_level=ErrorLevel.IMMEDIATE, max_nodes=_MOST_NODES), tokens)
    except QueryError:
        raise
    except ParseError as error:
        raise _translated(error, text) from None
    except TokenError as error:
        place = None if error.start is None else Place(text, error.start)
        raise problem("a quote or a comment that begins here is not closed", place, QuerySyntaxError) from None
    except SqlglotError as error:
        raise QuerySyntaxError(str(error).split("\n")[0]) from None


def _translated(error: ParseError, sql: str) -> QuerySyntaxError:
    first = error.errors[0] if error.errors else {}
    begin = first.get("start_context") or ""
    context = begin + (first.get("highlight") or "")
    offset = sql.find(context) + len(begin) if context and context in sql else 0
    return problem(first.get("description") or "this is not a query", Place(sql, offset), QuerySyntaxError)


def _collected(sql: str, tree: exp.Query, text: Spliced) -> ParsedQuery:
    """Find clauses and tables in the tree, and which stands in which."""
    nodes = sorted(tree.find_all(_PatternTable), key=lambda node: node.args["clause"].end)
    clauses: list[Clause] = [node.args["clause"] for node in nodes]
    common_names = {common.alias.lower() for common in tree.find_all(exp.CTE)}
    for number, (node, clause) in enumerate(zip(nodes, clauses)):
        clause.number = number
        clause.source.clauses = _directly_in(clause.source, clauses)
        clause.common = [
            Spliced(begin, end, _directly_in(Spliced(begin, end), clauses))
            for begin, end in (common.meta["span"] for common in _visible(node))
        ]
        if clause.table is not None and clause.table.lower() in common_names:
            clause.table = None
    text.clauses = _directly_in(text, clauses)
    tables: dict[str, Place] = {}
    read_by_duckdb: set[str] = set()
    for table in tree.find_all(exp.Table):
        schema = table.args.get("db")
        if schema is not None:
            place = Place(sql, schema.meta.get("start", 0))
            raise problem("a table is named by one name, without a schema", place, UnsupportedQueryError)
        if isinstance(table.this, exp.Identifier) and table.name.lower() not in common_names:
            tables.setdefault(table.name, Place(sql, table.this.meta.get("start", 0)))
            around = table.parent
            if not (isinstance(around, _PatternTable) and around.args["clause"].table is not None):
                read_by_duckdb.add(table.name)
    return ParsedQuery(sql, clauses, text, tables, frozenset(read_by_duckdb), _projection(tree))


def _projection(tree: exp.Query) -> list[tuple[exp.Expr, str]] | None:
    if not isinstance(tree, exp.Select):
        return None
    clauses = {name for name, value in tree.args.items() if value}
    source = tree.args.get("from_")
    if clauses != {"expressions", "from_"} or source is None or not isinstance(source.this, _PatternTable):
        return None
    alias = source.this.args["alias"]
    if alias is not None and (alias.columns or set(alias.args) - {"this", "columns"}):
        return None
    name = alias.name.lower() if alias is not None else None
    found: list[tuple[exp.Expr, str]] = []
    for each in tree.expressions:
        if isinstance(each, exp.Star) and len(tree.expressions) == 1 and not any(each.args.values()):
            return []
        column = each.this if isinstance(each, exp.Alias) else each
        if not isinstance(column, exp.Column) or isinstance(column.this, exp.Star) or column.args.get("db"):
            return None
        if column.table and column.table.lower() != name:
            return None
        found.append((column.this, each.alias if isinstance(each, exp.Alias) else ""))
    return found


def _directly_in(piece: Spliced, clauses: list[Clause]) -> list[Clause]:
    inside = [clause for clause in clauses if piece.begin <= clause.source.begin and clause.end <= piece.end]
    outermost = [
        clause
        for clause in inside
        if not any(
            other is not clause and other.source.begin <= clause.source.begin and clause.end < other.end
            for other in inside
        )
    ]
    return sorted(outermost, key=lambda clause: clause.source.begin)


def _visible(node: exp.Expr) -> list[exp.CTE]:
    """The common table expressions that a table may name: those before it in each WITH around it."""
    begin = node.args["clause"].source.begin
    found: list[exp.CTE] = []
    parent = node.parent
    while parent is not None:
        around = parent.args.get("with_")
        if isinstance(around, exp.With):
            found = [each for each in around.expressions if each.meta["span"][1] <= begin] + found
        parent = parent.parent
    return found
