"""What the core does without any other package, for a wheel that was just installed: run it by that Python."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import threading

import rowpattern
from rowpattern import pattern_cache
from rowpattern.production_config import describe

TEXTS = [f"A{{{number}}} B" for number in range(1, 200)]


def compile_and_match() -> None:
    for text in TEXTS:
        assert rowpattern.compile(text).count("A" * 200 + "B") == 1


pattern = pickle.loads(pickle.dumps(rowpattern.compile("A+ B")))  # noqa: S301 - made here
assert [match.labels for match in pattern.find_iter("AAB")] == [("A", "A", "B")]
assert memoryview(pattern.match({"B": [False, True]}).end).tolist() == [2]

# Each text is compiled once, whichever thread comes first; no look-up is lost.
threads = [threading.Thread(target=compile_and_match) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
statistics = pattern_cache.get_cache_stats()
assert statistics["size"] == statistics["insertions"] == len(TEXTS) + 1, statistics
assert statistics["hits"] + statistics["misses"] == 8 * len(TEXTS) + 2, statistics

assert describe()["cache_size_limit"].value == 10_000
subprocess.run([sys.executable, "-m", "rowpattern", "check", "A B"], check=True)
try:
    rowpattern.match_recognize("SELECT 1")
except rowpattern.MissingDependencyError as error:
    assert re.search("is not installed; .+ -m pip install ", str(error)), error
else:
    raise AssertionError("a fresh environment has no package for SQL")
if hasattr(sys, "_is_gil_enabled"):
    print("interpreter lock:", sys._is_gil_enabled())
print(rowpattern.__version__)
