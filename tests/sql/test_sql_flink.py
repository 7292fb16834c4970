"""The worked examples of Apache Flink's documentation (dev/table/sql/queries/match_recognize): its tables, its answers.

Times are seconds from its first row.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize


def ticker(prices: list[int], step: int = 1) -> pa.Table:
    rows = len(prices)
    times = pa.array([at * step * 1_000_000 for at in range(rows)], pa.timestamp("us"))
    return pa.table({"symbol": ["ACME"] * rows, "rowtime": times, "price": prices})


def rows(clause: str, table: pa.Table) -> list[tuple[Any, ...]]:
    query = f"SELECT * FROM Ticker MATCH_RECOGNIZE (PARTITION BY symbol ORDER BY rowtime {clause}) MR"
    answer = match_recognize(query, table)
    begun = table["rowtime"][0].as_py()
    return [
        tuple((each - begun).total_seconds() if hasattr(each, "year") else each for each in row[1:])
        for row in zip(*(column.to_pylist() for column in answer.columns))
    ]


def test_constantly_decreasing_price() -> None:
    table = ticker([12, 17, 19, 21, 25, 18, 15, 14, 24, 25, 19])
    assert rows(
        """MEASURES START_ROW.rowtime AS start_tstamp, LAST(PRICE_DOWN.rowtime) AS bottom_tstamp,
            LAST(PRICE_UP.rowtime) AS end_tstamp
        ONE ROW PER MATCH AFTER MATCH SKIP TO LAST PRICE_UP
        PATTERN (START_ROW PRICE_DOWN+ PRICE_UP)
        DEFINE
            PRICE_DOWN AS (LAST(PRICE_DOWN.price, 1) IS NULL AND PRICE_DOWN.price < START_ROW.price)
                OR PRICE_DOWN.price < LAST(PRICE_DOWN.price, 1),
            PRICE_UP AS PRICE_UP.price > LAST(PRICE_DOWN.price, 1)""",
        table,
    ) == [(4, 7, 8)]


def test_average_below_a_limit() -> None:
    table = ticker([12, 17, 13, 16, 25, 2, 4, 10, 15, 25, 25, 30])
    assert rows(
        """MEASURES FIRST(A.rowtime) AS start_tstamp, LAST(A.rowtime) AS end_tstamp, AVG(A.price) AS avgPrice
        ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
        PATTERN (A+ B) DEFINE A AS AVG(A.price) < 15""",
        table,
    ) == [(0, 3, 14.5), (5, 10, 13.5)]


@pytest.mark.parametrize(("pattern", "wanted"), [("A B* C", [(16,)]), ("A B*? C", [(13,), (16,)])])
def test_greedy_and_reluctant(pattern: str, wanted: list[tuple[int]]) -> None:
    found = rows(
        f"""MEASURES C.price AS lastPrice ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
        PATTERN ({pattern}) DEFINE A AS A.price > 10, B AS B.price < 15, C AS C.price > 12""",
        ticker([10, 11, 12, 13, 14, 16]),
    )
    assert found == wanted


@pytest.mark.parametrize(
    ("within", "condition"),
    [
        ("WITHIN INTERVAL '1' HOUR", "C.price < A.price - 10"),
        ("", "C.price < A.price - 10 AND C.rowtime - A.rowtime <= INTERVAL 1 HOUR"),
    ],
)
def test_time_constraint(within: str, condition: str) -> None:
    """As Flink has it, and as the standard does."""
    table = ticker([20, 17, 18, 11, 14, 9, 15, 14, 24, 1, 19], step=20 * 60)
    assert rows(
        f"""MEASURES C.rowtime AS dropTime, A.price - C.price AS dropDiff
        ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (A B* C) {within}
        DEFINE B AS B.price > A.price - 10, C AS {condition}""",
        table,
    ) == [(9 * 20 * 60, 14)]


def test_output_mode() -> None:
    assert rows(
        """MEASURES FIRST(A.price) AS startPrice, LAST(A.price) AS topPrice, B.price AS lastPrice
        ONE ROW PER MATCH PATTERN (A+ B)
        DEFINE A AS LAST(A.price, 1) IS NULL OR A.price > LAST(A.price, 1), B AS B.price < LAST(A.price)""",
        ticker([10, 12, 13, 11]),
    ) == [(10, 13, 11)]


def test_variables_and_sums() -> None:
    assert rows(
        """MEASURES array_agg(price) AS prices, array_agg(CLASSIFIER()) AS labels PATTERN (A B+)
        DEFINE A AS A.price >= 10, B AS B.price > A.price AND SUM(price) < 100 AND SUM(B.price) < 80""",
        ticker([10, 15, 20, 31, 35]),
    ) == [([10, 15, 20, 31], ["A", "B", "B", "B"])]


def test_logical_offsets() -> None:
    define = """DEFINE A AS A.price >= 10,
        B AS (LAST(B.price, 1) IS NULL OR B.price > LAST(B.price, 1))
            AND (LAST(B.price, 2) IS NULL OR B.price > 2 * LAST(B.price, 2))"""
    measures = "MEASURES array_agg(price) AS prices"
    assert rows(f"{measures} PATTERN (A B+) {define}", ticker([10, 15, 20, 31, 35])) == [([10, 15, 20, 31],)]
    universal = "DEFINE B AS B.price < 20, C AS LAST(price, 1) < C.price"
    for prices in ([10, 15, 20], [10, 20]):
        assert rows(f"{measures} PATTERN (A B? C) {universal}", ticker(prices)) == [(prices,)]


STRATEGY = """MEASURES SUM(A.price) AS sumPrice, FIRST(rowtime) AS startTime, LAST(rowtime) AS endTime
    ONE ROW PER MATCH AFTER MATCH SKIP {} PATTERN (A+ C) DEFINE A AS SUM(A.price) < 30"""


def test_after_match_strategies() -> None:
    table = ticker([7, 9, 10, 5, 10, 7, 14])
    assert rows(STRATEGY.format("PAST LAST ROW"), table) == [(26, 0, 3), (17, 4, 6)]
    next_row = [(26, 0, 3), (24, 1, 4), (25, 2, 5), (22, 3, 6), (17, 4, 6)]
    # Flink stops here: its A+ does not give back the row of 14, which it could take. By the standard C gets it.
    assert rows(STRATEGY.format("TO NEXT ROW"), table) == [*next_row, (7, 5, 6)]
    # For the same reason there is one match more, whose last A is its first row.
    with pytest.raises(rowpattern.SkipError, match=r"match 4 of partition 0, rows 5 to 6"):
        rows(STRATEGY.format("TO LAST A"), table)
    with pytest.raises(rowpattern.SkipError):
        rows(STRATEGY.format("TO FIRST A"), table)
