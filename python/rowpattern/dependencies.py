"""What to say where an optional package is not installed."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import sys
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from rowpattern.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["command_to_install", "missing", "packages_of"]

_EXTRA = re.compile(r"""\s*(?:\band\s+)?\(?extra\s*==\s*['"]([^'"]+)['"]\)?\s*""")


def missing(error: ImportError, extra: str) -> MissingDependencyError:
    """Return the error that says what is not installed, and a command that installs it."""
    name = (error.name or "a package").partition(".")[0]
    return MissingDependencyError(f"{name} is not installed; {command_to_install(extra, name)}", name=error.name)


@contextmanager
def packages_of(extra: str) -> Iterator[None]:
    """Raise the error of `missing` where a `with` block imports a package of others that is not installed.

    >>> with packages_of("dask"):
    ...     import none_such
    Traceback (most recent call last):
        ...
    rowpattern.errors.MissingDependencyError: none_such is not installed; ...
    """
    try:
        yield
    except ImportError as error:
        if error.name is None or error.name.startswith("rowpattern"):
            raise
        raise missing(error, extra) from error


def command_to_install(extra: str, name: str) -> str:
    """Return the command that installs what an extra needs, however this package was installed.

    It names what is needed, as the installed package's own metadata does: an index need not have this package, and the
    folder that it was built from need not be there any more.

    Args:
        extra: the extra, as `"sql"`.
        name: the package that is missing, for where there is no metadata (the package's folder on the path).
    """
    try:
        needed = _requirements(extra, metadata.requires("rowpattern") or [])
    except metadata.PackageNotFoundError:
        needed = []
    return f"{_install()} {' '.join(map(_quoted, needed)) or name}"


def _install() -> str:
    """Return the command that installs into this environment: by uv where uv installs here, since it brings no pip."""
    here = Path(sys.executable)
    if _installer() == "uv" or (importlib.util.find_spec("pip") is None and shutil.which("uv")):
        return f"uv pip install --python {_quoted(str(here))}"
    on_path = shutil.which("python")
    # What is called python may be of another environment, or not be there.
    python = "python" if on_path and Path(on_path).parent == here.parent else _quoted(str(here))
    return f"{python} -m pip install"


def _quoted(argument: str) -> str:
    """Return an argument as the system's shell reads it."""
    if sys.platform != "win32":
        return shlex.quote(argument)
    return '"' + argument.replace('"', "'") + '"' if re.search(r"[^\w.:\\/-]", argument) else argument


def _installer() -> str:
    """Return what installed this package, as its metadata say."""
    try:
        return (metadata.distribution("rowpattern").read_text("INSTALLER") or "").strip()
    except metadata.PackageNotFoundError:
        return ""


def _requirements(extra: str, lines: list[str]) -> list[str]:
    """Return what an extra needs, with what the extras need that it names."""
    found: dict[str, None] = {}
    for line in lines:
        requirement, _, marker = line.partition(";")
        stated = _EXTRA.search(marker)
        if stated is None or stated[1] != extra:
            continue
        own = re.fullmatch(r"rowpattern\s*\[(.+)\]\s*", requirement)
        if own is not None:
            for other in own[1].split(","):
                found.update(dict.fromkeys(_requirements(other.strip(), lines)))
            continue
        # What is left of the marker, as the version of Python, is for pip to judge.
        rest = re.sub(r"^\s*and\s+", "", _EXTRA.sub(" ", marker).strip())
        found[f"{requirement.strip()}; {rest}" if rest else requirement.strip()] = None
    return list(found)
