"""Worked examples of Oracle's row patterns: what Oracle answers, with queries of our own over the published rows.

- Oracle Database Data Warehousing Guide, "SQL for Pattern Matching": its tables of prices of April 2011, and the small
  tables by which it explains navigation, aggregates, empty matches and exclusions.
- I. Ben-Gan, "T-SQL Window Functions", 2nd edition, chapter 4, whose answers were made with Oracle: two stocks over
  twenty days, numbered here.
"""

from __future__ import annotations

import pyarrow as pa
import pytest
from published_cases import Columns, answer, numbered

from rowpattern import match_recognize

# Data Warehousing Guide.
TICKER = numbered(20, price=[12, 17, 19, 21, 25, 12, 15, 20, 24, 25, 19, 15, 25, 25, 14, 12, 14, 24, 23, 22])
U_SHAPES = numbered(20, price=[12, 17, 19, 21, 25, 12, 15, 20, 24, 25, 19, 15, 25, 25, 14, 12, 12, 24, 23, 22])
WAVES = numbered(
    20,
    price=[1000, 775, 900, 775, 900, 775, 900, 775, 800, 550, 900, 800, 1100, 800, 550, 800, 875, 950, 600, 300],
)
TENS = numbered(6, price=[10, 20, 30, 40, 50, 60], tax=[1, 2, 3, 4, 5, 6])
DOWN_UP = "DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price)"
WAVE = "ORDER BY id MEASURES count(*) AS n, {} PATTERN (P Q+ R+ S+ T+ U+ V+ W+ X+ Y+ Z+) DEFINE " + ", ".join(
    f"{variable} AS price {'>' if place % 2 == 0 else '<'} PREV(price)" for place, variable in enumerate("QRSTUVWXYZ")
)
ABAC = """PATTERN ({}) DEFINE A AS id IN (2, 4, 6), B AS id = 3, C AS id = 5"""


def falls(percent: int) -> str:
    return f"""ORDER BY id MEASURES B.id AS day, A.price AS before, B.price AS after
    AFTER MATCH SKIP TO B PATTERN (A B) DEFINE B AS (B.price - A.price) * 100 < -{percent} * A.price"""


# T-SQL Window Functions.
STOCK1 = [150, 151, 148, 146, 142, 144, 152, 152, 153, 154, 154, 154, 153, 145, 140, 142, 143, 142, 140, 138]
STOCK2 = [330, 329, 329, 326, 325, 326, 328, 326, 320, 317, 319, 325, 322, 324, 321, 319, 322, 326, 326, 324]
STOCKS: Columns = {
    "symbol": ["S1"] * 20 + ["S2"] * 20,
    "day": [*range(1, 21), *range(1, 21)],
    "price": STOCK1 + STOCK2,
}
BY_SYMBOL = "PARTITION BY symbol ORDER BY day"
V = "PATTERN (A B+ C+) SUBSET U = (A, B, C) DEFINE B AS price < PREV(price), C AS price > PREV(price)"
RISE = """PATTERN (A B* C+) DEFINE B AS price >= PREV(price),
    C AS price >= PREV(price) AND C.price > A.price AND count(*) >= 3"""
FALLING = "PATTERN (A*) DEFINE A AS price < PREV(price)"
VALLEYS = {"S1": [(2, 5, 7), (12, 15, 17)], "S2": [(3, 5, 7), (8, 10, 12), (14, 16, 18)]}
RISES = {"S1": [(5, 12), (15, 17)], "S2": [(5, 7), (10, 12), (16, 19)]}
# The first and last day of each run of days on which the price falls.
FALLS = {"S1": [(3, 5), (13, 15), (18, 20)], "S2": [(2, 2), (4, 5), (8, 10), (13, 13), (15, 16), (20, 20)]}


def labels_of_valleys(unmatched: bool) -> str:
    days = {
        (symbol, day): f"{number}:{'A' if day == first else 'B' if day <= bottom else 'C'}"
        for symbol, valleys in VALLEYS.items()
        for number, (first, bottom, last) in enumerate(valleys, 1)
        for day in range(first, last + 1)
    }
    every = {(symbol, day): "-:-" for symbol in VALLEYS for day in range(1, 21)} if unmatched else {}
    return " ".join(f"{symbol}:{day}:{label}" for (symbol, day), label in (every | days).items())


def labels_of_falls(empty: bool) -> str:
    """Number matches: each day outside of a run has an empty match of its own."""
    found = []
    for symbol, runs in FALLS.items():
        match = 0
        for day in range(1, 21):
            inside = [first for first, last in runs if first <= day <= last]
            match += not inside or day in inside
            if inside or empty:
                found.append(f"{symbol}:{day}:{match}:{'A' if inside else '-'}")
    return " ".join(found)


CASES: list[tuple[Columns, str, str, str]] = [
    (
        TICKER,
        "id, m, label, up, total, so_far, difference",
        f"""ORDER BY id MEASURES MATCH_NUMBER() AS m, CLASSIFIER() AS label, FINAL count(UP.id) AS up,
        FINAL count(id) AS total, RUNNING count(id) AS so_far, price - STRT.price AS difference
        ALL ROWS PER MATCH AFTER MATCH SKIP TO LAST UP PATTERN (STRT DOWN+ UP+) {DOWN_UP}""",
        """5:1:STRT:4:6:1:0 6:1:DOWN:4:6:2:-13 7:1:UP:4:6:3:-10 8:1:UP:4:6:4:-5 9:1:UP:4:6:5:-1 10:1:UP:4:6:6:0
        10:2:STRT:1:4:1:0 11:2:DOWN:1:4:2:-6 12:2:DOWN:1:4:3:-10 13:2:UP:1:4:4:0
        14:3:STRT:2:5:1:0 15:3:DOWN:2:5:2:-11 16:3:DOWN:2:5:3:-13 17:3:UP:2:5:4:-11 18:3:UP:2:5:5:-1""",
    ),
    (
        TICKER,
        "first_day, bottom, round(mean, 4)",
        f"""ORDER BY id MEASURES FIRST(STRT.id) AS first_day, LAST(DOWN.id) AS bottom, avg(STDN.price) AS mean
        AFTER MATCH SKIP TO LAST UP PATTERN (STRT DOWN+ UP+) SUBSET STDN = (STRT, DOWN) {DOWN_UP}""",
        "5:6:18.5 10:12:19.6667 14:16:17.0",
    ),
    (
        TICKER,
        "id, round(so_far, 2), round(whole, 2)",
        """ORDER BY id MEASURES RUNNING avg(A.price) AS so_far, FINAL avg(A.price) AS whole ALL ROWS PER MATCH
        PATTERN (A+) DEFINE A AS price >= avg(A.price)""",
        """1:12.0:18.8 2:14.5:18.8 3:16.0:18.8 4:17.25:18.8 5:18.8:18.8 6:12.0:19.2 7:13.5:19.2 8:15.67:19.2
        9:17.75:19.2 10:19.2:19.2 11:19.0:19.0 12:15.0:21.67 13:20.0:21.67 14:21.67:21.67 15:14.0:14.0 16:12.0:19.0
        17:13.0:19.0 18:16.67:19.0 19:18.25:19.0 20:19.0:19.0""",
    ),
    (
        TICKER,
        "id, m, label, price, round(mean, 2)",
        """ORDER BY id MEASURES FINAL avg(S.price) AS mean, CLASSIFIER() AS label, MATCH_NUMBER() AS m
        ALL ROWS PER MATCH AFTER MATCH SKIP TO LAST B PATTERN ({- A -} B+ {- C+ -}) SUBSET S = (A, B)
        DEFINE A AS price >= 10, B AS price > PREV(price), C AS price <= PREV(price)""",
        """2:1:B:17:18.8 3:1:B:19:18.8 4:1:B:21:18.8 5:1:B:25:18.8 7:2:B:15:19.2 8:2:B:20:19.2 9:2:B:24:19.2
        10:2:B:25:19.2 13:3:B:25:20.0 17:4:B:14:16.67 18:4:B:24:16.67""",
    ),
    (WAVES, "*", falls(24), "10:800:550 14:1100:800 15:800:550 19:950:600 20:600:300"),
    (
        WAVES,
        "*",
        falls(8),
        """2:1000:775 4:900:775 6:900:775 8:900:775 10:800:550 12:900:800 14:1100:800 15:800:550 19:950:600
        20:600:300""",
    ),
    (
        WAVES,
        "*",
        """ORDER BY id MEASURES A.id AS first_day, A.price AS price, B.price AS fallen, count(C.*) + 1 AS days,
        D.id AS last_day, D.price AS again PATTERN (A B C* D)
        DEFINE B AS (B.price - A.price) * 100 < -8 * A.price, C AS C.price < A.price, D AS D.price >= A.price""",
        "1:1000:775:11:13:1100 14:800:550:1:16:800",
    ),
    (
        U_SHAPES,
        "*",
        """ORDER BY id MEASURES STRT.id AS first_day, DOWN.id AS bottom, UP.id AS last_day
        AFTER MATCH SKIP TO LAST UP PATTERN (STRT DOWN+ FLAT* UP+)
        DEFINE DOWN AS price < PREV(price), FLAT AS price = PREV(price), UP AS price > PREV(price)""",
        "5:6:10 10:12:13 14:16:18",
    ),
    (
        WAVES,
        "n, first_day, last_day",
        WAVE.format("P.id AS first_day, Z.id AS last_day"),
        "11:2:12",
    ),
    (
        WAVES,
        "id, label, n",
        WAVE.format("CLASSIFIER() AS label ALL ROWS PER MATCH AFTER MATCH SKIP TO LAST Z"),
        "2:P:1 3:Q:2 4:R:3 5:S:4 6:T:5 7:U:6 8:V:7 9:W:8 10:X:9 11:Y:10 12:Z:11",
    ),
    (
        numbered(4, price=[10, 16, 13, 9]),
        "id, m, so_far, whole",
        """ORDER BY id MEASURES MATCH_NUMBER() AS m, RUNNING avg(A.price) AS so_far, FINAL avg(A.price) AS whole
        ALL ROWS PER MATCH PATTERN (^ A+) DEFINE A AS price >= avg(A.price)""",
        "1:1:10.0:13.0 2:1:13.0:13.0 3:1:13.0:13.0",
    ),
    (
        numbered(3, price=[60, 70, 40]),
        "id, label",
        """ORDER BY id MEASURES CLASSIFIER() AS label ALL ROWS PER MATCH PATTERN (A? B+)
        DEFINE A AS price > 100, B AS B.price > count(A.*) * 50""",
        "1:B 2:B 3:B",
    ),
    (
        numbered(5, price=[2, 11, 12, 13, 14]),
        "id, label",
        """ORDER BY id MEASURES CLASSIFIER() AS label ALL ROWS PER MATCH PATTERN (A+ B+)
        DEFINE A AS count(B.*) > 3, B AS price > 10""",
        "",
    ),
    *(
        (
            TENS,
            "id, label",
            f"""ORDER BY id MEASURES CLASSIFIER() AS label ALL ROWS PER MATCH {rows} PATTERN (B A* C | A*)
            DEFINE A AS id = 4, B AS id = 3, C AS id = 5{more}""",
            wanted,
        )
        for rows, more, wanted in [
            ("SHOW EMPTY MATCHES", "", "1:- 2:- 3:B 4:A 5:C 6:-"),
            ("OMIT EMPTY MATCHES", "", "3:B 4:A 5:C"),
        ]
    ),
    (
        TENS,
        "id, label",
        """ORDER BY id MEASURES CLASSIFIER() AS label ALL ROWS PER MATCH WITH UNMATCHED ROWS PATTERN (A* B A* C)
        DEFINE A AS id = 4, B AS id = 3, C AS id = 5""",
        "1:- 2:- 3:B 4:A 5:C 6:-",
    ),
    (
        TENS,
        "id, label",
        f"ORDER BY id MEASURES CLASSIFIER() AS label ALL ROWS PER MATCH {ABAC.format('{- A B -} A C {- A -}')}",
        "4:A 5:C",
    ),
    (
        TENS,
        "*",
        f"""ORDER BY id MEASURES PREV(LAST(A.price + A.tax, 1), 3) AS nested {ABAC.format("A B A C A")}""",
        "11",
    ),
    (
        TENS,
        "*",
        """ORDER BY id MEASURES FIRST(A.price) AS f, FIRST(A.price, 1) AS f1, FIRST(A.price, 2) AS f2,
        LAST(A.price) AS l, LAST(A.price, 1) AS l1, LAST(A.price, 2) AS l2, FIRST(A.price, 3) AS f3
        PATTERN (A B A C A) DEFINE B AS id = 2, C AS id = 4""",
        "10:30:50:50:30:10:-",
    ),
    (
        TENS,
        "*",
        """ORDER BY id MEASURES PREV(B.price, 0) AS p, PREV(B.price) AS p1, PREV(B.price, 2) AS p2,
        NEXT(B.price, 0) AS n, NEXT(B.price, 1) AS n1, NEXT(B.price, 2) AS n2, FIRST(A.price + A.tax) AS sum
        PATTERN (A A B C C)""",
        "30:20:10:30:40:50:11",
    ),
    # Valleys of two stocks.
    (
        STOCKS,
        "symbol, first_day, bottom, last_day, most",
        f"""{BY_SYMBOL} MEASURES A.day AS first_day, LAST(B.day) AS bottom, LAST(C.day) AS last_day,
        max(U.price) AS most {V}""",
        "S1:2:5:7:152 S1:12:15:17:154 S2:3:5:7:329 S2:8:10:12:326 S2:14:16:18:326",
    ),
    *(
        (
            STOCKS,
            "symbol, day, m, label",
            f"{BY_SYMBOL} MEASURES MATCH_NUMBER() AS m, CLASSIFIER() AS label ALL ROWS PER MATCH {rows} {V}",
            labels_of_valleys(bool(rows)),
        )
        for rows in ("", "WITH UNMATCHED ROWS")
    ),
    *(
        (
            STOCKS,
            "symbol, day, m, label",
            f"{BY_SYMBOL} MEASURES MATCH_NUMBER() AS m, CLASSIFIER() AS label ALL ROWS PER MATCH {rows} {FALLING}",
            labels_of_falls(rows.startswith("SHOW")),
        )
        for rows in ("SHOW EMPTY MATCHES", "OMIT EMPTY MATCHES")
    ),
    # Three days or more on which the price does not fall, and rises.
    (
        STOCKS,
        "symbol, day, label, so_far, whole",
        f"""{BY_SYMBOL} MEASURES CLASSIFIER() AS label, RUNNING count(*) AS so_far, FINAL count(*) AS whole
        ALL ROWS PER MATCH {RISE}""",
        " ".join(
            f"{symbol}:{day}:{'A' if day == first else 'CB'[day < last]}:{day - first + 1}:{last - first + 1}"
            for symbol, rises in RISES.items()
            for first, last in rises
            for day in range(first, last + 1)
        ),
    ),
    (
        STOCKS,
        "symbol, first_day, last_day, n, after",
        f"""{BY_SYMBOL} MEASURES FIRST(day) AS first_day, LAST(day) AS last_day, count(*) AS n,
        NEXT(FINAL LAST(price)) AS after {RISE}""",
        "S1:5:12:8:153 S1:15:17:3:142 S2:5:7:3:326 S2:10:12:3:322 S2:16:19:4:324",
    ),
    # The first and the last three days.
    *(
        (
            STOCKS,
            "symbol, day, m",
            f"{BY_SYMBOL} MEASURES MATCH_NUMBER() AS m ALL ROWS PER MATCH PATTERN ({pattern})",
            " ".join(f"{symbol}:{day}:1" for symbol in ("S1", "S2") for day in days),
        )
        for pattern, days in (("^ A{1,3}", (1, 2, 3)), ("A{1,3} $", (18, 19, 20)))
    ),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "shown", "clause", "wanted"), CASES)
def test_oracle_answers(columns: Columns, shown: str, clause: str, wanted: str) -> None:
    assert answer(columns, shown, clause) == wanted.split()


def test_valleys_in_a_window() -> None:
    """Feature R020 over the same rows: what a window shows beside the rows of each match."""
    query = f"""SELECT symbol, day, first_day OVER w, bottom OVER w, last_day OVER w, max(price) OVER w
        FROM t WINDOW w AS ({BY_SYMBOL} MEASURES A.day AS first_day, LAST(B.day) AS bottom, LAST(C.day) AS last_day
        ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING AFTER MATCH SKIP PAST LAST ROW INITIAL
        {V.replace("SUBSET U = (A, B, C) ", "")})
        QUALIFY first_day OVER w IS NOT NULL ORDER BY symbol, day"""
    found = match_recognize(query, t=pa.table(STOCKS)).to_pylist()
    assert [tuple(row.values()) for row in found] == [
        (symbol, first, first, bottom, last, most)
        for (symbol, valleys), highest in zip(VALLEYS.items(), ([152, 154], [329, 326, 326]))
        for (first, bottom, last), most in zip(valleys, highest)
    ]
