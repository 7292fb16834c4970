"""Parameters of lambdas, which are names of their own inside of their bodies."""

from __future__ import annotations

from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.expression import nodes
from rowpattern.sql.records import replace

__all__ = ["free_names", "renamed"]


def free_names(count: int, body: nodes.Node) -> tuple[str, ...]:
    """Return names for a lambda's parameters that no column and no other lambda in its body has.

    Inputs that stand for columns later have names of their own (`i0`), which these never are.
    """
    taken = {lowered(each.names[0]) for each in nodes.walk(body) if isinstance(each, nodes.Column)}
    taken |= {name for each in nodes.walk(body) if isinstance(each, nodes.Lambda) for name in each.parameters}
    names = (f"parameter {number}" for number in range(len(taken) + count))
    return tuple([name for name in names if name not in taken][:count])


def renamed(node: nodes.Node, names: dict[str, str]) -> nodes.Node:
    """Give a lambda's parameters other names; `names` has their names in small letters, as DuckDB compares them."""
    if isinstance(node, nodes.Column) and lowered(node.names[0]) in names:
        return replace(node, names=(names[lowered(node.names[0])], *node.names[1:]))
    if isinstance(node, nodes.Lambda):
        names = {name: new for name, new in names.items() if name not in node.parameters}
    return nodes.map_children(node, lambda child: renamed(child, names))
