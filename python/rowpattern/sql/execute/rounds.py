"""What DuckDB computes while the search for matches waits: expressions that read several rows of a match.

The search gathers what it asks for, goes on with other partitions, and hands over all requests of a round at once
(`rowpattern._core.Conditions`). So one query answers many requests, and those that the search expects to ask for next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.arrow.arrays import from_numpy, from_texts, one_array
from rowpattern.sql.arrow.casting import appended
from rowpattern.sql.arrow.categories import is_ordered, of_ranks
from rowpattern.sql.execute.bounded import project_bounded
from rowpattern.sql.execute.engine_columns import engine_column, query_column
from rowpattern.sql.expression.sizes import generated_bytes
from rowpattern.sql.records import Record, replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rowpattern.sql.arrow.arrays import Integers
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.typed_records import Named
    from rowpattern.sql.expression.nodes import Node

__all__ = ["RoundAggregate", "RoundExpression", "RoundRow", "RoundValue", "Rounds"]

_TABLE = "rowpattern rows"


class RoundRow(Record):
    """An argument that is a row, or none.

    Attributes:
        values: columns of which the expression reads the value there, by its names for them.
        exists: its names for whether there is such a row.
    """

    values: Mapping[str, str]
    exists: Sequence[str]


class RoundValue(Record):
    """An argument that is a value of the engine's, with the expression's name for it, and DuckDB's type."""

    name: str
    type: str


class RoundAggregate(Record):
    """An argument that is rows of the match, which an aggregate takes.

    Attributes:
        name: what the expression calls the aggregate.
        sql: the call.
        values: columns that it reads, by its names for them.
        zone: the time zone in which it is computed.
        type: DuckDB's type of its value; None where that is not known.
        classifiers: its names for the classifier of a row.
        variables: where it reads that, the variables that a row may be mapped to. For each one, behind the argument
            itself, there is another one: the rows that are mapped to it.
        numbers: its names for the match's number, which is one more argument where it reads that.
    """

    name: str
    sql: str
    values: Mapping[str, str]
    zone: str
    type: str | None
    classifiers: Sequence[str] = ()
    variables: Sequence[str] = ()
    numbers: Sequence[str] = ()


class RoundExpression(Record):
    """An expression that is computed in rounds.

    Attributes:
        named: the condition in which it stands.
        sql: over columns by the names that its arguments have.
        type: DuckDB's type of its value.
        zone: the time zone in which it is computed.
        tree: the same as `sql`; None where it is a constant.
        arguments: what a request has.
    """

    named: Named
    sql: str
    type: str
    zone: str
    tree: Node | None
    arguments: Sequence[RoundRow | RoundValue | RoundAggregate]


class Rounds:
    """Answers the requests of a search; it is what `rowpattern._core.Conditions` takes as `compute`."""

    def __init__(
        self,
        expressions: Sequence[RoundExpression],
        rows: OrderedPartitions,
        labels: Mapping[str, Sequence[str]],
        database: Database,
    ) -> None:
        """Take what may be asked for.

        Args:
            expressions: by their numbers.
            rows: the table.
            labels: the texts of ordered categories, by DuckDB's type of them.
            database: the query's connection.
        """
        self._expressions = expressions
        self._rows = rows
        self._labels = labels
        self._database = database
        self._known: dict[int, RoundExpression] = {}

    def __call__(self, number: int, arguments: Sequence[Any], asked: int) -> tuple[pa.Array, pa.Array | None]:
        """Answer requests of one expression.

        Args:
            number: the expression's.
            arguments: an Arrow array for each, with one item for each request.
            asked: so many of the requests, the first ones, are wanted; the others may be.

        Returns:
            a value for each request, and whether it is known (None where all are): of those that may be wanted, what
            cannot be computed is left out.

        Raises:
            QueryError: one that is wanted cannot be computed.
        """
        expression = self._prepared(number)
        arrays = [pa.array(each) for each in arguments]
        using = self._database.in_zone(expression.zone)
        known: pa.Array | None = None
        try:
            values = self._values(expression, arrays, using)
        except QueryLimitError:
            raise
        except QueryError:
            values, known = self._one_by_one(expression, arrays, asked, using)
        return _engine_array(values, expression), known

    def computed(self, expression: RoundExpression, arguments: Sequence[pa.Array]) -> pa.Array:
        """Compute an expression for requests, all of which are wanted.

        Raises:
            QueryError: one cannot be computed.
        """
        values = self._values(expression, arguments, self._database.in_zone(expression.zone))
        return _engine_array(values, expression)

    def _one_by_one(
        self, expression: RoundExpression, arrays: list[pa.Array], asked: int, using: Database
    ) -> tuple[pa.ChunkedArray, pa.Array]:
        """Compute what is wanted by itself, and leave out what else cannot be computed."""
        count = len(arrays[0])
        try:
            values = self._values(expression, [each.slice(0, asked) for each in arrays], using)
        except QueryLimitError:
            raise
        except QueryError as error:
            raise expression.named.failed(str(error)) from None
        rest = [each.slice(asked) for each in arrays]
        known = np.ones(count, dtype=bool)
        try:
            more = self._values(expression, rest, using, tried=True)
            # NULL may be an error; it is asked for again where it is wanted.
            known[asked:] = np.asarray(more.is_valid().combine_chunks()) if count > asked else True
        except QueryLimitError:
            raise
        except QueryError:
            more = pa.chunked_array([pa.nulls(count - asked, values.type)])
            known[asked:] = False
        if is_ordered(values.type) and not is_ordered(more.type):
            more = of_ranks(pa.chunked_array([pa.nulls(count - asked, pa.int32())]), values.type, [])
        return appended(values, more), from_numpy(known)

    def _values(
        self, expression: RoundExpression, arrays: Sequence[pa.Array], using: Database, *, tried: bool = False
    ) -> pa.ChunkedArray:
        columns: dict[str, Any] = {}
        left = iter(arrays)
        for argument in expression.arguments:
            given = next(left)
            if isinstance(argument, RoundRow):
                for name, column in argument.values.items():
                    columns[name] = self._rows.column(column).take(given)
                columns |= dict.fromkeys(argument.exists, pc.is_valid(given))
            elif isinstance(argument, RoundValue):
                columns[argument.name] = query_column(
                    given, argument.type, self._labels.get(argument.type, ()), expression.zone
                )
            else:
                mapped = [next(left) for _ in argument.variables]
                numbers = next(left) if argument.numbers else None
                using_zone = self._database.in_zone(argument.zone)
                columns[argument.name] = self._aggregated(argument, given, mapped, numbers, using_zone)
        table = pa.table(columns or {"none": pa.nulls(len(arrays[0]))})
        sql = f"TRY({expression.sql})" if tried else f"({expression.sql})"
        # Arrow has no type for all of DuckDB's, as for sums of whole numbers.
        given = (each for each in expression.arguments if isinstance(each, (RoundAggregate, RoundValue)))
        types = {each.name: each.type for each in given if each.type}
        return project_bounded([(sql, expression.tree)], table, using, types)[0]

    def _prepared(self, number: int) -> RoundExpression:
        """Return an expression; without its tree where no function in it makes large values: that is looked at once."""
        found = self._known.get(number)
        if found is None:
            found = self._expressions[number]
            if found.tree is not None and generated_bytes(found.tree, self._database.free_bytes) is None:
                found = replace(found, tree=None)
            self._known[number] = found
        return found

    def _aggregated(
        self,
        aggregate: RoundAggregate,
        rows: pa.Array,
        mapped: Sequence[pa.Array],
        numbers: pa.Array | None,
        using: Database,
    ) -> pa.ChunkedArray:
        """Compute an aggregate for each request; also of no rows."""
        number, place = _listed(rows)
        columns: dict[str, Any] = {"request": from_numpy(number), "row": place}
        for name, column in aggregate.values.items():
            columns[name] = self._rows.column(column).take(place)
        if aggregate.classifiers:
            classifiers = self._classifiers(number, place, aggregate.variables, mapped)
            columns |= dict.fromkeys(aggregate.classifiers, classifiers)
        if numbers is not None:
            columns |= dict.fromkeys(aggregate.numbers, numbers.take(from_numpy(number)))
        using.register(_TABLE, pa.table(columns))
        found = using.query(
            f'SELECT "request", {aggregate.sql} FROM "{_TABLE}" GROUP BY "request" '
            f'UNION ALL SELECT -1, {aggregate.sql} FROM "{_TABLE}" WHERE false'
        )
        requests = np.asarray(found.column(0))
        at = np.full(len(rows), int(np.flatnonzero(requests == -1)[0]), dtype=np.int64)
        full = requests >= 0
        at[requests[full]] = np.flatnonzero(full)
        return found.column(1).take(from_numpy(at))

    def _classifiers(
        self, number: Integers, place: pa.Array, variables: Sequence[str], mapped: Sequence[pa.Array]
    ) -> pa.Array:
        """Return the classifier of each row of each request, whose rows are in their order."""
        keys = self._keys(number, place)
        found = np.full(len(keys), -1, dtype=np.int64)
        for variable, rows in enumerate(mapped):
            own = self._keys(*_listed(rows))
            at = np.searchsorted(keys, own)
            # A request that is a guess may name rows that are not among those that are aggregated.
            inside = at < len(keys)
            at, own = at[inside], own[inside]
            found[at[keys[at] == own]] = variable
        places = from_numpy(found, found < 0)
        return from_texts(variables).take(places)

    def _keys(self, number: Integers, place: pa.Array) -> Integers:
        """Return one number for each row of each request; they ascend as both do."""
        found: Integers = number * self._rows.count + np.asarray(place)
        return found


def _engine_array(values: pa.ChunkedArray, expression: RoundExpression) -> pa.Array:
    return one_array(engine_column(values, expression.type))


def _listed(rows: pa.Array) -> tuple[Integers, pa.Array]:
    """Return all rows of lists, and the number of the request that each one is of."""
    lengths = np.asarray(pc.list_value_length(rows))
    return np.repeat(np.arange(len(rows)), lengths), rows.flatten()
