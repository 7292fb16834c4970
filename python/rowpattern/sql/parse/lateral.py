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
    from collections.abc import Sequence

    from rowpattern.sql.parse.clause import Clause, OuterTables
    from rowpattern.sql.text.tokens import Token

__all__ = ["name_outer_columns"]

_NAMES = re.compile(r'"(?:[^"]|"")*"|\w+')


def name_outer_columns(clause: Clause, outer: OuterTables, sql: str, tokens: Sequence[Token]) -> None:
    """Note in a clause which columns of the tables before LATERAL it names, and make them keys of its partitions.

    Args:
        clause: the clause, which is changed.
        outer: those tables.
        sql: the query.
        tokens: those of the clause and of the table before it.
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
    outer.columns = columns
    clause.outer = outer
    clause.table = None
    keys = [
        PartitionKey(ExpressionSource(begin, end, f"{table}.{column}"), SourceLocation(sql, begin))
        for (table, column), (begin, end) in columns.items()
    ]
    clause.partition_by = [*keys, *clause.partition_by]
