"""Cases of Apache Flink's own tests (MatchRecognizeITCase): its tables and its answers; the queries are written anew.

Its rows come in the order of time; here they have a number for that.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from rowpattern import match_recognize

Rows = list[tuple[Any, ...]]


def answer(names: str, rows: Rows, clause: str, source: str = "t") -> Rows:
    """Answer a clause over rows with these names of columns."""
    table = pa.table({name: list(values) for name, values in zip(names.split(), zip(*rows))})
    found = match_recognize(f"SELECT * FROM {source} MATCH_RECOGNIZE ({clause})", t=table)
    return list(zip(*(column.to_pylist() for column in found.columns)))


LETTERS = list(enumerate("azbcdabch", 1))
WITH_NULLS = [(at, name, None) for at, name in enumerate(["a", "b", "c", "d", None, "a", "b", "c", None], 1)]
KEYS = [
    (at, name, *keys)
    for at, (name, keys) in enumerate(
        zip("abcdeabcf", [("key1", "second_key3")] * 3 + [("key", "second_key")] * 2 + [("key2", "second_key4")] * 3), 1
    )
] + [(9, "f", "key", "second_key")]
ORDERS = [
    (12, 1, "a", 1, 2),
    (11, 2, "b", 2, 1),
    (10, 3, "c", 3, 3),
    (8, 4, "a", 4, 4),
    (9, 5, "b", 5, 4),
    (7, 6, "c", 6, 5),
    (6, 8, "a", 7, 6),
    (6, 7, "b", 8, 6),
    (4, 9, "c", 9, 8),
    (3, 10, "a", 10, 9),
    (2, 11, "b", 11, 10),
    (1, 12, "c", 12, 11),
]
TICKER = [(at, price, at) for at, price in enumerate([19, 17, 13, 20, 20, 26, 20, 25], 1)]
FALLING = list(enumerate([20, 19, 18, 17, 16, 15, 14, 20], 1))
WEIGHTS = [
    (1, 1, 0.8, 1),
    (2, 2, 0.8, 3),
    (3, 1, 0.8, 2),
    (4, 1, 0.8, 5),
    (5, 4, 0.1, 5),
    (6, 2, 1.5, 2),
    (7, 2, 0.8, 3),
    (8, 1, 0.8, 2),
    (9, 4, 0.8, 3),
    (10, 4, 0.8, 3),
    (11, 2, 0.8, 3),
    (12, 2, 0.8, 3),
]
PRICES = list(zip(range(1, 10), "azbcdcccc", [10, 10, None, None, 3, 3, 3, 3, 2]))

OFFSETS = ", ".join(f"{way}(id, {at}) AS {way}{at}" for way in ("first", "last") for at in range(8))

CASES: dict[str, tuple[str, Rows, str, Rows]] = {
    "simple pattern, quoted variables": (
        "id name",
        LETTERS,
        """ORDER BY id MEASURES "A""b".id AS aid, l.id AS bid, C.id AS cid PATTERN ("A""b" l C)
        DEFINE "A""b" AS name = 'a', l AS name = 'b', C AS name = 'c'""",
        [(6, 7, 8)],
    ),
    "NULL in rows": (
        "id name nothing",
        WITH_NULLS,
        """ORDER BY id MEASURES A.id AS aid, LAST(B.nothing) AS b, C.id AS cid, A.nothing AS a PATTERN (A B C)
        DEFINE A AS name = 'a' AND nothing IS NULL, B AS name = 'b' AND LAST(A.nothing) IS NULL, C AS name = 'c'""",
        [(1, None, 3, None), (6, None, 8, None)],
    ),
    "two keys": (
        "id name key1 key2",
        KEYS,
        """PARTITION BY key1, key2 ORDER BY id
        MEASURES A.id AS aid, A.key1 AS akey, LAST(B.id) AS bid, C.id AS cid, C.key2 AS ckey PATTERN (A B C)
        DEFINE A AS name = 'a' AND key1 LIKE '%key%' AND id > 0, B AS name = 'b' AND LAST(A.name, 2) IS NULL,
            C AS name = 'c' AND LAST(A.name) = 'a'""",
        [
            ("key1", "second_key3", 1, "key1", 2, 3, "second_key3"),
            ("key2", "second_key4", 6, "key2", 7, 8, "second_key4"),
        ],
    ),
    "three orders": (
        "second third name id time",
        ORDERS,
        """ORDER BY time, second DESC, third ASC MEASURES A.id AS aid, B.id AS bid, C.id AS cid PATTERN (A B C)
        DEFINE A AS name = 'a', B AS name = 'b', C AS name = 'c'""",
        [(10, 11, 12)],
    ),
    # The first match is one that Flink does not have: a greedy loop of its does not give rows back.
    "logical offsets": (
        "tstamp price tax",
        TICKER,
        """ORDER BY tstamp MEASURES FIRST(DOWN.tstamp) AS a, LAST(DOWN.tstamp) AS b, UP.tstamp AS c,
            FIRST(DOWN.price + DOWN.tax + 1) AS d, UP.price + UP.tax AS e PATTERN (DOWN{2,} UP)
        DEFINE DOWN AS price < LAST(DOWN.price, 1) OR LAST(DOWN.price, 1) IS NULL, UP AS price < FIRST(DOWN.price)""",
        [(1, 2, 3, 21, 16), (6, 7, 8, 33, 33)],
    ),
    "constants": (
        "tstamp price tax",
        TICKER[:4],
        """ORDER BY tstamp MEASURES DOWN.tax AS bottom_tax, UP.tax AS end_tax PATTERN (DOWN UP)
        DEFINE DOWN AS DOWN.price = 13, UP AS UP.price = 20""",
        [(3, 4)],
    ),
    "logical offsets over all rows": (
        "id price",
        FALLING,
        f"""ORDER BY id MEASURES {OFFSETS}
        PATTERN ("DOWN""b"{{2,}} UP)
        DEFINE "DOWN""b" AS price < LAST(price, 1) OR LAST(price, 1) IS NULL,
            UP AS price = FIRST(price) AND price > FIRST(price, 3) AND price = LAST(price, 7)""",
        [(1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1)],
    ),
    "offsets out of range": (
        "tstamp price tax",
        TICKER[:4],
        """ORDER BY tstamp MEASURES FIRST(DOWN.price) AS f, LAST(DOWN.price) AS l, FIRST(DOWN.price, 5) AS n
        PATTERN (DOWN{2,} UP) DEFINE DOWN AS price < LAST(DOWN.price, 1) OR LAST(DOWN.price, 1) IS NULL,
            UP AS price > LAST(DOWN.price)""",
        [(19, 13, None)],
    ),
    # Its weighted average is one of whole numbers. Its `D?` leaves a row to E, as `D??` does in the standard.
    "aggregates": (
        "id price rate weight",
        WEIGHTS,
        """ORDER BY id MEASURES FIRST(id) AS a, sum(A.price) AS b, count(D.price) AS c, sum(D.price) AS d,
            sum(price * weight) // sum(weight) AS e, avg(B.price) AS f, round(sum(B.price * B.rate), 9) AS g,
            LAST(id) AS h
        PATTERN (A+ B+ C D?? E)
        DEFINE A AS sum(A.price) < 6, B AS sum(B.price * B.rate) < sum(A.price) AND sum(B.price * B.rate) > 0.2
            AND sum(B.price) >= 1 AND avg(B.price) >= 1 AND sum(price * weight) // sum(weight) > 1""",
        [(1, 5, 0, None, 2, 3, 3.4, 8), (9, 4, 0, None, 3, 4, 3.2, 12)],
    ),
    "aggregates over NULL": (
        "id name price",
        PRICES,
        """ORDER BY id MEASURES sum(A.price) AS a, count(A.id) AS b, count(A.price) AS c, count(*) AS d,
            count(price) AS e, LAST(id) AS f PATTERN (A+ C) DEFINE A AS sum(A.price) < 30, C AS C.name = 'c'""",
        [(29, 7, 5, 8, 6, 8)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    names, rows, clause, wanted = CASES[name]
    assert answer(names, rows, clause) == wanted


def test_over_grouped_rows() -> None:
    """A clause over a query with GROUP BY: the time of a group of three seconds."""
    prices = [(1, 1), (2, 2), (4, 1), (5, 1), (7, 2), (8, 2)]
    rows = [("ACME", at, price) for at, price in prices] + [("ACME1", 1, price) for price in (20, 24, 25, 19)]
    found = answer(
        "symbol second price",
        rows,
        """PARTITION BY symbol ORDER BY begun MEASURES B.price AS price, B.begun AS begun PATTERN (A B)
        DEFINE B AS B.price < A.price""",
        "(SELECT symbol, second // 3 * 3 AS begun, sum(price) AS price FROM t GROUP BY ALL)",
    )
    assert found == [("ACME", 2, 3)]


def test_grouped_answers() -> None:
    table = pa.table({"second": [1, 2, 4, 5], "price": [1, 2, 1, 1]})
    query = """SELECT at // 3 * 3 AS begun, sum(price) AS price FROM t MATCH_RECOGNIZE (ORDER BY second
        MEASURES A.price AS price, A.second AS at PATTERN (A) DEFINE A AS A.price > 0) GROUP BY ALL ORDER BY begun"""
    assert match_recognize(query, table).to_pylist() == [{"begun": 0, "price": 3}, {"begun": 3, "price": 2}]
