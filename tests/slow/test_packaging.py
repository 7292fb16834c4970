"""Distributions build and install: an sdist, a wheel from it alone, in fresh environments, without dependencies."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import rowpattern

from commands import output_of

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
# What is tested does not depend on how much the compiler optimises this package. The dependencies are
# those of the profile, which CI has compiled already.
QUICK = (
    "--config-settings",
    "build-args=--profile demo "
    + " ".join(f"--config profile.demo.package.rowpattern-{crate}.opt-level=0" for crate in ("core", "python")),
)


def run(*command: str, cwd: Path) -> str:
    # The project's own target directory spares building the dependencies again.
    return output_of(*command, cwd=cwd, CARGO_TARGET_DIR=str(ROOT / "target"))


def oldest_python() -> str | None:
    """Return a Python 3.9, where there is one."""
    candidates = [shutil.which("python3.9"), *map(str, Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9"))]
    # A shim of pyenv can be on the path and lead to nothing.
    working = (each for each in candidates if each and subprocess.run([each, "-c", ""], check=False).returncode == 0)
    return next(working, None)


def made(kind: str, work: Path) -> Path:
    (path,) = work.glob(kind)
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a wheel of what is compiled for these tests, for this Python."""
    work, profile = tmp_path_factory.mktemp("wheel"), os.environ.get("BUILD_PROFILE", "release")
    options = ("--quiet", "--profile", profile, "--interpreter", sys.executable, "--out", str(work))
    run(sys.executable, "-m", "maturin", "build", *options, cwd=ROOT)
    return made("rowpattern-*.whl", work)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "maturin", "sdist", "--out", str(work), cwd=ROOT)
    return made("rowpattern-*.tar.gz", work)


@pytest.fixture(scope="module")
def wheel_of_sdist(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel from the sdist alone, for the oldest Python that is here."""
    work = tmp_path_factory.mktemp("wheel_of_sdist")
    python = oldest_python() or sys.executable
    run(python, "-m", "pip", "wheel", "-q", *QUICK, "--no-deps", "--wheel-dir", str(work), str(sdist), cwd=work)
    return made("rowpattern-*.whl", work)


def names_in(wheel: Path) -> set[str]:
    """Return the files of a wheel; the extension without the name of its Python."""
    with zipfile.ZipFile(wheel) as archive:
        return {re.sub(r"(_core)\.[^/]*\.(so|pyd)$", r"\1.so", name) for name in archive.namelist()}


def test_what_the_sdist_holds(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames() if "/" in name]
    assert {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "Cargo.toml",
        "rust/core/Cargo.toml",
        "rust/python/Cargo.toml",
    } <= set(names)


def test_the_sdist_s_wheel_is_that_of_the_work_tree(wheel: Path, wheel_of_sdist: Path) -> None:
    def files(path: Path) -> set[str]:
        return {name for name in names_in(path) if not name.endswith((".pyc", ".sbom.json", ".cyclonedx.json"))}

    assert files(wheel_of_sdist) == files(wheel)


def test_what_the_wheel_holds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = [archive.read(name).decode() for name in names if name.endswith("/METADATA")]
    assert {"rowpattern/py.typed", "rowpattern/_core.pyi", "rowpattern/__init__.py"} <= names
    assert any(name.startswith("rowpattern/_core.") and name.endswith((".so", ".pyd")) for name in names)
    assert "Requires-Python: >=3.9" in metadata
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert f"Version: {version}" in metadata.splitlines()
    assert version == rowpattern.__version__
    # Nothing but what users can install is an extra.
    extras = set(re.findall(r"^Provides-Extra: (\S+)$", metadata, re.MULTILINE))
    assert extras == {"examples", "sql", "dask", "spark", "prometheus", "cloudwatch", "opentelemetry", "plot"}
    # Optional dependencies are extras, all of them.
    requirements = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert all("extra ==" in line for line in requirements)


def test_an_index_takes_them(wheel: Path, sdist: Path) -> None:
    said = run(sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist), cwd=ROOT)
    assert said.count("PASSED") == 2


def test_the_readme_s_first_query_runs_after_make_demo(wheel: Path, tmp_path: Path) -> None:
    """With the extras that `make demo` installs, and nothing else."""
    extras = ",".join(re.findall(r'extras\["(\w+)"\]', (ROOT / "Makefile").read_text()))
    assert "sql" in extras
    run(sys.executable, "-m", "venv", str(tmp_path / "demo"), cwd=tmp_path)
    python = str(tmp_path / "demo" / "bin" / "python")
    run(python, "-m", "pip", "install", "-q", "--no-compile", f"{wheel}[{extras}]", cwd=tmp_path)
    code, printed = re.findall(
        r"```python\n(.*?match_recognize.*?)```\s*prints\s*```text\n(.*?)```",
        (ROOT / "README.md").read_text(),
        re.DOTALL,
    )[0]
    assert run(python, "-c", code, cwd=tmp_path) == printed


def test_the_wheel_works_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", str(tmp_path / "fresh"), cwd=tmp_path)
    python = tmp_path / "fresh" / "bin" / "python"
    run(str(python), "-m", "pip", "install", "--no-index", str(wheel), cwd=tmp_path)
    assert run(str(python), str(ROOT / "tests" / "helpers" / "wheel_use.py"), cwd=tmp_path).endswith(
        f"{rowpattern.__version__}\n"
    )


def test_the_oldest_python(wheel_of_sdist: Path, tmp_path: Path) -> None:
    """Use the package under Python 3.9, where there is one."""
    python = oldest_python()
    if python is None:
        pytest.skip("no python3.9 on this machine")
    run(python, "-m", "venv", str(tmp_path / "old"), cwd=tmp_path)
    old = str(tmp_path / "old" / "bin" / "python")
    run(old, "-m", "pip", "install", "-q", "--no-index", str(wheel_of_sdist), cwd=tmp_path)
    code = (
        "import rowpattern, rowpattern.production_config as c, rowpattern.pattern_cache as p;"
        "c.MatchRecognizeConfig.from_env(); p.cache_pattern('k', 1, 2); import pickle;"
        "m = pickle.loads(pickle.dumps(rowpattern.compile('A+ B'))).match({'B': [False, True]});"
        "print(memoryview(m.end).tolist(), m.rows.classifier.to_list(), p.get_cached_pattern('k'))"
    )
    assert run(old, "-c", code, cwd=tmp_path) == "[2] ['A', 'B'] (1, 2, 0.0)\n"
