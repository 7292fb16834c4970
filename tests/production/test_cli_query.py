"""`rowpattern query` and `rowpattern check` over files."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from rowpattern.cli import main
from rowpattern.cli.query import _ProgressBar
from rowpattern.sql.runtime.context import Progress

if TYPE_CHECKING:
    from pathlib import Path

PRICES = pa.table(
    {
        "symbol": ["a"] * 5 + ["b"] * 3,
        "day": [1, 2, 3, 4, 5, 1, 2, 3],
        "price": [9.0, 8.0, 7.5, 8.5, 9.5, 5.0, 4.0, 6.0],
    }
)
SHAPES = """
    SELECT * FROM prices MATCH_RECOGNIZE (PARTITION BY symbol ORDER BY day
        MEASURES LAST(DOWN.price) AS lowest, LAST(UP.day) AS ended
        PATTERN (DOWN+ UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))"""
EXPECTED = [{"symbol": "a", "lowest": 7.5, "ended": 5}, {"symbol": "b", "lowest": 4.0, "ended": 3}]
TABLE = "symbol  lowest  ended\n------  ------  -----\na          7.5      5\nb          4.0      3\n"


@pytest.fixture(params=["csv", "csv.gz", "parquet", "arrow"])
def prices(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Write the prices in a format."""
    path = tmp_path / f"prices.{request.param}"
    if request.param == "parquet":
        pq.write_table(PRICES, path)
    elif request.param == "arrow":
        with pa.ipc.new_file(path, PRICES.schema) as writer:
            writer.write_table(PRICES)
    else:
        with pa.CompressedOutputStream(path, "gzip") if request.param.endswith("gz") else path.open("wb") as file:
            pyarrow.csv.write_csv(PRICES, file)
    return path


@pytest.fixture
def parquet(tmp_path: Path) -> str:
    pq.write_table(PRICES, tmp_path / "prices.parquet")
    return str(tmp_path / "prices.parquet")


def test_a_table_on_the_terminal(prices: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", SHAPES, str(prices)]) == 0
    assert capsys.readouterr() == (TABLE, "")


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    readers: dict[str, Any] = {
        ".csv": lambda: pyarrow.csv.read_csv(path).to_pylist(),
        ".json": lambda: json.loads(path.read_text()),
        ".parquet": lambda: pq.read_table(path).to_pylist(),
        ".arrow": lambda: pa.ipc.open_file(path).read_all().to_pylist(),
    }
    found: list[dict[str, Any]] = readers[path.suffix]()
    return found


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "parquet", "arrow"])
def test_a_file_of_each_format(form: str, parquet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / f"shapes.{form}"
    assert main(["query", SHAPES, parquet, "--output", str(output)]) == 0
    assert read(output) == EXPECTED
    assert capsys.readouterr() == ("", f"2 rows written to {output}\n")
    nothing = SHAPES.replace("DOWN+", "DOWN{9}")
    assert main(["query", nothing, parquet, "--output", str(output)]) == 0
    assert read(output) == []
    # The name says nothing where the format is given.
    assert main(["query", SHAPES, parquet, "--format", form, "--output", str(tmp_path / "shapes")]) == 0
    assert (tmp_path / "shapes").read_bytes()[:4] != b""


def test_formats_on_standard_output(parquet: str) -> None:
    def run(form: str) -> bytes:
        command = [sys.executable, "-m", "rowpattern", "query", SHAPES, parquet, "--format", form]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout

    assert json.loads(run("json")) == EXPECTED
    assert list(csv.DictReader(io.StringIO(run("csv").decode())))[1] == {"symbol": "b", "lowest": "4", "ended": "3"}
    assert pq.read_table(io.BytesIO(run("parquet"))).to_pylist() == EXPECTED


TYPES = pa.table(
    {
        "x": pa.array([1]),
        "list": pa.array([[1, 2]]),
        "row": pa.array([{"a": 1.5, "b": float("nan")}]),
        "time": pa.array([0], pa.timestamp("us", "UTC")),
        "money": pa.array([Decimal("1.50")], pa.decimal128(9, 2)),
        "text": pa.array(["a\x1b[31m,\nb"]),
        "category": pa.array(["c"]).dictionary_encode(),
        "bytes": pa.array([b"\0\xff"]),
        "nothing": pa.array([None], pa.int32()),
    }
)
ALL = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x ALL ROWS PER MATCH PATTERN (A))"


def test_values_of_all_types(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "t.arrow"
    with pa.ipc.new_file(source, TYPES.schema) as writer:
        writer.write_table(TYPES)
    assert main(["query", ALL, str(source)]) == 0
    shown = capsys.readouterr().out
    # Nothing that a terminal would act on.
    assert "\x1b" not in shown
    assert "a\\x1b[31m,\\nb" in shown
    assert "NULL" in shown
    assert main(["query", ALL, str(source), "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["list"], row["row"], row["money"], row["nothing"]) == ([1, 2], {"a": 1.5, "b": None}, "1.50", None)
    assert main(["query", ALL, str(source), "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["list"], row["text"], row["category"], row["nothing"]) == ("[1, 2]", "a\x1b[31m,\nb", "c", "")
    assert row["bytes"] == "00ff"
    assert main(["query", ALL, str(source), "--output", str(tmp_path / "t.parquet")]) == 0
    assert pq.read_table(tmp_path / "t.parquet")["list"].to_pylist() == [[1, 2]]


FAR = pa.table(
    {
        "x": pa.array([1, 2, 3, 4]),
        "day": pa.array([2_932_897, -735_160, 2**31 - 1, -(2**31 - 1)], pa.int32()).cast(pa.date32()),
        "moment": pa.array([253_402_300_800_000_001, 0, 2**63 - 1, -62_135_596_800_000_001]).cast(pa.timestamp("us")),
        "zoned": pa.array([253_402_297_200, 0, None, 0]).cast(pa.timestamp("s", "Europe/Berlin")),
        "fine": pa.array([1, 10**9, None, 2**62]).cast(pa.timestamp("ns")),
        "days": pa.array([[2_932_897], None, [], [0]], pa.list_(pa.int32())).cast(pa.list_(pa.date32())),
        "row": pa.array([{"d": 2_932_897}] * 4, pa.struct({"d": pa.int32()})).cast(pa.struct({"d": pa.date32()})),
    }
)


def written_by_duckdb(column: str) -> list[str]:
    relation = duckdb.from_arrow(FAR).project(f"{column}::VARCHAR")
    return [text for (text,) in relation.fetchall()]


def test_dates_beyond_those_of_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are texts, as DuckDB writes them."""
    source = tmp_path / "t.arrow"
    with pa.ipc.new_file(source, FAR.schema) as writer:
        writer.write_table(FAR)
    assert main(["query", ALL, str(source), "--format", "jsonl"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["day"] for row in rows] == written_by_duckdb("day")
    assert [row["day"] for row in rows] == ["10000-01-01", "0044-03-15 (BC)", "infinity", "-infinity"]
    assert [row["moment"] for row in rows] == written_by_duckdb("moment")
    begun = "1970-01-01 01:00:00+01:00"
    assert [row["zoned"] for row in rows] == ["10000-01-01 00:00:00+01:00", begun, None, begun]
    assert rows[0]["fine"].startswith("1970-01-01 00:00:00.000000001")
    assert (rows[0]["days"], rows[1]["days"], rows[3]["days"]) == (["10000-01-01"], None, ["1970-01-01"])
    assert rows[2]["row"] == {"d": "10000-01-01"}
    assert main(["query", ALL, str(source)]) == 0
    assert "0044-03-15 (BC)" in capsys.readouterr().out


def test_several_files(tmp_path: Path, parquet: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "names.2026.csv").write_text("id,name\na,Alpha\nb,Beta\n")
    sql = f"SELECT name, ended FROM ({SHAPES}) JOIN names ON id = symbol ORDER BY name"
    assert main(["query", sql, parquet, str(tmp_path / "names.2026.csv")]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == ["Alpha      5", "Beta       3"]
    other = sql.replace("names", "n")
    assert main(["query", other, parquet, f"n={tmp_path / 'names.2026.csv'}", "--format", "jsonl"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0]) == {"name": "Alpha", "ended": 5}
    assert main(["query", sql, parquet, parquet]) == 1
    assert "are both called prices; write NAME=" in capsys.readouterr().err


def test_several_clauses_and_none(parquet: str, capsys: pytest.CaptureFixture[str]) -> None:
    twice = f"SELECT * FROM ({SHAPES}) MATCH_RECOGNIZE (ORDER BY symbol MEASURES count(*) AS n PATTERN (A+))"
    assert main(["query", twice, parquet]) == 0
    assert capsys.readouterr().out == "n\n-\n2\n"
    assert main(["query", "SELECT count(*) AS n FROM prices", parquet]) == 0
    assert capsys.readouterr().out == "n\n-\n8\n"


def test_few_rows_of_many(parquet: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", SHAPES, parquet, "--rows", "1"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[2:] == ["a          7.5      5", "the first 1 row; --rows shows more, other formats have all"]


def test_explain_reads_no_row(prices: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", SHAPES, str(prices), "--explain"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("explained by the columns of the files; no row was read\n")
    assert "PARTITION BY symbol" in out


def test_what_is_wrong_is_said_in_the_querys_text(
    parquet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, text = tmp_path / "shapes.csv", tmp_path / "prices.csv"
    pyarrow.csv.write_csv(PRICES, text)
    assert main(["query", SHAPES, str(text), "--memory-mb", "inf", "--format", "csv"]) == 0
    capsys.readouterr()
    assert main(["query", SHAPES.replace("LAST(DOWN.price)", "LAST(DOWN.cost)"), parquet, "--output", str(output)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "there is no column cost" in err
    assert err.splitlines()[-1].strip() == "^"
    assert not output.exists()
    for arguments, message in (
        ([str(tmp_path / "none.csv")], "none.csv: No such file or directory"),
        ([str(tmp_path)], "Is a directory"),
        ([parquet, "--output", str(tmp_path / "x.bin")], "does not say its format"),
        ([parquet, "--output", str(tmp_path / "none" / "x.csv")], f"{tmp_path / 'none'}: No such file or directory\n"),
    ):
        assert main(["query", SHAPES, *arguments]) == 1
        assert message in capsys.readouterr().err
    for option, value in (("--timeout", "0"), ("--timeout", "soon"), ("--memory-mb", "-1"), ("--threads", "two")):
        with pytest.raises(SystemExit) as caught:
            main(["query", SHAPES, parquet, option, value])
        assert caught.value.code == 2
        err = capsys.readouterr().err
        assert f"argument {option}: must be a " in err
        assert err.endswith(f", not {value}\n")
    (tmp_path / "x.bin").write_bytes(b"nothing")
    assert main(["query", SHAPES, str(tmp_path / "x.bin")]) == 1
    assert "is no Parquet and no Arrow IPC file" in capsys.readouterr().err
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1" + b"\0" * 50)
    assert main(["query", SHAPES, str(tmp_path / "damaged.parquet")]) == 1
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    "sql",
    ["SELECT * FROM read_csv('{other}')", "SELECT * FROM '{other}'", "SELECT * FROM prices JOIN '{other}' ON true",
     "COPY prices TO '{other}'", "ATTACH '{other}'"],
)  # fmt: skip
def test_a_query_reads_the_files_given_and_no_others(
    sql: str, parquet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("secret\n1\n")
    assert main(["query", sql.format(other=other), parquet]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err
    assert other.read_text() == "secret\n1\n"


def test_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": range(300_000)}), path)
    clause = "ORDER BY x MEASURES count(*) AS n PATTERN ((A | B)* C) DEFINE C AS sum(x) < 0"
    sql = f"SELECT * FROM t MATCH_RECOGNIZE ({clause})"
    assert main(["query", sql, str(path), "--timeout", "0.2"]) == 1
    assert "0.2" in capsys.readouterr().err


def test_check_of_a_query(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", SHAPES]) == 0
    assert capsys.readouterr().out == "a query of 1 MATCH_RECOGNIZE clause over prices\n"
    assert main(["check", SHAPES.replace("UP+)", "UP+")]) == 1
    assert main(["check", SHAPES.replace("DOWN+ UP+", "DOWN{3,1}")]) == 1
    err = capsys.readouterr().err
    assert "the lower bound of this quantifier is above its upper bound" in err
    assert err.splitlines()[-1].strip() == "^"
    # What a query over a table would say, as far as no column is needed for it.
    for wrong in (SHAPES.replace("DOWN+ UP+", "DWN+ UP+"), SHAPES.replace("DOWN+ UP+)", "UP+) SUBSET U = (UP)")):
        assert main(["check", wrong]) == 1
        err = capsys.readouterr().err
        assert err.startswith("the pattern has no variable DOWN; ")
        assert err.splitlines()[-1].strip() == "^"
    # It is a row pattern of three variables too.
    assert main(["check", "SELECT * FROM t"]) == 0
    assert capsys.readouterr().out == "a query of 0 MATCH_RECOGNIZE clauses over t\n"


def test_the_progress_bar() -> None:
    bar = _ProgressBar([100, 100])
    bar.note(Progress("read", 50, 3.0, done=False, size_bytes=1))
    assert bar.line(3.0) == "[#######-----------------------]  25%  50 rows read, 3 s"
    # Of a file of unknown length the rows are known when it was read.
    bar = _ProgressBar([100, None])
    bar.note(Progress("read", 5000, 3.0, done=False, size_bytes=1))
    assert bar.line(3.0) == "5,000 rows read, 3 s"
    bar.note(Progress("sort", 6000, 3.0, done=True, size_bytes=1))
    for _ in range(2):
        bar.note(Progress("conditions", 1500, 4.0, done=True))
        bar.note(Progress("match", 1500, 4.0, done=True))
    assert bar.line(4.0) == "[###############---------------]  50%  3,000 rows matched, 4 s"


def test_progress_is_drawn_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rowpattern.cli.query._BEFORE_BAR_SECONDS", 0)
    monkeypatch.setattr("rowpattern.cli.query._BETWEEN_SECONDS", 0)
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": range(1000)}), path)
    assert main(["query", ALL, str(path), "--progress", "--output", str(tmp_path / "answer.csv")]) == 0
    lines = shown.getvalue().split("\r")
    assert any("100%  1,000 rows matched" in line for line in lines)
    assert lines[-1].startswith("\x1b[K1,000 rows written")


COMMANDS = ("query", "check", "explain", "bench", "stats", "warm", "settings", "compat")


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_has_examples(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "example" in out
    assert "  rowpattern " in out


def test_what_a_link_names_is_written_and_nothing_beside_it(parquet: str, tmp_path: Path) -> None:
    target, beside = tmp_path / "target.csv", tmp_path / "link.csv.unfinished"
    beside.write_text("mine")
    target.write_text("before")
    target.chmod(0o600)
    (tmp_path / "link.csv").symlink_to(target)
    assert main(["query", SHAPES, parquet, "--output", str(tmp_path / "link.csv")]) == 0
    assert read(target) == EXPECTED
    assert (tmp_path / "link.csv").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    assert beside.read_text() == "mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(
        ["link.csv", "link.csv.unfinished", "prices.parquet", "target.csv"]
    )
