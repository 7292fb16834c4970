"""CloudWatch by boto3 against moto's HTTP server; OpenTelemetry by the SDK's in-memory reader."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from metric_points import collected
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import rowpattern
from rowpattern import pattern_cache
from rowpattern.observe.metrics import cloudwatch
from rowpattern.observe.metrics.cloudwatch import CloudWatchPublisher
from rowpattern.observe.metrics.opentelemetry import instrument

from servers import free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

# moto's server warns about what it is built of.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def some_figures() -> pattern_cache.CacheStatistics:
    pattern_cache.resize_cache(2)
    for text in ("A B", "A C", "A D", "A D"):
        rowpattern.compile(text)
    return pattern_cache.get_cache_stats()


def client(port: int, **config: Any) -> Any:
    return boto3.client(
        "cloudwatch",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - moto takes any
        config=Config(connect_timeout=1, read_timeout=5, **config),
    )


@pytest.fixture
def port() -> Iterator[int]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    # What it has stored is kept by its process, not by its server.
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/reset", data=b""):
        pass
    yield port
    server.stop()


def stored(aws: Any, metric: str) -> list[dict[str, Any]]:
    now = dt.datetime.now(dt.timezone.utc)
    answer = aws.get_metric_statistics(
        Namespace="RowMatchRecognize",
        MetricName=metric,
        Dimensions=[{"Name": "Service", "Value": "orders"}],
        StartTime=now - dt.timedelta(hours=1),
        EndTime=now + dt.timedelta(hours=1),
        Period=7200,
        Statistics=["SampleCount", "Average"],
    )
    return list(answer["Datapoints"])


def test_cloudwatch_gets_the_guide_s_metrics(port: int, some_figures: dict[str, Any]) -> None:
    aws = client(port)
    publisher = CloudWatchPublisher(aws, dimensions={"Service": "orders"})
    publisher.read()
    assert publisher.flush()
    wanted = {
        "CacheSize": (2, "Count"),
        "CacheMemoryUsage": (some_figures["memory_used_mb"], "Megabytes"),
        "CacheEfficiency": (25.0, "Percent"),
    }
    listed = {metric["MetricName"] for metric in aws.list_metrics(Namespace="RowMatchRecognize")["Metrics"]}
    assert listed == set(wanted)
    for metric, (value, unit) in wanted.items():
        (point,) = stored(aws, metric)
        assert point["Average"] == pytest.approx(value)
        assert point["Unit"] == unit


def test_readings_are_sent_in_batches(port: int) -> None:
    requests: list[int] = []
    aws = client(port)
    aws.meta.events.register(
        "provide-client-params.cloudwatch.PutMetricData", lambda params, **_: requests.append(len(params["MetricData"]))
    )
    publisher = CloudWatchPublisher(aws, dimensions={"Service": "orders"})
    for _ in range(400):
        publisher.read()
    assert publisher.flush()
    assert requests == [999, 201]
    assert sum(point["SampleCount"] for point in stored(aws, "CacheSize")) == 400


def test_the_thread_sends(port: int) -> None:
    aws = client(port)
    publisher = CloudWatchPublisher(aws, dimensions={"Service": "orders"}, interval_seconds=0.01, readings_per_batch=5)
    publisher.start()
    wait_for(lambda: sum(point["SampleCount"] for point in stored(aws, "CacheSize")) >= 10)
    publisher.stop()
    assert "rowpattern-cloudwatch" not in [thread.name for thread in threading.enumerate()]


def test_an_unreachable_cloudwatch_is_a_warning_and_nothing_is_lost(
    port: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    away = client(free_port(), retries={"total_max_attempts": 3, "mode": "standard"})
    away.meta.events.register("before-send.cloudwatch.PutMetricData", lambda **_: tries.append("try"))
    publisher = CloudWatchPublisher(away, dimensions={"Service": "orders"})
    publisher.read()
    publisher.read()
    assert not publisher.flush()
    assert len(tries) == 3
    assert publisher.unsent == 2
    (record,) = [record for record in caplog.records if record.name == "rowpattern.cloudwatch"]
    assert record.levelno == logging.WARNING
    assert "EndpointConnectionError" in record.getMessage()
    # The cache goes on, and when CloudWatch is there again all is sent.
    assert rowpattern.compile("A D") is rowpattern.compile("A D")
    publisher._client = client(port)
    assert publisher.flush()
    assert publisher.unsent == 0
    assert sum(point["SampleCount"] for point in stored(publisher._client, "CacheSize")) == 2
    monkeypatch.setattr(cloudwatch, "_MOST_KEPT", 3)
    for _ in range(5):
        publisher.read()
    assert publisher.unsent == 3
    assert "readings that were never sent and were dropped: 1" in caplog.text


@pytest.mark.parametrize("arguments", [{"readings_per_batch": 0}, {"readings_per_batch": 334}, {"interval_seconds": 0}])
def test_publisher_arguments_are_checked(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be (at least 1|above 0)"):
        CloudWatchPublisher(object(), **arguments)  # type: ignore[arg-type]


def test_opentelemetry_observes_when_collected(some_figures: dict[str, Any]) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    instrument(provider)

    points = collected(reader)
    values = {name: found[0].value for name, found in points.items() if len(found) == 1}
    assert values["rowpattern.cache.size"] == 2
    assert values["rowpattern.cache.hits"] == 1
    assert values["rowpattern.cache.misses"] == 3
    assert values["rowpattern.cache.efficiency"] == 25.0
    assert values["rowpattern.cache.memory"] == some_figures["memory_used_mb"] * 2**20
    assert values["rowpattern.cache.saved_time"] == some_figures["compilation_time_saved"]
    causes = {point.attributes["cause"]: point.value for point in points["rowpattern.cache.evictions"]}
    assert causes == {"size": 1, "memory": 0, "threshold": 0}
    rowpattern.compile("A D")
    assert collected(reader)["rowpattern.cache.hits"][0].value == 2
    provider.shutdown()
