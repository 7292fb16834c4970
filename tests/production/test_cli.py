"""The command `rowpattern`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

import rowpattern
from rowpattern import pattern_cache
from rowpattern.cli import main
from rowpattern.observe.metrics import prometheus

from servers import free_port

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rowpattern", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "A B+ (C | D)"]) == 0
    assert capsys.readouterr().out == "a row pattern of 4 variables: A, B, C, D\n"
    assert main(["check", "A"]) == main(["check", "()"]) == 0
    assert capsys.readouterr().out == "a row pattern of 1 variable: A\na row pattern of 0 variables\n"
    assert main(["check", "A (B"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[1:] == ["A (B", "  ^"]


def test_check_from_standard_input() -> None:
    assert run("check", "-", stdin="A\nB\n").returncode == 0
    result = run("check", "-", stdin="A\n+ ) B\n")
    assert result.returncode == 1
    assert "(line 2, column 3)" in result.stderr


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "A B+"]) == 0
    assert "2 positions" in capsys.readouterr().out


def test_bench(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--rows", "3000"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "compile, not cached",
        "compile, cached",
        "matches in 3,003 rows",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["check"],
        *(["bench", "--rows", rows] for rows in ("0", "-1", "many", "1" * 30)),
        *(["stats", "http://127.0.0.1:9/", "--watch", wait] for wait in ("0", "-1", "nan", "inf", "soon")),
    ],
)
def test_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: rowpattern")


def test_stats_of_a_running_process(capsys: pytest.CaptureFixture[str]) -> None:
    rowpattern.compile("A B")
    rowpattern.compile("A B")
    server, thread = prometheus.serve(0)
    url = f"http://127.0.0.1:{server.server_port}/metrics"
    try:
        assert main(["stats", url]) == 0
        shown = capsys.readouterr().out
        watch = subprocess.Popen(
            [sys.executable, "-m", "rowpattern", "stats", url, "--watch", "0.05"], stdout=subprocess.PIPE, text=True
        )
        assert watch.stdout is not None
        seen = 0
        for line in watch.stdout:
            seen += line.startswith("entries")
            if seen == 3:
                break
        watch.send_signal(signal.SIGINT)
        watch.stdout.close()
        assert watch.wait(10) in {130, 1}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    lines = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert lines["entries"] == "1 of 10,000"
    assert lines["efficiency"] == "50.0 % (1 hits, 1 misses)"
    assert lines["evicted"] == "0 (0 by size, 0 by memory, 0 by threshold)"
    assert lines["caching"] == "enabled"


def test_stats_of_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", f"http://127.0.0.1:{free_port()}/metrics"]) == 1
    assert "does not answer" in capsys.readouterr().err
    assert main(["stats", "file:///etc/passwd"]) == 1
    assert "begins with http://" in capsys.readouterr().err


class OtherPages(BaseHTTPRequestHandler):
    """What a URL may lead to that is no metrics page."""

    pages: ClassVar[dict[str, bytes]] = {
        "/health": b'{"status": "healthy", "reasons": []}',
        "/text": b"hello, world\n",
        "/bytes": b"\xff\xfe\x00",
        "/other": b"# TYPE requests gauge\nrequests 5\n",
        "/empty": b"",
    }

    def do_GET(self) -> None:
        if self.path == "/nonsense":
            self.wfile.write(b"no HTTP\r\n\r\n")
            return
        page = self.pages.get(self.path)
        self.send_response(200 if page is not None else 404)
        self.end_headers()
        self.wfile.write(page or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("path", [*OtherPages.pages, "/nonsense", "/none"])
def test_stats_of_other_pages_are_one_line(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with HTTPServer(("127.0.0.1", 0), OtherPages) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}{path}"
        assert main(["stats", url]) == 1
        thread.join()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(url)
    assert ("has no figures" if path in OtherPages.pages else "does not answer") in err


@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "http://here:port/", "http://a b/", "https://\u2100.example/"]
)
def test_stats_of_what_is_no_url(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", url]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"{url} does not answer: ")
    assert err.count("\n") == 1


def test_settings(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"performance": {"cache_ttl_seconds": 30}}')
    environment = {**os.environ, "MR_CACHE_SIZE_LIMIT": "70", "MR_CONFIG_FILE": "c.json"}
    command = [sys.executable, "-m", "rowpattern", "settings"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["cache_size_limit", "70", "environment", "MR_CACHE_SIZE_LIMIT"] in lines
    assert ["cache_ttl_seconds", "30", "file", "c.json"] in lines
    environment["MR_CACHE_SIZE_LIMIT"] = "many"
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)


def test_warm_writes_what_load_reads(tmp_path: Path) -> None:
    texts = tmp_path / "patterns.txt"
    texts.write_text("# two patterns\nA B\n\nA+ C?\n")
    result = run("warm", str(texts), "--output", str(tmp_path / "dump"))
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("2 patterns compiled in ")
    pattern_cache.clear_pattern_cache()
    assert pattern_cache.load(tmp_path / "dump") == 2
    assert {entry["pattern"] for entry in pattern_cache.cache_entries()} == {"A B", "A+ C?"}
    texts.write_bytes(b"A B\n\xff")
    result = run("warm", str(texts))
    assert (result.returncode, result.stderr) == (1, f"{texts}, line 2: this is not UTF-8; save the file as UTF-8\n")
    texts.write_text("A B\nA (\n")
    result = run("warm", str(texts))
    assert result.returncode == 1
    assert f"{texts}, line 2: " in result.stderr
    assert run("warm", str(tmp_path / "none")).returncode == 1


def test_compat_runs_a_script(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("value = 5\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, json, beside\nfrom src.utils.pattern_cache import get_cache_stats\n"
        "print(json.dumps([__name__, sys.argv[1:], beside.value, get_cache_stats()['size']]))\n"
        "if sys.argv[1:] == ['fail']: raise OSError('mine')\n"
    )
    result = run("compat", str(script), "one", "--two")
    assert json.loads(result.stdout) == ["__main__", ["one", "--two"], 5, 0]
    failed = run("compat", str(script), "fail")
    assert failed.returncode == 1
    assert "Traceback" in failed.stderr
    assert run("compat", str(tmp_path / "none.py")).returncode == 1


PRINT_WHERE = (
    "import json, os, sys; import src.monitoring.cache_monitor as m; "
    "from src.utils.pattern_cache import get_cache_stats; "
    "names = [m.__name__, sys.modules['__main__'].__name__]; "
    "print(json.dumps([__name__, sys.argv, *names, os.path.realpath(sys.path[0])]))"
)


@pytest.mark.parametrize("arguments", [[], ["one", "--two", "-c", "-m"]])
def test_compat_runs_what_python_runs(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text, a module and a script see what they see under `python` itself."""
    (tmp_path / "module.py").write_text(PRINT_WHERE.replace("; ", "\n"))
    monkeypatch.chdir(tmp_path)
    here, ours = os.path.realpath(tmp_path), "rowpattern.cache_monitor"
    for how, argument in (
        (["-c", PRINT_WHERE], "-c"),
        (["-m", "module"], str(tmp_path / "module.py")),
        (["module.py"], "module.py"),
    ):
        result = run("compat", *how, *arguments)
        assert result.returncode == 0, result.stderr
        name, argv, monitor, main_module, path = json.loads(result.stdout)
        assert (name, main_module, monitor, path) == ("__main__", "__main__", ours, here)
        assert [os.path.realpath(argv[0]), *argv[1:]] == [os.path.realpath(argument), *arguments]


def test_compat_and_the_mistakes_of_callers() -> None:
    for arguments in ([], ["-c"], ["-m"]):
        result = run("compat", *arguments)
        assert result.returncode == 2
        assert "a script, -c CODE or -m MODULE is needed" in result.stderr
    result = run("compat", "-c", "1 / 0")
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr
    assert run("compat", "-c", "raise SystemExit(7)").returncode == 7
    for arguments, message in (
        (["-m", "not.there"], "there is no module not.there\n"),
        (["-m", "json.not_there"], "there is no module json.not_there\n"),
        (["not_there.py"], "there is no script not_there.py\n"),
    ):
        result = run("compat", *arguments)
        assert (result.returncode, result.stderr) == (1, message)


def test_compat_runs_a_folder(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import beside, sys; print(beside.value, sys.argv[1:])")
    (tmp_path / "beside.py").write_text(
        "from src.utils.pattern_cache import get_cache_stats; value = 'size' in get_cache_stats()"
    )
    assert run("compat", str(tmp_path), "x").stdout == "True ['x']\n"


def test_nobody_reads_the_output() -> None:
    begun = time.monotonic()
    command = f"{sys.executable} -m rowpattern explain 'A{{1,2000}}' | head -1"
    result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in result.stderr
    assert time.monotonic() - begun < 60
