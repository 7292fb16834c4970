"""Spark's types as Arrow's, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import types

from rowpattern.errors import UnsupportedQueryError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["arrow_field", "as_answered", "sent_type", "spark_type"]

_PLAIN: dict[type[types.DataType], pa.DataType] = {
    types.BooleanType: pa.bool_(),
    types.ByteType: pa.int8(),
    types.ShortType: pa.int16(),
    types.IntegerType: pa.int32(),
    types.LongType: pa.int64(),
    types.FloatType: pa.float32(),
    types.DoubleType: pa.float64(),
    types.BinaryType: pa.binary(),
    types.DateType: pa.date32(),
    types.TimestampNTZType: pa.timestamp("us"),
    types.DayTimeIntervalType: pa.duration("us"),
    types.CharType: pa.string(),
    types.VarcharType: pa.string(),
    types.NullType: pa.null(),
}
_FROM_PLAIN = {
    pa.bool_(): types.BooleanType(),
    pa.int8(): types.ByteType(),
    pa.int16(): types.ShortType(),
    pa.int32(): types.IntegerType(),
    pa.int64(): types.LongType(),
    pa.float32(): types.FloatType(),
    pa.float64(): types.DoubleType(),
    pa.date32(): types.DateType(),
    pa.null(): types.NullType(),
}
# New in Spark 4.1.
_TIME = getattr(types, "TimeType", None)
# A finer time is one of DuckDB's in nanoseconds.
_MICROSECOND_DIGITS = 6


def arrow_field(field: types.StructField, time_zone: str) -> pa.Field:
    """Return a column of a frame as Arrow has it.

    Args:
        field: the column.
        time_zone: the session's.

    Raises:
        UnsupportedQueryError: no query can read it.
    """
    return pa.field(field.name, _arrow_type(field.dataType, field.name, time_zone), field.nullable)


def _arrow_type(kind: types.DataType, name: str, time_zone: str) -> pa.DataType:
    plain = _PLAIN.get(type(kind))
    if plain is not None:
        return plain
    if isinstance(kind, types.StringType):
        collation = getattr(kind, "collation", "UTF8_BINARY")
        if collation != "UTF8_BINARY":
            message = f"column {name} has the collation {collation}, and a query compares texts by their characters"
            raise UnsupportedQueryError(f"{message}; make it collate({name}, 'UTF8_BINARY') first")
        return pa.string()
    if isinstance(kind, types.DecimalType):
        return pa.decimal128(kind.precision, kind.scale)
    if isinstance(kind, types.TimestampType):
        return pa.timestamp("us", time_zone)
    if _TIME is not None and isinstance(kind, _TIME):
        return pa.time64("us" if kind.precision <= _MICROSECOND_DIGITS else "ns")
    nested = _nested(kind, lambda inner: _arrow_type(inner, name, time_zone))
    if nested is not None:
        return nested
    message = f"column {name} is {kind.simpleString()}, which a query cannot read"
    raise UnsupportedQueryError(f"{message}; cast it first, as in cast({name} AS string), or leave it out")


def _nested(kind: types.DataType, inner: Callable[[types.DataType], pa.DataType]) -> pa.DataType | None:
    if isinstance(kind, types.ArrayType):
        return pa.list_(pa.field("element", inner(kind.elementType), kind.containsNull))
    if isinstance(kind, types.MapType):
        return pa.map_(inner(kind.keyType), pa.field("value", inner(kind.valueType), kind.valueContainsNull))
    if isinstance(kind, types.StructType):
        return pa.struct([pa.field(each.name, inner(each.dataType), each.nullable) for each in kind.fields])
    return None


def spark_type(kind: pa.DataType, name: str) -> types.DataType:
    """Return Spark's type for a column of an answer.

    Raises:
        UnsupportedQueryError: Spark has none; the message names what to write in the query.
    """
    plain = _FROM_PLAIN.get(kind)
    if plain is not None:
        return plain
    is_ = pa.types
    if is_.is_dictionary(kind):
        return spark_type(kind.value_type, name)
    if is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind):
        return types.StringType()
    if is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_binary_view(kind):
        return types.BinaryType()
    if is_.is_decimal128(kind) and kind.scale >= 0:
        return types.DecimalType(kind.precision, kind.scale)
    if is_.is_timestamp(kind) and kind.unit != "ns":
        return types.TimestampNTZType() if kind.tz is None else types.TimestampType()
    if (is_.is_time64(kind) or is_.is_time32(kind)) and _TIME is not None:
        time: types.DataType = _TIME(_MICROSECOND_DIGITS)
        return time
    if is_.is_duration(kind):
        return types.DayTimeIntervalType()
    return _spark_nested(kind, name)


def _spark_nested(kind: pa.DataType, name: str) -> types.DataType:
    is_ = pa.types

    def inner(field: pa.Field) -> types.DataType:
        return spark_type(field.type, name)

    if is_.is_map(kind):
        return types.MapType(inner(kind.key_field), inner(kind.item_field), kind.item_field.nullable)
    if is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind):
        return types.ArrayType(inner(kind.value_field), kind.value_field.nullable)
    if is_.is_struct(kind):
        fields = [kind.field(at) for at in range(kind.num_fields)]
        return types.StructType([types.StructField(each.name, inner(each), each.nullable) for each in fields])
    message = f"{name} is {kind}, and Spark does not have such a type"
    raise UnsupportedQueryError(f"{message}; cast it in the query, as in {name}::{_instead(kind)}")


def _instead(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz is None else "TIMESTAMPTZ"
    return "DECIMAL(20, 0)" if pa.types.is_integer(kind) else "VARCHAR"


def sent_type(kind: types.DataType, time_zone: str) -> pa.DataType:
    """Return the type in which Spark reads a column from a task."""
    if _TIME is not None and isinstance(kind, _TIME):
        return pa.time64("ns")
    nested = _nested(kind, lambda inner: sent_type(inner, time_zone))
    return _arrow_type(kind, "", time_zone) if nested is None else nested


def as_answered(field: types.StructField, name: str) -> types.StructField:
    """Return a column that is passed on to the answer: nothing but its name may change."""
    kind: Any = field.dataType
    if isinstance(kind, (types.CharType, types.VarcharType)):
        # A function cannot give these.
        kind = types.StringType()
    return types.StructField(name, kind, field.nullable)
