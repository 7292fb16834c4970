"""Worked examples that the documentation of other systems gives, each named by its source.

docs/dialects.md says where systems differ; Trino's and Flink's stand in `test_sql_trino.py` and `test_sql_flink.py`.
Snowflake's data were compared with its documentation; Oracle's queries and table are as we know them. Those of
ISO/IEC 19075-5 are rebuilt after the standard's chapters, whose text was not at hand: answers were found by hand.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from rowpattern import match_recognize

# Oracle Database Data Warehousing Guide, "SQL for Pattern Matching", example 20-1: days of April 2011.
ACME = [12, 17, 19, 21, 25, 12, 15, 20, 24, 25, 19, 15, 25, 25, 14, 12, 14, 24, 23, 22]
TICKER = pa.table({"symbol": ["ACME"] * 20, "tstamp": list(range(1, 21)), "price": ACME})

# Snowflake documentation, "Identifying sequences of rows that match a pattern": days of October 2020.
ABCD, XYZ = [50, 36, 39, 42, 30, 47, 71, 80, 75, 63], [89, 24, 37, 63, 65, 56, 50, 54, 30, 32]
STOCK_PRICE_HISTORY = pa.table(
    {"company": ["ABCD"] * 10 + ["XYZ"] * 10, "price_date": list(range(1, 11)) * 2, "price": ABCD + XYZ}
)


def rows(sql: str, table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in match_recognize(sql, table).columns)))


ORACLE_V = """SELECT * FROM Ticker MATCH_RECOGNIZE (
     PARTITION BY symbol
     ORDER BY tstamp
     MEASURES {}
     AFTER MATCH SKIP TO LAST UP
     PATTERN (STRT DOWN+ UP+)
     DEFINE
        DOWN AS DOWN.price < PREV(DOWN.price),
        UP AS UP.price > PREV(UP.price)
     ) MR
ORDER BY MR.symbol, MR.start_tstamp"""


def test_oracle_v_shape_one_row_per_match() -> None:
    measures = """STRT.tstamp AS start_tstamp,
        LAST(DOWN.tstamp) AS bottom_tstamp,
        LAST(UP.tstamp) AS end_tstamp
        ONE ROW PER MATCH"""
    assert rows(ORACLE_V.format(measures), TICKER) == [
        ("ACME", 5, 6, 10),
        ("ACME", 10, 12, 13),
        ("ACME", 14, 16, 18),
    ]


def test_oracle_v_shape_all_rows_per_match() -> None:
    measures = """STRT.tstamp AS start_tstamp,
        FINAL LAST(DOWN.tstamp) AS bottom_tstamp,
        FINAL LAST(UP.tstamp) AS end_tstamp,
        MATCH_NUMBER() AS match_num,
        CLASSIFIER() AS var_match
        ALL ROWS PER MATCH"""
    found = rows(ORACLE_V.format(measures).replace("MR.start_tstamp", "MR.match_num, MR.tstamp"), TICKER)
    shown = [(row[1], *row[2:7]) for row in found]
    assert shown[:6] == [
        (5, 5, 6, 10, 1, "STRT"),
        (6, 5, 6, 10, 1, "DOWN"),
        (7, 5, 6, 10, 1, "UP"),
        (8, 5, 6, 10, 1, "UP"),
        (9, 5, 6, 10, 1, "UP"),
        (10, 5, 6, 10, 1, "UP"),
    ]
    assert [(row[0], row[5]) for row in shown[6:10]] == [(10, "STRT"), (11, "DOWN"), (12, "DOWN"), (13, "UP")]
    assert len(shown) == 6 + 4 + 5


def test_oracle_w_shape() -> None:
    """Example 20-3 there: the same table, searched for a W, with overlapping matches not wanted."""
    query = """SELECT * FROM Ticker MATCH_RECOGNIZE (
         PARTITION BY symbol ORDER BY tstamp
         MEASURES MATCH_NUMBER() AS match_num, STRT.tstamp AS start_tstamp, FINAL LAST(UP.tstamp) AS end_tstamp
         AFTER MATCH SKIP TO LAST UP
         PATTERN (STRT DOWN+ UP+ DOWN+ UP+)
         DEFINE DOWN AS DOWN.price < PREV(DOWN.price), UP AS UP.price > PREV(UP.price))"""
    assert rows(query, TICKER) == [("ACME", 1, 5, 13)]


SNOWFLAKE = """SELECT * FROM stock_price_history
  MATCH_RECOGNIZE(
    PARTITION BY company
    ORDER BY price_date
    MEASURES {}
    PATTERN(row_before_decrease row_with_price_decrease+ row_with_price_increase+)
    DEFINE
      row_with_price_decrease AS price < PREV(price),
      row_with_price_increase AS price > PREV(price))
ORDER BY company, match_number"""


def test_snowflake_v_shapes() -> None:
    measures = """MATCH_NUMBER() AS match_number,
      FIRST(price_date) AS start_date,
      LAST(price_date) AS end_date,
      COUNT(*) AS rows_in_sequence,
      COUNT(row_with_price_decrease.*) AS num_decreases,
      COUNT(row_with_price_increase.*) AS num_increases
    ONE ROW PER MATCH
    AFTER MATCH SKIP TO LAST row_with_price_increase"""
    assert rows(SNOWFLAKE.format(measures), STOCK_PRICE_HISTORY) == [
        ("ABCD", 1, 1, 4, 4, 1, 2),
        ("ABCD", 2, 4, 8, 5, 1, 3),
        ("XYZ", 1, 1, 5, 5, 1, 3),
        ("XYZ", 2, 5, 8, 4, 2, 1),
        ("XYZ", 3, 8, 10, 3, 1, 1),
    ]


def test_snowflake_all_rows_with_classifier() -> None:
    measures = """MATCH_NUMBER() AS match_number,
      MATCH_SEQUENCE_NUMBER() AS msq,
      CLASSIFIER() AS cl
    ALL ROWS PER MATCH
    AFTER MATCH SKIP TO LAST row_with_price_increase"""
    found = [row for row in rows(SNOWFLAKE.format(measures) + ", msq", STOCK_PRICE_HISTORY) if row[0] == "ABCD"]
    assert [(row[1], row[2], row[3], row[4]) for row in found[:4]] == [
        (1, 1, 1, "ROW_BEFORE_DECREASE"),
        (2, 1, 2, "ROW_WITH_PRICE_DECREASE"),
        (3, 1, 3, "ROW_WITH_PRICE_INCREASE"),
        (4, 1, 4, "ROW_WITH_PRICE_INCREASE"),
    ]


TRINO = pa.table({"id": [1, 2, 3, 4, 5, 6, 7, 8], "value": [90, 80, 70, 80, 90, 50, 40, 60]})


def test_trino_aggregates_of_classifier_and_match_number() -> None:
    """Trino's documentation, "Aggregate functions": arguments may be CLASSIFIER(), labels of one variable."""
    query = """SELECT * FROM t MATCH_RECOGNIZE (
         ORDER BY id
         MEASURES array_agg(CLASSIFIER(U)) AS labels, sum(MATCH_NUMBER()) AS numbers, avg(U.value) AS mean
         PATTERN (A B+ C+) SUBSET U = (B, C)
         DEFINE B AS B.value < PREV(B.value), C AS C.value > PREV(C.value))"""
    assert rows(query, TRINO) == [(["B", "B", "C", "C"], 5, 80.0), (["B", "C"], 6, 50.0)]


def test_standard_union_variable_and_one_row_per_match() -> None:
    """After ISO/IEC 19075-5, 4.2.2: first, lowest and last price of a V, and the highest of the union of all."""
    table = pa.table({"symbol": ["XYZ"] * 6, "tradeday": [1, 2, 3, 4, 5, 6], "price": [50, 45, 40, 47, 52, 49]})
    query = """SELECT m.* FROM Ticker MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY tradeday
        MEASURES MATCH_NUMBER() AS matchno, A.price AS startp, LAST(B.price) AS bottomp, LAST(C.price) AS endp,
                 MAX(U.price) AS maxp
        ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
        PATTERN (A B+ C+ D) SUBSET U = (A, B, C, D)
        DEFINE B AS B.price < PREV(B.price), C AS C.price > PREV(C.price), D AS D.price < PREV(D.price)) AS m"""
    assert rows(query, table) == [("XYZ", 1, 50, 40, 52, 52)]


def test_standard_running_and_final_in_all_rows() -> None:
    """After ISO/IEC 19075-5, 5.4 and 5.6: RUNNING is the default, FINAL sees the whole match; PREV around LAST."""
    table = pa.table({"tradeday": [1, 2, 3, 4], "price": [10, 8, 6, 9]})
    query = """SELECT * FROM Ticker MATCH_RECOGNIZE (
        ORDER BY tradeday
        MEASURES AVG(B.price) AS running_average, FINAL AVG(B.price) AS final_average,
                 PREV(LAST(B.price), 1) AS before, FIRST(B.price, 1) AS second_b, NEXT(A.price) AS after_a
        ALL ROWS PER MATCH PATTERN (A B+ C)
        DEFINE B AS B.price < PREV(B.price), C AS C.price > PREV(C.price))"""
    assert rows(query, table) == [
        (1, None, 7.0, None, None, 8, 10),
        (2, 8.0, 7.0, 10, None, 8, 8),
        (3, 7.0, 7.0, 8, 6, 8, 6),
        (4, 7.0, 7.0, 8, 6, 8, 9),
    ]


def test_standard_exclusion_is_not_shown_and_still_counts() -> None:
    """After ISO/IEC 19075-5, 4.14.6."""
    table = pa.table({"tradeday": [1, 2, 3, 4, 5], "price": [10, 8, 6, 7, 9]})
    query = """SELECT * FROM Ticker MATCH_RECOGNIZE (
        ORDER BY tradeday MEASURES COUNT(*) AS n, CLASSIFIER() AS c ALL ROWS PER MATCH PATTERN (A {- B+ C+ -} D)
        DEFINE B AS B.price < PREV(B.price), C AS C.price > PREV(C.price), D AS D.price > PREV(D.price))"""
    assert rows(query, table) == [(1, 1, "A", 10), (5, 5, "D", 9)]
