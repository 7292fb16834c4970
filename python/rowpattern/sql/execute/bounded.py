"""Expressions that DuckDB computes over columns, with what their functions make within the memory limit.

DuckDB counts tables and states of aggregates. It does not count what functions make of a chunk of rows, as `repeat`
does. So the sizes are computed first, from the arguments, and where all rows together need too much, rows are
computed piece by piece. One row that needs too much is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.expression.nodes import Call, Column, Lambda, children, walk
from rowpattern.sql.expression.sizes import generated_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.expression.nodes import Node

__all__ = ["check_constants", "project_bounded"]

# DuckDB computes so many rows at a time, in each thread.
_CHUNK = 2048
# Sizes are of values; functions copy them.
_COPIES = 2


def project_bounded(
    expressions: Sequence[tuple[str, Node | None]],
    table: pa.Table,
    database: Database,
    types: Mapping[str, str] | None = None,
) -> list[pa.ChunkedArray]:
    """Compute expressions over a table, each given as SQL and as its tree.

    Args:
        expressions: over the table's columns.
        table: what they read; it has a column.
        database: the connection that computes them.
        types: as for `Database.project`.

    Raises:
        QueryError: one cannot be computed.
        QueryLimitError: it takes too long or too much memory; a row may ask for more than the limit.

    Where no function makes values of any size, this is one call of `Database.project`.
    """
    columns = ", ".join(sql for sql, _ in expressions)
    most = database.free_bytes // _COPIES
    sizes = [size for _, tree in expressions if tree is not None and (size := generated_bytes(tree, most)) is not None]
    if not sizes or not table.num_rows:
        return list(database.project(columns, table, types).columns)
    try:
        found = database.project(f"CAST({' + '.join(sizes)} AS DOUBLE)", table, types).column(0)
    except QueryLimitError:
        raise
    except QueryError:
        # An argument is wrong: so is the expression, or it is not computed there.
        return list(database.project(columns, table, types).columns)
    needed = np.nan_to_num(found.to_numpy(), nan=0.0)
    if needed.max() > most:
        raise database.memory_error()
    pieces: list[pa.Table] = []
    free = database.free_bytes
    for begin, end in _pieces(needed, most, database.threads):
        pieces.append(database.project(columns, table.slice(begin, end - begin), types))
        free -= pieces[-1].nbytes
        if free < 0:
            raise database.memory_error()
    return list(pa.concat_tables(pieces).columns)


def check_constants(trees: Sequence[Node], database: Database) -> None:
    """Refuse constant parts of expressions that ask for more memory than there is: DuckDB computes them once.

    Raises:
        QueryLimitError: there is one.
    """
    most = database.free_bytes // _COPIES
    sizes = [size for tree in trees for part in _constant_parts(tree) if (size := generated_bytes(part, most))]
    for size in sizes:
        try:
            (needed,) = (
                database.project(f"CAST({size} AS DOUBLE)", pa.table({"none": pa.nulls(1)})).column(0).to_pylist()
            )
        except QueryLimitError:
            raise
        except QueryError:
            continue
        if needed is not None and needed > most:
            raise database.memory_error()


def _constant_parts(node: Node) -> Iterator[Node]:
    """Give the largest calls in an expression that read nothing."""
    if isinstance(node, Lambda):
        # Its parameters are columns of its own.
        return
    if isinstance(node, Call) and not any(isinstance(each, Column) for each in walk(node)):
        yield node
        return
    for each in children(node):
        yield from _constant_parts(each)


def _pieces(needed: Integers, most: int, threads: int) -> list[tuple[int, int]]:
    """Return runs of rows of which DuckDB may have as many chunks as it has threads at a time."""
    rows = len(needed)
    chunks = np.add.reduceat(needed, np.arange(0, rows, _CHUNK))
    if float(np.sort(chunks)[-threads:].sum()) <= most:
        return [(0, rows)]
    total = np.cumsum(needed)
    found = []
    begin = 0
    while begin < rows:
        before = total[begin - 1] if begin else 0.0
        end = max(begin + 1, int(np.searchsorted(total, before + most, side="right")))
        found.append((begin, end))
        begin = end
    return found
