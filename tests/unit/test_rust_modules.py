"""The modules of the Rust crates: which may use which, no circles, and one meaning for each name."""

from __future__ import annotations

import re
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = next(parent for parent in Path(__file__).parents if (parent / "Cargo.toml").exists())
CRATES = [ROOT / "rust" / "core" / "src", ROOT / "rust" / "python" / "src"]

# A module of the core uses those before it. The cache is a library of its own.
LAYERS = [
    *("causes", "sync", "memory", "cancellation", "admission", "account", "budget", "threads"),
    *("pattern", "automaton", "rows", "order", "expression", "matcher", "backtrack", "incremental", "measures"),
    "pipeline",
]
USED_BY_CACHE = {"sync"}

Module = tuple[str, ...]


class Source(NamedTuple):
    """A file without comments, texts and tests, and its place among modules."""

    file: Path
    module: Module
    text: str


def sources(crate: Path) -> dict[Module, Source]:
    found = {}
    for file in sorted(crate.rglob("*.rs")):
        parts = file.relative_to(crate).with_suffix("").parts
        module: Module = parts[:-1] if parts[-1] in ("mod", "lib") else parts
        text = file.read_text("utf-8").split("#[cfg(test)]")[0]
        text = re.sub(r'//[^\n]*|"(?:[^"\\]|\\.)*"', "", text)
        found[module] = Source(file, module, text)
    return found


def used_paths(text: str) -> list[tuple[Module, bool]]:
    """The paths that a file names from `crate`, `super` or `self` on, and whether it offers them to others."""
    paths: list[tuple[Module, bool]] = []

    def expand(tree: str, before: Module, is_public: bool) -> None:
        depth, part = 0, ""
        for character in tree + ",":
            if character == "," and depth == 0:
                head, brace, rest = part.partition("{")
                names = tuple(name for name in head.split(" as ")[0].replace(" ", "").split("::") if name)
                if brace:
                    expand(rest.rpartition("}")[0], before + names, is_public)
                elif names:
                    paths.append((before + tuple(name for name in names if name != "self" or not before), is_public))
                part = ""
                continue
            depth += {"{": 1, "}": -1}.get(character, 0)
            part += character

    for public, tree in re.findall(r"^ *(pub(?:\([a-z]+\))? )?use ([^;]+);", text, re.MULTILINE):
        expand(" ".join(tree.split()), (), bool(public))
    body = re.sub(r"^ *(?:pub(?:\([a-z]+\))? )?use [^;]+;", "", text, flags=re.MULTILINE)
    paths += [(tuple(path.split("::")), False) for path in re.findall(r"\b(?:crate|super)(?:::\w+)+", body)]
    return paths


def absolute(path: Module, module: Module, known: dict[Module, Source]) -> Module | None:
    """A path from the crate on; None for what is in another crate."""
    if path[0] in ("crate", "$crate"):
        return path[1:]
    while path and path[0] == "super":
        module, path = module[:-1], path[1:]
        if not path or path[0] != "super":
            return module + path
    return module + path if module + path[:1] in known else None


def graph(crate: Path) -> dict[Module, set[Module]]:
    """Which modules each module uses. A name that a folder offers is of the file that has it."""
    known = sources(crate)
    offered: dict[Module, Module] = {}
    for source in known.values():
        for path, is_public in used_paths(source.text):
            target = absolute(path, source.module, known)
            if is_public and target:
                offered[(*source.module, target[-1])] = target

    def owner(path: Module) -> Module:
        for length in range(len(path), -1, -1):
            if path[:length] in offered and offered[path[:length]] != path:
                return owner(offered[path[:length]])
            if path[:length] in known:
                return path[:length]
        raise AssertionError(path)

    uses: dict[Module, set[Module]] = {}
    for source in known.values():
        targets = (absolute(path, source.module, known) for path, _ in used_paths(source.text))
        uses[source.module] = {owner(target) for target in targets if target is not None} - {source.module}
    return uses


@pytest.mark.parametrize("crate", CRATES, ids=lambda crate: crate.parent.name)
def test_no_circles(crate: Path) -> None:
    try:
        TopologicalSorter(graph(crate)).prepare()
    except CycleError as error:
        pytest.fail("these use each other: " + " <- ".join("::".join(module) or "lib" for module in error.args[1]))


def test_layers_of_the_core() -> None:
    uses = graph(CRATES[0])
    assert {module[0] for module in uses if module} == {*LAYERS, "cache"}
    for module, targets in uses.items():
        for target in targets:
            if not module or module[0] == target[0]:
                continue
            allowed = USED_BY_CACHE if module[0] == "cache" else set(LAYERS[: LAYERS.index(module[0])])
            assert target[0] in allowed, f"{'::'.join(module)} uses {'::'.join(target)}"


def test_the_test_sees_what_is_there() -> None:
    core, bindings = (graph(crate) for crate in CRATES)
    assert {("matcher", "tables"), ("automaton", "positions")} <= core[("matcher", "backward")]
    assert ("pattern", "tree") in core[("automaton", "nfa")]
    assert ("ffi", "capsules") in bindings[("matches",)] | bindings[("ffi",)]


def test_a_name_has_one_meaning() -> None:
    places = defaultdict(set)
    for crate in CRATES:
        for source in sources(crate).values():
            for name in re.findall(
                r"^(?:pub(?:\([a-z]+\))? )?(?:struct|enum|trait|type|union) (\w+)", source.text, re.MULTILINE
            ):
                places[name].add(source.file.relative_to(ROOT).as_posix())
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_unsafe_code_is_where_it_is_looked_for() -> None:
    files = {
        source.file.relative_to(ROOT).as_posix()
        for crate in CRATES
        for source in sources(crate).values()
        if re.search(r"\bunsafe\b(?!_code)", source.text)
    }
    core = {file for file in files if file.startswith("rust/core")}
    assert core == {"rust/core/src/memory.rs"}
    assert all(file.startswith("rust/python/src/ffi/") for file in files - core), files


def test_long_files_say_why() -> None:
    most = 450
    for crate in CRATES:
        for source in sources(crate).values():
            lines = source.file.read_text("utf-8").splitlines()
            opening = " ".join(line for line in lines[:40] if line.startswith("//!"))
            assert len(lines) <= most or "one file" in opening.lower(), f"{source.file}: {len(lines)} lines"
