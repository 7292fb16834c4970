"""The crates that the extension is built from: their licences, where they come from, and which of them come twice.

deny.toml says what is allowed; cargo-deny reads it too (`make deny`), where there is time to build it.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import tomllib

ROOT = Path(__file__).parents[2]
RULES: dict[str, Any] = tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))
ALLOWED = set(RULES["licenses"]["allow"])
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


@pytest.fixture(scope="module")
def crates() -> list[dict[str, Any]]:
    """Return every crate of Cargo.lock that is not of this repository."""
    command = ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    own = set(metadata["workspace_members"])
    return [package for package in metadata["packages"] if package["id"] not in own]


def is_allowed(expression: str) -> bool:
    """Decide an SPDX expression; in older crates `/` stands for OR."""
    terms = re.findall(r"\(|\)|\bAND\b|\bOR\b|[\w.+-]+(?: WITH [\w.+-]+)?", expression.replace("/", " OR "))
    written = [{"AND": "and", "OR": "or"}.get(term, term if term in "()" else str(term in ALLOWED)) for term in terms]
    return bool(eval(" ".join(written), {"__builtins__": {}}))  # noqa: S307 - True, False, and, or and parentheses only


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0", False),
        ("MIT OR GPL-3.0", True),
        ("MIT/GPL-3.0", True),
        ("(MIT OR Apache-2.0) AND GPL-3.0", False),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("Apache-2.0 WITH Classpath-exception-2.0", False),
    ],
)
def test_licences_are_read(expression: str, allowed: bool) -> None:
    assert is_allowed(expression) is allowed


def test_every_licence_is_allowed(crates: list[dict[str, Any]]) -> None:
    assert len(crates) > 10
    refused = {crate["name"]: crate["license"] for crate in crates if not is_allowed(crate["license"] or "none")}
    assert refused == {}


def test_every_crate_comes_from_crates_io(crates: list[dict[str, Any]]) -> None:
    assert {crate["source"] for crate in crates} == {CRATES_IO}


def test_crates_that_come_twice_have_a_reason(crates: list[dict[str, Any]]) -> None:
    versions: dict[str, set[str]] = defaultdict(set)
    for crate in crates:
        versions[crate["name"]].add(crate["version"])
    skipped = [skip["crate"].split("@") for skip in RULES["bans"]["skip"]]
    assert all(skip["reason"] for skip in RULES["bans"]["skip"])
    for name, wanted in skipped:
        found = {version for version in versions[name] if f"{version}.".startswith(f"{wanted}.")}
        assert found, f"deny.toml excuses {name}@{wanted}, which is not there any more"
        versions[name] -= found
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
