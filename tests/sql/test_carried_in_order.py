"""What is brought in order together with rows: the answers are those of reading it in order afterwards."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import _core, match_recognize
from rowpattern.sql.execute import row_symbols

QUERIES = {
    "conditions of one row, and others": """SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY user ORDER BY at MEASURES FIRST(at) AS begun, LAST(at) AS ended, LAST(B.kind) AS kind
        PATTERN (A B+ C?)
        DEFINE A AS kind = 'view', B AS kind <> 'pay' AND at - PREV(at) <= {three}, C AS kind IS NULL)""",
    "a bound from the first row": """SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY user ORDER BY at DESC MEASURES LAST(A.at) AS last, count(*) AS n
        PATTERN (A OTHER*? C) DEFINE A AS kind = 'view', OTHER AS FIRST(at) - at <= {three},
            C AS kind = 'pay' AND FIRST(at) - at <= {three})""",
    "within": """SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY user ORDER BY at, kind NULLS FIRST MEASURES A.at AS first, C.kind AS last
        AFTER MATCH SKIP TO NEXT ROW PATTERN (A B*? C) WITHIN {three} DEFINE A AS at IS NOT NULL, C AS kind = 'pay')""",
    "all rows": """SELECT * FROM t MATCH_RECOGNIZE (
        ORDER BY at ALL ROWS PER MATCH PATTERN (A B) DEFINE A AS user > 1, B AS at > PREV(at) OR kind = 'view')""",
    "a condition that fails": """SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY user ORDER BY at MEASURES A.at AS at PATTERN (A B) DEFINE A AS CAST(kind AS INTEGER) > 1)""",
}


def table(seed: int) -> tuple[pa.Table, str]:
    """Return rows in no order, and three units of their ORDER BY."""
    chosen = random.Random(seed)
    rows = chosen.randrange(2, 120)
    at: list[Any] = [chosen.randrange(30) for _ in range(rows)]
    three = "3"
    if seed % 2:
        at = [datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=number) for number in at]
        three = "INTERVAL 3 SECONDS"
    if seed % 5 == 0:
        at[chosen.randrange(rows)] = None
    kinds = pa.array([chosen.choice(["view", "cart", "pay", None]) for _ in range(rows)], pa.string())
    if seed % 3 == 0:
        kinds = kinds.dictionary_encode()
    columns = {
        "user": pa.array([chosen.randrange(5) for _ in range(rows)], pa.uint32()),
        "at": pa.array(at),
        "kind": kinds,
    }
    found = pa.table(columns)
    return (pa.concat_tables([found[: rows // 2], found[rows // 2 :]]) if seed % 4 == 0 else found), three


def answered(sql: str, given: pa.Table, threads: int) -> Any:
    try:
        return match_recognize(sql, given, threads=threads)
    except rowpattern.RowPatternError as error:
        return str(error)


@pytest.mark.parametrize("question", QUERIES)
@pytest.mark.slow
def test_answers_are_the_same(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = []
    brought = row_symbols.carried_in_order

    def carried_in_order(*arguments: Any) -> Any:
        found = brought(*arguments)
        carried.append((found.symbols is not None, found.key))
        return found

    monkeypatch.setattr("rowpattern.sql.execute.output.carried_in_order", carried_in_order)
    monkeypatch.setattr("rowpattern.sql.execute.output.MOST_FEW_ROWS", 0)
    for seed in range(60):
        given, three = table(seed)
        sql = QUERIES[question].format(three=three)
        monkeypatch.setattr(row_symbols, "MANY_ROWS", 1 << 40)
        wanted = answered(sql, given, 1)
        # All rows of whatever number.
        monkeypatch.setattr(row_symbols, "MANY_ROWS", 0)
        for threads in (1, 3):
            found = answered(sql, given, threads)
            assert found.equals(wanted) if isinstance(wanted, pa.Table) else found == wanted, seed
    assert question == "a condition that fails" or (True, True) in carried


def test_order_brings_symbols_and_keys() -> None:
    rng = np.random.default_rng(0)
    users, times = rng.integers(0, 50, 10_000), rng.integers(0, 1000, 10_000) * 1_000_000
    pattern = rowpattern.compile("A B")
    even = ("call", "BOOLEAN", "=", (("read", "BIGINT", 0, None, False, 0, 0), ("literal", "BIGINT", 7)))

    of_table: Any = {"table_conditions": [("A", even)], "table_columns": [("BIGINT", pa.array(users))]}
    brought = _core.RowSymbols(pattern, len(users), **of_table)
    by_time = [(pa.array(times), False, False)]
    order, starts, keys = _core.order([pa.array(users)], by_time, symbols=brought, keys=True) or (None, None, None)
    wanted = np.lexsort((times, users))
    assert np.array_equal(np.asarray(order), wanted)
    assert np.array_equal(np.asarray(keys), times[wanted])
    partitions: Any = ("starts", starts)
    found = pattern.match(_core.RowSymbols(pattern, len(users), before=brought), partitions=partitions)
    taken = _core.RowSymbols(pattern, len(users), **of_table, order=order)
    assert np.array_equal(np.asarray(found.start), np.asarray(pattern.match(taken, partitions=partitions).start))
    # In order already: nothing is brought.
    brought = _core.RowSymbols(pattern, len(users), **of_table)
    in_order = [(pa.array(np.arange(10_000)), False, False)]
    order, _, keys = _core.order([], in_order, symbols=brought, keys=True) or (starts, starts, starts)
    assert order is None
    assert keys is None
    assert len(pattern.match(_core.RowSymbols(pattern, len(users), before=brought))) > 0


def test_what_does_not_fit_is_refused() -> None:
    pattern, wide = rowpattern.compile("A B"), rowpattern.compile(" ".join("ABCDEFGHI"))
    rows = pa.array([2, 1])
    with pytest.raises(rowpattern.RowsError, match="another number of rows"):
        _core.order([rows], symbols=_core.RowSymbols(pattern, 3))
    with pytest.raises(rowpattern.RowsError, match="2 rows"):
        _core.RowSymbols(pattern, 2, before=_core.RowSymbols(pattern, 3))
    with pytest.raises(rowpattern.RowsError, match="eight variables"):
        _core.RowSymbols(wide, 2, before=_core.RowSymbols(wide, 2))
    with pytest.raises(rowpattern.RowsError, match="other variables"):
        _core.RowSymbols(pattern, 2, before=_core.RowSymbols(wide, 2))
    taken = _core.RowSymbols(pattern, 2)
    pattern.match(taken)
    # There are none left to bring in order.
    order, *_ = _core.order([rows], symbols=taken) or (None,)
    assert np.asarray(order).tolist() == [1, 0]
    with pytest.raises(rowpattern.RowsError, match="matched before"):
        _core.RowSymbols(pattern, 2, before=taken)
