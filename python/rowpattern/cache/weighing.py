"""What Python objects weigh: the bytes that a value keeps alive.

A value that borrows keeps all of what it borrows from: a numpy view its base, a slice of an Arrow column the whole
buffers. Memory that is reached twice counts once. Objects whose memory cannot be seen from outside say what they weigh
by a method:

>>> class Model:
...     def __rowpattern_bytes__(self) -> int:
...         return 5_000_000
>>> from rowpattern.cache.weighing import weigh
>>> weigh(Model())
5000000
"""

from __future__ import annotations

import gc
import sys
from mmap import mmap
from types import FunctionType
from typing import TYPE_CHECKING, Any, Callable

from rowpattern._core import Pattern, _Followed, _known_weight

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["weigh"]

# The most objects that are visited to weigh a value; the weight of a larger one is extrapolated.
_MOST_OBJECTS_WEIGHED = 20_000

# Classes of this package whose instances weigh what they are and what they refer to, as found: plans consist of
# a thousand of such objects.
_own_containers: set[type] = set()


def weigh(value: object) -> int:
    """Return the bytes that a value keeps alive: of all objects that it reaches, and of the buffers that those hold.

    - numpy arrays count what they are views of; Arrow columns their whole buffers; pandas objects their blocks.
    - Polars tells what is visible of a frame, in time linear in lists within it: a slice of a larger one counts as the
      slice. Files mapped into memory do not count: the system takes their pages back when it needs them.
    - An object whose class has a method `__rowpattern_bytes__()` weighs what that returns, and is not followed.
    - Modules, classes, and functions but for what they enclose are shared and count nothing.

    Takes time linear in the objects that it reaches, of which 20,000 are followed at most.

    Raises:
        TypeError: `__rowpattern_bytes__()` returns no int.
        ValueError: it returns less than 0.
    """
    known = _known_weight(value)
    return known if known is not None else _Weighing(_Followed(), {}).of([value])


class _Weighing:
    """The weight of some objects.

    Attributes:
        objects: bytes of the Python objects that were weighed one by one; `followed` has those of plain ones.
        buffers: bytes outside of Python's objects, and objects whose memory they say themselves.
    """

    def __init__(self, followed: _Followed, blocks: dict[int, int]) -> None:
        """Take what was counted before: objects, and blocks of memory by address with their sizes."""
        self._followed = followed
        self._before = followed.count, followed.bytes
        self._blocks = blocks
        self._waiting: list[Any] = []
        self._skipped = self._weighed = 0
        self.objects = self.buffers = 0

    def of(self, values: Iterable[Any]) -> int:
        """Return the weight of some objects together."""
        self.follow(values)
        while self._waiting and self._weighed + self.followed[0] < _MOST_OBJECTS_WEIGHED:
            self._weighed += 1
            self._weigh_one(self._waiting.pop())
        count, plain = self.followed
        count, rest = count + self._weighed, len(self._waiting) + self._skipped
        return self.buffers + (self.objects + plain) * (count + rest) // max(count, 1)

    @property
    def followed(self) -> tuple[int, int]:
        """How many plain objects were followed, and their bytes."""
        return self._followed.count - self._before[0], self._followed.bytes - self._before[1]

    def follow(self, items: Iterable[Any], skipped: int = 0) -> None:
        """Weigh plain objects with what they refer to, and others later, where that was not done before.

        Args:
            items: the objects.
            skipped: how many others are like them.
        """
        most = self._before[0] + _MOST_OBJECTS_WEIGHED
        self._waiting += self._followed.follow(list(items), _own_containers, most)
        self._skipped += skipped

    def block(self, address: int, size: int) -> None:
        """Count a block of memory, once."""
        before = self._blocks.get(address, 0)
        if size > before:
            self._blocks[address] = size
            self.buffers += size - before

    def _weigh_one(self, item: Any) -> None:
        if isinstance(item, Pattern):
            self.buffers += item.memory_bytes
            return
        kind = type(item)
        stated = getattr(kind, "__rowpattern_bytes__", None)
        if stated is not None:
            self.buffers += _checked(kind, stated(item))
            return
        special = _special(kind)
        if special is not None:
            special(item, self)
            return
        root = _root(kind)
        if root == "rowpattern" and not hasattr(item, "nbytes") and not isinstance(item, FunctionType):
            _own_containers.add(kind)
        is_pandas = root == "pandas"
        # pandas says of an object what its columns weigh, which are followed.
        self.objects += object.__sizeof__(item) if is_pandas else sys.getsizeof(item, 64)
        if isinstance(item, FunctionType):
            self.follow(each for each in (item.__closure__, item.__defaults__, item.__kwdefaults__) if each)
            return
        outside = None if is_pandas or kind is memoryview else getattr(item, "nbytes", None)
        if isinstance(outside, int):
            # A library that knows what it holds; what of that can be followed is not counted again.
            inside = _Weighing(self._followed, self._blocks)
            reached = inside.of(gc.get_referents(item))
            count, plain = inside.followed
            self._before = self._before[0] + count, self._before[1] + plain
            self.buffers += max(outside, reached)
            return
        self.follow(gc.get_referents(item))


def _checked(kind: type, size: object) -> int:
    if isinstance(size, bool) or not isinstance(size, int):
        raise TypeError(f"{kind.__qualname__}.__rowpattern_bytes__() returned {size!r}; it must be an int")
    if size < 0:
        raise ValueError(f"{kind.__qualname__}.__rowpattern_bytes__() returned {size}; it must be at least 0")
    return size


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _numpy_array(array: Any, weighing: _Weighing) -> None:
    base = array.base
    weighing.objects += 112
    if base is None:
        weighing.block(array.__array_interface__["data"][0], array.nbytes)
        if array.dtype == object:
            weighing.follow(array.flat[:_MOST_OBJECTS_WEIGHED], max(array.size - _MOST_OBJECTS_WEIGHED, 0))
        return
    if not isinstance(base, (mmap, bytes, bytearray, memoryview)) and _special(type(base)) is None:
        # An object of another library: only what is visible can be counted.
        weighing.block(array.__array_interface__["data"][0], array.nbytes)
    weighing.follow([base])


def _arrow_buffer(buffer: Any, weighing: _Weighing) -> None:
    while buffer.parent is not None:
        buffer = buffer.parent
    weighing.block(buffer.address, buffer.size)


def _arrow_array(array: Any, weighing: _Weighing) -> None:
    weighing.objects += 200
    for buffer in array.buffers():
        if buffer is not None:
            _arrow_buffer(buffer, weighing)
    if hasattr(array, "dictionary"):
        _arrow_array(array.dictionary, weighing)


def _arrow_columns(table: Any, weighing: _Weighing) -> None:
    for column in table.columns:
        _arrow_chunks(column, weighing)


def _arrow_chunks(column: Any, weighing: _Weighing) -> None:
    for chunk in getattr(column, "chunks", [column]):
        _arrow_array(chunk, weighing)


def _polars_series(series: Any, weighing: _Weighing) -> None:
    weighing.objects += 200
    if str(series.dtype) == "Object":
        weighing.follow(series.head(_MOST_OBJECTS_WEIGHED).to_list(), max(len(series) - _MOST_OBJECTS_WEIGHED, 0))
    else:
        weighing.buffers += series.estimated_size() + 16 * _texts(series)


def _texts(series: Any) -> int:
    """Return how many texts there are: Polars counts their characters, and not the 16 bytes that each takes beside."""
    kind = str(series.dtype).partition("(")[0]
    if kind in {"String", "Binary"}:
        return len(series)
    if kind == "Struct":
        return sum(map(_texts, series.struct.unnest().get_columns()))
    if kind in {"List", "Array"}:
        return _texts(series.explode())
    return 0


def _polars_frame(frame: Any, weighing: _Weighing) -> None:
    for series in frame.get_columns():
        _polars_series(series, weighing)


_SPECIAL: dict[tuple[str, str], Callable[[Any, _Weighing], None]] = {
    ("numpy", "ndarray"): _numpy_array,
    ("pyarrow", "Buffer"): _arrow_buffer,
    ("pyarrow", "Array"): _arrow_array,
    ("pyarrow", "ChunkedArray"): _arrow_chunks,
    ("pyarrow", "Table"): _arrow_columns,
    ("pyarrow", "RecordBatch"): _arrow_columns,
    ("polars", "Series"): _polars_series,
    ("polars", "DataFrame"): _polars_frame,
}


def _special(kind: type) -> Callable[[Any, _Weighing], None] | None:
    """Return how a class of an array library is weighed; those are not imported for it."""
    for base in kind.__mro__:
        found = _SPECIAL.get((_root(base), base.__name__))
        if found is not None:
            return found
    return None
