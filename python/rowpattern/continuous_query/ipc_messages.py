"""The messages of an Arrow IPC stream, looked at before Arrow reads their arrays.

Arrow decompresses a record batch whose message says that it is compressed, into as much memory as its buffers say: a
small message can ask for any amount. Streams of checkpoints are compressed as a whole, so a batch never is.
"""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING

import pyarrow as pa

from rowpattern.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_messages"]

_INT32 = struct.Struct("<i")
_UINT32 = struct.Struct("<I")
_UINT16 = struct.Struct("<H")
# Fields of the tables of Arrow's format, by their places in Message.fbs: Message.header, DictionaryBatch.data,
# RecordBatch.compression.
_HEADER, _DATA, _COMPRESSION = 2, 1, 3


def check_messages(stream: pa.Buffer, called: str) -> None:
    """Check that no batch of an Arrow IPC stream is compressed.

    Args:
        stream: all of it.
        called: what errors call it.

    Raises:
        CheckpointError: one is, or the stream cannot be read.
    """
    try:
        is_compressed = any(_is_compressed(message) for message in _messages(stream))
    except (pa.ArrowException, OSError, ValueError, TypeError, struct.error, MemoryError) as error:
        raise CheckpointError(f"{called} cannot be read: {str(error)[:300]}") from None
    if is_compressed:
        raise CheckpointError(f"{called} has compressed batches, which rowpattern does not write")


def _is_compressed(message: pa.Message) -> bool:
    # Arrow has verified the message's structure when it was read.
    metadata = message.metadata.to_pybytes()
    batch = _table_at(metadata, _field(metadata, _table_at(metadata, 0), _HEADER))
    if message.type == "dictionary batch":
        batch = _table_at(metadata, _field(metadata, batch, _DATA))
    elif message.type != "record batch":
        return False
    return _field(metadata, batch, _COMPRESSION) is not None


def _messages(stream: pa.Buffer) -> Iterator[pa.Message]:
    reader = pa.ipc.MessageReader.open_stream(stream)
    with contextlib.suppress(StopIteration):
        while True:
            yield reader.read_next_message()


def _table_at(metadata: bytes, at: int | None) -> int:
    """Return where a table of a flatbuffer is to which the offset at a place leads."""
    if at is None:
        raise ValueError("a message has no header")
    return at + int(_UINT32.unpack_from(metadata, at)[0])


def _field(metadata: bytes, table: int, number: int) -> int | None:
    """Return where a field of a flatbuffer's table is; None where the table does not have it."""
    fields = table - int(_INT32.unpack_from(metadata, table)[0])
    entry = 4 + 2 * number
    if fields < 0 or entry + 2 > _UINT16.unpack_from(metadata, fields)[0]:
        return None
    offset = int(_UINT16.unpack_from(metadata, fields + entry)[0])
    return None if offset == 0 else table + offset
