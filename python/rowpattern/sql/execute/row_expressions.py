"""Expressions over rows at fixed distances, and over what measures read: by the engine, or by DuckDB.

An expression that the engine computes as a whole is its own; all others are computed by DuckDB, in one query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import pyarrow as pa

from rowpattern._core import evaluate
from rowpattern.errors import QueryError, QueryLimitError
from rowpattern.sql.bind.references import Value
from rowpattern.sql.execute.bounded import project_bounded
from rowpattern.sql.execute.constants_now import constants_now
from rowpattern.sql.execute.engine_columns import engine_column, query_column
from rowpattern.sql.execute.time_zones import in_columns_zone
from rowpattern.sql.expression.core_nodes import core_node
from rowpattern.sql.expression.typed import (
    INSTANTS,
    Constant,
    Literal,
    Reference,
    map_leaves,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.sql.arrow.arrays import Array, Integers
    from rowpattern.sql.bind.references import RowExists
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.execute.typed_records import Named, TypedExpression
    from rowpattern.sql.expression.core_nodes import CoreNode
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.expression.typed import Typed

__all__ = [
    "EngineColumn",
    "EngineNodes",
    "Inputs",
    "ItemInputs",
    "RowInputs",
    "RowPlaces",
    "compute",
    "read_columns",
    "with_constants",
]


class Places(Protocol):
    """Which columns expressions read, by the names of references."""

    def place(self, name: str) -> tuple[str | None, int]:
        """Return the column that a reference reads (None for whether there is a row), and how many rows on."""
        ...


class Inputs(Places, Protocol):
    """What expressions read, by the names of references."""

    @property
    def count(self) -> int:
        """How many rows there are."""
        ...

    @property
    def starts(self) -> Integers | None:
        """The first row of each partition; None where rows before and after are not read."""
        ...

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column by its name."""
        ...

    def values(self, name: str) -> Array:
        """Return what a reference reads, for each row."""
        ...


class RowPlaces:
    """Rows at fixed distances from each row of whatever table.

    Attributes:
        items: the references by name.
    """

    def __init__(self, items: Mapping[str, Value | RowExists]) -> None:
        """Take the references."""
        self.items = items

    def place(self, name: str) -> tuple[str | None, int]:
        """Return the table's column that a reference reads, and how many rows on."""
        item = self.items[name]
        return (item.column if isinstance(item, Value) else None), item.at.rows


class RowInputs(RowPlaces):
    """Rows at fixed distances from each row of a table."""

    def __init__(self, rows: OrderedPartitions, items: Mapping[str, Value | RowExists]) -> None:
        """Take the table, and the references."""
        super().__init__(items)
        self._rows = rows

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._rows.count

    @property
    def starts(self) -> Integers | None:
        """The first row of each partition."""
        return self._rows.starts

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column of the table."""
        return self._rows.column(name)

    def values(self, name: str) -> Array:
        """Return what a reference reads, for each row."""
        item = self.items[name]
        if isinstance(item, Value):
            return self._rows.shifted(item.column, item.at.rows)
        return self._rows.inside(item.at.rows)


class ItemInputs:
    """Columns with a value for each row of the answer."""

    def __init__(self, columns: Mapping[str, Array], count: int) -> None:
        """Take the columns, and how many rows each has."""
        self._columns = columns
        self.count = count
        self.starts: Integers | None = None

    def place(self, name: str) -> tuple[str | None, int]:
        """Return the column itself."""
        return name, 0

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column."""
        values = self._columns[name]
        return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])

    def values(self, name: str) -> Array:
        """Return a column."""
        return self._columns[name]


def compute(
    expressions: Sequence[tuple[Named, TypedExpression]],
    inputs: Inputs,
    labels: Mapping[str, Sequence[str]],
    database: Database,
    types: Mapping[str, str] | None = None,
) -> list[pa.ChunkedArray]:
    """Compute expressions for each row.

    Args:
        expressions: each as the query has it, and with types.
        inputs: what they read.
        labels: the texts of ordered categories, by DuckDB's type of them.
        database: the query's connection.
        types: what references that DuckDB computed before were there.

    Raises:
        QueryError: one cannot be computed; it is named.
    """
    found: list[pa.ChunkedArray | None] = [None] * len(expressions)
    native = [at for at, (_, each) in enumerate(expressions) if _is_native(each)]
    for at, values in zip(native, _by_engine([expressions[at][1] for at in native], inputs, labels, database)):
        found[at] = values
    left = [named for (named, _), values in zip(expressions, found) if values is None]
    by_duckdb = iter(_by_duckdb(left, inputs, database, types or {}) if left else ())
    return [next(by_duckdb) if values is None else values for values in found]


def _is_native(expression: TypedExpression) -> bool:
    # What timestamps of several zones are called is for DuckDB's way to say.
    return expression.native is not None and (expression.named is not None or expression.type not in INSTANTS)


# By the engine.


class EngineColumn(NamedTuple):
    """A column that expressions of the engine's read.

    Attributes:
        kind: the engine's type.
        name: as of the inputs' columns.
        own: its type in the expression.
    """

    kind: str
    name: str
    own: str


def read_columns(
    columns: Sequence[EngineColumn], column: Callable[[str], pa.ChunkedArray]
) -> list[tuple[str, pa.ChunkedArray]]:
    """Return columns with the engine's types, as `evaluate` takes them, by what gives a column by its name."""
    return [(kind, engine_column(column(name), own)) for kind, name, own in columns]


class EngineNodes:
    """Nodes as the core takes them.

    Attributes:
        columns: those that nodes read so far.
    """

    def __init__(self, places: Places) -> None:
        """Take what says which column a reference reads."""
        self.columns: list[EngineColumn] = []
        self._places = places
        self._numbers: dict[tuple[str, str], int] = {}

    def node(self, node: Typed) -> CoreNode:
        """Return a node as the core takes it; columns that it reads are added."""
        return core_node(node, self._read)

    def _read(self, node: Typed, kind: str) -> CoreNode:
        assert isinstance(node, Reference)  # noqa: S101 - an expression of the engine's has no other nodes
        column, rows = self._places.place(node.name)
        at = (None, False, 0, rows)
        if column is None:
            return ("exists", "BOOLEAN", *at)
        number = self._numbers.get((column, kind))
        if number is None:
            number = self._numbers[column, kind] = len(self.columns)
            self.columns.append(EngineColumn(kind, column, node.type))
        return ("read", kind, number, *at)


def _by_engine(
    expressions: Sequence[TypedExpression], inputs: Inputs, labels: Mapping[str, Sequence[str]], database: Database
) -> list[pa.ChunkedArray | None]:
    """Compute expressions; None for those that DuckDB has to compute, as it says what is wrong with a value."""
    if not expressions:
        return []
    engine = EngineNodes(inputs)
    try:
        nodes = [engine.node(with_constants(each, database)) for each in expressions]
        found = evaluate(
            nodes,
            read_columns(engine.columns, inputs.column),
            inputs.count,
            partitions=None if inputs.starts is None else ("starts", inputs.starts),
            threads=database.threads,
            **database.remaining,
        )
    except QueryLimitError:
        raise
    except (QueryError, pa.ArrowInvalid):
        if len(expressions) == 1:
            return [None]
        return [_by_engine([each], inputs, labels, database)[0] for each in expressions]
    return [
        query_column(pa.array(values), each.type or "", labels.get(each.type or "", ()), each.named or each.zone)
        for values, each in zip(found, expressions)
    ]


def with_constants(expression: TypedExpression, database: Database) -> Typed:
    """Return an expression with the constants that each query computes anew.

    Raises:
        QueryError: one cannot be computed.
    """
    node = expression.native
    assert node is not None  # noqa: S101 - only such are computed by the engine
    if not expression.changing:
        return node
    known = constants_now(expression.changing, expression.zone, database)
    refused = next((each for each in known.values() if isinstance(each, str)), None)
    if refused is not None:
        raise QueryError(refused)

    def literal(leaf: Typed) -> Typed:
        found = known.get(leaf) if isinstance(leaf, Constant) else None
        return found if isinstance(found, Literal) else leaf

    return map_leaves(node, literal)


# By DuckDB.


def _by_duckdb(
    expressions: Sequence[Named], inputs: Inputs, database: Database, types: Mapping[str, str]
) -> list[pa.ChunkedArray]:
    used = {name for each in expressions for name, _ in each.expression.reads}
    # A column tells how many rows there are.
    table = pa.table({name: inputs.values(name) for name in used} or {"none": pa.nulls(inputs.count)})
    computed = [
        in_columns_zone(each.expression.sql, each.expression.tree, table, database, each.failed) for each in expressions
    ]
    found: dict[int, pa.ChunkedArray] = {}
    for using in {id(each.database): each.database for each in computed}.values():
        places = [at for at, each in enumerate(computed) if each.database is using]
        there = [(expressions[at], computed[at].sql, computed[at].tree) for at in places]
        for at, values in zip(places, _projected(there, table, using, types)):
            found[at] = computed[at].named(values)
    return [found[at] for at in range(len(expressions))]


def _projected(
    expressions: Sequence[tuple[Named, str, Node | None]],
    table: pa.Table,
    database: Database,
    types: Mapping[str, str],
) -> list[pa.ChunkedArray]:
    """Compute expressions, each with its SQL and the same as a tree, together."""
    try:
        return project_bounded([(f"({sql})", tree) for _, sql, tree in expressions], table, database, types)
    except QueryLimitError:
        raise
    except QueryError as error:
        for each, sql, _ in expressions:
            refused = database.refuses(f"({sql})", table, types)
            if refused is not None:
                raise each.failed(refused) from None
        first = expressions[0][0]
        alone = first if len(expressions) == 1 else first._replace(what="an expression")
        raise alone.failed(str(error)) from None
