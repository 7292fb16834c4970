"""The places of the matrix: where an expression stands in a query, and which values its operands have there.

Each pair (a, b) of values is a partition of two rows, a and b, in column `v`; or a row with both, in columns `x` and
`y`. A condition tells the value of an expression by which rows are a match: with variable B where a BOOLEAN is true and
C where it is false; otherwise where the value is that of column `e`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PLACES", "Place"]

# A source of operands (`expression_matrix.duckdb_answers`), and a pair by its values' numbers, of which 0 is NULL.
Read = tuple[str, int, int]


@dataclass(frozen=True)
class Place:
    """Where an expression stands.

    Attributes:
        name: what it is called.
        x: the first operand.
        y: the second one.
        query: with `{e}` for the expression; of a condition with `{pattern}` and `{define}`.
        kind: `"condition"`; `"measure"`: the answer has the value in column `m`; `"groups"`: partitions are those of
            equal values; `"order"`: rows are sorted by it.
        pattern: of a condition, in which the expression is that of B.
        chosen: where there is no pattern, the query for a BOOLEAN.
        source: what the operands are, as for `expression_matrix.duckdb_answers`.
        shows: for values a and b, the values that the answer shows, in order.
        reads: other values that are computed; whether an error there is one of the query is left open.
        one_row: whether a pair is one row.
        text: compare values in a condition as texts.
        around: it stands around the clause.
        wrap: an aggregate of the expression stands there.
        aggregates: takes aggregates instead of expressions.
    """

    name: str
    x: str
    y: str
    query: str
    kind: str = "condition"
    pattern: str = ""
    chosen: str = ""
    source: str = "pairs"
    shows: Callable[[int, int], list[Read]] | None = None
    reads: Callable[[int, int], list[Read]] = lambda a, b: []  # noqa: ARG005 - none
    one_row: bool = False
    text: bool = False
    around: bool = False
    wrap: str = "{}"
    aggregates: bool = False

    def shown(self, a: int, b: int) -> list[Read]:
        """Return the values that the answer has for a pair."""
        return [(self.source, a, b)] if self.shows is None else self.shows(a, b)

    def equal(self, expression: str) -> str:
        """Return a query with an expression that is a condition or a value."""
        if not self.pattern:
            return self.query.replace("{e}", expression)
        return self._matching(self.pattern, f"B AS {expression}")

    def either(self, expression: str) -> str:
        """Return a query that tells by the variable whether an expression is true or false."""
        if not self.pattern:
            return self.chosen.replace("{e}", expression)
        return self._matching(self.pattern.replace("B", "(B | C)"), _b_or_c("B", "C", expression))

    @property
    def takes_several(self) -> bool:
        """Whether a query can have several expressions in this place."""
        return bool(self.pattern) or self.kind == "measure"

    def measures(self, expressions: Sequence[str]) -> str:
        """Return a query with measures m0, m1, ..."""
        several = ", ".join(f"{expression} AS m{number}" for number, expression in enumerate(expressions))
        return self.query.replace("{e} AS m", several)

    def conditions(self, expressions: Sequence[tuple[str, bool]]) -> str:
        """Return a query with conditions, of which a partition's column `k` chooses one by its number.

        The other row of a match chooses, so that a condition is the expression and nothing else. Variables have the
        condition's number behind their letter.

        Args:
            expressions: each with whether it tells true from false (`either`) or not (`equal`).
        """
        # Where a pair is one row, another one is put before it.
        pattern = self.pattern if "A" in self.pattern else f"A {self.pattern}"
        patterns, defined = [], []
        for number, (expression, both) in enumerate(expressions):
            each = re.sub(r"\b([AB])\.", rf"\g<1>{number}.", expression)
            b, c = f"B{number}", f"C{number}"
            patterns.append(pattern.replace("B", f"({b} | {c})" if both else b).replace("A", f"A{number}"))
            defined += [f"A{number} AS k = {number}", _b_or_c(b, c, each) if both else f"{b} AS {each}"]
        return self._matching(" | ".join(patterns), ", ".join(defined))

    def _matching(self, pattern: str, define: str) -> str:
        return self.query.replace("{pattern}", pattern).replace("{define}", define)


def _b_or_c(b: str, c: str, expression: str) -> str:
    return f"{b} AS {expression}, {c} AS NOT ({expression.replace(f'{b}.', f'{c}.')})"


_CLAUSE = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY p ORDER BY i MEASURES {measures} {rest})"


def _condition(name: str, x: str, y: str, *, first: bool = False, **more: object) -> Place:
    """Let the second row's condition have the expression, or the first one's."""
    how = f"{'FIRST' if first else 'LAST'}(CLASSIFIER()) AS how"
    query = _CLAUSE.format(measures=how, rest="PATTERN ({pattern}) DEFINE {define}")
    return Place(name, x, y, query, pattern="B A" if first else "A B", **more)  # type: ignore[arg-type]


def _measure(name: str, x: str, y: str, *, every_row: bool = False, **more: object) -> Place:
    shown = "ALL ROWS PER MATCH" if every_row else "ONE ROW PER MATCH"
    query = _CLAUSE.format(measures="{e} AS m", rest=f"{shown} PATTERN (A B)")
    return Place(name, x, y, query, "measure", **more)  # type: ignore[arg-type]


def _keys(name: str, keys: str, kind: str) -> Place:
    query = f"SELECT * FROM t MATCH_RECOGNIZE ({keys} MEASURES list(p) AS ps PATTERN (A+))"
    return Place(name, "x", "y", query, kind, one_row=True)


_ONE = (
    "SELECT p, how FROM t MATCH_RECOGNIZE (PARTITION BY p MEASURES CLASSIFIER() AS how PATTERN ({pattern}) "
    "DEFINE {define})"
)
_AROUND = "MATCH_RECOGNIZE (PARTITION BY p ORDER BY i MEASURES FIRST(v) AS x, LAST(v) AS y{more} PATTERN (A B))"

_TWICE = lambda a, b: [("pairs", a, b)] * 2  # noqa: E731 - one line
_OF_B = lambda a, b: [("first row", b, b)]  # noqa: ARG005, E731 - one line
_FIRST_THEN_BOTH = lambda a, b: [("first row", a, b), ("rows", a, b)]  # noqa: E731 - one line

_ALL = [
    # Over rows: computed for all rows before matching, also where nothing is read.
    _condition("PREV", "PREV(v)", "v", reads=lambda a, b: [("pairs", 0, a)]),  # noqa: ARG005
    _condition("NEXT", "v", "NEXT(v)", first=True, reads=lambda a, b: [("pairs", b, 0)]),  # noqa: ARG005
    _condition("PREV as text", "PREV(v, 1)", "v", text=True, reads=lambda a, b: [("pairs", 0, a)]),  # noqa: ARG005
    Place("row", "x", "y", _ONE, pattern="B", one_row=True),
    # Depending on the match.
    _condition("A.v", "A.v", "v"),
    _condition("A.v as text", "A.v", "v", text=True),
    _condition("B.v", "A.v", "B.v"),
    _condition("FIRST LAST", "FIRST(v)", "LAST(v)"),
    _condition("LAST offset", "LAST(v, 1)", "LAST(B.v)"),
    _condition("NEXT of FIRST", "PREV(LAST(v))", "NEXT(FIRST(A.v))"),
    _condition("extremes", "min(v)", "max(v)", source="extremes"),
    _condition("max of", "v", "v", source="rows", wrap="max({})"),
    # Of rows of another variable nothing is computed.
    _condition("max of A", "A.v", "A.v", source="first row", wrap="max({})"),
    _condition("aggregate", "v", "v", source="rows", aggregates=True),
    # Some aggregates cast their argument in all rows: whether a value of B that cannot be cast is an error is open.
    _condition("aggregate of A", "A.v", "A.v", source="first row", reads=_OF_B, aggregates=True),
    # Measures.
    _measure("measure", "A.v", "B.v"),
    _measure("measure FIRST LAST", "FIRST(v)", "LAST(v)"),
    _measure("measure FINAL", "FINAL FIRST(v)", "FINAL LAST(v)", every_row=True, shows=_TWICE),
    _measure(
        "measure RUNNING",
        "RUNNING FIRST(v)",
        "LAST(v)",
        every_row=True,
        shows=lambda a, b: [("pairs", a, a), ("pairs", a, b)],
    ),
    _measure("measure PREV", "PREV(v)", "v", every_row=True, shows=lambda a, b: [("pairs", 0, a), ("pairs", a, b)]),
    _measure("measure extremes", "min(v)", "max(v)", source="extremes"),
    _measure("measure list of", "v", "v", source="rows", wrap="list({})"),
    _measure("measure list of A", "A.v", "A.v", source="first row", wrap="list({})"),
    _measure("measure aggregate", "v", "v", source="rows", aggregates=True),
    _measure("measure aggregate of A", "A.v", "A.v", source="first row", reads=_OF_B, aggregates=True),
    _measure(
        "measure RUNNING aggregate", "v", "v", source="rows", every_row=True, shows=_FIRST_THEN_BOTH, aggregates=True
    ),
    # Keys.
    _keys("PARTITION BY", "PARTITION BY ({e}) ORDER BY p", "groups"),
    _keys("ORDER BY", "ORDER BY ({e}), p", "order"),
    _keys("ORDER BY DESC", "ORDER BY ({e}) DESC, p", "order"),
    # Around the clause.
    Place("SELECT", "x", "y", f"SELECT p, {{e}} AS m FROM t {_AROUND.format(more='')}", "measure", around=True),
    Place(
        "WHERE",
        "x",
        "y",
        f"SELECT p, 'B' AS how FROM t {_AROUND.format(more=', LAST(e) AS e')} WHERE {{e}}",
        chosen=f"SELECT p, CASE WHEN {{e}} THEN 'B' ELSE 'C' END AS how FROM t {_AROUND.format(more='')} "
        "WHERE {e} OR NOT ({e})",
        around=True,
    ),
]

PLACES = {each.name: each for each in _ALL}
