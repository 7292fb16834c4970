"""What the cache says it holds, beside what the process has grown by; in a process of its own."""

from __future__ import annotations

import platform
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import pattern_cache
from rowpattern.cache.weighing import weigh

from commands import run_python

FILL = """
import gc
import rowpattern
from rowpattern import pattern_cache

def resident():
    # Pages of files come and go as the system likes, and its quick counts are behind by some pages a core.
    with open("/proc/self/smaps_rollup") as smaps:
        return next(int(line.split()[1]) * 1024 for line in smaps if line.startswith("Anonymous:"))

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
    "found objects": """
for key, value in zip(keys, values): cache.put(key, value, size_bytes=0)
for key in keys: cache.get(key)
""",
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("step", STEPS)
def test_weights_are_true(step: str) -> None:
    assert 0.8 < said_to_grown(MEASURE.replace("STEP", STEPS[step])) < 1.2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_entry_that_was_never_found_weighs_no_less_than_it_takes() -> None:
    # It takes less: the table has it when it is found.
    assert 0.9 < said_to_grown(MEASURE.replace("STEP", STEPS["found objects"].splitlines()[1])) < 3


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_python_objects_are_weighed_within_half() -> None:
    step = "for key, number in zip(keys, range(10_000)): pattern_cache.cache_pattern(key, build(number), None)"
    assert 0.5 < said_to_grown(WEIGHED + MEASURE.replace("STEP", step)) < 1.5


# What is put in is twice the limit at least, when it is weighed as it should be. What the process grows by beside the
# weights, seen here: up to 10 MB of holes between patterns, whose sizes differ, and in Python's own arenas; and one
# value that has just left, whose memory malloc keeps (8 MB of numpy's and Polars').
LIMITED = """
import ctypes
import numpy as np
import pyarrow

class Model:
    def __init__(self):
        self.room = ctypes.create_string_buffer(4_000_000)
        ctypes.memset(self.room, 1, 4_000_000)
    def __rowpattern_bytes__(self):
        return 4_000_000

class Plain:
    def __init__(self, number):
        self.text, self.numbers = str(number) * 1000, list(range(1000 * number, 1000 * number + 1000))

PREPARE
pattern_cache.resize_cache(10**6, max_memory_mb=50)
cache.put("first use", build(0))
pattern_cache.clear_pattern_cache()
gc.collect()
before = resident()
for number in range(TIMES):
    cache.put(str(number), build(number))
    # What Arrow's pool keeps of values that left is no value's weight.
    pyarrow.default_memory_pool().release_unused()
gc.collect()
print((resident() - before) / 2**20, pattern_cache.get_cache_stats()["memory_used_mb"])
"""

# A kind of value: how many there are, and how one is built.
KINDS = {
    "numpy views": (60, "build = lambda number: np.ones(10**6)[:10]"),
    "numpy arrays of objects": (
        150,
        "build = lambda number: np.array([str(number + at) * 9 for at in range(9000)], object)",
    ),
    "slices of Arrow tables": (
        60,
        """
import pyarrow as pa

def build(number):
    return pa.table({"a": np.ones(200_000), "b": ["text"] * 200_000}).slice(5, 9)
""",
    ),
    "Polars frames": (
        40,
        """
import polars as pl

def build(number):
    return pl.DataFrame({"a": np.ones(500_000), "b": ["x"] * 500_000})
""",
    ),
    "Polars series": (60, "import polars as pl; build = lambda number: pl.Series('a', np.ones(500_000)) + number"),
    "pandas frames": (
        80,
        """
import pandas as pd

def build(number):
    return pd.DataFrame({"a": np.ones(200_000), "b": np.ones(200_000), "c": ["text"] * 200_000}).iloc[5:9]
""",
    ),
    "bytes in containers": (
        1200,
        "build = lambda number: {'rows': [bytes(50_000), bytearray(50_000)], 'name': str(number)}",
    ),
    "slices of memoryviews": (100, "build = lambda number: memoryview(b'x' * 2_000_000)[:10]"),
    "plain objects": (3000, "build = Plain"),
    "objects that say what they weigh": (40, "build = lambda number: Model()"),
    "patterns": (
        14_000,
        """
from types import SimpleNamespace

def build(number):
    return rowpattern.compile(f"A{{{number % 50 + 1}}} (B|C)+ D{{{number // 50 + 1}}}")

cache = SimpleNamespace(put=lambda key, pattern: pattern.count(rows))
""",
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_the_process_stays_near_the_limit(kind: str) -> None:
    times, build = KINDS[kind]
    grown, said = run(LIMITED.replace("PREPARE", build).replace("TIMES", str(times)))
    assert grown < 1.5 * 50
    # The limit is met, and not because everything weighs too much.
    assert 30 < said <= 50
    assert grown > 0.5 * said


def test_weights_by_kind() -> None:
    def block(weight: int, size: int) -> bool:
        return size <= weight < size + 2000

    array = np.ones(100_000)
    assert block(weigh(array), 800_000)
    assert block(weigh(array[5:9]), 800_000)
    assert block(weigh([array, array[:5], array.reshape(10, -1), memoryview(array.data)]), 800_000)
    table = pa.table({"x": array, "y": pa.array(["a", "b"] * 500).dictionary_encode().take(pa.array([0] * 100_000))})
    whole = weigh(table)
    assert 1_200_000 < whole < 1_300_000
    assert weigh(table.slice(10, 3)) == whole
    assert weigh([table, table.column("x"), table.slice(5)]) < whole + 10_000
    # The table's column is the array's memory.
    assert weigh([pa.array(array), array]) < 810_000
    # All columns of a message that was read are parts of one buffer.
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    read = pa.ipc.open_stream(sink.getvalue()).read_all()
    assert sink.getvalue().size <= weigh(read.select(["x"])) < sink.getvalue().size + 5000
    frame = pd.DataFrame({"a": array, "b": array})
    assert 1_600_000 <= weigh(frame) < 1_700_000
    assert 1_600_000 <= weigh(frame["a"]) < 1_700_000
    assert weigh([frame, frame[["a"]], frame["b"]]) < 3_300_000
    assert block(weigh(pl.Series("x", array)), 800_000)
    assert 900_000 < weigh(pl.Series("x", [array[:5].tolist()] * 20_000)) < 1_200_000
    assert block(weigh(pl.Series("x", ["text" * 9] * 10_000)), 10_000 * (36 + 16))
    assert block(weigh(pl.Series("x", [{"t": ["text" * 9]}] * 10_000)), 10_000 * (36 + 16 + 8))
    assert block(weigh(bytes(10**6)), 10**6)
    assert block(weigh((1, 2.5, None, True, "x" * 1000, b"y" * 1000)), 2_200)
    assert weigh(10**5000) > 2000
    pattern = rowpattern.compile("A B+")
    assert weigh(pattern) == pattern.memory_bytes
    assert block(weigh([pattern, pattern]), pattern.memory_bytes)
    enclosed = bytes(10**6)
    assert block(weigh(lambda: enclosed), 10**6)
    assert weigh(weigh) < 2000
    objects = np.array([str(number) * 50 for number in range(50_000)], dtype=object)
    assert weigh(objects[:3]) == pytest.approx(50_000 * (49 + 240 + 8), rel=0.1)


def test_objects_say_what_they_weigh() -> None:
    class Says:
        def __init__(self, size: Any) -> None:
            self.size, self.large = size, bytes(10**6)

        def __rowpattern_bytes__(self) -> Any:
            return self.size

    assert weigh(Says(5)) == 5
    assert 10 <= weigh([Says(5), Says(5)]) < 500
    with pytest.raises(TypeError, match=r"Says.__rowpattern_bytes__\(\) returned 1.5; it must be an int"):
        weigh(Says(1.5))
    with pytest.raises(ValueError, match="it must be at least 0"):
        weigh(Says(-1))
    assert pattern_cache.cache_pattern("k", Says(-1), None) is False
    assert pattern_cache.cache_pattern("k", Says(3 * 2**20), None) is True
    assert pattern_cache.get_cache_stats()["memory_used_mb"] == pytest.approx(3, rel=0.01)


# Many small allocations, with one in a hundred of them alive behind the others.
GIVEN_BACK = """
texts = [f"A{{{number % 50 + 1}}} (B|C)+ D{{{number // 50 + 1}}} E?" for number in range(12_000)]
before = resident()
for text in texts:
    rowpattern.compile(text).count(rows)
full = resident() - before
FREE
print(full / 2**20, (resident() - before) / 2**20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked to give memory back")
@pytest.mark.parametrize(
    "free",
    ["pattern_cache.clear_pattern_cache()", "cache.shed(1)", "cache.resize(100)", "cache.resize(max_memory_mb=1)"],
)
def test_what_was_freed_goes_back_to_the_system(free: str) -> None:
    full, left = run(GIVEN_BACK.replace("FREE", free))
    assert full > 60
    assert left < 0.25 * full


def said_to_grown(code: str) -> float:
    (ratio,) = run(code)
    return ratio


def run(code: str) -> list[float]:
    result = run_python("-c", FILL + code)
    assert result.returncode == 0, result.stderr
    return [float(figure) for figure in result.stdout.split()]
