"""Conditions that bound how far a match reaches: `at - FIRST(at) <= INTERVAL 30 MINUTES` of rows ordered by `at`.

Rows of a match are in order, so where its last row is near enough to its first one, all rows between are. If every
variable that can end a match has the same bound, and rows alone decide everything else, the possible matches are those
of rows alone that end in time: no condition is left that depends on the match, and nothing has to be searched. It is
what WITHIN says (`within.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern._core import NearRows
from rowpattern.sql.arrow.arrays import INTEGERS, from_numpy, number
from rowpattern.sql.arrow.time_units import nanoseconds_a_unit
from rowpattern.sql.bind.leaves import columns_in
from rowpattern.sql.bind.references import Navigation, Value, depends_on_the_match
from rowpattern.sql.expression.nodes import conditions_of
from rowpattern.sql.expression.typed import Call, Literal, Reference, conjuncts, walk_typed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern.patterns import Pattern
    from rowpattern.sql.bind.bound import BoundClause, Condition, Key
    from rowpattern.sql.bind.references import Reference as Item
    from rowpattern.sql.execute.sort import OrderedPartitions, PlacedColumn
    from rowpattern.sql.execute.typed_clause import TypedClause
    from rowpattern.sql.expression.typed import Typed
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["first_row_bound", "near_rows", "rows_near_the_first"]

# Patterns with larger automata are not looked at: their conditions are checked while matching.
_MOST_POSITIONS = 1000
_END = -1
# Numbers of rows have 32 bits in the core: where the table has more rows, nothing is found out.
_MOST_NUMBERED = 1 << 32
# The core has keys of as many bits.
_CORE_BITS = 64

_MICROSECONDS_A_DAY = 86_400 * 10**6
# So long is a month where DuckDB compares intervals.
_DAYS_A_MONTH = 30
# How many microseconds a unit of these types has.
_MICROSECONDS = {"TIMESTAMP": 1, "TIMESTAMP WITH TIME ZONE": 1, "TIMESTAMP_MS": 1000, "TIMESTAMP_S": 10**6}
_HALF_MICROSECOND_NS = 500
_WHOLE_NUMBERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
_MIRRORED = {"<=": ">=", ">=": "<=", "<": ">", ">": "<"}
_SIDES = 2


class FirstRowBound(NamedTuple):
    """How far the key of a row may be from that of the match's first row.

    Attributes:
        key: the column.
        first: which row is the first one, as the condition says it.
        width: in the key's own unit, or in microseconds.
        in_microseconds: whether keys, which are nanoseconds, are rounded to microseconds before.
        scale: what the condition multiplies keys by.
    """

    key: str
    first: Navigation
    width: int
    in_microseconds: bool
    scale: int


def rows_near_the_first(
    bound: BoundClause,
    pattern: Pattern,
    together: TypedClause,
    rows: OrderedPartitions,
    context: ExecutionContext,
) -> NearRows | None:
    """Return how far matches may reach, by conditions that depend on the match.

    None where conditions say something else, or where computing one of them might fail.

    Takes time linear in the rows.
    """
    common = first_row_bound(bound, pattern, together, context.prefer)
    if common is None:
        return None
    placed = rows.placed(common.key)
    kind = placed.values.type
    # Whatever is computed of such numbers fits into the key's type, and none of them stands for infinity.
    most = 1 << (kind.bit_width - 2)
    if common.in_microseconds:
        if not pa.types.is_timestamp(kind) or kind.unit != "ns":
            return None
        # A column for the sum, and one for what it is in microseconds.
        context.hold(2 * placed.values.nbytes)
        numbers = pc.add(placed.values.cast(pa.int64()), number(_HALF_MICROSECOND_NS, pa.int64()))
        placed = placed._replace(values=numbers.cast(pa.timestamp("ns")).cast(pa.timestamp("us"), safe=False))
    least, largest = _least_and_largest(placed.values)
    # DuckDB's timestamps of a zone are microseconds, also where the column's have a coarser unit.
    unit = max((nanoseconds_a_unit(kind) or 1) // 1000, 1) if pa.types.is_timestamp(kind) and kind.tz else 1
    # Below 0, numbers are rounded another way.
    if max(common.width, -least * unit, largest * unit) * common.scale > most or (common.in_microseconds and least < 0):
        return None
    return near_rows(placed, common.width // unit, rows, context, descending=bound.order_by[0].descending)


def _least_and_largest(keys: pa.ChunkedArray) -> tuple[int, int]:
    width = INTEGERS[keys.type.bit_width]
    numbers = (
        keys if pa.types.is_integer(keys.type) else pa.chunked_array([each.view(width) for each in keys.chunks], width)
    )
    found = pc.min_max(numbers).as_py()
    return found["min"] or 0, found["max"] or 0


def near_rows(
    placed: PlacedColumn, width: int, rows: OrderedPartitions, context: ExecutionContext, *, descending: bool
) -> NearRows | None:
    """Return how far matches may reach, where their rows' keys are at most a width away from the first row's.

    None where keys are no whole numbers of up to 64 bits, nor dates or times, and where there are too many rows.
    """
    kind, types = placed.values.type, pa.types
    is_whole = types.is_integer(kind) and kind != pa.uint64()
    if not (
        is_whole or types.is_date(kind) or types.is_time(kind) or types.is_timestamp(kind) or types.is_duration(kind)
    ):
        return None
    order = rows.order if placed.through_order else None
    if order is not None and order.dtype != np.uint32:
        # An order that DuckDB gave, or that of frames: it has 64 bits.
        if rows.table.rows >= _MOST_NUMBERED:
            return None
        context.hold(4 * rows.count)
        order = order.astype(np.uint32)
    if kind.bit_width < _CORE_BITS or placed.values.num_chunks != 1:
        context.hold(_CORE_BITS // 8 * rows.count)
    if placed.values.null_count:
        context.hold(rows.count)
    # Without a chunk the core would not see the type.
    keys = placed.values if placed.values.num_chunks else pa.chunked_array([pa.nulls(0, kind)])
    return NearRows(keys, width, descending=descending, order=None if order is None else from_numpy(order))


def first_row_bound(
    bound: BoundClause, pattern: Pattern, together: TypedClause, prefer: str = "first"
) -> FirstRowBound | None:
    """Return how far a match reaches, as all conditions that depend on it say; None where one says another thing."""
    key = bound.order_by[0] if bound.order_by else None
    if key is None or key.column is None or bound.within is not None or prefer != "first":
        return None
    # The same types, and so the same plan, may be asked for in another order.
    known = (first_row_bound, key.column, key.descending)
    if known not in together.programs:
        together.programs[known] = _common_bound(bound, pattern, together, key)
    found: FirstRowBound | None = together.programs[known]
    return found


def _common_bound(bound: BoundClause, pattern: Pattern, together: TypedClause, key: Key) -> FirstRowBound | None:
    dependent = [each for each in bound.conditions if each.expression.depends]
    found = []
    for condition, (_, expression) in zip(dependent, together.dependent):
        own = None if expression.native is None else _bound_of(condition, expression.native, key)
        if own is None:
            return None
        found.append(own)
    if len(set(found)) != 1:
        return None
    common, variables = found[0], {each.variable for each in dependent}
    automaton = pattern._automaton(_MOST_POSITIONS)  # noqa: SLF001 - of this package
    if automaton is None:
        return None
    positions, *starts, followers, accepts_at_end = automaton
    names = [name for name, _ in positions]
    last = {name for name, after, at_end in zip(names, followers, accepts_at_end) if at_end or _END in after}
    first = {names[at] for at in (*starts[0], *starts[1]) if at != _END}
    later = {names[at] for each in followers for at in each if at != _END}
    return common if last <= variables and _is_first_row(common.first, first, later) else None


def _is_first_row(at: Navigation, first: set[str], later: set[str]) -> bool:
    """Say whether a navigation leads to the match's first row from every row of it.

    Args:
        at: the navigation.
        first: variables to which a first row can be mapped.
        later: variables to which other rows can be mapped.
    """
    if at.variables is None:
        return at.first
    return first <= set(at.variables) and (at.first or not later & set(at.variables))


def _bound_of(condition: Condition, node: Typed, key: Key) -> FirstRowBound | None:
    """Return the one bound that a condition has, where everything else in it is decided by rows alone."""
    items: Mapping[str, Item] = dict(condition.expression.reads)
    bounds = []
    others = 0
    for part in conjuncts(node):
        found = _read_bound(part, items, key)
        if found is not None:
            bounds.append(found)
        elif any(depends_on_the_match(items[each.name]) for each in walk_typed(part) if isinstance(each, Reference)):
            return None
        else:
            others += 1
    # What rows alone say has been taken from the query's tree, where it must have the same parts.
    tree = condition.expression.tree
    parts = [] if tree is None else list(conditions_of(tree))
    depending = {name for name, item in items.items() if depends_on_the_match(item)}
    of_rows = [part for part in parts if not depending & columns_in(part)]
    if len(bounds) != 1 or len(parts) != others + 1 or len(of_rows) != others:
        return None
    return bounds[0]


def _read_bound(part: Typed, items: Mapping[str, Item], key: Key) -> FirstRowBound | None:
    """Read a comparison as a bound: `key - first <= width`, `key <= first + width`; where keys fall, the other way."""
    if not (isinstance(part, Call) and part.name in _MIRRORED and len(part.arguments) == _SIDES):
        return None
    left, right = part.arguments
    word = part.name
    for one, sign, other in ((left, word, right), (right, _MIRRORED[word], left)):
        if sign not in {"<=", "<"}:
            continue
        # In both forms: upper - lower is at most the width.
        if isinstance(one, Call) and one.name == "-" and isinstance(other, Literal) and len(one.arguments) == _SIDES:
            upper, lower = one.arguments
            distance = _Distance(upper, lower, other, is_sum=False)
        elif isinstance(other, Call) and other.name == "+" and len(other.arguments) == _SIDES:
            width, lower = sorted(other.arguments, key=lambda each: not isinstance(each, Literal))
            distance = _Distance(one, lower, width, is_sum=True)
        elif isinstance(one, Call) and one.name == "-" and len(one.arguments) == _SIDES:
            distance = _Distance(one.arguments[0], other, one.arguments[1], is_sum=True)
        else:
            continue
        found = _bound_by(distance, items, key, is_below=sign == "<")
        if found is not None:
            return found
    return None


class _Distance(NamedTuple):
    """`upper - lower`, and how large it may be; with `is_sum`, the width is added to a key, or taken from one."""

    upper: Typed
    lower: Typed
    width: Typed
    is_sum: bool


def _bound_by(distance: _Distance, items: Mapping[str, Item], key: Key, *, is_below: bool) -> FirstRowBound | None:
    """Return the bound that a distance is which is at most its width, or below it."""
    upper, lower, width, is_sum = distance
    if not isinstance(width, Literal):
        return None
    of_row, of_first = (lower, upper) if key.descending else (upper, lower)
    casts = {each.type for each in (of_row, of_first) if isinstance(each, Call)}
    row, first = _uncast(of_row), _uncast(of_first)
    if row is None or first is None or row.type != first.type:
        return None
    here, start = items[row.name], items[first.name]
    if not (isinstance(here, Value) and isinstance(start, Value) and here.column == start.column == key.column):
        return None
    if here.at != Navigation() or start.at.offset or start.at.rows or start.at == Navigation():
        return None
    of_type = FirstRowBound(
        here.column, start.at, 0, in_microseconds=row.type == "TIMESTAMP_NS" and bool(casts), scale=1
    )
    if width.type != "INTERVAL":
        is_counted = not casts and (row.type in _WHOLE_NUMBERS or row.type == "DATE")
        if not is_counted or width.type not in _WHOLE_NUMBERS or not isinstance(width.value, int):
            return None
        return of_type._replace(width=width.value - is_below)
    if width.value is None:
        return None
    months, days, microseconds = width.value
    if min(months, days, microseconds) < 0 or (is_sum and (months or (days and row.type.endswith("ZONE")))):
        # By the calendar, months and days of a zone have different lengths.
        return None
    total = (months * _DAYS_A_MONTH + days) * _MICROSECONDS_A_DAY + microseconds
    if of_type.in_microseconds:
        return of_type._replace(width=total - is_below)
    if row.type == "TIMESTAMP_NS":
        return of_type._replace(width=total * 1000 - is_below)
    scale = _MICROSECONDS.get(row.type)
    return None if scale is None else of_type._replace(width=(total - is_below) // scale, scale=scale)


def _uncast(node: Typed) -> Reference | None:
    """Return a key, where it is one, or one that DuckDB has cast to a timestamp to compute with it."""
    if isinstance(node, Call) and node.name == "cast" and node.type == "TIMESTAMP" and len(node.arguments) == 1:
        node = node.arguments[0]
        if not node.type.startswith("TIMESTAMP_"):
            return None
    return node if isinstance(node, Reference) else None
