"""MATCH_RECOGNIZE evaluated from the standard's text (ISO/IEC 19075-5): slow, plain Python, with no code of ours in it.

A query is made up as nested tuples, written as SQL by `query_text`, and answered row by row by `answer`. Patterns are
written as in `reference`.

Expressions: ("literal", value), ("column", variable or None, name), ("first" | "last", expression, offset),
("shift", rows, expression), ("classifier", variable or None), ("number",), ("running" | "final", expression),
("add" | "and" | "or" | "<" | "=" | ">=", left, right), ("not", expression), ("is null", expression),
("coalesce", left, right), ("over values", "first" | "last", expression, offset), ("values away", how many, expression),
("aggregate", function, distinct, expression or None, variable or None, filter or None), with more behind that for some:
the second argument or None, and "down" where rows are taken in the falling order of column o, or None.
What `wider_queries` puts in: ("lag", rows, expression), ("parameter", name), ("subquery", text, value),
("in subquery", expression, text, values), ("measure", number), ("sequence number",), ("text", column),
("length", aggregate), ("contains", aggregate, expression), ("item", aggregate, number).
With column z, which is of any type: ("value", value of its type), ("<>" | "is distinct from", left, right),
("in", expression, items), ("between", expression, least, most), ("case", condition, value, otherwise),
("call", a function of `query_types.FUNCTIONS`, arguments).

One file, as a kind of expression is written and evaluated here, side by side.
"""

from __future__ import annotations

import decimal
import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

import reference
from query_types import FUNCTIONS, KINDS, NAMES, Kind, order_key

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

Expression = tuple[Any, ...]
Row = dict[str, Any]

COLUMNS = ("x", "y", "s", "z")


@dataclass
class Query:
    """A query over the table `t` of columns p, o, x, y, s, z.

    Attributes:
        kind: the type of z.
        names: what columns are called.
        within: how far a match's last row is at most from its first in column o; None where it is not said.
        within_text: the same in SQL.
        prefer: which of the possible matches at a row is taken, "first" or "longest".
        pattern_text: how the pattern is written; None for what `reference.text` writes.
        parameters: values of parameters, by name.
        with_list: a WITH list before the query; nothing where there is none.
    """

    pattern: reference.Part
    partition: bool
    descending: bool
    rows_shown: str
    skip: Any
    define: dict[str, Expression]
    measures: list[Expression]
    subset: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kind: str = "int64"
    names: dict[str, str] = field(default_factory=dict)
    within: Any = None
    within_text: str = ""
    prefer: Literal["first", "longest"] = "first"
    pattern_text: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    with_list: str = ""

    def members(self, variable: str) -> set[str]:
        return set(self.subset.get(variable, (variable,)))

    def column(self, name: str) -> str:
        """Write the name of a column."""
        given = self.names.get(name, name)
        return given if given == name else '"' + given.replace('"', '""') + '"'

    def written_pattern(self) -> str:
        return reference.text(self.pattern) if self.pattern_text is None else self.pattern_text


# Writing.


def sql(query: Query, e: Expression) -> str:
    kind = e[0]
    if kind == "literal":
        value = e[1]
        return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)
    if kind == "column":
        name = query.column(e[2])
        return f"{e[1]}.{name}" if e[1] else name
    if kind == "value":
        return KINDS[query.kind].literal(e[1])
    if kind == "call":
        return FUNCTIONS[e[1]][0].format(*(sql(query, each) for each in e[2]))
    if kind == "in":
        return f"({sql(query, e[1])} IN ({', '.join(sql(query, each) for each in e[2])}))"
    if kind == "between":
        return f"({sql(query, e[1])} BETWEEN {sql(query, e[2])} AND {sql(query, e[3])})"
    if kind == "case":
        return f"CASE WHEN {sql(query, e[1])} THEN {sql(query, e[2])} ELSE {sql(query, e[3])} END"
    if kind in {"first", "last"}:
        return f"{kind.upper()}({sql(query, e[1])}{f', {e[2]}' if e[2] else ''})"
    if kind == "values away":
        name, count = ("NEXT", e[1]) if e[1] > 0 else ("PREV", -e[1])
        return f"{name}({sql(query, e[2])} IGNORE NULLS{'' if count == 1 else f', {count}'})"
    if kind == "over values":
        offset = f", {e[3]}" if e[3] else ""
        # Both forms are known.
        return (
            f"{e[1].upper()}({sql(query, e[2])}{offset}) IGNORE NULLS"
            if offset
            else f"{e[1].upper()}({sql(query, e[2])} IGNORE NULLS)"
        )
    if kind in {"shift", "lag"}:
        back, on = ("PREV", "NEXT") if kind == "shift" else ("LAG", "LEAD")
        name, rows = (on, e[1]) if e[1] >= 0 else (back, -e[1])
        return f"{name}({sql(query, e[2])}{'' if rows == 1 else f', {rows}'})"
    if kind == "classifier":
        return f"CLASSIFIER({e[1] or ''})"
    if kind == "number":
        return "MATCH_NUMBER()"
    if kind in {"running", "final"}:
        return f"{kind.upper()} {sql(query, e[1])}"
    if kind == "not":
        return f"(NOT {sql(query, e[1])})"
    if kind == "is null":
        return f"({sql(query, e[1])} IS NULL)"
    if kind == "coalesce":
        return f"COALESCE({sql(query, e[1])}, {sql(query, e[2])})"
    if kind == "aggregate":
        _, function, distinct, argument, variable, condition, *more = e
        second, order = more or (None, None)
        inner = sql(query, argument) if argument is not None else f"{variable}.*" if variable else "*"
        inner += "" if second is None else f", {sql(query, second)}"
        if order is not None:
            of = (variables_in(argument) or [None])[0]
            inner += f" ORDER BY {sql(query, ('column', of, 'o'))} DESC"
        text = f"{function}({'DISTINCT ' if distinct else ''}{inner})"
        return text + (f" FILTER (WHERE {sql(query, condition)})" if condition is not None else "")
    if kind in _MORE_SQL:
        return _MORE_SQL[kind].format(*(sql(query, each) if isinstance(each, tuple) else each for each in e[1:]))
    sign = {"add": "+", "and": "AND", "or": "OR", "is distinct from": "IS DISTINCT FROM"}.get(kind, kind)
    return f"({sql(query, e[1])} {sign} {sql(query, e[2])})"


#: How expressions of `wider_queries` are written, with places for their parts.
_MORE_SQL = {
    "parameter": "${}",
    "subquery": "{}",
    "in subquery": "({} IN {})",
    "measure": "m{}",
    "sequence number": "MATCH_SEQUENCE_NUMBER()",
    "text": "{}::VARCHAR",
    "length": "len({})",
    "contains": "coalesce(list_contains({}, {}), false)",
    "item": "{}[{}]",
}


def query_text(query: Query) -> str:
    lines = [f"{query.with_list}SELECT * FROM t MATCH_RECOGNIZE ("]
    if query.partition:
        lines.append(f"  PARTITION BY {query.column('p')}")
    lines.append(f"  ORDER BY {query.column('o')}{' DESC' if query.descending else ''}")
    if query.measures:
        lines.append("  MEASURES " + ", ".join(f"{sql(query, e)} AS m{at}" for at, e in enumerate(query.measures)))
    lines.append(f"  {query.rows_shown}")
    lines.append(f"  {skip_text(query)}")
    lines += [f"  {part}" for part in pattern_parts(query)]
    return "\n".join([*lines, ")"])


def skip_text(query: Query) -> str:
    skip = query.skip if isinstance(query.skip, str) else f"{query.skip[0]} {query.skip[1]}"
    return f"AFTER MATCH SKIP {skip.upper()}"


def pattern_parts(query: Query) -> list[str]:
    """Return PATTERN and what stands behind it."""
    parts = [f"PATTERN ({query.written_pattern()})"]
    if query.within_text:
        parts.append(f"WITHIN {query.within_text}")
    if query.subset:
        parts.append("SUBSET " + ", ".join(f"{name} = ({', '.join(of)})" for name, of in query.subset.items()))
    if query.define:
        parts.append("DEFINE " + ", ".join(f"{name} AS {sql(query, e)}" for name, e in query.define.items()))
    return parts


# Evaluating.


@dataclass
class Match:
    """A match as it is seen from one of its rows."""

    query: Query
    partition: list[Row]
    start: int
    mapped: list[str]
    number: int
    # How many rows of it are visible to RUNNING.
    seen: int


def places(match: Match, variable: str | None, final: bool) -> list[int]:
    """Rows of the partition that are mapped to a variable."""
    upto = len(match.mapped) if final else match.seen
    wanted = None if variable is None else match.query.members(variable)
    return [match.start + at for at in range(upto) if wanted is None or match.mapped[at] in wanted]


def variables_in(e: Any) -> list[str | None]:
    if not isinstance(e, tuple):
        return []
    if e[0] in {"column", "classifier"}:
        return [e[1]]
    return [found for each in e for found in variables_in(each)]


def place(match: Match, e: Expression, final: bool) -> tuple[int | None, Expression]:
    """The row that a navigation leads to, and what to read there."""
    if e[0] in {"shift", "lag"}:
        row, inner = place(match, e[2], final)
        if row is None or not 0 <= row + e[1] < len(match.partition):
            return None, inner
        return row + e[1], inner
    kind, inner, offset = e if e[0] in {"first", "last"} else ("last", e, 0)
    found = places(match, (variables_in(inner) or [None])[0], final)
    if offset >= len(found):
        return None, inner
    return found[offset if kind == "first" else -1 - offset], inner


def value(match: Match, e: Expression, final: bool, row: int | None = None) -> Any:
    """Evaluate; with `row`, columns are read there."""
    kind = e[0]
    if kind == "literal":
        return e[1]
    if kind == "number":
        return match.number
    if kind in {"running", "final"}:
        return value(match, e[1], kind == "final", row)
    if kind == "aggregate":
        return aggregate(match, e, final)
    if kind == "values away":
        there, inner = place(match, e[2], final)
        if there is None:
            return None
        rows = range(there + 1, len(match.partition)) if e[1] > 0 else range(there - 1, -1, -1)
        known = [found for each in rows if (found := value(match, inner, final, each)) is not None]
        return known[abs(e[1]) - 1] if len(known) >= abs(e[1]) else None
    if kind == "over values":
        at = places(match, (variables_in(e[2]) or [None])[0], final)
        known = [found for each in at if (found := value(match, e[2], final, each)) is not None]
        return None if e[3] >= len(known) else known[e[3] if e[1] == "first" else -1 - e[3]]
    if row is None and kind in {"column", "classifier", "first", "last", "shift", "lag"}:
        there, inner = place(match, e, final)
        return None if there is None else value(match, inner, final, there)
    if kind == "column":
        assert row is not None
        return match.partition[row][e[2]]
    if kind == "classifier":
        assert row is not None
        return match.mapped[row - match.start] if 0 <= row - match.start < len(match.mapped) else None
    if kind == "is null":
        return value(match, e[1], final, row) is None
    if kind == "coalesce":
        left = value(match, e[1], final, row)
        return value(match, e[2], final, row) if left is None else left
    if kind == "value":
        return e[1]
    if kind in _MORE_SQL:
        return _more_value(match, e, final, row)
    if kind == "call":
        arguments = [value(match, each, final, row) for each in e[2]]
        return None if any(each is None for each in arguments) else FUNCTIONS[e[1]][1](*arguments)
    if kind == "in":
        sought, *items = (value(match, each, final, row) for each in (e[1], *e[2]))
        return is_in(sought, items)
    if kind == "between":
        least, most = (">=", e[1], e[2]), (">=", e[3], e[1])
        return value(match, ("and", least, most), final, row)
    if kind == "case":
        return value(match, e[2] if value(match, e[1], final, row) is True else e[3], final, row)
    if kind == "not":
        inner = value(match, e[1], final, row)
        return None if inner is None else not inner
    left, right = value(match, e[1], final, row), value(match, e[2], final, row)
    if kind == "and":
        return False if left is False or right is False else None if left is None or right is None else True
    if kind == "or":
        return True if left is True or right is True else None if left is None or right is None else False
    if kind == "is distinct from":
        return (left is None) != (right is None) or (left is not None and order_key(left) != order_key(right))
    if left is None or right is None:
        return None
    if kind == "add":
        return left + right
    one, other = order_key(left), order_key(right)
    return {"<": one < other, "=": one == other, "<>": one != other, ">=": one >= other}[kind]


def is_in(sought: Any, items: list[Any]) -> bool | None:
    """What SQL's IN gives."""
    if not items:
        return False
    if sought is None:
        return None
    if any(each is not None and order_key(each) == order_key(sought) for each in items):
        return True
    return None if None in items else False


def _more_value(match: Match, e: Expression, final: bool, row: int | None) -> Any:
    """Evaluate what `wider_queries` puts in."""
    kind = e[0]
    if kind == "parameter":
        return match.query.parameters[e[1]]
    if kind == "subquery":
        return e[2]
    if kind == "in subquery":
        return is_in(value(match, e[1], final, row), e[3])
    if kind == "measure":
        return value(match, match.query.measures[e[1]], final, row)
    if kind == "sequence number":
        return len(match.mapped) if final else match.seen
    if kind == "text":
        return value(match, e[1], final, row)
    listed = value(match, e[1], final, row)
    if kind == "length":
        return None if listed is None else len(listed)
    if kind == "contains":
        return value(match, e[2], final, row) in (listed or [])
    return listed[e[2] - 1] if listed is not None and e[2] <= len(listed) else None


def aggregate(match: Match, e: Expression, final: bool) -> Any:
    _, function, distinct, argument, variable, condition, *more = e
    second, order = more or (None, None)
    if variable is None:
        variable = ([*variables_in(argument), *variables_in(condition)] or [None])[0]
    rows = places(match, variable, final)
    if condition is not None:
        rows = [row for row in rows if value(match, condition, final, row) is True]
    if argument is None:
        return len(rows)
    if order is not None:
        rows.sort(key=lambda row: order_key(match.partition[row]["o"]), reverse=True)
    found = [value(match, argument, final, row) for row in rows]
    if distinct:
        found = list({None if each is None else order_key(each): each for each in found}.values())
    if function == "array_agg":
        return found or None
    if function in {"arg_min", "arg_max"}:
        assert second is not None
        keys = [value(match, second, final, row) for row in rows]
        pairs = [pair for pair in zip(found, keys) if None not in pair]
        best = (min if function == "arg_min" else max)(pairs, key=lambda pair: order_key(pair[1]), default=(None,))
        return best[0]
    found = [each for each in found if each is not None]
    if function == "count":
        return len(found)
    if not found:
        return None
    if function in {"min", "max"}:
        return (min if function == "min" else max)(found, key=order_key)
    if function in {"bool_and", "bool_or"}:
        return (all if function == "bool_and" else any)(found)
    if function == "any_value":
        return found[0]
    if function == "string_agg":
        return ("," if second is None else value(match, second, final, 0)).join(found)
    if function in SPREADS:
        return spread(function, [float(each) for each in found])
    with decimal.localcontext() as exact:
        exact.prec = 60
        total = sum(found)
    return total if function == "sum" else float(total) / len(found)


#: Functions of the variance family: of a sample, and whether the root is taken.
SPREADS = {
    "var_pop": (False, False),
    "var_samp": (True, False),
    "variance": (True, False),
    "stddev_pop": (False, True),
    "stddev_samp": (True, True),
    "stddev": (True, True),
}


def spread(function: str, numbers: list[float]) -> float | None:
    """Compute a variance or a deviation, number by number as DuckDB does (Welford)."""
    of_sample, root = SPREADS[function]
    mean = squares = 0.0
    for count, number in enumerate(numbers, 1):
        before = mean
        mean += (number - mean) / count
        squares += (number - mean) * (number - before)
    divisor = len(numbers) - of_sample
    if divisor == 0:
        return None
    return math.sqrt(squares / divisor) if root else squares / divisor


def answer(query: Query, table: list[Row]) -> list[list[Any]]:
    """Give the rows of the answer, in order. Raises what `reference.scan` raises."""
    keys: list[Any] = sorted({row["p"] for row in table if row["p"] is not None}) if query.partition else [...]
    if query.partition and any(row["p"] is None for row in table):
        keys.append(None)
    found = []
    for key in keys:
        rows = [row for row in table if key is ... or row["p"] == key]
        rows.sort(key=lambda row: row["o"], reverse=query.descending)
        found += answer_partition(query, rows)
    return found


def answer_partition(query: Query, rows: list[Row]) -> list[list[Any]]:
    shown: list[tuple[int, int, list[Any]]] = []
    covered: set[int] = set()
    for number, (start, end, mapped) in enumerate(scan(query, rows), 1):
        match = Match(query, rows, start, [name for name, _ in mapped], number, len(mapped))
        covered.update(range(start, max(end, start + 1)))
        if query.rows_shown == "ONE ROW PER MATCH":
            key = [rows[start]["p"]] if query.partition else []
            shown.append((start, 0, key + [value(match, e, final=True) for e in query.measures]))
            continue
        if start == end and "OMIT" not in query.rows_shown:
            shown.append((start, 0, whole_row(query, rows[start], [value(match, e, False) for e in query.measures])))
        for at, (_, excluded) in enumerate(mapped):
            if not excluded:
                match.seen = at + 1
                measures = [value(match, e, final=False) for e in query.measures]
                shown.append((start, at, whole_row(query, rows[start + at], measures)))
    if "UNMATCHED" in query.rows_shown:
        nothing = [None] * len(query.measures)
        shown += [(at, 0, whole_row(query, row, nothing)) for at, row in enumerate(rows) if at not in covered]
    return [row for _, _, row in sorted(shown, key=lambda each: each[:2])]


def whole_row(query: Query, row: Row, measures: list[Any]) -> list[Any]:
    rest = COLUMNS if query.partition else ("p", *COLUMNS)
    return ([row["p"]] if query.partition else []) + [row["o"], *measures, *(row[name] for name in rest)]


# Searching, where conditions may read what the match has mapped: as `reference.ways`, which knows rows only.


class Search:
    """The preference rules of ISO/IEC 19075-5, 4.14.7, with conditions that see the match so far."""

    def __init__(self, count: int, holds: Any) -> None:
        self.count = count
        self.holds = holds
        self.start = self.steps = 0

    def ways(self, part: reference.Part, so_far: reference.Mapped, excluded: bool) -> Iterator[reference.Mapped]:
        """Give the match so far and each way to go on by a part of the pattern, most preferred first."""
        self.steps += 1
        if self.steps > 100_000:
            raise reference.TooManyWaysError
        kind, row = part[0], self.start + len(so_far)
        if kind == "variable":
            if row < self.count:
                longer = (*so_far, (part[1], excluded))
                if self.holds(self.start, [name for name, _ in longer]):
                    yield longer
        elif kind == "empty" or (kind == "^" and row == 0) or (kind == "$" and row == self.count):
            yield so_far
        elif kind == "sequence":
            yield from self.sequence(part[1], so_far, excluded)
        elif kind == "choice":
            for each in part[1]:
                yield from self.ways(each, so_far, excluded)
        elif kind == "permute":
            for order in itertools.permutations(part[1]):
                yield from self.sequence(order, so_far, excluded)
        elif kind == "exclude":
            yield from self.ways(part[1], so_far, excluded=True)
        elif kind == "repeat":
            yield from self.repeat(part, 0, so_far, excluded)

    def sequence(self, parts: Any, so_far: reference.Mapped, excluded: bool) -> Iterator[reference.Mapped]:
        if not parts:
            yield so_far
            return
        for longer in self.ways(parts[0], so_far, excluded):
            yield from self.sequence(parts[1:], longer, excluded)

    def repeat(
        self, part: reference.Part, done: int, so_far: reference.Mapped, excluded: bool
    ) -> Iterator[reference.Mapped]:
        _, body, least, most, greedy = part

        def another() -> Iterator[reference.Mapped]:
            if most is None or done < most:
                for longer in self.ways(body, so_far, excluded):
                    if longer == so_far and done >= least:
                        yield longer
                    else:
                        yield from self.repeat(part, done + 1, longer, excluded)

        if done >= least and not greedy:
            yield so_far
        yield from another()
        if done >= least and greedy:
            yield so_far


def is_near(query: Query, rows: list[Row], start: int, way: reference.Mapped) -> bool:
    """Say whether a way to match rows from `start` on ends where WITHIN lets it."""
    if query.within is None or not way:
        return True
    return bool(abs(rows[start + len(way) - 1]["o"] - rows[start]["o"]) <= query.within)


def scan(query: Query, rows: list[Row]) -> Iterator[tuple[int, int, reference.Mapped]]:
    """Give (first row, row behind the last, mapped rows) of each match of a partition."""
    number = 1

    def holds(start: int, names: list[str]) -> bool:
        condition = query.define.get(names[-1])
        match = Match(query, rows, start, names, number, len(names))
        return condition is None or value(match, condition, final=False) is True

    search = Search(len(rows), holds)
    while search.start < len(rows):
        ways = search.ways(query.pattern, (), excluded=False)
        ways = (way for way in ways if is_near(query, rows, search.start, way))
        found = max(ways, key=len, default=None) if query.prefer == "longest" else next(ways, None)
        start = search.start
        if found is None:
            search.start += 1
            continue
        end = start + len(found)
        yield start, end, found
        number += 1
        if end == start or query.skip == "to next row":
            search.start += 1
        elif query.skip == "past last row":
            search.start = end
        else:
            mode, target = query.skip
            places = [start + at for at, (name, _) in enumerate(found) if name in query.members(target)]
            if not places:
                raise reference.SkipFailedError("not in match")
            search.start = places[0] if mode == "to first" else places[-1]
            if search.start == start:
                raise reference.SkipFailedError("first row")


def variables(part: reference.Part) -> list[str]:
    if part[0] == "variable":
        return [part[1]]
    inner = part[1] if part[0] in {"sequence", "choice", "permute"} else part[1:2] if len(part) > 1 else []
    return list(dict.fromkeys(name for each in inner if isinstance(each, tuple) for name in variables(each)))


# Making up.


def random_table(rng: random.Random, kind: Kind = KINDS["int64"]) -> list[Row]:
    count = rng.choice([0, 1, 4, 8, 8, 12])
    order = rng.sample(range(100), count)
    if rng.random() < 0.5:
        order.sort()

    def maybe(item: Any) -> Any:
        return None if rng.random() < 0.15 else item

    return [
        {
            "p": maybe(rng.choice("abc")),
            "o": at,
            "x": maybe(rng.randrange(-3, 4)),
            "y": maybe(rng.randrange(-4, 5) / 2),
            "s": maybe(rng.choice("uvw")),
            "z": maybe(rng.choice(kind.values)),
        }
        for at in order
    ]


def random_names(rng: random.Random) -> dict[str, str]:
    """Return names for columns, some of them odd."""
    return {name: rng.choice(NAMES).format(name, name) for name in ("p", "o", *COLUMNS)}


def random_typed(rng: random.Random, kind: Kind, read: Callable[[], Expression]) -> Expression:
    """A condition over column z, which is read by the expressions that `read` makes up."""

    def operand(depth: int = 1) -> Expression:
        roll = rng.random()
        if depth and kind.same and roll < 0.3:
            name = rng.choice(kind.same)
            return ("call", name, [operand(0) for _ in range(FUNCTIONS[name][0].count("{}"))])
        return ("value", rng.choice(kind.values)) if roll < 0.45 else read()

    roll = rng.random()
    if kind.truths and roll < 0.2:
        name = rng.choice(kind.truths)
        return ("call", name, [operand(0) for _ in range(FUNCTIONS[name][0].count("{}"))])
    if kind.numbers and roll < 0.4:
        name = rng.choice(kind.numbers)
        # Of columns: what reads none has no time zone but UTC.
        one, other = ([read() for _ in range(FUNCTIONS[name][0].count("{}"))] for _ in range(2))
        return (rng.choice(["<", "=", ">="]), ("call", name, one), ("call", name, other))
    if roll < 0.5:
        return ("in", read(), [operand(0), ("value", rng.choice(kind.values))])
    if roll < 0.58:
        return ("between", read(), operand(), operand())
    if roll < 0.66:
        # What CASE gives of categories is compared by text with a text, and by rank with a category.
        chosen: Expression = ("case", ("is null", read()), read(), read())
        return (rng.choice(["=", "<"]), chosen, read() if pa.types.is_dictionary(kind.arrow) else operand())
    if roll < 0.72:
        return ("=", ("coalesce", read(), ("value", rng.choice(kind.values))), operand())
    return (rng.choice(["<", ">=", "=", "<>", "is distinct from"]), read(), operand())


def random_condition(rng: random.Random, variable: str, kind: Kind, depth: int = 2) -> Expression:
    """A condition that reads rows at fixed places from the current one."""

    def typed() -> Expression:
        column: Expression = ("column", variable if rng.random() < 0.3 else None, "z")
        return ("shift", rng.choice([-1, -1, 1, -2]), column) if rng.random() < 0.6 else column

    def number() -> Expression:
        name = rng.choice("xy")
        column: Expression = ("column", variable if rng.random() < 0.3 else None, name)
        roll = rng.random()
        if roll < 0.35:
            return column
        if roll < 0.4:
            return ("values away", rng.choice([-1, 1, 2]), column)
        if roll < 0.6:
            return ("shift", rng.choice([-2, -1, -1, 1, 2, 0]), column)
        if roll < 0.7:
            return ("shift", rng.choice([-1, 1]), ("coalesce", ("add", column, ("literal", 1)), ("literal", 0)))
        if roll < 0.76:
            return ("shift", -1, ("last", column, 0))
        if roll < 0.82:
            return ("last", column, 0)
        if roll < 0.9:
            return ("add", number(), ("literal", rng.randrange(-2, 3)))
        return ("literal", rng.randrange(-2, 3))

    roll = rng.random()
    if depth and roll < 0.3:
        return (
            rng.choice(["and", "or"]),
            random_condition(rng, variable, kind, depth - 1),
            random_condition(rng, variable, kind, depth - 1),
        )
    if depth and roll < 0.36:
        return ("not", random_condition(rng, variable, kind, depth - 1))
    if rng.random() < 0.4:
        return random_typed(rng, kind, typed)
    if roll < 0.42:
        return ("is null", rng.choice([number(), ("shift", -1, ("column", None, "s"))]))
    if roll < 0.48:
        return ("=", ("column", None, "s"), ("literal", rng.choice("uvw")))
    if roll < 0.52:
        return ("=", ("classifier", None), ("literal", variable))
    return (rng.choice(["<", "=", ">=", "<"]), number(), number())


def random_dependent(rng: random.Random, variable: str, names: list[str], kind: Kind, depth: int = 2) -> Expression:
    """A condition that may read whatever the match has mapped so far."""

    def typed() -> Expression:
        column: Expression = ("column", rng.choice([None, *names]), "z")
        roll = rng.random()
        if roll < 0.3:
            return (rng.choice(["first", "last"]), column, rng.choice([0, 0, 1]))
        if roll < 0.4:
            return ("shift", rng.choice([-1, 1]), ("last", column, rng.choice([0, 1])))
        if roll < 0.6 and "min" in kind.aggregates:
            return ("aggregate", rng.choice(["min", "max"]), False, column, None, None)
        return column

    def number() -> Expression:
        of = rng.choice([None, *names])
        column: Expression = ("column", of, rng.choice("xy"))
        roll = rng.random()
        if roll < 0.25:
            return column
        if roll < 0.3:
            return ("over values", rng.choice(["first", "last"]), column, rng.choice([0, 0, 1]))
        if roll < 0.5:
            return (rng.choice(["first", "last"]), column, rng.choice([0, 0, 1, 2]))
        if roll < 0.6:
            return ("shift", rng.choice([-1, 1, -2]), (rng.choice(["first", "last"]), column, rng.choice([0, 1])))
        if roll < 0.75:
            function = rng.choice(["count", "sum", "avg", "min", "max"])
            return ("aggregate", function, False, rng.choice([column, ("add", column, ("literal", 1))]), None, None)
        if roll < 0.82:
            return ("aggregate", "count", False, None, of, None)
        if roll < 0.86:
            return ("number",)
        if roll < 0.92:
            return ("last", ("coalesce", ("add", column, ("literal", 1)), ("literal", 0)), rng.choice([0, 1]))
        return ("add", number(), ("literal", rng.randrange(-2, 3)))

    roll = rng.random()
    if depth and roll < 0.35:
        return (
            rng.choice(["and", "or"]),
            random_condition(rng, variable, kind, 1)
            if rng.random() < 0.5
            else random_dependent(rng, variable, names, kind, depth - 1),
            random_dependent(rng, variable, names, kind, depth - 1),
        )
    if depth and roll < 0.42:
        return ("not", random_dependent(rng, variable, names, kind, depth - 1))
    if rng.random() < 0.4:
        return random_typed(rng, kind, typed)
    if roll < 0.5:
        return ("is null", number())
    if roll < 0.6:
        label: Expression = ("classifier", rng.choice([None, *names]))
        read = rng.choice([label, ("first", label, 0), ("last", label, 1), ("shift", -1, label)])
        return ("=", read, ("literal", rng.choice("ABC")))
    if roll < 0.65:
        return ("=", ("last", ("column", rng.choice(names), "s"), rng.choice([0, 1])), ("column", None, "s"))
    return (rng.choice(["<", "=", ">=", "<"]), number(), number())


def random_measure(rng: random.Random, names: list[str], kind: Kind) -> Expression:
    variable = rng.choice([None, *names]) if names else None
    if rng.random() < 0.4:
        return random_typed_measure(rng, variable, kind)
    column: Expression = ("column", variable, rng.choice("xy"))
    either = rng.choice([column, ("column", variable, "s"), ("classifier", variable)])

    def navigation() -> Expression:
        inner = rng.choice([either, column, ("coalesce", ("add", column, ("literal", 1)), ("literal", 0))])
        logical: Expression = (rng.choice(["first", "last"]), inner, rng.choice([0, 0, 0, 1, 2]))
        roll = rng.random()
        if roll < 0.08:
            return ("values away", rng.choice([-2, -1, 1]), column)
        if roll < 0.15:
            return ("over values", rng.choice(["first", "last"]), inner, rng.choice([0, 0, 1]))
        if roll < 0.25:
            return ("shift", rng.choice([-2, -1, 1]), logical)
        if roll < 0.4:
            return ("shift", rng.choice([-1, 1, 0]), inner)
        return (rng.choice(["running", "final"]), logical) if roll < 0.6 else logical

    def total() -> Expression:
        roll = rng.random()
        if roll < 0.15:
            made: Expression = ("aggregate", "count", False, None, variable, None)
        elif roll < 0.3:
            made = ("aggregate", "array_agg", False, rng.choice([either, column]), None, None)
        elif roll < 0.4:
            made = ("aggregate", "count", rng.random() < 0.5, either, None, None)
        else:
            condition = ("<", ("column", variable, "x"), ("literal", 1)) if rng.random() < 0.3 else None
            argument = rng.choice([column, ("add", column, ("literal", 1))])
            function = rng.choice(["sum", "min", "max", "avg"])
            made = ("aggregate", function, rng.random() < 0.15, argument, None, condition)
        return (rng.choice(["running", "final"]), made) if rng.random() < 0.3 else made

    roll = rng.random()
    if roll < 0.15:
        return column
    if roll < 0.4:
        return navigation()
    if roll < 0.7:
        return total()
    if roll < 0.78:
        return either
    if roll < 0.84:
        return ("number",)
    if roll < 0.94:
        return ("add", ("last", column, 0), ("aggregate", "count", False, None, variable, None))
    return ("<", column, ("final", ("last", column, 0)))


def random_typed_measure(rng: random.Random, variable: str | None, kind: Kind) -> Expression:
    """A measure over column z."""
    column: Expression = ("column", variable, "z")

    def read() -> Expression:
        found: Expression = (rng.choice(["first", "last"]), column, rng.choice([0, 0, 1]))
        return (rng.choice(["running", "final"]), found) if rng.random() < 0.4 else found

    roll = rng.random()
    if roll < 0.3:
        return read()
    if roll < 0.5:
        function = rng.choice(kind.aggregates)
        distinct = function == "count" and rng.random() < 0.3
        made: Expression = ("aggregate", function, distinct, column, None, None)
        return (rng.choice(["running", "final"]), made) if rng.random() < 0.3 else made
    if kind.same and roll < 0.7:
        name = rng.choice(kind.same)
        return ("call", name, [read() for _ in range(FUNCTIONS[name][0].count("{}"))])
    return random_typed(rng, kind, read)


def random_query(
    rng: random.Random, *, dependent: bool = False, kind: str = "int64", names: dict[str, str] | None = None
) -> Query:
    pattern = reference.random_part(rng, "ABC", rng.randint(1, 4))
    variables_of = variables(pattern)
    both = {"A", "B"} <= set(variables_of) and rng.random() < 0.5
    subset: dict[str, tuple[str, ...]] = {"U": ("A", "B")} if both else {}
    every = [*variables_of, *subset]
    excluded = "{-" in reference.text(pattern)
    shown = ["ONE ROW PER MATCH", "ALL ROWS PER MATCH", "ALL ROWS PER MATCH OMIT EMPTY MATCHES"]
    skips: list[Any] = ["past last row"] * 6 + ["to next row"] * 2
    skips += [(mode, name) for mode in ("to first", "to last") for name in every]
    return Query(
        pattern=pattern,
        partition=rng.random() < 0.6,
        descending=rng.random() < 0.2,
        rows_shown=rng.choice(shown if excluded else [*shown, "ALL ROWS PER MATCH WITH UNMATCHED ROWS"]),
        skip=rng.choice(skips),
        define={
            name: random_dependent(rng, name, every, KINDS[kind])
            if dependent and rng.random() < 0.7
            else random_condition(rng, name, KINDS[kind])
            for name in variables_of
            if rng.random() < 0.8
        },
        measures=[random_measure(rng, every, KINDS[kind]) for _ in range(rng.randint(1, 4))],
        subset=subset,
        kind=kind,
        names=names or {},
        prefer=rng.choice(["first", "first", "first", "longest"]),
    )
