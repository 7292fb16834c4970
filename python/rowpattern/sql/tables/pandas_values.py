"""Values of a column as pandas holds them, and as Arrow columns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.arrays import from_numpy, from_python
from rowpattern.sql.runtime.no_limit import no_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PandasValues", "from_pandas", "objects_of", "taken"]

# Objects are converted in pieces, as other threads have no interpreter meanwhile: a first one of so many objects, then
# as many as the piece before says can be converted in `_PIECE_SECONDS`, and at most so many. A text takes 20 ns, a
# decimal half a microsecond, a list a microsecond.
_FIRST_PIECE = 1 << 12
_LARGEST_PIECE = 1 << 18
_PIECE_SECONDS = 0.004
# How long the interpreter is free between two pieces.
_FREE_SECONDS = 50e-6
_MOST_DIGITS = 76
_FLOAT_BYTES = (4, 8)
# Of times, which Arrow has too; and what stands for no time.
_UNITS = frozenset({"s", "ms", "us", "ns"})
_NO_TIME = np.iinfo(np.int64).min


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


def from_pandas(values: Any, name: str, check: Callable[[], None] = no_limit) -> pa.ChunkedArray:
    """Return values of pandas as Arrow has them.

    Args:
        values: the series, or its array.
        name: the column's, for errors.
        check: called now and then where it takes long; it raises an error where time is over.

    Raises:
        QueryError: they have no common type.
    """
    try:
        array = _numbers(values) if isinstance(values, np.ndarray) else None
        if array is None:
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


def _numbers(values: np.ndarray[Any, Any]) -> pa.Array | None:
    """Return numbers and times, NaN and NaT as NULL, without a copy; None for other values.

    pyarrow looks for NaN value by value, which takes longer than one pass of numpy over all of them.
    """
    dtype = values.dtype
    if dtype.kind in "iu" and dtype.isnative:
        return from_numpy(values)
    if dtype.kind == "f" and dtype.itemsize in _FLOAT_BYTES and dtype.isnative:
        # The minimum is NaN where any number is.
        has_nulls = len(values) > 0 and np.isnan(values.min())
        return from_numpy(values, np.isnan(values) if has_nulls else None)
    if dtype.kind in "mM" and dtype.isnative:
        unit, count = np.datetime_data(dtype)
        if unit in _UNITS and count == 1:
            whole = values.view(np.int64)
            has_nulls = len(values) > 0 and whole.min() == _NO_TIME
            kind = pa.timestamp(unit) if dtype.kind == "M" else pa.duration(unit)
            return from_numpy(whole, np.isnat(values) if has_nulls else None).view(kind)
    return None


class _Pieces:
    """Ranges of rows, each of which takes about as long as other threads may have to wait."""

    def __init__(self, rows: int, check: Callable[[], None]) -> None:
        self._rows = rows
        self._check = check

    def __iter__(self) -> Iterator[slice]:
        size, first = _FIRST_PIECE, 0
        while first < self._rows:
            self._check()
            # A thread that waits asks for the interpreter after 5 ms, and waits anew whenever Arrow gives it up for a
            # moment within a piece. Only where it is free for longer is that thread sure to have it.
            time.sleep(_FREE_SECONDS)
            begun = time.perf_counter()
            yield slice(first, min(first + size, self._rows))
            first += size
            wanted = size * _PIECE_SECONDS / max(time.perf_counter() - begun, 1e-6)
            size = min(_LARGEST_PIECE, 8 * size, max(_FIRST_PIECE // 4, int(wanted)))
        self._check()


def _values_of(values: Any) -> Any:
    """Return what can be converted piece by piece; None where the whole takes no longer, or pieces are no smaller."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return np.asarray(values) if dtype.kind == "O" else None
    # Values that Arrow holds already are not converted.
    is_arrow = hasattr(dtype, "pyarrow_dtype") or getattr(dtype, "storage", None) == "pyarrow"
    return None if is_arrow else values.array


def _coded(values: Any, check: Callable[[], None]) -> pa.Array | None:
    """Return values of many categories, which are converted piece by piece; None where that gains nothing."""
    labels = _in_pieces(values.categories, check)
    if labels is None:
        return None
    codes = values.codes
    # The code of NULL is -1.
    indices = from_numpy(codes, codes < 0 if codes.min() < 0 else None)
    return pa.DictionaryArray.from_arrays(indices, labels, ordered=bool(values.ordered), safe=False)


def _in_pieces(values: Any, check: Callable[[], None]) -> pa.Array | None:
    """Convert many objects piece by piece; None where they are few, or are converted as one only."""
    if len(values) <= _FIRST_PIECE:
        return None
    if hasattr(values.dtype, "categories"):
        return _coded(values.array, check)
    if (own := _values_of(values)) is None:
        return None
    pieces, found = [], []
    for rows in _Pieces(len(own), check):
        pieces.append(own[rows])
        try:
            found.append(from_python(pieces[-1], from_pandas=True))
        except (pa.ArrowException, OverflowError):
            # It may be of one type with the others.
            return None
    kind = _common_type([each.type for each in found])
    if kind is None:
        return None
    for number, piece in enumerate(pieces):
        if pa.types.is_integer(found[number].type) and pa.types.is_decimal(kind):
            check()
            found[number] = from_python(piece, kind, from_pandas=True)
    return pa.concat_arrays([each if each.type == kind else each.cast(kind) for each in found])


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


def taken(array: Any, rows: Any, check: Callable[[], None]) -> Any:
    """Return some rows of a pandas array, or of one of Python's objects.

    Args:
        array: the array.
        rows: the numbers of the rows.
        check: called now and then where there are many; it raises an error where time is over.
    """
    if len(rows) <= (_FIRST_PIECE if type(array) is np.ndarray else _LARGEST_PIECE):
        return array.take(rows)
    if type(array) is not np.ndarray:
        pieces = [array.take(rows[piece]) for piece in _Pieces(len(rows), check)]
        return type(array)._concat_same_type(pieces)  # noqa: SLF001 - pandas' name for what its classes must have
    # Each object is referred to once more, with the interpreter's lock held.
    found = np.empty(len(rows), dtype=object)
    for piece in _Pieces(len(rows), check):
        found[piece] = array.take(rows[piece])
    return found


def objects_of(values: pa.ChunkedArray, check: Callable[[], None] = no_limit) -> Any:
    """Return values of a type that numpy does not have as an array of Python's objects, as pandas has them.

    Args:
        values: the column.
        check: called now and then where there are many; it raises an error where time is over.
    """
    found = np.empty(len(values), dtype=object)
    first = 0
    for chunk in values.chunks:
        for rows in _Pieces(len(chunk), check):
            piece = chunk.slice(rows.start, rows.stop - rows.start)
            # pandas knows of no UUID.
            made = piece.to_pylist() if isinstance(values.type, pa.UuidType) else piece.to_pandas().to_numpy()
            found[first + rows.start : first + rows.stop] = made
        first += len(chunk)
    return found
