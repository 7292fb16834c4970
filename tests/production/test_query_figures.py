"""What is seen of queries: OpenTelemetry's metrics and spans, health, the log of slow queries."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_points import collected
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from queries_at_work import EXPLODES, hard_rows

import rowpattern
from rowpattern import match_recognize
from rowpattern.health import health_check
from rowpattern.observe import query_figures
from rowpattern.observe.metrics.opentelemetry import instrument
from rowpattern.observe.query_figures import BOUNDS, Histogram, QueryTotals
from rowpattern.observe.tracing import trace_queries
from rowpattern.production_config import reload, reset_config
from rowpattern.sql.runtime import reports
from rowpattern.sql.runtime.slow_queries import without_literals

if TYPE_CHECKING:
    from collections.abc import Iterator

FALLS = """SELECT * FROM prices MATCH_RECOGNIZE (
    ORDER BY day MEASURES FIRST(DOWN.day) AS begun PATTERN (DOWN+) DEFINE DOWN AS price < PREV(price) + 0.25)"""


def prices() -> pa.Table:
    return pa.table({"day": [0, 1, 2], "price": [5.0, 4.0, 3.0]})


def fail_by_time(seconds: float = 0.05) -> None:
    with pytest.raises(rowpattern.QueryLimitError):
        match_recognize(EXPLODES, hard_rows(), timeout_seconds=seconds)


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    match_recognize(FALLS, prices())
    monkeypatch.setattr(reports, "_observers", ())
    monkeypatch.setattr(query_figures, "_totals", QueryTotals())
    yield
    reload()
    reset_config()


def test_opentelemetry_metrics() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    instrument(provider)
    fail_by_time()
    # DuckDB computes what is around the clause.
    match_recognize(FALLS.replace("SELECT *", "SELECT begun + 1 AS b"), prices())
    match_recognize(FALLS, prices(), stream=True).read_all()
    found = collected(reader)
    (duration,) = found["rowpattern.query.duration"]
    assert duration.count == 3
    assert tuple(duration.explicit_bounds) == BOUNDS
    steps = {point.attributes["step"]: point.count for point in found["rowpattern.query.step.duration"]}
    assert steps["answer"] == 1
    assert steps["match"] >= 2
    assert found["rowpattern.query.wait"][0].count == 3
    # Whether the rows of the one whose time was over were read is a matter of time.
    assert found["rowpattern.query.rows_in"][0].value in {3 + 3, 3 + 3 + 60}
    assert found["rowpattern.query.rows_out"][0].value == 1 + 1
    failures = {point.attributes["cause"]: point.value for point in found["rowpattern.query.failures"]}
    assert failures == {**dict.fromkeys(reports.FAILURES, 0), "time": 1}
    assert found["rowpattern.queries.running"][0].value == 0
    assert found["rowpattern.query.connections"][0].value == 0
    assert found["rowpattern.duckdb.instances"][0].value >= 1
    assert found["rowpattern.duckdb.memory_bytes"][0].value >= 0
    assert "MATCH_RECOGNIZE" not in str(found)
    provider.shutdown()


def test_spans() -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace_queries(provider, text="without literals")
    with provider.get_tracer("caller").start_as_current_span("request") as request:
        match_recognize(FALLS, prices())
    by_name: dict[str, Any] = {span.name: span for span in spans.get_finished_spans()}
    query = by_name["match_recognize"]
    assert query.parent.span_id == request.get_span_context().span_id
    assert query.attributes["rowpattern.rows_in"] == 3
    assert query.attributes["rowpattern.rows_out"] == 1
    assert query.attributes["db.query.text"] == without_literals(FALLS)
    assert "0.25" not in query.attributes["db.query.text"]
    steps = [span for name, span in by_name.items() if name.startswith("match_recognize ")]
    assert {"match_recognize match", "match_recognize answer"} <= {span.name for span in steps}
    for step in steps:
        assert step.parent.span_id == query.context.span_id
        # Between two looks at two clocks there is some time.
        assert query.start_time - 10**9 <= step.start_time <= step.end_time <= query.end_time + 10**9
    spans.clear()
    fail_by_time()
    failed: Any
    (failed,) = [span for span in spans.get_finished_spans() if span.name == "match_recognize"]
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes["error.type"] == "time"
    with pytest.raises(TypeError, match="tracer_provider must be an OpenTelemetry TracerProvider, not int"):
        trace_queries(1)  # type: ignore[arg-type]


def test_what_an_observer_raises_does_not_concern_the_query() -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    reports.observe_queries(fail)
    assert match_recognize(FALLS, prices()).num_rows == 1


@pytest.mark.parametrize(
    ("sql", "options", "failure"),
    [
        ("SELECT", {}, "syntax"),
        (FALLS.replace("DOWN.day", "DOWN.night"), {}, "query"),
        (FALLS.replace("(DOWN+)", "(DOWN+ **)"), {}, "syntax"),
        (EXPLODES, {"timeout_seconds": 0.05}, "time"),
        (FALLS, {"memory_limit_mb": 1e-6}, "memory"),
        (FALLS, {"cancel": "cancelled"}, "cancelled"),
    ],
)
def test_failures_by_cause(sql: str, options: dict[str, Any], failure: str) -> None:
    found: list[reports.QueryReport] = []
    reports.observe_queries(found.append)
    if "cancel" in options:
        token = rowpattern.CancelToken()
        token.cancel()
        options = {"cancel": token}
    table = hard_rows() if sql is EXPLODES else prices()
    with pytest.raises(rowpattern.RowPatternError):
        match_recognize(sql, table, **options)
    assert [each.failure for each in found] == [failure]


def test_health_knows_queries() -> None:
    answer = json.loads(json.dumps(health_check()))
    assert answer["queries"]["running"] == answer["queries"]["waiting"] == answer["queries"]["recent"] == 0
    for _ in range(19):
        match_recognize(FALLS, prices())
    fail_by_time()
    answer = health_check()
    assert answer["status"] == "degraded"
    assert answer["queries"]["recent"] == 20
    assert answer["queries"]["timeouts"] == 5.0
    assert answer["reasons"] == ["5.0 % of the last 20 queries passed their time limit, more than 5 %"]


def test_health_knows_saturation() -> None:
    reload(max_concurrent_queries=1, query_queue_size=1)
    begun, may_end = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        begun.set()
        may_end.wait(30)

    threads = [
        threading.Thread(target=match_recognize, args=(FALLS, prices()), kwargs={"progress": wait}) for _ in range(2)
    ]
    threads[0].start()
    assert begun.wait(30)
    threads[1].start()
    end = time.perf_counter() + 30
    while not health_check()["queries"]["waiting"]:
        assert time.perf_counter() < end
    answer = health_check()
    assert answer["status"] == "degraded"
    assert answer["reasons"] == ["queries that wait: 1, of at most 1; queries that run: 1"]
    may_end.set()
    for thread in threads:
        thread.join(30)


def test_slow_queries_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rowpattern")
    match_recognize(FALLS, prices())
    assert "queries" not in {record.name.rpartition(".")[2] for record in caplog.records}
    reload(slow_query_seconds=1e-6)
    match_recognize(FALLS, prices())
    (record,) = [each for each in caplog.records if each.name == "rowpattern.queries"]
    fields = vars(record)
    assert record.levelno == logging.WARNING
    assert (fields["event"], fields["rows_in"], fields["rows_out"], fields["sql"]) == ("slow", 3, 1, FALLS)
    assert "match" in fields["steps"]
    assert "0.25" in record.getMessage()
    caplog.clear()
    reload(slow_query_seconds=1e-6, slow_query_literals=False)
    fail_by_time()
    (record,) = [each for each in caplog.records if each.name == "rowpattern.queries"]
    assert "0.123" not in record.getMessage()
    assert "failed by time" in record.getMessage()
    caplog.clear()
    reload(slow_query_seconds=1000)
    match_recognize(FALLS, prices())
    reload()
    match_recognize(FALLS, prices())
    assert not [each for each in caplog.records if each.name == "rowpattern.queries"]


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT 1, 1.5, .5e-3, 1_000", "SELECT ?, ?, ?, ?"),
        ("SELECT 'it''s', E'a\\'b', x'00', DATE'2020-01-01'", "SELECT ?, ?, ?, DATE?"),
        ("SELECT \"a1 'b'\", a1, t1.c2", "SELECT \"a1 'b'\", a1, t1.c2"),
        ("SELECT $$a 'b$$, $tag$ x $$ $tag$", "SELECT ?, ?"),
        ("SELECT a -- 'secret'\n, /* 5 */ b", "SELECT a \n,  b"),
        ("PATTERN (A{2,3} B)", "PATTERN (A{?,?} B)"),
        ("SELECT 'not closed", "SELECT ?"),
    ],
)
def test_literals_are_left_out(sql: str, shown: str) -> None:
    assert without_literals(sql) == shown


@given(st.text(alphabet="ab1'\"$-/*\\ \n.e"))
def test_no_text_in_quotes_is_shown(text: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    assert without_literals(f"SELECT {quoted} FROM t") == "SELECT ? FROM t"


@given(st.lists(st.floats(0, 100)))
def test_a_histogram_counts_every_duration_once(durations: list[float]) -> None:
    histogram = Histogram()
    for each in durations:
        histogram.add(each)
    assert histogram.buckets() == [
        (bound, sum(each <= bound for each in durations)) for bound in (*BOUNDS, float("inf"))
    ]
    assert histogram.seconds == pytest.approx(sum(durations))
