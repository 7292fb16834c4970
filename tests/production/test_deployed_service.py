"""The service of deploy/: what it answers, logs and survives, alone and with several workers."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from commands import run_python
from deploy_files import DEPLOY, MANIFESTS
from servers import free_port, get, get_json, prometheus_of, serve, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNKED = {"Transfer-Encoding": "chunked"}


def send(url: str, body: bytes, headers: dict[str, str] | None = None, method: str = "POST") -> tuple[int, Any]:
    """Send a body as it is; with `CHUNKED`, in chunks of 7 bytes."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    with contextlib.closing(connection):
        chunked = headers == CHUNKED
        data = (body[at : at + 7] for at in range(0, len(body), 7)) if chunked else body
        connection.request(method, parts.path, body=data, headers=headers or {}, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def post(url: str, data: object, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    return send(url, json.dumps(data).encode(), headers)


def container_command(port: int) -> list[str]:
    """The Dockerfile's own command and settings, on another port."""
    (command,) = re.findall(r"^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    return [sys.executable, "-m", *json.loads(command), f"--bind=127.0.0.1:{port}"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The base URL of the service, run as the container runs it, and its log."""
    port = free_port()
    base, log = f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("service") / "log"
    with serve(container_command(port), f"{base}/health", log, MANIFESTS[0]["data"], cwd=DEPLOY / "service"):
        yield base, log


def test_the_service_runs_as_the_container_runs_it(service: tuple[str, Path]) -> None:
    base, _ = service
    before = get_json(f"{base}/health")["statistics"]["hits"]
    assert post(f"{base}/count", {"pattern": "A+ B", "rows": "AABAB"}) == (200, {"matches": 2})
    assert post(f"{base}/count", {"pattern": "A+ B", "rows": "AB"}) == (200, {"matches": 1})
    status, answer = post(f"{base}/count", {"pattern": "A (B", "rows": "AB"})
    assert status == 400
    assert "(line 1, column 3)" in answer["error"]
    health = get_json(f"{base}/health")
    assert health["status"] == "healthy"
    assert health["monitor_running"]
    assert health["statistics"]["max_size"] == 1000
    assert health["statistics"]["hits"] == before + 1
    assert f"pattern_cache_hits {before + 1}.0" in get(f"{base}/metrics")[1]


def test_bodies_in_chunks(service: tuple[str, Path]) -> None:
    base, _ = service
    assert post(f"{base}/count", {"pattern": "A+ B", "rows": "AAB" * 100}, CHUNKED) == (200, {"matches": 100})
    assert send(f"{base}/count", b"x" * ((1 << 20) + 1), CHUNKED)[0] == 413
    assert send(f"{base}/count", b"x" * ((1 << 20) + 1))[0] == 413


MALFORMED = {
    "nothing": (b"", "the body is not JSON: "),
    "bare text": (b"hello", "the body is not JSON: "),
    "bytes that are no text": (b"\xff\xfe\xfd", "the body is not JSON: "),
    "deep nesting": (b"[" * 500_000, "the body is nested too deeply"),
    "deep nesting in rows": (b'{"pattern": "A", "rows": ' + b"[" * 500_000, "the body is nested too deeply"),
    "JSON text": (b'"hello"', 'the body must be an object with "pattern" and "rows"'),
    "a list": (b"[1, 2]", 'the body must be an object with "pattern" and "rows"'),
    "null": (b"null", 'the body must be an object with "pattern" and "rows"'),
    "no pattern": (b'{"rows": "AB"}', 'the body must be an object with "pattern" and "rows"'),
    "no rows": (b'{"pattern": "A"}', 'the body must be an object with "pattern" and "rows"'),
    "a number for a pattern": (b'{"pattern": 5, "rows": "AB"}', "a row pattern must be a str"),
    "a wrong pattern": (b'{"pattern": "A (", "rows": "AB"}', "expected a variable"),
    "a large pattern": (b'{"pattern": "' + b"(A" * 1000 + b'", "rows": "AB"}', ""),
    "a surrogate": (b'{"pattern": "\\ud800", "rows": "AB"}', "a lone surrogate is not a character"),
    "a surrogate in rows": (b'{"pattern": "A", "rows": "\\ud800"}', "labels must be valid Unicode"),
    "a number for rows": (b'{"pattern": "A", "rows": 5}', "rows must be a mapping of variables"),
    "no number for rows": (b'{"pattern": "A", "rows": NaN}', "rows must be a mapping of variables"),
    "rows of numbers": (b'{"pattern": "A", "rows": {"A": [1]}}', "row 0 of A is 1"),
    "an unknown variable": (b'{"pattern": "A", "rows": {"B": [true]}}', "the row pattern has no primary variable"),
}


@pytest.mark.parametrize("headers", [None, CHUNKED], ids=["with its length", "in chunks"])
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests_are_answered_in_a_line(
    name: str, headers: dict[str, str] | None, service: tuple[str, Path]
) -> None:
    base, log = service
    body, message = MALFORMED[name]
    status, answer = send(f"{base}/count", body, headers)
    assert status == 400
    assert answer["error"].startswith(message)
    assert "\n" not in answer["error"]
    assert len(answer["error"]) < 300
    assert "Traceback" not in log.read_text()


WHOLE = b'{"pattern": "A", "rows": "A"}'


# What follows the method, the path and the host; then the client sends no more.
BROKEN = {
    "no size of a chunk": (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + WHOLE, "the body cannot be read: "),
    "a chunk that ends early": (b"Transfer-Encoding: chunked\r\n\r\n1d\r\n" + WHOLE[:9], "the body cannot be read: "),
    "no end of a chunk": (
        b"Transfer-Encoding: chunked\r\n\r\n1d\r\n" + WHOLE + b"xx0\r\n",
        "the body cannot be read: ",
    ),
    "a body that ends early": (b"Content-Length: 29\r\n\r\n" + WHOLE[:9], "the body ends after 9 bytes of 29"),
    "a whole object that ends early": (b"Content-Length: 900\r\n\r\n" + WHOLE, "the body ends after 29 bytes of 900"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_bodies_that_are_not_sent_as_http_asks(name: str, service: tuple[str, Path]) -> None:
    base, log = service
    rest, message = BROKEN[name]
    parts = urllib.parse.urlsplit(base)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=10) as connection:
        connection.sendall(b"POST /count HTTP/1.1\r\nHost: here\r\n" + rest)
        connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        error = json.loads(answer.read())["error"]
    assert answer.status == 400
    assert error.startswith(message)
    assert "\n" not in error
    assert "Traceback" not in log.read_text()


def test_other_methods(service: tuple[str, Path]) -> None:
    base, _ = service
    assert send(f"{base}/count", b"", method="GET") == (405, {"error": "only POST"})


def test_the_service_logs_what_happens(tmp_path: Path) -> None:
    """By default, to standard error; where and how much is set by `MR_LOG_FILE` and `MR_LOG_LEVEL`."""

    def log_of(**environment: str) -> str:
        port, log = free_port(), tmp_path / "log"
        base = f"http://127.0.0.1:{port}"
        environment = {"MR_CACHE_CLEAR_THRESHOLD_MB": "0", "MR_CACHE_MONITORING_INTERVAL_SECONDS": "0.1", **environment}
        with serve(container_command(port), f"{base}/health", log, environment, cwd=DEPLOY / "service"):
            assert post(f"{base}/count", {"pattern": "A+ B", "rows": "AB"})[0] == 200
            wait_for(lambda: get_json(f"{base}/health")["statistics"]["size"] == 0)
        return log.read_text()

    text = log_of(MR_WARM_FILE=str(tmp_path / "none"), MR_CACHE_SIZE_LIMITT="5")
    lines = [line for line in text.splitlines() if " - rowpattern" in line]
    for piece in (
        "rowpattern.cache_monitor - INFO - cache monitor started, every 0.1 s",
        " MB, more than the threshold of 0 MB",
        "rowpattern.cache_monitor - INFO - 1 entry left the cache, by threshold",
        "rowpattern.warming - WARNING - the process starts without the patterns of ",
    ):
        assert len([line for line in lines if piece in line]) == 1, text
    assert "MR_CACHE_SIZE_LIMITT is not a setting; the nearest is MR_CACHE_SIZE_LIMIT" in text
    assert "Traceback" not in text
    assert "rowpattern" not in log_of(MR_LOG_LEVEL="ERROR")
    log_of(MR_LOG_FILE=str(tmp_path / "file"))
    assert "cache monitor started" in (tmp_path / "file").read_text()


def test_a_warm_file_that_is_strict(tmp_path: Path) -> None:
    (tmp_path / "damaged").write_text("rubbish\n")
    environment = {**os.environ, "MR_WARM_FILE": str(tmp_path / "damaged"), "MR_WARM_STRICT": "true"}
    result = run_python("-c", "import service", cwd=DEPLOY / "service", env=environment)
    assert result.returncode == 1
    assert "DumpError" in result.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_read_only_root(tmp_path: Path) -> None:
    """As `readOnlyRootFilesystem` has it: nothing can be written but below /tmp."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    mounts = "mount --make-rprivate / && mount --bind /tmp /tmp && mount -o remount,bind,ro /"
    script = f'{mounts} && ! touch /root/written && cd "$0" && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, str(DEPLOY / "service"), *container_command(port)]
    log = tmp_path / "log"
    with serve(command, f"{base}/health", log, {"HOME": "/root"}):
        assert post(f"{base}/count", {"pattern": "A+ B", "rows": "AABAB"}) == (200, {"matches": 2})
    complaints = [line for line in log.read_text().splitlines() if "rror" in line or "Read-only" in line]
    assert [line for line in complaints if "/root/written" not in line] == []


def several_workers(folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    arguments = ["gunicorn", "--config=several_workers.conf.py", f"--bind=127.0.0.1:{port}", "service:application"]
    return [sys.executable, "-m", *arguments], {"WORKERS_FOLDER": str(folder)}


def workers_seen(base: str) -> set[int]:
    page = get(f"{base}/metrics")[1]
    return {int(number) for number in re.findall(r'^pattern_cache_size{worker="(\d+)"}', page, re.MULTILINE)}


def test_one_page_has_the_figures_of_all_workers(tmp_path: Path) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command, environment = several_workers(tmp_path / "workers", port)
    with serve(command, f"{base}/health", tmp_path / "log", environment, cwd=DEPLOY / "service"):
        wait_for(lambda: len(workers_seen(base)) == 2)
        asked: set[int] = set()

        def both_asked() -> bool:
            assert post(f"{base}/count", {"pattern": "A+ B", "rows": "AABAB"}) == (200, {"matches": 2})
            asked.add(get_json(f"{base}/health")["process"])
            return len(asked) == 2

        wait_for(both_asked)
        assert workers_seen(base) == asked
        page = get(f"{base}/metrics")[1]
        families = {family.name: family for family in text_string_to_metric_families(page)}
        # Each figure stands once for each worker, counters and histograms too.
        for name in ("pattern_cache_hits", "rowpattern_cache_hits", "rowpattern_cache_bytes"):
            assert {int(sample.labels["worker"]) for sample in families[name].samples} == asked
        counts = [s for s in families["rowpattern_compile_seconds"].samples if s.name.endswith("_count")]
        assert {int(sample.labels["worker"]) for sample in counts} == asked
        assert families["rowpattern_workers"].samples[0].value == 2
    assert list((tmp_path / "workers").iterdir()) == []


def test_workers_of_a_server_that_was_killed_are_forgotten(tmp_path: Path) -> None:
    port = free_port()
    base, folder = f"http://127.0.0.1:{port}", tmp_path / "workers"
    command, environment = several_workers(folder, port)
    with serve(command, f"{base}/health", tmp_path / "log", environment, cwd=DEPLOY / "service") as parent:
        wait_for(lambda: len(workers_seen(base)) == 2)
        old = workers_seen(base)
        for process in (parent.pid, *old):
            os.kill(process, signal.SIGKILL)
        parent.wait(10)
    assert len(list(folder.glob("*.json"))) == 2
    (folder / "half.7.part").write_text("{")
    (folder / "other.json").write_text("rubbish")
    with serve(command, f"{base}/health", tmp_path / "log", environment, cwd=DEPLOY / "service"):
        wait_for(lambda: len(workers_seen(base)) == 2)
        assert not workers_seen(base) & old
        assert len(list(folder.iterdir())) == 2


def test_prometheus_scrapes_two_workers_of_which_one_is_killed(tmp_path: Path) -> None:
    port, own = free_port(), free_port()
    base, server = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{own}"
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 200ms}\n"
        f'scrape_configs: [{{job_name: rowpattern, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]\n'
    )
    prometheus, ask = prometheus_of(tmp_path, own)

    def workers() -> set[int]:
        return {int(each["metric"]["worker"]) for each in ask("pattern_cache_size")}

    command, environment = several_workers(tmp_path / "workers", port)
    with (
        serve(command, f"{base}/health", tmp_path / "log", environment, cwd=DEPLOY / "service"),
        serve(prometheus, f"{server}/-/ready", tmp_path / "prometheus.log"),
    ):
        wait_for(lambda: len(workers()) == 2)
        before = workers()
        for _ in range(20):
            assert post(f"{base}/count", {"pattern": "A+ B", "rows": "AABAB"}) == (200, {"matches": 2})
        # There is no sum where a scrape has failed, as before the first one of a worker.
        asked = "sum(rowpattern_cache_hits_total + rowpattern_cache_misses_total)"
        wait_for(lambda: [float(each["value"][1]) for each in ask(asked)] == [20])
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        # gunicorn starts another in its place; the dead one's series end.
        wait_for(lambda: len(workers()) == 2 and killed not in workers())
        assert len(workers() & before) == 1
        assert ask("up")[0]["value"][1] == "1"
        assert ask("rowpattern_workers")[0]["value"][1] == "2"
        assert min(float(each["value"][1]) for each in ask("rate(rowpattern_cache_hits_total[1m])")) >= 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.parametrize("settings", ["gunicorn.conf.py", "several_workers.conf.py"])
def test_workers_that_are_forked_after_the_import_answer_queries_over_polars(settings: str) -> None:
    """`preload_app` is safe as the files set it: nothing has asked Polars or DuckDB for anything before the fork."""
    pytest.importorskip("polars")
    code = """
    import os, runpy, sys
    assert runpy.run_path(sys.argv[1])["preload_app"]
    import service
    assert not {"polars", "duckdb"} & set(sys.modules)
    child = os.fork()
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    import polars
    import rowpattern
    rows = polars.DataFrame({"price": [3.0, 2.0, 1.0]})
    sql = "SELECT * FROM t MATCH_RECOGNIZE (MEASURES count(*) AS n PATTERN (A+) DEFINE A AS price < PREV(price))"
    assert rowpattern.match_recognize(sql, rows).to_dicts() == [{"n": 2}]
    os._exit(0)
    """
    folder = DEPLOY / "service"
    asked = [sys.executable, "-c", textwrap.dedent(code), settings]
    result = subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
