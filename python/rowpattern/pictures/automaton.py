"""The position automaton of a row pattern as an SVG drawing, made without other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.pictures.layered import layered_layout
from rowpattern.pictures.svg import Svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern._core import Pattern

__all__ = ["automaton_svg"]

# Larger automata are not drawn: nobody could follow the edges.
_MOST_POSITIONS = 80
_MOST_EDGES = 800
_MOST_LETTERS = 16
_MOST_TITLE = 200

_ACROSS, _DOWN, _MARGIN = 56.0, 52.0, 14.0
_HEIGHT, _LETTER = 30.0, 9.2
# How high a loop is, and how far apart arrows that go back are.
_LOOP, _LEVEL = 26.0, 14.0
_LINE, _TEXT, _FILL, _EXCLUDED = "#57606a", "#1f2328", "#ddf4ff", "#ffebe9"

# Numbers of nodes that are no positions.
_START, _END = -2, -1


class _Graph:
    """Nodes and edges of an automaton.

    Attributes:
        names: the text of each node.
        excluded: positions within an exclusion.
        following: for each node those that may come next, most preferred first.
        notes: what is said at an edge: `^` or `$`, where it is there at a partition's first or last row only.
    """

    def __init__(
        self, automaton: tuple[list[tuple[str, bool]], list[int], list[int], list[list[int]], list[bool]]
    ) -> None:
        positions, first, elsewhere, followers, ends = automaton
        self.names = {at: name for at, (name, _) in enumerate(positions)}
        self.names.update({_START: "start", _END: "match"})
        self.excluded = {at for at, (_, excluded) in enumerate(positions) if excluded}
        self.notes: dict[tuple[int, int], str] = {}
        begins = list(dict.fromkeys([*elsewhere, *first]))
        for target in begins:
            if target not in elsewhere:
                self.notes[_START, target] = "^"
            elif target not in first:
                self.notes[_START, target] = "not ^"
        self.following: dict[int, list[int]] = {_START: begins, _END: []}
        for at, targets in enumerate(followers):
            self.following[at] = list(targets)
            if ends[at] and _END not in targets:
                self.following[at].append(_END)
                self.notes[at, _END] = "$"


def automaton_svg(patterns: Sequence[Pattern]) -> str:
    """Return a drawing of the automata of patterns, one below the other.

    A box is a place of the pattern that consumes a row, with its variable; dashed where the row is excluded. Arrows say
    what may come next; each has a tooltip with its rank where there are several. `^` and `$` stand at arrows that are
    there at a partition's first row, or behind its last one, only. An automaton of more than 80 positions is not drawn;
    the picture says so.

    Args:
        patterns: compiled patterns.

    Takes time linear in edges and the layers that they cross, for each of a few sweeps.
    """
    drawings = [_drawing(pattern) for pattern in patterns]
    whole = Svg(max((each.width for each in drawings), default=0), sum(each.height for each in drawings))
    down = 0.0
    for each in drawings:
        whole.add(each, down)
        down += each.height
    shown = "; ".join(_shortened(pattern.pattern, _MOST_TITLE) for pattern in patterns)
    return whole.written(f"automaton of {shown}")


def _drawing(pattern: Pattern) -> Svg:
    automaton = pattern._automaton(_MOST_POSITIONS)  # noqa: SLF001 - made for this
    if automaton is None or sum(map(len, automaton[3])) > _MOST_EDGES:
        refused = Svg(560, 2 * _MARGIN + _HEIGHT)
        what = f"more than {_MOST_POSITIONS} positions or {_MOST_EDGES} edges"
        refused.text(280, _MARGIN + _HEIGHT / 2, f"the automaton has {what} and is not drawn", fill=_TEXT)
        return refused
    return _Drawing(_Graph(automaton)).svg


class _Drawing:
    """A graph being drawn.

    Attributes:
        svg: the drawing.
    """

    def __init__(self, graph: _Graph) -> None:
        self._graph = graph
        others = {node: [each for each in targets if each != node] for node, targets in graph.following.items()}
        layout = self._layout = layered_layout(_START, others)
        self._texts = {node: _shortened(graph.names[node], _MOST_LETTERS) for node in layout.layers}
        self._widths = {node: max(_HEIGHT + 6, len(text) * _LETTER + 18) for node, text in self._texts.items()}
        self._centres = self._columns()
        everywhere = [*layout.places.values(), *(each for route in layout.routes.values() for each in route)]
        # Loops are drawn above all nodes, and arrows back below all of them.
        loops = any(node in graph.following[node] for node in layout.layers)
        levels = self._levels()
        top = _MARGIN + (_LOOP if loops else 0) + _HEIGHT / 2
        self._middle = top - min(everywhere) * _DOWN
        self._bottom = self._middle + max(everywhere) * _DOWN + _HEIGHT / 2
        width = max(self._centres[layout.layers[node]] + self._widths[node] / 2 for node in layout.layers) + _MARGIN
        self.svg = Svg(width, self._bottom + _MARGIN + _LEVEL * (1 + max(levels.values(), default=-1)))
        for node in layout.layers:
            targets = graph.following[node]
            for rank, target in enumerate(targets, 1):
                title = f"{graph.names[node]} to {graph.names[target]}"
                if len(targets) > 1:
                    title += f", choice {rank} of {len(targets)}"
                self._edge(node, target, title, levels)
        for node in layout.layers:
            self._node(node)

    def _columns(self) -> list[float]:
        """Return where the middle of each layer is."""
        layout, centres, right = self._layout, [], _MARGIN
        for layer in range(max(layout.layers.values()) + 1):
            widest = max(self._widths[node] for node, at in layout.layers.items() if at == layer)
            centres.append(right + widest / 2)
            right += widest + _ACROSS
        return centres

    def _levels(self) -> dict[tuple[int, int], int]:
        """Return for each arrow back how far below the nodes it runs: those that cross the same layers, apart."""
        layers, taken, levels = self._layout.layers, list[tuple[int, int, int]](), dict[tuple[int, int], int]()
        for node, target in sorted(self._layout.backward, key=lambda edge: (layers[edge[0]] - layers[edge[1]], edge)):
            first, last = layers[target], layers[node]
            used = {level for begin, end, level in taken if begin <= last and first <= end}
            level = next(each for each in range(len(used) + 1) if each not in used)
            taken.append((first, last, level))
            levels[node, target] = level
        return levels

    def _place(self, node: int) -> tuple[float, float]:
        return self._centres[self._layout.layers[node]], self._middle + self._layout.places[node] * _DOWN

    def _node(self, node: int) -> None:
        across, down = self._place(node)
        width = self._widths[node]
        if node in {_START, _END}:
            self.svg.text(across, down, self._texts[node], fill=_LINE)
            return
        excluded = node in self._graph.excluded
        fill = _EXCLUDED if excluded else _FILL
        left, top = across - width / 2, down - _HEIGHT / 2
        self.svg.rectangle(left, top, width, _HEIGHT, fill=fill, line=_LINE, dashed=excluded)
        self.svg.text(across, down, self._texts[node], fill=_TEXT)

    def _edge(self, node: int, target: int, title: str, levels: dict[tuple[int, int], int]) -> None:
        (across, down), (to_across, to_down) = self._place(node), self._place(target)
        if node == target:
            top = down - _HEIGHT / 2
            loop = [(across + 9, top), (across + 16, top - _LOOP), (across - 16, top - _LOOP), (across - 9, top)]
            self.svg.arrow(loop, line=_LINE, title=title)
            return
        level = levels.get((node, target))
        if level is not None:
            below = self._bottom + _LEVEL * (level + 1)
            begin, end = (across, down + _HEIGHT / 2), (to_across, to_down + _HEIGHT / 2)
            middle = ((across + to_across) / 2, below)
            points = [begin, (across, below), (across, below), middle, (to_across, below), (to_across, below), end]
            self.svg.arrow(points, line=_LINE, title=title)
            return
        begin, end = (across + self._widths[node] / 2, down), (to_across - self._widths[target] / 2 - 1, to_down)
        layer = self._layout.layers[node]
        through = self._layout.routes.get((node, target), [])
        between = [(self._centres[layer + at], self._middle + place * _DOWN) for at, place in enumerate(through, 1)]
        points = [begin]
        for following in [*between, end]:
            last = points[-1]
            bend = (following[0] - last[0]) / 2
            points += [(last[0] + bend, last[1]), (following[0] - bend, following[1]), following]
        self.svg.arrow(points, line=_LINE, title=title)
        note = self._graph.notes.get((node, target))
        if note is not None:
            first = points[3]
            self.svg.text((begin[0] + first[0]) / 2, (begin[1] + first[1]) / 2 - 8, note, fill=_LINE, size=12)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
