"""Random queries made wider: what the clause takes beside the standard's text, and what stands around it.

Takes a query of `query_reference` and puts in parameters, subqueries, `LAG` and `LEAD`, aggregates of DEFINE with
FILTER, ORDER BY and classifiers, earlier measures, `MATCH_SEQUENCE_NUMBER()`, empty branches and bounds of 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import reference
from query_reference import SPREADS, Expression, Query, Row, variables
from query_types import KINDS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

__all__ = ["ParameterNumber", "widen", "with_question_marks"]

_PARAMETER = re.compile(r"\$([a-z]\d+)\b")

# A bound that no variance of halves of small numbers has.
_BETWEEN = 1.2345678


class ParameterNumber(int):
    """A whole number of a pattern or an offset that the query has as a parameter.

    Attributes:
        name: the parameter's.
    """

    name: str

    def __str__(self) -> str:
        """Write it as the query does."""
        return f"${self.name}"

    def __format__(self, _: str) -> str:
        """The same: int's own writes the number."""
        return str(self)


def widen(
    rng: random.Random,
    query: Query,
    table: list[Row],
    *,
    dependent: bool,
    several_zones: bool,
    in_window: bool = False,
    prefix: str = "p",
) -> None:
    """Change a query, and the values of its parameters.

    Args:
        rng: what decides.
        query: the query.
        table: the rows of the table that it reads.
        dependent: whether conditions may depend on the match.
        several_zones: whether columns have different time zones: what DuckDB computes of the whole table is left out.
        in_window: leave out what windows do not have.
        prefix: how the names of parameters begin.
    """
    wider = _Wider(rng, query, table, prefix, several_zones=several_zones, in_window=in_window)
    names = [*variables(query.pattern), *query.subset]
    for name in query.define:
        if rng.random() < 0.6:
            more = wider.dependent(names) if dependent and rng.random() < 0.7 else wider.condition(name)
            query.define[name] = rng.choice([more, (rng.choice(["and", "or"]), query.define[name], more)])
    query.measures += [wider.measure(names) for _ in range(rng.choice([0, 1, 2]))]
    if rng.random() < 0.5:
        query.define = {name: wider.with_parameters(e) for name, e in query.define.items()}
        query.measures = list(map(wider.with_parameters, query.measures))
    query.pattern = wider.pattern(query.pattern)
    if rng.random() < 0.5:
        written = reference.text(query.pattern)
        query.pattern_text = written.replace("| ())", "|)").replace("(() |", "(|").replace("{0,", "{,")
    if query.within is not None and rng.random() < 0.3:
        query.within_text = f"${wider.parameter(query.within)}"


@dataclass
class _Wider:
    rng: random.Random
    query: Query
    table: list[Row]
    prefix: str
    several_zones: bool
    in_window: bool

    def parameter(self, value: Any) -> str:
        name = f"{self.prefix}{len(self.query.parameters)}"
        self.query.parameters[name] = value
        return name

    # Patterns.

    def pattern(self, part: reference.Part) -> reference.Part:
        """Give some loops bounds of 0, and some bounds that are parameters."""
        kind = part[0]
        if kind in {"sequence", "choice", "permute"}:
            found = [self.pattern(each) for each in part[1]]
            if kind == "choice" and self.rng.random() < 0.2:
                found.insert(self.rng.randrange(len(found) + 1), ("empty",))
            return (kind, found)
        if kind == "exclude":
            return (kind, self.pattern(part[1]))
        if kind != "repeat":
            return part
        _, body, least, most, greedy = part
        body = self.pattern(body)
        roll = self.rng.random()
        if roll < 0.1:
            return (kind, body, 0, 0, greedy)
        if roll < 0.25 and most is not None and (least, most) != (0, 1):
            least, most = self._number(least), most if most == least else self._number(most)
        return (kind, body, least, most, greedy)

    def _number(self, value: int) -> ParameterNumber:
        found = ParameterNumber(value)
        found.name = self.parameter(value)
        return found

    # Expressions.

    def with_parameters(self, e: Any) -> Any:
        """Have some constants and offsets be parameters."""
        if not isinstance(e, tuple):
            return [self.with_parameters(each) for each in e] if isinstance(e, list) else e
        if e[0] == "literal" and e[1] is not None and self.rng.random() < 0.5:
            return ("parameter", self.parameter(e[1]))
        if e[0] in {"first", "last"} and e[2] and self.rng.random() < 0.3:
            return (e[0], self.with_parameters(e[1]), self._number(e[2]))
        if e[0] in {"subquery", "in subquery", "item"}:
            return e
        return tuple(self.with_parameters(each) for each in e)

    def _column(self, names: list[str] | None, among: str = "xy") -> Expression:
        variable = self.rng.choice([None, *names]) if names else None
        return ("column", variable, self.rng.choice(among))

    def _source(self) -> tuple[str, list[Row]]:
        """Return a table for subqueries, and its rows."""
        if self.rng.random() < 0.7:
            return "t", self.table
        self.query.with_list = f"WITH w AS (SELECT * FROM t WHERE {self.query.column('x')} >= 0)\n"
        return "w", [row for row in self.table if row["x"] is not None and row["x"] >= 0]

    def subquery(self) -> Expression:
        """A subquery of one number."""
        table, rows = self._source()
        column = self.rng.choice("xy")
        function = self.rng.choice(["min", "max", "count"])
        text = f"(SELECT {function}({self.query.column(column)}) FROM {table})"
        known = [row[column] for row in rows if row[column] is not None]
        if function == "count":
            return ("subquery", text, len(known))
        return ("subquery", text, (min if function == "min" else max)(known, default=None))

    def _in_subquery(self, e: Expression) -> Expression:
        table, rows = self._source()
        column = self.rng.choice("xy")
        least = self.rng.randrange(-3, 3)
        y, written = self.query.column("y"), self.query.column(column)
        text = f"(SELECT {written} FROM {table} WHERE {y} >= {least})"
        return ("in subquery", e, text, [row[column] for row in rows if row["y"] is not None and row["y"] >= least])

    def _exists(self) -> Expression:
        table, rows = self._source()
        least = self.rng.randrange(-3, 4)
        text = f"EXISTS (SELECT 1 FROM {table} WHERE {self.query.column('x')} >= {least})"
        return ("subquery", text, any(row["x"] is not None and row["x"] >= least for row in rows))

    def condition(self, variable: str) -> Expression:
        """A condition that reads rows at fixed places."""
        rng = self.rng
        column: Expression = ("column", variable if rng.random() < 0.3 else None, rng.choice("xy"))
        moved: Expression = ("lag", rng.choice([-2, -1, 1, 2]), rng.choice([column, ("last", column, 0)]))
        number: Expression = ("literal", rng.randrange(-2, 3))
        rolled = rng.choice([0, 4]) if self.several_zones else rng.randrange(6)
        if rolled == 0:
            return (rng.choice(["<", "=", ">="]), moved, rng.choice([column, number]))
        if rolled == 1:
            return (rng.choice(["<", ">="]), column, self.subquery())
        if rolled == 2:
            return self._in_subquery(rng.choice([column, moved]))
        if rolled == 3:
            return self._exists()
        if rolled == 4:
            away: Expression = ("values away", rng.choice([-1, 1, 2]), rng.choice([column, ("add", column, number)]))
            return (rng.choice(["<", "=", ">="]), away, column)
        return (rng.choice(["<", "=", ">="]), ("add", column, number), self.subquery())

    def dependent(self, names: list[str]) -> Expression:
        """A condition on an aggregate of the match so far."""
        rng = self.rng
        if rng.random() < 0.15:
            return ("<", ("sequence number",), ("literal", rng.randrange(1, 6)))
        if rng.random() < 0.2:
            value: Expression = self._one_of(self._column(names, "z"))
            if self._has_order:
                known = KINDS[self.query.kind].values
                return (rng.choice(["=", "<", ">="]), value, ("value", rng.choice(known)))
        return self._compared(names)

    def _one_of(self, column: Expression) -> Expression:
        """An aggregate that gives one of the values."""
        key: Expression = ("column", column[1], self.rng.choice("xy" if self.several_zones else "xyo"))
        function = self.rng.choice(["arg_min", "arg_max", "any_value"])
        return ("aggregate", function, False, column, None, None, None if function == "any_value" else key, None)

    def _filter(self, argument: Expression | None) -> Expression | None:
        """A filter of rows of the same variable as an aggregate's argument."""
        rng = self.rng
        variable = argument[1] if argument is not None and argument[0] == "column" else None
        roll = rng.random()
        if roll < 0.5:
            return None
        if roll < 0.7:
            return ("=", ("classifier", variable), ("literal", rng.choice("AB")))
        return (rng.choice(["<", ">="]), ("column", variable, rng.choice("xy")), ("literal", rng.randrange(-1, 2)))

    def _compared(self, names: list[str]) -> Expression:
        """An aggregate that is compared with a constant."""
        rng = self.rng
        column = self._column(names)
        sign, number = rng.choice(["<", ">=", "="]), ("literal", rng.randrange(-3, 5))
        rolled = rng.randrange(9)
        if rolled < 2:
            spread = ("aggregate", rng.choice(list(SPREADS)), False, column, None, self._filter(column))
            return (rng.choice(["<", ">="]), spread, ("literal", _BETWEEN))
        if rolled < 4:
            return (sign, self._one_of(column), number)
        if rolled == 4:
            return self._of_texts(names)
        # Over different values the order is none that the standard or DuckDB would say.
        distinct = rng.random() < 0.2
        order = None if distinct or self.several_zones else rng.choice([None, "down"])
        listed = ("aggregate", "array_agg", distinct, column, None, None, None, order)
        if rolled == 5:
            return (sign, ("length", listed), ("literal", rng.randrange(1, 5)))
        if rolled == 6:
            listed = (*listed[:2], False, *listed[3:])
            return rng.choice(
                [("contains", listed, number), (sign, ("item", listed, rng.choice([1, 1, 2, 3])), number)]
            )
        if rolled == 7:
            counted: Expression = ("aggregate", "count", False, None, None, self._filter(None))
            return (sign, counted, ("literal", rng.randrange(1, 5)))
        function = rng.choice(["sum", "count", "min", "max"])
        argument = column if self.in_window or rng.random() < 0.7 else ("add", column, ("number",))
        made = ("aggregate", function, rng.random() < 0.3, argument, None, self._filter(column))
        return (sign, made, number)

    def _of_texts(self, names: list[str]) -> Expression:
        rng = self.rng
        column: Expression = ("text", self._column(names, "s"))
        separator = rng.choice([None, ("literal", "-"), ("literal", "")])
        order = None if self.several_zones else rng.choice([None, None, "down"])
        joined = ("aggregate", "string_agg", False, column, None, None, separator, order)
        return (rng.choice(["=", "<", ">="]), joined, ("literal", rng.choice(["u", "uv", "u-v", "v,v", "w"])))

    def measure(self, names: list[str]) -> Expression:
        """A measure."""
        rng = self.rng
        known = len(self.query.measures)
        choices: list[Callable[[], Expression]] = [
            lambda: ("sequence number",),
            lambda: self._compared(names),
            lambda: ("lag", rng.choice([-2, -1, 1]), self._column(names)),
            lambda: self._one_of(self._column(names, "xyz" if self._has_order else "xy")),
        ]
        if not self.several_zones:
            choices += [self.subquery, self._exists, lambda: self._in_subquery(("last", self._column(names), 0))]
        if known:
            earlier: Expression = ("measure", rng.randrange(known))
            choices += [lambda: ("is null", earlier), lambda: ("coalesce", earlier, earlier), lambda: earlier]
        return rng.choice(choices)()

    @property
    def _has_order(self) -> bool:
        kind = KINDS[self.query.kind]
        return "min" in kind.aggregates and not pa.types.is_dictionary(kind.arrow)


def with_question_marks(text: str, parameters: dict[str, Any]) -> tuple[str, list[Any]]:
    """Return a text with `?` in the place of each `$name`, and the values in the order in which they stand."""
    names = _PARAMETER.findall(text)
    return _PARAMETER.sub("?", text), [parameters[name] for name in names]
