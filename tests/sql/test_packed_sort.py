"""Rows sorted by packed keys, beside DuckDB's ORDER BY."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from rowpattern.sql.bind.bound import Key
from rowpattern.sql.execute import packed_sort
from rowpattern.sql.execute.packed_sort import packed_order
from rowpattern.sql.runtime.context import ExecutionContext

UTC = dt.timezone.utc
MOST = 2**63 - 1
KINDS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "boolean": (pa.bool_(), [False, True]),
    "int8": (pa.int8(), [-128, -1, 0, 127]),
    "uint16": (pa.uint16(), [0, 1, 65_535]),
    "int32": (pa.int32(), list(range(-50, 50))),
    "int64, narrow": (pa.int64(), [2**62, 2**62 + 1, 2**62 + 5]),
    "int64, wide": (pa.int64(), [-MOST - 1, -1, 0, MOST]),
    "uint64, wide": (pa.uint64(), [0, 2**63, 2**64 - 1]),
    "date": (pa.date32(), [dt.date(1960, 2, 29), dt.date(2024, 2, 29), dt.date(2024, 3, 1)]),
    "timestamp": (pa.timestamp("us"), [dt.datetime(1960, 1, 1), dt.datetime(2024, 3, 10, 2, 30)]),  # noqa: DTZ001
    "timestamp, ns": (pa.timestamp("ns"), [0, 1, 1000]),
    "timestamp, zone": (
        pa.timestamp("us", "Europe/Paris"),
        [dt.datetime(2024, 11, 3, at, tzinfo=UTC) for at in (5, 6)],
    ),
    "time": (pa.time64("us"), [dt.time(0), dt.time(23, 59)]),
    "duration": (pa.duration("us"), [dt.timedelta(days=-1), dt.timedelta(0), dt.timedelta(hours=30)]),
    "text": (pa.string(), ["", "a", "B", "ä", "a b", "zz"]),
    "categories": (pa.dictionary(pa.int8(), pa.string()), ["b", "a", "c"]),
    "nothing": (pa.int32(), [None]),
}
# The bits that the ranges of these take.
WIDE = {"wide": 64, "timestamp": 51, "time": 37, "duration": 37}


def column(rng: random.Random, kind: str, rows: int, nulls: float) -> pa.ChunkedArray:
    arrow, values = KINDS[kind]
    found = [None if rng.random() < nulls else rng.choice(values) for _ in range(rows)]
    cut = rng.randrange(rows + 1)
    return pa.chunked_array([pa.array(found[:cut], arrow), pa.array(found[cut:], arrow)])


@pytest.mark.parametrize("seed", range(300))
def test_as_duckdb(seed: int) -> None:
    rng = random.Random(seed)
    rows = rng.choice([2, 3, 10, 300])
    kinds = [rng.choice(list(KINDS)) for _ in range(rng.randint(1, 4))]
    values = [column(rng, kind, rows, rng.choice([0, 0, 0.2])) for kind in kinds]
    partition_keys = rng.randint(0, len(kinds))
    names = [f"k{at}" for at in range(len(kinds))]
    keys = [
        Key(name, name, f'"{name}"', (name,))
        if at < partition_keys
        else Key(name, name, f'"{name}"', (name,), rng.random() < 0.5, rng.random() < 0.5)
        for at, name in enumerate(names)
    ]
    found = packed_order(values, keys, partition_keys, ExecutionContext(100, 100))
    if found is None:
        # Of PARTITION BY the different values are counted, where the range is too wide.
        assert (
            sum(next((bits for name, bits in WIDE.items() if name in kind), 8) for kind in kinds[partition_keys:]) > 50
        )
        return
    table = pa.table([*values, pa.array(range(rows))], names=[*names, "row"])
    by = ", ".join(f'"{key.name}" {key.direction}' for key in keys)
    wanted = duckdb.from_arrow(table).order(f"{by}, row").to_arrow_table()
    order, begins = found
    assert order.tolist() == wanted["row"].to_pylist()
    partitions = list(zip(*(wanted[name].to_pylist() for name in names[:partition_keys]))) or [()] * rows
    assert begins.tolist() == [one != other for one, other in zip(partitions, partitions[1:])]


def key(name: str) -> Key:
    return Key(name, name, name, (name,))


def test_rows_that_are_equal_keep_their_order() -> None:
    random = np.random.default_rng(1)
    # With and without place for a row's number beside the keys.
    for most in (100, 2**62):
        values = random.integers(0, most, 50)[random.integers(0, 50, 100_000)]
        order, _ = packed_order([pa.chunked_array([values])], [key("k")], 0, ExecutionContext(100, 100)) or (None, None)
        assert order is not None
        assert order.tolist() == np.argsort(values, kind="stable").tolist()


def test_many_rows_within_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    from rowpattern import QueryLimitError

    values = np.random.default_rng(1).integers(0, 1000, 3_000_000)
    column = pa.chunked_array([values])
    found = packed_order([column], [key("k")], 1, ExecutionContext(200, 100))
    assert found is not None
    assert found[0].tolist() == np.argsort(values, kind="stable").tolist()
    assert int(found[1].sum()) == 999
    with pytest.raises(QueryLimitError, match="more memory than its limit of 40 MB"):
        packed_order([column], [key("k")], 1, ExecutionContext(40, 100))
    with pytest.raises(QueryLimitError, match="longer than its limit"):
        packed_order([column], [key("k")], 1, ExecutionContext(200, 1e-6))
    monkeypatch.setattr(packed_sort, "_MOST_DIFFERENT", 10)
    assert packed_order([column.cast(pa.string())], [key("k")], 1, ExecutionContext(200, 100)) is None
