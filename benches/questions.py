"""Queries that several benches ask, and the tables that they ask them of."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl

__all__ = [
    "CHAINS",
    "FIVE_STEPS",
    "IN_TIME",
    "SESSIONS",
    "SHAPES",
    "THREE_AND_THREE",
    "V_SHAPE",
    "events_of_named_users",
    "prices",
    "sessions_by_windows",
    "visits",
]

# Over events of users: at most an hour between two events of a session.
SESSIONS = """
    SELECT * FROM events MATCH_RECOGNIZE (
        PARTITION BY user ORDER BY at
        MEASURES FIRST(at) AS begun, LAST(at) AS ended, count(*) AS events
        PATTERN (FIRST_ONE NEXT_ONE*)
        DEFINE NEXT_ONE AS at - PREV(at) <= INTERVAL 1 HOUR)"""

# Over ticks of symbols: falls of three days or more, then rises.
SHAPES = """
    SELECT * FROM ticks MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY at
        MEASURES FIRST(DOWN.price) AS high, LAST(DOWN.price) AS low, LAST(UP.price) AS ended, sum(DOWN.size) AS sizes
        PATTERN (START DOWN{3,} UP{3,})
        DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""

# Over `prices`: falls and then rises. `by` is empty or PARTITION BY part; `rows` is empty or ALL ROWS PER MATCH.
V_SHAPE = """
    SELECT * FROM prices MATCH_RECOGNIZE ({by} ORDER BY day
        MEASURES FIRST(DOWN.day) AS begun, LAST(DOWN.price) AS low, LAST(UP.price) AS ended
        {rows} PATTERN (DOWN+ UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""

# Over `prices`: three falls and three rises, wherever they begin.
THREE_AND_THREE = """
    SELECT * FROM prices MATCH_RECOGNIZE (
        ORDER BY day MEASURES FIRST(day) AS begun AFTER MATCH SKIP TO NEXT ROW
        PATTERN (DOWN{3} UP{3}) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""

FIVE_STEPS = ("visit", "search", "view", "cart", "pay")

# Over `visits`: how often each user went from a view over a cart to a payment, whatever lay between.
CHAINS = """
    SELECT user, count(*) AS n FROM visits MATCH_RECOGNIZE (
        PARTITION BY user ORDER BY at MEASURES LAST(at) AS paid
        PATTERN (VIEW OTHER*? CART OTHER*? PAY)
        DEFINE VIEW AS kind = 'view', CART AS kind = 'cart', PAY AS kind = 'pay')
    GROUP BY user"""

# Over `visits`: how many users took all five steps within thirty minutes of the first, whatever lay between.
IN_TIME = """
    SELECT count(DISTINCT user) AS n FROM visits MATCH_RECOGNIZE (
        PARTITION BY user ORDER BY at MEASURES LAST(at) AS paid
        PATTERN (VISIT OTHER*? SEARCH OTHER*? VIEW OTHER*? CART OTHER*? PAY)
        DEFINE VISIT AS kind = 'visit', SEARCH AS kind = 'search', VIEW AS kind = 'view', CART AS kind = 'cart',
            OTHER AS at - FIRST(at) <= INTERVAL 30 MINUTES,
            PAY AS kind = 'pay' AND at - FIRST(at) <= INTERVAL 30 MINUTES)"""


@lru_cache(maxsize=2)
def prices(rows: int) -> pl.DataFrame:
    """Days in order, and a random walk."""
    return pl.DataFrame({"day": np.arange(rows), "price": np.random.default_rng(0).normal(size=rows).cumsum()})


@lru_cache(maxsize=1)
def events_of_named_users(rows: int = 2_000_000, users: int = 100_000) -> pl.DataFrame:
    """Events of a month in no order, of users whose names are texts."""
    generator = np.random.default_rng(3)
    names = np.array([f"user-{number:06}" for number in range(users)])
    user, at = names[generator.integers(0, users, rows)], generator.integers(0, 30 * 86_400 * 10**6, rows)
    return pl.DataFrame({"user": user, "at": at.astype("datetime64[us]")})


@lru_cache(maxsize=1)
def visits(rows: int = 5_000_000, users: int = 200_000) -> pl.DataFrame:
    """Events of visits in no order: up to an hour each, going on from step to step more or less.

    A user has one event a second at most, so that the order of each user's events is known.
    """
    generator = np.random.default_rng(5)
    month, kinds = 30 * 86_400, (*FIVE_STEPS, "help")
    begun, length = generator.integers(0, month, 3 * users), generator.integers(300, 3600, 3 * users)
    # Some more than asked for, as some are in the same second.
    visit, part = generator.integers(0, 3 * users, rows * 11 // 10), generator.random(rows * 11 // 10)
    user, at = visit % users, begun[visit] + (part * length[visit]).astype(np.int64)
    step = np.clip(part * len(FIVE_STEPS) + generator.normal(size=len(part)), 0, len(FIVE_STEPS)).astype(np.uint8)
    _, different = np.unique(user * (2 * month) + at, return_index=True)
    chosen = generator.permutation(different)[:rows]
    return pl.DataFrame(
        {
            "user": user[chosen].astype(np.uint32),
            "at": pl.Series(at[chosen] * 1_000_000).cast(pl.Datetime("us")),
            "kind": pl.Series(np.array(kinds)[step[chosen]]).cast(pl.Enum(kinds)),
        }
    )


def sessions_by_windows(source: str) -> str:
    """Return the sessions of `SESSIONS` as DuckDB's window functions find them."""
    return f"""
    SELECT "user", min("at") AS begun, max("at") AS ended, count(*) AS events
    FROM (
        SELECT "user", "at", sum(begins) OVER (PARTITION BY "user" ORDER BY "at" ROWS UNBOUNDED PRECEDING) AS session
        FROM (
            SELECT "user", "at", CASE WHEN "at" - lag("at") OVER one <= INTERVAL 1 HOUR THEN 0 ELSE 1 END AS begins
            FROM {source} WINDOW one AS (PARTITION BY "user" ORDER BY "at")))
    GROUP BY "user", session"""
