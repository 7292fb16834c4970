"""What an expression is to DuckDB, given its columns' types: time zones, differences of instants, ordered categories.

Expressions are computed in the time zone of the columns that they read, as pandas and Polars do it.

DuckDB has one zone for a connection, and none in its type TIMESTAMPTZ; Arrow's timestamps name their own. So an
expression is given to a connection that computes in its columns' zone, and what it gives is named after that. The
machine's zone never matters: what reads no column with a zone is computed in UTC. A zone that the caller names is that
of all expressions.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.arrow.categories import is_ordered, labels_of
from rowpattern.sql.arrow.nested_types import with_inner_types
from rowpattern.sql.bind.leaves import columns_in
from rowpattern.sql.execute.typed_operands import is_text, with_categories, with_exact_times
from rowpattern.sql.expression import nodes
from rowpattern.sql.expression.write import sql_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rowpattern.sql.arrow.arrays import Array
    from rowpattern.sql.duckdb.connection import Database

__all__ = ["InZone", "column_zones", "in_columns_zone", "in_zone_of", "relabelled"]

# These give one of their arguments, or a number of them.
_CHOOSING = frozenset({"any_value", "arbitrary", "arg_max", "arg_min", "array_agg", "count", "first", "greatest", "if"})
_CHOOSING |= {"ifnull", "last", "least", "list", "max", "max_by", "min", "min_by", "mode", "nullif"}
_CHOOSING_OPERATIONS = frozenset({"NOT", "IS_NULL", "IS_NOT_NULL", "IN", "COALESCE"})

# Whether both sides of each difference in an expression are timestamps with a zone, by its SQL and its columns' types.
_differences: dict[tuple[str, tuple[str, ...], tuple[tuple[str, pa.DataType], ...]], tuple[bool, ...]] = {}
_MOST_DIFFERENCES = 1000


class InZone(NamedTuple):
    """Where and how an expression is computed.

    Attributes:
        sql: DuckDB's SQL.
        tree: the same, where it is known.
        database: the connection.
        zone: what timestamps with a zone that it gives are called; None where that is not known.
        fail: makes the error for a zone that is not known.
    """

    sql: str
    tree: nodes.Node | None
    database: Database
    zone: str | None
    fail: Callable[[], QueryError]

    def named(self, values: Array) -> Array:
        """Return what was computed, its timestamps named after the columns' zone.

        Raises:
            QueryError: they are timestamps with a zone, and the columns have several.
        """
        if not _may_have_zone(values.type) or not _zones_in(values.type):
            return values
        if self.zone is None:
            raise self.fail()
        return relabelled(values, self.zone)


def relabelled(values: Array, zone: str) -> Array:
    """Return timestamps, also inside of lists and the like, as the same instants of a zone; other values unchanged."""
    if not _may_have_zone(values.type):
        return values
    kind = with_inner_types(values.type, partial(_in_zone, zone=zone))
    return values if kind == values.type else values.cast(kind)


def _in_zone(kind: pa.DataType, zone: str) -> pa.DataType:
    zoned = pa.types.is_timestamp(kind) and kind.tz is not None
    return pa.timestamp(kind.unit, zone) if zoned else kind


def _zones_in(kind: pa.DataType) -> set[str]:
    if pa.types.is_timestamp(kind):
        return set() if kind.tz is None else {kind.tz}
    if pa.types.is_nested(kind):
        return {zone for at in range(kind.num_fields) for zone in _zones_in(kind.field(at).type)}
    return set()


def column_zones(types: Mapping[str, pa.DataType]) -> dict[str, set[str]]:
    """Return for each column with timestamps of a zone their zones."""
    if not any(map(_may_have_zone, types.values())):
        return {}
    found = {name: _zones_in(kind) for name, kind in types.items()}
    return {name: zones for name, zones in found.items() if zones}


def _may_have_zone(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.TimestampType) or kind.num_fields > 0


def in_columns_zone(
    sql: str,
    tree: nodes.Node | None,
    table: pa.Table,
    database: Database,
    error: Callable[[str], QueryError],
) -> InZone:
    """Say where an expression is computed, and as what: a text that is compared with a category is one of those.

    Args:
        sql: DuckDB's SQL.
        tree: the same, where it is known.
        table: the columns that it may read, by their names in it.
        database: the query's connection.
        error: makes an error from its message.

    Raises:
        QueryError: it needs a zone, its columns have several, and the caller named none.
        UnsupportedQueryError: DuckDB does not know the columns' zone.
    """
    types: dict[str, pa.DataType] = dict(zip(table.column_names, table.schema.types))
    labels = {name: labels_of(table.column(name)) for name in types if is_ordered(types[name])}
    return in_zone_of(sql, tree, types, labels, database, error)


def in_zone_of(  # noqa: PLR0917 - as in_columns_zone
    sql: str,
    tree: nodes.Node | None,
    types: Mapping[str, pa.DataType],
    labels: Mapping[str, Sequence[str]],
    database: Database,
    error: Callable[[str], QueryError],
) -> InZone:
    """Say the same for columns of these types, of which the ordered categories have these texts."""
    if tree is not None:
        typed = with_exact_times(with_categories(tree, labels) if labels else tree, types)
        if typed is not tree:
            sql, tree = sql_of(typed), typed
    zoned = column_zones(types)
    if not zoned:
        return InZone(sql, tree, database, database.time_zone, _known)
    read = zoned if tree is None else {name: zones for name, zones in zoned.items() if name in columns_in(tree)}
    every = sorted(set().union(*read.values())) if read else []

    def several() -> QueryError:
        return error(_several_zones(every))

    if not every:
        return InZone(sql, tree, database, database.time_zone, several)
    if tree is not None:
        exact = _with_exact_differences(sql, tree, types, read, database)
        if exact is not tree:
            sql, tree = sql_of(exact), exact
    if database.zone_given:
        return InZone(sql, tree, database, database.time_zone, several)
    if tree is not None and not _needs_zone(tree, read):
        return InZone(sql, tree, database, every[0] if len(every) == 1 else None, several)
    if len(every) > 1:
        raise several()
    return InZone(sql, tree, database.in_zone(every[0]), every[0], several)


def _several_zones(every: list[str]) -> str:
    return (
        f"it needs a time zone, and its columns have {' and '.join(every)}; name the one to compute in, as in "
        f"time_zone={every[0]!r}"
    )


def _known() -> QueryError:
    raise AssertionError("the zone is known")


def _needs_zone(node: nodes.Node, zoned: Mapping[str, set[str]]) -> bool:
    """Say whether a value depends on the zone in which it is computed; an instant does not."""
    if isinstance(node, nodes.Call) and node.name == "timezone" and is_text(node.values[0]):
        return _needs_zone(node.values[1], zoned)
    inside = list(nodes.children(node))
    if isinstance(node, nodes.Call) and node.operator and node.name == "-" and len(inside) == 2:  # noqa: PLR2004
        # A difference of instants.
        sides = [each.value if isinstance(each, nodes.Argument) else each for each in inside]
        if all(isinstance(each, nodes.Column) and each.names[0] in zoned for each in sides):
            return False
    if isinstance(node, (nodes.Comparison, nodes.Between)) or (isinstance(node, nodes.Operation) and node.kind == "IN"):
        # A text is read as a timestamp of the zone.
        if any(map(is_text, inside)) and _reads(node, zoned):
            return True
        chooses = True
    elif isinstance(node, nodes.Operation):
        chooses = node.kind in _CHOOSING_OPERATIONS
    elif isinstance(node, nodes.Call):
        chooses = node.name in _CHOOSING
    else:
        chooses = isinstance(
            node,
            (nodes.Argument, nodes.Branch, nodes.Case, nodes.Column, nodes.Conjunction, nodes.Literal, nodes.OrderItem),
        )
    return any(_needs_zone(each, zoned) if chooses else _computed_with(each, zoned) for each in inside)


def _computed_with(node: nodes.Node, zoned: Mapping[str, set[str]]) -> bool:
    """Say whether something that is computed reads a timestamp with a zone, other than as one of UTC."""
    if isinstance(node, nodes.Call) and node.name == "timezone" and is_text(node.values[0]):
        return _needs_zone(node.values[1], zoned)
    if isinstance(node, nodes.Column):
        return node.names[0] in zoned
    return any(_computed_with(each, zoned) for each in nodes.children(node))


def _reads(node: nodes.Node, zoned: Mapping[str, set[str]]) -> bool:
    return not zoned.keys().isdisjoint(columns_in(node))


_NULL = nodes.Literal("NULL_LITERAL")

# Differences. DuckDB's `-` of timestamps with a zone counts calendar days of the zone: 25 hours between two instants
# that are 24 hours apart. A difference of timestamps is the time between them, here as in pandas and Polars.


def _with_exact_differences(
    sql: str, tree: nodes.Node, types: Mapping[str, pa.DataType], zoned: Mapping[str, set[str]], database: Database
) -> nodes.Node:
    differences = [
        node
        for node in _differences_in(tree)
        if _reads(node, zoned) and all(_reads_any(each, zoned) for each in node.values)
    ]
    if not differences:
        return tree
    used = {name: kind for name, kind in types.items() if name in columns_in(tree)}
    kinds = tuple(each.kind for each in nodes.walk(tree) if isinstance(each, nodes.Parameter))
    key = (sql, kinds, tuple(sorted(used.items(), key=lambda item: item[0])))
    instants = _differences.get(key)
    if instants is None:
        sides = [sql_of(_of_types(each)) for node in differences for each in node.values]
        empty = pa.table({name: pa.nulls(0, kind) for name, kind in used.items()})
        try:
            found = database.project(", ".join(f"({side})" for side in sides), empty)
        except QueryLimitError:
            raise
        except QueryError:
            # It will be said of the whole expression, and where that stands.
            return tree
        are = [pa.types.is_timestamp(field.type) and field.type.tz is not None for field in found.schema]
        instants = tuple(one and other for one, other in zip(are[::2], are[1::2]))
        if len(_differences) >= _MOST_DIFFERENCES:
            _differences.clear()
        _differences[key] = instants
    chosen = {id(node) for node, both in zip(differences, instants) if both}
    return _exact(tree, chosen) if chosen else tree


def _of_types(node: nodes.Node) -> nodes.Node:
    """Return an expression of the same type, with NULL in the place of parameters."""
    if isinstance(node, nodes.Parameter):
        return nodes.Cast(nodes.Literal("NULL_LITERAL"), nodes.TypeName(node.kind)) if node.kind != "NULL" else _NULL
    return nodes.map_children(node, _of_types)


def _differences_in(node: nodes.Node) -> Iterator[nodes.Call]:
    if isinstance(node, nodes.Lambda):
        # Its parameters' types are not known outside.
        return
    if isinstance(node, nodes.Call) and node.operator and node.name == "-" and len(node.values) == 2:  # noqa: PLR2004
        yield node
    for each in nodes.children(node):
        yield from _differences_in(each)


def _reads_any(node: nodes.Node, zoned: Mapping[str, set[str]]) -> bool:
    # A side without a column may be a timestamp with a zone, as `now()` is.
    return _reads(node, zoned) or not columns_in(node)


def _exact(node: nodes.Node, chosen: set[int]) -> nodes.Node:
    new = nodes.map_children(node, lambda each: _exact(each, chosen))
    if id(node) not in chosen:
        return new
    assert isinstance(new, nodes.Call)  # noqa: S101 - it was one
    sides = (
        nodes.Call("timezone", (nodes.Argument(nodes.Literal("STRING", "UTC")), nodes.Argument(each)))
        for each in new.values
    )
    return nodes.Call("-", tuple(map(nodes.Argument, sides)), operator=True, span=new.span)
