"""Threads for work on whole columns: Arrow's and numpy's functions run without the interpreter's lock."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from rowpattern.config.container import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MANY_ROWS", "available_cores", "in_threads"]

# Below, handing work to other threads takes longer than it saves.
MANY_ROWS = 200_000

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")

# By how many threads they have, for the process; they are made when they are first asked for.
_pools: dict[int, ThreadPoolExecutor] = {}

if hasattr(os, "register_at_fork"):
    # The child does not have the threads.
    os.register_at_fork(after_in_child=_pools.clear)


def in_threads(
    threads: int, function: Callable[[_Item], _Found], items: Sequence[_Item], rows: int = MANY_ROWS
) -> list[_Found]:
    """Call a function with each item, by `threads` threads where there are enough rows; results in the items' order.

    The function must not call this again: all threads might wait for each other.
    """
    if threads == 1 or rows < MANY_ROWS or len(items) < 2:  # noqa: PLR2004 - one item needs no thread
        return [function(item) for item in items]
    pool = _pools.get(threads)
    if pool is None:
        pool = _pools.setdefault(threads, ThreadPoolExecutor(threads, "rowpattern-columns"))
    try:
        found = pool.map(function, items)
    except RuntimeError:
        # The interpreter ends, and lets nobody begin work in threads; exit handlers may still ask.
        return [function(item) for item in items]
    return list(found)
