"""Pictures have the parts of what they show: automata as SVG, matches as HTML, series by matplotlib."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern.pictures.layered import layered_layout

from commands import run_python

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> tuple[list[str], list[str]]:
    """Return the texts and the tooltips of edges of a pattern's drawing."""
    root = ET.fromstring(rowpattern.compile(text)._repr_svg_())  # noqa: S314 - our own
    edges = [path.find(f"{SVG}title") for path in root.iter(f"{SVG}path")]
    return [each.text or "" for each in root.iter(f"{SVG}text")], [
        each.text or "" for each in edges if each is not None
    ]


@pytest.mark.parametrize(
    ("text", "nodes", "edges"),
    [
        ("A", ["A"], ["A to match", "start to A"]),
        ("A B+", ["A", "B"], ["A to B", "B to B, choice 1 of 2", "B to match, choice 2 of 2", "start to A"]),
        # A reluctant loop at the end takes no row.
        ("A B*?", ["A"], ["A to match", "start to A"]),
        (
            "A B*? C",
            ["A", "B", "C"],
            ["A to B, choice 2 of 2", "A to C, choice 1 of 2", "B to B, choice 2 of 2", "B to C, choice 1 of 2",
             "C to match", "start to A"],
        ),
        ("A{2}", ["A", "A"], ["A to A", "A to match", "start to A"]),
        ("A*", ["A"], ["A to A, choice 1 of 2", "A to match, choice 2 of 2", "start to A, choice 1 of 2",
                       "start to match, choice 2 of 2"]),
        ("()", [], ["start to match"]),
    ],
)  # fmt: skip
def test_a_drawing_has_the_positions_and_edges_of_the_automaton(text: str, nodes: list[str], edges: list[str]) -> None:
    texts, titles = drawn(text)
    assert sorted(texts) == sorted([*nodes, "match", "start"])
    assert sorted(titles) == edges


def test_a_drawing_says_where_anchors_hold() -> None:
    texts, titles = drawn("^ A $")
    assert sorted(texts) == ["$", "A", "^", "match", "start"]
    assert sorted(titles) == ["A to match", "start to A"]


@pytest.mark.parametrize("text", ["A", "PERMUTE(A, B, C)", "(A | B)* C {- D+ -} E{2,4}", "((A|B)+ C)+", "A{40}"])
def test_nothing_lies_outside_of_a_drawing(text: str) -> None:
    first = rowpattern.compile(text)._repr_svg_()
    assert rowpattern.compile(text)._repr_svg_() == first
    root = ET.fromstring(first)  # noqa: S314 - our own
    width, height = (float(root.get(name, "")) for name in ("width", "height"))
    boxes = [each for each in root.iter(f"{SVG}rect") if each.get("x") is not None]
    assert boxes
    for box in boxes:
        left, top, wide, high = (float(box.get(name, "")) for name in ("x", "y", "width", "height"))
        assert left >= 0
        assert top >= 0
        assert left + wide <= width
        assert top + high <= height
    corners = [(float(box.get("x", "")), float(box.get("y", ""))) for box in boxes]
    assert len(set(corners)) == len(corners)


def test_names_are_escaped() -> None:
    pattern = rowpattern.compile('"<b>&x</b>" B')
    assert ET.fromstring(pattern._repr_svg_()).tag == f"{SVG}svg"  # noqa: S314 - our own
    matches = pattern.match(["<b>&x</b>", "B"])
    assert "<b>&x" not in pattern._repr_svg_() + matches._repr_html_()
    assert "&lt;b&gt;&amp;x&lt;/b&gt; B" in matches._repr_html_()


def test_large_automata_are_not_drawn() -> None:
    for text in ("A{1,200}", " ".join(f"V{at}?" for at in range(70))):
        texts, _ = drawn(text)
        assert texts == ["the automaton has more than 80 positions or 800 edges and is not drawn"]


def test_an_explanation_has_a_drawing_of_each_pattern() -> None:
    table = pa.table({"x": [1, 2]})
    explained = rowpattern.explain(
        "SELECT * FROM (SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES LAST(A.x) AS x PATTERN (A))) "
        "MATCH_RECOGNIZE (ORDER BY x MEASURES LAST(B.x) AS x PATTERN (B+))",
        table,
    )
    assert [pattern.pattern for pattern in explained.patterns] == ["A", "B+"]
    root = ET.fromstring(explained.svg())  # noqa: S314 - our own
    assert sorted(each.text or "" for each in root.iter(f"{SVG}text")) == ["A", "B", "match", "match", "start", "start"]
    assert explained.svg() in explained._repr_html_()


def test_layers_grow_along_edges_that_do_not_go_back() -> None:
    following = {0: [1, 2], 1: [3], 2: [3, 1], 3: [0, 4], 4: []}
    layout = layered_layout(0, following)
    assert layout.backward == {(3, 0)}
    for node, targets in following.items():
        for target in targets:
            if (node, target) not in layout.backward:
                assert layout.layers[node] < layout.layers[target]
                assert len(layout.routes.get((node, target), [])) == layout.layers[target] - layout.layers[node] - 1


def test_matches_as_html() -> None:
    pattern = rowpattern.compile("A {- B* -}")
    matches = pattern.match(["A", "B"] * 30)
    shown = matches._repr_html_()
    assert shown.count("<tr>") == 1 + 20
    assert "30 matches, 60 rows" in shown
    assert "and 10 more" in shown
    one = next(pattern.find_iter(["A", "B", "B"]))._repr_html_()
    assert one.count("<td>yes</td>") == 2
    assert "rows 0 to 2" in one
    assert "empty, at row 0" in next(rowpattern.compile("A*").find_iter(["B"]))._repr_html_()
    long = rowpattern.compile("A+").match(["A"] * 50)
    assert "A … " not in long._repr_html_()
    assert " ".join(["A"] * 12) + " …" in long._repr_html_()


PRICES = {"day": [1, 2, 3, 4, 5, 1, 2, 3], "price": [9, 8, 7, 8, 9, 5, 4, 6], "symbol": ["a"] * 5 + ["b"] * 3}
SHAPES = """
    SELECT * FROM prices MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY day
        MEASURES MATCH_NUMBER() AS match_number, CLASSIFIER() AS classifier, FIRST(day) AS begun,
            FINAL LAST(day) AS ended
        {rows} PATTERN (START DOWN+ UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""


def parts(figure: Any) -> list[tuple[str, list[tuple[float, float]], dict[str, list[float]]]]:
    """Return of each panel its title, where it is shaded, and x of the rows marked by classifier."""
    found = []
    for axes in figure.axes:
        shaded = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
        marked = {line.get_label(): list(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"}
        found.append((axes.get_title(), shaded, marked))
    return found


EXPECTED = [
    ("a: 1 match", [(1, 5)], {"START": [1], "DOWN": [2, 3], "UP": [4, 5]}),
    ("b: 1 match", [(1, 3)], {"START": [1], "DOWN": [2], "UP": [3]}),
]


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_series_and_its_matches(table: Any) -> None:
    prices = table(PRICES)
    options: dict[str, Any] = {"x": "day", "y": "price", "partition_by": "symbol"}
    all_rows = rowpattern.match_recognize(SHAPES.format(rows="ALL ROWS PER MATCH"), prices)
    assert parts(rowpattern.plot(prices, all_rows, **options)) == EXPECTED
    unmatched = rowpattern.match_recognize(SHAPES.format(rows="ALL ROWS PER MATCH WITH UNMATCHED ROWS"), prices)
    assert parts(rowpattern.plot(unmatched, **options)) == EXPECTED
    one_row = rowpattern.match_recognize(SHAPES.format(rows=""), prices)
    shaded = parts(rowpattern.plot(prices, one_row, span=("begun", "ended"), **options))
    assert shaded == [(title, spans, {}) for title, spans, _ in EXPECTED]


def test_matches_over_columns() -> None:
    price = np.array(PRICES["price"])
    conditions = {"DOWN": np.diff(price, prepend=0) < 0, "UP": np.diff(price, prepend=100) > 0}
    matches = rowpattern.compile("START DOWN+ UP+").match(conditions, partitions=[5, 3])
    assert parts(rowpattern.plot(PRICES, matches, x="day", y="price", partition_by=["symbol"])) == EXPECTED


def test_a_panel_says_how_many_matches_it_leaves_out() -> None:
    data = {"x": list(range(1200)), "y": [0] * 1200}
    matches = rowpattern.compile("A B").match(["A", "B"] * 600)
    ((title, shaded, _),) = parts(rowpattern.plot(data, matches, x="x", y="y", title="all"))
    assert title == "500 of 600 matches"
    assert len(shaded) == 500
    many = {"x": [0] * 20, "y": [0] * 20, "p": list(range(20))}
    nothing = rowpattern.compile("A B").match(["A"] * 20)
    assert len(rowpattern.plot(many, nothing, x="x", y="y", partition_by="p").axes) == 12


def test_values_that_are_not_there_are_gaps() -> None:
    data = pd.DataFrame({"x": [1, 2, 3], "y": pd.array([1, None, 3], "Int64")})
    figure = rowpattern.plot(data, rowpattern.compile("A").match(["A", "A", "A"]), x="x", y="y")
    assert np.isnan(np.asarray(figure.axes[0].lines[0].get_ydata(), float)).tolist() == [False, True, False]
    # Notebooks show it, without pyplot.
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_columns_that_are_not_there() -> None:
    nothing = rowpattern.compile("A").match(["B"] * 8)
    with pytest.raises(rowpattern.QueryError, match="data has no column cost; its columns are day, price, symbol"):
        rowpattern.plot(PRICES, nothing, x="day", y="cost")
    with pytest.raises(
        rowpattern.QueryError, match=r"data has no column classifier; .*; write MEASURES CLASSIFIER\(\) AS"
    ):
        rowpattern.plot(PRICES, x="day", y="price")


def test_without_matplotlib() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\nimport rowpattern\n"
        "try: rowpattern.plot({'x': [1]}, x='x', y='x')\n"
        "except rowpattern.MissingDependencyError as error: print(error)"
    )
    assert run_python("-c", code, check=True).stdout.startswith("matplotlib is not installed; ")


def test_drawings_need_no_other_package() -> None:
    code = (
        "import sys\nbefore = {name.split('.')[0] for name in sys.modules}\nimport rowpattern\n"
        "rowpattern.compile('A B+')._repr_svg_()\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} - before & {'matplotlib', 'numpy', 'pyarrow'}))"
    )
    assert run_python("-c", code, check=True).stdout == "[]\n"
