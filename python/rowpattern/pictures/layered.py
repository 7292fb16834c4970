"""Layered layout of a small directed graph (Sugiyama, Tagawa and Toda, 1981), from left to right.

Four steps: edges that close a cycle are set aside; each node's layer is the longest way to it; edges over several
layers are given a point in each layer between; the order within layers follows the mean place of neighbours, in a few
sweeps. The same graph always has the same layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Layout", "layered_layout"]

_SWEEPS = 8


class Layout(NamedTuple):
    """Where nodes are.

    Attributes:
        layers: for each node its layer, from 0.
        places: for each node its place in the layer, from 0 in the middle, below it positive.
        routes: for each edge that goes forward over more than one layer, its places in the layers between.
        backward: the edges that go back, or to the same layer.
    """

    layers: dict[int, int]
    places: dict[int, float]
    routes: dict[tuple[int, int], list[float]]
    backward: frozenset[tuple[int, int]]


def layered_layout(root: int, following: Mapping[int, Sequence[int]]) -> Layout:
    """Lay out the nodes that can be reached from one.

    Args:
        root: the node of layer 0.
        following: for each node those that edges lead to, in the order in which they should stand; no node has an edge
            to itself.
    """
    order, backward = _topological(root, following)
    layers = dict.fromkeys(order, 0)
    for node in order:
        for target in following[node]:
            if (node, target) not in backward:
                layers[target] = max(layers[target], layers[node] + 1)
    rows: list[list[tuple[int, ...]]] = [[] for _ in range(max(layers.values()) + 1)]
    above: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    below: dict[tuple[int, ...], list[tuple[int, ...]]] = {}

    def join(first: tuple[int, ...], second: tuple[int, ...]) -> None:
        below.setdefault(first, []).append(second)
        above.setdefault(second, []).append(first)

    for node in order:
        rows[layers[node]].append((node,))
    for node in order:
        for target in following[node]:
            if (node, target) in backward:
                continue
            last: tuple[int, ...] = (node,)
            for layer in range(layers[node] + 1, layers[target]):
                point = (node, target, layer)
                rows[layer].append(point)
                join(last, point)
                last = point
            join(last, (target,))
    for sweep in range(_SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _sort_by_neighbours(row, neighbours, rows)
    places = {item: at - (len(row) - 1) / 2 for row in rows for at, item in enumerate(row)}
    routes: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        for item in row:
            if len(item) > 1:
                routes.setdefault((item[0], item[1]), []).append(places[item])
    return Layout(layers, {node: places[(node,)] for node in order}, routes, backward)


def _topological(root: int, following: Mapping[int, Sequence[int]]) -> tuple[list[int], frozenset[tuple[int, int]]]:
    """Return the nodes, each before those that follow it, and the edges that close a cycle, by a depth-first walk."""
    finished: list[int] = []
    backward: set[tuple[int, int]] = set()
    open_nodes = {root}
    seen = {root}
    stack = [(root, iter(following[root]))]
    while stack:
        node, rest = stack[-1]
        target = next(rest, None)
        if target is None:
            stack.pop()
            open_nodes.discard(node)
            finished.append(node)
        elif target in open_nodes:
            backward.add((node, target))
        elif target not in seen:
            seen.add(target)
            open_nodes.add(target)
            stack.append((target, iter(following[target])))
    return finished[::-1], frozenset(backward)


def _sort_by_neighbours(
    row: list[tuple[int, ...]],
    neighbours: Mapping[tuple[int, ...], list[tuple[int, ...]]],
    rows: list[list[tuple[int, ...]]],
) -> None:
    """Sort a layer by the mean place of neighbours in the layer beside it; those without keep their place."""
    places = {item: at - (len(each) - 1) / 2 for each in rows for at, item in enumerate(each)}

    def mean(item: tuple[int, ...]) -> float:
        near = neighbours.get(item)
        return places[item] if not near else sum(places[each] for each in near) / len(near)

    row.sort(key=mean)
