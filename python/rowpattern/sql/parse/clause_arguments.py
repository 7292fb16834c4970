"""A clause that is given argument by argument, without SQL around it: each argument is read on its own.

The arguments are laid out as the clause that says the same, for people: errors, logs and explanations show that text.
It is never cut into tokens as a whole. An argument is cut alone, and has to be exactly one expression, or one list of
keys, with its brackets, quotes and comments closed, so that nothing in it can end it.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from rowpattern.errors import QuerySyntaxError, UnsupportedQueryError
from rowpattern.sql.duckdb.names import check_name, quoted
from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.expression.nodes import Column
from rowpattern.sql.parse.clause import (
    GIVEN,
    Clause,
    Definition,
    ExpressionSource,
    GivenCondition,
    Measure,
    RowsShown,
    Skip,
    TextPiece,
)
from rowpattern.sql.parse.clause_parameters import parameters_of
from rowpattern.sql.parse.clause_reader import ClauseReader
from rowpattern.sql.parse.expression_texts import expressions_text, read_expressions
from rowpattern.sql.parse.parsed_query import ParsedQuery
from rowpattern.sql.parse.text_check import check_text
from rowpattern.sql.records import Record
from rowpattern.sql.text.argument_text import ArgumentText, ArgumentTextWriter
from rowpattern.sql.text.parameters import find_parameters
from rowpattern.sql.text.source_location import SourceLocation, error_at, nesting_limited
from rowpattern.sql.text.tokens import Token, closing_brackets, tokens_of

if TYPE_CHECKING:
    from rowpattern.sql.parse.clause import OrderKey, PartitionKey
    from rowpattern.sql.runtime.context import ExecutionContext
    from rowpattern.sql.text.argument_text import PlacedArgument

__all__ = ["ClauseArguments", "Question", "parse_arguments", "question_text"]

_ROWS_SHOWN: dict[RowsShown, str] = {
    "one row": "ONE ROW PER MATCH",
    "all rows": "ALL ROWS PER MATCH",
    "all rows omit empty": "ALL ROWS PER MATCH OMIT EMPTY MATCHES",
    "all rows with unmatched": "ALL ROWS PER MATCH WITH UNMATCHED ROWS",
}

_Read = TypeVar("_Read")

#: What the table is called in texts for people, where it has no name.
_TABLE = "data"


class ClauseArguments(Record):
    """The arguments of a clause, as `rowpattern.recognize` takes them.

    Attributes:
        pattern: the row pattern.
        define: variables with their conditions.
        measures: names with their expressions, or with what to show for those that the caller's library computes.
        partition_by: lists of keys, each with what the caller writes for it.
        order_by: the same.
        rows_shown: which rows the answer has.
        skip: where the search goes on; the variable as the caller writes it.
        subset: union variables with their variables.
        table: the name of the table; None where it has none.
        within: how far a match reaches; None where nothing says it.
        given: variables whose conditions the caller's library computes, each with what to show for it.
        given_measures: names of the measures that it computes.
    """

    pattern: str
    define: tuple[tuple[str, str], ...] = ()
    measures: tuple[tuple[str, str], ...] = ()
    partition_by: tuple[tuple[str, str], ...] = ()
    order_by: tuple[tuple[str, str], ...] = ()
    rows_shown: RowsShown = "one row"
    skip: Skip = ("past last row", "")
    subset: tuple[tuple[str, tuple[str, ...]], ...] = ()
    table: str | None = None
    within: str | None = None
    given: tuple[tuple[str, str], ...] = ()
    given_measures: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        """A text that no other arguments have."""
        return repr(tuple(self.__dict__[name] for name in self._fields))

    @cached_property
    def layout(self) -> Layout:
        """The clause as a text, and where each argument stands in it."""
        return _laid_out(self)

    def __str__(self) -> str:
        """Return the clause as a text, for people."""
        return "".join(self.layout.text)

    def plain(self) -> dict[str, Any]:
        """Return the arguments as JSON has them."""
        return {name: self.__dict__[name] for name in self._fields}

    @classmethod
    def of_plain(cls, plain: dict[str, Any]) -> ClauseArguments:
        """Return what `plain` was made of."""
        return cls(**{name: _tuples(value) for name, value in plain.items()})


#: A query's text, or a clause without SQL around it.
Question = str | ClauseArguments


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


class Layout(Record):
    """The places of the arguments in the text of the clause.

    Attributes:
        text: the whole.
        table: the table before the clause.
        expressions: the arguments that are texts, by the part of the clause.
    """

    text: ArgumentText
    table: TextPiece
    partition_by: list[PlacedArgument]
    order_by: list[PlacedArgument]
    measures: list[PlacedArgument]
    skip: list[PlacedArgument]
    pattern: PlacedArgument
    within: list[PlacedArgument]
    subset: list[PlacedArgument]
    define: list[PlacedArgument]
    given: list[PlacedArgument]


def question_text(question: Question) -> str:
    """Return a query's text, or the text that arguments are laid out in."""
    return question if isinstance(question, str) else question.layout.text


def _laid_out(arguments: ClauseArguments) -> Layout:
    writer = ArgumentTextWriter()

    def listed(words: str, items: list[tuple[str, str, str, str]], break_lines: bool = True) -> list[PlacedArgument]:
        """Add a part of the clause: each item as its argument's name, words before it, its text, and words behind."""
        first = len(writer.arguments)
        if items:
            writer.insert(f"\n    {words}")
        for number, (name, before, text, behind) in enumerate(items):
            separator = "," if number else ""
            writer.insert(f"{separator}{f'{chr(10)}        ' if break_lines else ' '}{before}")
            writer.argument(name, text).insert(behind or " ")
        return writer.arguments[first:]

    table = _TABLE if arguments.table is None else _written(arguments.table)
    writer.insert("SELECT * FROM ")
    piece = TextPiece(len("SELECT * FROM "), len("SELECT * FROM ") + len(table))
    writer.insert(f"{table} MATCH_RECOGNIZE (")
    partition_by = listed("PARTITION BY", [(name, "", text, "") for name, text in arguments.partition_by], False)
    order_by = listed("ORDER BY", [(name, "", text, "") for name, text in arguments.order_by], False)
    measures = listed(
        "MEASURES",
        [(_item("measures", name), "", text, f" AS {_written(name)}") for name, text in arguments.measures],
    )
    writer.insert(f"\n    {_ROWS_SHOWN[arguments.rows_shown]}\n    AFTER MATCH SKIP {arguments.skip[0].upper()} ")
    first = len(writer.arguments)
    if arguments.skip[1]:
        writer.argument("after_match[1]", arguments.skip[1]).insert(" ")
    skip = writer.arguments[first:]
    writer.insert("\n    PATTERN (").argument("pattern", arguments.pattern).insert(")")
    pattern = writer.arguments[-1]
    within = listed("WITHIN", [] if arguments.within is None else [("within", "", arguments.within, "")], False)
    subset = listed(
        "SUBSET",
        [(_item("subset", name), f"{_written(name)} = (", ", ".join(of), ")") for name, of in arguments.subset],
    )
    conditions = listed(
        "DEFINE",
        [
            (_item("define", name), f"{_written(name)} AS ", text, "")
            for name, text in (*arguments.define, *arguments.given)
        ],
    )
    define, given = conditions[: len(arguments.define)], conditions[len(arguments.define) :]
    text = writer.insert("\n)").text()
    return Layout(text, piece, partition_by, order_by, measures, skip, pattern, within, subset, define, given)


def _item(part: str, name: str) -> str:
    """Return an item of a mapping as a caller writes it."""
    return f'{part}["{name}"]' if name.isprintable() and '"' not in name else f"{part}[{name!a}]"


def _written(name: str) -> str:
    return name if name.isidentifier() else quoted(name)


@nesting_limited("clause")
def parse_arguments(arguments: ClauseArguments, context: ExecutionContext | None = None) -> ParsedQuery:
    """Read a clause.

    Args:
        arguments: of the clause; they are texts.
        context: the limits of the query.

    Raises:
        QuerySyntaxError: an argument is not what it must be; the message names it and shows where.
        UnsupportedQueryError: an expression has a part that is not known here.
        QueryLimitError: its time is over.

    Takes time linear in the arguments.
    """
    return _ArgumentsParser(arguments).parse(context)


class _ArgumentsParser:
    def __init__(self, arguments: ClauseArguments) -> None:
        for name, text in _named_texts(arguments):
            check_text(text, f"argument {name}")
        for name, _ in arguments.measures:
            check_name(name, "measure")
        self._arguments = arguments
        self._layout = arguments.layout
        self._text = self._layout.text
        check_text(self._text, "clause")
        self._quoted = _quoted_names(arguments.pattern)

    def parse(self, context: ExecutionContext | None) -> ParsedQuery:
        clause = self._clause()
        names = (name for name, _ in self._arguments.measures)
        measures = [placed for name, placed in zip(names, self._layout.measures) if name in clause.given_measures]
        shown = tuple(placed.name for placed in (*self._layout.given, *measures))
        parameters = find_parameters(self._text, shown)
        written = clause.expressions()
        for each in written:
            if each.subqueries:
                message = (
                    "a subquery cannot stand in an argument: there are no tables but one; give its value in parameters"
                )
                raise error_at(message, each.subqueries[0].location, UnsupportedQueryError)
        if written:
            composed = expressions_text(self._text, written, {each.begin: each.name for each in parameters})
            (tree,) = parse_texts([composed.text], context)
            read_expressions(composed, tree, written)
        clause.parameters = parameters_of(clause, parameters)
        table = clause.table or ""
        return ParsedQuery(
            sql=self._text,
            clauses=[clause],
            outer="",
            sources={},
            tables={table: SourceLocation(self._text, clause.source.begin)},
            duckdb_tables=Counter(),
            projection=[],
            arguments_key=self._arguments.key,
            parameters=parameters,
        )

    def _clause(self) -> Clause:
        arguments, layout = self._arguments, self._layout
        mode, target = arguments.skip
        subset_locations: dict[str, SourceLocation] = {}
        subset: dict[str, tuple[str, ...]] = {}
        for (name, members), placed in zip(arguments.subset, layout.subset, strict=True):
            union = self._variable(name)
            location = self._location(placed)
            if union in subset:
                raise error_at(f"SUBSET defines {union} twice", location, QuerySyntaxError)
            subset[union] = tuple(map(self._variable, members))
            subset_locations[union] = location
        return Clause(
            number=0,
            location=SourceLocation(self._text, 0),
            source=layout.table,
            table=arguments.table or _TABLE,
            source_name=arguments.table,
            partition_by=[key for placed in layout.partition_by for key in self._reader(placed).partition_keys()],
            order_by=[key for placed in layout.order_by for key in self._reader(placed).order_keys()],
            measures=[
                Measure(name, self._measure(name, placed), self._location(placed))
                for (name, _), placed in zip(arguments.measures, layout.measures, strict=True)
            ],
            rows_shown=arguments.rows_shown,
            skip=(mode, self._variable(target) if target else ""),
            skip_location=self._location(layout.skip[0]) if layout.skip else SourceLocation(self._text, 0),
            pattern=arguments.pattern,
            pattern_location=self._location(layout.pattern),
            subset=subset,
            subset_locations=subset_locations,
            define=[
                Definition(self._variable(name), self._reader(placed).expression(), self._location(placed))
                for (name, _), placed in zip(arguments.define, layout.define, strict=True)
            ],
            end=len(self._text),
            within=next((self._reader(placed).length() for placed in layout.within), None),
            given=[
                GivenCondition(self._variable(name), name, self._location(placed))
                for (name, _), placed in zip(arguments.given, layout.given, strict=True)
            ],
            given_measures={name: _measure_column(name) for name in arguments.given_measures},
        )

    def _measure(self, name: str, placed: PlacedArgument) -> ExpressionSource:
        if name not in self._arguments.given_measures:
            return self._reader(placed).expression()
        column = Column((_measure_column(name),))
        return ExpressionSource(placed.begin, placed.begin, "computed by the caller's library", column)

    def _location(self, placed: PlacedArgument) -> SourceLocation:
        return SourceLocation(self._text, placed.begin)

    def _reader(self, placed: PlacedArgument) -> _ArgumentReader:
        return _ArgumentReader(self._text, placed)

    def _variable(self, name: str) -> str:
        """Return a variable as the pattern has it: exactly where it is quoted, there or here, else in upper case."""
        if name in self._quoted:
            return name
        if len(name) > 2 and name[0] == name[-1] == '"':  # noqa: PLR2004 - the quotes, and a name between them
            return name[1:-1].replace('""', '"')
        return name.upper()


class _ArgumentReader(ClauseReader):
    """Reads one argument; it ends where the argument does."""

    def __init__(self, text: ArgumentText, placed: PlacedArgument) -> None:
        alone = ArgumentText.of(placed.name, text[placed.begin : placed.end])
        tokens = tokens_of(alone)
        closing = closing_brackets(alone, tokens)
        self._argument = placed
        for token in tokens:
            if token.is_sign(";"):
                message = "an argument has no ; in it; leave it out"
                raise error_at(message, SourceLocation(alone, token.begin), QuerySyntaxError)
        if not tokens:
            raise error_at("the argument is empty; write an expression", SourceLocation(alone, 0), QuerySyntaxError)
        moved = [
            Token(each.kind, each.text, each.begin + placed.begin, each.end + placed.begin, each.word)
            for each in tokens
        ]
        moved.append(Token("sign", ")", moved[-1].end, moved[-1].end))
        super().__init__(text, moved, closing, 0, len(tokens))

    def _begins_part(self) -> bool:
        # No part of a clause follows.
        return False

    def partition_keys(self) -> list[PartitionKey]:
        """Read keys of PARTITION BY."""
        return self._ended(self._list(self._partition_key))

    def order_keys(self) -> list[OrderKey]:
        """Read keys of ORDER BY."""
        return self._ended(self._list(self._order_key))

    def expression(self) -> ExpressionSource:
        """Read one expression."""
        begin, end = self._skip_expression()
        return self._alone(self._written(begin, end, "expected an expression"))

    def length(self) -> ExpressionSource:
        """Read the length of WITHIN."""
        return self._alone(self._length())

    def _alone(self, found: ExpressionSource) -> ExpressionSource:
        if self._at < self._end:
            raise self._fail("expected one expression; this begins another")
        return found

    def _ended(self, found: list[_Read]) -> list[_Read]:
        if self._at < self._end:
            raise self._fail("expected the end of the argument")
        return found


def _measure_column(name: str) -> str:
    """Return the name of the column that a measure is which the caller's library computes."""
    return f"{GIVEN}measure {name}"


def _named_texts(arguments: ClauseArguments) -> list[tuple[str, str]]:
    found = [("pattern", arguments.pattern), *arguments.partition_by, *arguments.order_by]
    found += [(_item("measures", name), text) for name, text in arguments.measures]
    found += [(_item("define", name), text) for name, text in arguments.define]
    found += [("the name of a variable in define", name) for name, _ in (*arguments.define, *arguments.given)]
    found += [] if arguments.within is None else [("within", arguments.within)]
    found += [("subset", each) for name, members in arguments.subset for each in (name, *members)]
    return [*found, ("after_match[1]", arguments.skip[1])]


def _quoted_names(pattern: str) -> frozenset[str]:
    """Return the names that stand in double quotes in a row pattern."""
    if '"' not in pattern:
        return frozenset()
    try:
        return frozenset(token.text for token in tokens_of(pattern) if token.kind == "quoted")
    except QuerySyntaxError:
        # What is wrong with it is said when it is compiled.
        return frozenset()
