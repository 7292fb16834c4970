"""Pages of the documentation as programs: their Python snippets, and what pages say that these print.

    python tests/helpers/documents.py docs/recipes/*.md

runs pages, writes what they print into them, and keeps the pictures that they draw beside them.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

__all__ = ["PICTURES", "Snippet", "picture_size", "printed_by", "snippets"]

#: Files that pages draw.
PICTURES = (".png", ".svg")

_SNIPPET = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\s*prints\s*```text\n(?P<printed>.*?)^```\n)?", re.DOTALL | re.MULTILINE
)


class Snippet(NamedTuple):
    """A snippet, and what the page says that it prints; None where it says nothing."""

    code: str
    printed: str | None


def snippets(page: str) -> list[Snippet]:
    """Return the Python snippets of a page, in order."""
    return [Snippet(found["code"], found["printed"]) for found in _SNIPPET.finditer(page)]


def printed_by(code: str, name: str, names: dict[str, Any]) -> str:
    """Run a snippet, which sees the names that those before it on the page have made, and return what it prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, name, "exec"), names)  # noqa: S102 - our own text
    return output.getvalue()


def picture_size(picture: Path) -> tuple[float, float]:
    """Return the width and the height of a picture."""
    if picture.suffix == ".png":
        head = picture.read_bytes()[:24]
        if not head.startswith(b"\x89PNG"):
            raise ValueError(f"{picture} is no PNG")
        width, height = struct.unpack(">II", head[16:])
        return width, height
    root = ET.fromstring(picture.read_text(encoding="utf-8"))  # noqa: S314 - our own
    return float(root.get("width", "")), float(root.get("height", ""))


def _write(path: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}

    def written(found: re.Match[str]) -> str:
        printed = printed_by(found["code"], str(path), names)
        lines = "\n".join(line.rstrip() for line in printed.splitlines())
        block = f"\nprints\n\n```text\n{lines}\n```\n" if printed else ""
        return f"```python\n{found['code']}```\n{block}"

    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            path.write_text(_SNIPPET.sub(written, path.read_text(encoding="utf-8")), encoding="utf-8")
        finally:
            os.chdir(here)
        for picture in sorted(Path(folder).iterdir()):
            if picture.suffix in PICTURES:
                shutil.copy(picture, path.parent)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(argument)
        _write(Path(argument).resolve())
