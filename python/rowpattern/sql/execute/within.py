"""WITHIN: how far from its first row a match may reach, in the first key of ORDER BY.

A match's last row is at most the given length away from its first row, that length included. Where a key is NULL its
distance is not known, so its row is in no match.
"""

from __future__ import annotations

import decimal
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern._core import latest_ends as core_latest_ends
from rowpattern.errors import QueryError
from rowpattern.sql.arrow.time_units import NANOSECONDS_A_DAY, nanoseconds_a_unit, number_type
from rowpattern.sql.execute.first_row_bounds import near_rows
from rowpattern.sql.execute.time_zones import in_columns_zone
from rowpattern.sql.expression.nodes import Argument, Call, Cast, Column, Literal, walk
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from rowpattern._core import NearRows
    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.bind.bound import BoundClause, Within
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["exact_width", "given_length", "latest_ends", "reach", "reached_keys"]

_LARGEST = np.iinfo(np.int64).max
_SMALLEST = np.iinfo(np.int64).min
_UNITS = "years months weeks days hours minutes seconds milliseconds microseconds quarters decades centuries millennia"
_OF_INTERVALS = frozenset({"trunc", *(f"to_{unit}" for unit in _UNITS.split())})
# Lengths by their SQL.
_known_lengths: dict[str, pa.Scalar] = {}
_MOST_KNOWN = 256
# To see whether a length is negative.
_DAYS_A_MONTH = 30


def reach(
    bound: BoundClause, rows: OrderedPartitions, database: Database, context: ExecutionContext
) -> Integers | NearRows | None:
    """Return how far matches may reach: rows near the first one, or as `latest_ends`; None without WITHIN.

    Raises:
        QueryError: as `latest_ends`.
    """
    within = bound.within
    if within is None:
        return None
    key = bound.order_by[0]
    placed = rows.placed_key(key)
    width = exact_width(placed.values.type, given_length(within, database))
    if width is not None:
        near = near_rows(placed, min(width, _LARGEST), rows, context, descending=key.descending)
        if near is not None:
            return near
    return latest_ends(bound, rows, database, context)


def latest_ends(
    bound: BoundClause, rows: OrderedPartitions, database: Database, context: ExecutionContext
) -> Integers | None:
    """Return for each row the row behind the last that a match which begins there may have; None without WITHIN.

    Raises:
        QueryError: the length is NULL, NaN or negative, or does not fit to the key.

    Takes time linear in the rows; O(n log n) for keys that are neither instants nor whole numbers of up to 64 bits.
    """
    within = bound.within
    if within is None:
        return None
    key = bound.order_by[0]
    values = rows.placed_key(key).values if key.column is None else rows.column(key.column)
    length = given_length(within, database)
    context.hold(4 * 8 * rows.count)
    exact = _exact(values, length, descending=key.descending)
    keys, bounds = exact or _computed(values, within, database, descending=key.descending)
    missing = np.asarray(values.is_null().to_numpy()) if values.null_count else None
    if missing is not None:
        keys = np.where(missing, _SMALLEST if key.nulls_first else _LARGEST, keys)
    found = np.asarray(
        core_latest_ends(keys, bounds, partitions=("starts", rows.starts), **context.remaining), dtype=np.int64
    )
    return found if missing is None else _before_missing(found, missing)


def given_length(within: Within, database: Database) -> pa.Scalar:
    """Return the length; one that never changes is kept, as asking takes much of the time of a query over few rows.

    Raises:
        QueryError: it is NULL, NaN or negative.
    """
    known = _known_lengths.get(within.sql)
    if known is None:
        known = _asked_length(within, database)
        if all(map(_is_constant, walk(within.tree))):
            if len(_known_lengths) >= _MOST_KNOWN:
                _known_lengths.clear()
            _known_lengths[within.sql] = known
    return known


def _is_constant(node: Node) -> bool:
    """Say whether a part of a length is a constant, or what DuckDB's parser makes of an interval."""
    if isinstance(node, Call):
        return node.operator or node.name in _OF_INTERVALS
    return isinstance(node, (Argument, Literal, Cast))


def _asked_length(within: Within, database: Database) -> pa.Scalar:
    try:
        found = database.project(f"({within.sql})", pa.table({"none": pa.nulls(1)})).column(0)
    except QueryError as error:
        raise _failed(within, str(error)) from None
    length = found[0]
    if not length.is_valid:
        raise _failed(within, "the length is NULL; write one, as INTERVAL 1 HOUR")
    if pa.types.is_timestamp(length.type):
        # Of which Python knows only some, and which is refused beside a key.
        return length
    value = length.as_py()
    if pa.types.is_interval(length.type):
        months, days, nanoseconds = value
        value = (months * _DAYS_A_MONTH + days) * NANOSECONDS_A_DAY + nanoseconds
    if isinstance(value, float) and math.isnan(value):
        raise _failed(within, "the length is NaN; write a number, as 10")
    if isinstance(value, (int, float, decimal.Decimal)) and value < 0:
        raise _failed(within, "the length is negative; write it without its sign, also for a falling ORDER BY")
    return length


def _failed(within: Within, message: str) -> QueryError:
    return error_at(f"WITHIN: {message}", within.location, QueryError)


def _exact(values: pa.ChunkedArray, length: pa.Scalar, *, descending: bool) -> tuple[Integers, Integers] | None:
    """Return keys, rising, and bounds as whole numbers of the key's own unit; None where these do not say it."""
    width = exact_width(values.type, length)
    if width is None:
        return None
    keys = _whole_numbers(values)
    if descending:
        # It turns the order round, and changes no distance.
        keys = np.invert(keys)
    if width > _LARGEST:
        return keys, np.full(len(keys), _LARGEST)
    bounds = keys + width
    if len(keys) and keys.max() > _LARGEST - width:
        bounds[keys > _LARGEST - width] = _LARGEST
    return keys, bounds


def _whole_numbers(values: pa.ChunkedArray) -> Integers:
    """Return values as whole numbers, NULL as 0; they are the column's own where nothing has to be copied."""
    stored = values if nanoseconds_a_unit(values.type) is None else values.cast(number_type(values.type))
    whole = stored.cast(pa.int64())
    known = whole.fill_null(0) if whole.null_count else whole
    return np.asarray(known.chunk(0) if known.num_chunks == 1 else known)


def exact_width(kind: pa.DataType, length: pa.Scalar) -> int | None:
    """Return a length in units of a key, rounded down; None where it has no such length, or needs the calendar."""
    unit = nanoseconds_a_unit(kind)
    if pa.types.is_signed_integer(kind) and pa.types.is_integer(length.type):
        return int(length.as_py())
    if unit is None or not pa.types.is_interval(length.type):
        return None
    months, days, nanoseconds = length.as_py()
    if months or (days and pa.types.is_timestamp(kind) and kind.tz is not None):
        return None
    return int((days * NANOSECONDS_A_DAY + nanoseconds) // unit)


def _computed(
    values: pa.ChunkedArray, within: Within, database: Database, *, descending: bool
) -> tuple[Integers, Integers]:
    """Return keys, and with the length added to them, both as numbers."""
    bounds = reached_keys(values, within, database, descending=descending)
    keys = (values.cast(pa.decimal128(20, 0)) if pa.types.is_integer(values.type) else values).cast(bounds.type)
    if nanoseconds_a_unit(bounds.type) is not None:
        found = [_whole_numbers(each) for each in (keys, bounds)]
    else:
        found = _ranks(keys, bounds)
    if descending:
        found = [np.invert(each) for each in found]
    return found[0], found[1]


def reached_keys(values: pa.ChunkedArray, within: Within, database: Database, *, descending: bool) -> pa.ChunkedArray:
    """Have DuckDB add the length to keys, by the calendar where it has months or days.

    Raises:
        QueryError: it is no length of such keys.
    """
    sign = "-" if descending else "+"
    tree = Call(sign, (Argument(Column(("key",))), Argument(within.tree)), operator=True)
    given = values.type
    if pa.types.is_integer(given):
        # Below 0 there is room, too.
        values = values.cast(pa.decimal128(20, 0))
    table = pa.table({"key": values})
    in_zone = in_columns_zone(sql_of(tree), tree, table, database, partial(_failed, within))
    try:
        bounds = in_zone.database.project(f"({in_zone.sql})", table).column(0)
    except QueryError as error:
        message = str(error)
        if message.startswith("there is no "):
            is_number = pa.types.is_integer(given) or pa.types.is_floating(given) or pa.types.is_decimal(given)
            instead = "a number" if is_number else "an interval, as INTERVAL 1 HOUR"
            message = f"{within.text} is no length for a key of the type {given}; write {instead}"
        raise _failed(within, message) from None
    return bounds


def _ranks(keys: pa.ChunkedArray, bounds: pa.ChunkedArray) -> list[Integers]:
    """Return keys and bounds as their places in the order of both."""
    together = pa.chunked_array([*keys.chunks, *bounds.chunks], keys.type)
    if pa.types.is_floating(keys.type):
        # NaN is one value, above all others.
        _, places = np.unique(together.fill_null(0).to_numpy(), return_inverse=True)
    else:
        places = np.asarray(pc.rank(together, sort_keys="ascending", tiebreaker="dense"))
    return np.split(places.astype(np.int64), [len(keys)])


def _before_missing(found: Integers, missing: Any) -> Integers:
    """Have rows without a key in no match: they are the first or the last ones of a partition."""
    rows = np.arange(len(found))
    # For each row the next one from there on, in its partition or another one, that has no key.
    next_missing = np.minimum.accumulate(np.where(missing, rows, len(found))[::-1])[::-1]
    return np.maximum(rows, np.minimum(found, next_missing))
