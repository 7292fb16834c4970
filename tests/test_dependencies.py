"""What is said where an optional package is missing works for how this package was installed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from rowpattern import dependencies

if TYPE_CHECKING:
    from pathlib import Path

EXTRAS = ["sql", "dask", "spark", "prometheus", "cloudwatch", "opentelemetry", "examples"]


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_command_names_what_the_extra_needs(extra: str) -> None:
    python, _, pip, install, *named = shlex.split(dependencies.command_to_install(extra, "it"))
    assert (python, pip, install) == ("python", "pip", "install")
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
    assert str(error) == "duckdb is not installed; python -m pip install duckdb"
    assert error.name == "duckdb.core"


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
    ],
)
def test_each_way_to_meet_it(module: str, code: str, extra: str, tmp_path: Path) -> None:
    code = BLOCKED.format(module=module, code=code)
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert f"{module} is not installed; {dependencies.command_to_install(extra, module)}" in last
