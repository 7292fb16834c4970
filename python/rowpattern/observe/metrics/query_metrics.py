"""The figures of queries, by the names under which Prometheus and OpenTelemetry show them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from rowpattern._core import _query_figures
from rowpattern.continuous_query.figures import continuous_figures
from rowpattern.observe.query_figures import add_up_queries

if TYPE_CHECKING:
    from rowpattern.observe.query_figures import QueryTotals

__all__ = ["Figure", "query_counters", "query_gauges", "query_totals"]


class Figure(NamedTuple):
    """One figure.

    Attributes:
        name: Prometheus' name; OpenTelemetry has dots in place of the first underscores.
        value: what it is now.
        unit: OpenTelemetry's.
        meaning: in a sentence.
    """

    name: str
    value: float
    unit: str
    meaning: str


def query_totals() -> QueryTotals:
    """Return what was added up since the first call."""
    return add_up_queries()


def query_counters() -> list[Figure]:
    """Return what only grows, without failures by cause."""
    totals, now = query_totals(), _query_figures()
    of = continuous_figures()
    return [
        Figure("rowpattern_query_rows_in", totals.rows_in, "{row}", "Rows of the tables of queries."),
        Figure("rowpattern_query_rows_out", totals.rows_out, "{row}", "Rows of the answers of queries."),
        Figure("rowpattern_queries_refused", now["refused"], "{query}", "Queries refused as too many waited."),
        Figure("rowpattern_continuous_rows_in", of.rows_in, "{row}", "Rows pushed into continuous queries."),
        Figure("rowpattern_continuous_rows_out", of.rows_out, "{row}", "Rows of their answers."),
        Figure("rowpattern_continuous_matches", of.matches, "{match}", "Matches that they have found."),
        Figure("rowpattern_continuous_late_rows", of.late_rows, "{row}", "Rows that were late."),
        Figure("rowpattern_continuous_expired", of.expired, "{partition}", "Partitions finished as idle."),
    ]


def query_gauges() -> list[Figure]:
    """Return what is so now. Takes no lock that a query holds for long."""
    now = _query_figures()
    instances, connections, memory_bytes = _duckdb()
    gauges = [
        Figure("rowpattern_queries_running", now["running"], "{query}", "Queries that work."),
        Figure("rowpattern_queries_waiting", now["waiting"], "{query}", "Queries that wait for their turn."),
        Figure("rowpattern_queries_running_limit", now["most_running"], "{query}", "The most that work at once."),
        Figure("rowpattern_queries_waiting_limit", now["most_waiting"], "{query}", "The most that wait."),
        Figure("rowpattern_query_memory_bytes", now["held_bytes"], "By", "Memory counted for the queries that work."),
        Figure("rowpattern_query_memory_limit_bytes", now["limit_bytes"], "By", "The most that they take together."),
        Figure("rowpattern_query_resting_bytes", now["resting_bytes"], "By", "Buffers that rest for the next query."),
        Figure("rowpattern_query_largest_bytes", query_totals().most_bytes, "By", "The most counted for one query."),
        Figure("rowpattern_query_abandoned", _abandoned(), "{query}", "Work past its limit that has not stopped yet."),
        Figure("rowpattern_query_connections", connections, "{connection}", "Connections to DuckDB that queries use."),
        Figure("rowpattern_duckdb_instances", instances, "{instance}", "Instances of DuckDB that are open."),
        Figure("rowpattern_duckdb_memory_bytes", memory_bytes, "By", "Memory that DuckDB counts for all of them."),
    ]
    if (plans := _plans()) is not None:
        gauges += [
            Figure("rowpattern_plans", plans["size"], "{plan}", "Plans of queries that are cached."),
            Figure("rowpattern_plans_bytes", plans["memory_used_mb"] * 2**20, "By", "Memory of these."),
            Figure("rowpattern_plans_efficiency", plans["cache_efficiency"], "%", "Hits in percent of look-ups."),
        ]
    of = continuous_figures()
    gauges += [
        Figure("rowpattern_continuous_queries", of.queries, "{query}", "Continuous queries."),
        Figure("rowpattern_continuous_partitions", of.partitions, "{partition}", "Partitions with open state."),
        Figure("rowpattern_continuous_rows", of.rows, "{row}", "Rows kept for matches that may still come."),
        Figure("rowpattern_continuous_unreleased_rows", of.unreleased_rows, "{row}", "Rows before the watermark."),
        Figure("rowpattern_continuous_bytes", of.size_bytes, "By", "Memory of all these rows."),
        Figure("rowpattern_continuous_lag_seconds", of.lag_seconds, "s", "From the watermark to the latest row."),
        Figure("rowpattern_continuous_behind_seconds", of.behind_seconds, "s", "From the watermark to now."),
    ]
    return gauges


def _abandoned() -> int:
    # Nothing is imported for it: without queries there is none.
    module = sys.modules.get("rowpattern.sql.runtime.supervised")
    return 0 if module is None else sum(each.abandoned for each in module.all_supervised_threads())


def _duckdb() -> tuple[int, int, int]:
    module = sys.modules.get("rowpattern.sql.duckdb.instances")
    return (0, 0, 0) if module is None else module.duckdb_figures()


def _plans() -> dict[str, float] | None:
    module = sys.modules.get("rowpattern.cache.plans")
    return None if module is None else module.get_plan_stats()
