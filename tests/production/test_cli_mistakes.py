"""What is wrong with the arguments and files of the command: one message, an exit code, and nothing half written."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import os
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rowpattern.cli import main
from rowpattern.whole_file import whole_file

ALL = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x ALL ROWS PER MATCH PATTERN (A))"
TABLE = pa.table({"x": [1, 2, 3], "y": [1.0, None, 3.0]})


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(TABLE, "t.parquet")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the message of a command that fails; nothing is printed and no file made or changed."""

    def files() -> dict[str, Any]:
        return {each.name: each.is_file() and each.read_bytes() for each in Path.cwd().iterdir()}

    before = files()
    assert main(list(arguments)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert files() == before
    assert "Traceback" not in err
    return err


def whole(name: str) -> bytes:
    return Path(name).read_bytes()


FILES = {
    "empty.csv": (b"", "the file empty.csv is empty"),
    "empty.parquet": (b"", "the file empty.parquet is empty"),
    "latin.csv": ("x,n\n1,M\u00fcller\n".encode("latin-1"), "latin.csv cannot be read as CSV: line 2: Invalid unicode"),
    "utf16.csv": ("x\n1\n".encode("utf-16"), "the file utf16.csv is UTF-16; save it as UTF-8"),
    "letters.csv": (bytes(range(256)) * 10, "the file letters.csv cannot be read as CSV: Error when sniffing"),
    "late.csv": (
        b"x\n" + b"1\n" * 30_000 + b"abc\n",
        'line 30002: Error when converting column "x". Could not convert',
    ),
    "wide.csv": (
        b"x,y\n" + b"1,2\n" * 30_000 + b"1,2,3\n",
        "line 30002: Expected Number of Columns: 2 Found: 3; each row",
    ),
    "cut.csv.gz": (gzip.compress(os.urandom(5000))[:-200], "the file cut.csv.gz cannot be read as CSV: "),
    "packed.parquet.gz": (gzip.compress(b"PAR1" + bytes(50)), "is Parquet packed by gzip; unpack it"),
    "packed.csv.bz2": (b"BZh91AY&SY", "is packed by bzip2; unpack it, or pack it by gzip"),
    "book.csv": (b"PK\x03\x04" + bytes(50), "is a zip file or a workbook of Excel"),
    "stream.arrows": (b"\xff\xff\xff\xff" + bytes(50), "is a stream of Arrow IPC; write it as a file"),
    "rows.orc": (b"ORC" + bytes(50), "is an ORC file; write it as Parquet"),
    "cut.arrow": (b"ARROW1\0\0" + bytes(50), "the file cut.arrow cannot be read: Not an Arrow file"),
    "cut.parquet": (b"PAR1" + bytes(50), "the file cut.parquet cannot be read: Parquet magic bytes not found"),
    "csv.parquet": (b"x\n1\n", "the file csv.parquet is no Parquet and no Arrow IPC file"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_none(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, message = FILES[name]
    Path(name).write_bytes(content)
    err = told(capsys, "query", ALL, name, "--output", "answer.csv")
    assert message in err
    assert name in err
    assert err.count("\n") == 1
    # With two clauses, files are read whole.
    twice = f"SELECT * FROM ({ALL}) MATCH_RECOGNIZE (ORDER BY x MEASURES count(*) AS n PATTERN (B+))"
    assert name in told(capsys, "query", twice, name)


def test_parquet_that_is_damaged_inside(capsys: pytest.CaptureFixture[str]) -> None:
    content = bytearray(whole("t.parquet"))
    content[20:60] = b"\xff" * 40
    Path("damaged.parquet").write_bytes(content)
    assert told(capsys, "query", ALL, "damaged.parquet").startswith("the file damaged.parquet cannot be read: ")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["none.csv"], "none.csv: No such file or directory"),
        (["t=none.csv"], "none.csv: No such file or directory"),
        (["*.parquet"], "*.parquet: No such file or directory"),
        ([""], "a FILE is an empty text"),
        (["t="], "t= has no file behind the mark"),
        (["-"], "- is no file here, as only the query may come from standard input"),
        (["."], ".: Is a directory"),
        (["pipe"], "pipe is a pipe or a device"),
        ([".parquet", "t.parquet"], "the file .parquet has nothing before its first dot"),
        (["t.parquet", "T.csv"], "the files t.parquet and T.csv are both called T; write NAME="),
    ],
)
def test_arguments_that_are_no_files(files: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo("pipe")
    for name in (".parquet", "T.csv"):
        Path(name).write_bytes(whole("t.parquet"))
    assert message in told(capsys, "query", ALL, *files)


@pytest.mark.parametrize("content", ["plain", "gzip", "zstd"])
def test_what_packs_a_file_is_told_by_its_bytes(content: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain = b"x\n7\n"
    packed = plain if content == "plain" else pa.compress(plain, codec=content, asbytes=True)
    packed = gzip.compress(plain) if content == "gzip" else packed
    for name in ("a.csv", "a.csv.gz", "a.csv.zst"):
        Path(name).write_bytes(packed)
        assert main(["query", ALL, name]) == 0
        assert capsys.readouterr().out == "x\n-\n7\n"


def test_names_of_files_are_any_names(capsys: pytest.CaptureFixture[str]) -> None:
    """Also those of arguments of the library, words of SQL, and signs that mean several files to DuckDB."""
    names = ["progress", "stream", "threads", "parameters", "cancel", "select", "data", "sql", "a b", "it's", 'q"t']
    names += ["m\u00fcller", "a*b", "[x]", "{x}", "a,b", "$x", "%s", "x;y"]
    for name in names:
        Path(f"{name}.parquet").write_bytes(whole("t.parquet"))
        table = '"' + name.replace('"', '""') + '"'
        query = f"SELECT count(*) AS n FROM {ALL[14:].replace('t MATCH', f'{table} MATCH')} JOIN t ON t.x = 1"
        assert main(["query", query, "t.parquet", f"{name}.parquet", "--format", "jsonl"]) == 0, name
        assert capsys.readouterr().out == '{"n": 3}\n'
    for name in ("progress", "parameters"):
        assert (
            main(["query", ALL.replace("t MATCH", f"{name} MATCH"), "t.parquet", f"{name}.parquet", "--explain"]) == 0
        )
    assert main(["query", ALL.replace("t MATCH", '"an y" MATCH'), "t.parquet", "an y=[x].parquet"]) == 0
    capsys.readouterr()
    for name in ("a*b", "a?b", "[x]", "it's"):
        Path(f"{name}.csv").write_text("x\n7\n")
        assert main(["query", ALL, f"{name}.csv"]) == 0
        assert capsys.readouterr().out == "x\n-\n7\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["t.parquet", "--output", "t.parquet"], "--output is t.parquet, which the query reads"),
        (["t.parquet", "--output", "link.parquet"], "--output is link.parquet, which the query reads"),
        (["t.parquet", "--output", "."], ". is a directory; --output takes the name of a file"),
        (["t.parquet", "--output", "answer"], "the name of answer does not say its format"),
        (["t.parquet", "--time-zone", "Berlin"], ""),
        (["t.parquet", "--threads", "100000"], "--threads is 100000; allowed is a whole number"),
        (["t.parquet", "--memory-mb", "1e-9"], "give --memory-mb or set MR_MAX_MEMORY_MB"),
        (["t.parquet", "--timeout", "1e-320"], "give --timeout or set MR_EXECUTION_TIMEOUT_SECONDS"),
    ],
)
def test_options_that_cannot_be(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("link.parquet").symlink_to("t.parquet")
    sql = ALL.replace("(A)", "(A) DEFINE A AS hour(to_timestamp(x)) >= 0") if "--time-zone" in arguments else ALL
    assert (message or "--time-zone is 'Berlin', which DuckDB does not know") in told(capsys, "query", sql, *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--explain", "--output", "a.csv"], "--explain gives no answer to write"),
        (["--explain", "--format", "json"], "--explain gives no answer to write"),
        (["--output", ""], "argument --output: must be the name of a file"),
        (["--rows", "0"], "argument --rows: must be a whole number"),
        (["--format", "CSV"], "argument --format: invalid choice: 'CSV'"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_options_that_are_not_understood(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["query", ALL, "t.parquet", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_texts_that_are_files_or_another_commands(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shapes.sql").write_text(ALL)
    Path("A").write_text("a variable may be called as a file is")
    assert "< shapes.sql" in told(capsys, "query", "shapes.sql", "t.parquet")
    assert "rowpattern check - < shapes.sql" in told(capsys, "check", "shapes.sql")
    assert main(["check", "A"]) == 0
    capsys.readouterr()
    assert "rowpattern query ... --explain" in told(capsys, "explain", ALL)
    assert "the command gives none: write the value itself" in told(
        capsys, "query", ALL.replace("(A)", "(A) DEFINE A AS x > $n"), "t.parquet"
    )
    Path("patterns").write_bytes(b"A+\n\xff\n")
    assert "patterns, line 2: this is not UTF-8" in told(capsys, "warm", "patterns")


def test_check_looks_into_windows_and_at_definitions(capsys: pytest.CaptureFixture[str]) -> None:
    window = "SELECT count(*) OVER w FROM t WINDOW w AS (ORDER BY x {} PATTERN (A B) DEFINE A AS x > 1)"
    window = window.format("ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING")
    assert main(["check", window]) == 0
    assert capsys.readouterr().out.startswith(
        "a query of 0 MATCH_RECOGNIZE clauses and 1 row pattern in windows over t"
    )
    assert "lower bound" in told(capsys, "check", window.replace("A B", "A B{3,1}"))
    assert "the pattern has no variable C" in told(capsys, "check", window.replace("DEFINE A", "DEFINE C"))
    assert "DEFINE defines A twice" in told(capsys, "check", window.replace("x > 1)", "x > 1, A AS x < 9)"))


def test_closed_streams(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdin", None)
        assert "standard input is closed" in told(capsys, "query", "-", "t.parquet")
        patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"SELECT '\xfc'"), encoding="utf-8"))
        assert "standard input is not UTF-8: byte 8 (from 0) is 0xfc" in told(capsys, "query", "-", "t.parquet")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", None)
        assert main(["query", ALL, "t.parquet"]) == 1
        assert main(["query", ALL, "t.parquet", "--output", "a.csv"]) == 0
    assert "standard output is closed; give a file by --output" in capsys.readouterr().err
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", None)
        assert main(["query", ALL, "none.parquet"]) == 1
        assert main(["query", ALL, "t.parquet", "--rows", "1"]) == 0
        sys.stderr.close()
    assert "none" not in capsys.readouterr().out


def test_a_file_is_whole_or_as_it_was() -> None:
    target = Path("target")
    target.write_text("before")
    Path("link").symlink_to(target)
    for broken in (ZeroDivisionError(), KeyboardInterrupt()):
        with pytest.raises(type(broken)), whole_file("link"):
            raise broken
    full = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="target") as caught, whole_file("target", synced=True):
        raise full
    assert (caught.value.errno, caught.value.filename) == (28, "target")
    assert target.read_text() == "before"
    with pytest.raises(FileNotFoundError, match="nowhere"), whole_file("nowhere/a"):
        pass
    with pytest.raises(IsADirectoryError), whole_file("."):
        pass
    os.mkfifo("pipe")
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(Path("pipe").read_text()))
    reader.start()
    # The pipe takes it, and is not replaced by a file.
    Path("patterns").write_text("A B+\n")
    assert main(["warm", "patterns", "--output", "pipe"]) == 0
    reader.join()
    assert '{"pattern": "A B+"}' in found[0]
    assert Path("pipe").is_fifo()
    assert sorted(each.name for each in Path().iterdir()) == ["link", "patterns", "pipe", "t.parquet", "target"]


def test_answers_that_a_format_does_not_have(capsys: pytest.CaptureFixture[str]) -> None:
    table = pa.table(
        {
            "x": [1, 2],
            "i": pa.array([(14, -2, 1_500_000_000), (-1, 0, -60 * 10**9)], pa.month_day_nano_interval()),
            "m": pa.array([[("k", float("nan"))], []], pa.map_(pa.string(), pa.float64())),
            "r": [{"d": Decimal("1.50"), "t": [dt.date(2026, 1, 2)]}, None],
        }
    )
    with pa.ipc.new_file("t.arrow", table.schema) as writer:
        writer.write_table(table)
    assert "Parquet has no type for the column i" in told(capsys, "query", ALL, "t.arrow", "--output", "a.parquet")
    for form in ("json", "jsonl"):
        message = told(capsys, "query", "SELECT x, x FROM" + ALL[13:], "t.arrow", "--format", form)
        assert (
            "the answer has two columns x, and an object of JSON one; give one another name, as in x AS other"
            in message
        )
    assert main(["query", ALL, "t.arrow", "--format", "json", "--output", "-"]) == 0
    first, second = json.loads(capsys.readouterr().out, parse_constant=lambda _: pytest.fail("JSON has no NaN"))
    assert (first["i"], second["i"]) == ("1 year 2 months -2 days 00:00:01.5", "-1 month -00:01:00")
    assert (first["m"], second["m"]) == ([["k", None]], [])
    assert main(["query", ALL, "t.arrow"]) == 0
    assert '{"d": "1.50", "t": ["2026-01-02"]}' in capsys.readouterr().out
