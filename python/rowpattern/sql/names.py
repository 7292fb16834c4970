"""Looking up what names mean: columns of the table before a clause, and variables of its pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.errors import QueryError, UnknownVariableError
from rowpattern.sql.problems import Place, candidates, problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlglot import exp

__all__ = ["Columns", "Variables", "fold"]


def fold(identifier: exp.Expr) -> str:
    """Return a variable's name: in upper case unless it is quoted."""
    return identifier.name if identifier.args.get("quoted") else identifier.name.upper()


class Columns:
    """The columns of a table; unquoted names are found whatever their case, quoted ones exactly."""

    def __init__(self, names: Sequence[str], sql: str) -> None:
        """Take the names in order; `sql` is for errors."""
        self.names = list(names)
        self._sql = sql
        self._folded: dict[str, list[str]] = {}
        for name in self.names:
            self._folded.setdefault(name.lower(), []).append(name)

    def find(self, identifier: exp.Expr) -> str | None:
        """Return the name of a column, or None.

        Raises:
            QueryError: several columns differ in case only, and the name is none of them exactly.
        """
        name = identifier.name
        found = self._folded.get(name.lower(), [])
        if name in found:
            return name
        if identifier.args.get("quoted") or not found:
            return None
        if len(found) > 1:
            message = f"{name} could be {' or '.join(found)}; write the one that is meant in double quotes"
            raise problem(message, self.place(identifier), QueryError)
        return found[0]

    def unknown(self, identifier: exp.Expr) -> QueryError:
        """Make the error for a column that does not exist."""
        message = f"there is no column {identifier.name}; {candidates(identifier.name, self.names, 'columns')}"
        return problem(message, self.place(identifier), QueryError)

    def place(self, identifier: exp.Expr) -> Place | None:
        """Return where a name stands, if that is known."""
        start = identifier.meta.get("start")
        return None if start is None else Place(self._sql, start)


class Variables:
    """The primary variables of a pattern, and the union variables that SUBSET makes of them."""

    def __init__(self, primary: Sequence[str], subset: Mapping[str, Sequence[str]]) -> None:
        """Take the names as the compiled pattern has them."""
        self.primary = tuple(primary)
        self._members = {name: (name,) for name in primary} | {name: tuple(members) for name, members in subset.items()}

    def members(self, name: str) -> tuple[str, ...] | None:
        """Return the primary variables that a variable stands for, or None when there is no such variable."""
        return self._members.get(name)

    def unknown(self, name: str, place: Place | None) -> UnknownVariableError:
        """Make the error for a variable that the pattern lacks."""
        message = f"the pattern has no variable {name}; {candidates(name, self._members, 'variables')}"
        if place is not None:
            message += f" (line {place.line}, column {place.column})\n{place.excerpt()}"
        return UnknownVariableError(message)
