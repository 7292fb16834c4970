"""Keys of PARTITION BY that are lists, structs, maps, intervals or float16: partitions are DuckDB's and the batch's."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

import rowpattern
from rowpattern.continuous_query.compared_keys import compared_keys
from rowpattern.sql.options import execution_context

if TYPE_CHECKING:
    from collections.abc import Callable

LEAVES: list[tuple[pa.DataType, list[Any]]] = [
    (pa.int64(), [None, 0, 1, -1]),
    (pa.string(), [None, "", "a", "a, b", "None", "'"]),
    (pa.binary(), [None, b"", b"a", b"\0"]),
    (pa.float64(), [None, 0.0, -0.0, math.nan, 1.5]),
    (pa.float16(), [None, 0.0, -0.0, 1.5]),
    (pa.bool_(), [None, True, False]),
    (pa.decimal128(5, 2), [None, Decimal("1.00"), Decimal("-1.10")]),
    (pa.timestamp("ns"), [None, 0, 1]),
    (pa.timestamp("us", "Europe/Berlin"), [None, 0, 1]),
    (pa.date32(), [None, 0, 1]),
    (pa.time64("us"), [None, 0, 5]),
    (pa.duration("us"), [None, 0, 7]),
    (
        pa.month_day_nano_interval(),
        [
            None,
            (1, 0, 0),
            (0, 30, 0),
            (0, 29, 86_400 * 10**9),
            (1, -1, 86_400 * 10**9),
            (0, 0, -1999),
            (0, 0, -1000),
            (0, 0, 0),
        ],
    ),
]


def _values(draw: random.Random, depth: int) -> tuple[pa.DataType, Callable[[], Any]]:
    """Return a type, and a function that makes up a value of it."""
    form = draw.choice(["leaf", "struct", "list", "large", "fixed", "map"]) if depth else "leaf"
    if form == "leaf":
        kind, choices = draw.choice(LEAVES)
        return kind, lambda: draw.choice(choices)
    if form == "struct":
        fields = {f"f{number}": _values(draw, depth - 1) for number in range(draw.randint(1, 3))}
        struct = pa.struct({name: kind for name, (kind, _) in fields.items()})
        return struct, _or_null(draw, lambda: {name: make() for name, (_, make) in fields.items()})
    kind, make = _values(draw, depth - 1)
    if form == "map":
        keys = ["a", "b", "c"]
        return pa.map_(pa.string(), kind), _or_null(
            draw, lambda: [(key, make()) for key in draw.sample(keys, draw.randint(0, 2))]
        )
    if form == "fixed":
        return pa.list_(kind, 2), _or_null(draw, lambda: [make(), make()])
    listed = pa.large_list(kind) if form == "large" else pa.list_(kind)
    return listed, _or_null(draw, lambda: [make() for _ in range(draw.randint(0, 2))])


def _or_null(draw: random.Random, make: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: None if draw.random() < 0.15 else make()


def test_keys_are_equal_where_duckdb_has_them_equal() -> None:
    draw = random.Random(20261127)
    connection = duckdb.connect()
    compared = 0
    for _ in range(300):
        kind, make = _values(draw, draw.randint(1, 3))
        values = pa.array([make() for _ in range(draw.randint(1, 12))], kind).slice(draw.randint(0, 1))
        keys = compared_keys(pa.chunked_array([values], kind))
        assert keys is not None
        try:
            connection.register("given", pa.table({"row": range(len(values)), "key": values}))
            equal = connection.execute(
                "SELECT a.row, b.row FROM given AS a, given AS b WHERE a.key IS NOT DISTINCT FROM b.key"
            )
        except duckdb.NotImplementedException:
            # It has no float16.
            continue
        places = range(len(values))
        ours = {(a, b) for a in places for b in places if _same(keys[a], keys[b])}
        assert set(equal.fetchall()) == ours, f"{kind}: {values.to_pylist()}"
        compared += 1
    assert compared > 200


def _same(one: pa.Scalar, other: pa.Scalar) -> bool:
    """Say whether the core takes keys as equal."""
    a, b = one.as_py(), other.as_py()
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


ROWS = pa.table(
    {
        "half": pa.array([1.5, None, 1.5, 2.0], pa.float16()),
        "length": pa.array([(1, 0, 0), (0, 30, 0), None, (0, 1, 0)], pa.month_day_nano_interval()),
        "list": [[1], [1, None], [1], None],
        "struct": [{"a": 1}, {"a": None}, {"a": 1}, None],
        "map": pa.array([[("a", 1)], [("a", 2)], [("a", 1)], None], pa.map_(pa.string(), pa.int64())),
        "x": [1, 1, 2, 3],
        "at": [1, 2, 3, 4],
    }
)


@pytest.mark.parametrize("lateness", [None, 0])
@pytest.mark.parametrize(
    "key", ["half", "length", "list", "struct", "map", "[x]", "{'a': x}", "INTERVAL 1 DAY * x", "MAP {'a': x}"]
)
def test_a_stream_has_the_partitions_of_the_batch(key: str, lateness: int | None) -> None:
    sql = f"SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY {key} AS k ORDER BY at MEASURES count(*) AS n PATTERN (A+))"
    whole = rowpattern.match_recognize(sql, ROWS).to_pylist()
    query = rowpattern.continuous(sql, ROWS.schema, lateness=lateness)
    given = []
    for row in range(len(ROWS)):
        given += query.push(ROWS.slice(row, 1)).to_pylist()
    query = rowpattern.continuous.restore(query.checkpoint(), sql)
    given += query.finish(partition={"k": whole[-1]["k"]}).to_pylist()
    assert given == [whole[-1]]
    given += query.finish().to_pylist()
    assert sorted(map(repr, given)) == sorted(map(repr, whole))


def test_rows_that_are_late_keep_their_intervals() -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY length ORDER BY at MEASURES count(*) AS n PATTERN (A+))"
    query = rowpattern.continuous(sql, ROWS.schema, lateness=0, late="collect")
    query.push(ROWS.slice(2))
    query.push(ROWS.slice(0, 1))
    assert query.late_rows["length"].to_pylist() == ROWS["length"].slice(0, 1).to_pylist()


def test_keys_are_read_within_the_limits() -> None:
    cancel = rowpattern.CancelToken()
    context = execution_context(None, None, 1, None, None, cancel)
    cancel.cancel()
    with pytest.raises(rowpattern.QueryCancelledError):
        compared_keys(pa.chunked_array([[[1]]]), context)
