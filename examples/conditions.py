"""Conditions that depend on the match: shapes in prices, sessions, ranges, bins, and logins.

    python examples/conditions.py

Prices are real (bokeh-sampledata); the others are made up from a seed. `tests/sql/test_conditions.py` checks the
answers against solutions in plain Python.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh_sampledata import stocks

from rowpattern import match_recognize

#: A V: the price falls three days or more, and rises until it is where it was.
V_SHAPES = """
SELECT * FROM prices MATCH_RECOGNIZE (
    ORDER BY date
    MEASURES TOP.date AS begun, LAST(DOWN.date) AS lowest, BACK.date AS ended
    PATTERN (TOP DOWN{3,} UP* BACK)
    DEFINE DOWN AS close < PREV(close),
        UP AS close > PREV(close) AND close < TOP.close,
        BACK AS close > PREV(close) AND close >= TOP.close)"""

#: A W: two falls to about the same price, with a rise between and a rise after.
W_SHAPES = """
SELECT * FROM prices MATCH_RECOGNIZE (
    ORDER BY date
    MEASURES TOP.date AS begun, LAST(DOWN.close) AS first_low, LAST(AGAIN.close) AS second_low, LAST(RISE.date) AS ended
    PATTERN (TOP DOWN{2,} UP{2,} AGAIN{2,} RISE{2,})
    DEFINE DOWN AS close < PREV(close), UP AS close > PREV(close), AGAIN AS close < PREV(close),
        RISE AS close > PREV(close) AND abs(LAST(AGAIN.close) - LAST(DOWN.close)) < 0.02 * LAST(DOWN.close))"""

#: Head and shoulders: three peaks, the middle one highest, the outer ones within three percent of each other.
HEAD_AND_SHOULDERS = """
SELECT * FROM prices MATCH_RECOGNIZE (
    ORDER BY date
    MEASURES LAST(L.date) AS left_shoulder, LAST(H.date) AS head, LAST(R.date) AS right_shoulder
    PATTERN (L{2,} DOWN_1+ H{2,} DOWN_2+ R{2,} DOWN_3)
    DEFINE L AS close > PREV(close), DOWN_1 AS close < PREV(close), H AS close > PREV(close),
        DOWN_2 AS close < PREV(close) AND LAST(H.close) > LAST(L.close), R AS close > PREV(close),
        DOWN_3 AS close < PREV(close) AND LAST(R.close) < LAST(H.close)
            AND abs(LAST(R.close) - LAST(L.close)) < 0.03 * LAST(L.close))"""

#: Sessions: clicks less than half an hour apart, and no session longer than two hours.
SESSIONS = """
SELECT * FROM clicks MATCH_RECOGNIZE (
    PARTITION BY visitor ORDER BY at
    MEASURES FIRST(at) AS begun, LAST(at) AS ended, count(*) AS clicks
    PATTERN (ENTRY MORE*)
    DEFINE MORE AS at - PREV(at) < INTERVAL 30 MINUTES AND at - FIRST(at) < INTERVAL 2 HOURS)"""

#: Ranges that overlap or touch, made one: the running maximum reaches what comes next.
MERGED_RANGES = """
SELECT * FROM ranges MATCH_RECOGNIZE (
    ORDER BY low, high
    MEASURES FIRST(low) AS low, max(high) AS high, count(*) AS ranges
    PATTERN (INNER_RANGE* LAST_RANGE)
    DEFINE INNER_RANGE AS max(high) >= NEXT(low))"""

#: Bins: parcels in their order into as few boxes of 100 kg as that order allows.
BINS = """
SELECT * FROM parcels MATCH_RECOGNIZE (
    ORDER BY number
    MEASURES MATCH_NUMBER() AS box, FIRST(number) AS first_parcel, LAST(number) AS last_parcel, sum(weight) AS weight
    PATTERN (PARCEL+)
    DEFINE PARCEL AS sum(weight) <= 100)"""

#: Three failed logins or more, then a success, all within ten minutes.
BREAK_INS = """
SELECT * FROM logins MATCH_RECOGNIZE (
    PARTITION BY account ORDER BY at
    MEASURES FIRST(FAILED.at) AS begun, SUCCEEDED.at AS ended, count(FAILED.*) AS failures
    PATTERN (FAILED{3,} SUCCEEDED)
    DEFINE FAILED AS event = 'failure',
        SUCCEEDED AS event = 'success' AND at - FIRST(FAILED.at) <= INTERVAL 10 MINUTES)"""


def read_prices() -> pd.DataFrame:
    """Return Apple's daily closing prices: date, close."""
    prices = pd.DataFrame(stocks.AAPL)[["date", "close"]]
    return prices.assign(date=pd.to_datetime(prices["date"]))


def make_clicks() -> pd.DataFrame:
    """Make up 2,000 clicks of 40 visitors over two days: visitor, at."""
    rng = np.random.default_rng(1)
    seconds = rng.integers(0, 2 * 86_400, 2_000)
    at = pd.Timestamp("2026-03-01") + pd.to_timedelta(seconds, unit="s")
    return pd.DataFrame({"visitor": rng.integers(0, 40, 2_000), "at": at})


def make_ranges() -> pd.DataFrame:
    """Make up 500 ranges: low, high."""
    rng = np.random.default_rng(2)
    low = rng.integers(0, 20_000, 500)
    return pd.DataFrame({"low": low, "high": low + rng.integers(1, 60, 500)})


def make_parcels() -> pd.DataFrame:
    """Make up 300 parcels: number, weight in kg."""
    weights = np.random.default_rng(3).integers(1, 60, 300)
    return pd.DataFrame({"number": np.arange(1, 301), "weight": weights})


def make_logins() -> pd.DataFrame:
    """Make up 5,000 logins to 50 accounts over a day, two in three failed: account, at, event."""
    rng = np.random.default_rng(4)
    at = pd.Timestamp("2026-03-01") + pd.to_timedelta(rng.integers(0, 86_400, 5_000), unit="s")
    event = rng.choice(["failure", "failure", "success"], 5_000)
    frame = pd.DataFrame({"account": rng.integers(0, 50, 5_000), "at": at, "event": event})
    # Two logins to one account in the same second have no order.
    return frame.drop_duplicates(["account", "at"], ignore_index=True)


def main() -> None:
    """Ask, and print the first answers."""
    prices = read_prices()
    questions = {
        "V shapes": (V_SHAPES, prices),
        "W shapes": (W_SHAPES, prices),
        "Head and shoulders": (HEAD_AND_SHOULDERS, prices),
        "Sessions": (SESSIONS, make_clicks()),
        "Merged ranges": (MERGED_RANGES, make_ranges()),
        "Boxes": (BINS, make_parcels()),
        "Failed logins, then a success": (BREAK_INS, make_logins()),
    }
    for title, (query, table) in questions.items():
        answer = match_recognize(query, table)
        print(f"{title}: {len(answer)} of {len(table):,} rows\n{answer.head(4).to_string(index=False)}\n")


if __name__ == "__main__":
    main()
