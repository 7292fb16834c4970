"""pandas-match-recognize 0.2.5, unmodified, running on our cache: in an environment of its own, with older pandas."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import rowpattern

from commands import output_of

pytestmark = pytest.mark.packaging

SCRIPT = '''
import json, sys, time
sys.argv[1] == "before" and __import__("src.executor.match_recognize")
if sys.argv[1] != "command":
    from rowpattern.compat import install_as_src
    install_as_src()
import pandas as pd
from match_recognize import match_recognize
from src.monitoring.cache_monitor import get_cache_monitor, start_cache_monitoring, stop_cache_monitoring
from src.config.production_config import MatchRecognizeConfig, PerformanceConfig
from src.utils import pattern_cache
from src.utils.performance_optimizer import get_smart_cache, get_smart_cache_stats
import rowpattern.pattern_cache

prices = pd.DataFrame({"stock": ["x"] * 8, "day": range(8), "price": [5, 4, 3, 4, 5, 4, 3, 4]})

def query():
    sql = """SELECT * FROM prices MATCH_RECOGNIZE (PARTITION BY stock ORDER BY day
        MEASURES FIRST(A.day) AS begun, LAST(C.day) AS ended ONE ROW PER MATCH
        PATTERN (A B+ C+) DEFINE B AS B.price < PREV(B.price), C AS C.price > PREV(C.price))"""
    return match_recognize(sql, prices)[["begun", "ended"]].values.tolist()

answers = {"same module": pattern_cache is rowpattern.pattern_cache}
answers["first"] = query()
cold = pattern_cache.get_cache_stats()
answers["second"] = query()
warm = pattern_cache.get_cache_stats()
answers["warm hits"] = warm["hits"] - cold["hits"]
answers["warm misses"] = warm["misses"] - cold["misses"]
answers["size"] = warm["size"]
answers["saved"] = warm["total_compilation_time_saved"] > 0
same_cache = get_smart_cache() is pattern_cache.get_pattern_cache()
answers["both doors"] = same_cache and get_smart_cache_stats()["hits"] == warm["hits"]
answers["same objects"] = all(
    pattern_cache.get_pattern_cache().get(entry["key"]) is pattern_cache.get_pattern_cache().get(entry["key"])
    for entry in pattern_cache.cache_entries()
)
pattern_cache.set_caching_enabled(False)
before = pattern_cache.get_cache_stats()
answers["disabled"] = query()
after = pattern_cache.get_cache_stats()
answers["disabled look-ups"] = after["hits"] + after["misses"] - before["hits"] - before["misses"]
pattern_cache.set_caching_enabled(True)
pattern_cache.resize_cache(2)
answers["resized"] = pattern_cache.get_cache_stats()["size"]
monitor = start_cache_monitoring(MatchRecognizeConfig(performance=PerformanceConfig(cache_clear_threshold_mb=0)))
crossed = []
monitor.register_threshold_callback(crossed.append)
deadline = time.monotonic() + 30
# The monitor's own first check may be under way, and see the entries of before.
while not crossed and time.monotonic() < deadline:
    query()
    monitor.force_check()
answers["shed"] = [pattern_cache.get_cache_stats()["size"], len(crossed) > 0]
stop_cache_monitoring()
answers["monitor"] = get_cache_monitor() is None
print(json.dumps(answers))
'''


def run(*command: str, cwd: Path) -> str:
    # The package of the tree, with the extension that tests run on: to build it again would take a minute.
    return output_of(*command, cwd=cwd, python_path=str(Path(rowpattern.__file__).parents[1]))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    work = tmp_path_factory.mktemp("engine")
    run(sys.executable, "-m", "venv", str(work / "venv"), cwd=work)
    python = str(work / "venv" / "bin" / "python")
    run(python, "-m", "pip", "install", "-q", "--no-compile", "pandas-match-recognize==0.2.5", cwd=work)
    return python


@pytest.mark.parametrize("way", ["function", "before", "command"])
def test_the_engine_runs_on_our_cache(python: str, way: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = ["-m", "rowpattern", "compat", str(script), way] if way == "command" else [str(script), way]
    answers: dict[str, Any] = json.loads(run(python, *command, cwd=tmp_path).splitlines()[-1])
    assert answers == {
        "same module": True,
        "first": [[0, 4], [5, 7]],
        "second": [[0, 4], [5, 7]],
        "warm hits": 1,
        "warm misses": 0,
        "size": 3,
        "saved": True,
        "both doors": True,
        "same objects": True,
        "disabled": [[0, 4], [5, 7]],
        "disabled look-ups": 0,
        "resized": 2,
        "shed": [0, True],
        "monitor": True,
    }
