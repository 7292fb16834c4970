"""What the cache says it holds, beside what the process has grown by; in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

FILL = """
import gc
import rowpattern
from rowpattern import pattern_cache

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

cache = pattern_cache.get_pattern_cache()
cache.resize(10**6, max_memory_mb=10**5)
texts = [f"A{{{number % 50 + 1}}} (B|C)+ D{{{number // 50 + 1}}} E?" for number in range(10_000)]
keys = [f"{number:064d}" for number in range(10_000)]
values = [object() for _ in keys]
rows = "AAAABBCD" * 200
rowpattern.compile("A /* first use */").count(rows)
gc.collect()
"""

# Objects of known sizes that the cache weighs itself, by following them.
WEIGHED = """
def build(number):
    return {"rows": [bytes(100 + number % 900), str(number) * 20], "table": [float(number + at) for at in range(20)]}
"""

MEASURE = """
before, said = resident(), pattern_cache.get_cache_stats()["memory_used_mb"] * 2**20
STEP
grown = resident() - before
print((pattern_cache.get_cache_stats()["memory_used_mb"] * 2**20 - said) / grown)
"""

STEPS = {
    "compiled": "for text in texts: rowpattern.compile(text)",
    "matched": "for text in texts: rowpattern.compile(text).count(rows)",
    "objects": "for key, value in zip(keys, values): cache.put(key, value, size_bytes=0)",
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("step", STEPS)
def test_weights_are_true(step: str) -> None:
    assert 0.8 < said_to_grown(MEASURE.replace("STEP", STEPS[step])) < 1.2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_python_objects_are_weighed_within_half() -> None:
    step = "for key, number in zip(keys, range(10_000)): pattern_cache.cache_pattern(key, build(number), None)"
    assert 0.5 < said_to_grown(WEIGHED + MEASURE.replace("STEP", step)) < 1.5


def said_to_grown(code: str) -> float:
    result = subprocess.run([sys.executable, "-c", FILL + code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return float(result.stdout)
