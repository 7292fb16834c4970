"""Operands of comparisons that would be compared as another type than the column beside them, cast to its type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from rowpattern.sql.expression import nodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["is_text", "with_categories", "with_exact_times"]

_ORDERING = frozenset({"<", "<=", ">", ">="})
_NANOSECONDS = nodes.TypeName("TIME_NS")
_TIMES = frozenset({"TIME", "TIME WITHOUT TIME ZONE"})


def is_text(node: nodes.Node) -> bool:
    """Say whether a node is a text that is written in the query, or given with it."""
    return (isinstance(node, nodes.Literal) and node.is_text) or (
        isinstance(node, nodes.Parameter) and node.kind == "VARCHAR"
    )


def with_categories(node: nodes.Node, labels: Mapping[str, Sequence[str]]) -> nodes.Node:
    """Return an expression in which texts that are compared with ordered categories are such, and so ordered by rank.

    Args:
        node: the expression.
        labels: the texts of columns of ordered categories, in order.
    """
    new = nodes.map_children(node, lambda each: with_categories(each, labels))
    if not isinstance(new, (nodes.Comparison, nodes.Between)) or (
        isinstance(new, nodes.Comparison) and new.sign not in _ORDERING
    ):
        return new
    sides = list(nodes.children(new))
    known = next(
        (labels[each.names[0]] for each in sides if isinstance(each, nodes.Column) and each.names[0] in labels), None
    )
    if not known:
        # Rows that are all NULL may have lost their categories; they compare as NULL with any text.
        return new
    kind = nodes.TypeName("ENUM", tuple((None, nodes.Literal("STRING", label)) for label in known))
    return nodes.map_children(new, lambda each: nodes.Cast(each, kind, span=each.span) if is_text(each) else each)


def with_exact_times(node: nodes.Node, types: Mapping[str, pa.DataType]) -> nodes.Node:
    """Return an expression in which times that are compared with a column of nanoseconds are such too.

    DuckDB has no order between its two types of times; Polars' Time has nanoseconds.

    Args:
        node: the expression.
        types: of the columns that it reads.
    """
    times = {name: kind.unit == "ns" for name, kind in types.items() if pa.types.is_time(kind)}
    return _with_exact_times(node, times) if any(times.values()) else node


def _with_exact_times(node: nodes.Node, times: Mapping[str, bool]) -> nodes.Node:
    new = nodes.map_children(node, lambda each: _with_exact_times(each, times))
    if not isinstance(new, (nodes.Comparison, nodes.Between)) or not any(
        isinstance(each, nodes.Column) and times.get(each.names[0]) for each in nodes.children(new)
    ):
        return new

    def exact(side: nodes.Node) -> nodes.Node:
        is_other = (
            (isinstance(side, nodes.Column) and times.get(side.names[0]) is False)
            or (isinstance(side, nodes.Cast) and side.to.name in _TIMES)
            or (isinstance(side, nodes.Parameter) and side.kind in _TIMES)
        )
        return nodes.Cast(side, _NANOSECONDS, span=side.span) if is_other else side

    return nodes.map_children(new, exact)
