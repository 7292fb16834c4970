"""Random queries over random streams, cut into pushes at random, and what comes out."""

from __future__ import annotations

import contextlib
import math
import random
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

import rowpattern

import query_reference
from event_reference import Arrival, EventReference, OrderBy
from query_reference import Expression
from query_types import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "Case",
    "Push",
    "Pushed",
    "answered",
    "by_partition",
    "cuts",
    "in_time",
    "plain_rows",
    "random_case",
    "without_gaps",
]

#: Small tables that become one, each a partition or more of it, so that a query is bound once for all of them.
TABLES_A_CASE = 20
_MANY_ROWS = 20
_OFTEN = 0.1


class Case(NamedTuple):
    """A query and the rows that it is asked of.

    Attributes:
        sql: the query.
        rows: as they arrive; `o` is the first key of ORDER BY.
        partitioned: whether it has PARTITION BY p.
        sign: 1 where ORDER BY rises, -1 where it falls.
        options: arguments of `rowpattern.continuous`.
        sources: for each row, which source it comes from.
        tables: of how many tables the rows are.
        given: tables beside that of the rows, by their names.
    """

    sql: str
    rows: pa.Table
    partitioned: bool
    sign: int
    options: dict[str, Any]
    sources: list[str]
    tables: int
    given: dict[str, pa.Table]

    @property
    def named(self) -> dict[str, Any]:
        """What the query is given beside its rows, as arguments."""
        return {"tables": self.given} if self.given else {}

    def batch(self, rows: pa.Table) -> Any:
        """Return the answer over all rows at once."""
        prefer = self.options["prefer"]
        if self.given:
            return rowpattern.match_recognize(self.sql, t=rows, **self.given, prefer=prefer)
        return rowpattern.match_recognize(self.sql, rows, prefer=prefer)


class Push(NamedTuple):
    """Rows, and the source that they come from."""

    rows: pa.Table
    source: str


class Pushed(NamedTuple):
    """What pushes gave.

    Attributes:
        answers: the tables, in order.
        late: the rows that were late, as they arrived.
        error: the error that ended it.
    """

    answers: list[pa.Table]
    late: list[pa.Table]
    error: Exception | None


def random_case(seed: int, *, dependent: bool) -> Case:
    """Make up a query, and rows that may be late and from several sources."""
    rng = random.Random(seed)
    kind = rng.choice(list(KINDS))
    query = query_reference.random_query(rng, dependent=dependent, kind=kind)
    query.partition = rng.random() < 0.9
    _read_values_away(rng, query, dependent=dependent)
    given = _read_a_table(rng, query) if rng.random() < _OFTEN else {}
    if rng.random() < 0.4:
        query.within = rng.choice([0, 1, 5, 20, 60])
        query.within_text = str(query.within)
    tables = TABLES_A_CASE if query.partition else 1
    rows = [
        {**row, "p": None if row["p"] is None else f"{number}{row['p']}"}
        for number in range(tables)
        for row in query_reference.random_table(rng, KINDS[kind])
    ]
    sign = -1 if query.descending else 1
    lateness = rng.choice([None, None, 0, 3, 30, 200])
    # No row is later than the lateness says, or some are.
    late = rng.choice(["raise", "collect", "drop"])
    rows.sort(key=lambda row: sign * row["o"] + rng.uniform(0, (lateness or 0) * (1 if late == "raise" else 2)))
    names = ["p0", "p1", "p2"][: rng.choice([1, 3])] if lateness is not None else ["p0"]
    idle = rng.choice([None, None, None, 0, 5, 15, 40])
    options: dict[str, Any] = {"lateness": lateness, "late": late, "prefer": query.prefer, "idle": idle}
    return Case(
        query_reference.query_text(query),
        _table(rows, kind),
        query.partition,
        sign,
        options,
        [rng.choice(names) for _ in rows],
        tables,
        given,
    )


def _read_values_away(rng: random.Random, query: query_reference.Query, *, dependent: bool) -> None:
    """Put PREV and NEXT with IGNORE NULLS into some conditions and measures of a query."""
    names = [*query.subset, *query_reference.variables(query.pattern)]

    def value(of: str | None, name: str) -> Expression:
        column: Expression = ("column", of, name)
        least: Expression = ("<", column, ("literal", rng.choice([0, 1, 2])))
        rarely: Expression = ("case", least, column, ("literal", None))
        expression = rng.choice([column, column, rarely, ("add", column, ("literal", 1))])
        return ("values away", rng.choice([-3, -2, -1, -1, 1, 1, 2, 3]), expression)

    for variable in query_reference.variables(query.pattern):
        if rng.random() < 0.7:
            continue
        of = rng.choice([None, variable, *(names if dependent else [])])
        name = rng.choice("xy")
        found: Expression = (rng.choice(["<", ">=", "="]), value(of, name), ("column", None, name))
        if rng.random() < 0.4:
            found = ("is null", ("values away", rng.choice([-2, -1, 1, 2]), ("column", of, rng.choice("xyzs"))))
        before = query.define.get(variable)
        if before is not None and rng.random() < 0.6:
            found = (rng.choice(["and", "or"]), before, found)
        query.define[variable] = found
    if rng.random() < 0.3:
        query.measures.append(value(rng.choice([None, *names]), rng.choice("xy")))


def _read_a_table(rng: random.Random, query: query_reference.Query) -> dict[str, pa.Table]:
    """Put subqueries over another table into some conditions and a measure of a query; return the table."""
    values = [rng.choice([None, -1, 0, 1, 2, 3]) for _ in range(rng.randint(0, 4))]
    column: Expression = ("column", None, "x")
    for variable in query_reference.variables(query.pattern):
        one: Expression = (">=", column, ("subquery", "(SELECT max(v) FROM others)", None))
        found = rng.choice([one, ("in subquery", column, "(SELECT v FROM others)", None)])
        query.define[variable] = ("or", query.define.get(variable, one), found)
    query.measures.append(("subquery", "(SELECT count(*) FROM others)", None))
    return {"others": pa.table({"v": pa.array(values, pa.int64())})}


def _table(rows: list[dict[str, Any]], kind: str) -> pa.Table:
    types = {"p": pa.string(), "o": pa.int64(), "x": pa.int64(), "y": pa.float64(), "s": pa.string()}
    columns: dict[str, Any] = {name: pa.array([row[name] for row in rows], of) for name, of in types.items()}
    columns["z"] = KINDS[kind].column([row["z"] for row in rows])
    return pa.table(columns)


def cuts(rng: random.Random, case: Case) -> list[Push]:
    """Cut rows into pushes, none of which has rows of two sources; each source is known from the first ones on."""
    sources = sorted(set(case.sources))
    found = [Push(case.rows.slice(0, 0), name) for name in sources or [""]]
    largest = rng.choice([1, 3, 20, 1000]) if case.rows.num_rows < _MANY_ROWS else rng.choice([20, 1000])
    begin = 0
    while begin < case.rows.num_rows:
        end = min(case.rows.num_rows, begin + rng.randint(1, largest))
        for name in sources:
            places = [at for at in range(begin, end) if case.sources[at] == name]
            if places:
                found.append(Push(_some(case.rows, places), name))
        begin = end
    return found


def _some(rows: pa.Table, places: Iterable[int]) -> pa.Table:
    """Return rows at places; Arrow's `take` knows no views."""
    return pa.concat_tables([rows.slice(0, 0), *(rows.slice(place, 1) for place in places)])


def in_time(case: Case, pushes: list[Push]) -> tuple[pa.Table, pa.Table]:
    """Return the rows that are not late, as they arrive, and those that are, by the reference for event time."""
    lateness = case.options["lateness"]
    if lateness is None:
        # They were sorted.
        return case.rows, case.rows.slice(0, 0)
    reference = EventReference([OrderBy(descending=case.sign < 0)], float(lateness))
    number = 0
    for batch, source in pushes:
        times = batch["o"].to_pylist()
        reference.push([Arrival((time,), None, number + at) for at, time in enumerate(times)], source)
        number += len(times)
    arrived = pa.concat_tables([batch for batch, _ in pushes])
    late = np.zeros(number, dtype=bool)
    late[[row.number for row in reference.late]] = True
    return _some(arrived, np.flatnonzero(~late)), _some(arrived, np.flatnonzero(late))


def without_gaps(case: Case, rows: pa.Table) -> list[pa.Table]:
    """Return the rows such that no partition of a table has two of them farther apart than `idle`, with none between.

    The first table has the rows of each partition up to its first gap, the second those up to the next one, and so on.
    """
    idle = case.options["idle"]
    if idle is None:
        return [rows]
    times = rows["o"].to_pylist()
    partitions = rows["p"].to_pylist() if case.partitioned else [None] * len(times)
    gaps = [0] * len(times)
    last: dict[Any, tuple[int, int]] = {}
    for at in sorted(range(len(times)), key=lambda at: case.sign * times[at]):
        before, count = last.get(partitions[at], (times[at], 0))
        gaps[at] = count + (abs(times[at] - before) > idle)
        last[partitions[at]] = times[at], gaps[at]
    return [_some(rows, np.flatnonzero(np.array(gaps) == number)) for number in range(max(gaps, default=0) + 1)]


def answered(
    case: Case,
    pushes: list[Push],
    made: Callable[[], Any],
    rng: random.Random,
    restored: Callable[[bytes], Any] | None = None,
) -> Pushed:
    """Push rows, with the clock moved and the state restored now and then, and finish.

    Args:
        case: what is asked.
        pushes: the rows.
        made: makes the query.
        rng: what decides.
        restored: makes the query again from a checkpoint; None where that is not done.
    """
    query = made()
    answers, late = [], []
    lateness = case.options["lateness"] or 0
    # The least time of the pushes to come.
    following = [math.inf]
    for batch, _ in reversed(pushes):
        following.append(min([following[-1], *(case.sign * value for value in batch["o"].to_pylist())]))
    following.reverse()
    try:
        for number, (batch, source) in enumerate(pushes):
            answers.append(query.push(batch, source))
            late.append(query.late_rows)
            if rng.random() < _OFTEN and following[number + 1] < math.inf:
                answers.append(query.advance(int(case.sign * (following[number + 1] - rng.choice([0, 1, lateness])))))
            if restored is not None and rng.random() < _OFTEN:
                query = restored(query.checkpoint(positions=str(number).encode()))
                assert query.positions == str(number).encode()
        if rng.random() < 2 * _OFTEN and case.partitioned:
            keys = sorted({p for p in case.rows["p"].to_pylist() if p is not None})
            answers += [query.finish(partition=key) for key in keys[:1]]
        answers.append(query.finish())
        # A further call raises what the last one has put off.
        with contextlib.suppress(rowpattern.QueryError):
            query.finish()
    except rowpattern.SkipError as error:
        return Pushed(answers, late, error)
    return Pushed(answers, late, None)


def plain_rows(tables: Iterable[pa.Table]) -> list[tuple[Any, ...]]:
    """Return rows as tuples that can be compared: NaN is equal to itself."""
    found = []
    for table in tables:
        columns = [column.to_pylist() for column in table.columns]
        found += [tuple(map(_plain, row)) for row in (zip(*columns) if columns else [()] * table.num_rows)]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return [_plain(each) for each in value] if isinstance(value, list) else value


def by_partition(rows: list[tuple[Any, ...]], *, partitioned: bool) -> dict[Any, list[tuple[Any, ...]]]:
    """Return rows by the first column, which has the partition."""
    found = defaultdict(list)
    for row in rows:
        found[row[0] if partitioned else None].append(row)
    return dict(found)
