"""Twenty questions of a service under load, over 100 to 200,000 rows: by MATCH_RECOGNIZE, and by window functions.

Each kind of question is asked of two sizes of table. Rows are in the order of `day`; events (`user`, `at`) are in none.
Some kinds need DuckDB here too: what is selected from the matches, a condition with a function that only DuckDB has.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

__all__ = ["EXPLOSIVE", "KINDS", "QUESTIONS", "SIZES", "table"]

SIZES = (100, 2_000, 20_000, 200_000)

_SESSIONS = """t MATCH_RECOGNIZE (
    PARTITION BY user ORDER BY at
    MEASURES FIRST(at) AS begun, LAST(at) AS ended, count(*) AS events, MATCH_NUMBER() AS session {rows}
    PATTERN (FIRST_ONE NEXT_ONE*) DEFINE NEXT_ONE AS at - PREV(at) <= INTERVAL 1 HOUR)"""
_NUMBERED = """
    SELECT "user", "at", sum(begins) OVER (PARTITION BY "user" ORDER BY "at" ROWS UNBOUNDED PRECEDING) AS session
    FROM (
        SELECT "user", "at", CASE WHEN "at" - lag("at") OVER one <= INTERVAL 1 HOUR THEN 0 ELSE 1 END AS begins
        FROM t WINDOW one AS (PARTITION BY "user" ORDER BY "at"))"""
_SESSIONS_THERE = f"""
    SELECT "user", min("at") AS begun, max("at") AS ended, count(*) AS events
    FROM ({_NUMBERED}) GROUP BY "user", session"""
_RUNS = """
    SELECT min(day) AS begun, any_value(step) AS step, arg_max(price, day) AS low, count(*) AS days, sum(size) AS sizes
    FROM (
        SELECT *, sum(begins) OVER (ORDER BY day ROWS UNBOUNDED PRECEDING) AS run FROM (
            SELECT *, (step IS DISTINCT FROM lag(step) OVER (ORDER BY day))::INTEGER AS begins
            FROM (SELECT day, price, size, sign(price - lag(price) OVER (ORDER BY day)) AS step FROM t)))
    GROUP BY run"""

#: By kind: ours, and the same question by window functions. Answers have the same columns, their rows in any order.
KINDS = {
    "two falls and a rise": (
        """SELECT * FROM t MATCH_RECOGNIZE (
            ORDER BY day MEASURES FIRST(day) AS begun AFTER MATCH SKIP TO NEXT ROW
            PATTERN (DOWN DOWN UP) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))""",
        """SELECT day AS begun FROM (
            SELECT day, lag(price) OVER one AS a, price AS b, lead(price) OVER one AS c, lead(price, 2) OVER one AS d
            FROM t WINDOW one AS (ORDER BY day))
            WHERE b < a AND c < b AND d > c""",
    ),
    "the same in partitions": (
        """SELECT * FROM t MATCH_RECOGNIZE (
            PARTITION BY part ORDER BY day MEASURES FIRST(day) AS begun AFTER MATCH SKIP TO NEXT ROW
            PATTERN (DOWN DOWN UP) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))""",
        """SELECT part, day AS begun FROM (
            SELECT part, day, lag(price) OVER one AS a, price AS b, lead(price) OVER one AS c,
                lead(price, 2) OVER one AS d
            FROM t WINDOW one AS (PARTITION BY part ORDER BY day))
            WHERE b < a AND c < b AND d > c""",
    ),
    "falls and rises of any length": (
        """SELECT * FROM t MATCH_RECOGNIZE (
            ORDER BY day MEASURES FIRST(DOWN.day) AS begun, LAST(DOWN.price) AS low, LAST(UP.price) AS ended
            PATTERN (DOWN+ UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))""",
        f"""SELECT begun, low, ended FROM (
            SELECT *, lead(step) OVER one AS next_step, lead(low) OVER one AS ended
            FROM ({_RUNS}) WINDOW one AS (ORDER BY begun))
            WHERE step = -1 AND next_step = 1""",
    ),
    "falls with what was sold": (
        """SELECT * FROM t MATCH_RECOGNIZE (
            ORDER BY day MEASURES FIRST(day) AS begun, count(*) AS days, sum(size) AS sizes
            PATTERN (DOWN{2,}) DEFINE DOWN AS price < PREV(price))""",
        f"SELECT begun, days, sizes FROM ({_RUNS}) WHERE step = -1 AND days > 1",
    ),
    "sessions": (
        f"SELECT user, begun, ended, events FROM {_SESSIONS.format(rows='')}",
        _SESSIONS_THERE,
    ),
    "events with the number of their session": (
        f"SELECT user, at, session FROM {_SESSIONS.format(rows='ALL ROWS PER MATCH')}",
        _NUMBERED,
    ),
    "sessions of each user, counted": (
        f"SELECT user, count(*) AS n, max(events) AS most FROM {_SESSIONS.format(rows='')} GROUP BY user",
        f'SELECT "user", count(*) AS n, max(events) AS most FROM ({_SESSIONS_THERE}) GROUP BY "user"',
    ),
    "the ten longest sessions": (
        f"SELECT user, begun, events FROM {_SESSIONS.format(rows='')} ORDER BY events DESC, begun LIMIT 10",
        f'SELECT "user", begun, events FROM ({_SESSIONS_THERE}) ORDER BY events DESC, begun LIMIT 10',
    ),
    "three steps in a row": (
        """SELECT * FROM t MATCH_RECOGNIZE (
            PARTITION BY user ORDER BY at MEASURES FIRST(at) AS begun, LAST(at) AS ended
            PATTERN (VIEW CART PAY) DEFINE VIEW AS kind = 'view', CART AS kind = 'cart', PAY AS kind = 'pay')""",
        """SELECT "user", "at" AS begun, ended FROM (
            SELECT "user", "at", kind, lead(kind) OVER one AS second, lead(kind, 2) OVER one AS third,
                lead("at", 2) OVER one AS ended
            FROM t WINDOW one AS (PARTITION BY "user" ORDER BY "at"))
            WHERE kind = 'view' AND second = 'cart' AND third = 'pay'""",
    ),
    "two kinds in a row that are nearly written so": (
        """SELECT * FROM t MATCH_RECOGNIZE (
            PARTITION BY user ORDER BY at MEASURES FIRST(at) AS begun AFTER MATCH SKIP TO NEXT ROW
            PATTERN (NEARLY NEARLY) DEFINE NEARLY AS levenshtein(kind, 'card') < 2)""",
        """SELECT "user", "at" AS begun FROM (
            SELECT "user", "at", levenshtein(kind, 'card') < 2 AS nearly,
                lead(levenshtein(kind, 'card') < 2) OVER (PARTITION BY "user" ORDER BY "at") AS next_nearly FROM t)
            WHERE nearly AND next_nearly""",
    ),
}

#: Kinds and sizes; kinds of small and large tables take turns.
QUESTIONS = [(kind, rows) for number, kind in enumerate(KINDS) for rows in SIZES[number % 2 :: 2]]

#: No match, and exponentially many ways to look for one.
EXPLOSIVE = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY day MEASURES COUNT(*) AS n PATTERN (((A | B)*)* C)
    DEFINE A AS sum(A.price) > -1e9, B AS price < LAST(A.price) + 5, C AS avg(price) > 1e9)"""


def table(rows: int) -> pa.Table:
    """Return days with a random walk, in partitions of fifty, and events of users, ten on average, of a month."""
    random, day = np.random.default_rng(rows), np.arange(rows)
    # No two events are at the same time.
    at = random.permutation(rows) * (30 * 86_400 * 10**6 // rows)
    return pa.table(
        {
            "day": day,
            "price": random.normal(size=rows).cumsum(),
            "size": random.integers(1, 100, rows),
            "part": day // 50,
            "user": random.integers(0, rows // 10, rows),
            "at": at.astype("datetime64[us]"),
            "kind": random.choice(np.array(["view", "cart", "pay"]), rows),
        }
    )
