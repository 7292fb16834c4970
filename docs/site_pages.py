"""A hook of mkdocs: texts that stand beside the README are pages of the site too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
OUTSIDE = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    for name in OUTSIDE:
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Make links lead to where pages are on the site, and tables read as GitHub reads them."""
    return _tables(_links(markdown, page))


def _tables(markdown: str) -> str:
    """Take the backslash away before `|` in code of tables: GitHub needs it, and mkdocs would show it."""
    return re.sub(
        r"^\|.*$",
        lambda row: re.sub(r"`[^`]*`", lambda code: code[0].replace(r"\|", "|"), row[0]),
        markdown,
        flags=re.MULTILINE,
    )


def _links(markdown: str, page: Any) -> str:
    """Return a page's text with its links; those to files that are no pages become text."""
    name = page.file.src_uri
    here = ROOT if name in OUTSIDE else (ROOT / "docs" / name).parent

    def link(found: re.Match[str]) -> str:
        text, target = found[1], found[2]
        path, mark, anchor = target.partition("#")
        if not path or "://" in target:
            return found[0]
        resolved = (here / path).resolve()
        if resolved.parent == ROOT and resolved.name in OUTSIDE:
            up = "../" * name.count("/")
            return f"[{text}]({up}{resolved.name}{mark}{anchor})"
        if not resolved.is_relative_to(ROOT / "docs"):
            return text
        if name in OUTSIDE:
            return f"[{text}]({resolved.relative_to(ROOT / 'docs').as_posix()}{mark}{anchor})"
        return found[0]

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", link, markdown)
