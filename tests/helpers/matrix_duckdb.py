"""What DuckDB computes with an expression over all pairs of a type's values, for the matrix of expressions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from matrix_values import TYPES, ValueType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Answers", "Values", "duckdb_answers", "taken", "values_of"]

# DuckDB's message has the text that it refuses, which may be no UTF-8.
_ERRORS = (duckdb.Error, UnicodeDecodeError)


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

    group = "GROUP BY p " if grouped else ""

    def over(condition: str, text: str = sql) -> pa.Table:
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
    failed = _failing_by_try(values, sql, table) if not grouped else None
    if failed is None:
        failed = _failing_by_halves(every, over)
    if len(failed) == len(every):
        return Answers(kind_of, failed=frozenset(failed), refused=message)
    good = [pair for pair in every if pair not in failed]
    found = over(f"p IN ({', '.join(map(str, good))})").column("m").combine_chunks()
    at = {pair: row for row, pair in enumerate(good)}
    return Answers(kind_of, found.take(pa.array([at.get(pair) for pair in every], pa.int64())), frozenset(failed))


def _failing_by_try(values: Values, sql: str, table: str) -> list[int] | None:
    """Return the pairs with an error; None where DuckDB has no TRY for the expression."""
    # A struct is no NULL, whatever it holds.
    tried = f"SELECT p FROM {table} WHERE TRY(struct_pack(m := ({sql}))) IS NULL ORDER BY p"
    try:
        return list(values.fetch(tried)["p"].to_pylist())
    except _ERRORS:
        return None


def _failing_by_halves(every: Sequence[int], over: Callable[[str], object]) -> list[int]:
    """Return the pairs with an error: halves of which one has an error, down to single pairs."""
    failed: list[int] = []
    waiting = [[*every]]
    while waiting:
        some = waiting.pop()
        try:
            over(f"p BETWEEN {some[0]} AND {some[-1]}")
        except _ERRORS:
            middle = len(some) // 2
            waiting += [some[middle:], some[:middle]] if middle else []
            failed += [] if middle else some
    return failed
