"""One page of figures for several worker processes (extra `prometheus`).

Each process has a cache, and figures, of its own. `join` serves those of a worker on a loopback port and notes the
port in a folder that the workers share; whichever worker is asked for `/metrics` then (`rowpattern.endpoints`) asks
them all and answers with all figures, each with the label `worker`, the number of its process. So one port is scraped,
from another machine too. `deploy/service/several_workers.conf.py` does it for gunicorn.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from rowpattern.observe.metrics import prometheus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

__all__ = ["clean", "exposition", "join", "joined", "leave"]

# A worker that does not answer in this time is left out. It answers in a thread of its own, whatever else it does.
_PATIENCE_SECONDS = 2.0

# What every metrics page of this package has.
_MARK = "pattern_cache_size"

_folder: Path | None = None


class _Worker(NamedTuple):
    note: Path
    process: int
    port: int


def join(folder: str | os.PathLike[str]) -> int:
    """Serve this process's figures to the other workers. Call it in each worker, after the fork.

    Args:
        folder: where the workers of one server, and no others, note their ports.

    Returns:
        the port, on the loopback address.

    Raises:
        OSError: the folder cannot be written.
    """
    global _folder  # noqa: PLW0603 - one for the process
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    server, _ = prometheus.serve(0)
    # Files are named by the port, so a process that gets the port of a dead one overwrites its file.
    note = path / f"{server.server_port}.json"
    part = note.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps({"process": os.getpid(), "port": server.server_port}), encoding="ascii")
    part.replace(note)
    _folder = path
    return server.server_port


def joined() -> bool:
    """Whether this process has joined others."""
    return _folder is not None


def leave(folder: str | os.PathLike[str], process: int) -> None:
    """Forget a worker that has ended, by the number of its process. Call it in the process that started it."""
    for worker in _workers(Path(folder)):
        if worker.process == process:
            worker.note.unlink(missing_ok=True)


def clean(folder: str | os.PathLike[str]) -> None:
    """Forget workers that no longer serve figures, as after a kill. Call it when the server starts.

    They are forgotten when `/metrics` is asked for, too.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    for part in path.glob("*.part"):
        part.unlink(missing_ok=True)
    _pages(path)


def exposition() -> tuple[str, bytes]:
    """Return the content type and the text that `/metrics` answers with: the figures of all workers that answer.

    `rowpattern_workers` says how many these are. Takes as long as the slowest of them, 2 seconds at most.

    Raises:
        RuntimeError: this process has not joined others.
    """
    if _folder is None:
        raise RuntimeError("this process has not joined others: call join() first")
    registry = CollectorRegistry()
    registry.register(_AllWorkers(_pages(_folder)))
    return CONTENT_TYPE_LATEST, generate_latest(registry)


def _workers(folder: Path) -> list[_Worker]:
    return [worker for note in sorted(folder.glob("*.json")) if (worker := _read(note)) is not None]


def _read(note: Path) -> _Worker | None:
    try:
        noted = json.loads(note.read_text(encoding="ascii"))
        return _Worker(note, int(noted["process"]), int(noted["port"]))
    except FileNotFoundError:
        # It has removed its file meanwhile.
        return None
    except (OSError, ValueError, KeyError, TypeError):
        # Not written by `join`.
        note.unlink(missing_ok=True)
        return None


def _pages(folder: Path) -> dict[int, str]:
    """Return each worker's page, by the number of its process; notes of dead ones are removed."""
    workers = _workers(folder)
    with ThreadPoolExecutor(max(1, len(workers)), "rowpattern-workers") as pool:
        return {worker.process: page for worker, page in zip(workers, pool.map(_page, workers)) if page is not None}


def _page(worker: _Worker) -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode("utf-8", errors="replace")
    except socket.timeout:  # TimeoutError, from Python 3.10 on
        # It may be held up; it is there.
        return None
    except (OSError, http.client.HTTPException):
        page = ""
    finally:
        connection.close()
    if _MARK in page:
        return page
    # No process listens there, or one that is not a worker.
    worker.note.unlink(missing_ok=True)
    return None


class _AllWorkers(Collector):
    """Figures of several pages, with the process that each is of as the label `worker`."""

    def __init__(self, pages: dict[int, str]) -> None:
        self._pages = pages

    def collect(self) -> Iterable[Metric]:
        merged: dict[str, Metric] = {}
        for process, page in self._pages.items():
            for family in text_string_to_metric_families(page):
                whole = merged.setdefault(family.name, family)
                labelled = [
                    sample._replace(labels={**sample.labels, "worker": str(process)}) for sample in family.samples
                ]
                if whole is family:
                    family.samples = labelled
                else:
                    whole.samples += labelled
        yield from merged.values()
        yield GaugeMetricFamily("rowpattern_workers", "Workers whose figures these are.", value=len(self._pages))
