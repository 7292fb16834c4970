"""Settings: what is read from calls, variables and files, what wins, and what mistakes are told."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import rowpattern
from rowpattern import pattern_cache
from rowpattern.cache_monitor import start_cache_monitoring
from rowpattern.config import performance, sources
from rowpattern.config.performance import READERS
from rowpattern.config.values import shown
from rowpattern.errors import ConfigurationWarning
from rowpattern.production_config import (
    MatchRecognizeConfig,
    PerformanceConfig,
    describe,
    get_config,
    reload,
    reset_config,
    set_config,
)

from commands import run_python
from memory_given import give_memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without limits, wherever the tests run."""
    give_memory(monkeypatch, None)


def test_default_settings() -> None:
    performance = MatchRecognizeConfig.from_env({}).to_dict()["performance"]
    documented = {
        "enable_caching": True,
        "cache_size_limit": 10_000,
        "cache_memory_limit_mb": 500,
        "cache_ttl_seconds": 3600,
        "cache_clear_threshold_mb": 400,
        "cache_monitoring_interval_seconds": 300,
        "cache_threshold_action": "evict",
        "cache_optimize_size": True,
        "max_memory_mb": 8192,
    }
    assert {name: performance[name] for name in documented} == documented


def test_settings_from_everywhere(tmp_path: Path) -> None:
    environment = {
        "MR_ENABLE_CACHING": "False",
        "MR_CACHE_SIZE_LIMIT": "5",
        "MR_CACHE_MEMORY_LIMIT_MB": "1.5",
        "MR_CACHE_TTL_SECONDS": "60",
        "MR_CACHE_MONITORING_INTERVAL_SECONDS": "0.5",
        "MR_CACHE_CLEAR_THRESHOLD_MB": "1",
        "OTHER": "ignored",
    }
    config = MatchRecognizeConfig.from_env(environment)
    assert config.performance == PerformanceConfig(False, 5, 1.5, 60, 1, 0.5)
    assert MatchRecognizeConfig.from_dict(config.to_dict()) == config
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.to_dict()))
    assert MatchRecognizeConfig.from_file(path) == config
    assert MatchRecognizeConfig.from_dict({}) == MatchRecognizeConfig()
    for again in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):  # noqa: S301 - made here
        assert again == config
        assert again.origin("performance", "cache_size_limit").detail == "MR_CACHE_SIZE_LIMIT"


# One mistake each: the setting, what it is given, and the text.
MISTAKES: dict[str, tuple[Any, str]] = {
    "enable_caching": ("maybe", "'maybe'; allowed are true, false, 1, 0, yes, no, on and off"),
    "cache_size_limit": (1.5, "1.5; allowed is a whole number of at least 0 and at most 281474976710656"),
    "cache_memory_limit_mb": (-1, "-1; allowed is a number of at least 0 and at most 1099511627776"),
    "cache_ttl_seconds": ("an hour", "'an hour'; allowed is a number of at least 0.001 and at most 1000000000"),
    "cache_clear_threshold_mb": (600, "600; allowed is less than cache_memory_limit_mb, which is 500: memory never"),
    "cache_monitoring_interval_seconds": (0, "0; allowed is a number of at least 0.001 and at most 1000000000"),
    "cache_threshold_action": ("burn", "'burn'; allowed are 'evict' and 'clear'"),
    "cache_optimize_size": ("maybe", "'maybe'; allowed are true, false, 1, 0, yes, no, on, off and shrink"),
    "cache_policy": ("fifo", "'fifo'; allowed are 'lru' and 'tinylfu'"),
    "warm_strict": ("x" * 10**6, f"'{'x' * 59}... (1000002 characters); allowed are true,"),
    "execution_timeout_seconds": ("nan", "nan; allowed is a number of at least 0.001 and"),
    "max_memory_mb": (2**41, "2199023255552; allowed is a number of at least 0 and at most"),
    "max_workers": (0, "0; allowed is a whole number of at least 1 and at most 1024"),
    "max_concurrent_queries": ("all", "'all'; allowed is a whole number of at least 1 and at most 1024"),
    "query_queue_size": (-1, "-1; allowed is a whole number of at least 0 and at most 281474976710656"),
    "plan_cache_size_limit": (0.5, "0.5; allowed is a whole number of at least 0 and at most 281474976710656"),
    "plan_cache_memory_limit_mb": ("little", "'little'; allowed is a number of at least 0 and at most 1099511627776"),
    "slow_query_seconds": (-1, "-1; allowed is a number of at least 0 and at most 1000000000"),
    "slow_query_literals": ("some", "'some'; allowed are true, false, 1, 0, yes, no, on and off"),
}


def test_every_setting_has_a_mistake() -> None:
    assert set(READERS) - set(MISTAKES) == {"warm_file"}


@pytest.mark.parametrize("setting", MISTAKES)
def test_a_mistake_has_one_text_wherever_it_is_made(setting: str, tmp_path: Path) -> None:
    value, text = MISTAKES[setting]
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"performance": {setting: value}}))
    variable = f"MR_{setting.upper()}"
    changed = MatchRecognizeConfig()
    setattr(changed.performance, setting, value)
    places: dict[str, list[Callable[[], object]]] = {
        "": [
            lambda: PerformanceConfig(**{setting: value}),
            lambda: MatchRecognizeConfig.from_dict({"performance": {setting: value}}),
            lambda: set_config(changed),
            lambda: reload(**{setting: value}),
        ],
        f"{path}: ": [lambda: MatchRecognizeConfig.from_file(path)],
        f"{variable}: ": [lambda: MatchRecognizeConfig.from_env({variable: str(value)})],
    }
    messages = set()
    for place, calls in places.items():
        for call in calls:
            with pytest.raises(rowpattern.ConfigurationError) as caught:
                call()
            assert str(caught.value).startswith(f"{place}{setting} is {text}")
            messages.add(str(caught.value)[len(place) :])
    assert len(messages) == 1


def test_what_is_no_configuration() -> None:
    with pytest.raises(TypeError, match="a configuration must be a MatchRecognizeConfig, not dict"):
        set_config({})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the preset must be a str, not int"):
        PerformanceConfig.preset(5)  # type: ignore[arg-type]
    with pytest.raises(rowpattern.ConfigurationError, match="performance is of the type dict, not PerformanceConfig"):
        set_config(MatchRecognizeConfig(performance={}))  # type: ignore[arg-type]


def test_nothing_is_no_value() -> None:
    assert PerformanceConfig(cache_memory_limit_mb=None, warm_file=None) == PerformanceConfig()  # type: ignore[arg-type]
    with pytest.raises(rowpattern.ConfigurationError, match="cache_size_limit is None; allowed is a whole number"):
        PerformanceConfig(cache_size_limit=None)  # type: ignore[arg-type]


def test_an_unknown_setting_has_one_text_too(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"performance": {"cache_size_limitt": 5}}')
    text = "cache_size_limitt is not a setting; the nearest is cache_size_limit"
    for call in (
        lambda: PerformanceConfig(cache_size_limitt=5),  # type: ignore[call-arg]
        lambda: MatchRecognizeConfig.from_dict({"performance": {"cache_size_limitt": 5}}),
        lambda: reload(cache_size_limitt=5),
        lambda: MatchRecognizeConfig.from_file(path),
    ):
        with pytest.raises(rowpattern.ConfigurationError) as caught:
            call()
        assert str(caught.value) in {text, f"{path}: {text}"}
    # Another package may have variables that begin so: a warning, no error.
    with pytest.warns(ConfigurationWarning, match="MR_CACHE_SIZE_LIMITT is not a .*nearest is MR_CACHE_SIZE_LIMIT$"):
        config = MatchRecognizeConfig.from_env({"MR_CACHE_SIZE_LIMITT": "5"})
    assert config.performance.cache_size_limit == 10_000
    with pytest.warns(ConfigurationWarning, match=r"the settings are .*MR_WARM_FILE"):
        MatchRecognizeConfig.from_env({"MR_QQQQ": "5"})
    # The pure-Python system's own.
    MatchRecognizeConfig.from_env({"MR_PARALLEL_PROCESSING": "true"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"performance": {"cache_size_limit": True}}, "cache_size_limit is True"),
        ({"performance": 5}, "performance is 5; allowed is a mapping"),
        ({"logging": {"level": "LOUD"}}, "logging.level is 'LOUD'; allowed are 'DEBUG', 'INFO'"),
        ({"logging": {"colour": 1}}, "logging.colour is not a setting; the "),
        ({"speed": {}}, "speed is not a setting"),
        ({"performances": {}}, "performances is not a setting; the nearest is performance"),
        ({"x" * 10**5: {}}, "xxx"),
        ([], "the configuration is []; allowed is a mapping"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(data: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(data))
    with pytest.raises(rowpattern.ConfigurationError) as caught:
        MatchRecognizeConfig.from_file(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", b"{\n 5", r"it is not JSON: .* \(line 2, column 2\)"),
        ("config.json", b"\xff", r"it is not UTF-8 \(byte 0\)"),
        ("config.json", b"[" * 10**5, "nested too deeply"),
        ("config.toml", b"[performance", "it is not TOML: "),
    ],
)
def test_files_that_are_damaged(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(rowpattern.ConfigurationError, match=message):
        MatchRecognizeConfig.from_file(tmp_path / name)
    with pytest.raises(rowpattern.ConfigurationError, match=message):
        MatchRecognizeConfig.from_env({"MR_CONFIG_FILE": str(tmp_path / name)})
    with pytest.raises(FileNotFoundError):
        MatchRecognizeConfig.from_file(tmp_path / "none.json")
    with pytest.raises(
        rowpattern.ConfigurationError, match=r"MR_CONFIG_FILE is '.*, which cannot be read: No such file"
    ):
        MatchRecognizeConfig.from_env({"MR_CONFIG_FILE": str(tmp_path / "none.json")})


def test_toml_on_an_older_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python reads TOML from 3.11 on; the package tomli does before."""
    (tmp_path / "config.toml").write_text("[performance]\ncache_size_limit = 20\n")
    monkeypatch.setattr(sources, "sys", SimpleNamespace(version_info=(3, 10)))
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(rowpattern.MissingDependencyError, match=r"TOML needs Python 3\.11, or .*pip install tomli"):
        MatchRecognizeConfig.from_file(tmp_path / "config.toml")
    with pytest.raises(rowpattern.ConfigurationError, match=r"MR_CONFIG_FILE is .* cannot be read: TOML needs"):
        MatchRecognizeConfig.from_env({"MR_CONFIG_FILE": str(tmp_path / "config.toml")})
    tomli = SimpleNamespace(loads=lambda _: {"performance": {"cache_size_limit": 21}}, TOMLDecodeError=ArithmeticError)
    monkeypatch.setitem(sys.modules, "tomli", tomli)
    assert MatchRecognizeConfig.from_file(tmp_path / "config.toml").performance.cache_size_limit == 21


TOML = "[performance]\ncache_size_limit = 20\ncache_ttl_seconds = 30\nmax_workers = 2\n[logging]\nlevel = 'debug'\n"


JSON = json.dumps(
    {
        "performance": {"cache_size_limit": 20, "cache_ttl_seconds": 30, "max_workers": 2},
        "logging": {"level": "debug"},
    }
)


@pytest.mark.parametrize(("name", "text"), [("config.toml", TOML), ("config.json", JSON)])
def test_precedence(name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Call, environment, file, default; each wins over those behind it, and `describe` says which it was."""
    path = tmp_path / name
    path.write_text(text)
    monkeypatch.setenv("MR_CONFIG_FILE", str(path))
    monkeypatch.setenv("MR_CACHE_SIZE_LIMIT", "30")
    monkeypatch.setenv("MR_CACHE_TTL_SECONDS", "40")
    try:
        reload(cache_size_limit=50)
        described = describe()
        assert described["cache_size_limit"] == (50, "call", "")
        assert described["cache_ttl_seconds"] == (40, "environment", "MR_CACHE_TTL_SECONDS")
        assert described["max_workers"] == (2, "file", str(path))
        assert described["logging.level"] == ("DEBUG", "file", str(path))
        assert described["cache_memory_limit_mb"] == (500, "default", "")
        assert described["cache_clear_threshold_mb"] == (400, "default", "80 % of cache_memory_limit_mb")
        assert pattern_cache.get_cache_stats()["max_size"] == 50
        lines = {line.split()[0]: line.split()[1:] for line in str(described).splitlines()}
        assert lines["cache_ttl_seconds"] == ["40", "environment", "MR_CACHE_TTL_SECONDS"]
        get_config().performance.cache_ttl_seconds = 41
        assert describe()["cache_ttl_seconds"] == (41, "call", "")
    finally:
        reset_config()


def test_a_file_with_overrides(tmp_path: Path) -> None:
    """A saved file holds every value, computed ones too; what stands above it wins, and what was computed follows."""
    path = tmp_path / "config.json"
    MatchRecognizeConfig().save_to_file(path)
    config = MatchRecognizeConfig.from_env({"MR_CONFIG_FILE": str(path), "MR_CACHE_MEMORY_LIMIT_MB": "100"})
    assert config.performance.cache_clear_threshold_mb == 80
    assert config.origin("performance", "cache_clear_threshold_mb").detail.endswith(
        "in place of 400, which does not fit it"
    )
    assert MatchRecognizeConfig.from_file(path, cache_memory_limit_mb=50).performance.cache_clear_threshold_mb == 40
    assert MatchRecognizeConfig.from_file(path, cache_size_limit=7).performance.cache_clear_threshold_mb == 400
    # A threshold from a stronger source than the limit is a mistake.
    with pytest.raises(
        rowpattern.ConfigurationError, match=r"^MR_CACHE_CLEAR_THRESHOLD_MB: cache_clear_threshold_mb is 900"
    ):
        MatchRecognizeConfig.from_env({"MR_CONFIG_FILE": str(path), "MR_CACHE_CLEAR_THRESHOLD_MB": "900"})


def test_settings_are_read_once_and_held(monkeypatch: pytest.MonkeyPatch) -> None:
    reset_config()
    try:
        monkeypatch.setenv("MR_CACHE_SIZE_LIMIT", "30")
        monkeypatch.setenv("MR_CACHE_MONITORING_INTERVAL_SECONDS", "1000")
        held = get_config()
        monitor = start_cache_monitoring()
        monkeypatch.setenv("MR_CACHE_SIZE_LIMIT", "31")
        monkeypatch.setenv("MR_CACHE_MONITORING_INTERVAL_SECONDS", "2000")
        assert get_config() is held
        assert get_config().performance.cache_size_limit == 30
        assert reload().performance.cache_size_limit == 31
        assert get_config().performance.cache_size_limit == pattern_cache.get_cache_stats()["max_size"] == 31
        assert monitor.config.performance.cache_monitoring_interval_seconds == 2000
        monkeypatch.setenv("MR_CACHE_SIZE_LIMIT", "many")
        with pytest.raises(rowpattern.ConfigurationError):
            reload()
        assert get_config().performance.cache_size_limit == pattern_cache.get_cache_stats()["max_size"] == 31
    finally:
        reset_config()


def test_a_threshold_follows_the_limit() -> None:
    config = MatchRecognizeConfig()
    config.performance.cache_memory_limit_mb = 100
    config.validate()
    assert config.performance.cache_clear_threshold_mb == 80
    assert PerformanceConfig(cache_memory_limit_mb=0).cache_clear_threshold_mb == 0
    with pytest.raises(rowpattern.ConfigurationError, match="less than cache_memory_limit_mb, which is 500"):
        PerformanceConfig(cache_memory_limit_mb=500, cache_clear_threshold_mb=900)
    with pytest.raises(rowpattern.ConfigurationError, match="cache_clear_threshold_mb is 500; allowed is less"):
        PerformanceConfig(cache_memory_limit_mb=500, cache_clear_threshold_mb=500)
    # A limit that is changed by hand later.
    performance = PerformanceConfig(cache_clear_threshold_mb=300)
    assert [performance.threshold_within(limit) for limit in (500, 300, 100)] == [300, 240, 80]


def test_logging_works_once(tmp_path: Path) -> None:
    code = """
import logging
from rowpattern.production_config import get_config
from rowpattern import pattern_cache
for _ in range(2):
    get_config().setup_logging()
assert len(logging.getLogger().handlers) == 2
pattern_cache.resize_cache(5)
"""
    path = tmp_path / "log"
    environment = {"MR_LOG_FILE": str(path), "MR_LOG_LEVEL": "info", "MR_CACHE_SIZE_LIMITT": "5"}
    result = run_python("-c", code, env=environment)
    assert result.returncode == 0, result.stderr
    assert (
        path.read_text().count("limits of the cache changed") == result.stderr.count("limits of the cache changed") == 1
    )
    environment["MR_LOG_FILE"] = str(tmp_path)
    result = run_python("-c", code, env=environment)
    assert f"logging.log_file is '{tmp_path}', which cannot be opened: Is a directory" in result.stderr
    with pytest.raises(
        rowpattern.ConfigurationError, match=r"MR_LOG_LEVEL: logging\.level is 'LOUD'; allowed are 'DEBUG'"
    ):
        MatchRecognizeConfig.from_env({"MR_LOG_LEVEL": "LOUD"})
    assert logging.getLevelName(MatchRecognizeConfig.from_env({"MR_LOG_LEVEL": "info"}).logging.level) == logging.INFO


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0, "5"),
        ("5.0", "5"),
        (1e9, "1000000000"),
        ("1" * 5000, f"'{'1' * 59}... (5002 characters)"),
        (float("inf"), "inf"),
        ("\ud800", "'\\ud800'"),
        (-(2**100), str(-(2**100))),
    ],
)
def test_how_values_are_shown(value: object, text: str) -> None:
    assert shown(value) == text
    # More digits than Python writes.
    assert len(shown(10**5000)) < 120


def test_the_origin_of_what_is_no_setting() -> None:
    config = MatchRecognizeConfig()
    for section, name, nearest in (
        ("performance", "cache_size_limits", "cache_size_limit"),
        ("logging", "levels", "level"),
        ("loging", "level", "logging"),
        ("", "performence", "performance"),
    ):
        with pytest.raises(rowpattern.ConfigurationError, match=f"is not a setting; the nearest is {nearest}"):
            config.origin(section, name)
    with pytest.raises(TypeError, match="a dict of settings"):
        performance.PerformanceConfig.from_origins([("cache_size_limit", 5)])  # type: ignore[arg-type]


def test_an_environment_may_have_keys_that_are_no_names() -> None:
    environment: Any = {0: "x", None: "y", "MR_CACHE_SIZE_LIMIT": "7"}
    assert MatchRecognizeConfig.from_env(environment).performance.cache_size_limit == 7
