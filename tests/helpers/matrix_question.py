"""A question of the matrix of expressions: what DuckDB computes over a table of values, and what a query must give."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

import rowpattern

from matrix_comparison import any_months, as_durations, canonical, type_name, unsigned_zero
from matrix_duckdb import Answers, duckdb_answers, taken, values_of
from matrix_places import PLACES

__all__ = ["Case", "DifferenceError", "Question"]

# Of pairs with an error, so many are asked for.
_MOST_ERRORS = 2

# Of DuckDB's: what is computed is int64 in an answer where all values fit.
_WHOLE = {"HUGEINT", "UHUGEINT", "DECIMAL(38,0)"}


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


class Question:
    """A case, with what DuckDB says."""

    def __init__(self, case: Case) -> None:
        """Take a case; DuckDB is asked when its answers are needed."""
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

    @cached_property
    def pairs(self) -> tuple[list[int], list[int]]:
        """The pairs that have to have a value, and those that have to be an error."""
        every = range(self.values.count**2)
        if self.answers.refused is not None:
            return [], [*every]
        failing = [pair for pair in every if self.fails(pair)]
        left = set(every).difference(failing)
        return [pair for pair in every if pair in left and self.is_known(pair)], failing

    def is_known(self, pair: int) -> bool:
        """Say whether no value that is computed besides is an error."""
        count = self.values.count
        reads = self.place.reads(pair // count, pair % count)
        return all(a * count + b not in self.of(source).failed for source, a, b in reads)

    # Asking.

    @cached_property
    def expression(self) -> str:
        """The expression as it stands in a query."""
        place, constant = self.place, self.values.kind.constant
        words = {"x": place.x, "y": place.y, "c": constant, "k": constant, "i": place.x.replace("v", "i")}
        expression = self.template.format(**words)
        return expression.replace("(*)", f"({place.x[0]}.*)") if place.source == "first row" else expression

    @property
    def chooses(self) -> bool:
        """Whether a query tells by its variable whether the expression is true or false."""
        return self.place.kind == "condition" and self.answers.kind == "BOOLEAN" and not self.place.text

    def table(self, chosen: list[int]) -> pa.Table:
        """Return a table of pairs."""
        own = self.values.kind.values
        return self.values.pairs(own, chosen) if self.place.one_row else self.values.rows(own, chosen)

    def given(self, chosen: list[int]) -> tuple[pa.Table, str]:
        """Return a table and a query; a condition is compared with what is expected by column e."""
        table = self.table(chosen)
        if self.place.kind != "condition":
            return table, self.place.equal(self.expression)
        if self.chooses:
            return table, self.place.either(self.expression)
        if self.answers.refused is not None:
            return table, self.place.equal(f"({self.expression}) IS NOT NULL")
        expected, left = self.compared(chosen)
        second = table.set_column(0, "p", pa.array([-1 - p for p in table["p"].to_pylist()], pa.int64()))
        times = 1 if self.place.one_row else 2
        each = [at for at in range(len(expected)) for _ in range(times)]
        both = pa.concat_tables([table, second]).append_column("e", expected.take(pa.array(each, pa.int64())))
        return both, self.place.equal(f"{left} IS NOT DISTINCT FROM e")

    def compared(self, chosen: list[int]) -> tuple[pa.Array, str]:
        """Return what to compare with for each pair, the right value first and then that of another pair, and what."""
        expected, text = self.expected(chosen)
        both = pa.array([*range(len(chosen)), *self.others(chosen)], pa.int64())
        return expected.take(both), f"({self.expression})::VARCHAR" if text else f"({self.expression})"

    @staticmethod
    def others(chosen: list[int]) -> list[int]:
        """Return another pair's place for each pair."""
        return [*range(1, len(chosen)), 0]

    def expected(self, chosen: list[int]) -> tuple[pa.Array, bool]:
        """Return what the values of pairs are, as a column that can be given; or texts of them."""
        rows = pa.array(chosen, pa.int64())
        answers = self.answers
        if not self.place.text and not self.values.kind.labels:
            back = self.values.connection.from_arrow(pa.table({"e": answers.values})).types[0]
            if str(back) == answers.kind and answers.kind != '"NULL"' and _is_valid(answers.values):
                return answers.values.take(rows), False
        return self.of(self.place.source, f"({self.template})::VARCHAR").values.take(rows), True

    def expect_errors(self) -> None:
        """Ask for what has to be an error: for some pairs, each alone, or for all where DuckDB refuses it."""
        _, failing = self.pairs
        if self.answers.refused is not None:
            self.expect_error(failing, self.answers.refused)
            return
        # Not always the first ones.
        for pair in failing[:: max(1, len(failing) // _MOST_ERRORS)][:_MOST_ERRORS]:
            self.expect_error([pair], "an error")

    def expect_error(self, chosen: list[int], theirs: str) -> None:
        """Have a query give an error."""
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
        """Say what is different."""
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
        """Return what is different for some pairs, if anything is."""
        table, query = self.given(chosen)
        wanted = self.wanted(chosen)
        try:
            found = rowpattern.match_recognize(query, table)
        except rowpattern.UnsupportedQueryError as error:
            return self.difference(query, chosen, f"UnsupportedQueryError: {error}", "a value", refused=True)
        except Exception as error:  # noqa: BLE001 - what may not be
            return self.difference(query, chosen, f"{type(error).__name__}: {error}", _shown(wanted))
        ours = self.found(found)
        return None if ours == wanted else self.difference(query, chosen, _shown(ours, wanted), _shown(wanted, ours))

    def found(self, answer: pa.Table) -> list[Any]:
        """Return what a query gave as `wanted` has it."""
        if self.place.kind == "condition":
            return sorted(zip(answer["p"].to_pylist(), answer["how"].to_pylist()))
        if self.place.kind == "measure":
            return self.measured(answer["m"])
        key = [tuple(map(unsigned_zero, canonical(answer.column(0))))] if self.place.kind == "groups" else []
        return [*key, *map(tuple, answer["ps"].to_pylist())]

    def measured(self, values: pa.ChunkedArray) -> list[Any]:
        """Return a measure's type and values.

        What only passes a column's values on has the column's own type: it stands for DuckDB's type of the column.
        """
        own = self.values.pairs(self.values.kind.values)["x"].type
        if type_name(values.type) == type_name(own) and self.template != "{x}":
            given = self.of("pairs", "{x}").values
            kind = (given if self.case.type == "interval" else as_durations(given)).type
            if isinstance(own, pa.UuidType):
                texts = [None if each is None else str(each) for each in values.to_pylist()]
                values = pa.chunked_array([texts], pa.string())
            # Texts that are not UTF-8 are compared as they are.
            with suppress(pa.ArrowInvalid):
                values = values.cast(kind) if kind != values.type else values
        return [type_name(values.type), *canonical(values)]

    def wanted(self, chosen: list[int]) -> list[Any]:
        """Return what a query has to give."""
        kinds = {"condition": self.truths, "measure": self.shown, "groups": self.groups, "order": self.order}
        return kinds[self.place.kind](chosen)

    def truths(self, chosen: list[int]) -> list[Any]:
        """Return what a query with a condition has to give."""
        rows = pa.array(chosen, pa.int64())
        values = self.answers.values.take(rows)
        if self.chooses:
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
            kind = "whole" if answers.kind in _WHOLE else type_name(computed.type)
        if self.template == "{x}" and self.place.source == "pairs":
            # A column's own values are what they were.
            own = self.values.kind.values
            parts = {source: canonical(self.values.pairs(own)["x"]) for source in parts}
            kind = type_name(own.type)
        for pair in chosen:
            values += [parts[source][at] for source, at in self.places(pair)]
        if kind == "whole":
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


def _is_valid(values: pa.Array) -> bool:
    """Say whether values are of their type: DuckDB's median of decimals may have a digit more than that."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _among(chosen: list[int]) -> str:
    return f"p IN ({', '.join(map(str, chosen))})"


def _shown(one: Any, other: Any = ()) -> str:
    """Show a list, without what another one has too."""
    if isinstance(one, list):
        kept = [each for each in one if each not in other]
        return f"{kept[:6]}{' ...' if len(kept) > 6 else ''}"
    return str(one)
