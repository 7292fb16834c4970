"""How many of the process's queries work at once, and the memory that they share, by the settings.

The core keeps the places and the queue (`rust/core/src/admission.rs`). A query takes a place when it begins
(`ExecutionContext.admitted`), lends it while it waits for what others compute (`ExecutionContext.lent`), and makes way
between steps and in long searches. A query that begins in a callback of another has that one's place.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from rowpattern._core import _forget_queries, _query_figures, _set_query_limits
from rowpattern.config.process import get_config, on_set_config

if TYPE_CHECKING:
    from rowpattern.config.configuration import MatchRecognizeConfig

__all__ = ["QueryFigures", "query_figures"]


class QueryFigures(NamedTuple):
    """What queries of the process do now.

    Attributes:
        running: how many work.
        waiting: how many wait for their turn.
        most_running: the most that work at once (`max_concurrent_queries`).
        most_waiting: the most that wait (`query_queue_size`).
        refused: how many were refused as so many waited, since the process began.
        held_bytes: the memory that is counted for them, without what DuckDB takes.
        limit_bytes: the most that they may take together (`max_memory_mb`).
        resting_bytes: large buffers that rest for the next query, 64 MB at most; clearing a cache gives them back.
    """

    running: int
    waiting: int
    most_running: int
    most_waiting: int
    refused: int
    held_bytes: int
    limit_bytes: int
    resting_bytes: int


def query_figures() -> QueryFigures:
    """Return how many queries of this process work and wait, and what they hold. O(1).

    >>> from rowpattern.sql.runtime.admission import query_figures
    >>> query_figures().running
    0
    """
    return QueryFigures(**_query_figures())


def _follow(config: MatchRecognizeConfig) -> None:
    performance = config.performance
    _set_query_limits(
        performance.max_concurrent_queries, performance.query_queue_size, int(performance.max_memory_mb * 2**20)
    )


_follow(get_config())
on_set_config(_follow)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_queries)
