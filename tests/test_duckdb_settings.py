"""DuckDB as this package sets it up, given hostile SQL that no check of ours has seen: the settings alone refuse it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from rowpattern.errors import QueryError
from rowpattern.sql.duckdb.connection import database, spilling_database
from rowpattern.sql.runtime.context import ExecutionContext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rowpattern.sql.duckdb.connection import Database

# A replacement scan would find it by its name.
secret = pa.table({"x": [42]})


@pytest.fixture(params=["in memory", "spilling"])
def connection(request: pytest.FixtureRequest) -> Iterator[Database]:
    make = database if request.param == "in memory" else spilling_database
    with make(ExecutionContext(memory_mb=200, seconds=30)) as made:
        yield made


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_blob('{file}')",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
        "SELECT * FROM '{file}'",
        "COPY (SELECT 1) TO '{folder}/copied.csv'",
        "EXPORT DATABASE '{folder}/exported'",
        "ATTACH '{folder}/attached.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM secret",
        "SET enable_external_access = true",
        "SET threads = 64",
        "SET memory_limit = '64GB'",
        "SET TimeZone = 'Europe/Berlin'",
        "SET lock_configuration = false",
        "PRAGMA temp_directory='{folder}'",
        "SET temp_directory = '{folder}'",
        "CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    ],
)
def test_settings_refuse_what_a_check_would_have_missed(connection: Database, sql: str, tmp_path: Path) -> None:
    file = tmp_path / "kept.csv"
    file.write_text("x\n1\n")
    with pytest.raises(QueryError):
        connection.query(sql.format(file=file, folder=tmp_path))
    assert os.listdir(tmp_path) == ["kept.csv"]  # noqa: PTH208 - names are what is compared


def test_what_is_registered_is_answered(connection: Database) -> None:
    connection.register("t", pa.table({"x": [1, 2]}))
    assert connection.query("SELECT sum(x)::BIGINT AS s FROM t").to_pylist() == [{"s": 3}]
