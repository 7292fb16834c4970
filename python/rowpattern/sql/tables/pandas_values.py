"""Values of a column as pandas holds them, and as Arrow columns."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.arrays import from_python

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PandasValues", "as_objects", "from_pandas"]

# Some 10 ms' work for each piece, in which other threads have no interpreter: where an object takes a microsecond, and
# where a million take some 20 ms.
_SLOW_OBJECTS_A_PIECE = 1 << 13
_OBJECTS_A_PIECE = 1 << 18
_SAMPLES = 64
_SLOW_CLASSES = (Decimal, list, tuple, dict, np.ndarray)
_MOST_DIGITS = 76


class PandasValues:
    """Values of a column as pandas holds them."""

    def __init__(self, values: Any) -> None:
        """Take the array."""
        self._values = values

    @property
    def values(self) -> Any:
        """The array."""
        return self._values

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.values)


def _no_limit() -> None:
    pass


def from_pandas(values: Any, name: str, check: Callable[[], None] = _no_limit) -> pa.ChunkedArray:
    """Return values of pandas as Arrow has them.

    Args:
        values: the series, or its array.
        name: the column's, for errors.
        check: called now and then where it takes long; it raises an error where time is over.

    Raises:
        QueryError: they are of no one type.
    """
    try:
        array = _in_pieces(values, check)
        if array is None:
            array = from_python(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        message = f"column {name} cannot be read: {str(error).splitlines()[0]}; give it one type, as with astype"
        raise QueryError(message) from None
    except UnicodeEncodeError:
        message = f"column {name} has text with half of a surrogate pair, which is no character; replace it"
        raise QueryError(message) from None
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _in_pieces(values: Any, check: Callable[[], None]) -> pa.Array | None:
    """Convert many objects piece by piece; None where they are few, or are converted as one only."""
    if values.dtype != object or len(values) <= _SLOW_OBJECTS_A_PIECE:
        return None
    objects = np.asarray(values)
    slow = any(isinstance(each, _SLOW_CLASSES) for each in objects[:: max(1, len(objects) // _SAMPLES)])
    size = _SLOW_OBJECTS_A_PIECE if slow else _OBJECTS_A_PIECE
    if len(objects) <= size:
        return None
    pieces = [objects[first : first + size] for first in range(0, len(objects), size)]
    found = []
    for piece in pieces:
        check()
        try:
            found.append(from_python(piece, from_pandas=True))
        except (pa.ArrowException, OverflowError):
            # It may be of one type with the others.
            return None
    check()
    kind = _common_type([each.type for each in found])
    if kind is None:
        return None
    for number, piece in enumerate(pieces):
        if pa.types.is_integer(found[number].type) and pa.types.is_decimal(kind):
            check()
            found[number] = from_python(piece, kind, from_pandas=True)
    return pa.concat_arrays([each.cast(kind) for each in found])


def _common_type(kinds: list[pa.DataType]) -> pa.DataType | None:
    """Return the type that pyarrow gives for all pieces together, or None where the types of each do not say it."""
    known = {kind for kind in kinds if not pa.types.is_null(kind)}
    if len(known) == 1:
        return known.pop()
    # Whole numbers beside decimals must fit into the type of those.
    known = {kind for kind in known if not pa.types.is_integer(kind)}
    if not known or not all(pa.types.is_decimal(kind) for kind in known):
        return None
    scale = max(kind.scale for kind in known)
    digits = max(kind.precision - kind.scale for kind in known) + scale
    if digits > _MOST_DIGITS:
        return None
    return pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)  # noqa: PLR2004 - of 128 bits


def as_objects(values: list[Any]) -> Any:
    """Return a numpy array of Python objects, whatever they are (lists too)."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
