"""`rowpattern.plot`: a series with its matches, by matplotlib (extra `plot`)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from rowpattern.counted import counted
from rowpattern.errors import QueryError
from rowpattern.patterns import Matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rowpattern.pictures.figure import ShownFigure

__all__ = ["plot"]

_MOST_PANELS = 12
_MOST_MATCHES = 500
# Of matplotlib's palette "tab10", without the grey of the series.
_COLOURS = (
    "tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink", "tab:olive", "tab:cyan",
)  # fmt: skip
_SERIES, _SHADE = "0.6", ("tab:blue", "tab:orange")


class _Shape(NamedTuple):
    """A match to draw.

    Attributes:
        partition: the values of its partition columns.
        first: x of its first row.
        last: x of its last row.
        rows: x, y and classifier of each row; none where only the ends are known.
    """

    partition: tuple[Any, ...]
    first: Any
    last: Any
    rows: Sequence[tuple[Any, Any, str]]


def plot(
    data: Any,
    found: Any = None,
    *,
    x: str,
    y: str,
    partition_by: str | Sequence[str] = (),
    classifier: str = "classifier",
    number: str = "match_number",
    span: tuple[str, str] | None = None,
    title: str | None = None,
) -> ShownFigure:
    """Draw a series and its matches: matches are shaded, and their rows marked by classifier, in a panel per partition.

    Args:
        data: the table that was searched, with its rows in order within partitions: a pandas or Polars frame, an Arrow
            table, a DuckDB relation, or a mapping of columns. With `found=None`, an answer of ALL ROWS PER MATCH.
        found: the matches: an answer of ALL ROWS PER MATCH with the columns x, y, `classifier` and `number`; an answer
            of ONE ROW PER MATCH with the two columns that `span` names; or `Matches` over the rows of `data`.
        x: the column of the horizontal axis: numbers or times.
        y: the column of the vertical axis: numbers.
        partition_by: the partition columns; a panel is drawn for each of the first 12 partitions.
        classifier: the column of the answer that has `CLASSIFIER()`.
        number: the column of the answer that has `MATCH_NUMBER()`.
        span: the columns of the answer of ONE ROW PER MATCH that have x of each match's first and last row.
        title: a title above all panels.

    Returns:
        a `matplotlib.figure.Figure`, which notebooks show and `savefig(path)` writes. No window is opened, and the
        state of pyplot does not change. At most 500 matches are drawn in a panel; its title says how many there are.

    Raises:
        QueryError: a column does not exist.
        MissingDependencyError: matplotlib is not installed.

    Takes time linear in rows.

    Examples:
        >>> import rowpattern
        >>> prices = {"day": [1, 2, 3, 4, 5], "price": [9, 8, 7, 8, 9]}
        >>> down = [False] + [b < a for a, b in zip(prices["price"], prices["price"][1:])]
        >>> matches = rowpattern.compile("START DOWN+ UP+").match({"DOWN": down, "UP": [not each for each in down]})
        >>> figure = rowpattern.plot(prices, matches, x="day", y="price")
        >>> [axes.get_title() for axes in figure.axes]
        ['1 match']
    """
    try:
        from rowpattern.pictures.figure import ShownFigure
    except ImportError as error:
        from rowpattern.dependencies import missing

        raise missing(error, "plot") from None
    keys = (partition_by,) if isinstance(partition_by, str) else tuple(partition_by)
    table = _Columns(data, "data")
    panels = _panels(table, x, y, keys)
    if found is None:
        shapes = list(_of_rows(table, x, y, keys, classifier, number))
    elif isinstance(found, Matches):
        shapes = list(_of_matches(found, table, x, y, keys))
    elif span is not None:
        shapes = list(_of_spans(_Columns(found, "found"), keys, span))
    else:
        shapes = list(_of_rows(_Columns(found, "found"), x, y, keys, classifier, number))
    shown = dict(list(panels.items())[:_MOST_PANELS])
    figure = ShownFigure(figsize=(10, 1 + 2.6 * max(1, len(shown))), layout="constrained")
    if title:
        figure.suptitle(title)
    variables = list(dict.fromkeys(name for shape in shapes for _, _, name in shape.rows))
    colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(variables)}
    grid = figure.subplots(max(1, len(shown)), 1, squeeze=False)[:, 0]
    for axes, (partition, (across, up)) in zip(grid, shown.items()):
        own = [shape for shape in shapes if shape.partition == partition]
        axes.plot(across, up, color=_SERIES, linewidth=1, zorder=1)
        _draw(axes, own[:_MOST_MATCHES], colours)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.set_title(_panel_title(partition, len(own)), fontsize="medium")
    return figure


def _draw(axes: Any, shapes: Sequence[_Shape], colours: dict[str, str]) -> None:
    for at, shape in enumerate(shapes):
        shade = _SHADE[at % len(_SHADE)]
        if shape.first == shape.last:
            axes.axvline(shape.first, color=shade, alpha=0.4, linewidth=1, zorder=0)
        else:
            axes.axvspan(shape.first, shape.last, color=shade, alpha=0.12, linewidth=0, zorder=0)
    for name, colour in colours.items():
        marked = [(across, up) for shape in shapes for across, up, mapped in shape.rows if mapped == name]
        if marked:
            across, up = zip(*marked)
            axes.plot(across, up, "o", color=colour, markersize=3.5, label=name, zorder=2)
    if any(shape.rows for shape in shapes):
        axes.legend(loc="best", fontsize="small", framealpha=0.8)


def _panel_title(partition: tuple[Any, ...], matches: int) -> str:
    found = counted(matches, "match")
    if matches > _MOST_MATCHES:
        found = f"{_MOST_MATCHES:,} of {found}"
    return ": ".join([", ".join(map(str, partition)), found]) if partition else found


class _Columns:
    """A table's columns as lists of Python's and numpy's values.

    Args:
        table: a table of any kind.
        name: its name, for errors.
    """

    def __init__(self, table: Any, name: str) -> None:
        self._table = table.to_arrow_table() if type(table).__name__ == "DuckDBPyRelation" else table
        self._name = name
        names = getattr(self._table, "column_names", None)
        if names is None:
            names = getattr(self._table, "columns", None)
        self.names = [str(each) for each in (self._table if names is None else names)]

    def __call__(self, name: str, hint: str = "") -> list[Any]:
        """Return the values of a column."""
        if name not in self.names:
            there = "its only column is" if len(self.names) == 1 else "its columns are"
            message = f"{self._name} has no column {name}; {there} {', '.join(self.names)}"
            raise QueryError(f"{message}{hint}")
        import numpy as np

        values = np.asarray(self._table[name])
        # `tolist` would make integers of times.
        found = list(values) if values.dtype.kind in "mM" else values.tolist()
        # pandas' NA has no truth value and is no number; None is a gap in a line.
        return [None if type(value).__name__ == "NAType" else value for value in found]

    def keys(self, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Return the values of some columns, row by row; without columns, as many empty rows as are asked for."""
        if names:
            yield from zip(*(self(name) for name in names))
        else:
            yield from itertools.repeat(())


def _panels(table: _Columns, x: str, y: str, keys: Sequence[str]) -> dict[tuple[Any, ...], tuple[list[Any], list[Any]]]:
    panels: dict[tuple[Any, ...], tuple[list[Any], list[Any]]] = {}
    for across, up, key in zip(table(x), table(y), table.keys(keys)):
        columns = panels.setdefault(key, ([], []))
        columns[0].append(across)
        columns[1].append(up)
    return panels


def _of_rows(  # noqa: PLR0917 - the arguments of `plot`
    answer: _Columns, x: str, y: str, keys: Sequence[str], classifier: str, number: str
) -> Iterator[_Shape]:
    """Return the matches of an answer of ALL ROWS PER MATCH; rows without a classifier are in none."""
    hint = "; write MEASURES CLASSIFIER() AS {}, MATCH_NUMBER() AS {} with ALL ROWS PER MATCH, or name other columns"
    hint = hint.format(classifier, number)
    columns = zip(answer(x), answer(y), answer(classifier, hint), answer(number, hint), answer.keys(keys))
    rows: dict[tuple[Any, ...], list[tuple[Any, Any, str]]] = {}
    for across, up, name, match, key in columns:
        if isinstance(name, str):
            rows.setdefault((key, match), []).append((across, up, name))
    for (key, _), matched in rows.items():
        yield _Shape(key, matched[0][0], matched[-1][0], matched)


def _of_spans(answer: _Columns, keys: Sequence[str], span: tuple[str, str]) -> Iterator[_Shape]:
    for first, last, key in zip(answer(span[0]), answer(span[1]), answer.keys(keys)):
        yield _Shape(key, first, last, ())


def _of_matches(matches: Matches, table: _Columns, x: str, y: str, keys: Sequence[str]) -> Iterator[_Shape]:
    across, up, first = table(x), table(y), 0
    every = list(table.keys(keys)) if keys else [()] * len(across)
    classifier = matches.rows.classifier
    for _, _, start, end in matches:
        rows = range(start, end)
        if rows:
            mapped = [(across[row], up[row], str(classifier[first + at])) for at, row in enumerate(rows)]
            yield _Shape(every[start], across[start], across[end - 1], mapped)
        first += len(rows)
