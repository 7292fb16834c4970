"""`/health` and `/metrics` over HTTP: ready-made applications for WSGI and ASGI servers.

Mount them beside your own application, or serve them alone (`gunicorn rowpattern.endpoints:wsgi`,
`uvicorn rowpattern.endpoints:asgi`). They answer GET and HEAD:

- `/health`: the JSON of `rowpattern.health.health_check`; 200 when healthy or degraded, 503 when unhealthy.
- `/metrics`: the process's figures in Prometheus' format, or those of all workers that it has joined
  (`rowpattern.metrics.workers`); 501 where `prometheus_client` is not installed.

Below which path they are mounted does not matter: the last part of the path counts.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from rowpattern.dependencies import missing
from rowpattern.observe.health import health_check

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

__all__ = ["asgi", "wsgi"]


def _health() -> tuple[HTTPStatus, str, bytes]:
    answer = health_check()
    status = HTTPStatus.SERVICE_UNAVAILABLE if answer["status"] == "unhealthy" else HTTPStatus.OK
    return status, "application/json", json.dumps(answer).encode()


def _metrics() -> tuple[HTTPStatus, str, bytes]:
    try:
        from rowpattern.observe.metrics import prometheus, workers
    except ImportError as error:
        return HTTPStatus.NOT_IMPLEMENTED, "text/plain", f"{missing(error, 'prometheus')}\n".encode()
    content_type, body = workers.exposition() if workers.joined() else prometheus.exposition()
    return HTTPStatus.OK, content_type, body


_PAGES = {"health": _health, "metrics": _metrics}


def _answer(method: str, path: str) -> tuple[HTTPStatus, list[tuple[str, str]], bytes]:
    page = _PAGES.get(path.rstrip("/").rsplit("/", 1)[-1])
    if page is None:
        status, kind, body = HTTPStatus.NOT_FOUND, "text/plain", b"here are /health and /metrics\n"
    elif method not in {"GET", "HEAD"}:
        status, kind, body = HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"only GET and HEAD\n"
    else:
        status, kind, body = page()
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("Allow", "GET, HEAD"))
    return status, headers, b"" if method == "HEAD" else body


def wsgi(environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """Answer a request by WSGI (PEP 3333).

    Examples:
        >>> from rowpattern.endpoints import wsgi
        >>> body = wsgi({"REQUEST_METHOD": "GET", "PATH_INFO": "/health"}, lambda status, headers: print(status))
        200 OK
    """
    status, headers, body = _answer(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer a request by ASGI 3; the protocol's lifespan too, with nothing to do in it.

    Examples:
        >>> import asyncio
        >>> from rowpattern.endpoints import asgi
        >>> async def receive():
        ...     return {"type": "http.request"}
        >>> async def send(message):
        ...     print(message["type"], message.get("status", ""))
        >>> asyncio.run(asgi({"type": "http", "method": "GET", "path": "/health"}, receive, send))
        http.response.start 200
        http.response.body
    """
    if scope["type"] == "lifespan":
        while True:
            event = (await receive())["type"]
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return
    if scope["type"] != "http":
        return
    status, headers, body = _answer(scope["method"], scope["path"])
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status.value, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
