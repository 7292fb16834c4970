"""A configuration: all settings of a deployment, made of what calls, environment variables and files give.

A value that cannot be read is a `ConfigurationError` that names the setting, the value and what is allowed; nothing
falls back to a default silently. The names are those of the pure-Python system, so that its files, its variables and
code that builds its configurations go on working. Settings that only that system uses are kept and not read here.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rowpattern.config.performance import Origin, PerformanceConfig
from rowpattern.config.sections import LoggingConfig, MonitoringConfig, ResourceConfig, SecurityConfig
from rowpattern.config.sources import given_by_environment, given_by_file, given_by_mapping
from rowpattern.config.values import choice, count, flag, not_a_setting, optional_text, placed, shown, text
from rowpattern.errors import ConfigurationError

if TYPE_CHECKING:
    from rowpattern.config.sources import Given
    from rowpattern.config.values import Reader

__all__ = ["DEVELOPMENT_CONFIG", "OTHER_READERS", "PRODUCTION_CONFIG", "TESTING_CONFIG", "MatchRecognizeConfig"]

_SECTIONS: dict[str, type] = {
    "performance": PerformanceConfig,
    "logging": LoggingConfig,
    "security": SecurityConfig,
    "monitoring": MonitoringConfig,
    "resources": ResourceConfig,
}

_LEVEL = choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

# What is read here of other sections, and of what is in none.
OTHER_READERS: dict[tuple[str, str], Reader] = {
    ("logging", "level"): _LEVEL,
    ("logging", "log_file"): optional_text,
    ("logging", "max_log_size_mb"): count,
    ("logging", "backup_count"): count,
    ("", "environment"): text,
    ("", "debug"): flag,
}


@dataclass
class MatchRecognizeConfig:
    """All settings.

    Attributes:
        performance: settings of the pattern cache, and limits of queries.
        logging: what `setup_logging` uses.

    The other sections and flags are the pure-Python system's; see `rowpattern.config.sections`.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from rowpattern.production_config import MatchRecognizeConfig
        >>> config = MatchRecognizeConfig.from_env({"MR_CACHE_SIZE_LIMIT": "2000"}, cache_ttl_seconds=600)
        >>> config.performance.cache_size_limit, config.performance.cache_ttl_seconds
        (2000, 600)
        >>> config.origin("performance", "cache_size_limit").source
        'environment'
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "config.json")
        ...     config.save_to_file(path)
        ...     MatchRecognizeConfig.from_file(path).to_dict() == config.to_dict()
        True
        >>> config.performance.max_workers = 0
        >>> config.validate()
        Traceback (most recent call last):
            ...
        rowpattern.errors.ConfigurationError: max_workers is 0; ...
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

    def __post_init__(self) -> None:
        # Not a field: two configurations with the same values are equal, whatever gave them.
        self._origins: dict[tuple[str, str], Origin] = {}

    @classmethod
    def from_env(cls, environment: object = None, **settings: Any) -> MatchRecognizeConfig:
        """Read the variables `MR_ENABLE_CACHING`, `MR_CACHE_SIZE_LIMIT` and so on; those not set keep the defaults.

        `MR_CONFIG_FILE` names a file that is read first, and above which the other variables are. `MR_LOG_LEVEL`,
        `MR_LOG_FILE`, `MR_ENVIRONMENT` and `MR_DEBUG` are read into their sections too.

        Args:
            environment: a mapping of variables; anything else means the process's own. (The pure-Python system's engine
                passes its measure of the machine here; the limits are those that are set, whatever the machine.)
            settings: settings of `PerformanceConfig`, above all variables.

        Raises:
            ConfigurationError: a variable, the file or a setting cannot be read.
        """
        variables: Mapping[str, str] = environment if isinstance(environment, Mapping) else os.environ
        return cls._of(given_by_environment(variables), settings)

    @classmethod
    def from_file(cls, config_path: str | os.PathLike[str], **settings: Any) -> MatchRecognizeConfig:
        """Read a JSON file, or a TOML file (`.toml`), that holds what `from_dict` takes.

        Args:
            config_path: the file.
            settings: settings of `PerformanceConfig`, above those of the file.

        Raises:
            FileNotFoundError: there is no such file.
            ConfigurationError: it is not JSON or TOML, or a setting cannot be read.
            MissingDependencyError: it is TOML, which Python reads from 3.11 on and with the package tomli before.
        """
        return cls._of(given_by_file(config_path), settings)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MatchRecognizeConfig:
        """Read `{"performance": {"cache_size_limit": 1000, ...}}`; settings not given keep the defaults.

        Raises:
            ConfigurationError: a setting is unknown or cannot be read.

        Examples:
            >>> from rowpattern.production_config import MatchRecognizeConfig
            >>> config = MatchRecognizeConfig.from_dict({"performance": {"cache_size_limit": 1000}})
            >>> config.performance.cache_size_limit
            1000
        """
        return cls._of(given_by_mapping(data, "call"), {})

    @classmethod
    def _of(cls, given: Given, settings: Mapping[str, Any]) -> MatchRecognizeConfig:
        """Make the configuration of what sources gave, with settings of a call above them."""
        called = {name: Origin(value, "call") for name, value in settings.items()}
        made: dict[str, Any] = {
            "performance": PerformanceConfig.from_origins({**given.get("performance", {}), **called})
        }
        origins = {}
        for section, named in given.items():
            if section == "performance":
                continue
            kind = _SECTIONS.get(section, cls)
            known = [each.name for each in fields(kind)]
            values = {}
            for name, (value, source, place) in named.items():
                full_name = f"{section}.{name}" if section else name
                with placed(place):
                    if name not in known:
                        raise ConfigurationError(
                            not_a_setting(full_name, [f"{section}.{each}" if section else each for each in known])
                        )
                    read = OTHER_READERS.get((section, name))
                    values[name] = value if read is None else read(full_name, value)
                origins[section, name] = Origin(values[name], source, place)
            made.update({section: kind(**values)} if section else values)
        config = cls(**made)
        config._origins = origins
        return config

    def origin(self, section: str, name: str) -> Origin:
        """Return where a setting's value came from; section `""` has those that are in none.

        Raises:
            ConfigurationError: there is no such section or setting.
        """
        if section not in {"", *_SECTIONS}:
            raise ConfigurationError(not_a_setting(section, _SECTIONS))
        holder: Any = getattr(self, section) if section else self
        if isinstance(holder, PerformanceConfig):
            return holder.origin(name)
        known = {each.name for each in fields(holder)}
        if name not in known:
            raise ConfigurationError(not_a_setting(name, known))
        value, origin = getattr(holder, name), self._origins.get((section, name))
        if origin is not None and origin.value == value:
            return origin
        default = {each.name: each.default for each in fields(holder)}[name]
        return Origin(value, "default" if origin is None and value == default else "call")

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
        for section, kind in _SECTIONS.items():
            held = getattr(self, section)
            if not isinstance(held, kind):
                raise ConfigurationError(f"{section} is of the type {type(held).__name__}, not {kind.__name__}")
        self.performance.validate()
        for (section, name), read in OTHER_READERS.items():
            read(f"{section}.{name}" if section else name, getattr(getattr(self, section) if section else self, name))

    def setup_logging(self) -> None:
        """Install handlers on the root logger, as section `logging` says: standard error, and a file that rotates.

        For an application to call when it starts, as the service of `deploy/` does; nothing in this package calls it.
        Handlers that the root logger has already stay, and a file is opened once. Warnings are logged too. Several
        processes must not share a file that rotates: let them log to standard error.

        Raises:
            ConfigurationError: the file cannot be opened.

        Examples:
            >>> import logging
            >>> from rowpattern.production_config import get_config
            >>> before = logging.getLogger().level
            >>> get_config().setup_logging()
            >>> logging.getLogger().level == logging.INFO
            True
            >>> logging.captureWarnings(False)
            >>> logging.getLogger().setLevel(before)
        """
        # Here, as it takes a tenth of the time of importing this package.
        from logging.handlers import RotatingFileHandler

        root = logging.getLogger()
        logging.basicConfig(format=self.logging.format)
        root.setLevel(_LEVEL("logging.level", self.logging.level))
        logging.captureWarnings(True)
        path = self.logging.log_file
        if not path or any(
            getattr(handler, "baseFilename", None) == str(Path(path).absolute()) for handler in root.handlers
        ):
            return
        try:
            handler = RotatingFileHandler(
                path,
                maxBytes=self.logging.max_log_size_mb * 1024 * 1024,
                backupCount=self.logging.backup_count,
                encoding="utf-8",
            )
        except OSError as error:
            reason = error.strerror or error
            raise ConfigurationError(f"logging.log_file is {shown(path)}, which cannot be opened: {reason}") from None
        handler.setFormatter(logging.Formatter(self.logging.format))
        root.addHandler(handler)


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
