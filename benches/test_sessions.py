"""Sessions of users, over events in no order: most of the time goes into ordering them, by users who are named.

Peers: window functions of DuckDB over a table of its own, and in Polars a sort of each user's times, which is
faster there than one of all rows. Their answers may have any order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest

from rowpattern import match_recognize

from questions import SESSIONS, events_of_named_users, sessions_by_windows

if TYPE_CHECKING:
    from collections.abc import Callable

AT_LEAST = 4


def by_polars() -> pl.DataFrame:
    at, user, row = pl.col("at"), pl.col("user"), pl.int_range(pl.len())
    begins = ((at.diff() > pl.duration(hours=1)) | (user != user.shift())).fill_null(value=True)
    ends = begins.shift(-1, fill_value=True)
    return (
        events_of_named_users()
        .lazy()
        .group_by("user")
        .agg(at.sort())
        .explode("at")
        .select(
            user.filter(begins),
            begun=at.filter(begins),
            ended=at.filter(ends),
            events=row.filter(ends) - row.filter(begins) + 1,
        )
        .collect()
    )


@lru_cache(maxsize=1)
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.register("given", events_of_named_users().to_arrow())
    made.execute("CREATE TABLE events AS SELECT * FROM given")
    return made


def by_duckdb() -> pl.DataFrame:
    return pl.DataFrame(connection().sql(sessions_by_windows("events")).to_arrow_table())


CONTENDERS: dict[str, Callable[[], pl.DataFrame]] = {
    "rowpattern": lambda: match_recognize(SESSIONS, events_of_named_users()),
    "Polars, by hand": by_polars,
    "DuckDB, window functions": by_duckdb,
}


@pytest.mark.parametrize("contender", list(CONTENDERS))
def test_sessions(benchmark: Any, contender: str) -> None:
    benchmark.group = "sessions: 2 M unsorted events of 100,000 users with text names"
    wanted = by_polars().sort("user", "begun")
    answer = CONTENDERS[contender]().sort("user", "begun")
    assert answer.select(wanted.columns).cast(wanted.schema).equals(wanted)
    if contender != "rowpattern":
        benchmark.extra_info["at_least"] = AT_LEAST
    benchmark.pedantic(CONTENDERS[contender], rounds=5, warmup_rounds=1)
