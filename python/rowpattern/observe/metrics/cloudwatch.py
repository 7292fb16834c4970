"""The cache's figures for Amazon CloudWatch (extra `cloudwatch`).

>>> from rowpattern.metrics.cloudwatch import CloudWatchPublisher
>>> publisher = CloudWatchPublisher(dimensions={"Service": "orders"})  # doctest: +SKIP
>>> publisher.start()  # doctest: +SKIP

Metrics in namespace `RowMatchRecognize`: `CacheSize` (Count), `CacheMemoryUsage` (Megabytes) and `CacheEfficiency`
(Percent).
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from rowpattern.cache.api import get_pattern_cache
from rowpattern.events import log_event
from rowpattern.periodic import Periodic

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CloudWatchPublisher"]

_METRICS = {
    "CacheSize": ("size", "Count"),
    "CacheMemoryUsage": ("memory_used_mb", "Megabytes"),
    "CacheEfficiency": ("cache_efficiency", "Percent"),
}

# What CloudWatch takes in one request.
_LARGEST_BATCH = 1000

# What is kept while CloudWatch cannot be reached: more than a day of readings a minute.
_MOST_KEPT = 5000


class CloudWatchPublisher:
    """Reads the cache's figures at intervals and sends them in batches.

    Requests are retried by boto3, with growing pauses. What cannot be sent is logged under `rowpattern.cloudwatch`,
    kept with its time, and sent with the next batch; past 5,000 readings the oldest go, and their number is logged. A
    daemon thread does the work; it goes on in a forked child.

    Examples:
        >>> from rowpattern.metrics.cloudwatch import CloudWatchPublisher
        >>> class Client:
        ...     def put_metric_data(self, Namespace, MetricData):
        ...         print(Namespace, *(value["MetricName"] for value in MetricData))
        >>> publisher = CloudWatchPublisher(Client(), dimensions={"Service": "orders"})
        >>> publisher.read()
        >>> publisher.flush(), publisher.unsent
        RowMatchRecognize CacheSize CacheMemoryUsage CacheEfficiency
        (True, 0)
        >>> publisher.start()
        RowMatchRecognize CacheSize CacheMemoryUsage CacheEfficiency
        >>> publisher.stop()
    """

    def __init__(
        self,
        client: Any = None,
        *,
        namespace: str = "RowMatchRecognize",
        dimensions: Mapping[str, str] | None = None,
        interval_seconds: float = 60.0,
        readings_per_batch: int = 1,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            client: boto3's CloudWatch client; by default one with the environment's region and credentials, with up
                to 4 tries a request and short timeouts.
            namespace: of the metrics.
            dimensions: of each metric, as `{"Service": "orders"}`.
            interval_seconds: between readings.
            readings_per_batch: send when this number of readings has been collected; 1 sends each at once.
        """
        if not 1 <= readings_per_batch <= _LARGEST_BATCH // len(_METRICS):
            largest = _LARGEST_BATCH // len(_METRICS)
            raise ValueError(f"readings_per_batch must be at least 1 and at most {largest}, not {readings_per_batch}")
        if not interval_seconds > 0:
            raise ValueError(f"interval_seconds must be above 0, not {interval_seconds}")
        retries = Config(retries={"total_max_attempts": 4, "mode": "standard"}, connect_timeout=2, read_timeout=5)
        self._client = boto3.client("cloudwatch", config=retries) if client is None else client
        self._namespace = namespace
        self._dimensions = [{"Name": name, "Value": value} for name, value in (dimensions or {}).items()]
        self._readings_per_batch = readings_per_batch
        self._readings: deque[list[dict[str, Any]]] = deque()
        self._periodic = Periodic(
            "rowpattern-cloudwatch", self._work, lambda: interval_seconds, in_child=self._make_lock
        )
        self._make_lock()

    def _make_lock(self) -> None:
        self._sending = threading.Lock()

    @property
    def unsent(self) -> int:
        """Readings that wait to be sent."""
        return len(self._readings)

    def start(self) -> None:
        """Start reading and sending; nothing happens when it is running."""
        self._periodic.start()

    def stop(self) -> None:
        """Stop within a tenth of a second; what is unsent stays, and `flush` sends it."""
        self._periodic.stop()

    def read(self) -> None:
        """Take one reading of the three metrics, to be sent later."""
        figures: Mapping[str, Any] = get_pattern_cache().statistics()
        now = dt.datetime.now(dt.timezone.utc)
        self._readings.append(
            [
                {
                    "MetricName": name,
                    "Timestamp": now,
                    "Value": float(figures[figure]),
                    "Unit": unit,
                    "Dimensions": self._dimensions,
                }
                for name, (figure, unit) in _METRICS.items()
            ]
        )
        lost = 0
        while len(self._readings) > _MOST_KEPT:
            self._readings.popleft()
            lost += 1
        if lost:
            log_event(
                "cloudwatch",
                logging.ERROR,
                "lost",
                "readings that were never sent and were dropped: %(lost)s",
                lost=lost,
            )

    def flush(self) -> bool:
        """Send all readings, at most 1,000 values a request.

        Returns:
            whether all were sent; what was not is kept, and the reason is logged.
        """
        with self._sending:
            while self._readings:
                readings = [
                    self._readings[at] for at in range(min(len(self._readings), _LARGEST_BATCH // len(_METRICS)))
                ]
                batch = [value for reading in readings for value in reading]
                try:
                    self._client.put_metric_data(Namespace=self._namespace, MetricData=batch)
                except (BotoCoreError, ClientError) as error:
                    log_event(
                        "cloudwatch",
                        logging.WARNING,
                        "unreachable",
                        "values that CloudWatch did not take, and that are kept: %(values)s: %(error)s",
                        values=len(batch),
                        error=f"{type(error).__name__}: {error}",
                    )
                    return False
                for reading in readings:
                    # It may have been dropped from a full buffer.
                    if self._readings and self._readings[0] is reading:
                        self._readings.popleft()
        return True

    def _work(self) -> None:
        self.read()
        if len(self._readings) >= self._readings_per_batch:
            self.flush()
