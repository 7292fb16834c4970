"""Queries that several benches ask."""

__all__ = ["SESSIONS", "SHAPES"]

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
