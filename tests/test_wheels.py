"""Every wheel that `make wheels` builds: checked as an index would, installed and run where its Python is.

Building takes minutes, so this runs when it is asked for: `make test-wheels`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheels

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
TAGS = ["cp39-cp39", "cp310-cp310", "cp311-cp311", "cp312-cp312", "cp313-cp313", "cp314-cp314", "cp314-cp314t"]

USE = ROOT / "tests" / "wheel_use.py"


def run(*command: str, cwd: Path = ROOT) -> str:
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def tool(name: str) -> str:
    """One of the commands that group `wheels` installs, beside this Python."""
    return str(Path(sys.executable).with_name(name))


def version() -> str:
    (found,) = re.findall(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    return str(found)


@pytest.fixture(params=TAGS)
def wheel(request: pytest.FixtureRequest) -> Path:
    (found,) = DIST.glob(f"rowpattern-{version()}-{request.param}-*.whl")
    return found


def test_there_is_one_for_each_python() -> None:
    assert len(list(DIST.glob("*.whl"))) == len(TAGS)
    assert (DIST / f"rowpattern-{version()}.tar.gz").exists()


def test_an_index_takes_them() -> None:
    said = run(tool("twine"), "check", "--strict", *map(str, [*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")]))
    assert said.count("PASSED") == len(TAGS) + 1


def test_it_runs_on_old_systems(wheel: Path) -> None:
    said = " ".join(run(tool("auditwheel"), "show", str(wheel)).split())
    assert 'is consistent with the following platform tag: "manylinux_2_17_x86_64"' in said
    assert "manylinux2014_x86_64" in wheel.name


def test_what_it_holds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = [archive.read(name).decode() for name in names if name.endswith("/METADATA")]
    assert {"rowpattern/py.typed", "rowpattern/_core.pyi", "rowpattern/__init__.py"} <= names
    assert len([name for name in names if name.endswith(".so")]) == 1
    assert f"Version: {version()}" in metadata.splitlines()
    assert wheel.stat().st_size < 4 << 20


def test_the_sdist_holds_what_it_is_built_from() -> None:
    with tarfile.open(DIST / f"rowpattern-{version()}.tar.gz") as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"LICENSE", "README.md", "pyproject.toml", "Cargo.toml", "Cargo.lock", "rust/core/Cargo.toml", "rust/python/Cargo.toml"} <= names
    assert not [name for name in names if name.endswith(".so") or "target/" in name]


def interpreter(tag: str) -> str | None:
    """A Python that takes wheels with the tag, if one is installed and works."""
    abi = tag.split("-")[1]
    name = f"python3.{abi.removeprefix('cp3')}"
    wanted = f"import sysconfig; print(sysconfig.get_config_var('SOABI').startswith('cpython-{abi[2:]}-'))"
    known = [shutil.which(name), *map(str, sorted(Path.home().glob(f".pyenv/versions/*/bin/{name}")))]
    for each in filter(None, known):
        # A shim of pyenv can be on the path and lead to nothing.
        result = subprocess.run([each, "-c", wanted], capture_output=True, text=True, check=False)
        if result.returncode == 0 and result.stdout.strip() == "True":
            return each
    return None


def test_it_is_installed_and_runs(wheel: Path, tmp_path: Path) -> None:
    tag = "-".join(wheel.name.split("-")[2:4])
    python = interpreter(tag)
    if python is None:
        pytest.skip(f"no Python for {tag} on this machine")
    run(python, "-m", "venv", str(tmp_path / "fresh"))
    fresh = str(tmp_path / "fresh" / "bin" / "python")
    run(fresh, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-index", str(wheel))
    said = run(fresh, "-W", "error", str(USE), cwd=tmp_path)
    assert said.splitlines()[-1] == version()
