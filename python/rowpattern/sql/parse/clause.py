"""What a MATCH_RECOGNIZE clause says, before its names are looked up (ISO/IEC 9075-2, 7.6 and 19075-5, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rowpattern.sql.expression.nodes import Literal as Constant
from rowpattern.sql.records import Record, field

if TYPE_CHECKING:
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.text.composed import Composed
    from rowpattern.sql.text.parameters import PlacedParameter
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = [
    "GIVEN",
    "Clause",
    "ClauseParameters",
    "CommonTables",
    "Definition",
    "ExpressionSource",
    "GivenCondition",
    "Measure",
    "OrderKey",
    "OuterTables",
    "PartitionKey",
    "RowsShown",
    "Skip",
    "Subquery",
    "SubqueryForm",
    "TextPiece",
]

RowsShown = Literal["one row", "all rows", "all rows omit empty", "all rows with unmatched"]

#: How the names of columns begin that the caller's library computes.
GIVEN = "rowpattern given "

#: As `Pattern.match` takes it.
Skip = tuple[Literal["past last row", "to next row", "to first", "to last"], str]


SubqueryForm = Literal["value", "exists", "list"]


class Subquery(Record):
    """A subquery in an expression of a clause.

    Attributes:
        form: whether it gives one value, whether it has a row, or the values of IN.
        begin: the first character of its text.
        end: the character behind that.
        first: the first character of what its value takes the place of; no other subquery has the same.
        behind: the character behind that.
    """

    form: SubqueryForm
    begin: int
    end: int
    first: int
    behind: int
    location: SourceLocation


class ExpressionSource(Record, frozen=False):
    """An expression as the query has it.

    Attributes:
        begin: its first character.
        end: the character behind its last.
        text: all between them, in one line.
        node: its tree; NULL until it is read.
        subqueries: those in it, in order.
    """

    begin: int
    end: int
    text: str
    node: Node = field(default_factory=lambda: Constant("NULL_LITERAL"))
    subqueries: tuple[Subquery, ...] = ()


class PartitionKey(Record):
    """An expression of PARTITION BY, and the name that it gets in the answer; None where it gets none."""

    expression: ExpressionSource
    location: SourceLocation
    name: str | None = None


class Measure(Record):
    """An expression of MEASURES and its name."""

    name: str
    expression: ExpressionSource
    location: SourceLocation


class Definition(Record):
    """A variable of DEFINE, as the pattern writes it, and its condition."""

    variable: str
    condition: ExpressionSource
    location: SourceLocation


class GivenCondition(Record):
    """A variable whose condition the caller's library computes.

    Attributes:
        variable: as the pattern writes it.
        name: as the caller writes it.
        location: where it stands in the clause's text.
    """

    variable: str
    name: str
    location: SourceLocation


class OrderKey(Record):
    """An expression of ORDER BY, and how it orders."""

    expression: ExpressionSource
    descending: bool
    nulls_first: bool
    location: SourceLocation


class TextPiece(Record, frozen=False):
    """A piece of the query's text in which clauses are to be replaced by the tables that they give.

    Attributes:
        begin: its first character.
        end: the character behind its last.
        clauses: the clauses directly in it, in order.
    """

    begin: int
    end: int
    clauses: list[Clause] = field(default_factory=list)


class CommonTables(Record, frozen=False):
    """The part of a WITH list that a table sees: pieces of text, `name AS (...)`."""

    recursive: bool
    pieces: list[TextPiece]


class OuterTables(Record, frozen=False):
    """What stands before LATERAL in FROM, or in FROM of a query around, and which of its columns a clause names.

    Attributes:
        piece: its text.
        names: what its tables are called, as they are compared.
        columns: the columns that are named, each by its table and its name, and where it is named first.
        equal_keys: keys of the clause's partitions that have to be equal to such a column, as WHERE behind the clause
            says: where the key and the column stand.
    """

    piece: TextPiece
    names: frozenset[str]
    columns: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    equal_keys: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)


class ClauseParameters(Record):
    """The parameters of a clause.

    Attributes:
        names: those in its expressions.
        bounds: those that are bounds of quantifiers in its pattern, in order.
        offsets: those that are offsets of navigation.
    """

    names: tuple[str, ...]
    bounds: tuple[PlacedParameter, ...]
    offsets: tuple[PlacedParameter, ...]


class Clause(Record, frozen=False):
    """One MATCH_RECOGNIZE and the table before it.

    Attributes:
        number: from 0, in the order in which clauses are answered: inner ones first.
        source: the text of the table before the clause.
        table: that table's name, where it is a name (with an alias or without one) and nothing else.
        made: the same where a WITH list makes the table, as names of tables are compared.
        source_name: what the table before the clause is called: its alias, or its name; None where it has neither.
        within: how far a match reaches at most, in the first key of ORDER BY; None where nothing says it.
        end: the character behind the clause, before its alias.
        alias: what the query calls the result; None where it does not.
        has_subqueries: whether its expressions have any.
        outer: what it reads of the tables before LATERAL; None where it reads nothing of them.
        common: the WITH lists that the clause sees, outer ones first; none where it reads nothing but a table by name.
        given: conditions that are no expressions of the query.
        given_measures: names of measures that are none, each with the column that stands for it in its expression.
        parameters: those of its pattern and expressions; None where there is none.
        pattern_source: the pattern with the place of each part in the query, where parameters of it have values.
    """

    number: int
    location: SourceLocation
    source: TextPiece
    table: str | None
    source_name: str | None
    partition_by: list[PartitionKey]
    order_by: list[OrderKey]
    measures: list[Measure]
    rows_shown: RowsShown
    skip: Skip
    skip_location: SourceLocation
    pattern: str
    pattern_location: SourceLocation
    subset: dict[str, tuple[str, ...]]
    subset_locations: dict[str, SourceLocation]
    define: list[Definition]
    end: int
    alias: str | None = None
    within: ExpressionSource | None = None
    has_subqueries: bool = False
    outer: OuterTables | None = None
    common: list[CommonTables] = field(default_factory=list)
    given: list[GivenCondition] = field(default_factory=list)
    given_measures: dict[str, str] = field(default_factory=dict)
    made: str | None = None
    parameters: ClauseParameters | None = None
    pattern_source: Composed | None = None

    def subqueries(self) -> list[Subquery]:
        """Return the subqueries in its expressions."""
        return [subquery for each in self.expressions() for subquery in each.subqueries]

    def expressions(self) -> list[ExpressionSource]:
        """Return all its expressions."""
        keys = [key.expression for key in self.partition_by] + [key.expression for key in self.order_by]
        if self.within is not None:
            keys.append(self.within)
        measures = [each.expression for each in self.measures if each.name not in self.given_measures]
        return keys + measures + [each.condition for each in self.define]
