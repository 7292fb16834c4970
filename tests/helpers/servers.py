"""Real servers for tests: started on a free loopback port, waited for, and stopped."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback servers
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def get_json(url: str) -> Any:
    return json.loads(get(url)[1])


def wait_for(what: Callable[[], Any], seconds: float = 60) -> Any:
    """Call until it gives something true; connections that are refused meanwhile are no answer yet."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if answer := what():
                return answer
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)


@contextlib.contextmanager
def serve(
    command: list[str], ready: str, log: Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it is ready when the URL `ready` answers."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **(environment or {})}, cwd=cwd
        )

    def answers() -> bool:
        assert process.poll() is None, f"{command[0]} ended: {log.read_text()}"
        return get(ready)[0] < 500

    try:
        wait_for(answers)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def prometheus_of(folder: Path, port: int) -> tuple[list[str], Callable[[str], list[dict[str, Any]]]]:
    """Return the command of a Prometheus with a folder's `prometheus.yml`, and what asks it a question in PromQL."""
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]

    def ask(expression: str) -> list[dict[str, Any]]:
        question = urllib.parse.urlencode({"query": expression})
        answer = get_json(f"http://127.0.0.1:{port}/api/v1/query?{question}")
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    return command, ask
