"""Standing in for pandas-match-recognize: the documented functions, and the imports under its names."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rowpattern import pattern_cache
from rowpattern.production_config import (
    DEVELOPMENT_CONFIG,
    MatchRecognizeConfig,
    PerformanceConfig,
    get_config,
    reset_config,
    set_config,
)

from commands import run_python

if TYPE_CHECKING:
    from pathlib import Path


def run(code: str, cwd: Path) -> str:
    result = run_python("-c", code, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_conditions_and_tokens_come_back_as_the_same_objects() -> None:
    condition, tokens = object(), ["A", "+"]
    assert pattern_cache.get_cached_condition("c") is None
    assert pattern_cache.cache_condition("c", condition) is True
    assert pattern_cache.get_cached_condition(key="c") is condition
    assert pattern_cache.cache_tokenization(pattern="A+", tokens=tokens) is True
    assert pattern_cache.get_cached_tokens("A+") is tokens
    assert pattern_cache.get_cached_tokens("c") is None


def test_the_cache_s_object() -> None:
    cache = pattern_cache.get_pattern_cache()
    assert cache is pattern_cache.get_smart_cache_instance()
    value = (object(), object(), {"compilation_time": 0.25})
    assert cache.put("k", value, 1.5, {"compilation_time": 0.25}) is True
    assert cache.put("l", value, size_hint=1.5, metadata=None) is True
    assert cache.get("k") is value
    assert cache.get("none") is None
    statistics = cache.get_stats()
    assert statistics == {**cache.get_statistics(), "cache_age_seconds": statistics["cache_age_seconds"]}
    assert statistics["compilation_time_saved"] == statistics["total_compilation_time_saved"] == 0.25
    assert statistics["entries_count"] == statistics["size"] == 2
    # A hint in MB is a guess; what is counted is what the objects weigh.
    assert statistics["size_mb"] == statistics["memory_used_mb"] < 0.01
    assert cache.put("big", None, metadata={"size_bytes": 2**20})
    assert cache.get_stats()["size_mb"] > 1
    cache.resize_cache(l3_entries=2, l3_size_mb=3)
    assert (cache.config.max_entries, cache.config.max_size_mb) == (2, 3)
    assert cache.get_stats()["size"] == 2
    cache.clear()
    assert cache.get_stats()["size"] == 0
    pattern_cache.set_caching_enabled(False)
    assert cache.put("k", value) is False
    assert cache.config.max_entries == 0


def test_all_statistics() -> None:
    pattern_cache.cache_pattern("k", 1, 2)
    pattern_cache.get_cached_pattern("k")
    everything = pattern_cache.get_all_cache_stats()
    assert everything["pattern_cache"]["hits"] == 1
    assert everything["summary"]["total_entries"] == 1
    assert everything["summary"]["total_hit_rate"] == 100.0


def test_optimizing_for_a_pattern() -> None:
    answer = pattern_cache.optimize_for_pattern("A B", {"B": "x > 1"}, {"row_count": 5})
    assert answer["optimized_cache_key"] == pattern_cache.get_cache_key("A B", {"B": "x > 1"}, None, {"row_count": 5})
    assert answer["predicted_patterns"] == answer["optimizations_applied"] == []
    assert pattern_cache.enable_smart_caching_features(predictive_loading=True) is True


def test_failures_are_false_or_none_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    put: Any = pattern_cache.cache_pattern
    get: Any = pattern_cache.get_cached_pattern
    assert put(5, 1, 2) is False
    assert "cannot cache 5: TypeError" in caplog.text
    assert get(5) is None
    assert get("\udc80") is None
    assert put("k", 1, 2, compilation_time=-1) is False
    assert put("k", 1, 2, pattern_metadata={"size_bytes": "many"}) is False
    assert pattern_cache.resize_cache("x") is False  # type: ignore[arg-type]
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 4
    assert pattern_cache.get_cache_stats()["size"] == 0


def test_callers_may_replace_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.kept: dict[str, object] = {}
            self.hints: list[float] = []

        def get(self, key: str) -> object:
            return self.kept.get(key)

        def put(self, key: str, value: object, size_hint: float = 1.0, metadata: object = None) -> bool:
            assert metadata is None
            self.kept[key] = value
            self.hints.append(size_hint)
            return True

        def get_statistics(self) -> dict[str, int]:
            return {"hits": 99}

    recorder = Recorder()
    monkeypatch.setattr(pattern_cache, "get_pattern_cache", lambda: recorder)
    assert pattern_cache.cache_pattern("k", 1, 2) is True
    assert recorder.kept == {"k": (1, 2, 0.0)}
    assert 0 < recorder.hints[0] < 0.01
    assert pattern_cache.get_cached_pattern("k") == (1, 2, 0.0)
    assert pattern_cache.cache_tokenization("A", ["A"])
    assert pattern_cache.get_cached_tokens("A") == ["A"]
    assert dict(pattern_cache.get_cache_stats()) == {"hits": 99}
    monkeypatch.undo()
    assert pattern_cache.get_cached_pattern("k") is None


def test_settings_of_the_process() -> None:
    try:
        set_config(MatchRecognizeConfig(performance=PerformanceConfig(True, 7, 3, 60)))
        assert get_config().performance.cache_size_limit == 7
        statistics = pattern_cache.get_cache_stats()
        assert (statistics["max_size"], statistics["max_memory_used_mb"], statistics["ttl_seconds"]) == (7, 3, 60)
        set_config(MatchRecognizeConfig(performance=PerformanceConfig(enable_caching=False)))
        assert not pattern_cache.is_caching_enabled()
        wrong = MatchRecognizeConfig()
        wrong.performance.cache_size_limit = -1
        with pytest.raises(ValueError, match="cache_size_limit is -1"):
            set_config(wrong)
        assert not pattern_cache.is_caching_enabled()
    finally:
        reset_config()
    assert get_config().performance.cache_size_limit == 10_000


def test_files_of_the_pure_python_system_are_read(tmp_path: Path) -> None:
    path = tmp_path / "below" / "config.json"
    DEVELOPMENT_CONFIG.save_to_file(path)
    assert MatchRecognizeConfig.from_file(path) == DEVELOPMENT_CONFIG
    assert [entry.name for entry in path.parent.iterdir()] == ["config.json"]
    theirs = {
        "performance": {"max_workers": 8, "cache_size_limit": 100, "cache_memory_limit_mb": 100},
        "logging": {"level": "WARNING"},
        "security": {"validate_input": False},
        "resources": {"query_queue_size": 5},
        "environment": "staging",
        "debug": True,
    }
    config = MatchRecognizeConfig.from_dict(theirs)
    assert config.performance.max_workers == 8
    assert config.performance.cache_clear_threshold_mb == 80
    assert config.logging.level == "WARNING"
    assert config.environment == "staging"
    with pytest.raises(ValueError, match=r"logging\.colour is not a setting"):
        MatchRecognizeConfig.from_dict({"logging": {"colour": "red"}})
    with pytest.raises(ValueError, match="cache_threshold_action is 'burn'; allowed are 'evict' and 'clear'"):
        MatchRecognizeConfig.from_env({"MR_CACHE_THRESHOLD_ACTION": "burn"})


@pytest.mark.parametrize(
    ("name", "size", "memory"),
    [("memory-constrained", 1000, 200), ("balanced", 10_000, 500), ("performance_focused", 50_000, 2000)],
)
def test_presets(name: str, size: int, memory: int) -> None:
    preset = PerformanceConfig.preset(name)
    assert (preset.cache_size_limit, preset.cache_memory_limit_mb) == (size, memory)
    assert preset.cache_clear_threshold_mb == memory * 0.8
    with pytest.raises(ValueError, match="allowed are memory-constrained, balanced, performance-focused"):
        PerformanceConfig.preset("fast")


INSTALL = """
from rowpattern.compat import install_as_src
install_as_src()
install_as_src()
"""

IMPORTS = """
from src.utils.pattern_cache import get_cache_stats, cache_pattern
from src.monitoring.cache_monitor import start_cache_monitoring
from src.config.production_config import MatchRecognizeConfig
import src.utils.pattern_cache as whole
import src.utils
import rowpattern.pattern_cache, rowpattern.cache_monitor, rowpattern.production_config
assert get_cache_stats is rowpattern.pattern_cache.get_cache_stats
assert start_cache_monitoring is rowpattern.cache_monitor.start_cache_monitoring
assert MatchRecognizeConfig is rowpattern.production_config.MatchRecognizeConfig
assert whole is src.utils.pattern_cache is rowpattern.pattern_cache
assert whole.__spec__.name == whole.__name__ == "rowpattern.pattern_cache"
"""


def test_imports_where_no_src_is_installed(tmp_path: Path) -> None:
    missing = """
try:
    import src.executor
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(INSTALL + IMPORTS + missing, tmp_path) == "No module named 'src.executor'\n"


def someone_s_src(folder: Path) -> None:
    for package in ("src", "src/utils"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("theirs = True\n")
    (folder / "src" / "own.py").write_text("from src.utils.pattern_cache import get_cache_stats\nvalue = 5\n")
    (folder / "src" / "utils" / "pattern_cache.py").write_text("def get_cache_stats(): return 'theirs'\n")
    (folder / "src" / "utils" / "other.py").write_text("value = 6\n")


def test_the_rest_of_an_installed_src_is_left_alone(tmp_path: Path) -> None:
    someone_s_src(tmp_path)
    rest = """
import src.own, src.utils.other
print(src.theirs, src.utils.theirs, src.own.value, src.utils.other.value, "size" in src.own.get_cache_stats())
"""
    assert run(INSTALL + IMPORTS + rest, tmp_path) == "True True 5 6 True\n"


def test_modules_imported_before_are_mended(tmp_path: Path) -> None:
    someone_s_src(tmp_path)
    before = "import src.own\nassert src.own.get_cache_stats() == 'theirs'\n"
    rest = "print(src.own.value, 'size' in src.own.get_cache_stats())\n"
    assert run(before + INSTALL + IMPORTS + rest, tmp_path) == "5 True\n"


# A machine's share for a cache, as an installed `src` measures it.
PROFILE = """
import dataclasses, os

@dataclasses.dataclass(frozen=True)
class AdaptiveResourceProfile:
    cache_budget_bytes: int

    def cache_entry_limit(self, estimated_entry_bytes, budget_share=1.0, minimum=0, maximum=None):
        return min(maximum, int(self.cache_budget_bytes * budget_share) // estimated_entry_bytes)

def get_adaptive_resource_profile():
    return AdaptiveResourceProfile(int(os.environ.get("SHARE", 40 << 20)))
"""

# What the configuration of such an `src` does: its limits are of a profile, variables lower them and do not raise them,
# a limit of 0 turns the cache off, and what is set is checked before. PARAMETER stands for what its engine passes.
CONFIGURATION = """
import dataclasses, logging, os
from typing import Optional
from src.utils.resource_profile import AdaptiveResourceProfile, get_adaptive_resource_profile

@dataclasses.dataclass
class PerformanceConfig:
    max_partition_size: int = -1
    execution_timeout_seconds: float = 300.0
    max_memory_mb: int = 8192
    enable_caching: bool = True
    cache_size_limit: int = 50_000
    cache_memory_limit_mb: int = 2048
    cache_ttl_seconds: int = 3600
    cache_clear_threshold_mb: int = 1600
    cache_monitoring_interval_seconds: int = 300
    parallel_processing: bool = False
    max_workers: int = 4
    # MORE

@dataclasses.dataclass
class LoggingConfig:
    level: str = "INFO"
    log_file: Optional[str] = None

@dataclasses.dataclass
class ResourceConfig:
    max_concurrent_queries: int = 10

@dataclasses.dataclass
class MatchRecognizeConfig:
    performance: PerformanceConfig = dataclasses.field(default_factory=PerformanceConfig)
    logging: LoggingConfig = dataclasses.field(default_factory=LoggingConfig)
    resources: ResourceConfig = dataclasses.field(default_factory=ResourceConfig)
    environment: str = "development"
    debug: bool = False
    version: str = "2.0.0"

    @classmethod
    def from_env(cls, PARAMETER):
        profile = locals().get("resource_profile") or get_adaptive_resource_profile()
        config, variables = cls(), os.environ
        made = config.performance
        made.cache_memory_limit_mb = profile.cache_budget_bytes >> 20
        made.cache_size_limit = profile.cache_entry_limit(estimated_entry_bytes=64 * 1024, minimum=128, maximum=500_000)
        for name in ("cache_memory_limit_mb", "cache_size_limit"):
            given = variables.get("MR_" + name.upper())
            if given is not None:
                setattr(made, name, min(getattr(made, name), int(given)))
        threshold = int(variables.get("MR_CACHE_CLEAR_THRESHOLD_MB", int(made.cache_memory_limit_mb * 0.8)))
        made.cache_clear_threshold_mb = min(threshold, made.cache_memory_limit_mb)
        asked = variables.get("MR_ENABLE_CACHING", "true").lower() == "true"
        made.enable_caching = bool(asked and made.cache_memory_limit_mb > 0 and made.cache_size_limit > 0)
        made.cache_ttl_seconds = int(variables.get("MR_CACHE_TTL_SECONDS", made.cache_ttl_seconds))
        return config

    def validate(self):
        if self.performance.max_workers <= 0:
            raise ValueError("Configuration validation failed: max_workers must be positive")

    def setup_logging(self):
        logging.basicConfig(level=self.logging.level)

_config = None

def get_config():
    global _config
    if _config is None:
        _config = MatchRecognizeConfig.from_env()
        _config.validate()
        _config.setup_logging()
    return _config

def set_config(config):
    global _config
    config.validate()
    _config = config
    config.setup_logging()

def reset_config():
    global _config
    _config = None

TESTING_CONFIG = MatchRecognizeConfig(performance=PerformanceConfig(enable_caching=False), environment="testing")
"""


def someone_s_configuration(folder: Path, parameter: str, more: str = "") -> None:
    someone_s_src(folder)
    (folder / "src" / "config").mkdir()
    (folder / "src" / "config" / "__init__.py").write_text("")
    (folder / "src" / "utils" / "resource_profile.py").write_text(PROFILE)
    code = CONFIGURATION.replace("PARAMETER", parameter).replace("    # MORE\n", more)
    (folder / "src" / "config" / "production_config.py").write_text(code)


LIMITS = """
def limits():
    statistics = rowpattern.pattern_cache.get_cache_stats()
    return statistics["max_size"], statistics["max_memory_used_mb"], statistics["ttl_seconds"]
"""

THEIRS_STAYS = """
import src.config.production_config as theirs
import rowpattern.cache_monitor, rowpattern.pattern_cache, rowpattern.production_config as ours
assert theirs.__name__ == "src.config.production_config"
assert theirs.MatchRecognizeConfig is not ours.MatchRecognizeConfig
assert limits() == (640, 40, 3600) and ours.get_config().performance.cache_clear_threshold_mb == 32
assert ours.describe()["cache_size_limit"] == (640, "environment", "src.config.production_config")
assert ours.describe()["cache_policy"].source == "default"
assert theirs.get_config().resources.max_concurrent_queries == 10

# Their function is followed at once, with what theirs says and defaults of ours beside it.
def set_theirs(**performance):
    theirs.set_config(theirs.MatchRecognizeConfig(performance=theirs.PerformanceConfig(**performance)))
set_theirs(cache_size_limit=7, cache_memory_limit_mb=5, cache_ttl_seconds=60, cache_clear_threshold_mb=4)
assert limits() == (7, 5, 60)
assert ours.describe()["cache_size_limit"] == (7, "call", "src.config.production_config")
try:
    set_theirs(max_workers=0)
except ValueError:
    # It refused it, and nothing has changed.
    assert limits() == (7, 5, 60)
theirs.set_config(theirs.TESTING_CONFIG)
assert not rowpattern.pattern_cache.is_caching_enabled()
theirs.reset_config()
ours.reload(cache_memory_limit_mb=2)
assert limits() == (640, 2, 3600) and rowpattern.pattern_cache.is_caching_enabled()

monitor = rowpattern.cache_monitor.start_cache_monitoring(
    theirs.MatchRecognizeConfig(performance=theirs.PerformanceConfig(cache_clear_threshold_mb=0)))
assert monitor.config.performance.cache_clear_threshold_mb == 0
rowpattern.cache_monitor.stop_cache_monitoring()

# Variables only lower its limits. A threshold at the limit is never passed here: ours is below it. What it has no
# variable for is read here.
os.environ.update(MR_CACHE_SIZE_LIMIT="60", MR_CACHE_MEMORY_LIMIT_MB="999", MR_CACHE_CLEAR_THRESHOLD_MB="900")
os.environ["MR_CACHE_MONITORING_INTERVAL_SECONDS"] = "7"
assert limits() == (640, 2, 3600)
ours.reload()
assert limits() == (60, 40, 3600)
performance = ours.get_config().performance
assert (performance.cache_clear_threshold_mb, performance.cache_monitoring_interval_seconds) == (32, 7)
os.environ["MR_CACHE_SIZE_LIMIT"] = "6e1"
try:
    ours.reload()
except rowpattern.ConfigurationError as error:
    print(error)
assert limits() == (60, 40, 3600)

# Where the machine has no room, there is no cache.
os.environ.update(MR_CACHE_SIZE_LIMIT="60", SHARE="65536")
ours.reload()
assert not rowpattern.pattern_cache.is_caching_enabled()
rowpattern.compile("A")
assert rowpattern.pattern_cache.get_cache_stats()["size"] == 0
"""


@pytest.mark.parametrize("before", ["", "import src.config.production_config\n"])
@pytest.mark.parametrize("does_more", ["a profile", "a setting"])
def test_a_configuration_that_does_more_is_left_in_place(before: str, does_more: str, tmp_path: Path) -> None:
    code = "import os, rowpattern\n" + before + INSTALL + LIMITS + THEIRS_STAYS
    if does_more == "a profile":
        someone_s_configuration(tmp_path, "resource_profile: Optional[AdaptiveResourceProfile] = None")
        code += """
small = theirs.AdaptiveResourceProfile(3 << 20)
assert theirs.MatchRecognizeConfig.from_env(small).performance.cache_memory_limit_mb == 3
"""
    else:
        someone_s_configuration(tmp_path, "", "    spill_to_disk: bool = False\n")
    reason = "ValueError: invalid literal for int() with base 10: '6e1'"
    assert run(code, tmp_path) == f"src.config.production_config cannot read its settings: {reason}\n"


def test_limits_are_read_from_it_before_anybody_imports_it(tmp_path: Path) -> None:
    someone_s_configuration(tmp_path, "resource_profile=None")
    first_use = "import src.utils.pattern_cache\nprint(limits())\n"
    assert run(INSTALL + LIMITS + "import rowpattern.pattern_cache\n" + first_use, tmp_path) == "(640, 40.0, 3600.0)\n"


def test_settings_that_were_set_in_it_before_are_taken(tmp_path: Path) -> None:
    someone_s_configuration(tmp_path, "resource_profile=None")
    before = """
import rowpattern.pattern_cache
import src.config.production_config as theirs
theirs.set_config(theirs.MatchRecognizeConfig(performance=theirs.PerformanceConfig(cache_size_limit=9)))
"""
    assert run(before + INSTALL + LIMITS + "print(limits())\n", tmp_path) == "(9, 2048.0, 3600.0)\n"


@pytest.mark.parametrize("before", ["", "import src.config.production_config\n"])
def test_a_configuration_that_does_no_more_gives_way(before: str, tmp_path: Path) -> None:
    someone_s_configuration(tmp_path, "")
    rest = """
import src.config.production_config as it, rowpattern.production_config as ours
print(it is ours, limits())
"""
    assert run(before + INSTALL + IMPORTS + LIMITS + rest, tmp_path) == "True (10000, 500.0, 3600.0)\n"


def test_a_configuration_that_cannot_be_imported_is_no_reason_to_fail(tmp_path: Path) -> None:
    someone_s_src(tmp_path)
    (tmp_path / "src" / "config").mkdir()
    (tmp_path / "src" / "config" / "production_config.py").write_text("import a_module_that_is_not_there\n")
    rest = "import rowpattern.pattern_cache\nprint(limits())\n"
    assert run(INSTALL + LIMITS + rest, tmp_path) == "(10000, 500.0, 3600.0)\n"


def test_a_cache_of_a_caller_s_gets_sizes_by_states_and_transitions(monkeypatch: pytest.MonkeyPatch) -> None:
    hints: list[float] = []

    class Recorder:
        def put(self, key: str, value: object, size_hint: float = 1.0, metadata: object = None) -> bool:  # noqa: ARG002
            hints.append(size_hint)
            return True

    state, last = SimpleNamespace(transitions=[1, 2]), SimpleNamespace(transitions=[])
    monkeypatch.setattr(pattern_cache, "get_pattern_cache", Recorder)
    assert pattern_cache.cache_pattern("k", None, SimpleNamespace(states=[state, last]))
    assert pattern_cache.cache_pattern("k", SimpleNamespace(states=[state, last]), None)
    assert hints == [(2 * 16 + 2 * 4) / 1024, (2 * 64 + 2 * 4) / 1024]
