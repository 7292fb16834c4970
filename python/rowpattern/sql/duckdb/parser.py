"""DuckDB's own parser, asked for trees (`json_serialize_sql`); nothing is executed of what it is given."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

import duckdb

from rowpattern.sql.runtime.ownership import own
from rowpattern.sql.runtime.supervised import SupervisedThreads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["parse_texts"]

# Texts in one call: the statement has a parameter for each.
_MOST_TEXTS = 64
# DuckDB's parser cannot be interrupted: what is longer is parsed in a thread, by a connection that shorter texts do not
# wait for.
_LONG = 1 << 14

_supervised = SupervisedThreads("rowpattern-parsing", "texts of queries")


class _Parser:
    """A connection that only parses, for one thread at a time; made when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def trees(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        calls = ", ".join(["json_serialize_sql(?, skip_null := true, skip_empty := true)"] * len(texts))
        with self._lock:
            if self._connection is None:
                self._connection = duckdb.connect(":memory:", config={"threads": "1"})
                own(self._connection)
            found = self._connection.execute(f"SELECT {calls}", list(texts)).fetchone()
        return [json.loads(tree) for tree in found or ()]


_parser = _Parser()
_parser_of_long_texts = _Parser()


def _forget() -> None:
    # The parent's connection stays (it is owned), and another thread of the parent's may have held its lock.
    global _parser, _parser_of_long_texts
    _parser, _parser_of_long_texts = _Parser(), _Parser()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def parse_texts(texts: Sequence[str], context: ExecutionContext | None = None) -> list[dict[str, Any]]:
    """Return the tree of each text, or `{"error": true, "error_message": ..., "position": ...}`.

    One call for all of a query's texts: 0.3 ms and some hundredths for each (DuckDB 2.0.1).

    Raises:
        QueryLimitError: the time of the query was over.
    """
    if sum(map(len, texts)) <= _LONG:
        return _parsed(_parser, texts)
    if context is None:
        return _parsed(_parser_of_long_texts, texts)
    return _supervised.supervise(lambda: _parsed(_parser_of_long_texts, texts), context)


def _parsed(parser: _Parser, texts: Sequence[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for first in range(0, len(texts), _MOST_TEXTS):
        found += parser.trees(texts[first : first + _MOST_TEXTS])
    return found
