"""The figures for Prometheus, scraped by the real server from a real process."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import rowpattern
from rowpattern import pattern_cache
from rowpattern.observe.metrics import prometheus

from servers import free_port, get, get_json, prometheus_of, serve, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[2] / "deploy"

# 3 patterns in a cache of 2: known figures. Queries: two that are answered, of two rows each, one that is wrong and one
# whose time is over. Then it goes on, so that rates are not all zero.
WATCHED = """
import sys, time
import rowpattern
from rowpattern import pattern_cache
from rowpattern.observe.metrics import prometheus

pattern_cache.resize_cache(2, max_memory_mb=64)
for text in ("A B", "A C", "A D", "A D", "A D", "A B"):
    rowpattern.compile(text)
server, _ = prometheus.serve(int(sys.argv[1]))
import pyarrow as pa
# Their patterns would change the figures above.
pattern_cache.set_caching_enabled(False)
sql = "SELECT * FROM t MATCH_RECOGNIZE (MEASURES A.x AS secret_measure PATTERN (A))"
explodes = '''SELECT * FROM t MATCH_RECOGNIZE (
    MEASURES COUNT(*) AS n PATTERN ((A | B)+ C) DEFINE A AS SUM(A.x) > -1, C AS SUM(A.x) = 0.123)'''
for text, table, seconds in (
    ("SELECT", {"x": [1]}, 60),
    # Its connection is closed with it.
    (explodes, {"x": [1.0 + 1 / (number + 3) for number in range(60)]}, 0.1),
    (sql, {"x": [1, 2]}, 60),
    (sql.replace("*", "secret_measure + 1 AS s"), {"x": [3, 4]}, 60),
):
    try:
        rowpattern.match_recognize(text, pa.table(table), timeout_seconds=seconds)
    except rowpattern.QueryError:
        pass
# Two rows of a match that may go on; one that waits for rows before it, and one that is late.
times = pa.schema({"at": pa.timestamp("s")})
stream = rowpattern.continuous(
    "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY at MEASURES COUNT(*) AS n PATTERN (A B+) DEFINE B AS at > PREV(at))",
    times, lateness="10 s", late="drop",
)
stream.push(pa.table([pa.array([1, 2, 30, 5]).cast(pa.timestamp("s"))], schema=times))
pattern_cache.set_caching_enabled(True)
print("serving", flush=True)
while True:
    time.sleep(3600)
"""


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures_are_those_of_the_moment() -> None:
    pattern_cache.clear_pattern_cache()
    registry = CollectorRegistry()
    collector = prometheus.register(registry)
    rowpattern.compile("A B C")
    rowpattern.compile("A B C")
    pattern_cache.cache_pattern("k", 1, 2, compilation_time=0.3)
    values = samples(generate_latest(registry).decode())
    statistics = pattern_cache.get_cache_stats()
    assert values["pattern_cache_size", ()] == 2
    assert values["pattern_cache_memory_mb", ()] == statistics["memory_used_mb"] > 0
    assert values["pattern_cache_efficiency", ()] == 50
    assert values["pattern_cache_hits", ()] == values["rowpattern_cache_hits_total", ()] == 1
    assert values["pattern_cache_misses", ()] == values["rowpattern_cache_misses_total", ()] == 1
    assert values["rowpattern_cache_evictions_total", (("cause", "size"),)] == 0
    assert values["rowpattern_compile_seconds_count", ()] == 2
    assert values["rowpattern_compile_seconds_bucket", (("le", "+Inf"),)] == 2
    assert values["rowpattern_compile_seconds_bucket", (("le", "0.1"),)] == 1
    assert values["rowpattern_compile_seconds_sum", ()] == pytest.approx(0.3, abs=0.1)
    rowpattern.compile("A B C D")
    assert samples(generate_latest(registry).decode())["pattern_cache_size", ()] == 3
    with pytest.raises(ValueError, match="Duplicated"):
        prometheus.register(registry)
    registry.unregister(collector)


def test_buckets_grow() -> None:
    buckets, _ = pattern_cache.get_pattern_cache().compile_seconds()
    assert [bound for bound, _ in buckets] == sorted(bound for bound, _ in buckets)
    assert [count for _, count in buckets] == sorted(count for _, count in buckets)


def test_multiprocess_mode_is_refused_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with pytest.raises(rowpattern.ConfigurationError, match=r"Call rowpattern\.metrics\.workers\.join\(\)"):
        prometheus.register(CollectorRegistry())
    server, thread = prometheus.serve(0)
    try:
        assert "pattern_cache_size" in get(f"http://127.0.0.1:{server.server_port}/metrics")[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A function that asks a running Prometheus, which scrapes a running process."""
    assert shutil.which("prometheus"), "apt-get install prometheus; .ci/run does"
    work = tmp_path_factory.mktemp("prometheus")
    watched, own = free_port(), free_port()
    shutil.copy(DEPLOY / "prometheus" / "alerts.yml", work)
    (work / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 200ms, evaluation_interval: 200ms}}
rule_files: [alerts.yml]
scrape_configs:
  - job_name: rowpattern
    static_configs: [{{targets: ["127.0.0.1:{watched}"]}}]
""")
    base = f"http://127.0.0.1:{own}"
    server, ask = prometheus_of(work, own)
    ask.base = base  # type: ignore[attr-defined]
    process = [sys.executable, "-c", WATCHED, str(watched)]
    with (
        serve(process, f"http://127.0.0.1:{watched}/metrics", work / "watched.log"),
        serve(server, f"{base}/-/ready", work / "prometheus.log"),
    ):
        wait_for(lambda: len(ask("count_over_time(pattern_cache_size[1m]) > 3")))
        yield ask


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("pattern_cache_size", 2),
        ("pattern_cache_hits", 2),
        ("pattern_cache_misses", 4),
        ("pattern_cache_efficiency", 100 * 2 / 6),
        ("rowpattern_cache_hits_total / (rowpattern_cache_hits_total + rowpattern_cache_misses_total)", 2 / 6),
        ('rowpattern_cache_evictions_total{cause="size"}', 2),
        ("sum(rowpattern_cache_evictions_total)", 2),
        ("rowpattern_cache_evicted_misses_total", 1),
        ("rowpattern_cache_max_entries", 2),
        ("rowpattern_cache_max_bytes / 2^20", 64),
        ("rowpattern_compile_seconds_count", 4),
        ("rowpattern_cache_insertions_total - on() sum(rowpattern_cache_evictions_total)", 2),
        ('up{job="rowpattern"}', 1),
        ("rowpattern_query_seconds_count", 4),
        ("rowpattern_query_wait_seconds_count", 4),
        ('rowpattern_query_step_seconds_count{step="answer"}', 2),
        ("rowpattern_query_rows_in_total", 64),
        ("rowpattern_query_rows_out_total", 4),
        ('rowpattern_query_failures_total{cause="time"}', 1),
        ('rowpattern_query_failures_total{cause="syntax"}', 1),
        ("sum(rowpattern_query_failures_total)", 2),
        ("rowpattern_queries_running", 0),
        ("rowpattern_queries_waiting", 0),
        ("rowpattern_queries_waiting_limit", 1000),
        ("rowpattern_queries_refused_total", 0),
        ("rowpattern_query_memory_bytes", 0),
        ("rowpattern_query_connections", 0),
        ("rowpattern_duckdb_instances > bool 0", 1),
        ("rowpattern_duckdb_memory_bytes >= bool 0", 1),
        ("rowpattern_continuous_queries", 1),
        ("rowpattern_continuous_partitions", 1),
        ("rowpattern_continuous_rows", 2),
        ("rowpattern_continuous_unreleased_rows", 1),
        ("rowpattern_continuous_lag_seconds", 10),
        ("rowpattern_continuous_rows_in_total", 4),
        ("rowpattern_continuous_late_rows_total", 1),
    ],
)
def test_promql_gives_the_right_numbers(query: Any, expression: str, value: float) -> None:
    (result,) = query(expression)
    assert float(result["value"][1]) == pytest.approx(value)


def dashboard_queries() -> list[tuple[str, str]]:
    board = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    return [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel["targets"]]


@pytest.mark.parametrize(("title", "expression"), dashboard_queries())
def test_each_query_of_the_dashboard_answers(query: Any, title: str, expression: str) -> None:
    # As Grafana does with variables that stand for all.
    asked = expression.replace("$job", ".*").replace("$instance", ".*")
    assert "$" not in asked
    results = query(asked)
    assert results, title
    for name in re.findall(r"\b(?:rowpattern|pattern)_[a-z_]+", asked):
        assert query(name), name


def test_the_server_has_read_the_alerts(query: Any) -> None:
    groups = get_json(f"{query.base}/api/v1/rules")["data"]["groups"]
    assert {group["name"]: [rule["name"] for rule in group["rules"]] for group in groups} == {
        "rowpattern-cache": ["PatternCacheInefficient", "PatternCacheAboveThreshold", "PatternCacheEvictionStorm"],
        "rowpattern-queries": ["QueriesTimeOut", "QueryQueueNearlyFull", "QueriesRefused", "QueryMemoryNearLimit"],
    }
    wait_for(
        lambda: all(
            rule["health"] == "ok"
            for group in get_json(f"{query.base}/api/v1/rules")["data"]["groups"]
            for rule in group["rules"]
        )
    )


def test_a_query_s_text_is_in_no_label(query: Any) -> None:
    series = urllib.parse.urlencode({"match[]": '{job="rowpattern"}'})
    labels = get_json(f"{query.base}/api/v1/series?{series}")
    assert labels["data"]
    assert "MATCH" not in str(labels)
    assert "secret_measure" not in str(labels)


@pytest.mark.parametrize("arguments", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]])
def test_promtool_accepts_the_alerts(arguments: list[str]) -> None:
    result = subprocess.run(
        ["promtool", *arguments], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
