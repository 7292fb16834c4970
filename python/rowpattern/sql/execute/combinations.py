"""Expressions of several rows of a match, computed before the search for all combinations of what the rows may have.

`levenshtein(A.name, name)` has no more values than there are pairs of different names. Where these are few, DuckDB
computes them at once, and the search looks them up; where they are many, it asks in rounds (`rounds.py`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.arrays import from_numpy
from rowpattern.sql.duckdb.functions import CHANGING
from rowpattern.sql.execute.rounds import RoundRow
from rowpattern.sql.expression.nodes import Call, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rowpattern.sql.arrow.arrays import Array, Integers
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.rounds import RoundExpression, Rounds
    from rowpattern.sql.execute.sort import OrderedPartitions

__all__ = ["Combinations", "NumberedRows", "combinations", "number_equal_values"]

# So many are computed in less time than a round takes. In larger tables as many as rows: a search asks for more.
_FEW = 1_000
# So many are computed by one query, as by a round; their texts are copied for it.
_AT_ONCE = 10_000
# The part of the memory that is left that values and numbers of rows may take: in rounds they take less.
_SHARE = 8
# Rows by which one says that a column has too many different values, before all are looked at.
_SAMPLE = 10_000


class NumberedRows(NamedTuple):
    """Rows by what they have in some columns.

    Attributes:
        numbers: of each row, from 0 on; rows that have the same have one number.
        first: for each number, a row that has it.
    """

    numbers: Integers
    first: Integers


class Combinations(NamedTuple):
    """The values of an expression for all combinations.

    Attributes:
        values: by the number of a combination: the rows' numbers together, of which the last one changes first. The
            last number of each row is that of no row.
        rows: for each argument of the expression, the columns that it reads, and the numbers of rows by these.
    """

    values: Array
    rows: Sequence[tuple[tuple[str, ...], NumberedRows]]


def combinations(
    expression: RoundExpression,
    rows: OrderedPartitions,
    rounds: Rounds,
    database: Database,
    numbered: Callable[[tuple[str, ...], Callable[[], NumberedRows | None]], NumberedRows | None],
) -> Combinations | None:
    """Compute an expression for all combinations; None where these are many, take much memory, or one has an error.

    Args:
        expression: what is asked for.
        rows: the table.
        rounds: computes the expression.
        database: the query's connection.
        numbered: gives the numbers of rows by some columns, or makes them.

    Raises:
        QueryLimitError: it took too long or too much memory.

    Takes time linear in the rows for the columns that are read, and what DuckDB takes for at most as many values.
    """
    if expression.tree is None or any(isinstance(e, Call) and e.name in CHANGING for e in walk(expression.tree)):
        return None
    most = max(_FEW, rows.count)
    room = database.free_bytes // _SHARE - np.dtype(np.int64).itemsize * rows.count
    if room < 0:
        return None
    total = 1
    found: list[tuple[tuple[str, ...], NumberedRows]] = []
    for argument in expression.arguments:
        if not isinstance(argument, RoundRow):
            return None
        columns = tuple(sorted(set(argument.values.values())))
        # Each row has one number at least, and there is one for none.
        limit = most // total - 1
        own = numbered(columns, partial(number_rows, columns, rows, limit))
        if own is None or len(own.first) > limit:
            return None
        found.append((columns, own))
        total *= len(own.first) + 1
    # Of each number a row, or none.
    each = [np.append(own.first, -1) for _, own in found]
    pieces: list[pa.Array] = []
    for begin in range(0, total, _AT_ONCE):
        numbers = np.unravel_index(np.arange(begin, min(begin + _AT_ONCE, total)), [len(one) for one in each])
        requests = [one[own] for one, own in zip(each, numbers)]
        try:
            pieces.append(rounds.computed(expression, [from_numpy(one, one < 0) for one in requests]))
        except QueryError:
            # The combination that has an error, or needs too much memory, may be one that no match has.
            database.context.check()
            return None
        room -= pieces[-1].nbytes
        if room < 0:
            return None
    database.context.hold(sum(piece.nbytes for piece in pieces))
    return Combinations(pa.chunked_array(pieces), found)


def number_rows(columns: Sequence[str], rows: OrderedPartitions, most: int) -> NumberedRows | None:
    """Number rows by what they have in some columns; None where there are more numbers than `most`.

    None too for columns of types of which it is not known which values are the same.
    """
    if most < 1:
        return None
    every = [rows.column(name) for name in columns]
    if rows.count > _SAMPLE and number_values([each.slice(0, _SAMPLE) for each in every], _SAMPLE, most) is None:
        return None
    return number_values(every, rows.count, most)


def number_values(columns: Sequence[Array], count: int, most: int) -> NumberedRows | None:
    """Number the rows of columns that have so many rows; as `number_rows`."""
    numbers = np.zeros(count, dtype=np.int64)
    first = np.zeros(min(count, 1), dtype=np.int64)
    for values in columns:
        codes = _codes(values)
        if codes is None:
            return None
        bound = int(codes.max(initial=0)) + 1
        numbers, first = _renumbered(numbers * bound + codes, len(first) * bound)
        if len(first) > most:
            return None
    return NumberedRows(numbers, first)


def number_equal_values(values: pa.ChunkedArray) -> Integers | None:
    """Number values, with one number for what DuckDB takes for equal; None where that is not known of a type."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_float16(values.type):
        # Arrow adds no such numbers.
        values = values.cast(pa.float32())
    if pa.types.is_floating(values.type):
        # -0.0 is equal to 0.0, and NaN to NaN, as it is in a dictionary.
        encoded = pc.dictionary_encode(pc.add(values, pa.scalar(0.0, values.type)).combine_chunks())
        return _filled(encoded.indices, len(encoded.dictionary))
    return _codes(values)


def _renumbered(numbers: Integers, bound: int) -> tuple[Integers, Integers]:
    """Return numbers from 0 on in the place of some below a bound, and for each of them its first row."""
    if bound > max(_SAMPLE, 2 * len(numbers)):
        _, first, new = np.unique(numbers, return_index=True, return_inverse=True)
        return new, first
    rows = np.full(bound, -1, dtype=np.int64)
    # Of what is put into one place the last stays.
    rows[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)
    is_there = rows >= 0
    return (np.cumsum(is_there) - 1)[numbers], rows[is_there]


def _codes(values: Array) -> Integers | None:
    """Return a number for each value; values with one number are the same in each bit."""
    kind = values.type
    column = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, kind)
    if isinstance(column, pa.DictionaryArray):
        return _filled(column.indices, len(column.dictionary))
    if pa.types.is_float64(kind):
        # NaN has many bits, and -0.0 others than 0.0.
        column = column.view(pa.int64())
    elif pa.types.is_float32(kind):
        column = column.view(pa.int32())
    elif not (_is_whole(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None
    encoded = pc.dictionary_encode(column)
    return _filled(encoded.indices, len(encoded.dictionary))


def _is_whole(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_date32(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_duration(kind)
        or pa.types.is_time(kind)
        or pa.types.is_decimal128(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _filled(indices: pa.Array, null: int) -> Integers:
    found: Integers = np.asarray(pc.fill_null(indices.cast(pa.int64()), null))
    return found
