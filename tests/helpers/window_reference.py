"""Row patterns in windows evaluated from the rules: frame by frame, in plain Python, with no code of ours in it.

A question is one or two windows over the table `t` of `query_reference`, with measures and functions called over them.
A frame is handed to the evaluator of MATCH_RECOGNIZE as if it were a whole partition, so that nothing outside of it can
be seen; which rows are tried, and what is seen of a match, is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import query_reference
import reference
from query_reference import Match, Query, Row, Search, value
from query_types import KINDS, order_key

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

Expression = tuple[Any, ...]

#: Functions that see the rows of a match, as SQL with a place for a column.
FUNCTIONS = {
    "count rows": "count(*)",
    "count": "count({})",
    "sum": "sum({})",
    "min": "min({})",
    "array_agg": "array_agg({})",
    "first_value": "first_value({})",
    "last_value": "last_value({})",
    "nth_value": "nth_value({}, 2)",
    "row_number": "row_number()",
    "filtered": "count({}) FILTER (WHERE {} > 0)",
}


@dataclass
class Window:
    """A window.

    Attributes:
        query: its keys, pattern, conditions and measures, as of a clause.
        following: how many rows are behind the current one: a number, "x" for a row's own, None for all.
        seek: whether a match may begin behind the current row.
        functions: names of `FUNCTIONS`, each with a column.
        written: how it stands in the query: "inline", "named", "extends keys" or "extends partition".
    """

    query: Query
    following: Any
    seek: bool
    functions: list[tuple[str, str]]
    written: str


# Writing.


def specification(window: Window, keys: str) -> str:
    query = window.query
    parts = [keys]
    if query.measures:
        measures = (f"{query_reference.sql(query, e)} AS m{at}" for at, e in enumerate(query.measures))
        parts.append("MEASURES " + ", ".join(measures))
    last = {None: "UNBOUNDED FOLLOWING", 0: "CURRENT ROW", "x": f"abs({query.column('o')}) % 4 FOLLOWING"}
    parts.append(f"ROWS BETWEEN CURRENT ROW AND {last.get(window.following, f'{window.following} FOLLOWING')}")
    parts.append(query_reference.skip_text(query))
    parts.append("SEEK" if window.seek else "INITIAL")
    parts += query_reference.pattern_parts(query)
    return "\n    ".join(part for part in parts if part)


def question(windows: list[Window]) -> str:
    shown, definitions = [], []
    order = ""
    for number, window in enumerate(windows):
        query = window.query
        partition = f"PARTITION BY {query.column('p')}" if query.partition else ""
        order = f"ORDER BY {query.column('o')}"
        own_order = order + (" DESC" if query.descending else "")
        base = f"base{number}"
        if window.written == "extends keys":
            definitions.append(f"{base} AS ({partition} {own_order})")
            text = specification(window, base)
        elif window.written == "extends partition":
            definitions.append(f"{base} AS ({partition})")
            text = specification(window, f"{base} {own_order}")
        else:
            text = specification(window, f"{partition} {own_order}")
        over = f"({text})"
        if window.written != "inline" or len(query.measures) + len(window.functions) > 1:
            definitions.append(f"w{number} AS {over}")
            over = f"w{number}"
        shown += [f"m{at} OVER {over} AS w{number}m{at}" for at in range(len(query.measures))]
        for at, (name, column) in enumerate(window.functions):
            written = query.column(column)
            call = FUNCTIONS[name].replace("{}", written)
            shown.append(f"{call} OVER {over} AS w{number}f{at}")
    named = f"\nWINDOW {', '.join(definitions)}" if definitions else ""
    with_list = next((each.query.with_list for each in windows if each.query.with_list), "")
    return f"{with_list}SELECT {', '.join(shown)}\nFROM t{named}\n{order}"


# Evaluating.


def answer(windows: list[Window], table: list[Row]) -> list[list[Any]]:
    """Give the rows of the answer in the order of o. Raises what `reference.scan` raises."""
    found: dict[int, list[Any]] = {id(row): [] for row in table}
    for window in windows:
        query = window.query
        keys: list[Any] = list({row["p"] for row in table}) if query.partition else [...]
        for key in keys:
            rows = [row for row in table if key is ... or row["p"] == key]
            rows.sort(key=lambda row: row["o"], reverse=query.descending)
            for number, (row, values) in enumerate(zip(rows, answered(window, rows))):
                measures, match = values
                functions = [called(name, column, match, number) for name, column in window.functions]
                found[id(row)] += [*measures, *functions]
    return [found[id(row)] for row in sorted(table, key=lambda row: row["o"])]


def answered(window: Window, rows: list[Row]) -> Iterator[tuple[list[Any], list[Row]]]:
    """Give for each row of a partition its measures, and the rows of its match."""
    query = window.query
    skipped_to = -1
    for here in range(len(rows)):
        nothing = [None] * len(query.measures)
        found = None
        if here > skipped_to:
            behind = {None: len(rows), "x": 0}.get(window.following, window.following)
            if window.following == "x":
                behind = abs(rows[here]["position"]) % 4
            frame = rows[here : here + behind + 1]
            found = match_in(window, frame)
        if found is None:
            skipped_to = max(skipped_to, here)
            yield nothing, []
            continue
        start, mapped = found
        skipped_to = here + skip(query, start, mapped)
        match = Match(query, frame, start, mapped, 1, len(mapped))
        yield [value(match, e, final=True) for e in query.measures], frame[start : start + len(mapped)]


def match_in(window: Window, frame: list[Row]) -> tuple[int, list[str]] | None:
    """Return where in a frame the first match begins, and the variables of its rows."""
    query = window.query

    def holds(start: int, names: list[str]) -> bool:
        condition = query.define.get(names[-1])
        return condition is None or value(Match(query, frame, start, names, 1, len(names)), condition, False) is True

    search = Search(len(frame), holds)
    for start in range(len(frame) if window.seek else 1):
        search.start = start
        ways = search.ways(query.pattern, (), excluded=False)
        found = next((way for way in ways if query_reference.is_near(query, frame, start, way)), None)
        if found is not None:
            return start, [name for name, _ in found]
    return None


def skip(query: Query, start: int, mapped: list[str]) -> int:
    """Return how many rows behind the current one the last row is that is not tried."""
    if not mapped or query.skip == "to next row":
        return 0
    if query.skip == "past last row":
        return start + len(mapped) - 1
    mode, target = query.skip
    places = [at for at, name in enumerate(mapped) if name in query.members(target)]
    if not places:
        raise reference.SkipFailedError("not in match")
    place = places[0] if mode == "to first" else places[-1]
    if place == 0:
        raise reference.SkipFailedError("first row")
    return start + place - 1


def called(name: str, column: str, match: list[Row], number: int) -> Any:
    values = [row[column] for row in match]
    known = [each for each in values if each is not None]
    if name == "count rows":
        return len(match)
    if name == "count":
        return len(known)
    if name == "sum":
        return sum(known) if known else None
    if name == "min":
        return min(known, key=order_key, default=None)
    if name == "array_agg":
        return values or None
    if name == "first_value":
        return values[0] if values else None
    if name == "last_value":
        return values[-1] if values else None
    if name == "nth_value":
        return values[1] if len(values) > 1 else None
    if name == "row_number":
        return number + 1
    return sum(1 for each in known if each > 0)


# Making up.


def plain_expression(e: Any, left_out: frozenset[str]) -> bool:
    """Say whether an expression has nothing of some kinds."""
    if isinstance(e, (tuple, list)):
        kind = e[0] if e and isinstance(e[0], str) else ""
        return kind not in left_out and all(plain_expression(each, left_out) for each in e)
    return True


def random_window(rng: random.Random, *, dependent: bool, kind: str, names: dict[str, str]) -> Window:
    # Windows have no match number.
    left_out = frozenset({"number"})
    if kind == "ordered categories":
        # DuckDB compares what CASE gives of them as texts.
        left_out |= {"case"}
    while True:
        query = query_reference.random_query(rng, dependent=dependent, kind=kind, names=names)
        query.measures = [e for e in query.measures if plain_expression(e, left_out)]
        text = reference.text(query.pattern)
        if "^" not in text and "$" not in text and all(plain_expression(e, left_out) for e in query.define.values()):
            break
    columns = {"sum": "xy", "filtered": "xy", "min": "xyz", "array_agg": "xs"}
    functions = []
    for _ in range(rng.choice([0, 1, 2]) if query.measures else 1):
        name = rng.choice(list(FUNCTIONS))
        functions.append((name, rng.choice(columns.get(name, "xysz"))))
    if "min" not in KINDS[kind].aggregates:
        functions = [(name, "x" if name == "min" else column) for name, column in functions]
    return Window(
        query,
        rng.choice([None, None, None, 0, 1, 2, 3, "x"]),
        rng.random() < 0.35,
        functions,
        rng.choice(["inline", "named", "named", "extends keys", "extends partition"]),
    )


def random_windows(rng: random.Random, *, dependent: bool, kind: str, names: dict[str, str]) -> list[Window]:
    return [random_window(rng, dependent=dependent, kind=kind, names=names) for _ in range(rng.choice([1, 1, 2]))]
