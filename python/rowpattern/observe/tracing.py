"""Queries as spans of OpenTelemetry (extra `opentelemetry`), with their steps as children.

>>> from opentelemetry.sdk.trace import TracerProvider
>>> from rowpattern.observe.tracing import trace_queries
>>> trace_queries(TracerProvider())
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind, Status, StatusCode, TracerProvider, get_tracer_provider, set_span_in_context

from rowpattern.sql.runtime.reports import observe_queries
from rowpattern.sql.runtime.slow_queries import without_literals

if TYPE_CHECKING:
    from typing import Literal

    from opentelemetry.trace import Span, Tracer

    from rowpattern.sql.runtime.reports import QueryReport

__all__ = ["trace_queries"]


def trace_queries(
    tracer_provider: TracerProvider | None = None, *, text: bool | Literal["without literals"] = False
) -> None:
    """Make a span of each query that ends from now on, below the span that is current in its thread or task.

    The span is named `match_recognize`, and each step a child `match_recognize <step>`. Attributes are
    `rowpattern.rows_in`, `rowpattern.rows_out`, `rowpattern.waited_seconds`, `rowpattern.memory_bytes`, and of a query
    that failed `error.type` with its cause.

    Args:
        tracer_provider: the global one by default.
        text: whether the query's text is an attribute, `db.query.text`; `"without literals"` shows it with `?` in the
            places of numbers and texts.

    Raises:
        TypeError: it is no tracer provider.
    """
    provider = get_tracer_provider() if tracer_provider is None else tracer_provider
    if not isinstance(provider, TracerProvider):
        raise TypeError(f"tracer_provider must be an OpenTelemetry TracerProvider, not {type(provider).__name__}")
    tracer = provider.get_tracer("rowpattern")

    def trace_query(report: QueryReport) -> None:
        ended = _nanoseconds(report.ended)
        attributes: dict[str, str | int | float] = {
            "rowpattern.rows_in": report.rows_in,
            "rowpattern.rows_out": report.rows_out,
            "rowpattern.waited_seconds": report.waited_seconds,
            "rowpattern.memory_bytes": report.most_bytes,
        }
        if text:
            attributes["db.query.text"] = report.sql if text is True else without_literals(report.sql)
        if report.failure is not None:
            attributes["error.type"] = report.failure
        span = tracer.start_span(
            "match_recognize",
            kind=SpanKind.INTERNAL,
            attributes=attributes,
            start_time=ended - _nanoseconds(report.seconds),
        )
        if report.failure is not None:
            span.set_status(Status(StatusCode.ERROR, report.failure))
        if span.is_recording():
            _trace_steps(tracer, report, span)
        span.end(ended)

    observe_queries(trace_query)


def _trace_steps(tracer: Tracer, report: QueryReport, span: Span) -> None:
    within = set_span_in_context(span)
    for step in report.steps:
        begun = _nanoseconds(report.ended - (report.clock - step.begun))
        child = tracer.start_span(
            f"match_recognize {step.name}",
            within,
            attributes={"rowpattern.rows": step.rows},
            start_time=begun,
        )
        child.end(begun + _nanoseconds(step.seconds))


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
