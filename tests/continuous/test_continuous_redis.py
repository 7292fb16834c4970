"""`examples/continuous_redis.py` over Debian's Redis server: every alert exactly once, whenever a worker is killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import rowpattern

from event_reference import Arrival, EventReference, OrderBy
from example_modules import load
from servers import free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

redis = pytest.importorskip("redis")
pytestmark = [
    # It starts servers.
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server: make servers"),
]

ROOT = Path(__file__).parents[2]
PAYMENTS = 20_000
KILLS = int(os.environ.get("ROWPATTERN_KILLS", "4"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("redis")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"redis://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(url))
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


@pytest.fixture
def client(server: str) -> Iterator[Any]:
    with redis.Redis.from_url(server) as found:
        found.flushall()
        yield found


def _worker(url: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "examples/continuous_redis.py", "--redis", url, "work", *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _expected(example: Any, rows: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Return the alerts of the batch over the rows that are not late, and how many are."""
    reference = EventReference([OrderBy()], 10_000)
    arrivals = [Arrival((row["at"],), row["card"], number) for number, row in enumerate(rows)]
    for begin in range(0, len(rows), 500):
        reference.push(arrivals[begin : begin + 500], "")
    late = {row.number for row in reference.late}
    table = pa.Table.from_pylist([row for number, row in enumerate(rows) if number not in late])
    answer = rowpattern.match_recognize(example.FRAUD, table.cast(example.PAYMENTS))
    return sorted(json.dumps(row, default=str) for row in answer.to_pylist()), len(late)


def _written(example: Any, client: Any) -> list[str]:
    return sorted(fields[b"alert"].decode() for _, fields in client.xrange(example.ALERTS))


def test_each_alert_is_written_once_whenever_a_worker_is_killed(server: str, client: Any) -> None:
    example = load("continuous_redis")
    example.produce(client, PAYMENTS, 1)
    chance = random.Random(3)
    killed = 0
    while killed < KILLS:
        before = client.get(example.PLACE)
        worker = _worker(server, "--batch", "50")
        # It makes some progress, and is killed anywhere in its loop.
        wait_for(lambda: client.get(example.PLACE) != before or worker.poll() is not None)  # noqa: B023 - called here
        time.sleep(chance.uniform(0, 0.05))
        assert worker.poll() is None, worker.stderr.read() if worker.stderr else ""
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        killed += 1
    place = client.get(example.PLACE)
    assert place < client.xrevrange(example.INCOMING, count=1)[0][0], "all was done before the last kill"
    worker = _worker(server, "--batch", "2000", "--stop-when-idle")
    _, errors = worker.communicate(timeout=120)
    assert worker.returncode == 0, errors
    expected, late = _expected(example, list(example.payments(PAYMENTS, 1)))
    assert len(expected) > 100
    assert late > 50
    assert _written(example, client) == expected
    assert client.xlen(example.LATE) == late


def test_two_workers_on_one_state_do_not_both_write(client: Any) -> None:
    example = load("continuous_redis")
    example.produce(client, 100, 2)
    (first, place), (second, _) = example.begun(client), example.begun(client)
    ((_, entries),) = client.xread({example.INCOMING: place}, count=50)
    rows = example.parsed(entries)
    example.write(client, place, entries[-1][0], first, first.push(rows))
    with pytest.raises(example.OtherWorkerError, match="another worker has gone on"):
        example.write(client, place, entries[-1][0], second, second.push(rows))


def test_the_commands_of_the_example(server: str, client: Any) -> None:
    del client

    def run(*arguments: str) -> str:
        command = [sys.executable, "examples/continuous_redis.py", "--redis", server, *arguments]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    run("produce", "--payments", "3000", "--seed", "5")
    count = int(run("work", "--stop-when-idle").split()[0])
    assert count > 0
    assert len(run("show").splitlines()) == count
