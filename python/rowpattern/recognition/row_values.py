"""What a library computes for an expression, as a value for each row in Arrow's form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.counted import counted
from rowpattern.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

__all__ = ["joined", "row_values", "truths"]


def truths(name: str, values: Any, count: int) -> pa.Array:
    """Return a truth value for each of some rows; NULL is not true.

    Raises:
        QueryError: there are more or fewer, or they are none.
    """
    import pyarrow as pa

    found = _array(name, values, count, "a boolean")
    if pa.types.is_null(found.type):
        return pa.array([False] * count, pa.bool_())
    if not pa.types.is_boolean(found.type):
        raise QueryError(f"{name} gives values of the type {found.type}; a condition is true or false")
    return found.fill_null(False)


def row_values(name: str, values: Any, count: int) -> pa.Array:
    """Return a value of any type for each of some rows; as `truths`."""
    return _array(name, values, count, "a value")


def joined(name: str, parts: Sequence[pa.Array]) -> pa.ChunkedArray:
    """Put the values of partitions one after another, in a type that holds all of them.

    Raises:
        QueryError: there is no such type.
    """
    import pyarrow as pa

    fields = (pa.schema([pa.field("value", each.type)]) for each in parts)
    try:
        kind = pa.unify_schemas(list(fields), promote_options="permissive").field(0).type if parts else pa.null()
        return pa.chunked_array([each.cast(kind) for each in parts], kind)
    except pa.ArrowException as error:
        raise QueryError(f"{name} gives values of other types for other partitions: {error}") from error


def _array(name: str, values: Any, count: int, what: str) -> pa.Array:
    import pyarrow as pa

    if isinstance(values, pa.Scalar) or not hasattr(values, "__len__") or isinstance(values, (str, bytes)):
        values = _repeated(values, count)
    if hasattr(values, "to_arrow"):
        values = values.to_arrow()
    if not isinstance(values, (pa.Array, pa.ChunkedArray)):
        try:
            values = pa.array(values, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, LookupError) as error:
            raise QueryError(f"{name} does not give {what} for each row: {error}") from error
    if len(values) != count:
        found = f"{name} gives {counted(len(values), 'value')} for a partition of {counted(count, 'row')}"
        raise QueryError(f"{found}; give one for each row")
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return pa.concat_arrays(values.chunks) if isinstance(values, pa.ChunkedArray) else values


def _repeated(value: Any, count: int) -> Any:
    """Return one value for each row, where it is a plain one."""
    import numpy as np
    import pyarrow as pa

    if isinstance(value, np.generic):
        value = value.item()
    try:
        return pa.repeat(value if isinstance(value, pa.Scalar) else pa.scalar(value, from_pandas=True), count)
    except (pa.ArrowException, TypeError, ValueError):
        return value
