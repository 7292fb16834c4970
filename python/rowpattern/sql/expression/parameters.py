"""Values of parameters: what type each has, as DuckDB takes values of Python, and nodes that stand for them.

A value is never part of a text that is read. In an expression it becomes a node, which is written as every other
constant of the query is; around a clause DuckDB binds it.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rowpattern.counted import counted
from rowpattern.errors import QueryError
from rowpattern.sql.duckdb.names import lowered, quoted
from rowpattern.sql.expression import typed
from rowpattern.sql.expression.given_values import LEAST_WHOLE, MOST_WHOLE, digits_of, plain_value
from rowpattern.sql.expression.nodes import (
    PARAMETER_COLUMN,
    Argument,
    Call,
    Cast,
    Literal,
    Node,
    Operation,
    Parameter,
    TypeName,
    map_children,
    walk,
)
from rowpattern.sql.records import replace
from rowpattern.sql.text.source_location import SourceLocation, candidates, error_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rowpattern.sql.text.parameters import PlacedParameter

__all__ = ["ParameterValues", "has_parameter", "with_values"]

# From the narrowest on, each with its least and greatest value, as DuckDB chooses for a number of Python's.
_WHOLE = (
    ("INTEGER", -(1 << 31), (1 << 31) - 1),
    ("BIGINT", -(1 << 63), (1 << 63) - 1),
    ("UBIGINT", 0, (1 << 64) - 1),
    ("HUGEINT", LEAST_WHOLE, (1 << 127) - 1),
    ("UHUGEINT", 0, MOST_WHOLE),
)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND = dt.timedelta(microseconds=1)


class ParameterValues:
    """The values that a caller gives for a query's parameters."""

    def __init__(self, given: Mapping[str, Any] | Sequence[Any] | None) -> None:
        """Take a mapping of names to values, or the values of `?` (and `$1`) in order.

        Raises:
            TypeError: it is neither, or a value is of a type that parameters do not have.
            QueryError: a value has no type here.
        """
        self._is_list = not isinstance(given, Mapping)
        if given is None:
            named: dict[str, Any] = {}
        elif isinstance(given, Mapping):
            named = dict(given)
        elif isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
            named = {str(number): value for number, value in enumerate(given, 1)}
        else:
            kind = type(given).__name__
            raise TypeError(f"parameters must be a mapping of names to values, or a list of values, not {kind}")
        self._values: dict[str, Any] = {}
        self._written: dict[str, str] = {}
        for name, value in named.items():
            if not isinstance(name, str):
                raise TypeError(f"the name of a parameter must be a text, not {type(name).__name__}")
            key = lowered(name.removeprefix("$"))
            if key in self._values:
                raise TypeError(
                    f"the parameters {self._written[key]} and {name} have one name: its case does not count"
                )
            self._values[key] = plain_value(value, name)
            self._written[key] = name
        self._types: dict[str, str | None] = {}

    def __bool__(self) -> bool:
        """Say whether there is any."""
        return bool(self._values)

    def check(self, placed: Sequence[PlacedParameter], text: str) -> None:
        """Refuse what is missing or not used.

        Raises:
            QueryError: a parameter of the query has no value, or a value has no parameter.
        """
        used = {lowered(each.name): each for each in placed}
        nameless = bool(placed) and text[placed[0].begin] == "?"
        if (nameless or not used) and self._is_list and len(used) != len(self._values):
            wanted = f"{counted(len(used), 'parameter')} ?" if used else "no parameter"
            number = counted(len(self._values), "value")
            location = SourceLocation(text, placed[-1].begin) if placed else None
            raise error_at(f"the query has {wanted}, and parameters has {number}", location, QueryError)
        for name, each in used.items():
            if name not in self._values:
                there = candidates(each.name, self._written.values(), "parameters given")
                message = f"there is no value for the parameter {text[each.begin : each.end]}; {there}"
                raise error_at(message, SourceLocation(text, each.begin), QueryError)
        for name, written in self._written.items():
            if name not in used:
                known = candidates(written, dict.fromkeys(each.name for each in placed), "parameters of the query")
                raise QueryError(f"the query has no parameter {written}; {known}")

    def value(self, name: str) -> Any:
        """Return the value of a parameter."""
        return self._values[lowered(name)]

    def values(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the values of some parameters by name."""
        return {name: self.value(name) for name in names}

    def type(self, name: str) -> str | None:
        """Return DuckDB's name of a parameter's type; None where it is found out with the value only."""
        key = lowered(name)
        if key not in self._types:
            self._types[key] = _type(self._values[key])
        return self._types[key]

    def whole(self, each: PlacedParameter, text: str, what: str) -> int:
        """Return the value of a parameter that must be a whole number from 0 on.

        Raises:
            QueryError: it is another one.
        """
        value = self.value(each.name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            message = f"{what} must be a whole number from 0 on, and {text[each.begin : each.end]} is {_shown(value)}"
            raise error_at(message, SourceLocation(text, each.begin), QueryError)
        return value

    def node(self, parameter: Parameter, *, typed: bool) -> Node:
        """Return a node for a value.

        Args:
            parameter: whose value it is.
            typed: texts are of the type VARCHAR; otherwise they become what they stand beside, as in a query's text.
        """
        value = self.value(parameter.name)
        found = _node(value)
        if typed and isinstance(value, str):
            found = Cast(found, TypeName("VARCHAR"))
        return replace(found, span=parameter.span)

    def literal(self, name: str, kind: str) -> typed.Typed:
        """Return a value as the engine holds it, or what DuckDB computes it by.

        Args:
            name: of the parameter.
            kind: DuckDB's name of the type, which holds the same number.
        """
        from rowpattern.sql.expression.write import sql_of

        value = self.value(name)
        held = _held(value)
        if held is None and value is not None:
            return typed.Constant(kind, sql_of(_node(value)), changes=True)
        return typed.Literal(kind, held)

    def in_place(self, node: typed.Typed) -> typed.Typed:
        """Return the value of a parameter in the place of the column that stands for it; others stay."""
        if isinstance(node, typed.Reference) and node.name.startswith(PARAMETER_COLUMN):
            return self.literal(node.name[len(PARAMETER_COLUMN) :], node.type)
        return node

    def encoded(self) -> Any:
        """Return the values as JSON has them; `decoded` is the other way."""
        return [self._is_list, [[self._written[name], _encoded(value)] for name, value in self._values.items()]]

    @classmethod
    def decoded(cls, sent: Any) -> ParameterValues:
        """Return what was encoded."""
        is_list, items = sent
        found = cls({name: _decoded(value) for name, value in items})
        found._is_list = is_list
        return found

    @cached_property
    def key(self) -> str:
        """A text that no other values have."""
        return repr(sorted(self._values.items()))


def has_parameter(node: Node) -> bool:
    """Say whether an expression has a parameter."""
    return any(isinstance(each, Parameter) for each in walk(node))


def with_values(node: Node, values: ParameterValues, *, typed: bool) -> Node:
    """Return an expression with values in the place of its parameters."""
    if isinstance(node, Parameter):
        return values.node(node, typed=typed)
    return map_children(node, lambda each: with_values(each, values, typed=typed))


# Values.


def _type(value: Any) -> str | None:
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return next(name for name, least, most in _WHOLE if least <= value <= most)
    if isinstance(value, decimal.Decimal):
        return "DOUBLE" if not value.is_finite() else "DECIMAL({},{})".format(*digits_of(value))
    if isinstance(value, dt.datetime):
        return "TIMESTAMP" if value.tzinfo is None else "TIMESTAMP WITH TIME ZONE"
    if isinstance(value, dt.time):
        return "TIME" if value.tzinfo is None else "TIME WITH TIME ZONE"
    if isinstance(value, list):
        return _list_type(value)
    if isinstance(value, dict):
        return _struct_type(value)
    kinds = ((type(None), "NULL"), (float, "DOUBLE"), (str, "VARCHAR"), (bytes, "BLOB"), (dt.date, "DATE"))
    more = ((dt.timedelta, "INTERVAL"), (uuid.UUID, "UUID"))
    return next(name for kind, name in (*kinds, *more) if isinstance(value, kind))


def _list_type(value: list[Any]) -> str | None:
    kinds = {_type(each) for each in value if each is not None}
    if len(kinds) == 1:
        (kind,) = kinds
        return None if kind is None else f"{kind}[]"
    return "BIGINT[]" if kinds == {"INTEGER", "BIGINT"} else None


def _is_map(value: dict[str, Any]) -> bool:
    """Say whether DuckDB takes a dict as a map: a list of keys, and one of values."""
    both = value.keys() == {"key", "value"} and all(isinstance(each, list) for each in value.values())
    return not value or (both and len(value["key"]) == len(value["value"]))


def _struct_type(value: dict[str, Any]) -> str | None:
    if _is_map(value):
        return None
    kinds = {name: _type(each) for name, each in value.items()}
    if any(kind in {None, "NULL"} for kind in kinds.values()):
        return None
    return f"STRUCT({', '.join(f'{quoted(name)} {kind}' for name, kind in kinds.items())})"


def _node(value: Any) -> Node:
    kind = _type(value)
    if value is None:
        return Literal("NULL_LITERAL")
    if isinstance(value, bool):
        return Literal("BOOLEAN", str(value).lower())
    if isinstance(value, str):
        return Literal("STRING", value)
    if isinstance(value, bytes):
        return Literal("HEX", value.hex())
    if isinstance(value, list):
        return Operation("ARRAY_CONSTRUCTOR", tuple(map(_node, value)))
    if isinstance(value, dict) and _is_map(value):
        return Call("map", tuple(Argument(_node(value[each])) for each in ("key", "value") if value))
    if isinstance(value, dict):
        return Call("struct_pack", tuple(Argument(_node(each), name) for name, each in value.items()))
    if isinstance(value, dt.timedelta):
        days = Call("to_days", (Argument(Literal("INTEGER", str(value.days))),))
        within = value - dt.timedelta(days=value.days)
        micros = Call("to_microseconds", (Argument(Literal("INTEGER", str(within // _MICROSECOND))),))
        return Call("+", (Argument(days), Argument(micros)), operator=True)
    assert kind is not None  # noqa: S101 - all others have one
    return Cast(Literal("STRING", _written(value)), _type_name(kind))


def _type_name(kind: str) -> TypeName:
    name, _, parts = kind.partition("(")
    numbers = parts.rstrip(")").split(",") if parts else []
    return TypeName(name, tuple((None, Literal("INTEGER", each)) for each in numbers))


def _written(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, decimal.Decimal):
        return f"{value:f}" if value.is_finite() else str(float(value))
    if isinstance(value, dt.datetime):
        # With its offset: in UTC it may have no year that Python knows.
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)


def _held(value: Any) -> Any:
    """Return a value as the engine holds it; None where it holds none."""
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, decimal.Decimal):
        return int(value.scaleb(digits_of(value)[1], decimal.Context(prec=50))) if value.is_finite() else None
    if isinstance(value, dt.datetime):
        return ((value if value.tzinfo else value.replace(tzinfo=dt.timezone.utc)) - _EPOCH) // _MICROSECOND
    if isinstance(value, dt.date):
        return (value - _EPOCH.date()).days
    if isinstance(value, dt.timedelta):
        return (0, value.days, (value - dt.timedelta(days=value.days)) // _MICROSECOND)
    return None


def _shown(value: Any, most: int = 40) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."


# Values in JSON: what it has is itself, all else is a list of its kind and its parts.

_BY_TEXT: dict[str, tuple[type, Any, Any]] = {
    "bytes": (bytes, bytes.hex, bytes.fromhex),
    "decimal": (decimal.Decimal, str, decimal.Decimal),
    "datetime": (dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),
    "date": (dt.date, dt.date.isoformat, dt.date.fromisoformat),
    "time": (dt.time, dt.time.isoformat, dt.time.fromisoformat),
    "uuid": (uuid.UUID, str, uuid.UUID),
    "float": (float, repr, float),
}


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, list):
        return ["list", *map(_encoded, value)]
    if isinstance(value, dict):
        return ["dict", *([name, _encoded(each)] for name, each in value.items())]
    if isinstance(value, dt.timedelta):
        return ["timedelta", value.days, value.seconds, value.microseconds]
    return next([name, write(value)] for name, (kind, write, _) in _BY_TEXT.items() if isinstance(value, kind))


def _decoded(sent: Any) -> Any:
    if not isinstance(sent, list):
        return sent
    kind, *parts = sent
    if kind == "list":
        return list(map(_decoded, parts))
    if kind == "dict":
        return {name: _decoded(each) for name, each in parts}
    if kind == "timedelta":
        return dt.timedelta(*parts)
    return _BY_TEXT[kind][2](*parts)
