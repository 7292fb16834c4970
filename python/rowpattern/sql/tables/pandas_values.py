"""Values of a column as pandas holds them, and as Arrow columns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError
from rowpattern.sql.arrow.arrays import from_numpy, from_python
from rowpattern.sql.arrow.common_types import common_type
from rowpattern.sql.runtime.no_limit import no_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PandasValues", "from_pandas", "objects_of", "taken"]

# So many are converted at once, whatever they are.
_FEW = 1 << 9
# More objects are converted in pieces, as other threads have no interpreter meanwhile: a first one of so many, then as
# many as the piece before says can be converted in `_PIECE_SECONDS`, and at most so many: a text takes 20 ns, a decimal
# or UUID some microseconds, a long list more, and a column may begin with NULLs, which say nothing of what follows.
_FIRST_PIECE = 1 << 8
_LEAST_PIECE = 1 << 4
_LARGEST_PIECE = 1 << 13
_PIECE_SECONDS = 0.004
# What pandas' own arrays hold is of one size.
_FEW_TAKEN = 1 << 18
# How long the interpreter is free after so much work.
_FREE_SECONDS = 50e-6
_BETWEEN_FREE_SECONDS = 0.003
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

    def __init__(self, rows: int, check: Callable[[], None], largest: int | None = None) -> None:
        self._rows = rows
        self._check = check
        self._largest = _LARGEST_PIECE if largest is None else largest

    def __iter__(self) -> Iterator[slice]:
        size, first = _FIRST_PIECE, 0
        begun = freed = time.perf_counter()
        while first < self._rows:
            if begun - freed >= _BETWEEN_FREE_SECONDS:
                self._check()
                # A thread that waits asks for the interpreter after 5 ms, and waits anew whenever Arrow gives it up for
                # a moment within a piece. Only where it is free for longer is that thread sure to have it.
                time.sleep(_FREE_SECONDS)
                begun = freed = time.perf_counter()
            yield slice(first, min(first + size, self._rows))
            first += size
            ended = time.perf_counter()
            wanted = size * _PIECE_SECONDS / max(ended - begun, 1e-6)
            size = max(_LEAST_PIECE, min(self._largest, 8 * size, int(wanted)))
            begun = ended
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
    indices = from_numpy(codes, codes < 0 if len(codes) and codes.min() < 0 else None)
    return pa.DictionaryArray.from_arrays(indices, labels, ordered=bool(values.ordered), safe=False)


def _in_pieces(values: Any, check: Callable[[], None]) -> pa.Array | None:
    """Convert many objects piece by piece; None where they are few, or are converted as one only."""
    if hasattr(values.dtype, "categories"):
        # A few rows of a frame have all of its categories.
        return _coded(values.array, check) if len(values.dtype.categories) > _FEW else None
    if len(values) <= _FEW:
        return None
    if (own := _values_of(values)) is None:
        return None
    try:
        found = [(rows, from_python(own[rows], from_pandas=True)) for rows in _Pieces(len(own), check)]
        kind = common_type([each.type for _, each in found])
        if kind is None:
            return None
        converted = []
        freed = time.perf_counter()
        for rows, each in found:
            if time.perf_counter() - freed >= _BETWEEN_FREE_SECONDS:
                check()
                time.sleep(_FREE_SECONDS)
                freed = time.perf_counter()
            converted.append(each if each.type == kind else _converted(own[rows], each, kind))
    except (pa.ArrowException, OverflowError):
        # All at once they may be of one type, or give an error that says more.
        return None
    return pa.concat_arrays(converted)


def _converted(values: Any, found: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return a piece in the type of the whole."""
    if pa.types.is_null(found.type):
        return pa.nulls(len(found), kind)
    if pa.types.is_decimal(found.type):
        return found.cast(kind)
    # Again from the objects, as all at once would be converted: a cast may know other values, or none.
    return from_python(values, kind, from_pandas=True)


def taken(array: Any, rows: Any, check: Callable[[], None]) -> Any:
    """Return some rows of a pandas array, or of one of Python's objects.

    Args:
        array: the array.
        rows: the numbers of the rows.
        check: called now and then where there are many; it raises an error where time is over.
    """
    if len(rows) <= (_FEW if type(array) is np.ndarray else _FEW_TAKEN):
        return array.take(rows)
    if type(array) is not np.ndarray:
        if hasattr(array, "from_codes"):
            # To put categorical arrays together, pandas hashes all of their categories.
            return type(array).from_codes(array.codes.take(rows), dtype=array.dtype)
        pieces = [array.take(rows[piece]) for piece in _Pieces(len(rows), check, _FEW_TAKEN)]
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
            made = _uuids(piece) if isinstance(values.type, pa.UuidType) else piece.to_pandas().to_numpy()
            found[first + rows.start : first + rows.stop] = made
        first += len(chunk)
    return found


def _uuids(values: pa.Array) -> list[UUID | None]:
    """Return UUIDs as Python has them, in half of the time that `to_pylist` takes."""
    return [None if each is None else UUID(bytes=each) for each in values.storage.to_pylist()]
