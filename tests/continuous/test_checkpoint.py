"""Checkpoints come back as they were, and what is none, by accident or on purpose, is refused by a typed error."""

from __future__ import annotations

import datetime as dt
import doctest
import hashlib
import json
import random
import struct
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from rowpattern import CheckpointError
from rowpattern.continuous_query import checkpoint as module
from rowpattern.continuous_query.checkpoint import (
    Checkpoint,
    fingerprint_of,
    open_checkpoint,
    read_checkpoint,
    write_checkpoint,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = pa.table(
    {
        "card": pa.array([1, 2, None], pa.int64()),
        "city": pa.array(["Rome", "Br\u00fcnn", None]),
        "at": pa.array([dt.datetime(2026, 3, 2, tzinfo=dt.timezone.utc)] * 3, pa.timestamp("us", "UTC")),
        "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
        "parts": pa.array([[1, 2], [], None], pa.list_(pa.int32())),
    }
)
FINGERPRINT = fingerprint_of(query="PATTERN (A B+)", columns=ROWS.schema)
SCHEMAS = {"rows": ROWS.schema, "none": ROWS.schema}
LIMIT = 1 << 20


def _blob(**changes: Any) -> bytes:
    whole = Checkpoint(FINGERPRINT, {"numbers": [1, 2.5, None]}, {"rows": ROWS, "none": ROWS.slice(0, 0)}, b"\x00 12")
    return write_checkpoint(whole._replace(**changes))


def _read(blob: Any, **changes: Any) -> Checkpoint:
    given: dict[str, Any] = {"fingerprint": FINGERPRINT, "schemas": SCHEMAS, "most_bytes": LIMIT, **changes}
    return read_checkpoint(blob, given["fingerprint"], given["schemas"], most_bytes=given["most_bytes"])


def _sealed(content: bytes) -> bytes:
    return content + hashlib.sha256(content).digest()


def _with_header(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return a checkpoint whose header was changed, with the right digest."""
    blob = _blob()
    length = struct.unpack_from("<8sII", blob)[2]
    header = json.loads(blob[16 : 16 + length])
    change(header)
    text = json.dumps(header).encode()
    return _sealed(struct.pack("<8sII", blob[:8], 1, len(text)) + text + blob[16 + length : -32])


def test_what_was_written_comes_back() -> None:
    found = _read(_blob())
    assert found.tables == {"rows": ROWS, "none": ROWS.slice(0, 0)}
    assert found.metadata == {"numbers": [1, 2.5, None]}
    assert found.positions == b"\x00 12"
    assert _blob() == _blob()
    assert open_checkpoint(_blob(), most_bytes=LIMIT).schema("rows") == ROWS.schema
    assert doctest.testmod(module).failed == 0


def test_each_truncation_and_each_changed_byte_is_found() -> None:
    blob = _blob()
    for length in range(len(blob)):
        with pytest.raises(CheckpointError):
            _read(blob[:length])
    for at in range(len(blob)):
        changed = bytearray(blob)
        changed[at] ^= 1 << at % 8
        with pytest.raises(CheckpointError):
            _read(changed)


def test_damage_under_a_right_digest_is_a_typed_error_or_a_valid_table() -> None:
    """Whoever changes a checkpoint can compute its digest."""
    content = _blob()[:-32]
    chance = random.Random(7)
    refused = 0
    for _ in range(3000):
        changed = bytearray(content)
        for _ in range(chance.choice([1, 1, 2, 8])):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            found = _read(_sealed(bytes(changed)))
        except CheckpointError:
            refused += 1
        else:
            for table in found.tables.values():
                table.validate(full=True)
                table.to_pylist()
    assert refused > 2000


def test_damage_inside_of_the_frames_is_a_typed_error_or_a_valid_table() -> None:
    """The same in the streams before they are compressed, whose structure Arrow reads."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, ROWS.schema) as writer:
        writer.write_table(ROWS)
    plain = sink.getvalue().to_pybytes()
    chance = random.Random(11)
    refused = 0
    for _ in range(2000):
        changed = bytearray(plain)
        for _ in range(chance.choice([1, 1, 2, 8])):
            changed[chance.randrange(len(changed))] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
        try:
            _read(_with_stream(bytes(changed)), schemas={"rows": ROWS.schema}).tables["rows"].to_pylist()
        except CheckpointError:
            refused += 1
        except UnicodeDecodeError as error:
            pytest.fail(f"text was not validated: {error}")
        except (ValueError, OverflowError) as error:
            # Python has no dates of these years.
            assert "year" in str(error) or "date value" in str(error), error
    assert refused > 500


def _with_stream(plain: bytes, plain_bytes: int | None = None) -> bytes:
    """Return a checkpoint with one table, of which the stream is given."""
    body = pa.Codec("zstd").compress(plain, asbytes=True)
    entry = {"name": "rows", "bytes": len(body), "plain_bytes": plain_bytes or len(plain), "rows": 3}
    header = {"fingerprint": FINGERPRINT, "metadata": {}, "positions": 0, "tables": [entry]}
    text = json.dumps(header).encode()
    return _sealed(struct.pack("<8sII", b"RPTRNCKP", 1, len(text)) + text + body)


def test_no_batch_is_decompressed_into_more_memory_than_was_allowed() -> None:
    sink = pa.BufferOutputStream()
    zeros = pa.table({"x": pa.array([0] * 2_000_000)})
    with pa.ipc.new_stream(sink, zeros.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(zeros)
    plain = sink.getvalue().to_pybytes()
    assert len(plain) < 10_000
    with pytest.raises(CheckpointError, match="table rows has compressed batches"):
        _read(_with_stream(plain), schemas={"rows": zeros.schema})
    with pytest.raises(CheckpointError, match=r"tables take 1,000,000,000,000 bytes, and the limit is 1,048,576"):
        _read(_with_stream(plain, 10**12))
    with pytest.raises(CheckpointError, match="cannot be decompressed"):
        _read(_with_stream(bytes(100_000), 10))


@pytest.mark.parametrize(
    ("blob", "changes", "message"),
    [
        (b"", {}, "this is no checkpoint of rowpattern, or a part of one: it has 0 bytes"),
        (b"\x80\x04" * 50, {}, r"begins with b'\\x80\\x04"),
        (_sealed(struct.pack("<8sII", b"RPTRNCKP", 7, 0)), {}, "format version 7, and .* rowpattern reads 1"),
        (_sealed(struct.pack("<8sII", b"RPTRNCKP", 1, 99)), {}, "header has 99 bytes, of 16"),
        (_blob()[:-1], {}, "do not have its SHA-256"),
        (_blob(), {"fingerprint": {**FINGERPRINT, "query": ""}}, "another query, by its query"),
        (_blob(), {"fingerprint": {**FINGERPRINT, "options": ""}}, "another query, by its options"),
        (_blob(), {"schemas": {"rows": pa.schema({"card": pa.int32()})}}, "columns card int64, city.*not card int32"),
        (_blob(), {"schemas": {"more": ROWS.schema}}, "has no table more"),
        (_blob(), {"most_bytes": 100}, "the limit is 100; raise memory_limit_mb"),
        (_with_header(lambda header: header.pop("tables")), {}, "header cannot be read"),
        (_with_header(lambda header: header.update(positions=-1)), {}, "a length is -1"),
        (_with_header(lambda header: header.update(positions=99)), {}, "does not describe"),
        (_with_header(lambda header: header.update(fingerprint=[])), {}, "no object of texts"),
        (_with_header(lambda header: header.update(metadata=3)), {}, "metadata is no object"),
        (_with_header(lambda header: header["tables"][0].update(rows=2)), {}, "has 3 rows, and its header says 2"),
        (_with_header(lambda header: header["tables"][0].update(name="none")), {}, "does not describe"),
    ],
)
def test_errors_say_what_was_found(blob: bytes, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        _read(blob, **changes)


def test_a_deep_header_is_refused() -> None:
    text = b'{"a":' * 200_000
    with pytest.raises(CheckpointError, match="header cannot be read"):
        _read(_sealed(struct.pack("<8sII", b"RPTRNCKP", 1, len(text)) + text))


def test_what_is_no_bytes_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="a checkpoint is bytes, not str"):
        _read("text")
