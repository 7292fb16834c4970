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
    "Clause",
    "ClauseParameters",
    "CommonTables",
    "Definition",
    "ExpressionSource",
    "Measure",
    "OrderKey",
    "PartitionKey",
    "RowsShown",
    "Skip",
    "TextPiece",
]

RowsShown = Literal["one row", "all rows", "all rows omit empty", "all rows with unmatched"]

#: As `Pattern.match` takes it.
Skip = tuple[Literal["past last row", "to next row", "to first", "to last"], str]


class ExpressionSource(Record, frozen=False):
    """An expression as the query has it.

    Attributes:
        begin: its first character.
        end: the character behind its last.
        text: all between them, in one line.
        node: its tree; NULL until it is read.
    """

    begin: int
    end: int
    text: str
    node: Node = field(default_factory=lambda: Constant("NULL_LITERAL"))


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
        source_name: what the table before the clause is called: its alias, or its name; None where it has neither.
        end: the character behind the clause, before its alias.
        alias: what the query calls the result; None where it does not.
        common: the WITH lists that the table before the clause sees, outer ones first.
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
    common: list[CommonTables] = field(default_factory=list)
    parameters: ClauseParameters | None = None
    pattern_source: Composed | None = None

    def expressions(self) -> list[ExpressionSource]:
        """Return all its expressions."""
        keys = [key.expression for key in self.partition_by] + [key.expression for key in self.order_by]
        return keys + [each.expression for each in self.measures] + [each.condition for each in self.define]
