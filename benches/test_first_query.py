"""The first query of a process beside DuckDB's first window query: imports, connection and the answer.

Each runs in a new process that has the table already and waits to be asked. Both find the days on which two falls begin
that a rise follows.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from waiting_process import WaitingProcess

CHILD = """
import json, sys
import pyarrow as pa

contender, sql, days = sys.argv[1], sys.argv[2], 1000
prices = pa.table({"day": range(days), "price": [day * 7919 % 1009 / 8 for day in range(days)]})
print("ready", flush=True)
sys.stdin.readline()
if contender == "rowpattern":
    from rowpattern import match_recognize
    answer = match_recognize(sql, prices)
else:
    import duckdb
    answer = duckdb.sql(sql).to_arrow_table()
print(json.dumps(answer["begun"].to_pylist()), flush=True)
"""

QUERIES = {
    "rowpattern": """SELECT * FROM prices MATCH_RECOGNIZE (
        ORDER BY day MEASURES FIRST(day) AS begun AFTER MATCH SKIP TO NEXT ROW
        PATTERN (DOWN DOWN UP) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))""",
    "DuckDB, window functions": """SELECT day AS begun FROM (
        SELECT day, lag(price) OVER one AS a, price AS b, lead(price) OVER one AS c, lead(price, 2) OVER one AS d
        FROM prices WINDOW one AS (ORDER BY day))
        WHERE b < a AND c < b AND d > c ORDER BY day""",
}
AT_LEAST = 0.6
ROUNDS = 15


def started(contender: str) -> WaitingProcess:
    return WaitingProcess("-c", CHILD, contender, QUERIES[contender])


def answer_of(contender: str) -> list[int]:
    process = started(contender)
    answer: list[int] = json.loads(process.ask())
    process.end()
    return answer


@pytest.mark.parametrize("contender", list(QUERIES))
def test_first_query(benchmark: Any, contender: str) -> None:
    benchmark.group = "the first query of a process, imports included"
    if contender != "rowpattern":
        benchmark.extra_info["at_least"] = AT_LEAST
    answer = answer_of("rowpattern")
    assert answer
    assert answer == answer_of("DuckDB, window functions")
    benchmark.pedantic(
        WaitingProcess.ask,
        setup=lambda: ((started(contender),), {}),
        teardown=WaitingProcess.end,
        rounds=ROUNDS,
        warmup_rounds=1,
    )
