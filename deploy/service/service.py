"""A small service over row patterns: what the container runs, as an example to start from.

`POST /count` with `{"pattern": "A+ B", "rows": "AAB"}` answers `{"matches": 1}`: one-letter rows, as in the README.
What a request gets wrong is answered with 400 and one line, `{"error": "..."}`; what the service gets wrong with 500,
and the reason is logged. `/health` and `/metrics` are those of `rowpattern.endpoints`.
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import rowpattern
from rowpattern import endpoints
from rowpattern.cache_monitor import start_cache_monitoring
from rowpattern.production_config import get_config
from rowpattern.warming import load_at_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LARGEST_BODY = 1 << 20

# Settings come from the MR_ variables. gunicorn may fork after this: the monitor runs in each worker then.
get_config().setup_logging()
start_cache_monitoring()
load_at_start()

log = logging.getLogger("service")


class RequestError(Exception):
    """A request that cannot be answered, and why, in a line."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Answer a request by WSGI."""
    if environ.get("PATH_INFO") != "/count":
        return endpoints.wsgi(environ, start_response)
    headers = [("Content-Type", "application/json")]
    answer: dict[str, Any]
    try:
        if environ["REQUEST_METHOD"] != "POST":
            headers.append(("Allow", "POST"))
            raise RequestError("only POST", HTTPStatus.METHOD_NOT_ALLOWED)  # noqa: TRY301 - one way to refuse
        status, answer = HTTPStatus.OK, {"matches": count(read_body(environ))}
    except RequestError as error:
        status, answer = error.status, {"error": str(error)}
    except Exception:
        log.exception("a request could not be answered")
        status, answer = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "the service failed; its log says why"}
    body = json.dumps(answer).encode()
    start_response(f"{status.value} {status.phrase}", [*headers, ("Content-Length", str(len(body)))])
    return [body]


def read_body(environ: dict[str, Any]) -> bytes:
    """Read what was sent, whether its length was stated or it came in chunks."""
    stated = environ.get("CONTENT_LENGTH") or "0"
    if not stated.isdecimal():
        raise RequestError("Content-Length is not a number")
    least = min(int(stated), LARGEST_BODY + 1)
    # A server that ends the input where the request ends takes chunks, whose length nobody has stated.
    length = LARGEST_BODY + 1 if environ.get("wsgi.input_terminated") else least
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except Exception as error:
        # Chunks that are malformed; each server has error classes of its own for them.
        raise RequestError(f"the body cannot be read: {str(error).partition(chr(10))[0]}") from error
    if len(body) > LARGEST_BODY:
        raise RequestError(f"a request has at most {LARGEST_BODY} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if len(body) < least:
        raise RequestError(f"the body ends after {len(body)} bytes of {stated}")
    return body


def count(body: bytes) -> int:
    """Count the matches that a request asks for."""
    try:
        asked = json.loads(body)
    except RecursionError:
        raise RequestError("the body is nested too deeply") from None
    except ValueError as error:
        # Bytes that are no text, a text that is no JSON.
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(asked, dict) or not {"pattern", "rows"} <= asked.keys():
        raise RequestError('the body must be an object with "pattern" and "rows"')
    try:
        return rowpattern.compile(asked["pattern"]).count(asked["rows"])
    except rowpattern.ConfigurationError:
        # A setting of this service is wrong, not the request.
        raise
    except (rowpattern.RowPatternError, TypeError) as error:
        # They say what is wrong and, for patterns, where; the lines below show the place in the text.
        raise RequestError(str(error).partition("\n")[0]) from None
