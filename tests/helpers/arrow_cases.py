"""Arrow data as strangers might send it: valid, malformed in its C structures, or malformed in its buffers.

A case is made from its seed alone. Each knows what has to come of it: the answer, found from the raw bytes in plain
Python, or an error. Everything that pointers point to is real memory of the size that the structures say: what a
consumer of Arrow's C interface cannot check is not generated.

Run as a program, `python tests/helpers/arrow_cases.py FIRST COUNT [FILE]` runs cases and prints those that fail; the
number of the case that is being run stands in FILE, for when the process dies. So it can be run under valgrind or a
sanitizer. One file, so that nothing else of the tests has to be imported there.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import random
import re
import struct
import sys
import traceback
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import rowpattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Case", "Refused", "Stream", "cases", "run"]

ERRORS = (rowpattern.RowsError, TypeError, ValueError, MemoryError)
LABELS = ["A", "B", "a", "b", "C", "", "AB", "é", "a label of many bytes", "ein längeres Wort"]
NOT_UTF8 = [b"\xff", b"\xc3", b"A\x80", b"\xed\xa0\x80", b"a label of many byt\xe9"]
KEYS = {"c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I", "l": "q", "L": "Q"}

Labels = list[Optional[str]]
Truths = list[Optional[bool]]


class Refused(Exception):  # noqa: N818 - not an error: what the right answer is
    """The data has to be refused."""


class CSchema(ctypes.Structure):
    """`struct ArrowSchema`."""


class CArray(ctypes.Structure):
    """`struct ArrowArray`."""


class CStream(ctypes.Structure):
    """`struct ArrowArrayStream`."""


RELEASE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
GET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
LAST_ERROR = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
CSchema._fields_ = [
    ("format", ctypes.c_void_p),
    ("name", ctypes.c_void_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.c_void_p),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]
CArray._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.c_void_p),
    ("children", ctypes.c_void_p),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]
CStream._fields_ = [
    ("get_schema", ctypes.c_void_p),
    ("get_next", ctypes.c_void_p),
    ("get_last_error", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]

new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _release_schema(pointer: int) -> None:
    schema = CSchema.from_address(pointer)
    assert schema.release
    schema.release = None


def _release_array(pointer: int) -> None:
    array = CArray.from_address(pointer)
    assert array.release
    array.release = None


RELEASE_SCHEMA, RELEASE_ARRAY = RELEASE(_release_schema), RELEASE(_release_array)


@dataclass
class Node:
    """An array with its type, as what goes into the two structures.

    Attributes:
        expected: what the rows are, or how to find that out; raises `Refused` where it is found in the bytes.
    """

    format: bytes | None
    length: int
    buffers: list[bytes | None]
    offset: int = 0
    null_count: int = -1
    children: list[Node | None] = field(default_factory=list)
    dictionary: Node | None = None
    name: bytes | None = b""
    # What the structures say instead of what is there, by field.
    schema_lies: dict[str, int] = field(default_factory=dict)
    array_lies: dict[str, int] = field(default_factory=dict)

    def export(self, keep: list[Any]) -> tuple[CSchema, CArray]:
        """Make the structures. What they point to is kept alive by the list."""
        schema, array = CSchema(), CArray()
        children = [None if child is None else child.export(keep) for child in self.children]
        dictionary = self.dictionary and self.dictionary.export(keep)
        addresses = []
        for data in self.buffers:
            # Aligned as malloc does; of exactly this size.
            memory = None if data is None else (ctypes.c_char * max(len(data), 1)).from_buffer_copy(data or b"\0")
            keep.append(memory)
            addresses.append(ctypes.addressof(memory) if memory is not None else None)
        pointers = (ctypes.c_void_p * max(len(addresses), 1))(*addresses)
        strings = [None if text is None else ctypes.create_string_buffer(text) for text in (self.format, self.name)]
        of_schemas = (ctypes.c_void_p * max(len(children), 1))(
            *[None if child is None else ctypes.addressof(child[0]) for child in children]
        )
        of_arrays = (ctypes.c_void_p * max(len(children), 1))(
            *[None if child is None else ctypes.addressof(child[1]) for child in children]
        )
        keep += [children, dictionary, pointers, strings, of_schemas, of_arrays, schema, array]
        fields: dict[str, Any] = {
            "format": strings[0] is not None and ctypes.addressof(strings[0]),
            "name": strings[1] is not None and ctypes.addressof(strings[1]),
            "n_children": len(children),
            "children": ctypes.addressof(of_schemas),
            "dictionary": dictionary and ctypes.addressof(dictionary[0]),
            "release": _address(RELEASE_SCHEMA),
        }
        for name, value in {**fields, **self.schema_lies}.items():
            setattr(schema, name, value or None if name not in {"n_children", "flags"} else value)
        fields = {
            "length": self.length,
            "null_count": self.null_count,
            "offset": self.offset,
            "n_buffers": len(self.buffers),
            "n_children": len(children),
            "buffers": ctypes.addressof(pointers),
            "children": ctypes.addressof(of_arrays),
            "dictionary": dictionary and ctypes.addressof(dictionary[1]),
            "release": _address(RELEASE_ARRAY),
        }
        numbers = {"length", "null_count", "offset", "n_buffers", "n_children"}
        for name, value in {**fields, **self.array_lies}.items():
            setattr(array, name, value if name in numbers else value or None)
        return schema, array


class Array:
    """An object with Arrow's `__arrow_c_array__`, which gives its structures once."""

    def __init__(self, node: Node) -> None:
        self.keep: list[Any] = []
        self.schema, self.array = node.export(self.keep)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        return (
            new_capsule(ctypes.addressof(self.schema), b"arrow_schema", None),
            new_capsule(ctypes.addressof(self.array), b"arrow_array", None),
        )


_STREAMS: deque[list[Any]] = deque(maxlen=1000)


class Stream:
    """An object with Arrow's `__arrow_c_stream__`, whose callbacks are written in Python."""

    def __init__(
        self,
        nodes: list[Node],
        schema: Node,
        *,
        fail_at: int | None = None,
        error: bytes | None = None,
        lies: tuple[str, ...] = (),
        before_next: Callable[[], None] = lambda: None,
    ) -> None:
        self.keep: list[Any] = []
        pending = iter([node.export(self.keep)[1] for node in nodes])
        of_schema = schema.export(self.keep)[0]
        text = None if error is None else ctypes.create_string_buffer(error)
        calls = [0]

        def get_schema(_: int, out: int) -> int:
            ctypes.memmove(out, ctypes.addressof(of_schema), ctypes.sizeof(CSchema))
            return 0

        def get_next(_: int, out: int) -> int:
            before_next()
            calls[0] += 1
            if fail_at == calls[0] - 1:
                return 5
            array = next(pending, None)
            if array is None:
                CArray.from_address(out).release = None
            else:
                ctypes.memmove(out, ctypes.addressof(array), ctypes.sizeof(CArray))
            return 0

        def get_last_error(_: int) -> int | None:
            return None if text is None else ctypes.addressof(text)

        def release(pointer: int) -> None:
            stream = CStream.from_address(pointer)
            assert stream.release
            stream.release = None

        functions = [GET(get_schema), GET(get_next), LAST_ERROR(get_last_error), RELEASE(release)]
        self.keep += [functions, of_schema, text, nodes]
        # A stream that was taken over may be released after its consumer has returned, in another thread.
        _STREAMS.append(self.keep)
        self.stream = CStream(*[_address(function) for function in functions], None)
        for name in lies:
            setattr(self.stream, name, None)

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return new_capsule(ctypes.addressof(self.stream), b"arrow_array_stream", None)


def _bits(truths: list[bool]) -> bytes:
    out = bytearray((len(truths) + 7) // 8)
    for at, truth in enumerate(truths):
        out[at // 8] |= truth << at % 8
    return bytes(out)


def _bit(data: bytes, at: int) -> bool:
    return bool(data[at // 8] >> at % 8 & 1)


def _valid(node: Node, row: int) -> bool:
    bitmap = node.buffers[0]
    return bitmap is None or _bit(bitmap, node.offset + row)


def _read(node: Node, rows: range | None = None) -> list[Any]:
    """Read the rows of an array, as the format's specification says; raises `Refused` where they are malformed."""
    rows = range(node.length) if rows is None else rows
    kind = (node.format or b"").decode()
    if not rows:
        # Nothing is read, so nothing is malformed.
        return []
    if kind == "n":
        return [None for _ in rows]
    if kind == "+r":
        ends, values = node.children
        assert ends is not None
        assert values is not None
        size = {"s": "h", "i": "i", "l": "q"}[(ends.format or b"").decode()]
        numbers = [number for (number,) in struct.iter_unpack(size, ends.buffers[1] or b"")]
        out: list[Any] = []
        read: dict[int, Any] = {}
        for row in rows:
            at = node.offset + row
            run = next((number for number, end in enumerate(numbers) if end > at), None)
            if run is None or numbers[0] <= 0 or numbers != sorted(set(numbers)):
                raise Refused
            if run not in read:
                read[run] = _read(values, range(run, run + 1))[0]
            out.append(read[run])
        return out
    if node.dictionary is not None:
        size = KEYS[kind]
        keys = [number for (number,) in struct.iter_unpack(size, node.buffers[1] or b"")]
        values_read = _read(node.dictionary)
        out = []
        for row in rows:
            key = keys[node.offset + row]
            if not _valid(node, row):
                out.append(None)
            elif 0 <= key < len(values_read):
                out.append(values_read[key])
            else:
                raise Refused
        return out
    data = node.buffers[1] or b""
    if kind == "b":
        return [_bit(data, node.offset + row) if _valid(node, row) else None for row in rows]
    if kind in KEYS:
        numbers = [number for (number,) in struct.iter_unpack(KEYS[kind], data)]
        return [numbers[node.offset + row] if _valid(node, row) else None for row in rows]
    return [_text(node, row, kind) if _valid(node, row) else None for row in rows]


def _text(node: Node, row: int, kind: str) -> str:
    at = node.offset + row
    if kind == "vu":
        view = (node.buffers[1] or b"")[16 * at : 16 * at + 16]
        (size,) = struct.unpack("i", view[:4])
        if size < 0:
            raise Refused
        if size <= 12:
            raw = view[4 : 4 + size]
        else:
            buffer, begin = struct.unpack("ii", view[8:])
            behind = node.buffers[2:-1]
            if not (0 <= buffer < len(behind)) or begin < 0 or begin + size > len(behind[buffer] or b""):
                raise Refused
            raw = (behind[buffer] or b"")[begin : begin + size]
            if raw[:4] != view[4:8]:
                raise Refused
    else:
        offsets = [number for (number,) in struct.iter_unpack("i" if kind == "u" else "q", node.buffers[1] or b"")]
        begin, end, last = offsets[at], offsets[at + 1], offsets[node.offset + node.length]
        if not 0 <= begin <= end <= last:
            raise Refused
        raw = (node.buffers[2] or b"")[begin:end]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Refused from None


@dataclass
class Case:
    """Data, what it is given to, and what has to come of it.

    Attributes:
        what: how it was made, for people.
        use: gives the data to the package.
        expected: the answer; None where it has to be refused.
        may_refuse: whether refusing is right as well.
    """

    seed: int
    what: str
    use: Callable[[], Any]
    expected: Any
    may_refuse: bool = False


PATTERN = rowpattern.compile("A+ B")
ONLY = rowpattern.compile("A+")


def _spans_of_labels(labels: Labels) -> list[tuple[int, int]]:
    letters = "".join(label.upper() if label in {"A", "B", "a", "b"} else "." for label in labels)
    return [match.span() for match in re.finditer("A+B", letters)]


def _spans_of_truths(truths: Truths) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer("x+", "".join("x" if truth else "." for truth in truths))]


def _found(found: Any) -> list[tuple[int, int]]:
    return [found[at] for at in range(len(found))]


class Maker:
    """Makes the data of one case."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.what: list[str] = []

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def validity(self, count: int) -> bytes | None:
        if self.chance(0.5):
            return None
        return _bits([self.chance(0.8) for _ in range(count)])

    def sized(self, count: int) -> tuple[int, int]:
        """Return an offset and a length within so many items."""
        if self.chance(0.6):
            return 0, count
        offset = self.random.randint(0, count)
        return offset, self.random.randint(0, count - offset)

    def bytes_of(self, bad: bool) -> bytes:
        if bad and self.chance(0.15):
            self.what.append("text that is not UTF-8")
            return self.random.choice(NOT_UTF8)
        return self.random.choice(LABELS[:2] if self.chance(0.7) else LABELS).encode()

    def texts(self, count: int, bad: bool) -> Node:
        kind = self.random.choice(["u", "U", "vu"])
        offset, length = self.sized(count)
        raw = [self.bytes_of(bad) for _ in range(count)]
        validity = self.validity(count)
        if kind == "vu":
            return self.views(raw, validity, offset, length, bad)
        offsets, data = [0], b""
        for text in raw:
            data += text
            offsets.append(len(data))
        if bad and count and self.chance(0.3):
            at = self.random.randint(0, count)
            offsets[at] = self.random.choice([-1, 0, len(data), -(2**31), offsets[at] + 1, offsets[at] - 1])
            self.what.append(f"offset {at} is {offsets[at]}")
        # The bytes reach to the last offset that is read: a shorter buffer cannot be told from a longer one.
        last = offsets[offset + length]
        data = data.ljust(max(last, 0), b"A")
        packed = struct.pack(f"{len(offsets)}{'i' if kind == 'u' else 'q'}", *offsets)
        return Node(kind.encode(), length, [validity, packed, data], offset)

    def views(self, raw: list[bytes], validity: bytes | None, offset: int, length: int, bad: bool) -> Node:
        buffers, views = [b"", b"unused"], b""
        for text in raw:
            if len(text) <= 12:
                views += struct.pack("i12s", len(text), text)
                continue
            number = self.random.randrange(2)
            size, begin, prefix, place = len(text), len(buffers[number]), text[:4], number
            if bad and self.chance(0.3):
                lie = self.random.choice(["size", "begin", "prefix", "buffer"])
                self.what.append(f"a view with another {lie}")
                wrong = self.random.choice([-1, 2, 2**31 - 1, -(2**31), 10_000])
                size = wrong if lie == "size" else size
                begin = wrong if lie == "begin" else begin
                place = wrong if lie == "buffer" else place
                prefix = b"XXXX" if lie == "prefix" else prefix
            buffers[number] += text
            views += struct.pack("i4sii", size, prefix, place, begin)
        lengths = struct.pack("qq", *[len(data) for data in buffers])
        return Node(b"vu", length, [validity, views, *buffers, lengths], offset)

    def truths(self, count: int) -> Node:
        offset, length = self.sized(count)
        return Node(b"b", length, [self.validity(count), _bits([self.chance(0.6) for _ in range(count)])], offset)

    def dictionary(self, values: Node, count: int, bad: bool) -> Node:
        kind = self.random.choice(list(KEYS))
        limit = 1 << struct.calcsize(KEYS[kind]) * 8
        signed = kind.islower()
        keys = [self.random.randrange(values.length) if values.length else 0 for _ in range(count)]
        validity = self.validity(count) if values.length else _bits([False] * count)
        if bad and count and self.chance(0.3):
            at = self.random.randrange(count)
            wrong = [values.length, limit // 2 - 1, *([-1, -limit // 2] if signed else [limit - 1])]
            keys[at] = self.random.choice([key for key in wrong if key <= (limit // 2 if signed else limit) - 1])
            self.what.append(f"key {at} is {keys[at]} of {values.length}")
        offset, length = self.sized(count)
        packed = struct.pack(f"{count}{KEYS[kind]}", *keys)
        return Node(kind.encode(), length, [validity, packed], offset, dictionary=values)

    def runs(self, values: Node, bad: bool) -> Node:
        kind = self.random.choice(["s", "i", "l"])
        ends, end = [], 0
        for _ in range(values.length):
            end += self.random.randint(1, 4)
            ends.append(end)
        offset, length = self.sized(end)
        if bad and ends and self.chance(0.5):
            at = self.random.randrange(len(ends))
            ends[at] = self.random.choice([0, -1, ends[at - 1], ends[at] - 1, ends[at] + 1, 2**15 - 1])
            self.what.append(f"the end of run {at} is {ends[at]}")
        children = Node(kind.encode(), len(ends), [None, struct.pack(f"{len(ends)}{KEYS[kind]}", *ends)], name=b"ends")
        values.name = b"values"
        return Node(b"+r", length, [], offset, 0, [children, values])

    def encoded(self, leaf: Callable[[int, bool], Node], bad: bool) -> Node:
        """Return values, maybe as a dictionary, runs, or runs of a dictionary."""
        count = self.random.choice([0, 1, 3, 8, 30])
        shape = self.random.choice(["plain", "plain", "dictionary", "runs", "runs of a dictionary"])
        if shape == "plain":
            return leaf(count, bad)
        if shape == "dictionary":
            return self.dictionary(leaf(self.random.choice([0, 1, 4]), bad), count, bad)
        if shape == "runs":
            return self.runs(leaf(self.random.choice([0, 1, 6]), bad), bad)
        return self.runs(self.dictionary(leaf(4, bad), 5, bad), bad)

    def lie(self, node: Node, *, top: bool = True) -> bool:
        """Make a structure contradict itself. Returns whether the data has to be refused (False: maybe)."""
        inner = [child for child in [*node.children, node.dictionary] if child is not None]
        if inner and self.chance(0.4):
            return self.lie(self.random.choice(inner), top=False)
        kind = (node.format or b"").decode()
        length = node.length
        certain: list[tuple[str, Callable[[], Any]]] = [
            ("released array", lambda: node.array_lies.update(release=0)),
            ("released schema", lambda: node.schema_lies.update(release=0)),
            ("length -1", lambda: node.array_lies.update(length=-1)),
            ("length 2**63-1", lambda: node.array_lies.update(length=2**63 - 1)),
            ("length -2**63", lambda: node.array_lies.update(length=-(2**63))),
            ("offset -1", lambda: node.array_lies.update(offset=-1)),
            ("offset 2**63-1", lambda: node.array_lies.update(offset=2**63 - 1, length=max(length, 1))),
            ("null count -2", lambda: node.array_lies.update(null_count=-2)),
            ("null count beyond length", lambda: node.array_lies.update(null_count=length + 1)),
            ("no format", lambda: setattr(node, "format", None)),
            ("empty format", lambda: setattr(node, "format", b"")),
            ("format not UTF-8", lambda: setattr(node, "format", b"\xff\xfe")),
            ("unknown format", lambda: setattr(node, "format", self.random.choice([b"x", b"uu", b"+", b"w:", b"d:1"]))),
            ("name not UTF-8", lambda: setattr(node, "name", b"\xff")),
            ("a child too many in the schema", lambda: node.schema_lies.update(n_children=len(node.children) + 1))
            if kind != "+s"
            else ("no children in the schema", lambda: node.schema_lies.update(n_children=-1)),
            ("children -1 in the schema", lambda: node.schema_lies.update(n_children=-1)),
            ("a child too many", lambda: node.array_lies.update(n_children=len(node.children) + 1)),
            ("children -1", lambda: node.array_lies.update(n_children=-1)),
            ("children -2**63", lambda: node.array_lies.update(n_children=-(2**63))),
            ("buffers -1", lambda: node.array_lies.update(n_buffers=-1)),
        ]
        if kind != "vu":
            certain.append(("a buffer too many", lambda: node.array_lies.update(n_buffers=len(node.buffers) + 1)))
        if node.buffers:
            certain.append(("no buffers", lambda: node.array_lies.update(n_buffers=0)))
            certain.append(("buffers NULL", lambda: node.array_lies.update(buffers=0)))
            certain.append(("nested format", lambda: setattr(node, "format", b"+r")))
        if node.children:
            certain.append(("children NULL in the schema", lambda: node.schema_lies.update(children=0)))
            certain.append(("children NULL", lambda: node.array_lies.update(children=0)))
            certain.append(("a child NULL", lambda: node.children.__setitem__(0, None)))
        if node.dictionary is not None:
            certain.append(("dictionary NULL", lambda: node.array_lies.update(dictionary=0)))
            certain.append(("dictionary NULL in the schema", lambda: node.schema_lies.update(dictionary=0)))
        if len(node.buffers) > 1 and length:
            certain.append(("data NULL", lambda: node.buffers.__setitem__(1, None)))
        if kind in {"b", "u", "U", "vu"} and node.dictionary is None:
            certain.append(("a dictionary", self._with_dictionary(node)))
        maybe: list[tuple[str, Callable[[], Any]]] = [
            ("name NULL", lambda: setattr(node, "name", None)),
            ("null count -1", lambda: node.array_lies.update(null_count=-1)),
            ("null count 0", lambda: node.array_lies.update(null_count=0)),
            ("null count 1", lambda: node.array_lies.update(null_count=min(1, length))),
            ("flags", lambda: node.schema_lies.update(flags=-1)),
        ]
        is_certain = self.chance(0.8)
        what, change = self.random.choice(certain if is_certain else maybe)
        self.what.append(what if top else f"{what} inside")
        change()
        return is_certain

    @staticmethod
    def _with_dictionary(node: Node) -> Callable[[], None]:
        other = Node(b"b", 0, [None, b""])

        def change() -> None:
            node.dictionary = other
            # The type has none.
            node.schema_lies["dictionary"] = 0

        return change


def make(seed: int) -> Case:
    """Make a case from its seed."""
    maker = Maker(seed)
    use = maker.random.choice(["labels", "labels", "booleans", "record", "partitions", "stream"])
    family = maker.random.choice(["valid", "content", "content", "structure", "structure"])
    bad = family == "content"
    if use in {"labels", "stream"}:
        node = maker.encoded(maker.texts, bad)
        answer = _spans_of_labels
    elif use == "partitions":
        return _partitions(maker, seed, family)
    else:
        node = maker.encoded(lambda count, _: maker.truths(count), bad)
        answer = _spans_of_truths  # type: ignore[assignment]
    if use == "record":
        return _record(maker, seed, node, family)
    try:
        expected = answer(_read(node))
    except Refused:
        expected = None
    # What is malformed where no row reads it may be refused as well.
    may_refuse = bool(maker.what)
    if family == "structure":
        if maker.lie(node):
            expected = None
        may_refuse = True
    what = f"{use}, {family}: {', '.join(maker.what)}; {(node.format or b'NULL').decode(errors='replace')}"
    if use == "stream":
        if "released array" in maker.what:
            # So a stream says that it ends.
            expected = []
        stream: Any = Stream([node], node)
        return Case(seed, what, lambda: _found(PATTERN.spans(stream)), expected, may_refuse)
    array: Any = Array(node)
    if use == "labels":
        return Case(seed, what, lambda: _found(PATTERN.spans(array)), expected, may_refuse)
    return Case(seed, what, lambda: _found(ONLY.spans({"A": array})), expected, may_refuse)


def _partitions(maker: Maker, seed: int, family: str) -> Case:
    """Counts of partitions, as whole numbers of any width."""
    kind = maker.random.choice(list(KEYS))
    counts = [maker.random.randint(0, 5) for _ in range(maker.random.choice([1, 2, 7]))]
    node = Node(kind.encode(), len(counts), [None, struct.pack(f"{len(counts)}{KEYS[kind]}", *counts)])
    if maker.chance(0.3):
        values, node = node, maker.runs(node, bad=False)
        node.offset, node.length = 0, sum(1 for _ in _run_rows(node))
        counts = [counts[run] for run in _run_rows(node)]
        maker.what.append(f"runs of {values.length}")
    rows = [True] * sum(counts)
    expected: Any = sum(1 for count in counts if count)
    may_refuse = family == "structure"
    if may_refuse and maker.lie(node):
        expected = None
    array: Any = Array(node)
    what = f"partitions, {family}: {', '.join(maker.what)}"
    return Case(seed, what, lambda: ONLY.count({"A": rows}, partitions=("counts", array)), expected, may_refuse)


def _run_rows(node: Node) -> Iterator[int]:
    ends = node.children[0]
    assert ends is not None
    before = 0
    numbers = struct.iter_unpack(KEYS[(ends.format or b"").decode()], ends.buffers[1] or b"")
    for run, (end,) in enumerate(numbers):
        for _ in range(before, end):
            yield run
        before = end


def _record(maker: Maker, seed: int, column: Node, family: str) -> Case:
    """A table of one column, whose records may be NULL, and which may be a part of its column."""
    column.name = b"A"
    offset, length = maker.sized(column.length)
    record = Node(b"+s", length, [maker.validity(column.length)], offset, children=[column])
    rows = range(offset, offset + length)
    may_refuse = bool(maker.what)
    expected: Any = None
    with contextlib.suppress(Refused):
        # Where the record is NULL, its column may hold anything.
        truths = [_read(column, range(at, at + 1))[0] if _valid(record, row) else None for row, at in enumerate(rows)]
        expected = _spans_of_truths(truths)
    if family == "structure":
        may_refuse = True
        if maker.chance(0.2):
            record.length = column.length - offset + 1
            maker.what.append("a column shorter than its record")
            record.buffers[0] = None
            expected = None
        elif maker.lie(record):
            expected = None
    array: Any = Array(record)
    what = f"record, {family}: {', '.join(maker.what)}"
    return Case(seed, what, lambda: _found(ONLY.spans(array)), expected, may_refuse)


def cases(first: int, count: int) -> Iterator[Case]:
    """Make cases, one after another."""
    return (make(seed) for seed in range(first, first + count))


def run(case: Case) -> str | None:
    """Run a case; returns what is wrong with what came of it."""
    try:
        found = case.use()
    except ERRORS as error:
        if isinstance(error, rowpattern.InternalError):
            return f"{type(error).__name__}: {error}"
        return None if case.expected is None or case.may_refuse else f"refused: {type(error).__name__}: {error}"
    except BaseException as error:  # noqa: BLE001 - a panic is no Exception
        return "".join(traceback.format_exception_only(type(error), error)).strip()
    if case.expected is None:
        return f"was not refused: {found}"
    return None if found == case.expected else f"gave {found}, not {case.expected}"


def main(arguments: list[str]) -> int:
    """Run cases, and print those that fail."""
    first, count = int(arguments[0]), int(arguments[1])
    with Path(arguments[2] if len(arguments) > 2 else "/dev/null").open("r+b") as file:
        place: Any = mmap.mmap(file.fileno(), 8) if len(arguments) > 2 else bytearray(8)
        failures = 0
        for case in cases(first, count):
            place[:8] = struct.pack("q", case.seed)
            wrong = run(case)
            if wrong is not None:
                failures += 1
                print(f"case {case.seed} ({case.what}): {wrong}", flush=True)
    return min(failures, 100)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
