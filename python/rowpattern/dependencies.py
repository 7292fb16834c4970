"""What to say where an optional package is not installed."""

from __future__ import annotations

import re
from importlib import metadata

from rowpattern.errors import MissingDependencyError

__all__ = ["command_to_install", "missing"]

_EXTRA = re.compile(r"""\s*(?:\band\s+)?\(?extra\s*==\s*['"]([^'"]+)['"]\)?\s*""")


def missing(error: ImportError, extra: str) -> MissingDependencyError:
    """Return the error that says what is not installed, and a command that installs it."""
    name = (error.name or "a package").partition(".")[0]
    return MissingDependencyError(f"{name} is not installed; {command_to_install(extra, name)}", name=error.name)


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
    return f"python -m pip install {' '.join(repr(each) for each in needed) or name}"


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
