"""What the operators of a query with pipes have made so far, as a query without, and what its tables are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.sql.duckdb.names import lowered, quoted
from rowpattern.sql.parse.parsed_query import OWN_NAMES

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from rowpattern.sql.text.rewritten import Piece

__all__ = ["PipedTable"]


class PipedTable:
    """A query that begins with FROM, to which operators are added.

    Where an operator needs what is there as one table, it becomes a query in FROM. Its one table keeps its name then.
    Of several tables, and of one whose columns were changed, those that are named further on keep their rows in columns
    of their own, which are never shown.

    Attributes:
        source: FROM and its tables.
        behind: what stands behind them: WHERE, ORDER BY, LIMIT, QUALIFY.
        names: what the tables are called.
        hidden: the columns that hold rows of tables, by the tables' names as they are compared.
        changed: those of these names whose rows may differ from those that are shown.
        is_joined: whether there are several tables.
        has_comma: whether a comma stands between some of them.
        is_operated: whether a clause, a sample or a pivot stands behind the last.
    """

    def __init__(self, source: Sequence[Piece], names: Sequence[str] = ()) -> None:
        """Take FROM and its tables, and what they are called."""
        self.source = list(source)
        self.behind: list[Piece] = []
        self.names = list(names)
        self.hidden: dict[str, str] = {}
        self.changed: set[str] = set()
        self.is_joined = False
        self.has_comma = False
        self.is_operated = False

    @property
    def is_one_table(self) -> bool:
        """Whether what is put behind `source` is put behind one table."""
        return not (self.behind or self.is_joined or self.is_operated)

    def query(self) -> list[Piece]:
        """Return all as a query."""
        return self._selected() if self.hidden else [*self.source, *self.behind]

    def _selected(
        self,
        *,
        star: Sequence[Piece] = (),
        without: Sequence[Piece] = (),
        more: Sequence[Piece] = (),
        is_distinct: bool = False,
    ) -> list[Piece]:
        hidden: list[Piece] = [", ".join(map(quoted, self.hidden.values()))] if self.hidden else []
        excluded = [*hidden, *([", "] if hidden and without else []), *without]
        exclude = [" EXCLUDE (", *excluded, ")"] if excluded else []
        distinct = "DISTINCT " if is_distinct else ""
        return [*self.source, f" SELECT {distinct}*", *exclude, *star, *more, *self.behind]

    def wrap(
        self,
        used: Container[str],
        *,
        star: Sequence[Piece] = (),
        without: Sequence[Piece] = (),
        more: Sequence[Piece] = (),
        is_distinct: bool = False,
        is_changed: bool = False,
        alias: str | None = None,
    ) -> None:
        """Make all one table in FROM.

        Args:
            used: names of tables, as they are compared, that mean these tables further on.
            star: what stands behind `*` to change its columns.
            without: the columns that are left out.
            more: further columns, with the comma before them.
            is_distinct: whether rows that are the same are one.
            is_changed: whether columns are changed, so that the one table's name means another table.
            alias: what the table is called, in the place of what it was called.
        """
        kept = {name: column for name, column in self.hidden.items() if name in used}
        columns: list[Piece] = [f", {quoted(column)}" for column in kept.values()]
        if self.is_joined or is_changed:
            for name in self.names:
                if lowered(name) in used:
                    column = f"{OWN_NAMES}row of {name}"
                    columns.append(f", struct_pack(*COLUMNS({quoted(name)}.*)) AS {quoted(column)}")
                    kept[lowered(name)] = column
            self.names = []
        query = [*self.source, *self.behind]
        is_same = kept == self.hidden and not (self.hidden and self.is_joined)
        if not is_same or star or without or more or is_distinct:
            query = self._selected(star=star, without=without, more=[*more, *columns], is_distinct=is_distinct)
        if alias is not None:
            self.names = [alias]
        self.changed = set(kept) if is_changed else self.changed & set(kept)
        self.hidden = kept
        self.become(query)

    def become(self, query: Sequence[Piece]) -> None:
        """Take a query as the one table."""
        name = f" AS {quoted(self.names[0])}" if self.names else ""
        self.source = ["FROM (", *query, f"){name}"]
        self.behind = []
        self.is_joined = self.has_comma = self.is_operated = False

    def forget(self) -> None:
        """Forget what tables are called."""
        self.names = []
        self.hidden = {}
        self.changed = set()
