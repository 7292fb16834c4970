"""What a service relies on: threads that do not grow with clients, an interpreter for others, limits in reading."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import QueryLimitError, match_recognize
from rowpattern.production_config import reload
from rowpattern.sql.runtime.admission import query_figures

if TYPE_CHECKING:
    from collections.abc import Callable

FALLS = """SELECT * FROM prices MATCH_RECOGNIZE (
    ORDER BY day MEASURES FIRST(DOWN.day) AS begun PATTERN (DOWN+) DEFINE DOWN AS price < PREV(price))"""
# DuckDB computes what is around the clause.
AROUND = f"SELECT count(*) AS n, max(begun) AS last FROM ({FALLS})"


def prices(rows: int = 1000) -> pa.Table:
    return pa.table({"day": range(rows), "price": [day * 7 % 11 for day in range(rows)]})


def system_threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_threads_of_the_system_do_not_grow_with_clients() -> None:
    reload(max_concurrent_queries=2)
    wanted = match_recognize(FALLS, prices()).to_pylist()
    most = {}
    for clients in (4, 48):
        before, seen = system_threads(), 0

        def ask(_: int) -> Any:
            nonlocal seen
            answer = match_recognize(FALLS, prices()).to_pylist()
            seen = max(seen, system_threads())
            return answer

        with ThreadPoolExecutor(clients) as pool:
            assert list(pool.map(ask, range(200))) == [wanted] * 200
        # Those of the clients are not ours.
        most[clients] = seen - before - clients
    assert most[48] <= most[4] + 30


ROWS = 2_000_000


def test_labels_of_every_form_give_the_same_matches() -> None:
    texts = ["A", "B", "é", "", "A", "long label", "\U0001f600", "B", "A"] * 50
    pattern = rowpattern.compile("A B?")
    wanted = [(found.start, found.end) for found in pattern.find_iter(texts)]
    assert wanted
    array = np.array(texts)
    strided = np.repeat(array, 2)[::2]
    forms = [array, strided, array[::-1][::-1], array.astype(">U10"), pa.array(texts), np.array(texts, dtype=object)]
    forms += [array.astype("U40"), pd.Series(array), pd.Series(texts, dtype="string")]
    for form in forms:
        assert [(found.start, found.end) for found in pattern.find_iter(form)] == wanted
    assert pattern.count(np.array([], dtype="U3")) == 0
    many = np.array([f"label {number}" for number in range(70_000)] + ["A", "B"])
    assert pattern.count(many) == 1
    wrong = np.frombuffer(np.array([0xD800, 0x41], dtype=np.uint32).tobytes(), dtype="U1")
    with pytest.raises(rowpattern.RowsError, match="row 0 has a label with half of a surrogate pair"):
        pattern.count(wrong)


@pytest.mark.parametrize("value", ["texts", "decimals", "lists"])
def test_reading_objects_ends_at_the_limit(value: str) -> None:
    makers: dict[str, Callable[[], list[Any]]] = {
        "texts": lambda: [f"text {number % 1000}" for number in range(ROWS)],
        "decimals": lambda: list(itertools.repeat(Decimal("1.25"), ROWS)),
        "lists": lambda: [[number] for number in range(500_000)],
    }
    made = makers[value]()
    frame = pd.DataFrame({"day": range(len(made)), "price": pd.Series(made, dtype=object)})
    sql = """SELECT * FROM t MATCH_RECOGNIZE (
        ORDER BY day MEASURES LAST(A.price) AS p PATTERN (A+) DEFINE A AS price IS NOT NULL)"""
    # Imports do not count.
    match_recognize(sql, frame[:1])
    begun = time.perf_counter()
    with pytest.raises(QueryLimitError):
        match_recognize(sql, frame, timeout_seconds=0.05)
    # Within 0.2 s after it; the machine may be loaded.
    assert time.perf_counter() - begun < 0.05 + 0.2 * 3


def test_a_cold_burst_is_answered_once_planned() -> None:
    together = threading.Barrier(16)

    def ask(_: int) -> Any:
        together.wait()
        return match_recognize(AROUND, prices()).to_pylist()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    assert answers == [answers[0]] * 16
    assert query_figures()[:2] == (0, 0)
