"""The modules of queries are imported at the first query, by one thread; a fork waits for that.

A child does not have the thread that imports, and so would wait for its modules' locks for ever.
"""

from __future__ import annotations

# It wants to be told before a fork as well as after it, so it must not come in while a fork waits for what imports it.
import concurrent.futures.thread  # noqa: F401
import os
import threading
from typing import Any

from rowpattern.cache.api import get_pattern_cache
from rowpattern.dependencies import missing

__all__ = ["query_module"]

# A fork inside a module that the importing thread waits for would wait for ever.
_MOST_WAIT_SECONDS = 20

# The importing thread may enter again.
_lock = threading.RLock()
_module: Any = None
_locked_for_fork = False


def query_module() -> Any:
    """Return `rowpattern.sql.execute.query`, with all that any query imports.

    Raises:
        MissingDependencyError: a package of the extra `sql` is not installed.
    """
    global _module  # noqa: PLW0603 - one for the process
    if _module is None:
        with _lock:
            if _module is None:
                _module = _imported()
    return _module


def _imported() -> Any:
    try:
        import numpy as np
        import pyarrow as pa

        from rowpattern.sql.duckdb.parser import parse_texts
        from rowpattern.sql.execute import explanation, named_conditions, query, stream  # noqa: F401 - for later
        from rowpattern.sql.runtime import admission, context, slow_queries  # noqa: F401
    except ImportError as error:
        if error.name is None or error.name.startswith("rowpattern"):
            raise
        raise missing(error, "sql") from error
    # A child would wait for the thread that makes the process's cache, too.
    get_pattern_cache()
    # Arrow imports pandas, where it is installed, when it first takes values; DuckDB is set up by a first connection.
    pa.array(np.zeros(1), from_pandas=True)
    parse_texts(["SELECT 1"])
    return query


def _before_fork() -> None:
    global _locked_for_fork  # noqa: PLW0603 - one for the process
    _locked_for_fork = _lock.acquire(timeout=_MOST_WAIT_SECONDS)


def _after_fork() -> None:
    if _locked_for_fork:
        _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
