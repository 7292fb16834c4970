"""Typed expressions: what the engine computes, and which parts of it DuckDB does.

They come from DuckDB's binder (`binder.py`, `native.py`), so every node has the type that DuckDB gives it, and casts
that it inserts are nodes of their own. `type` is DuckDB's name of a type; `engine_type` gives the engine's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rowpattern.sql.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from rowpattern.sql.expression.nodes import Node

__all__ = [
    "Call",
    "Computed",
    "Constant",
    "Literal",
    "Reference",
    "Typed",
    "cast_sql",
    "conjuncts",
    "engine_type",
    "engine_type_of_columns",
    "map_leaves",
    "walk_typed",
]

#: Types in which the engine computes, beside DECIMAL.
_ENGINE_TYPES = frozenset({"NULL", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT"})
_ENGINE_TYPES |= {"USMALLINT", "UINTEGER", "UBIGINT", "FLOAT", "DOUBLE", "DATE", "TIME", "INTERVAL", "VARCHAR"}
_ENGINE_TYPES |= {"TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS"}
_DECIMAL = re.compile(r"DECIMAL\(\d+,\d+\)")

#: Instants are the same numbers as timestamps of UTC. What depends on a zone is never handed to the engine.
INSTANTS = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMP", "TIMESTAMPTZ_NS": "TIMESTAMP_NS"}


def engine_type(name: str | None) -> str | None:
    """Return the engine's type for a type of DuckDB's; None where it has none.

    >>> from rowpattern.sql.expression.typed import engine_type
    >>> engine_type("ENUM('low', 'high')"), engine_type("TIMESTAMP WITH TIME ZONE"), engine_type("BLOB")
    ('RANK', 'TIMESTAMP', None)
    """
    if name is None:
        return None
    name = INSTANTS.get(name, name)
    if name in _ENGINE_TYPES or _DECIMAL.fullmatch(name):
        return name
    is_enum = name.startswith("ENUM(") and name.endswith(")")
    return "RANK" if name == "RANK" or is_enum else None


def engine_type_of_columns(name: str | None, labels: Container[str]) -> str | None:
    """Return the engine's type, as `engine_type`; None also for ordered categories that no column has.

    Their ranks come from columns.

    Args:
        name: DuckDB's type.
        labels: DuckDB's types of columns of ordered categories.
    """
    own = engine_type(name)
    return None if own == "RANK" and name not in labels else own


def cast_sql(sql: str, kind: str) -> str:
    """Return SQL whose value has a type of DuckDB's; NULL alone is left as it is, as its own type cannot be named."""
    return sql if kind == "NULL" else f"CAST({sql} AS {kind})"


class Typed(Record):
    """A part of a typed expression.

    Attributes:
        type: DuckDB's name of its type.
    """

    type: str


class Literal(Typed):
    """A constant as the engine holds it: decimals, dates and times are whole numbers in the type's unit."""

    value: Any


class Constant(Typed):
    """What reads nothing, and which DuckDB computes before: its SQL, and whether each query computes it anew."""

    sql: str
    changes: bool = False


class Reference(Typed):
    """What a bound expression reads, by its name there."""

    name: str


class Call(Typed):
    """A function, an operator, a cast or a choice that the engine computes."""

    name: str
    arguments: tuple[Typed, ...]


class Computed(Typed):
    """What DuckDB computes: an expression over references."""

    tree: Node


def walk_typed(node: Typed) -> Iterator[Typed]:
    """Give a node and all that is in it."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Call):
            waiting += reversed(node.arguments)


def conjuncts(node: Typed) -> Iterator[Typed]:
    """Give the parts of a condition that must all be true."""
    if isinstance(node, Call) and node.name == "and":
        for each in node.arguments:
            yield from conjuncts(each)
    else:
        yield node


def map_leaves(node: Typed, change: Callable[[Typed], Typed]) -> Typed:
    """Return an expression with a function's answers in the place of its nodes that are no calls."""
    if not isinstance(node, Call):
        return change(node)
    return Call(node.type, node.name, tuple(map_leaves(each, change) for each in node.arguments))
