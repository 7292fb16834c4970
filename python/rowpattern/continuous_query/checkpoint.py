"""Checkpoints: the state of a continuous query as bytes, which are checked whole before anything in them is trusted.

A checkpoint is, in this order: 8 bytes that say that it is one, the version of its format (4 bytes), the length of its
header (4 bytes), the header as JSON, the caller's positions, a table after another as Arrow IPC streams in Zstandard
frames, and the SHA-256 of all that. The header has the lengths of everything behind it, with and without compression,
what the query was, and values that the query keeps.

The digest finds damage, not forgery: whoever can write a checkpoint can compute it. So nothing is taken for what it
should be: lengths are compared before memory is taken, schemas are compared with those expected, arrays are validated,
and values are checked by whoever they belong to. There are no pickles.
"""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rowpattern.continuous_query.ipc_messages import check_messages
from rowpattern.counted import counted
from rowpattern.errors import CheckpointError
from rowpattern.sql.expression.parameters import ParameterValues

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rowpattern.sql.kinds import Parameters
    from rowpattern.sql.parse.clause_arguments import Question

__all__ = [
    "Checkpoint",
    "StoredCheckpoint",
    "fingerprint_of",
    "open_checkpoint",
    "query_fingerprint",
    "read_checkpoint",
    "write_checkpoint",
]

_MARK = b"RPTRNCKP"
_VERSION = 1
_START = struct.Struct("<8sII")
_DIGEST_BYTES = 32
_MOST_HEADER_BYTES = 64 << 20


class Checkpoint(NamedTuple):
    """What a checkpoint has.

    Attributes:
        fingerprint: what has to be the same where it is restored, as `fingerprint_of` says it.
        metadata: values that JSON has.
        tables: by their names.
        positions: where the caller's sources are.
    """

    fingerprint: Mapping[str, str]
    metadata: Mapping[str, Any]
    tables: Mapping[str, pa.Table]
    positions: bytes = b""


def fingerprint_of(**parts: str | pa.Schema) -> dict[str, str]:
    """Return a SHA-256 for each part of what a query is: texts, or the columns of a schema.

    >>> fingerprint_of(query="A B+")["query"][:8]
    '84790c42'
    """
    texts = {
        name: part if isinstance(part, str) else json.dumps([[field.name, str(field.type)] for field in part])
        for name, part in parts.items()
    }
    return {name: hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest() for name, text in texts.items()}


def query_fingerprint(question: Question, parameters: Parameters) -> dict[str, str]:
    """Return what has to be the same where a query is restored.

    Space around a text does not count, nor the order of variables in `define` and `subset`, or of parameters by name.

    Raises:
        TypeError: parameters are none.
        QueryError: a parameter has a value that has no type here.
    """
    if isinstance(question, str):
        text = question.strip()
    else:
        plain = question.plain()
        plain |= {part: sorted(plain[part]) for part in ("define", "given", "subset")}
        # One key as a text and as a list of one are the same.
        plain |= {part: [key for _, key in plain[part]] for part in ("partition_by", "order_by")}
        text = json.dumps(plain)
    return fingerprint_of(query=text, parameters=ParameterValues(parameters).key)


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as bytes.

    Takes time and memory in proportion to the tables.
    """
    codec = pa.Codec("zstd", compression_level=1)
    entries, bodies = [], []
    for name, table in checkpoint.tables.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        plain = sink.getvalue()
        body = codec.compress(plain, asbytes=True)
        entries.append({"name": name, "bytes": len(body), "plain_bytes": plain.size, "rows": table.num_rows})
        bodies.append(body)
    header = json.dumps(
        {
            "fingerprint": dict(checkpoint.fingerprint),
            "metadata": dict(checkpoint.metadata),
            "positions": len(checkpoint.positions),
            "tables": entries,
        }
    ).encode()
    start = _START.pack(_MARK, _VERSION, len(header))
    content = b"".join([start, header, checkpoint.positions, *bodies])
    return content + hashlib.sha256(content).digest()


class StoredCheckpoint:
    """A checkpoint whose digest and header were checked. Its tables are read when they are asked for.

    Attributes:
        fingerprint: what the query was.
        metadata: values that the query keeps, as somebody has written them.
        positions: the caller's.
        names: of the tables.
    """

    def __init__(self, header: Mapping[str, Any], positions: bytes, bodies: Mapping[str, _Body]) -> None:
        """Take what `open_checkpoint` has found."""
        self.fingerprint: dict[str, str] = dict(header["fingerprint"])
        self.metadata: dict[str, Any] = dict(header["metadata"])
        self.positions = positions
        self.names = tuple(bodies)
        self._bodies = bodies

    def check_same(self, fingerprint: Mapping[str, str]) -> None:
        """Check that the checkpoint is of a query.

        Raises:
            CheckpointError: it is of another one; the message says what differs.
        """
        differs = sorted(
            name for name in {*fingerprint, *self.fingerprint} if fingerprint.get(name) != self.fingerprint.get(name)
        )
        if differs:
            message = f"the checkpoint is of another query, by its {', '.join(differs)}"
            raise CheckpointError(f"{message}; restore it with what it was made with, or begin anew")

    def schema(self, name: str) -> pa.Schema:
        """Return the columns of a table, as somebody has written them.

        Raises:
            CheckpointError: there is no such table, or it cannot be read.
        """
        return _reader(self._plain(name), name).schema

    def table(self, name: str, schema: pa.Schema) -> pa.Table:
        """Return a table, validated.

        Args:
            name: of the table.
            schema: the columns that it has to have.

        Raises:
            CheckpointError: there is no such table, it has other columns, or its arrays are damaged.
        """
        reader = _reader(self._plain(name), name)
        found = reader.schema
        if not found.equals(schema):
            message = f"the checkpoint's table {name} has the columns {_columns(found)}"
            raise CheckpointError(f"{message}, and not {_columns(schema)}")
        try:
            table = reader.read_all()
            table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
            raise CheckpointError(f"the checkpoint's table {name} cannot be read: {str(error)[:300]}") from None
        if table.num_rows != self._bodies[name].rows:
            message = f"the checkpoint's table {name} has {table.num_rows} rows, and its header says"
            raise CheckpointError(f"{message} {self._bodies[name].rows}")
        return table

    def _plain(self, name: str) -> pa.Buffer:
        body = self._bodies.get(name)
        if body is None:
            raise CheckpointError(f"the checkpoint has no table {name}")
        try:
            plain = pa.Codec("zstd").decompress(body.stored, body.plain_bytes)
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            raise CheckpointError(f"the checkpoint's table {name} cannot be decompressed: {str(error)[:300]}") from None
        check_messages(plain, f"the checkpoint's table {name}")
        return plain


class _Body(NamedTuple):
    stored: pa.Buffer
    plain_bytes: int
    rows: int


def open_checkpoint(blob: bytes, *, most_bytes: int) -> StoredCheckpoint:
    """Check a checkpoint's digest, version and header.

    Args:
        blob: the bytes.
        most_bytes: how many its tables may take together.

    Raises:
        CheckpointError: it is none, is truncated or damaged, has another version, or takes more; nothing was used.
        TypeError: it is not bytes.
    """
    if not isinstance(blob, (bytes, bytearray, memoryview)):
        raise TypeError(f"a checkpoint is bytes, not {type(blob).__name__}")
    given = bytes(blob)
    if len(given) < _START.size + _DIGEST_BYTES or not given.startswith(_MARK):
        is_short = len(given) < _START.size + _DIGEST_BYTES
        what = (
            f"has {counted(len(given), 'byte')}"
            if is_short
            else f"begins with {given[: len(_MARK)]!r}, and not with {_MARK!r}"
        )
        raise CheckpointError(f"this is no checkpoint of rowpattern, or a part of one: it {what}")
    _, version, header_bytes = _START.unpack_from(given)
    if version != _VERSION:
        message = f"the checkpoint has the format version {version}, and this version of rowpattern reads {_VERSION}"
        raise CheckpointError(f"{message}; restore it with the version that wrote it")
    content, digest = given[:-_DIGEST_BYTES], given[-_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        message = f"the checkpoint's {len(given):,} bytes do not have its SHA-256"
        raise CheckpointError(f"{message}: some were changed, or are missing; take an earlier one")
    end = _START.size + header_bytes
    if header_bytes > _MOST_HEADER_BYTES or end > len(content):
        raise CheckpointError(f"the checkpoint's header has {header_bytes:,} bytes, of {len(content):,}")
    try:
        header = json.loads(content[_START.size : end])
        lengths = [_length(header["positions"])]
        _check_objects(header["fingerprint"], header["metadata"])
        entries = [
            (str(each["name"]), _length(each["bytes"]), _length(each["plain_bytes"]), _length(each["rows"]))
            for each in header["tables"]
        ]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"the checkpoint's header cannot be read: {str(error)[:300]}") from None
    lengths += [entry[1] for entry in entries]
    if end + sum(lengths) != len(content) or len({entry[0] for entry in entries}) < len(entries):
        raise CheckpointError("the checkpoint's header does not describe what stands behind it")
    if (needed := sum(entry[2] for entry in entries)) > most_bytes:
        message = f"the checkpoint's tables take {needed:,} bytes, and the limit is {most_bytes:,}"
        raise CheckpointError(f"{message}; raise memory_limit_mb")
    positions = content[end : end + lengths[0]]
    at = end + lengths[0]
    whole = pa.py_buffer(content)
    bodies = {}
    for name, stored_bytes, plain_bytes, rows in entries:
        bodies[name] = _Body(whole.slice(at, stored_bytes), plain_bytes, rows)
        at += stored_bytes
    return StoredCheckpoint(header, positions, bodies)


def read_checkpoint(
    blob: bytes, fingerprint: Mapping[str, str], schemas: Mapping[str, pa.Schema], *, most_bytes: int
) -> Checkpoint:
    """Read a checkpoint of a query whose tables are known.

    Args:
        blob: the bytes.
        fingerprint: the query's.
        schemas: of the tables that it has to have.
        most_bytes: how many its tables may take together.

    Raises:
        CheckpointError: it is no such checkpoint; the message says what was found.
    """
    stored = open_checkpoint(blob, most_bytes=most_bytes)
    stored.check_same(fingerprint)
    tables = {name: stored.table(name, schema) for name, schema in schemas.items()}
    return Checkpoint(stored.fingerprint, stored.metadata, tables, stored.positions)


def _reader(plain: pa.Buffer, name: str) -> pa.RecordBatchStreamReader:
    try:
        reader = pa.ipc.open_stream(plain)
        # Names that are not UTF-8 cannot be shown.
        _columns(reader.schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CheckpointError(f"the checkpoint's table {name} cannot be read: {str(error)[:300]}") from None
    return reader


def _length(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError(f"a length is {value!r}"[:100])
    return value


def _check_objects(fingerprint: object, metadata: object) -> None:
    if not isinstance(fingerprint, dict) or not all(isinstance(text, str) for text in fingerprint.values()):
        raise TypeError("fingerprint is no object of texts")
    if not isinstance(metadata, dict):
        raise TypeError("metadata is no object")


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema) or "none"
