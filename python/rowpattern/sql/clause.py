"""What a MATCH_RECOGNIZE clause says, before its names are looked up (ISO/IEC 9075-2, 7.6 and 19075-5, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sqlglot import exp

    from rowpattern.sql.problems import Place

__all__ = ["Clause", "Definition", "Measure", "OrderKey", "RowsShown", "Skip", "Spliced"]

RowsShown = Literal["one row", "all rows", "all rows omit empty", "all rows with unmatched"]

#: As `Pattern.match` takes it.
Skip = tuple[Literal["past last row", "to next row", "to first", "to last"], str]


@dataclass(frozen=True)
class Measure:
    """An expression of MEASURES and its name."""

    name: str
    expression: exp.Expr
    place: Place


@dataclass(frozen=True)
class Definition:
    """A variable of DEFINE, as the pattern writes it, and its condition."""

    variable: str
    condition: exp.Expr
    place: Place


@dataclass(frozen=True)
class OrderKey:
    """An expression of ORDER BY, and how it orders."""

    expression: exp.Expr
    descending: bool
    nulls_first: bool
    place: Place


@dataclass
class Spliced:
    """A piece of the query's text in which clauses are to be replaced by the tables that they give.

    Attributes:
        begin: its first character.
        end: the character behind its last.
        clauses: the clauses directly in it, in order.
    """

    begin: int
    end: int
    clauses: list[Clause] = field(default_factory=list)


@dataclass
class Clause:
    """One MATCH_RECOGNIZE and the table before it.

    Attributes:
        number: from 0, in the order in which clauses are answered: inner ones first.
        source: the text of the table before the clause.
        table: that table's name, where it is a name and nothing else.
        end: the character behind the clause, before its alias.
        alias: what the query calls the result; None where it does not.
        common: pieces of text, `name AS (...)`, of the WITH lists that the table before the clause sees.
    """

    number: int
    place: Place
    source: Spliced
    table: str | None
    partition_by: list[tuple[exp.Expr, Place]]
    order_by: list[OrderKey]
    measures: list[Measure]
    rows_shown: RowsShown
    skip: Skip
    skip_place: Place
    pattern: str
    pattern_place: Place
    subset: dict[str, tuple[str, ...]]
    subset_places: dict[str, Place]
    define: list[Definition]
    end: int
    alias: str | None = None
    common: list[Spliced] = field(default_factory=list)
