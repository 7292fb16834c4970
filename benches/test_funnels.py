"""Funnels of users over events in no order, beside ClickHouse's aggregate functions for them, in this process (chdb).

ClickHouse has the events in a table of its own in memory, with the kinds as a dictionary; ours are a Polars frame with
an Enum of the kinds. Both give the same counts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from chdb.session import Session

from rowpattern import match_recognize

from questions import CHAINS, FIVE_STEPS, IN_TIME, visits

if TYPE_CHECKING:
    from collections.abc import Callable


@lru_cache(maxsize=1)
def clickhouse() -> Session:
    given = visits().with_columns(pl.col("kind").cast(pl.String)).to_arrow()  # noqa: F841 - read by its name
    session = Session()
    session.query("CREATE DATABASE bench; USE bench")
    session.query(
        """CREATE TABLE visits (user UInt32, at DateTime('UTC'), kind LowCardinality(String)) ENGINE = Memory;
        INSERT INTO visits SELECT user, toDateTime(at, 'UTC'), kind FROM Python(given)"""
    )
    return session


CHAINS_THERE = """SELECT user, sequenceCount('(?1).*(?2).*(?3)')(at, kind = 'view', kind = 'cart', kind = 'pay') AS n
    FROM visits GROUP BY user HAVING n > 0"""
IN_TIME_THERE = f"""SELECT countIf(level = 5) AS n FROM (
    SELECT windowFunnel(1800)(at, {", ".join(f"kind = '{step}'" for step in FIVE_STEPS)}) AS level
    FROM visits GROUP BY user)"""

# Each with both queries, and how many times our time ClickHouse must take.
QUESTIONS = {
    "funnel: chains of three steps of each user (sequenceCount)": (CHAINS, CHAINS_THERE, 4),
    "funnel: users with five steps within 30 minutes (windowFunnel)": (IN_TIME, IN_TIME_THERE, 2),
}


def counts(answer: Any) -> list[tuple[int, ...]]:
    """Return the rows of an answer, in order."""
    return sorted(pl.DataFrame(answer).cast(pl.Int64).rows())


@pytest.mark.parametrize("contender", ["rowpattern", "ClickHouse"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_funnel(benchmark: Any, question: str, contender: str) -> None:
    ours, theirs, least = QUESTIONS[question]
    benchmark.group = f"{question}, of 5 M events in no order, of 200,000 users"
    ask: dict[str, Callable[[], Any]] = {
        "rowpattern": lambda: match_recognize(ours, visits()),
        "ClickHouse": lambda: clickhouse().query(theirs, "ArrowTable"),
    }
    found = counts(ask[contender]())
    if contender != "rowpattern":
        assert found == counts(ask["rowpattern"]())
        benchmark.extra_info["at_least"] = least
    assert found
    benchmark.pedantic(ask[contender], rounds=7, warmup_rounds=1)
