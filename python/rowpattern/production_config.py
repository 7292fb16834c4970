"""Settings of a deployment: from environment variables, a JSON file, or a dict.

A value that cannot be read is a `ConfigurationError` that names the setting, the value and what is allowed; nothing
falls back to a default silently. The names are those of the pure-Python system, so that its files, its variables and
code that builds its configurations go on working. Settings that only that system uses are kept and not read here.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from rowpattern.errors import ConfigurationError
from rowpattern.production_sections import LoggingConfig, MonitoringConfig, ResourceConfig, SecurityConfig
from rowpattern.settings import choice, count, flag, known_names, megabytes, positive_seconds, threads

if TYPE_CHECKING:
    from rowpattern.settings import Reader

__all__ = [
    "DEVELOPMENT_CONFIG",
    "PRODUCTION_CONFIG",
    "TESTING_CONFIG",
    "LoggingConfig",
    "MatchRecognizeConfig",
    "MonitoringConfig",
    "PerformanceConfig",
    "ResourceConfig",
    "SecurityConfig",
    "get_config",
    "reset_config",
    "set_config",
]

_READERS: dict[str, Reader] = {
    "enable_caching": flag,
    "cache_size_limit": count,
    "cache_memory_limit_mb": megabytes,
    "cache_ttl_seconds": positive_seconds,
    "cache_clear_threshold_mb": megabytes,
    "cache_monitoring_interval_seconds": positive_seconds,
    "cache_threshold_action": choice("evict", "clear"),
    "cache_optimize_size": flag,
    "cache_policy": choice("lru", "tinylfu"),
    "execution_timeout_seconds": positive_seconds,
    "max_memory_mb": megabytes,
    "max_workers": threads,
}

_VARIABLES = {f"MR_{name.upper()}": name for name in _READERS}

_PRESETS: dict[str, dict[str, Any]] = {
    "memory-constrained": {"cache_size_limit": 1000, "cache_memory_limit_mb": 200},
    "balanced": {"cache_size_limit": 10_000, "cache_memory_limit_mb": 500},
    "performance-focused": {"cache_size_limit": 50_000, "cache_memory_limit_mb": 2000},
}


@dataclass
class PerformanceConfig:
    """Settings of the pattern cache, and limits of queries.

    Attributes:
        enable_caching: whether patterns are cached at all.
        cache_size_limit: the most entries.
        cache_memory_limit_mb: the most memory, in MB of 2**20 bytes.
        cache_ttl_seconds: how long an entry lives after it was put in, in seconds.
        cache_clear_threshold_mb: above this memory a monitor sheds entries, in MB; by default 80 % of the limit.
        cache_monitoring_interval_seconds: how often a monitor looks, in seconds.
        cache_threshold_action: what a monitor does above the threshold: `"evict"` the entries used longest ago until
            it is met, or `"clear"` all.
        cache_optimize_size: whether a monitor changes the entry limit, within `cache_size_limit`.
        cache_policy: which entries stay when there are too many: `"lru"`, those used most recently, or `"tinylfu"`,
            where the entry used longest ago makes room only for a key that was asked for more often than it lately.
        execution_timeout_seconds: the most time that a query of `match_recognize` may take, in seconds.
        max_memory_mb: the most memory that it may take beyond the tables given, in MB of 2**20 bytes.
        max_workers: the most threads that work on it, where there are as many cores.

    The others are the pure-Python system's and not read here.

    Raises:
        ConfigurationError: a value is out of range.
    """

    enable_caching: bool = True
    cache_size_limit: int = 10_000
    cache_memory_limit_mb: float = 500
    cache_ttl_seconds: float = 3600
    # Never None once it is made.
    cache_clear_threshold_mb: float = None  # type: ignore[assignment]
    cache_monitoring_interval_seconds: float = 300
    cache_threshold_action: str = "evict"
    cache_optimize_size: bool = True
    max_partition_size: int = -1
    execution_timeout_seconds: float = 300.0
    max_memory_mb: float = 8192
    parallel_processing: bool = False
    max_workers: int = 4
    enable_streaming_processing: bool = False
    enable_early_termination: bool = True
    enable_pattern_optimization: bool = True
    enable_memory_mapping: bool = False
    progress_reporting: bool = True
    optimize_for_unlimited_size: bool = False
    cache_policy: str = "lru"

    def __post_init__(self) -> None:
        for setting, read in _READERS.items():
            if setting != "cache_clear_threshold_mb" or getattr(self, setting) is not None:
                setattr(self, setting, read(setting, getattr(self, setting)))
        if self.cache_clear_threshold_mb is None:
            self.cache_clear_threshold_mb = megabytes("cache_clear_threshold_mb", self.cache_memory_limit_mb * 4 / 5)

    @classmethod
    def preset(cls, name: str) -> PerformanceConfig:
        """Return one of the guide's presets.

        Args:
            name: `"memory-constrained"` (1,000 entries, 200 MB), `"balanced"` (10,000, 500 MB) or
                `"performance-focused"` (50,000, 2,000 MB); `_` and capitals are taken too.

        Raises:
            ConfigurationError: there is no such preset.
        """
        settings = _PRESETS.get(name.strip().lower().replace("_", "-").replace(" ", "-"))
        if settings is None:
            raise ConfigurationError(f"the preset is {name!r}; allowed are {', '.join(_PRESETS)}")
        return cls(**settings)


_SECTIONS: dict[str, type] = {
    "performance": PerformanceConfig,
    "logging": LoggingConfig,
    "security": SecurityConfig,
    "monitoring": MonitoringConfig,
    "resources": ResourceConfig,
}


@dataclass
class MatchRecognizeConfig:
    """All settings.

    Attributes:
        performance: settings of the pattern cache.

    The other sections and flags are the pure-Python system's; see `rowpattern.production_sections`.
    """

    performance: PerformanceConfig = field(default_factory=PerformanceConfig)
    logging: LoggingConfig = field(default_factory=LoggingConfig)
    security: SecurityConfig = field(default_factory=SecurityConfig)
    monitoring: MonitoringConfig = field(default_factory=MonitoringConfig)
    resources: ResourceConfig = field(default_factory=ResourceConfig)
    environment: str = "development"
    debug: bool = False
    version: str = "2.0.0"
    enable_advanced_patterns: bool = True
    enable_permute_functions: bool = True
    enable_experimental_features: bool = False
    enable_production_mode: bool = False

    @classmethod
    def from_env(cls, environment: object = None) -> MatchRecognizeConfig:
        """Read the variables `MR_ENABLE_CACHING`, `MR_CACHE_SIZE_LIMIT` and so on; those not set keep the defaults.

        `MR_LOG_LEVEL`, `MR_LOG_FILE`, `MR_ENVIRONMENT` and `MR_DEBUG` are read into their sections too.

        Args:
            environment: a mapping of variables; anything else means the process's own. (The pure-Python system's engine
                passes its measure of the machine here; the limits are those that are set, whatever the machine.)

        Raises:
            ConfigurationError: a variable cannot be read.
        """
        variables: Mapping[str, str] = environment if isinstance(environment, Mapping) else os.environ
        settings = {
            setting: _READERS[setting](variable, variables[variable])
            for variable, setting in _VARIABLES.items()
            if variable in variables
        }
        config = cls(PerformanceConfig(**settings))
        config.logging.level = variables.get("MR_LOG_LEVEL", config.logging.level)
        config.logging.log_file = variables.get("MR_LOG_FILE")
        config.environment = variables.get("MR_ENVIRONMENT", config.environment)
        config.debug = flag("MR_DEBUG", variables.get("MR_DEBUG", config.debug))
        return config

    @classmethod
    def from_file(cls, config_path: str | os.PathLike[str]) -> MatchRecognizeConfig:
        """Read a JSON file that holds what `from_dict` takes.

        Raises:
            FileNotFoundError: there is no such file.
            ConfigurationError: it is not JSON, or a setting cannot be read.
        """
        text = Path(config_path).read_text(encoding="utf-8")
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise ConfigurationError(f"{config_path} is not JSON: {error.msg} ({place})") from None
        try:
            return cls.from_dict(data)
        except ConfigurationError as error:
            raise ConfigurationError(f"{config_path}: {error}") from None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MatchRecognizeConfig:
        """Read `{"performance": {"cache_size_limit": 1000, ...}}`; settings not given keep the defaults.

        Raises:
            ConfigurationError: a setting is unknown or cannot be read.
        """
        known_names("", data, {item.name for item in fields(cls)})
        settings = dict(data)
        for section, kind in _SECTIONS.items():
            given = data.get(section, {})
            known_names(f"{section}.", given, {item.name for item in fields(kind)})
            if section == "performance":
                given = {
                    name: _READERS.get(name, _as_it_is)(f"{section}.{name}", value) for name, value in given.items()
                }
            settings[section] = kind(**given)
        return cls(**settings)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes."""
        return asdict(self)

    def save_to_file(self, config_path: str | os.PathLike[str]) -> None:
        """Write the JSON file that `from_file` reads; folders are made, and a file is replaced whole or not at all."""
        path = Path(config_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            part.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def validate(self) -> None:
        """Check all settings that are read.

        Raises:
            ConfigurationError: a setting was changed to what is not allowed.
        """
        for name, read in _READERS.items():
            read(f"performance.{name}", getattr(self.performance, name))
        if logging.getLevelName(str(self.logging.level).upper()) not in range(1, 100):
            raise ConfigurationError(
                f"logging.level is {self.logging.level!r}; allowed are DEBUG, INFO, WARNING, ERROR and CRITICAL"
            )

    def setup_logging(self) -> None:
        """Install handlers on the root logger, as section `logging` says. Nothing in this package calls it."""
        logging.basicConfig(level=self.logging.level.upper(), format=self.logging.format)
        if self.logging.log_file:
            handler = logging.handlers.RotatingFileHandler(
                self.logging.log_file,
                maxBytes=self.logging.max_log_size_mb * 1024 * 1024,
                backupCount=self.logging.backup_count,
            )
            handler.setFormatter(logging.Formatter(self.logging.format))
            logging.getLogger().addHandler(handler)


def _as_it_is(_name: str, value: object) -> object:
    return value


_config: MatchRecognizeConfig | None = None
_listeners: list[Callable[[MatchRecognizeConfig], None]] = []


def get_config() -> MatchRecognizeConfig:
    """Return the process's settings: those of `set_config`, or else those of the environment.

    Raises:
        ConfigurationError: a variable cannot be read. The next call tries again.
    """
    return MatchRecognizeConfig.from_env() if _config is None else _config


def set_config(config: MatchRecognizeConfig) -> None:
    """Make settings the process's; the pattern cache takes its limits from them at once.

    Raises:
        ConfigurationError: a setting is not allowed; nothing has changed then.
    """
    global _config  # noqa: PLW0603 - one for the process, as documented
    config.validate()
    _config = config
    for listener in _listeners:
        listener(config)


def reset_config() -> None:
    """Forget what `set_config` set; limits in force stay."""
    global _config  # noqa: PLW0603 - see set_config
    _config = None


def on_set_config(listener: Callable[[MatchRecognizeConfig], None]) -> None:
    """Call a function with the settings at each `set_config`."""
    _listeners.append(listener)


DEVELOPMENT_CONFIG = MatchRecognizeConfig(
    environment="development", debug=True, logging=LoggingConfig(level="DEBUG", enable_structured_logging=False)
)
PRODUCTION_CONFIG = MatchRecognizeConfig(environment="production")
TESTING_CONFIG = MatchRecognizeConfig(
    performance=PerformanceConfig(enable_caching=False),
    logging=LoggingConfig(level="WARNING", enable_structured_logging=False),
    environment="testing",
    debug=True,
)
