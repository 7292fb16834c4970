#!/usr/bin/env bash
# What the stable ABI costs a cache hit: builds the same source twice and times both, in turn, in one run.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q 'maturin>=1.9,<2'
for build in abi3 own; do
    features=python
    [ "$build" = abi3 ] && features=python,pyo3/abi3-py311
    "$work/venv/bin/maturin" build --release -q --features "$features" -o "$work/$build" -i "$work/venv/bin/python"
done
for _ in 1 2 3; do
    for build in abi3 own; do
        "$work/venv/bin/pip" install -q --force-reinstall "$work/$build"/*.whl
        "$work/venv/bin/python" - "$build" <<'PYTHON'
import sys
import timeit

import rowpattern
from rowpattern import pattern_cache

key = pattern_cache.get_cache_key("A B+")
pattern_cache.cache_pattern(key, 1, 2)
rowpattern.compile("A B+")
for name, hit in {
    "compile": lambda: rowpattern.compile("A B+"),
    "get_cached_pattern": lambda: pattern_cache.get_cached_pattern(key),
}.items():
    seconds = min(timeit.repeat(hit, number=200_000, repeat=9)) / 200_000
    print(f"{sys.argv[1]:<5} {name:<20} {seconds * 1e9:6.1f} ns")
PYTHON
    done
done
