"""Messages between a process and its workers: JSON with its length before it, and Arrow's IPC in shared memory.

Nothing that comes is code, and nothing is unpickled. Shared memory has no name, so none stays behind: its descriptor is
sent beside a message.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import select
import socket
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Channel", "ClosedError", "ReceivedTables", "SentTables", "wait_until_closed"]

_LENGTH = struct.Struct("<I")
# A query's text has at most some hundreds of KB; the description of an answer has some KB a column.
_MOST_MESSAGE_BYTES = 256 << 20
_MOST_DESCRIPTORS = 1
# Shared memory that is written again costs a copy; new memory costs the system's time for each page as well.
_MOST_KEPT_BYTES = 256 << 20
_LEAST_BYTES = 1 << 20
# As Arrow's buffers.
_ALIGNMENT = 64
_MEMCOPY_BYTES = 1 << 20


class ClosedError(Exception):
    """The other side has gone."""


class Channel:
    """One end of a pair of sockets."""

    def __init__(self, end: socket.socket) -> None:
        """Take an end."""
        self._socket = end
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def send(self, message: dict[str, Any], descriptor: int | None = None) -> None:
        """Send a message, and a descriptor with it.

        Raises:
            ClosedError: the other side has gone.
        """
        text = json.dumps(message, ensure_ascii=True).encode()
        data = _LENGTH.pack(len(text)) + text
        try:
            if descriptor is not None:
                sent = socket.send_fds(self._socket, [data], [descriptor])
                data = data[sent:]
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise ClosedError from None

    def receive(
        self, seconds_left: Callable[[], float] | None = None, look_seconds: float = 0.03
    ) -> tuple[dict[str, Any], int | None]:
        """Wait for a message; return it, and the descriptor that came with it.

        Args:
            seconds_left: how long to wait; for ever without.
            look_seconds: the longest wait without a look at signals.

        Raises:
            ClosedError: the other side has gone, or sends what is no message.
            TimeoutError: nothing came.
        """
        descriptors: list[int] = []
        try:
            (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size, descriptors, seconds_left, look_seconds))
            message = json.loads(self._exactly(length, descriptors, seconds_left, look_seconds))
        except BaseException as error:
            for each in descriptors:
                os.close(each)
            if isinstance(error, (ValueError, ConnectionResetError)):
                raise ClosedError from None
            raise
        if not isinstance(message, dict):
            raise ClosedError
        return message, descriptors[0] if descriptors else None

    def _exactly(
        self, size: int, descriptors: list[int], seconds_left: Callable[[], float] | None, look_seconds: float
    ) -> bytes:
        if size > _MOST_MESSAGE_BYTES:
            raise ClosedError
        found = bytearray()
        while len(found) < size:
            if seconds_left is not None:
                left = seconds_left()
                if not self._poll.poll(min(left, look_seconds) * 1000):
                    if not left:
                        raise TimeoutError
                    continue
            part, sent, _, _ = socket.recv_fds(self._socket, size - len(found), _MOST_DESCRIPTORS)
            descriptors += sent
            if not part:
                raise ClosedError
            found += part
        return bytes(found)


class SentTables:
    """Shared memory that this side writes tables to, for the other to read; kept from query to query."""

    def __init__(self, threads: int, about_to_map: Callable[[int], object] = lambda _: None) -> None:
        """Prepare; there is no memory yet.

        Args:
            threads: how many copy.
            about_to_map: called with the bytes of address space that the memory takes.
        """
        self._threads = threads
        self._about_to_map = about_to_map
        self._descriptor: int | None = None
        self._mapped: mmap.mmap | None = None
        self._capacity = self._used = 0

    def begin(self) -> None:
        """Forget what was written: the other side has done with it."""
        self._used = 0

    def end(self) -> None:
        """Give memory back where it is much."""
        if self._capacity > _MOST_KEPT_BYTES:
            self.close()

    def close(self) -> None:
        """Give the memory back."""
        self._mapped = None
        self._capacity = self._used = 0
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def write(self, table: pa.Table) -> tuple[dict[str, int], int | None]:
        """Write a table; return where it is, and the descriptor where the other side does not have it yet."""
        counted = pa.MockOutputStream()
        _write(counted, table)
        begin, size = self._used, counted.size()
        new = self._ensure(begin + size)
        with pa.FixedSizeBufferWriter(pa.py_buffer(memoryview(self._mapped)[begin:])) as sink:  # type: ignore[arg-type]
            sink.set_memcopy_threads(self._threads)
            sink.set_memcopy_threshold(_MEMCOPY_BYTES)
            _write(sink, table)
        self._used = -(-(begin + size) // _ALIGNMENT) * _ALIGNMENT
        return {"begin": begin, "size": size, "capacity": self._capacity}, self._descriptor if new else None

    def _ensure(self, size: int) -> bool:
        """Have so much memory; say whether it is new."""
        if size <= self._capacity:
            return False
        capacity = max(_LEAST_BYTES, self._capacity)
        while capacity < size:
            capacity *= 2
        new = self._descriptor is None
        if self._descriptor is None:
            self._descriptor = os.memfd_create("rowpattern", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            # Reading what a file has lost would end the reader.
            fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        self._about_to_map(capacity)
        os.ftruncate(self._descriptor, capacity)
        self._mapped = mmap.mmap(self._descriptor, capacity)
        self._capacity = capacity
        return new


class ReceivedTables:
    """The other side of `SentTables`."""

    def __init__(self, about_to_map: Callable[[int], object] = lambda _: None) -> None:
        """Prepare; there is no memory yet.

        Args:
            about_to_map: called with the bytes of address space that the memory takes.
        """
        self._about_to_map = about_to_map
        self._descriptor: int | None = None
        self._mapped: mmap.mmap | None = None
        self._capacity = 0

    def read(self, place: dict[str, int], descriptor: int | None) -> pa.Table:
        """Return a table that is trusted, without copying it: until the query's end it does not change.

        Args:
            place: as `SentTables.write` gave it.
            descriptor: the memory's, where it is new.
        """
        return pa.ipc.open_stream(pa.py_buffer(self._at(place, descriptor))).read_all()

    def copy(self, place: dict[str, int], descriptor: int | None) -> pa.Table:
        """Return a table that is not trusted, copied and checked.

        Raises:
            ClosedError: it is none.
        """
        try:
            # Copied first: what was checked cannot be changed any more.
            copied = np.array(np.frombuffer(self._at(place, descriptor), dtype=np.uint8))
            table = pa.ipc.open_stream(pa.py_buffer(copied)).read_all()
            table.validate(full=True)
        except (OSError, ValueError, TypeError, KeyError):
            raise ClosedError from None
        return table

    def _at(self, place: dict[str, int], descriptor: int | None) -> memoryview:
        if descriptor is not None:
            self.close()
            self._descriptor = descriptor
        if self._descriptor is None:
            raise ClosedError
        if place["capacity"] != self._capacity or self._mapped is None:
            if not fcntl.fcntl(self._descriptor, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
                raise ClosedError
            self._about_to_map(place["capacity"])
            # It must be so long, or this raises ValueError.
            self._mapped = mmap.mmap(self._descriptor, place["capacity"], access=mmap.ACCESS_READ)
            self._capacity = place["capacity"]
        return memoryview(self._mapped)[place["begin"] : place["begin"] + place["size"]]

    def end(self) -> None:
        """Give memory back where it is much, as the other side does."""
        if self._capacity > _MOST_KEPT_BYTES:
            self.close()

    def close(self) -> None:
        """Give the memory back."""
        self._mapped = None
        self._capacity = 0
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _write(sink: Any, table: pa.Table) -> None:
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def wait_until_closed(end: socket.socket, parent: int) -> None:
    """Return when the other side of a socket has gone, or this process's parent is another."""
    poll = select.poll()
    # Hanging up is always reported.
    poll.register(end, 0)
    while os.getppid() == parent:
        if poll.poll(1000):
            return
