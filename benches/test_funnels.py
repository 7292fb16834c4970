"""Funnels of users over events in no order, beside ClickHouse's aggregate functions for them, in this process (chdb).

ClickHouse has the events in a table of its own in memory, with the kinds as a dictionary; ours are a Polars frame with
an Enum of the kinds. Both give the same counts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import polars as pl
import pytest
from chdb.session import Session

from rowpattern import match_recognize

from questions import CHAINS, FIVE_STEPS, IN_TIME, visits


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

# Each with our query, and ClickHouse's with how many times our time it must take, where that is asked.
QUESTIONS: dict[str, tuple[str, dict[str, tuple[str, float | None]]]] = {
    "funnel of three steps (sequenceCount)": (
        CHAINS,
        {
            "ClickHouse": (CHAINS_THERE, 4),
            "ClickHouse, given the steps' events alone": (
                CHAINS_THERE.replace("GROUP BY", "WHERE kind IN ('view', 'cart', 'pay') GROUP BY"),
                None,
            ),
        },
    ),
    "funnel of five steps within 30 minutes (windowFunnel)": (IN_TIME, {"ClickHouse": (IN_TIME_THERE, 2)}),
}


def counts(answer: Any) -> list[tuple[int, ...]]:
    """Return the rows of an answer, in order."""
    return sorted(pl.DataFrame(answer).cast(pl.Int64).rows())


@pytest.mark.parametrize(
    ("question", "contender"),
    [(question, name) for question, (_, peers) in QUESTIONS.items() for name in ("rowpattern", *peers)],
)
def test_funnel(benchmark: Any, question: str, contender: str) -> None:
    benchmark.group = f"{question}: 5 M unsorted events of 200,000 users"
    ours, peers = QUESTIONS[question]
    if contender == "rowpattern":
        benchmark.pedantic(match_recognize, (ours, visits()), rounds=7, warmup_rounds=1)
        return
    theirs, least = peers[contender]
    found = counts(clickhouse().query(theirs, "ArrowTable"))
    assert found
    assert found == counts(match_recognize(ours, visits()))
    if least is not None:
        benchmark.extra_info["at_least"] = least
    benchmark.pedantic(clickhouse().query, (theirs, "ArrowTable"), rounds=7, warmup_rounds=1)
