"""A small service over row patterns: what the container runs, as an example to start from.

`POST /count` with `{"pattern": "A+ B", "rows": "AAB"}` answers `{"matches": 1}`: one-letter rows, as in the README.
`/health` and `/metrics` are those of `rowpattern.endpoints`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import rowpattern
from rowpattern import endpoints, pattern_cache
from rowpattern.cache_monitor import start_cache_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LARGEST_BODY = 1 << 20

# Settings come from the MR_ variables. gunicorn may fork after this: the monitor runs in each worker then.
start_cache_monitoring()
if warm := os.environ.get("WARM_PATTERNS"):
    pattern_cache.load(warm)


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Answer a request by WSGI."""
    if (environ["REQUEST_METHOD"], environ.get("PATH_INFO")) != ("POST", "/count"):
        return endpoints.wsgi(environ, start_response)
    status, answer = count(environ)
    body = json.dumps(answer).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def count(environ: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Count the matches that a request asks for."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > LARGEST_BODY:
        return "413 Content Too Large", {"error": f"a request has at most {LARGEST_BODY} bytes"}
    try:
        asked = json.loads(environ["wsgi.input"].read(length))
        pattern = rowpattern.compile(asked["pattern"])
        return "200 OK", {"matches": pattern.count(asked["rows"])}
    except (KeyError, TypeError, ValueError) as error:
        # rowpattern's own errors are ValueErrors that say what is wrong and where.
        return "400 Bad Request", {"error": str(error)}
