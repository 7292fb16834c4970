"""The log of slow queries (`rowpattern.queries`), by the settings `slow_query_seconds` and `slow_query_literals`."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from rowpattern.config.process import get_config, on_set_config
from rowpattern.events import log_event
from rowpattern.sql.runtime.reports import observe_queries, stop_observing_queries

if TYPE_CHECKING:
    from rowpattern.config.configuration import MatchRecognizeConfig
    from rowpattern.sql.runtime.reports import QueryReport

__all__ = ["follow_settings", "without_literals"]

_LONGEST_TEXT = 10_000

# As in `rowpattern.sql.text.tokens`, but for texts that are no queries too: what is not closed goes to the end.
_LITERALS = re.compile(
    r"""
    (?P<kept>"[^"]*(?:"|\Z)|[^\W\d][\w$]+|[^\W\d](?!'))
    |--[^\r\n]* | /\*.*?(?:\*/|\Z)
    |[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)
    |[xXbB]?'(?:[^']|'')*(?:'|\Z)
    |\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)
    |(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?
    """,
    re.VERBOSE | re.DOTALL,
)


def without_literals(sql: str) -> str:
    r"""Return a query with `?` in place of its numbers and texts, and without its comments; names stay.

    >>> from rowpattern.sql.runtime.slow_queries import without_literals
    >>> without_literals("SELECT a1, 'it''s' FROM \"t 1\" -- here\nWHERE b > 1.5e3")
    'SELECT a1, ? FROM "t 1" \nWHERE b > ?'
    """

    def shown(found: re.Match[str]) -> str:
        if found["kept"] is not None:
            return found[0]
        return "" if found[0].startswith(("--", "/*")) else "?"

    return _LITERALS.sub(shown, sql)


def _log(report: QueryReport) -> None:
    performance = get_config().performance
    if report.seconds < performance.slow_query_seconds:
        return
    text = report.sql if performance.slow_query_literals else without_literals(report.sql)
    log_event(
        "queries",
        logging.WARNING,
        "slow",
        "a query took %(seconds).3f s of %(timeout_seconds)g s, %(waited_seconds).3f s of them waiting, and at most "
        "%(most_mb).1f MB of %(memory_limit_mb)g MB, for %(rows_in)d rows in and %(rows_out)d out%(failed)s "
        "(%(steps)s): %(sql)s",
        seconds=report.seconds,
        timeout_seconds=report.timeout_seconds,
        waited_seconds=report.waited_seconds,
        most_mb=report.most_bytes / 2**20,
        memory_limit_mb=report.memory_limit_mb,
        rows_in=report.rows_in,
        rows_out=report.rows_out,
        failed="" if report.failure is None else f", and failed by {report.failure}",
        failure=report.failure,
        steps=", ".join(f"{step.name} {step.seconds:.3f} s" for step in report.steps) or "no step was ended",
        sql=text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}...",
    )


def follow_settings(config: MatchRecognizeConfig) -> None:
    """Begin or end the log, as the settings say."""
    (observe_queries if config.performance.slow_query_seconds else stop_observing_queries)(_log)


follow_settings(get_config())
on_set_config(follow_settings)
