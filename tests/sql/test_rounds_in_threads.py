"""Conditions in rounds over so many rows that other threads search while values are computed."""

from __future__ import annotations

import threading
import time

import numpy as np
import pyarrow as pa
import pytest

from rowpattern import CancelToken, QueryCancelledError, QueryError, QueryLimitError, match_recognize
from rowpattern.production_config import reload

# The fewest rows for which two threads search.
ROWS = 1 << 18
PARTITIONS = ROWS // 16
QUERY = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY p ORDER BY i MEASURES FIRST(i) AS begun, count(*) AS n
    PATTERN (A B+) DEFINE B AS levenshtein(A.s, s) < {}) ORDER BY begun"""


def texts() -> list[str]:
    rng = np.random.default_rng(3)
    return [f"text {number:06}" for number in rng.integers(0, 30_000, ROWS)]


def table(values: list[str]) -> pa.Table:
    return pa.table({"p": np.arange(ROWS) // 16, "i": np.arange(ROWS), "s": values})


@pytest.mark.slow
def test_answers_and_errors_are_those_of_one_thread() -> None:
    values = texts()
    given, found = table(values), []
    for threads in (1, 2):
        reload(max_workers=threads)
        found.append(match_recognize(QUERY.format(4), given))
    assert found[0].num_rows > 1000
    assert found[0].equals(found[1])
    # Numbers of several partitions cannot be read; the first one's error is given.
    for row in (ROWS // 2 + 5, ROWS // 4 + 3, ROWS - 1):
        values[row] = f"{row} is no number"
    query = QUERY.format("CAST(replace(s, 'text ', '') AS INTEGER) % 9 + 2 - length(A.s) % 2")
    for threads in (1, 2):
        reload(max_workers=threads)
        with pytest.raises(QueryError, match=f"{ROWS // 4 + 3} is no number"):
            match_recognize(query, table(values))


def test_limits_and_cancellation() -> None:
    reload(max_workers=2)
    given = table(texts())
    with pytest.raises(QueryLimitError):
        match_recognize(QUERY.format(4), given, timeout_seconds=0.1)
    token = CancelToken()
    threading.Timer(0.2, token.cancel).start()
    begun = time.perf_counter()
    with pytest.raises(QueryCancelledError):
        match_recognize(QUERY.format(4), given, cancel=token)
    # 0.1 s are promised after the 0.2; the machine may be loaded.
    assert time.perf_counter() - begun < 1.5
    before = threading.active_count()
    assert match_recognize(QUERY.format(4), given).num_rows > 1000
    assert threading.active_count() <= before + 2
