"""What is said where an optional package is missing works for how this package was installed."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from rowpattern import dependencies

from commands import run_python

if TYPE_CHECKING:
    from pathlib import Path

EXTRAS = ["sql", "dask", "spark", "prometheus", "cloudwatch", "opentelemetry", "plot", "examples"]


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_command_names_what_the_extra_needs(extra: str) -> None:
    python, _, pip, install, *named = shlex.split(dependencies.command_to_install(extra, "it"))
    assert (pip, install) == ("pip", "install")
    assert python in {"python", sys.executable}
    assert named
    for each in named:
        requirement = Requirement(each)
        # Not this package: no index need have it. What is named is installed here, where tests have all extras.
        assert requirement.name != "rowpattern"
        assert metadata.version(requirement.name) in requirement.specifier
        assert "extra" not in str(requirement.marker)


def test_extras_of_extras_and_other_markers(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "numpy>=1.26; extra == 'sql'",
        'duckdb<3,>=2; python_version >= "3.10" and extra == "sql"',
        "tomli>=2 ; (extra == 'sql') and python_version < '3.11'",
        "dask[dataframe]>=2025.1; extra == 'dask'",
        "rowpattern[sql]; extra == 'dask'",
        "always",
        "other; extra == 'sqlite'",
    ]
    monkeypatch.setattr(metadata, "requires", lambda _: lines)
    sql = ["numpy>=1.26", 'duckdb<3,>=2; python_version >= "3.10"', "tomli>=2; python_version < '3.11'"]
    assert shlex.split(dependencies.command_to_install("sql", "numpy"))[4:] == sql
    assert shlex.split(dependencies.command_to_install("dask", "dask"))[4:] == ["dask[dataframe]>=2025.1", *sql]


def test_without_metadata_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(_: str) -> None:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "requires", not_there)
    error = dependencies.missing(ModuleNotFoundError("no", name="duckdb.core"), "sql")
    assert str(error).startswith("duckdb is not installed; ")
    assert str(error).endswith(" -m pip install duckdb")
    assert error.name == "duckdb.core"


def test_the_python_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "_installer", lambda: "pip")
    monkeypatch.setattr(sys, "executable", "/an environment/bin/python3")
    for on_path, python in (
        ("/an environment/bin/python", "python"),
        ("/usr/bin/python", "'/an environment/bin/python3'"),
        (None, "'/an environment/bin/python3'"),
    ):
        monkeypatch.setattr(shutil, "which", lambda _, found=on_path: found)
        assert dependencies.command_to_install("sql", "duckdb").startswith(f"{python} -m pip install ")


def test_uv_s_environments_have_no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/environment/bin/python")
    monkeypatch.setattr(dependencies, "_installer", lambda: "uv")
    command = "uv pip install --python /environment/bin/python "
    assert dependencies.command_to_install("sql", "duckdb").startswith(command)
    monkeypatch.setattr(dependencies, "_installer", lambda: "maturin")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert dependencies.command_to_install("sql", "duckdb").startswith(command)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert dependencies.command_to_install("sql", "duckdb").startswith("/environment/bin/python -m pip install ")


@pytest.mark.parametrize(
    ("platform", "argument", "quoted"),
    [
        ("linux", "duckdb", "duckdb"),
        ("linux", 'duckdb<3; python_version >= "3.10"', "'duckdb<3; python_version >= \"3.10\"'"),
        ("win32", "C:\\Python\\python.exe", "C:\\Python\\python.exe"),
        ("win32", 'duckdb<3; python_version >= "3.10"', "\"duckdb<3; python_version >= '3.10'\""),
    ],
)
def test_what_the_shell_reads(platform: str, argument: str, quoted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert dependencies._quoted(argument) == quoted


BLOCKED = """
import sys
sys.modules[{module!r}] = None
{code}
"""


@pytest.mark.parametrize(
    ("module", "code", "extra"),
    [
        ("duckdb", "import rowpattern; rowpattern.match_recognize('SELECT 1')", "sql"),
        ("dask", "from rowpattern.dask import match_recognize; match_recognize('SELECT 1', None)", "dask"),
        ("pyspark", "from rowpattern.spark import match_recognize; match_recognize('SELECT 1', None)", "spark"),
        (
            "prometheus_client",
            "from rowpattern.cli import main; sys.exit(main(['stats', 'http://127.0.0.1:9/metrics']))",
            "prometheus",
        ),
        (
            "duckdb",
            "from rowpattern.cli import main; sys.exit(main(['query', 'SELECT 1', 't.csv']))",
            "sql",
        ),
        ("matplotlib", "import rowpattern; rowpattern.plot({'x': [1]}, x='x', y='x')", "plot"),
    ],
)
def test_each_way_to_meet_it(module: str, code: str, extra: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\n1\n")
    code = BLOCKED.format(module=module, code=code)
    result = run_python("-c", code, cwd=tmp_path)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert f"{module} is not installed; {dependencies.command_to_install(extra, module)}" in last
