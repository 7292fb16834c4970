"""Looking up what names mean: columns of the table before a clause, and variables of its pattern."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NamedTuple

from rowpattern.errors import QueryError, UnknownVariableError
from rowpattern.sql.bind.references import References
from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.records import Record, field
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.text.placeholders import instead_of_placeholder
from rowpattern.sql.text.source_location import SourceLocation, candidates, error_at
from rowpattern.sql.text.tokens import tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.sql.expression.nodes import Column

__all__ = ["ColumnMeant", "Columns", "Scope", "Variables", "folded"]


# Functions without an argument, whose brackets are left out now and then.
_CALLS = frozenset({"CLASSIFIER", "MATCH_NUMBER", "MATCH_SEQUENCE_NUMBER"})

# What other systems have for a name that is no column.
_INSTEAD = {
    "ROWNUM": "count(*), which numbers the rows of a match",
    "SYSDATE": "now()::TIMESTAMP(0)",
    "SYSTIMESTAMP": "now()",
}
# Quotes of texts for people.
_TYPOGRAPHIC = "‘’‚“”„«»"  # noqa: RUF001
_UNITS = frozenset({"MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})


def folded(column: Column, at: int = 0) -> str:
    """Return one of a column's names as the name of a variable: in upper case unless it is quoted."""
    return column.names[at] if column.is_quoted(at) else column.names[at].upper()


class ColumnMeant(NamedTuple):
    """What a name with its qualifiers means.

    Attributes:
        members: the primary variables of its rows; None where no variable is named.
        name: the table's column.
        fields: the field of it that is asked for, and the field of that, and so on.
    """

    members: tuple[str, ...] | None
    name: str
    fields: tuple[str, ...]


class Columns:
    """The columns of a table; unquoted names are found whatever their case, quoted ones exactly."""

    def __init__(
        self, names: Sequence[str], sql: str, table: str | None = None, outer: frozenset[str] = frozenset()
    ) -> None:
        """Take the names in order; `sql` is for errors.

        Args:
            names: the columns.
            sql: the text in which they are named.
            table: what the table before the clause is called.
            outer: columns that stand for the tables before LATERAL: they have one value in all rows of a match.
        """
        self.outer = outer
        self.names = list(names)
        self._sql = sql
        self._table = None if table is None else lowered(table)
        self._folded: dict[str, list[str]] = {}
        for name in self.names:
            self._folded.setdefault(name.lower(), []).append(name)

    def within(self, sql: str) -> Columns:
        """Return the same columns for expressions of another text."""
        return self if sql == self._sql else Columns(self.names, sql, self._table, self.outer)

    def find(self, column: Column, at: int = 0) -> str | None:
        """Return the table's column that one of the names means, or None.

        Raises:
            QueryError: several columns differ in case only, and the name is none of them exactly.
        """
        name = column.names[at]
        found = self._folded.get(name.lower(), [])
        if name in found:
            return name
        if column.is_quoted(at) or not found:
            return None
        if len(found) > 1:
            message = f"{name} could be {' or '.join(found)}; write the one that is meant in double quotes"
            raise error_at(message, self.location(column), QueryError)
        return found[0]

    def is_table(self, name: str) -> bool:
        """Say whether a name is that of the table before the clause: its alias, or its own where it has none."""
        return self._table is not None and lowered(name) == self._table

    def resolve(self, column: Column, variables: Variables | None = None) -> ColumnMeant:
        """Return what a name means, by the one scope that all parts of a clause have.

        A qualifier is a variable, where variables may stand; else the table before the clause; else a column, of which
        a field follows.

        Args:
            column: the name with its qualifiers.
            variables: those of the pattern; None in PARTITION BY and ORDER BY.

        Raises:
            QueryError: there is no such column, or nothing that its qualifier could be.
            UnknownVariableError: the same, where the qualifier could be a variable.
        """
        members, first = None, 0
        if len(column.names) > 1:
            members = None if variables is None else variables.members(folded(column))
            if members is not None or (self.is_table(column.names[0]) and self._follows_table(column)):
                first = 1
            elif self.find(column) is None:
                raise self._unknown_qualifier(column, variables)
        name = self.find(column, first)
        if name is None:
            raise self.unknown(column, first)
        return ColumnMeant(members, name, column.names[first + 1 :])

    def _follows_table(self, column: Column) -> bool:
        """Say whether the second name is a column: a table and a column with fields may have one name."""
        return self.find(column, 1) is not None or self.find(column) is None

    def _unknown_qualifier(self, column: Column, variables: Variables | None) -> QueryError | UnknownVariableError:
        if variables is not None:
            return variables.unknown(folded(column), self.location(column), self._table_names())
        return self.unknown(column)

    def _table_names(self) -> list[str]:
        return [] if self._table is None else [self._table]

    def unknown(self, column: Column, at: int = 0) -> QueryError:
        """Make the error for a column that does not exist."""
        name = column.names[at]
        location = self.location(column, at)
        placeholder = None if location is None else instead_of_placeholder(location.sql, location.offset)
        if placeholder is not None:
            message = f"there is no column {name}; {placeholder}"
        elif at == 0 and len(column.names) > 1:
            found = candidates(name, [*self._table_names(), *self.names], "tables and columns")
            message = f"there is no table or column {name} that {column.names[1]} could be of; {found}"
        elif name.upper() in _CALLS:
            message = f"there is no column {name}; {name.upper()} is a function: write {name.upper()}()"
        elif name.upper() in _INSTEAD:
            message = f"there is no column {name}; write {_INSTEAD[name.upper()]}"
        elif name[:1] in _TYPOGRAPHIC:
            plain = name.strip(_TYPOGRAPHIC)
            message = f"there is no column {name}, as these are no quotes of SQL; write '{plain}' for a text"
        elif name.upper().removesuffix("S") in _UNITS:
            found = candidates(name, self.names, "columns")
            message = f"there is no column {name}; {found}; a unit of time stands in quotes: '{name}'"
        else:
            message = f"there is no column {name}; {candidates(name, self.names, 'columns')}"
        return error_at(message, location, QueryError)

    def location(self, column: Column, at: int = 0) -> SourceLocation | None:
        """Return where one of the names stands, if that is known."""
        if column.span is None:
            return None
        begin, end = column.span
        names = [token.begin for token in tokens_of(self._sql[begin:end]) if token.is_name]
        return SourceLocation(self._sql, begin + (names[at] if at < len(names) else 0))


class Variables:
    """The primary variables of a pattern, and the union variables that SUBSET makes of them."""

    def __init__(self, primary: Sequence[str], subset: Mapping[str, Sequence[str]]) -> None:
        """Take the names as the compiled pattern has them."""
        self.primary = tuple(primary)
        self._members = {name: (name,) for name in primary} | {name: tuple(members) for name, members in subset.items()}

    def members(self, name: str) -> tuple[str, ...] | None:
        """Return the primary variables that a variable stands for, or None when there is no such variable."""
        return self._members.get(name)

    def unknown(self, name: str, location: SourceLocation | None, tables: Sequence[str] = ()) -> UnknownVariableError:
        """Make the error for a variable that the pattern lacks, where also a name of `tables` could stand."""
        known = [*self._members, *difflib.get_close_matches(name.lower(), tables)]
        found = candidates(name, known, "variables")
        written = "" if location is None else location.sql[location.offset : location.offset + len(name)]
        shown = written if written.upper() == name else name
        message = f"the pattern has no variable {shown}; {found}"
        return UnknownVariableError(message if location is None else location.added_to(message))


class Scope(Record):
    """What names mean in the expressions of a clause.

    Attributes:
        references: what the expressions read; they share it.
        check: called now and then; it raises an error where time is over.
        order: columns by which the clause's rows are in order, each with whether it descends and whether NULL is first.
    """

    columns: Columns
    variables: Variables
    references: References = field(default_factory=References)
    check: Callable[[], None] = no_limit
    order: tuple[tuple[str, bool, bool], ...] = ()
