"""The matrix of types, expressions and places: what DuckDB computes over a table of values, and what a query gives.

A case is a type, an expression over two operands and a constant, and a place in a query where it may stand. All pairs
of the type's values are asked at once, each in a partition of its own. DuckDB computes the same expression over a table
with a pair in each row. Pairs for which it has an error are asked for one by one, and have to be an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

import rowpattern

from matrix_comparison import any_months, as_durations, canonical, type_name, unsigned_zero
from matrix_expressions import AGGREGATES, EXPRESSIONS
from matrix_places import PLACES
from matrix_values import TYPES, ValueType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Case", "DifferenceError", "ask", "cases", "duckdb_answers"]

# DuckDB's message has the text that it refuses, which may be no UTF-8.
_ERRORS = (duckdb.Error, UnicodeDecodeError)

# Of pairs with an error, so many are asked for.
_MOST_ERRORS = 2

# Of DuckDB's, for which Arrow has no type of its own.
_HUGE = {"HUGEINT", "UHUGEINT"}


@dataclass(frozen=True)
class Case:
    """A question of the matrix."""

    type: str
    expression: str
    place: str

    def __str__(self) -> str:
        return f"{self.type} | {self.expression} | {self.place}"


@dataclass
class DifferenceError(Exception):
    """What a query gives is not what DuckDB computes."""

    case: Case
    query: str
    pair: str
    ours: Any
    theirs: Any
    refused: bool = False

    def __str__(self) -> str:
        return f"{self.case}\n  {self.query}\n  values {self.pair}\n  ours   {self.ours}\n  DuckDB {self.theirs}"


def cases() -> Iterator[Case]:
    """Give all questions."""
    for place in PLACES.values():
        for expression in AGGREGATES if place.aggregates else EXPRESSIONS:
            for kind in TYPES:
                yield Case(kind, expression, place.name)


# DuckDB.


@dataclass
class Answers:
    """What DuckDB computes for all pairs of values.

    Attributes:
        kind: DuckDB's name of the type.
        values: by pair; NULL where there is an error.
        failed: the pairs with an error.
        refused: the error of an expression that has no value for any pair.
    """

    kind: str = ""
    values: pa.Array = field(default_factory=lambda: pa.nulls(0))
    failed: frozenset[int] = frozenset()
    refused: str | None = None


class Values:
    """The values of a type and DuckDB's tables of them: pairs (p, x, y), and rows (p, i, v), two of each pair."""

    def __init__(self, kind: ValueType) -> None:
        """Make the tables."""
        self.kind = kind
        self.count = len(kind.values)
        self.first = [at // self.count for at in range(self.count**2)]
        self.second = [at % self.count for at in range(self.count**2)]
        self.connection = duckdb.connect(config={"threads": "1"})
        self.connection.execute("SET python_enable_replacements = false")
        self.connection.execute(f"SET TimeZone = '{kind.zone or 'UTC'}'")
        self.register("pairs", self.pairs(kind.for_duckdb))
        self.register("rows", self.rows(kind.for_duckdb))

    def pairs(self, values: pa.Array, chosen: Sequence[int] | None = None) -> pa.Table:
        """Return a table with a pair in each row."""
        chosen = range(self.count**2) if chosen is None else chosen
        x, y = (taken(values, [side[pair] for pair in chosen]) for side in (self.first, self.second))
        return pa.table({"p": pa.array(chosen, pa.int64()), "x": x, "y": y})

    def rows(self, values: pa.Array, chosen: Sequence[int] | None = None) -> pa.Table:
        """Return a table with two rows for each pair."""
        chosen = range(self.count**2) if chosen is None else chosen
        places = [place for pair in chosen for place in (self.first[pair], self.second[pair])]
        p = pa.array([pair for pair in chosen for _ in range(2)], pa.int64())
        return pa.table({"p": p, "i": pa.array([0, 1] * len(chosen), pa.int64()), "v": taken(values, places)})

    def register(self, name: str, table: pa.Table) -> None:
        """Make a table known to DuckDB, with its ordered categories as what they are."""
        self.connection.execute(f"DROP TABLE IF EXISTS {name}")
        shown = ", ".join(
            f"CAST({column} AS ENUM {self.kind.labels!r}) AS {column}"
            if self.kind.labels and column in {"x", "y", "v"}
            else column
            for column in table.column_names
        )
        self.connection.register("given", table)
        self.connection.execute(f"CREATE TABLE {name} AS SELECT {shown} FROM given")
        self.connection.unregister("given")

    def sql(self, expression: str, x: str = "x", y: str = "y", *, around: bool = False) -> str:
        """Write an expression as DuckDB has to compute it."""
        ordered = self.kind.constant
        if self.kind.labels and not around:
            # A text that is compared by order is one of the categories.
            ordered = f"{ordered}::ENUM {self.kind.labels!r}"
            expression = re.sub(r"(>=?) ('[^']*')", rf"\1 \2::ENUM {self.kind.labels!r}", expression)
        if self.kind.zone and not around:
            # A difference is the time between instants, wherever clocks change.
            expression = re.sub(
                r"(max\(\{x\}\)|\{x\}) - (min\(\{x\}\)|\{y\})",
                r"timezone('UTC', \1) - timezone('UTC', \2)",
                expression,
            )
        return expression.format(x=x, y=y, c=self.kind.constant, k=ordered, i="i")

    def fetch(self, sql: str) -> pa.Table:
        """Run a query."""
        return self.connection.sql(sql).to_arrow_table()

    def shown(self, pair: int) -> str:
        """Say what a pair is."""
        text = f"SELECT x::VARCHAR, y::VARCHAR FROM pairs WHERE p = {pair}"
        return repr(self.connection.sql(text).fetchall()[0])


def taken(values: pa.Array, places: list[int]) -> pa.Array:
    """Return values at places."""
    rows = pa.array(places, pa.int64())
    if pa.types.is_string_view(values.type):
        return values.cast(pa.string()).take(rows).cast(values.type)
    return values.take(rows)


@cache
def values_of(kind: str) -> Values:
    """Return the values of a type."""
    return Values(TYPES[kind])


@lru_cache(maxsize=4096)
def duckdb_answers(kind: str, expression: str, source: str = "pairs", around: bool = False) -> Answers:
    """Compute an expression for all pairs of a type's values by DuckDB.

    Args:
        kind: the type's name.
        expression: over `{x}` and `{y}`.
        source: `"pairs"`; `"extremes"`: x is the least of both values, y the greatest; `"second"`: both are the second
            value; `"rows"`: over both rows of a pair as a group, `"first row"` over the first one.
        around: the expression stands around a clause.
    """
    values = values_of(kind)
    grouped = source in {"rows", "first row"}
    sql = values.sql(expression, *(("v", "v") if grouped else ("x", "y")), around=around)
    table = {
        "pairs": "pairs",
        "extremes": "(SELECT p, min(v) AS x, max(v) AS y FROM rows GROUP BY p)",
        "second": "(SELECT p, y AS x, y FROM pairs)",
        "rows": "rows",
        "first row": "(SELECT * FROM rows WHERE i = 0)",
    }[source]

    def over(condition: str, text: str = sql) -> pa.Table:
        group = "GROUP BY p " if grouped else ""
        return values.fetch(f"SELECT p, ({text}) AS m FROM {table} WHERE {condition} {group}ORDER BY p")

    every = range(values.count**2)
    try:
        kind_of = str(values.connection.sql(f"SELECT ({sql}) AS m FROM {table}").types[0])
    except _ERRORS as error:
        return Answers(refused=str(error))
    try:
        return Answers(kind_of, over("true").column("m").combine_chunks())
    except _ERRORS as error:
        message = str(error)
    if "Unimplemented type for cast" in message:
        # Whether it is an error where an operand is NULL depends on how DuckDB computes the rest.
        return Answers(kind_of, refused=message)
    failed = []
    for pair in every:
        try:
            over(f"p = {pair}")
        except _ERRORS:
            failed.append(pair)
    if len(failed) == len(every):
        return Answers(kind_of, failed=frozenset(failed), refused=message)
    good = [pair for pair in every if pair not in failed]
    found = over(f"p IN ({', '.join(map(str, good))})").column("m").combine_chunks()
    at = {pair: row for row, pair in enumerate(good)}
    return Answers(kind_of, found.take(pa.array([at.get(pair) for pair in every], pa.int64())), frozenset(failed))


# Ours.


def ask(case: Case, *, errors: bool = True) -> int:
    """Compare a query's answers with DuckDB's.

    Args:
        case: the question.
        errors: ask also for pairs for which DuckDB has an error; all of them may be.

    Returns:
        For how many pairs.

    Raises:
        DifferenceError: they are not the same; for one pair where one shows it.
    """
    question = _Question(case)
    every = range(question.values.count**2)
    if question.answers.refused is not None:
        if errors:
            question.expect_error([*every], question.answers.refused)
        return 0
    failing = [pair for pair in every if question.fails(pair)]
    good = [pair for pair in every if pair not in failing and question.is_known(pair)]
    if good:
        question.compare(good)
    if errors:
        # Not always the first ones.
        for pair in failing[:: max(1, len(failing) // _MOST_ERRORS)][:_MOST_ERRORS]:
            question.expect_error([pair], "an error")
    return len(good)


class _Question:
    def __init__(self, case: Case) -> None:
        self.case = case
        self.place = PLACES[case.place]
        self.values = values_of(case.type)
        self.template = self.place.wrap.replace("{}", case.expression)

    def of(self, source: str, template: str | None = None) -> Answers:
        """Return what DuckDB computes."""
        return duckdb_answers(self.case.type, template or self.template, source, self.place.around)

    @property
    def answers(self) -> Answers:
        return self.of(self.place.source)

    def places(self, pair: int) -> list[tuple[str, int]]:
        """Return the values that the answer shows for a pair."""
        count = self.values.count
        return [(source, a * count + b) for source, a, b in self.place.shown(pair // count, pair % count)]

    def fails(self, pair: int) -> bool:
        """Say whether an answer for a pair has to be an error."""
        return any(
            at in self.of(source).failed or (self.place.kind in {"measure", "groups"} and self.has_months(source, at))
            for source, at in self.places(pair)
        )

    def has_months(self, source: str, pair: int) -> bool:
        """Say whether a value is an interval whose length is not fixed, or longer than a duration can be."""
        values = self.of(source).values
        return self.case.type != "interval" and "interval" in str(values.type) and any_months(values[pair].as_py())

    def is_known(self, pair: int) -> bool:
        """Say whether no value that is computed besides is an error."""
        count = self.values.count
        reads = self.place.reads(pair // count, pair % count)
        return all(a * count + b not in self.of(source).failed for source, a, b in reads)

    # Asking.

    def given(self, chosen: list[int]) -> tuple[pa.Table, str]:
        """Return a table and a query; a condition is compared with what is expected by column e."""
        own, place = self.values.kind.values, self.place
        table = self.values.pairs(own, chosen) if place.one_row else self.values.rows(own, chosen)
        words = {"x": place.x, "y": place.y, "c": self.values.kind.constant, "k": self.values.kind.constant}
        words["i"] = place.x.replace("v", "i")
        expression = self.template.format(**words)
        if self.place.source == "first row":
            expression = expression.replace("(*)", f"({place.x[0]}.*)")
        if place.kind != "condition":
            return table, place.query.replace("{e}", expression)
        if self.answers.kind == "BOOLEAN" and not place.text:
            return table, place.chosen.replace("{e}", expression).replace("{as C}", expression.replace("B.v", "C.v"))
        if self.answers.refused is not None:
            return table, place.query.replace("{e}", f"({expression}) IS NOT NULL")
        expected, text = self.expected(chosen)
        # Once with the value that is right, and once with that of another pair.
        times = 1 if place.one_row else 2
        each = [at for part in (range(len(chosen)), self.others(chosen)) for at in part for _ in range(times)]
        second = table.set_column(0, "p", pa.array([-1 - p for p in table["p"].to_pylist()], pa.int64()))
        both = pa.concat_tables([table, second]).append_column("e", expected.take(pa.array(each, pa.int64())))
        left = f"({expression})::VARCHAR" if text else f"({expression})"
        return both, place.query.replace("{e}", f"{left} IS NOT DISTINCT FROM e")

    @staticmethod
    def others(chosen: list[int]) -> list[int]:
        return [*range(1, len(chosen)), 0]

    def expected(self, chosen: list[int]) -> tuple[pa.Array, bool]:
        """Return what the values of pairs are, as a column that can be given; or texts of them."""
        rows = pa.array(chosen, pa.int64())
        answers = self.answers
        if not self.place.text and not self.values.kind.labels:
            back = self.values.connection.from_arrow(pa.table({"e": answers.values})).types[0]
            if str(back) == answers.kind and answers.kind != '"NULL"':
                return answers.values.take(rows), False
        return self.of(self.place.source, f"({self.template})::VARCHAR").values.take(rows), True

    def expect_error(self, chosen: list[int], theirs: str) -> None:
        table, query = self.given(chosen)
        try:
            found = rowpattern.match_recognize(query, table)
        except rowpattern.RowPatternError:
            return
        except Exception as error:
            raise self.difference(query, chosen, f"{type(error).__name__}: {error}", theirs) from error
        raise self.difference(query, chosen, str(found.to_pydict())[:300], theirs)

    def difference(
        self, query: str, chosen: list[int], ours: Any, theirs: Any, *, refused: bool = False
    ) -> DifferenceError:
        pair = self.values.shown(chosen[0]) if len(chosen) == 1 else f"{len(chosen)} pairs"
        return DifferenceError(self.case, query, pair, ours, theirs, refused)

    # Comparing.

    def compare(self, chosen: list[int]) -> None:
        """Compare the answers for pairs, which all have values."""
        problem = self.problem(chosen)
        if problem is None:
            return
        if not problem.refused:
            # Look for one pair that shows it alone.
            for pair in chosen:
                alone = self.problem([pair])
                if alone is not None:
                    raise alone
        raise problem

    def problem(self, chosen: list[int]) -> DifferenceError | None:
        table, query = self.given(chosen)
        kinds = {"condition": self.truths, "measure": self.shown, "groups": self.groups, "order": self.order}
        wanted = kinds[self.place.kind](chosen)
        try:
            found = rowpattern.match_recognize(query, table)
        except rowpattern.UnsupportedQueryError as error:
            return self.difference(query, chosen, f"UnsupportedQueryError: {error}", "a value", refused=True)
        except Exception as error:  # noqa: BLE001 - what may not be
            return self.difference(query, chosen, f"{type(error).__name__}: {error}", _shown(wanted))
        ours: list[Any]
        if self.place.kind == "condition":
            ours = sorted(zip(found["p"].to_pylist(), found["how"].to_pylist()))
        elif self.place.kind == "measure":
            ours = [type_name(found["m"].type), *canonical(found["m"])]
        else:
            key = [tuple(map(unsigned_zero, canonical(found.column(0))))] if self.place.kind == "groups" else []
            ours = [*key, *map(tuple, found["ps"].to_pylist())]
        return None if ours == wanted else self.difference(query, chosen, _shown(ours, wanted), _shown(wanted, ours))

    def truths(self, chosen: list[int]) -> list[Any]:
        """Return what a query with a condition has to give."""
        rows = pa.array(chosen, pa.int64())
        values = self.answers.values.take(rows)
        if self.answers.kind == "BOOLEAN" and not self.place.text:
            pairs = zip(chosen, values.to_pylist())
            return sorted((pair, "B" if value else "C") for pair, value in pairs if value is not None)
        expected, text = self.expected(chosen)
        rotated = expected.take(pa.array(self.others(chosen), pa.int64()))
        if text:
            same = [one == other for one, other in zip(expected.to_pylist(), rotated.to_pylist())]
        else:
            given = self.values.connection.from_arrow(pa.table({"a": values, "b": rotated}))
            same = [bool(row[0]) for row in given.project("a IS NOT DISTINCT FROM b").fetchall()]
        return sorted([(pair, "B") for pair in chosen] + [(-1 - pair, "B") for pair, one in zip(chosen, same) if one])

    def shown(self, chosen: list[int]) -> list[Any]:
        """Return the type and the values of a measure."""
        kept_interval = self.case.type == "interval"
        kind, values = "", []
        parts: dict[str, list[Any]] = {}
        for source in {source for pair in chosen[:1] for source, _ in self.places(pair)}:
            answers = self.of(source)
            computed = answers.values if kept_interval else as_durations(answers.values)
            parts[source] = canonical(computed)
            kind = "HUGEINT" if answers.kind in _HUGE else type_name(computed.type)
        if self.template == "{x}" and self.place.source == "pairs":
            # A column's own values are what they were.
            own = self.values.kind.values
            parts = {source: canonical(self.values.pairs(own)["x"]) for source in parts}
            kind = type_name(own.type)
        for pair in chosen:
            values += [parts[source][at] for source, at in self.places(pair)]
        if kind == "HUGEINT":
            fits = all(each is None or -(2**63) <= each < 2**63 for each in values)
            kind = "int64" if fits else "decimal128(38, 0)"
        return [kind, *values]

    def groups(self, chosen: list[int]) -> list[Any]:
        """Return the keys of partitions, and then the pairs in each."""
        key = self.values.sql(self.template)
        query = f"SELECT ({key}) AS k, list(p ORDER BY p) AS ps FROM pairs WHERE {_among(chosen)} GROUP BY 1 ORDER BY 1"
        found = self.values.fetch(query)
        keys = found["k"].combine_chunks()
        if self.template == "{x}":
            own = self.values.pairs(self.values.kind.values)["x"].combine_chunks()
            keys = taken(own, [pairs[0] for pairs in found["ps"].to_pylist()])
        keys = keys if self.case.type == "interval" else as_durations(keys)
        return [tuple(map(unsigned_zero, canonical(keys))), *map(tuple, found["ps"].to_pylist())]

    def order(self, chosen: list[int]) -> list[Any]:
        """Return the pairs in order."""
        key, down = self.values.sql(self.template), " DESC" if self.place.name.endswith("DESC") else ""
        found = self.values.fetch(f"SELECT p FROM pairs WHERE {_among(chosen)} ORDER BY ({key}){down}, p")
        return [tuple(found["p"].to_pylist())]


def _among(chosen: list[int]) -> str:
    return f"p IN ({', '.join(map(str, chosen))})"


def _shown(one: Any, other: Any = ()) -> str:
    """Show a list, without what another one has too."""
    if isinstance(one, list):
        kept = [each for each in one if each not in other]
        return f"{kept[:6]}{' ...' if len(kept) > 6 else ''}"
    return str(one)
