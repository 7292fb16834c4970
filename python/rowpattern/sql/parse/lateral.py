"""Columns of the tables before LATERAL, or of a query around it, that a clause in a query in brackets names.

The clause is answered for all different values of these columns together: they become columns of the table before it,
and keys of its partitions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.parse.clause import ExpressionSource, PartitionKey
from rowpattern.sql.text.source_location import SourceLocation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rowpattern.sql.parse.clause import Clause, OuterTables
    from rowpattern.sql.text.tokens import Token

__all__ = ["name_outer_columns"]

_NAMES = re.compile(r'"(?:[^"]|"")*"|\w+')

# A key that is a column, whose name the answer's column has.
_COLUMN = re.compile(r'(?:\w+\.)?(\w+|"(?:[^"]|"")+")')


def name_outer_columns(
    clause: Clause, outer: OuterTables, sql: str, tokens: Sequence[Token], conditions: Sequence[Sequence[Token]]
) -> None:
    """Note in a clause which columns of the tables before LATERAL it names, and make them keys of its partitions.

    Args:
        clause: the clause, which is changed.
        outer: those tables.
        sql: the query.
        tokens: those of the clause and of the table before it.
        conditions: those of each condition that has to be true of the clause's rows, without what stands in brackets.
    """
    own = {name.upper() for name in _NAMES.findall(clause.pattern)} | {name.upper() for name in clause.subset}
    own |= set() if clause.source_name is None else {clause.source_name.upper()}
    columns: dict[tuple[str, str], tuple[int, int]] = {}
    known: set[tuple[str, str]] = set()
    for at, (table, dot, column) in enumerate(zip(tokens, tokens[1:], tokens[2:])):
        is_name = table.is_name and dot.is_sign(".") and column.is_name and not (at and tokens[at - 1].is_sign("."))
        if not is_name or lowered(table.text) not in outer.names or table.text.upper() in own:
            continue
        if (lowered(table.text), lowered(column.text)) not in known:
            known.add((lowered(table.text), lowered(column.text)))
            columns[table.text, column.text] = (table.begin, column.end)
    if not columns:
        return
    for key, table, column in _equal_keys(clause, outer, conditions):
        outer.equal_keys.append((key, (table.begin, column.end)))
        if (lowered(table.text), lowered(column.text)) not in known:
            known.add((lowered(table.text), lowered(column.text)))
            columns[table.text, column.text] = (table.begin, column.end)
    outer.columns = columns
    clause.outer = outer
    clause.table = None
    keys = [
        PartitionKey(ExpressionSource(begin, end, f"{table}.{column}"), SourceLocation(sql, begin))
        for (table, column), (begin, end) in columns.items()
    ]
    clause.partition_by = [*keys, *clause.partition_by]


def _equal_keys(
    clause: Clause, outer: OuterTables, conditions: Sequence[Sequence[Token]]
) -> Iterator[tuple[tuple[int, int], Token, Token]]:
    """Find conditions that a key of the clause's partitions is equal to a column of the tables around it.

    Returns:
        where the key stands in the clause, the column's table, and the column. Only rows of partitions with these keys
        are wanted, so that others need not be joined to the tables around.
    """
    keys: dict[str, tuple[int, int]] = {}
    for key in clause.partition_by:
        plain = _COLUMN.fullmatch(key.expression.text)
        name = key.name or (None if plain is None else plain[1])
        if name is not None and not key.expression.subqueries:
            keys[lowered(_unquoted(name))] = (key.expression.begin, key.expression.end)
    called = clause.alias or clause.source_name
    for tokens in conditions:
        signs = [at for at, each in enumerate(tokens) if each.is_sign("=")]
        if len(signs) != 1:
            continue
        for one, other in ((tokens[: signs[0]], tokens[signs[0] + 1 :]), (tokens[signs[0] + 1 :], tokens[: signs[0]])):
            own, of_outer = _names(one), _names(other)
            is_own = len(own) == 1 or (len(own) == 2 and called is not None and lowered(own[0].text) == lowered(called))  # noqa: PLR2004
            if not is_own or len(of_outer) != 2 or lowered(of_outer[0].text) not in outer.names:  # noqa: PLR2004
                continue
            if lowered(own[-1].text) in keys:
                yield keys[lowered(own[-1].text)], of_outer[0], of_outer[1]


def _names(tokens: Sequence[Token]) -> list[Token]:
    """Return the parts of a name; nothing where the tokens are anything else."""
    found = list(tokens[::2])
    dots = tokens[1::2]
    is_name = len(tokens) % 2 == 1 and all(each.is_name for each in found) and all(each.is_sign(".") for each in dots)
    return found if is_name else []


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
