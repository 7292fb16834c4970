"""The modules of queries are imported at the first query, by one thread; a fork waits for that."""

from __future__ import annotations

from typing import Any

from rowpattern.cache.api import get_pattern_cache
from rowpattern.sql.runtime.imports import forks_wait, imported

__all__ = ["module", "query_module"]

_MOST_SECONDS = 20.0

_query_module: Any = None


def query_module(*, connects: bool = False) -> Any:
    """Return `rowpattern.sql.execute.query`, with all that any query imports.

    Args:
        connects: whether the query uses the instance of DuckDB that queries share, which is made meanwhile.

    Raises:
        MissingDependencyError: a package of the extra `sql` is not installed.
    """
    global _query_module  # noqa: PLW0603 - one for the process
    if _query_module is None:
        with forks_wait:
            if _query_module is None:
                _query_module = _first_imported(connects=connects)
    return _query_module


def module(name: str) -> Any:
    """Return a module of this package that some queries need, as `execute.stream`.

    Raises:
        MissingDependencyError: a package of the extra `sql` is not installed.
    """
    query_module()
    return imported(f"rowpattern.sql.{name}")


def _first_imported(*, connects: bool) -> Any:
    connecting = None
    try:
        if connects:
            # DuckDB makes its instance without the interpreter, which another thread has meanwhile.
            connecting = imported("rowpattern.sql.duckdb.instances").first_connected()
        found = imported("rowpattern.sql.execute.query")
        # They take the settings over.
        imported("rowpattern.sql.runtime.admission")
        imported("rowpattern.sql.runtime.slow_queries")
    except ImportError as error:
        if error.name is None or error.name.startswith("rowpattern"):
            raise
        from rowpattern.dependencies import missing

        raise missing(error, "sql") from error
    finally:
        if connecting is not None:
            # Forks wait until then.
            connecting.wait(_MOST_SECONDS)
    # A child would wait for the thread that makes the process's cache, too.
    get_pattern_cache()
    return found
